/* SPDX-License-Identifier: Apache-2.0 */
/* spans.c - runs of media bytes; see spans.h. */
#include "serve/spans.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"

int spans_add(struct spans *s, uint64_t begin, uint64_t end)
{
	struct span *last = s->n > 0 ? &s->v[s->n - 1] : NULL;

	if (last && begin >= last->begin && begin <= last->end) {
		last->end = end > last->end ? end : last->end;
		return 0;
	}
	if (array_room(&s->v, sizeof(*s->v), s->n, &s->cap))
		return -ENOMEM;
	s->v[s->n++] = (struct span){begin, end};
	return 0;
}

static int by_begin(const void *a, const void *b)
{
	const struct span *x = a;
	const struct span *y = b;

	return (x->begin > y->begin) - (x->begin < y->begin);
}

void spans_settle(struct spans *s)
{
	size_t kept = 0;

	if (s->n > 0)
		qsort(s->v, s->n, sizeof(*s->v), by_begin);
	for (size_t i = 0; i < s->n; i++) {
		struct span *last = kept ? &s->v[kept - 1] : NULL;

		if (last && s->v[i].begin <= last->end)
			last->end = s->v[i].end > last->end ? s->v[i].end : last->end;
		else
			s->v[kept++] = s->v[i];
	}
	s->n = kept;
}

size_t spans_from(const struct spans *s, uint64_t begin)
{
	size_t low = 0;
	size_t high = s->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->v[middle].end <= begin)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int spans_gaps(const struct spans *s, uint64_t begin, uint64_t end,
	int (*fn)(void *ctx, uint64_t begin, uint64_t end), void *ctx)
{
	int r = 0;

	for (size_t i = spans_from(s, begin); r == 0 && i < s->n && s->v[i].begin < end; i++) {
		if (s->v[i].begin > begin)
			r = fn(ctx, begin, s->v[i].begin);
		begin = s->v[i].end;
	}
	return r == 0 && begin < end ? fn(ctx, begin, end) : r;
}
