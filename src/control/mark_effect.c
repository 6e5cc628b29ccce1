/* SPDX-License-Identifier: Apache-2.0 */
/* mark_effect.c - how many traces marks would take or give back; see mark_effect.h. */
#include "control/mark_effect.h"

#include <errno.h>
#include <stdlib.h>

#include "policy/decide.h"

/* ---- counting what is there, and seen --------------------------------------------------- */

struct counting {
	const struct view_evidence *ev;
	uint64_t *ends; /* last trace of each part from 1 on */
	unsigned parts;
};

static int count_begin(struct counting *x, const struct view_evidence *ev)
{
	struct evidence_cursor c;
	int r = 0;

	x->ev = ev;
	x->parts = 2 * (unsigned)ev->evidence->manifest.n;
	x->ends = calloc(x->parts + 1, sizeof(*x->ends));
	if (!x->ends)
		return -ENOMEM;
	evidence_cursor_init(&c, ev->evidence);
	for (unsigned part = 1; r == 0 && part <= x->parts; part++) {
		struct trace t;

		r = evidence_get(&c, trace_id(part, 0), &t);
		if (r == 0)
			x->ends[part] = t.last;
		else if (r == -ENOENT)
			r = 0;
	}
	evidence_cursor_release(&c);
	return r;
}

static uint64_t overlap(uint64_t first, uint64_t last, uint64_t low, uint64_t high)
{
	if (first > high || last < low)
		return 0;
	return (last < high ? last : high) - (first > low ? first : low) + 1;
}

static uint64_t count_range(
	const struct counting *x, const struct view_range *r, uint64_t first, uint64_t last)
{
	uint64_t low = first > r->first ? first : r->first;
	uint64_t high = last < r->last ? last : r->last;
	uint64_t n = 0;

	if (low > high)
		return 0;
	for (uint64_t id = low; id <= high && id <= TRACE_VOLUME_UNALLOCATED(x->parts / 2); id++)
		n += (r->rights & right_for(id)) != 0 &&
		     (id <= TRACE_IMAGE_RAW ||
			     (id >= TRACE_VOLUME_RAW(0) && id < TRACE_VOLUME_RAW(x->parts / 2)));
	for (unsigned part = 1; part <= x->parts; part++) {
		uint64_t begin = trace_id(part, 0);

		if (x->ends[part] && (r->rights & right_for(begin)))
			n += overlap(low, high, begin, x->ends[part]);
	}
	return n;
}

/* Traces from @first to @last that the view shows. */
static uint64_t count_seen(const struct counting *x, uint64_t first, uint64_t last)
{
	const struct view_range *v = x->ev->ranges;
	size_t low = 0;
	size_t high = x->ev->ranges_n;
	uint64_t n = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (v[middle].last < first)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = low; i < x->ev->ranges_n && v[i].first <= last; i++)
		n += count_range(x, &v[i], first, last);
	return n;
}

/* Of those, the ones that @w does not withhold. */
static uint64_t count_new(
	const struct counting *x, const struct withheld *w, uint64_t first, uint64_t last)
{
	uint64_t n = count_seen(x, first, last);

	for (size_t i = withheld_place(w, first); w && i < w->n && w->v[i].first <= last; i++) {
		uint64_t low = first > w->v[i].first ? first : w->v[i].first;
		uint64_t high = last < w->v[i].last ? last : w->v[i].last;

		n -= count_seen(x, low, high);
	}
	return n;
}

/* ---- by road -------------------------------------------------------------------------------- */

struct edge {
	uint64_t at;
	enum road road;
	int by; /* 1: a way begins here; -1: it ended before */
};

static int by_place(const void *a, const void *b)
{
	const struct edge *x = a;
	const struct edge *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static enum road first_road(const unsigned open[static ROADS_N])
{
	for (unsigned r = 1; r < ROADS_N; r++) {
		if (open[r])
			return (enum road)r;
	}
	return (enum road)0;
}

/* What @w withholds and @other does not. */
static int count_by_road(const struct counting *x, const struct withheld *w,
	const struct withheld *other, uint64_t counts[static ROADS_N])
{
	struct edge *v = calloc(2 * w->ways_n + 1, sizeof(*v));
	unsigned open[ROADS_N] = {0};
	size_t n = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < w->ways_n; i++) {
		v[n++] = (struct edge){w->ways[i].first, w->ways[i].road, 1};
		if (w->ways[i].last < UINT64_MAX)
			v[n++] = (struct edge){w->ways[i].last + 1, w->ways[i].road, -1};
	}
	if (n > 0)
		qsort(v, n, sizeof(*v), by_place);
	for (size_t i = 0; i < n; i++) {
		uint64_t next = i + 1 < n ? v[i + 1].at : 0;
		enum road road = ROAD_MARK;

		open[v[i].road] += (unsigned)v[i].by;
		road = first_road(open);
		if (road && (i + 1 == n || next > v[i].at))
			counts[road] += count_new(x, other, v[i].at, next - 1);
	}
	free(v);
	return 0;
}

int mark_effect(const struct view *v, const struct roads *before, const struct roads *after,
	struct mark_effect *out)
{
	int r = 0;

	*out = (struct mark_effect){0};
	for (size_t i = 0; r == 0 && i < v->evidence_n; i++) {
		struct counting x = {NULL, NULL, 0};
		const struct withheld *old = NULL;
		const struct withheld *new = NULL;

		if (v->evidence[i].case_id != after->case_id)
			continue;
		old = roads_of(before, v->evidence[i].id);
		new = roads_of(after, v->evidence[i].id);
		r = count_begin(&x, &v->evidence[i]);
		if (r == 0 && new)
			r = count_by_road(&x, new, old, out->withheld);
		if (r == 0 && old)
			r = count_by_road(&x, old, new, out->shown);
		free(x.ends);
	}
	return r;
}

uint64_t mark_effect_total(const uint64_t counts[static ROADS_N])
{
	uint64_t n = 0;

	for (unsigned r = 1; r < ROADS_N; r++)
		n += counts[r];
	return n;
}
