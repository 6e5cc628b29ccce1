/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glob.h - patterns for addresses, domains and paths
 *
 * `*` is any bytes, a slash too; `?` one character; `[a-z]`, `[!a-z]` one of a set, or none of
 * it; `\` takes the next character as it is, and `\xHH` is a byte, as it is shown. Costs at most
 * pattern times text. Not fnmatch(3): that follows the locale, refuses what is not text in it,
 * and may take for ever.
 */
#ifndef EVIDENCEFS_BASE_GLOB_H
#define EVIDENCEFS_BASE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/** glob_wrong() - what is wrong with a pattern, in words; NULL: nothing. */
const char *glob_wrong(const char *pattern, size_t n);
/**
 * glob_match() - whether all of [n] bytes of @text match
 * @pattern: [pattern_n], as glob_wrong() passes it; what is wrong matches nothing
 * @fold:    letters of ASCII match whatever their case
 */
bool glob_match(const char *pattern, size_t pattern_n, const char *text, size_t n, bool fold);

#endif
