/* SPDX-License-Identifier: Apache-2.0 */
/* roads_holders.c - what leads to what is withheld, or may hold its bytes; see roads.h. */
#include "policy/roads_private.h"

/* ---- what leads to it, or may hold its bytes ------------------------------------------------ */

static uint64_t mark_at(const struct gathering *g, uint64_t first, uint64_t last)
{
	size_t low = 0;
	size_t high = g->sorted_n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (g->ways[middle].first <= last)
			low = middle + 1;
		else
			high = middle;
	}
	/* backwards from the last that begins soon enough: mostly it is that one */
	while (low-- > 0) {
		if (g->ways[low].last >= first)
			return g->ways[low].mark;
	}
	return 0;
}

int holders_links(struct gathering *g, const struct facts *f, const struct withheld *w)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->links_n; i++) {
		const struct fact_link *l = &f->links[i];

		for (size_t k = 0; k < l->n; k++) {
			uint64_t end = f->ends[l->at + k];

			if (end == l->id || !withheld_has(w, end))
				continue;
			r = gathering_add(g, l->id, l->id, ROAD_LINK, mark_at(g, end, end));
			break;
		}
	}
	return r;
}

static int add_stream(struct gathering *g, uint64_t number, uint64_t mark)
{
	uint64_t id = trace_id(0, number);

	return gathering_add(g, id, id, ROAD_BYTES, mark);
}

static int add_streams(struct gathering *g, unsigned k, uint64_t mark)
{
	int r = add_stream(g, TRACE_VOLUME_RAW((uint64_t)k), mark);

	return r || !g->ev->volumes[k].index
		       ? r
		       : add_stream(g, TRACE_VOLUME_UNALLOCATED((uint64_t)k), mark);
}

static uint64_t first_of(unsigned k)
{
	return trace_id(1 + 2 * k, 0);
}

static uint64_t last_of(unsigned k)
{
	return trace_id(2 + 2 * k, TRACE_NUMBER_MASK);
}

int holders_system(struct gathering *g, const struct facts *f, const struct withheld *w)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->system_n; i++) {
		const struct fact_system *s = &f->system[i];
		uint64_t first = first_of(s->volume);
		uint64_t last = last_of(s->volume);

		if (!w || withheld_in(w, first, last))
			r = gathering_add(
				g, s->first, s->last, ROAD_SYSTEM, mark_at(g, first, last));
	}
	return r;
}

/* *@any: its bytes are withheld as a whole, so those of the medium are. */
static int add_volume(struct gathering *g, const struct withheld *w, unsigned k, bool *any)
{
	bool known = g->ev->volumes[k].index != NULL;
	uint64_t raw = trace_id(0, TRACE_VOLUME_RAW((uint64_t)k));
	uint64_t mark = 0;

	if (withheld_in(w, raw, known ? raw + 1 : raw))
		*any = true;
	/* one that is not known has its bytes alone: they go by the marks on them */
	if (!known || !withheld_in(w, first_of(k), last_of(k)))
		return w->searching ? add_streams(g, k, 0) : 0;
	mark = mark_at(g, first_of(k), last_of(k));
	/* what can be masked is shown, masked (view_mask.c) */
	if (g->ev->volumes[k].maskable && !*any)
		return 0;
	*any = true;
	return add_streams(g, k, mark);
}

static uint64_t first_mark(const struct gathering *g)
{
	return g->sorted_n > 0 ? g->ways[0].mark : 0;
}

int holders_bytes(struct gathering *g, const struct facts *f, const struct withheld *w)
{
	bool any = w->searching;
	int r = holders_system(g, f, w);

	for (unsigned k = 0; r == 0 && k < g->ev->manifest.n; k++) {
		bool bytes = w->searching;

		r = add_volume(g, w, k, &bytes);
		any = any || bytes;
	}
	return r == 0 && any ? add_stream(g, TRACE_IMAGE_RAW, first_mark(g)) : r;
}

int holders_streams(struct gathering *g)
{
	uint64_t mark = first_mark(g);
	int r = 0;

	for (unsigned k = 0; r == 0 && k < g->ev->manifest.n; k++)
		r = add_streams(g, k, mark);
	return r ? r : add_stream(g, TRACE_IMAGE_RAW, mark);
}
