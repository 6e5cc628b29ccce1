/* SPDX-License-Identifier: Apache-2.0 */
/* ranges.c - merged byte ranges; see ranges.h. */
#include "audit/ranges.h"

#include <errno.h>
#include <string.h>

/* Of [n] ranges, the first that ends at or behind @from. */
static unsigned find(const struct ranges_one *v, unsigned n, uint64_t from)
{
	unsigned lo = 0;

	while (lo < n) {
		unsigned mid = lo + (n - lo) / 2;

		if (v[mid].to < from)
			lo = mid + 1;
		else
			n = mid;
	}
	return lo;
}

/* One too many: the two that are nearest to each other become one. */
static unsigned join_nearest(struct ranges_one *v, unsigned n)
{
	unsigned at = 0;

	for (unsigned i = 1; i + 1 < n; i++) {
		if (v[i + 1].from - v[i].to < v[at + 1].from - v[at].to)
			at = i;
	}
	v[at].to = v[at + 1].to;
	memmove(&v[at + 1], &v[at + 2], (n - at - 2) * sizeof(*v));
	return n - 1;
}

void ranges_add(struct ranges *r, uint64_t from, uint64_t n)
{
	struct ranges_one v[RANGES_MAX + 1];
	uint64_t to = 0;
	unsigned first = find(r->v, r->n, from);
	unsigned end = first;
	unsigned count = 0;

	if (__builtin_add_overflow(from, n, &to))
		to = UINT64_MAX;
	if (to == from)
		return;
	for (; end < r->n && r->v[end].from <= to; end++) {
		from = r->v[end].from < from ? r->v[end].from : from;
		to = r->v[end].to > to ? r->v[end].to : to;
	}
	if (end == first + 1) { /* the usual case: the file is read on */
		r->v[first] = (struct ranges_one){from, to};
		return;
	}
	memcpy(v, r->v, first * sizeof(*v));
	v[first] = (struct ranges_one){from, to};
	memcpy(v + first + 1, r->v + end, (r->n - end) * sizeof(*v));
	count = first + 1 + (r->n - end);
	if (count > RANGES_MAX) {
		count = join_nearest(v, count);
		r->coarse = true;
	}
	memcpy(r->v, v, count * sizeof(*v));
	r->n = count;
}

uint64_t ranges_bytes(const struct ranges *r)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < r->n; i++)
		sum += r->v[i].to - r->v[i].from;
	return sum;
}

void ranges_encode(const struct ranges *r, struct buf *out)
{
	uint64_t end = 0;

	buf_put_u8(out, r->coarse);
	for (unsigned i = 0; i < r->n; i++) {
		buf_put_varint(out, r->v[i].from - end);
		buf_put_varint(out, r->v[i].to - r->v[i].from);
		end = r->v[i].to;
	}
}

int ranges_decode(const void *p, size_t n, struct ranges *out)
{
	struct cur c = cur_of(p, n);
	struct ranges r = {.n = 0};
	uint64_t end = 0;
	uint8_t coarse = cur_u8(&c);

	r.coarse = coarse == 1;
	while (!c.bad && cur_left(&c) > 0) {
		struct ranges_one *o = &r.v[r.n];
		uint64_t gap = cur_varint(&c);
		uint64_t length = cur_varint(&c);

		if (r.n == RANGES_MAX || length == 0 || (r.n > 0 && gap == 0) ||
			__builtin_add_overflow(end, gap, &o->from) ||
			__builtin_add_overflow(o->from, length, &o->to))
			return -EBADMSG;
		end = o->to;
		r.n++;
	}
	if (c.bad || coarse > 1)
		return -EBADMSG;
	*out = r;
	return 0;
}
