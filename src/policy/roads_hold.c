/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roads_hold.c - what is withheld at once, while its roads are being found; see roads.h.
 *
 * Costs what the marks cost, not what is below them. Takes nothing back: what was withheld
 * before stays so.
 */
#include "policy/roads_private.h"

#include <errno.h>
#include <stdlib.h>

static bool covers(const struct roads *before, uint64_t evidence)
{
	for (size_t i = 0; before && i < before->covers_n; i++) {
		if (before->covers[i] == evidence)
			return true;
	}
	return false;
}

/* ---- what is marked since --------------------------------------------------------------------
 */

/* Those of the ways that come from marks behind @newest, together. */
static int fresh(const struct gathering *g, uint64_t newest, struct view_interval **out, size_t *n)
{
	struct gathering some = {.me = g->me, .ev = g->ev};
	int r = 0;

	for (size_t i = 0; r == 0 && i < g->ways_n; i++) {
		const struct road_way *way = &g->ways[i];

		if (way->mark > newest)
			r = gathering_add(&some, way->first, way->last, way->road, way->mark);
	}
	*out = r ? NULL : gathering_sum(&some, some.ways_n, n);
	free(some.ways);
	return *out ? 0 : -ENOMEM;
}

/* *@more: it is more than @before withholds. */
static int place(struct roads_case *x, struct gathering *g, const struct roads *before,
	struct held *held, bool *more)
{
	struct view_interval *v = NULL;
	size_t n = 0;
	int r = 0;

	*more = *more || !g->ev || !covers(before, g->me->id);
	if (!g->ev) {
		x->doubt = x->doubt || g->marked;
		return x->withholds ? gathering_doubt(g) : 0;
	}
	if (g->marked)
		r = gathering_place(g, x->marks, x->marks_n);
	if (r == 0 && g->doubt)
		r = -EIO;
	if (r) {
		*more = true;
		/* what cannot be read may have copies anywhere */
		x->doubt = x->doubt || !g->doubt;
		return gathering_or_doubt(g, r);
	}
	r = fresh(g, before ? before->newest : 0, &v, &n);
	if (r == 0 && n > 0) {
		*more = true;
		return held_add(held, g->ev, v, n);
	}
	free(v);
	return r;
}

/* ---- what is withheld already -------------------------------------------------------------- */

static int add_before(struct gathering *g, const struct roads *before)
{
	const struct withheld *w = NULL;
	int r = 0;

	if (!covers(before, g->me->id))
		return gathering_doubt(g);
	w = roads_of(before, g->me->id);
	for (size_t i = 0; w && r == 0 && i < w->ways_n; i++)
		r = gathering_add(
			g, w->ways[i].first, w->ways[i].last, w->ways[i].road, w->ways[i].mark);
	return r;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static int hold(struct roads_case *x, struct gathering *g, const struct roads *before,
	struct withheld *w, struct held *held)
{
	const struct facts *f = NULL;
	int r = gathering_settle(g, w);

	if (r == 0 && g->ev)
		r = gathering_or_doubt(g, roads_facts_of(x->o->facts, g->ev, false, &f));
	if (r == 0 && f)
		r = holders_system(g, f, NULL); /* a copy may be anywhere */
	if (r == 0)
		r = add_before(g, before);
	if (r == 0 && g->ev)
		r = holders_streams(g);
	w->evidence = g->me->id;
	w->held = held_get(held);
	return r ? r : gathering_settle(g, w);
}

static int hold_all(struct roads_case *x, const struct roads *before, struct roads *out)
{
	struct held *held = held_new(x->o->copy_floor);
	struct withheld *w = calloc(x->n + 1, sizeof(*w));
	bool more = false;
	int r = held && w ? 0 : -ENOMEM;

	x->doubt = before && before->doubt;
	for (size_t i = 0; r == 0 && i < x->n; i++)
		r = place(x, &x->v[i], before, held, &more);
	for (size_t i = 0; r == 0 && more && i < x->n; i++)
		r = hold(x, &x->v[i], before, &w[i], held);
	if (r == 0 && more)
		r = roads_take(x, w, out);
	for (size_t i = 0; w && i < x->n; i++) {
		free(w[i].v);
		held_put(w[i].held);
	}
	free(w);
	held_put(held);
	return r ? r : more;
}

int roads_hold(const struct model *m, uint64_t case_id, const struct roads_opts *o,
	const struct roads *before, struct roads **out)
{
	struct roads *roads = roads_new(case_id);
	struct roads_case x;
	int r = roads_case_begin(&x, m, case_id, o);

	if (!roads)
		r = -ENOMEM;
	if (r == 0)
		r = hold_all(&x, before, roads);
	roads_case_end(&x);
	if (r <= 0) {
		roads_free(roads);
		return r;
	}
	roads->held = true;
	roads->newest = before ? before->newest : 0;
	*out = roads;
	return 1;
}
