/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marks_why.c - why a trace is withheld, or a container refused; see marks_row.h.
 *
 * A road leads to a trace, and takes what is below it with it. Here is said where it leads, and
 * where what was asked about stands from there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "control/marks_row.h"
#include "control/seen.h"
#include "policy/decide.h"
#include "policy/roads.h"
#include "serve/containers.h"
#include "serve/content.h"
#include "serve/spans.h"

#define ROWS_MAX 1000 /* members of one container that are listed */

struct asking {
	const struct marks_asked *q;
	const struct model *m;
	const struct view_evidence *ev;
	const struct container_folder *inside; /* of what was asked about; NULL: no container */
	uint64_t trace;
	size_t rows;
	size_t more; /* that are not listed */
};

static const struct containers *all_of(const struct asking *x)
{
	return &x->ev->evidence->containers;
}

/* A folder of members stands for the container that it is of. */
static uint64_t not_the_folder(const struct asking *x, uint64_t trace)
{
	const struct container_folder *f = containers_around(all_of(x), trace);

	return f && f->id == trace ? trace - 1 : trace;
}

/* The trace that a way leads to, from @low on. A rejection may have cut what is above it in two. */
static uint64_t leads_to(
	const struct road_way *way, const struct model_mark *k, uint64_t low, uint64_t high)
{
	if (way->road == ROAD_MARK && k && k->act.trace >= low && k->act.trace <= high)
		return k->act.trace;
	return way->first > low ? way->first : low;
}

/* @through: the trace it leads to. */
static int put(struct asking *x, const struct road_way *way, const struct model_mark *k,
	const char *place, uint64_t through)
{
	const struct view_evidence *ev = NULL;
	struct marks_row row = {.road = road_name(way->road), .place = place};
	struct buf path = BUF_INIT;
	struct trace t;
	int r = 0;

	if (x->rows == ROWS_MAX) {
		x->more++;
		return 0;
	}
	x->rows++;
	if (!k || !marks_sees(x->q, k->act.path, &ev, &t)) {
		answer_note(x->q->x->answer, "withheld: %s", row.road);
		return 0;
	}
	if (through != x->trace &&
		decide(x->q->view, x->ev, x->q->view->uid, through, NULL) == DECIDE_ALLOW)
		r = seen_path(x->ev, through, &path);
	row.act = &k->act;
	row.state = k->act.mark_state;
	row.through = path.len > 0 ? buf_cstr(&path) : NULL;
	if (r == 0)
		marks_put(x->q, &row);
	buf_release(&path);
	return r;
}

/* A way that has what was asked about. */
static int put_withheld(struct asking *x, const struct road_way *way, const struct model_mark *k)
{
	uint64_t to = not_the_folder(x, leads_to(way, k, 0, x->trace));
	const struct container_folder *f = containers_of(all_of(x), to);
	bool member = f && f->id <= x->trace && x->trace <= f->last;

	if (to < way->first && !member)
		to = way->first;
	return put(x, way, k, to == x->trace ? "itself" : member ? "member" : "below", to);
}

/* One that has something in the container that was asked about. */
static int put_member(struct asking *x, const struct road_way *way, const struct model_mark *k)
{
	return put(x, way, k, "container", leads_to(way, k, x->inside->id, x->inside->last));
}

/* What is marked has the hash of what is marked. */
static bool is_itself(const struct withheld *w, const struct road_way *copy)
{
	for (size_t i = 0; i < w->ways_n && w->ways[i].first <= copy->first; i++) {
		const struct road_way *way = &w->ways[i];

		if (way->road == ROAD_MARK && way->mark == copy->mark && way->last >= copy->last)
			return true;
	}
	return false;
}

static bool concerns(const struct asking *x, const struct road_way *way)
{
	uint64_t last = x->inside ? x->inside->last : x->trace;

	return way->first <= last && way->last >= x->trace;
}

static int list(struct asking *x, const struct withheld *w)
{
	int r = 0;

	for (size_t i = 0; w && r == 0 && i < w->ways_n; i++) {
		const struct road_way *way = &w->ways[i];
		const struct model_mark *k = model_mark(x->m, way->mark);

		if (!concerns(x, way) || (way->road == ROAD_COPY && is_itself(w, way)))
			continue;
		if (way->first <= x->trace && x->trace <= way->last)
			r = put_withheld(x, way, k);
		else if (x->inside && way->first <= x->inside->last && way->last >= x->inside->id)
			r = put_member(x, way, k);
	}
	if (x->more)
		answer_note(x->q->x->answer, "and %zu more", x->more);
	return r;
}

static int add_shared(const struct withheld *w, const struct extent *x, struct spans *out)
{
	uint64_t past = x->offset + x->length;
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->remnants_n && w->remnants[i].first < past; i++) {
		const struct road_remnant *m = &w->remnants[i];
		uint64_t begin = m->first > x->offset ? m->first : x->offset;
		uint64_t end = m->last < past ? m->last + 1 : past;

		if (m->shared && begin < end)
			r = spans_add(out, begin, end);
	}
	return r;
}

/* Of a file that is shown: whether it has a part of what is not. */
static int note_shared(struct asking *x, const struct withheld *w)
{
	struct extent_map map = {NULL, 0};
	struct spans shared = {NULL, 0, 0};
	uint64_t bytes = 0;
	int r = 0;

	if (!w || withheld_has(w, x->trace) || trace_part(x->trace) == 0 ||
		content_extents(x->ev->evidence, x->trace, &map))
		return 0;
	for (size_t i = 0; r == 0 && i < map.n; i++) {
		if (map.v[i].kind == EXTENT_DATA)
			r = add_shared(w, &map.v[i], &shared);
	}
	spans_settle(&shared);
	for (size_t i = 0; i < shared.n; i++)
		bytes += shared.v[i].end - shared.v[i].begin;
	if (r == 0 && bytes > 0)
		answer_note(x->q->x->answer,
			"shown, but in byte streams: %" PRIu64
			" bytes of it are withheld elsewhere",
			bytes);
	free(shared.v);
	extent_map_release(&map);
	return r;
}

int marks_why(const struct marks_asked *q, const char *path, struct err *e)
{
	struct asking x = {.q = q};
	struct roads *roads = NULL;
	struct trace t;
	bool name_only = false;
	int r = view_find(q->view, q->case_id, path, &x.ev, &t, &name_only);

	if (r)
		return r == -ENOENT ? seen_nothing(path, e) : err_errno(e, -r, "%s", path);
	x.trace = t.id;
	x.inside = containers_of(all_of(&x), t.id);
	r = service_roads(q->x->service, q->case_id, NULL, 0, &roads);
	if (r)
		return err_errno(e, -r, "what is withheld");
	x.m = service_model(q->x->service);
	r = list(&x, roads_of(roads, x.ev->id));
	service_model_done(q->x->service);
	if (r == 0)
		r = note_shared(&x, roads_of(roads, x.ev->id));
	roads_free(roads);
	return r ? err_errno(e, -r, "%s", path) : 0;
}
