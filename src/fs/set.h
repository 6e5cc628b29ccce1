/* SPDX-License-Identifier: Apache-2.0 */
/*
 * set.h - a set of 64-bit numbers, dense in places
 *
 * Pages of bits found by hashing: the metadata addresses a walk has met cost
 * about a bit each where they are dense, whatever the highest one is.
 */
#ifndef EVIDENCEFS_FS_SET_H
#define EVIDENCEFS_FS_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct set_page;

struct set {
	struct set_page **slot; /* open addressing, a power of two of them */
	size_t slots;
	size_t pages;
	struct set_page *last; /* the page met last: neighbours come together */
	uint64_t count;
	bool failed; /* memory: what was not added reads as absent */
};

/** set_add() - Return: true when @v was not in the set before. */
bool set_add(struct set *s, uint64_t v);
bool set_has(struct set *s, uint64_t v);
void set_remove(struct set *s, uint64_t v);
/** set_each() - @each for every number, in no order; it changes nothing in the set. */
void set_each(const struct set *s, void (*each)(void *ctx, uint64_t v), void *ctx);
void set_release(struct set *s);

#endif
