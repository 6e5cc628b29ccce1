/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - the text of a file, from its bytes
 *
 * Runs in a worker only. What a file is, is told by its bytes: HTML and XML,
 * office documents (OOXML, ODF), RTF and PDF are taken apart, everything else
 * is text, or a binary file with text in it. What comes out is for matching
 * (text/match.h), not for reading: in the order of the file, UTF-8, blocks and
 * cells apart, words whole.
 *
 * Bytes are hostile. Nothing is opened or started, memory is bounded (192 MiB for a PDF), and
 * damage costs what it hides: what can be read is given.
 */
#ifndef EVIDENCEFS_TEXT_TEXT_H
#define EVIDENCEFS_TEXT_TEXT_H

#include <stddef.h>

#include "base/err.h"
#include "container/container.h"
#include "image/source.h"

/* Who is given text. @utf8: [n] bytes, n at least 1; a piece begins and ends between characters,
 * but words go on from one to the next. Anything but 0 ends it. */
struct text_sink {
	int (*piece)(void *ctx, const char *utf8, size_t n);
	void *ctx;
};

/**
 * text_prepare() - what libraries must load before the sandbox is entered
 * After container_prepare(), which loads the character sets.
 */
void text_prepare(void);

/**
 * text_extract() - the text of a file
 * @s: borrowed
 * @b: what it may cost: bytes of text, and bytes expanded for it; time, looked at every 64 KiB
 *
 * Of archives and mail stores that container_detect() knows nothing is given, unless they are
 * office documents: what is in them are members, files with a text of their own.
 *
 * Return: 0; what @sink returned; else, what was given before stays given:
 * Errors: -E2BIG budget; -EACCES encrypted; -EIO some bytes could not be read, the rest was given;
 * -EBADMSG damaged (PDF, office documents): there may be more text than was given; -ENOMEM. Each
 * with a reason in @e.
 */
int text_extract(const struct source *s, struct container_budget *b, const struct text_sink *sink,
	struct err *e);

#endif
