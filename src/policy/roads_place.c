/* SPDX-License-Identifier: Apache-2.0 */
/* roads_place.c - what marks reach by their place alone; see roads.h. */
#include "policy/roads_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "policy/hold.h"
#include "policy/view_private.h"

static int add_top(void *ctx, uint64_t id, uint64_t parent)
{
	struct gathering *g = ctx;

	if (array_room(&g->tops, sizeof(*g->tops), g->tops_n, &g->tops_cap))
		return -ENOMEM;
	g->tops[g->tops_n++] = (struct road_top){id, parent};
	return 0;
}

static uint64_t number_of(const struct mark_own *own)
{
	return own->by ? own->by->object : 0;
}

struct placing {
	struct gathering *g;
	struct mark_place *v;
	size_t n, cap;
};

static int add_place(struct placing *x, const struct mark_own *own, const struct view_place *p)
{
	if (array_room(&x->v, sizeof(*x->v), x->n, &x->cap))
		return -ENOMEM;
	x->v[x->n++] = (struct mark_place){.first = p->first,
		.last = p->last,
		.exact = p->first == own->by->trace,
		.own = own};
	return 0;
}

/* What stands beside it is shown for itself. */
static int add_tops(struct gathering *g, struct evidence_cursor *c, const struct view_place *p)
{
	int r = add_top(g, p->first, p->parent);

	return r ? r : view_place_beside(c, p, add_top, g);
}

/* Whether the path still is what was marked. */
static int check_trace(struct evidence_cursor *c, const struct mark_own *own,
	const struct view_places *places, bool *same)
{
	struct trace t;
	int r = 0;

	*same = false;
	for (size_t i = 0; r == 0 && !*same && i < places->n; i++) {
		if (places->all || places->v[i].first == own->by->trace)
			*same = true;
	}
	if (!*same || trace_part(own->by->trace) == 0)
		return 0;
	r = evidence_get(c, own->by->trace, &t);
	*same = r == 0 && t.inode == own->by->inode;
	return r == -ENOENT ? 0 : r;
}

static int place_one(struct placing *x, struct evidence_cursor *c, const struct mark_own *own)
{
	const char *rest = own->path + path_first(own->path);
	struct view_places places;
	bool same = false;
	int r = view_resolve(c, rest + (*rest == '/'), true, &places);

	if (r == 0)
		r = check_trace(c, own, &places, &same);
	if (r == -ENOMEM)
		return r;
	/* in doubt: what is marked is somewhere in it */
	if (r || !same) {
		x->g->doubt = x->g->doubt || mark_withholds(own->state);
		return 0;
	}
	for (size_t i = 0; r == 0 && i < places.n; i++) {
		r = add_place(x, own, &places.v[i]);
		if (r == 0 && own->state == MARK_REJECTED)
			r = add_tops(x->g, c, &places.v[i]);
	}
	return r;
}

bool mark_is_in(const struct mark_own *own, const struct model_evidence *me)
{
	size_t n = path_first(own->path);

	return strlen(me->name) == n && memcmp(own->path, me->name, n) == 0;
}

int gathering_place(struct gathering *g, const struct mark_own *marks, size_t n)
{
	struct placing x = {.g = g};
	struct evidence_cursor c;
	struct mark_span *spans = NULL;
	size_t spans_n = 0;
	int r = 0;

	evidence_cursor_init(&c, g->ev);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (mark_is_in(&marks[i], g->me))
			r = place_one(&x, &c, &marks[i]);
	}
	evidence_cursor_release(&c);
	if (r == 0)
		r = marks_spread(x.v, x.n, &spans, &spans_n);
	for (size_t i = 0; r == 0 && i < spans_n; i++) {
		if (mark_withholds(spans[i].own->state))
			r = gathering_add(g, spans[i].first, spans[i].last, ROAD_MARK,
				number_of(spans[i].own));
		if (r == 0 && mark_withholds(spans[i].own->state))
			g->ways[g->ways_n - 1].members =
				spans[i].own->by && spans[i].own->by->with_members;
	}
	free(spans);
	free(x.v);
	return r;
}
