/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files_series.h - how the segments of one image are named
 *
 * Pure: works on file names, as bytes, and touches no file. A name is a stem
 * and a suffix that counts; two names belong to one series when stem, scheme
 * and width agree. For image/files.c only.
 *
 *   scheme          first           then
 *   SERIES_DIGITS   .000 or .001    .002 ... .999 .1000; also .00/.01, .0000/.0001
 *   SERIES_LETTERS  .aa, .aaa, aa   .ab ... .az .ba; without a dot as split(1) writes
 *   SERIES_EWF      .E01, .S01      .E02 ... .E99 .EAA ... .EZZ .FAA ... .ZZZ
 *   SERIES_EWF2     .Ex01           .Ex02 ... .Ex99 .ExAA ... .ExZZ .EyAA ... .EzZZ
 */
#ifndef EVIDENCEFS_IMAGE_FILES_SERIES_H
#define EVIDENCEFS_IMAGE_FILES_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum series_scheme { SERIES_NONE, SERIES_DIGITS, SERIES_LETTERS, SERIES_EWF, SERIES_EWF2 };

/* Long enough for every suffix. */
#define SERIES_SUFFIX_MAX 16

struct series {
	enum series_scheme scheme;
	size_t stem;     /* bytes of the name before the suffix, dot included */
	size_t width;    /* SERIES_DIGITS, SERIES_LETTERS: characters of the first suffix */
	char first;      /* SERIES_EWF, SERIES_EWF2: letter of segment 1, upper case */
	bool upper;      /* letters are written in upper case */
	bool upper_x;    /* SERIES_EWF2: the second one too */
	uint32_t number; /* of this name; .000, .aa are 0, .E01 is 1 */
};

/** series_raw() - how the name of a raw image counts; SERIES_NONE when it does not. */
struct series series_raw(const char *name);

/**
 * series_ewf() - how the name of an EWF segment counts
 * @first: letter of segment 1 ('E', 'S'), or 0 to take the name's own, which
 *         is only known for .E01 to .E99; .Ex01 to .EzZZ say it all
 */
struct series series_ewf(const char *name, char first);

/**
 * series_match() - which segment of a series a name is
 * @s:    series of @like
 * Return: true and *@number when @name is a member, its letters in any case.
 */
bool series_match(const struct series *s, const char *like, const char *name, uint32_t *number);

/** series_suffix() - write the suffix of segment @number, without the stem. */
void series_suffix(const struct series *s, uint32_t number, char out[SERIES_SUFFIX_MAX]);

#endif
