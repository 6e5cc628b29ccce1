/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtf.h - the text of an RTF file
 *
 * Source: Rich Text Format (RTF) Specification 1.9.1. Characters are decoded
 * by the font's character set, or the document's code page, and \u. What is
 * not for reading (tables of fonts and styles, pictures, objects) is left out;
 * targets of links, notes and comments are not.
 */
#ifndef EVIDENCEFS_TEXT_RTF_H
#define EVIDENCEFS_TEXT_RTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/input.h"
#include "text/out.h"

/** rtf_detect() - whether a file that begins with [n] bytes is RTF. */
bool rtf_detect(const uint8_t *head, size_t n);
/** rtf_extract() - Return: 0, or how @out ended; -ENOMEM. */
int rtf_extract(struct input *in, struct out *out);

#endif
