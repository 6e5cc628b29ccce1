/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain.h - bytes that are text, or that have text in them
 *
 * A file that begins with a mark is decoded by it. Of others each stretch of
 * 256 KiB is text (UTF-8, and what is no UTF-8 windows-1252), unless it has
 * NULs or control characters: then what is given is every run of four
 * characters and more that could be text, in 8 bits, and in 16 bits of either
 * order from even and from odd bytes (six, for Chinese and Japanese, in 16).
 * Stretches overlap, so that what stands on a border is met whole; where they
 * do, text comes twice.
 */
#ifndef EVIDENCEFS_TEXT_PLAIN_H
#define EVIDENCEFS_TEXT_PLAIN_H

#include "text/input.h"
#include "text/out.h"

/** plain_extract() - Return: 0, or how @out ended; -ENOMEM. */
int plain_extract(struct input *in, struct out *out);

#endif
