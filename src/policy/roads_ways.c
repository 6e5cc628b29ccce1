/* SPDX-License-Identifier: Apache-2.0 */
/* roads_ways.c - ways in which traces are withheld, and what they are together; see roads.h. */
#include "policy/roads_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

int gathering_add(struct gathering *g, uint64_t first, uint64_t last, enum road road, uint64_t mark)
{
	if (array_room(&g->ways, sizeof(*g->ways), g->ways_n, &g->ways_cap))
		return -ENOMEM;
	g->ways[g->ways_n++] =
		(struct road_way){.first = first, .last = last, .road = road, .mark = mark};
	return 0;
}

int gathering_doubt(struct gathering *g)
{
	g->doubt = true;
	return gathering_add(g, 0, UINT64_MAX, ROAD_DOUBT, 0);
}

int gathering_or_doubt(struct gathering *g, int r)
{
	return r == 0 || r == -ENOMEM ? r : gathering_doubt(g);
}

static int by_first(const void *a, const void *b)
{
	const struct road_way *x = a;
	const struct road_way *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (x->last != y->last)
		return x->last < y->last ? -1 : 1;
	return (int)x->road - (int)y->road;
}

static bool same_way(const struct road_way *a, const struct road_way *b)
{
	return a->first == b->first && a->last == b->last && a->road == b->road;
}

size_t ways_sum(const struct road_way *ways, size_t n, struct view_interval *out)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct view_interval *at = kept > 0 ? &out[kept - 1] : NULL;

		if (at && (at->last == UINT64_MAX || ways[i].first <= at->last + 1))
			at->last = ways[i].last > at->last ? ways[i].last : at->last;
		else
			out[kept++] = (struct view_interval){ways[i].first, ways[i].last};
	}
	return kept;
}

/* Sorted, without twins, and copies of what is reached by its place or inode anyway. */
int gathering_settle(struct gathering *g, struct withheld *w)
{
	size_t kept = 0;

	if (g->ways_n > 0)
		qsort(g->ways, g->ways_n, sizeof(*g->ways), by_first);
	for (size_t i = 0; i < g->ways_n; i++) {
		if (kept == 0 || !same_way(&g->ways[kept - 1], &g->ways[i]))
			g->ways[kept++] = g->ways[i];
	}
	g->ways_n = g->sorted_n = kept;
	free(w->v);
	w->n = 0;
	w->v = calloc(kept + 1, sizeof(*w->v));
	if (!w->v)
		return -ENOMEM;
	w->n = ways_sum(g->ways, kept, w->v);
	return 0;
}

static int by_way(const void *a, const void *b)
{
	const struct road_way *x = a;
	const struct road_way *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

struct view_interval *gathering_sum(const struct gathering *g, size_t to, size_t *n)
{
	struct road_way *ways = calloc(to + 1, sizeof(*ways));
	struct view_interval *v = calloc(to + 1, sizeof(*v));

	if (ways && v && to > 0) {
		memcpy(ways, g->ways, to * sizeof(*ways));
		qsort(ways, to, sizeof(*ways), by_way);
	}
	*n = ways && v ? ways_sum(ways, to, v) : 0;
	if (!ways) {
		free(v);
		v = NULL;
	}
	free(ways);
	return v;
}
