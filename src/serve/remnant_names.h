/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remnant_names.h - given names in what was a directory, and is free by now
 *
 * Entries of ext and index entries of NTFS have the name behind its length and one small
 * number: that is what is looked for, with the name's own bytes or as UTF-16. Of a name of
 * less than REMNANT_NAME_MIN bytes there is much everywhere. FAT and exFAT are seen by the
 * worker (fs/places_fat_walk.c).
 */
#ifndef EVIDENCEFS_SERVE_REMNANT_NAMES_H
#define EVIDENCEFS_SERVE_REMNANT_NAMES_H

#include <stddef.h>
#include <stdint.h>

#define REMNANT_NAME_MIN 4u
#define REMNANT_NAME_MAX 1024u /* bytes from the first that is blanked to the last */

struct remnant_names;

/** remnant_names_new() - none yet. Return: 0; -ENOMEM. */
int remnant_names_new(struct remnant_names **out);
/** remnant_names_add() - @source: told with what is found. Return: 0; -ENOMEM. */
int remnant_names_add(struct remnant_names *l, const uint8_t *name, size_t n, size_t source);
void remnant_names_free(struct remnant_names *l);

/**
 * remnant_names_look() - those that begin in p[@from, @to) of [@n]
 * @found: [@begin, @end) of p is an entry of one of them. Return: 0, or what it returned.
 */
int remnant_names_look(const struct remnant_names *l, const uint8_t *p, size_t n, size_t from,
	size_t to, int (*found)(void *ctx, size_t begin, size_t end, size_t source), void *ctx);

#endif
