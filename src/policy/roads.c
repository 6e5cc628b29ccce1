/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roads.c - which traces of a case are withheld; see roads.h.
 *
 * First what marks reach by their place, then other names of that, then copies, in
 * all evidence of the case, then what leads to any of it or may hold its bytes.
 */
#include "policy/roads_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- a case --------------------------------------------------------------------------------- */

int roads_case_begin(
	struct roads_case *x, const struct model *m, uint64_t case_id, const struct roads_opts *o)
{
	int r = 0;

	*x = (struct roads_case){.o = o};
	r = marks_of_case(m, case_id, o->more, o->more_n, &x->marks, &x->marks_n);
	x->v = calloc(m->evidence_n + 1, sizeof(*x->v));
	if (r || !x->v)
		return -ENOMEM;
	for (size_t i = 0; i < m->evidence_n; i++) {
		const struct model_evidence *me = &m->evidence[i];
		struct gathering *g = &x->v[x->n];

		if (me->case_id != case_id)
			continue;
		g->me = me;
		g->ev = o->src->evidence(o->src->ctx, me);
		g->stop = o->stop;
		for (size_t k = 0; k < x->marks_n; k++) {
			bool withholds = mark_withholds(x->marks[k].state);

			x->withholds = x->withholds || withholds;
			g->marked = g->marked || (withholds && mark_is_in(&x->marks[k], me));
		}
		x->n++;
	}
	return 0;
}

void roads_case_end(struct roads_case *x)
{
	for (size_t i = 0; x->v && i < x->n; i++) {
		free(x->v[i].ways);
		free(x->v[i].tops);
	}
	free(x->v);
	free(x->marks);
}

static uint64_t newest_mark(const struct roads_case *x)
{
	uint64_t newest = 0;

	for (size_t i = 0; i < x->marks_n; i++) {
		const struct act *by = x->marks[i].by;

		newest = by && by->object > newest ? by->object : newest;
	}
	return newest;
}

static void withheld_release(struct withheld *w)
{
	free(w->v);
	free(w->ways);
	free(w->tops);
	free(w->remnants);
	held_put(w->held);
	*w = (struct withheld){0};
}

int roads_take(struct roads_case *x, struct withheld *w, struct roads *out)
{
	out->covers = calloc(x->n + 1, sizeof(*out->covers));
	out->v = calloc(x->n + 1, sizeof(*out->v));
	out->doubt = x->doubt;
	out->newest = newest_mark(x);
	for (size_t i = 0; i < x->n; i++) {
		struct gathering *g = &x->v[i];

		if (!out->v || !out->covers || (w[i].n == 0 && w[i].remnants_n == 0)) {
			withheld_release(&w[i]);
			continue;
		}
		w[i].ways = g->ways;
		w[i].ways_n = g->ways_n;
		w[i].tops = g->tops;
		w[i].tops_n = g->tops_n;
		g->ways = NULL;
		g->tops = NULL;
		out->searching = out->searching || w[i].searching;
		out->v[out->n++] = w[i];
		w[i] = (struct withheld){0};
	}
	if (!out->v || !out->covers)
		return -ENOMEM;
	for (size_t i = 0; i < x->n; i++) {
		out->covers[out->covers_n++] = x->v[i].me->id;
		out->missing += x->v[i].ev == NULL;
	}
	return 0;
}

/* ---- from what is marked to all that is withheld ------------------------------------------- */

struct compile {
	struct roads_case in;
	struct wanted wanted;
	struct needles needles; /* what else is looked for where no file has it; at last all */
	struct withheld *v;     /* [in.n] */
};

/* What marks reach by place, and other names of that. */
static int reach(struct compile *x, struct gathering *g)
{
	uint64_t floor = x->in.o->copy_floor;
	int r = 0;

	if (!g->marked)
		return 0;
	if (!g->ev) {
		x->in.doubt = true;
		return 0;
	}
	r = gathering_place(g, x->in.marks, x->in.marks_n);
	if (r == 0 && g->doubt)
		r = -EIO;
	if (r == 0)
		r = follow_inodes(g, 0, g->ways_n, ROAD_INODE);
	if (r == 0)
		r = follow_hashes(g, g->ways_n, floor, &x->wanted);
	if (r == 0 && x->in.o->remnants)
		r = follow_lost(g, g->ways_n, floor, &x->needles);
	if (r && r != -ENOMEM)
		x->in.doubt = x->in.doubt || !g->doubt;
	return gathering_or_doubt(g, r);
}

/* Copies of it in this one, and other names of those. */
static int reach_copies(struct compile *x, struct gathering *g)
{
	size_t from = g->ways_n;
	int r = g->ev && x->wanted.n > 0 ? follow_copies(g, &x->wanted) : 0;

	if (r == 0)
		r = follow_inodes(g, from, g->ways_n, ROAD_COPY);
	if (r == 0 && g->ev && x->in.o->remnants)
		r = follow_names(g, g->ways_n, &x->needles);
	return gathering_or_doubt(g, r);
}

static int find_ways(struct compile *x)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < x->in.n; i++)
		r = reach(x, &x->in.v[i]);
	wanted_settle(&x->wanted);
	for (size_t i = 0; r == 0 && i < x->in.n; i++)
		r = reach_copies(x, &x->in.v[i]);
	if (r == 0 && x->in.o->remnants)
		r = needles_settle(&x->needles, &x->wanted);
	return r;
}

/* ---- what of it stands where no file has it --------------------------------------------------
 */

/* Pieces of what is withheld anywhere in the case. */
static int add_remnants(struct compile *x, struct gathering *g, struct withheld *w)
{
	const struct roads_opts *o = x->in.o;
	int r = 0;

	if (!o->remnants || !g->ev || x->needles.n == 0)
		return 0;
	r = o->remnants(o->ctx, g->ev, x->needles.v, x->needles.n, &w->remnants, &w->remnants_n);
	w->searching = r == 0;
	return r < 0 ? r : 0;
}

/* All are asked for before any is waited for. */
static int find_remnants(struct compile *x)
{
	bool searching = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < x->in.n; i++) {
		r = add_remnants(x, &x->in.v[i], &x->v[i]);
		searching = searching || x->v[i].searching;
	}
	if (r || !searching || !x->in.o->wait)
		return r;
	x->in.o->wait(x->in.o->ctx);
	for (size_t i = 0; r == 0 && i < x->in.n; i++) {
		if (x->v[i].searching)
			r = add_remnants(x, &x->in.v[i], &x->v[i]);
	}
	return r;
}

/* ---- the sum ------------------------------------------------------------------------------ */

static int settle(struct compile *x, struct gathering *g, struct withheld *w)
{
	int r = 0;

	w->evidence = g->me->id;
	if (!g->ev && x->in.withholds) /* what of it is withheld cannot be told */
		r = gathering_doubt(g);
	return r ? r : gathering_settle(g, w);
}

static int finish(struct compile *x, struct gathering *g, struct withheld *w)
{
	const struct facts *f = NULL;
	int r = 0;

	if (!g->ev || (g->ways_n == 0 && !w->searching))
		return 0;
	r = gathering_or_doubt(g, roads_facts_of(x->in.o->facts, g->ev, true, &f));
	if (r == 0 && f)
		r = holders_links(g, f, w);
	if (r == 0 && f)
		r = holders_bytes(g, f, w);
	return r ? r : gathering_settle(g, w);
}

/* With all ways but those that follow from the others. */
static int finish_all(struct compile *x, struct roads *out)
{
	int r = 0;

	x->v = calloc(x->in.n + 1, sizeof(*x->v));
	if (!x->v)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < x->in.n; i++)
		r = settle(x, &x->in.v[i], &x->v[i]);
	if (r == 0)
		r = find_remnants(x);
	for (size_t i = 0; r == 0 && i < x->in.n; i++)
		r = finish(x, &x->in.v[i], &x->v[i]);
	if (r == 0 && x->in.o->stop && *x->in.o->stop)
		r = -EINTR;
	if (r == 0)
		r = roads_take(&x->in, x->v, out);
	if (r == 0 && out->searching) {
		out->needles = x->needles.v;
		out->needles_n = x->needles.n;
		x->needles.v = NULL;
	}
	return r;
}

static void compile_end(struct compile *x)
{
	for (size_t i = 0; x->v && i < x->in.n; i++) {
		free(x->v[i].v);
		free(x->v[i].remnants);
	}
	free(x->v);
	free(x->wanted.v);
	free(x->needles.v);
	roads_case_end(&x->in);
}

/* ---- once more is found where no file has it --------------------------------------------------
 */

/* Ways that do not follow from others, and tops. */
static int take_ways(struct gathering *g, const struct withheld *old)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < old->ways_n; i++) {
		const struct road_way *way = &old->ways[i];

		if (way->road < ROAD_LINK || way->road == ROAD_DOUBT)
			r = gathering_add(g, way->first, way->last, way->road, way->mark);
	}
	if (r == 0 && old->tops_n > 0) {
		g->tops = malloc(old->tops_n * sizeof(*g->tops));
		if (!g->tops)
			return -ENOMEM;
		memcpy(g->tops, old->tops, old->tops_n * sizeof(*g->tops));
		g->tops_n = old->tops_n;
	}
	return r;
}

static int take_needles(struct needles *l, const struct roads *old)
{
	l->v = malloc((old->needles_n + 1) * sizeof(*l->v));
	if (!l->v)
		return -ENOMEM;
	memcpy(l->v, old->needles, old->needles_n * sizeof(*l->v));
	l->n = old->needles_n;
	return 0;
}

static int take_all(struct compile *x, const struct roads *old)
{
	int r = take_needles(&x->needles, old);

	x->in.doubt = old->doubt;
	for (size_t i = 0; r == 0 && i < x->in.n; i++) {
		for (size_t k = 0; r == 0 && k < old->n; k++) {
			if (old->v[k].evidence == x->in.v[i].me->id)
				r = take_ways(&x->in.v[i], &old->v[k]);
		}
	}
	return r;
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* @old: as in roads_searched(); NULL: all is found anew. */
static int compile(const struct model *m, uint64_t case_id, const struct roads_opts *o,
	const struct roads *old, struct roads **out)
{
	struct compile x = {.v = NULL};
	struct roads *roads = roads_new(case_id);
	int r = roads_case_begin(&x.in, m, case_id, o);

	if (!roads)
		r = -ENOMEM;
	if (r == 0)
		r = old ? take_all(&x, old) : find_ways(&x);
	if (r == 0)
		r = finish_all(&x, roads);
	compile_end(&x);
	if (r) {
		roads_free(roads);
		return r;
	}
	*out = roads;
	return 0;
}

int roads_compile(
	const struct model *m, uint64_t case_id, const struct roads_opts *o, struct roads **out)
{
	return compile(m, case_id, o, NULL, out);
}

int roads_searched(const struct model *m, const struct roads_opts *o, const struct roads *old,
	struct roads **out)
{
	return compile(m, old->case_id, o, old, out);
}

/* ---- by how many it is had ------------------------------------------------------------------
 */

struct roads *roads_new(uint64_t case_id)
{
	struct roads *r = calloc(1, sizeof(*r));

	if (r) {
		r->uses = 1;
		r->case_id = case_id;
	}
	return r;
}

struct roads *roads_none(const struct model *m, uint64_t case_id)
{
	struct roads *r = roads_new(case_id);

	if (r)
		r->covers = calloc(m->evidence_n + 1, sizeof(*r->covers));
	if (!r || !r->covers) {
		roads_free(r);
		return NULL;
	}
	for (size_t i = 0; i < m->evidence_n; i++) {
		if (m->evidence[i].case_id == case_id)
			r->covers[r->covers_n++] = m->evidence[i].id;
	}
	return r;
}

struct roads *roads_get(struct roads *r)
{
	if (r)
		atomic_fetch_add(&r->uses, 1);
	return r;
}

void roads_free(struct roads *r)
{
	if (!r || atomic_fetch_sub(&r->uses, 1) > 1)
		return;
	for (size_t i = 0; i < r->n; i++)
		withheld_release(&r->v[i]);
	free(r->v);
	free(r->covers);
	free(r->needles);
	free(r);
}
