/* SPDX-License-Identifier: Apache-2.0 */
/*
 * markup.h - the text of HTML and XML, through libxml2's parsers
 *
 * The parsers are fed pieces and build no tree. Words go on over elements that
 * are within a line, and end at all others. What stands in attributes and in
 * comments comes where the line ends that they stand in. Where a parser gives
 * up (elements 256 deep in XML, ten thousand attributes or ten million bytes in one tag), the rest
 * is given as it stands, tags and all.
 */
#ifndef EVIDENCEFS_TEXT_MARKUP_H
#define EVIDENCEFS_TEXT_MARKUP_H

#include <stddef.h>
#include <stdint.h>

#include "text/input.h"
#include "text/out.h"

enum markup_kind {
	MARKUP_NONE,
	MARKUP_HTML,  /* without scripts and style sheets */
	MARKUP_XML,   /* any */
	MARKUP_OFFICE /* a part of an OOXML or ODF document */
};

/** markup_prepare() - before the sandbox is entered. */
void markup_prepare(void);

/** markup_detect() - what a file that begins with [n] bytes is, of HTML and XML. */
enum markup_kind markup_detect(const uint8_t *head, size_t n);

/**
 * markup_extract() - the text of it
 * The character set is that of its mark; else UTF-8, if what is not ASCII in it is that; else
 * what it says of itself; else windows-1252.
 * Return: 0, or how @out ended; -ENOMEM.
 */
int markup_extract(enum markup_kind kind, struct input *in, struct out *out);

#endif
