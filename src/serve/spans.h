/* SPDX-License-Identifier: Apache-2.0 */
/* spans.h - runs of media bytes, in order and apart, and what lies between them */
#ifndef EVIDENCEFS_SERVE_SPANS_H
#define EVIDENCEFS_SERVE_SPANS_H

#include <stddef.h>
#include <stdint.h>

struct span {
	uint64_t begin;
	uint64_t end; /* the byte behind it */
};

/* All zeros: none. Freed by free(v). */
struct spans {
	struct span *v;
	size_t n, cap;
};

/** spans_add() - behind the last, or as a part of it. Return: 0; -ENOMEM. */
int spans_add(struct spans *s, uint64_t begin, uint64_t end);
/** spans_settle() - whatever was added, in order and apart from then on. */
void spans_settle(struct spans *s);

/* What follows is of settled ones. */

/** spans_from() - the first that ends behind @begin; `n`: none. */
size_t spans_from(const struct spans *s, uint64_t begin);
/** spans_gaps() - @fn for each part of [@begin, @end) that is in none. Return: 0, or what it
 * returned. */
int spans_gaps(const struct spans *s, uint64_t begin, uint64_t end,
	int (*fn)(void *ctx, uint64_t begin, uint64_t end), void *ctx);

#endif
