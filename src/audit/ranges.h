/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ranges.h - which bytes of a file were read: merged, ascending, bounded in number
 *
 * A value: to copy it is to assign it. Encoding: docs/FORMAT.query.md, "sums".
 */
#ifndef EVIDENCEFS_AUDIT_RANGES_H
#define EVIDENCEFS_AUDIT_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define RANGES_MAX 64

struct ranges_one {
	uint64_t from;
	uint64_t to; /* behind the last byte; above from */
};

/* An empty one is all zeros. */
struct ranges {
	unsigned n;
	bool coarse; /* ranges were joined that do not meet: some bytes in them were not read */
	struct ranges_one v[RANGES_MAX];
};

/** ranges_add() - [from, from + n); past the end of 64 bits is cut. */
void ranges_add(struct ranges *r, uint64_t from, uint64_t n);
/** ranges_bytes() - how many bytes are in them. */
uint64_t ranges_bytes(const struct ranges *r);
void ranges_encode(const struct ranges *r, struct buf *out);
/** ranges_decode() - Return: 0; -EBADMSG. */
int ranges_decode(const void *p, size_t n, struct ranges *out);

#endif
