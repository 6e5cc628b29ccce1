/* SPDX-License-Identifier: Apache-2.0 */
/* locate.h - locators of members, and contents that are a run of the container's bytes. */
#ifndef EVIDENCEFS_CONTAINER_LOCATE_H
#define EVIDENCEFS_CONTAINER_LOCATE_H

#include <stddef.h>
#include <stdint.h>

#include "container/container.h"

/** locate_set() - the locator of @t is [n] numbers. Return: 0; -E2BIG too many. */
int locate_set(struct member *t, const uint64_t *v, size_t n);
/** locate_get() - all numbers of a locator. Return: how many; -ENOENT not a locator, or over @max.
 */
int locate_get(const uint8_t *locator, size_t len, uint64_t *v, size_t max);

/* Bytes of a source, read one after the other: a member's `read_ctx`. */
struct locate_range {
	const struct source *source;
	uint64_t off;
	uint64_t left;
};

/** locate_range_read() - a member's `read`. */
ssize_t locate_range_read(void *range, void *buf, size_t len);
/**
 * locate_range_at() - bytes of a run of [size] at @begin, as container_kind.read() gives them
 * Return: bytes, fewer only at the run's end; -ENOENT the source has no such run; -EIO; -E2BIG.
 */
ssize_t locate_range_at(const struct source *s, struct container_budget *b, uint64_t begin,
	uint64_t size, void *buf, size_t len, uint64_t off);

#endif
