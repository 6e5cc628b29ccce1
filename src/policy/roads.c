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

#include "base/array.h"
#include "policy/hold.h"
#include "policy/view_private.h"

const char *road_name(enum road r)
{
	static const char *const names[ROADS_N] = {
		NULL, "mark", "inode", "copy", "link", "system", "bytes", "doubt"};

	return (unsigned)r < ROADS_N ? names[r] : NULL;
}

/* ---- ways ------------------------------------------------------------------------------- */

int gathering_add(struct gathering *g, uint64_t first, uint64_t last, enum road road, uint64_t mark)
{
	if (array_room(&g->ways, sizeof(*g->ways), g->ways_n, &g->ways_cap))
		return -ENOMEM;
	g->ways[g->ways_n++] = (struct road_way){first, last, road, mark};
	return 0;
}

static int add_top(struct gathering *g, uint64_t id, uint64_t parent)
{
	if (array_room(&g->tops, sizeof(*g->tops), g->tops_n, &g->tops_cap))
		return -ENOMEM;
	g->tops[g->tops_n++] = (struct road_top){id, parent};
	return 0;
}

static uint64_t number_of(const struct mark_own *own)
{
	return own->by ? own->by->object : 0;
}

/* ---- what marks reach by their place ------------------------------------------------------ */

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

/* Streams stand beside what they belong to, and are shown for themselves. */
static int add_tops(struct gathering *g, struct evidence_cursor *c, const struct view_place *p)
{
	struct trace t;
	int r = add_top(g, p->first, p->parent);

	/* not of a volume as a whole */
	if (r || trace_part(p->first) == 0 || trace_number(p->first) == 0 ||
		evidence_get(c, p->first, &t))
		return r;
	for (uint64_t id = t.last + 1; r == 0 && id <= p->last; id++)
		r = add_top(g, id, p->parent);
	return r;
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

static bool is_in(const struct mark_own *own, const struct model_evidence *me)
{
	size_t n = path_first(own->path);

	return strlen(me->name) == n && memcmp(own->path, me->name, n) == 0;
}

static int place_marks(struct gathering *g, const struct mark_own *marks, size_t n)
{
	struct placing x = {.g = g};
	struct evidence_cursor c;
	struct mark_span *spans = NULL;
	size_t spans_n = 0;
	int r = 0;

	evidence_cursor_init(&c, g->ev);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (is_in(&marks[i], g->me))
			r = place_one(&x, &c, &marks[i]);
	}
	evidence_cursor_release(&c);
	if (r == 0)
		r = marks_spread(x.v, x.n, &spans, &spans_n);
	for (size_t i = 0; r == 0 && i < spans_n; i++) {
		if (mark_withholds(spans[i].own->state))
			r = gathering_add(g, spans[i].first, spans[i].last, ROAD_MARK,
				number_of(spans[i].own));
	}
	free(spans);
	free(x.v);
	return r;
}

/* ---- the sum of the ways ------------------------------------------------------------------- */

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
static int settle(struct gathering *g, struct withheld *w)
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

static int add_links(struct gathering *g, const struct facts *f, const struct withheld *w)
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

/* *@any: its bytes are withheld as a whole, so those of the medium are. */
static int add_volume(
	struct gathering *g, const struct facts *f, const struct withheld *w, unsigned k, bool *any)
{
	uint64_t first = trace_id(1 + 2 * k, 0);
	uint64_t last = trace_id(2 + 2 * k, TRACE_NUMBER_MASK);
	uint64_t raw = trace_id(0, TRACE_VOLUME_RAW((uint64_t)k));
	uint64_t mark = 0;
	bool known = g->ev->volumes[k].index != NULL;
	int r = 0;

	if (withheld_in(w, raw, known ? raw + 1 : raw))
		*any = true;
	if (!known) /* it has its bytes alone: they go by the marks on them */
		return w->searching ? add_stream(g, TRACE_VOLUME_RAW((uint64_t)k), 0) : 0;
	if (!withheld_in(w, first, last)) {
		if (w->searching)
			r = add_stream(g, TRACE_VOLUME_RAW((uint64_t)k), 0);
		return r || !w->searching ? r
					  : add_stream(g, TRACE_VOLUME_UNALLOCATED((uint64_t)k), 0);
	}
	mark = mark_at(g, first, last);
	for (size_t i = 0; r == 0 && i < f->system_n; i++) {
		if (f->system[i].volume == k)
			r = gathering_add(
				g, f->system[i].first, f->system[i].last, ROAD_SYSTEM, mark);
	}
	/* what can be masked is shown, masked (view_mask.c) */
	if (r || (g->ev->volumes[k].maskable && !*any))
		return r;
	*any = true;
	r = add_stream(g, TRACE_VOLUME_RAW((uint64_t)k), mark);
	return r ? r : add_stream(g, TRACE_VOLUME_UNALLOCATED((uint64_t)k), mark);
}

/* @searching: what their bytes have of it is not known yet. */
static int add_holders(
	struct gathering *g, const struct facts *f, const struct withheld *w, bool searching)
{
	size_t ways = g->ways_n;
	bool any = searching;
	int r = 0;

	for (unsigned k = 0; r == 0 && k < g->ev->manifest.n; k++) {
		bool bytes = searching;

		r = add_volume(g, f, w, k, &bytes);
		any = any || bytes;
	}
	if (r == 0 && any)
		r = add_stream(g, TRACE_IMAGE_RAW, ways > 0 ? g->ways[0].mark : 0);
	return r;
}

/* ---- a case --------------------------------------------------------------------------------- */

struct compile {
	const struct roads_opts *o;
	const struct mark_own *marks;
	size_t marks_n;
	struct gathering *v;
	size_t n;
	struct wanted wanted;
	struct needles
		needles; /* what else is looked for where no file has it; at last all that is */
	bool withholds;  /* some mark does */
	bool doubt;      /* something marked cannot be read */
};

static int doubt(struct gathering *g)
{
	g->doubt = true;
	return gathering_add(g, 0, UINT64_MAX, ROAD_DOUBT, 0);
}

/* -ENOMEM ends it all; other errors are doubt. */
static int or_doubt(struct gathering *g, int r)
{
	return r == 0 || r == -ENOMEM ? r : doubt(g);
}

static int gather(struct compile *x, const struct model *m, uint64_t case_id)
{
	x->v = calloc(m->evidence_n + 1, sizeof(*x->v));
	if (!x->v)
		return -ENOMEM;
	for (size_t i = 0; i < m->evidence_n; i++) {
		const struct model_evidence *me = &m->evidence[i];
		struct gathering *g = &x->v[x->n];

		if (me->case_id != case_id)
			continue;
		g->me = me;
		g->ev = x->o->src->evidence(x->o->src->ctx, me);
		for (size_t k = 0; k < x->marks_n; k++) {
			bool withholds = mark_withholds(x->marks[k].state);

			x->withholds = x->withholds || withholds;
			g->marked = g->marked || (withholds && is_in(&x->marks[k], me));
		}
		x->n++;
	}
	return 0;
}

/* What marks reach by place, and other names of that. */
static int reach(struct compile *x, struct gathering *g)
{
	int r = 0;

	if (!g->marked)
		return 0;
	if (!g->ev) {
		x->doubt = true;
		return 0;
	}
	r = place_marks(g, x->marks, x->marks_n);
	if (r == 0 && g->doubt)
		r = -EIO;
	if (r == 0)
		r = follow_inodes(g, 0, g->ways_n, ROAD_INODE);
	if (r == 0)
		r = follow_hashes(g, g->ways_n, x->o->copy_floor, &x->wanted);
	if (r == 0 && x->o->remnants)
		r = follow_lost(g, g->ways_n, x->o->copy_floor, &x->needles);
	if (r && r != -ENOMEM)
		x->doubt = x->doubt || !g->doubt;
	return or_doubt(g, r);
}

/* Copies of it in this one, and other names of those. */
static int reach_copies(struct compile *x, struct gathering *g)
{
	size_t from = g->ways_n;
	int r = g->ev && x->wanted.n > 0 ? follow_copies(g, &x->wanted) : 0;

	if (r == 0)
		r = follow_inodes(g, from, g->ways_n, ROAD_COPY);
	if (r == 0 && g->ev && x->o->remnants)
		r = follow_names(g, g->ways_n, &x->needles);
	return or_doubt(g, r);
}

/* Pieces of what is withheld anywhere in the case. */
static int add_remnants(struct compile *x, struct gathering *g, struct withheld *w)
{
	int r = 0;

	if (!x->o->remnants || !g->ev || x->needles.n == 0)
		return 0;
	r = x->o->remnants(
		x->o->ctx, g->ev, x->needles.v, x->needles.n, &w->remnants, &w->remnants_n);
	w->searching = r == 0;
	return r < 0 ? r : 0;
}

static int finish(struct compile *x, struct gathering *g, struct withheld *w)
{
	const struct facts *f = NULL;
	int r = 0;

	if (!g->ev && x->withholds) /* what of it is withheld cannot be told */
		r = doubt(g);
	if (r == 0)
		r = settle(g, w);
	if (r == 0)
		r = add_remnants(x, g, w);
	if (r || !g->ev || (g->ways_n == 0 && !w->searching))
		return r;
	r = or_doubt(g, roads_facts_of(x->o->facts, g->ev, &f));
	if (r == 0 && f)
		r = add_links(g, f, w);
	if (r == 0 && f)
		r = add_holders(g, f, w, w->searching);
	return r ? r : settle(g, w);
}

static int finish_all(struct compile *x, struct roads *out)
{
	int r = 0;

	out->v = calloc(x->n + 1, sizeof(*out->v));
	if (!out->v)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < x->n; i++) {
		struct gathering *g = &x->v[i];
		struct withheld *w = &out->v[out->n];

		out->missing += g->ev == NULL;
		w->evidence = g->me->id;
		r = finish(x, g, w);
		out->searching = out->searching || w->searching;
		if (r || (w->n == 0 && w->remnants_n == 0)) {
			free(w->v);
			free(w->remnants);
			*w = (struct withheld){0};
			continue;
		}
		w->ways = g->ways;
		w->ways_n = g->ways_n;
		w->tops = g->tops;
		w->tops_n = g->tops_n;
		g->ways = NULL;
		g->tops = NULL;
		out->n++;
	}
	out->doubt = x->doubt;
	return r;
}

static int compile(struct compile *x, const struct model *m, uint64_t case_id, struct roads *out)
{
	int r = gather(x, m, case_id);

	for (size_t i = 0; r == 0 && i < x->n; i++)
		r = reach(x, &x->v[i]);
	wanted_settle(&x->wanted);
	for (size_t i = 0; r == 0 && i < x->n; i++)
		r = reach_copies(x, &x->v[i]);
	if (r == 0 && x->o->remnants)
		r = needles_settle(&x->needles, &x->wanted);
	if (r == 0)
		r = finish_all(x, out);
	for (size_t i = 0; i < x->n; i++) {
		free(x->v[i].ways);
		free(x->v[i].tops);
	}
	free(x->v);
	free(x->wanted.v);
	free(x->needles.v);
	return r;
}

int roads_compile(
	const struct model *m, uint64_t case_id, const struct roads_opts *o, struct roads **out)
{
	struct compile x = {.o = o};
	struct mark_own *marks = NULL;
	struct roads *roads = calloc(1, sizeof(*roads));
	int r = roads ? marks_of_case(m, case_id, o->more, o->more_n, &marks, &x.marks_n) : -ENOMEM;

	if (r == 0) {
		x.marks = marks;
		roads->case_id = case_id;
		r = compile(&x, m, case_id, roads);
	}
	free(marks);
	if (r) {
		roads_free(roads);
		return r;
	}
	*out = roads;
	return 0;
}

void roads_free(struct roads *r)
{
	for (size_t i = 0; r && i < r->n; i++) {
		free(r->v[i].v);
		free(r->v[i].ways);
		free(r->v[i].tops);
		free(r->v[i].remnants);
	}
	if (r)
		free(r->v);
	free(r);
}

/* ---- asking ------------------------------------------------------------------------------------
 */

const struct withheld *withheld_everything(void)
{
	static struct view_interval all = {0, UINT64_MAX};
	static struct road_way way = {0, UINT64_MAX, ROAD_DOUBT, 0};
	static const struct withheld everything = {.v = &all, .n = 1, .ways = &way, .ways_n = 1};

	return &everything;
}

const struct withheld *roads_of(const struct roads *r, uint64_t evidence)
{
	if (r->doubt)
		return withheld_everything();
	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].evidence == evidence)
			return &r->v[i];
	}
	return NULL;
}

size_t withheld_place(const struct withheld *w, uint64_t first)
{
	size_t low = 0;
	size_t high = w ? w->n : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (w->v[middle].last < first)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool withheld_bytes(const struct withheld *w, uint64_t begin, uint64_t end)
{
	for (size_t i = 0; w && i < w->remnants_n && w->remnants[i].first < end; i++) {
		if (w->remnants[i].last >= begin)
			return true;
	}
	return false;
}

bool withheld_in(const struct withheld *w, uint64_t first, uint64_t last)
{
	size_t at = withheld_place(w, first);

	return w && at < w->n && w->v[at].first <= last;
}

bool withheld_has(const struct withheld *w, uint64_t trace)
{
	return withheld_in(w, trace, trace);
}
