/* SPDX-License-Identifier: Apache-2.0 */
/* roads_needles.c - what is looked for where no file has it; see roads.h. */
#include "policy/roads_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

int needles_add(struct needles *l, const struct road_needle *n)
{
	if (array_room(&l->v, sizeof(*l->v), l->n, &l->cap))
		return -ENOMEM;
	l->v[l->n++] = *n;
	return 0;
}

int road_needle_order(const struct road_needle *a, const struct road_needle *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->kind != REMNANT_LOST)
		return memcmp(a->sha256, b->sha256, sizeof(a->sha256));
	if (a->ev != b->ev)
		return (uintptr_t)a->ev < (uintptr_t)b->ev ? -1 : 1;
	return (a->trace > b->trace) - (a->trace < b->trace);
}

static int by_needle(const void *a, const void *b)
{
	return road_needle_order(a, b);
}

int needles_settle(struct needles *l, const struct wanted *w)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->n; i++) {
		const struct wanted_hash *from = &w->v[i];
		struct road_needle n = {.ev = from->ev, .trace = from->trace};

		memcpy(n.sha256, from->sha256, sizeof(n.sha256));
		r = needles_add(l, &n);
	}
	if (r == 0 && l->n > 0)
		qsort(l->v, l->n, sizeof(*l->v), by_needle);
	for (size_t i = 0; r == 0 && i < l->n; i++) {
		if (kept == 0 || by_needle(&l->v[kept - 1], &l->v[i]) != 0)
			l->v[kept++] = l->v[i];
	}
	l->n = kept;
	return r;
}
