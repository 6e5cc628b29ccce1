/* SPDX-License-Identifier: Apache-2.0 */
/* mark_effect.c - how many traces marks would take or give back; see mark_effect.h. */
#include "control/mark_effect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/seen.h"
#include "policy/decide.h"

/* ---- counting what is there, and seen --------------------------------------------------- */

struct counting {
	const struct view_evidence *ev;
	struct mark_effect *out;
	uint64_t *ends; /* last trace of each part from 1 on */
	unsigned parts;
};

static int count_begin(struct counting *x)
{
	const struct view_evidence *ev = x->ev;
	struct evidence_cursor c;
	int r = 0;

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

/* How many of them are in containers. */
static uint64_t count_members(
	const struct counting *x, const struct withheld *other, uint64_t first, uint64_t last)
{
	const struct containers *all = &x->ev->evidence->containers;
	uint64_t n = 0;

	for (size_t i = containers_from(all, first); i < all->n && all->v[i].id <= last; i++) {
		const struct container_folder *f = &all->v[i];

		if (!f->up && f->last >= first)
			n += count_new(x, other, first > f->id ? first : f->id,
				last < f->last ? last : f->last);
	}
	return n;
}

static enum road first_road(const unsigned open[static ROADS_N])
{
	for (unsigned r = 1; r < ROADS_N; r++) {
		if (open[r])
			return (enum road)r;
	}
	return (enum road)0;
}

/* What @w withholds and @other does not. @members: NULL: not counted. */
static int count_by_road(const struct counting *x, const struct withheld *w,
	const struct withheld *other, uint64_t counts[static ROADS_N], uint64_t *members)
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
		if (!road || (i + 1 < n && next <= v[i].at))
			continue;
		counts[road] += count_new(x, other, v[i].at, next - 1);
		if (members)
			members[road] += count_members(x, other, v[i].at, next - 1);
	}
	free(v);
	return 0;
}

/* ---- names ---------------------------------------------------------------------------------- */

static int add_name(const struct counting *x, struct mark_names *names, uint64_t trace)
{
	struct buf path = BUF_INIT;
	int r = 0;

	if (names->n == MARK_NAMED)
		return 0;
	r = seen_path(x->ev, trace, &path);
	if (r == 0)
		names->v[names->n] = strdup(buf_cstr(&path));
	if (r == 0 && !names->v[names->n++])
		r = -ENOMEM;
	buf_release(&path);
	return r;
}

/* Whether the view shows it, and @w does not withhold it. */
static bool is_new(const struct counting *x, const struct withheld *w, uint64_t trace)
{
	return !withheld_has(w, trace) && count_seen(x, trace, trace) > 0;
}

/* What of other places has its bytes: the first trace of each. */
static int name_others(
	const struct counting *x, const struct withheld *w, const struct withheld *other)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->ways_n; i++) {
		const struct road_way *way = &w->ways[i];
		bool named =
			way->road == ROAD_INODE || way->road == ROAD_COPY || way->road == ROAD_LINK;

		/* the folder of what is in a copy is a way of its own */
		if (named && is_new(x, other, way->first) &&
			!(i > 0 && w->ways[i - 1].first + 1 == way->first &&
				containers_of(&x->ev->evidence->containers, way->first - 1)))
			r = add_name(x, &x->out->named[way->road], way->first);
	}
	return r;
}

/* Containers that are refused as a whole, or no longer. */
static int count_closed(
	const struct counting *x, const struct withheld *old, const struct withheld *new)
{
	const struct containers *all = &x->ev->evidence->containers;
	int r = 0;

	for (size_t i = 0; r == 0 && i < all->n; i++) {
		const struct container_folder *f = &all->v[i];
		bool was = withheld_closes(old, f);
		bool is = withheld_closes(new, f);

		if (was == is || count_seen(x, f->id - 1, f->id - 1) == 0)
			continue;
		x->out->opened += was && !withheld_has(new, f->id - 1);
		x->out->closed += is;
		if (is)
			r = add_name(x, &x->out->closes, f->id - 1);
	}
	return r;
}

static int count_evidence(
	struct counting *x, const struct withheld *old, const struct withheld *new)
{
	struct mark_effect *out = x->out;
	int r = count_begin(x);

	if (r == 0 && new)
		r = count_by_road(x, new, old, out->withheld, out->members);
	if (r == 0 && new)
		r = name_others(x, new, old);
	if (r == 0 && old)
		r = count_by_road(x, old, new, out->shown, NULL);
	if (r == 0)
		r = count_closed(x, old, new);
	free(x->ends);
	return r;
}

static void names_release(struct mark_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	names->n = 0;
}

void mark_effect_release(struct mark_effect *e)
{
	for (unsigned r = 0; r < ROADS_N; r++)
		names_release(&e->named[r]);
	names_release(&e->closes);
}

int mark_effect(const struct view *v, const struct roads *before, const struct roads *after,
	struct mark_effect *out)
{
	int r = 0;

	*out = (struct mark_effect){0};
	for (size_t i = 0; r == 0 && i < v->evidence_n; i++) {
		struct counting x = {.ev = &v->evidence[i], .out = out};

		if (x.ev->case_id == after->case_id)
			r = count_evidence(
				&x, roads_of(before, x.ev->id), roads_of(after, x.ev->id));
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
