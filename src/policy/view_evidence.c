/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view_evidence.c - what grants and exclusions show of one piece of evidence
 *
 * Fails closed: what cannot be resolved gives nothing, or takes everything. Byte
 * streams are masked to what is seen; where that cannot be done, one is there only while
 * all that stands in it is.
 */
#include "policy/view_compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "policy/decide.h"
#include "policy/hold.h"

static const uint64_t evidence_dir = TRACE_EVIDENCE_DIR;
static const uint64_t evidence_txt = TRACE_EVIDENCE_TXT;

int compile_add(struct compile *x, enum view_piece_kind kind, uint64_t first, uint64_t last,
	unsigned rights, uint64_t grant)
{
	return view_pieces_add(&x->pieces, &(struct view_piece){first, last, kind, rights, grant});
}

int compile_take(struct compile *x, uint64_t trace)
{
	return compile_add(x, PIECE_TAKES, trace, trace, 0, 0);
}

static int add_top(void *ctx, uint64_t id, uint64_t parent)
{
	struct compile *x = ctx;
	struct tops *t = &x->tops;

	if (array_room(&t->v, sizeof(*t->v), t->n, &t->cap))
		return -ENOMEM;
	t->v[t->n++] = (struct top){id, parent};
	return 0;
}

static int add_part_tops(struct compile *x)
{
	int r = add_top(x, evidence_dir, evidence_dir);

	for (unsigned k = 0; r == 0 && k < x->volumes; k++) {
		r = add_top(x, trace_id(1 + 2 * k, 0), evidence_dir);
		if (r == 0)
			r = add_top(x, trace_id(2 + 2 * k, 0), evidence_dir);
		if (r == 0)
			r = add_top(x, TRACE_VOLUME_RAW((uint64_t)k), evidence_dir);
		if (r == 0)
			r = add_top(x, TRACE_VOLUME_UNALLOCATED((uint64_t)k), evidence_dir);
	}
	return r ? r : add_top(x, TRACE_IMAGE_RAW, evidence_dir);
}

/* ---- what gives ------------------------------------------------------------------------ */

static int give_all(struct compile *x, unsigned rights, uint64_t grant)
{
	rights &= ~x->unwanted;
	x->everywhere |= rights;
	return compile_add(x, PIECE_GIVES, 0, UINT64_MAX, rights, grant);
}

/* They are seen for themselves, where a road withholds what they belong to. */
static int add_tops_beside(struct compile *x, const struct view_place *p)
{
	int r = x->withheld ? view_place_beside(&x->c, p, add_top, x) : 0;

	return r == -ENOMEM ? r : 0;
}

static int give(struct compile *x, const struct act *a)
{
	struct view_places places;
	const char *rest = NULL;
	int r = 0;

	if (!a->path)
		return give_all(x, a->rights, a->object);
	rest = a->path + path_first(a->path);
	r = view_resolve(&x->c, rest + (*rest == '/'), false, &places);
	if (r)
		return r == -ENOMEM ? r : 0; /* in doubt, nothing */
	if (places.all)
		return give_all(x, a->rights, a->object);
	if (!places.outside)
		x->of[places.volume].parted = true;
	for (size_t i = 0; r == 0 && i < places.n; i++) {
		r = compile_add(x, PIECE_GIVES, places.v[i].first, places.v[i].last,
			a->rights & ~x->unwanted, a->object);
		if (r == 0)
			r = add_top(x, places.v[i].first, places.v[i].parent);
		if (r == 0)
			r = add_tops_beside(x, &places.v[i]);
	}
	return r;
}

/* ---- what takes --------------------------------------------------------------------------- */

static int take_all(struct compile *x)
{
	return compile_add(x, PIECE_TAKES, 0, UINT64_MAX, 0, 0);
}

/* Whether there is anything at the path makes no difference to what is touched. */
static int exclude(struct compile *x, const struct act *a)
{
	const char *rest = a->path ? a->path + path_first(a->path) : "";
	struct view_places places;
	int r = view_resolve(&x->c, rest + (*rest == '/'), true, &places);

	x->excluded = true;
	if (r)
		return r == -ENOMEM ? r : take_all(x); /* in doubt, everything */
	x->outside = x->outside || places.all || places.outside;
	if (!places.all && !places.outside)
		x->of[places.volume].touched = true;
	for (size_t i = 0; i < places.n && !places.all && !places.outside; i++) {
		if (trace_part(places.v[i].first) == 0)
			x->of[places.volume].sealed = true;
	}
	for (size_t i = 0; r == 0 && i < places.n; i++)
		r = compile_add(x, PIECE_TAKES, places.v[i].first, places.v[i].last, 0, 0);
	return r;
}

/* ---- what its place in the tree says too little about ---------------------------------- */

struct apart {
	struct compile *x;
	unsigned volume;
	bool whole_deleted;
};

static int add_apart(void *ctx, const struct index_apart *a)
{
	const struct apart *o = ctx;
	uint64_t first = trace_of_index(o->volume, a->first);
	uint64_t last = trace_of_index(o->volume, a->last);
	bool touched = o->x->of[o->volume].touched;

	if (touched)
		return compile_add(o->x, a->orphans ? PIECE_TAKES : PIECE_META, first, last, 0, 0);
	return a->orphans && !o->whole_deleted ? compile_add(o->x, PIECE_ORPHANS, first, last, 0, 0)
					       : 0;
}

int compile_take_part(struct compile *x, unsigned part)
{
	return compile_add(
		x, PIECE_TAKES, trace_id(part, 0), trace_id(part, TRACE_NUMBER_MASK), 0, 0);
}

int compile_apart(struct compile *x, unsigned k, bool whole_deleted)
{
	struct apart o = {x, k, whole_deleted};
	struct index_reader *reader = NULL;
	int r = 0;

	if (!x->of[k].touched && !x->of[k].parted)
		return 0;
	r = evidence_reader(&x->c, trace_id(1 + 2 * k, 0), &reader);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = index_apart(reader, add_apart, &o);
	if (r == 0 || r == -ENOMEM)
		return r;
	r = compile_take_part(x, 1 + 2 * k); /* in doubt, everything */
	return r ? r : compile_take_part(x, 2 + 2 * k);
}

/* ---- ranges, and what leads to them ------------------------------------------------------- */

static bool shows(const struct view_evidence *ev, uint64_t trace)
{
	const struct view_range *r = view_range_at(ev, trace);

	return r && (r->rights & right_for(trace));
}

int compile_ranges(struct compile *x, struct view_evidence *out)
{
	free(out->ranges);
	out->ranges = NULL;
	if (view_pieces_ranges(&x->pieces, &out->ranges, &out->ranges_n))
		return -ENOMEM;
	return x->withheld ? view_ranges_withhold(&out->ranges, &out->ranges_n, x->withheld) : 0;
}

/* EVIDENCE.txt is there when anything else is. */
static int show_text(struct compile *x, struct view_evidence *out)
{
	const struct view_range *r = NULL;
	uint64_t grant = 0;

	for (size_t i = 0; !r && i < x->tops.n; i++) {
		if (shows(out, x->tops.v[i].id))
			r = view_range_at(out, x->tops.v[i].id);
	}
	if (!r || shows(out, evidence_txt) || view_pieces_taken(&x->pieces, evidence_txt))
		return 0;
	for (size_t k = 0; k < 3 && !grant; k++)
		grant = r->grant[k];
	if (compile_add(x, PIECE_GIVES, evidence_txt, evidence_txt, RIGHT_READ, grant))
		return -ENOMEM;
	return compile_ranges(x, out);
}

/* Everything above one top, up to where another's way was met. */
static int lead_to(struct compile *x, struct view_ids *ids, const struct top *top)
{
	uint64_t id = top->parent;
	uint64_t below = top->id;

	while (below != evidence_dir) {
		struct trace t;
		int r = id == below ? -EIO : view_ids_add(ids, id);

		if (r <= 0)
			return r == -ENOMEM ? r : 0;
		if (id == evidence_dir)
			return 0;
		r = evidence_get(&x->c, id, &t);
		if (r)
			return r == -ENOMEM ? r : 0;
		below = id;
		id = t.parent;
	}
	return 0;
}

static int set_passages(struct compile *x, struct view_evidence *out)
{
	struct view_ids ids = {NULL, 0, 0};
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < x->tops.n; i++) {
		if (shows(out, x->tops.v[i].id))
			r = lead_to(x, &ids, &x->tops.v[i]);
	}
	for (size_t i = 0; i < ids.n; i++) {
		if (!shows(out, ids.v[i]))
			ids.v[kept++] = ids.v[i];
	}
	out->passages = ids.v;
	out->passages_n = kept;
	return r;
}

/* ---- what counts for him ------------------------------------------------------------------ */

static bool gives(const struct model_grant *g, const struct model_evidence *me)
{
	return g->act.kind == ACT_GRANT && hold_covers(g, me) &&
	       (me->released_ns || (g->act.rights & RIGHT_PRIVILEGED));
}

static int gather(struct compile *x, const struct view_holding *h, const struct model_evidence *me)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < h->n; i++) {
		const struct model_grant *g = h->v[i];

		if (gives(g, me))
			r = give(x, &g->act);
		else if (g->act.kind == ACT_EXCLUDE && hold_covers(g, me))
			r = exclude(x, &g->act);
	}
	if (r == 0 && h->officer)
		r = give_all(x, HOLD_REVIEWER, 0);
	x->names = h->owner && me->released_ns;
	if (r == 0 && x->names)
		r = give_all(x, RIGHT_NAMES, 0);
	if (r == 0 && x->everywhere)
		r = add_part_tops(x);
	/* what a rejection shows again stands below what is withheld */
	for (size_t i = 0; r == 0 && x->withheld && i < x->withheld->tops_n; i++)
		r = add_top(x, x->withheld->tops[i].id, x->withheld->tops[i].parent);
	return r;
}

static bool is_seen(const struct compile *x, const struct view_evidence *out)
{
	const struct view_range *dir = view_range_at(out, evidence_dir);

	if (x->names && dir && (dir->rights & RIGHT_NAMES))
		return true;
	for (size_t i = 0; i < x->tops.n; i++) {
		if (shows(out, x->tops.v[i].id))
			return true;
	}
	return false;
}

static int set_head(struct view_evidence *out, const struct model_evidence *me, struct evidence *ev,
	const struct compile *x)
{
	const unsigned both = RIGHT_READ | RIGHT_DELETED;

	out->id = me->id;
	out->case_id = me->case_id;
	commit_names_key(me->secret, out->names_key);
	out->name = strdup(me->name);
	out->evidence = ev;
	out->away = !ev->media;
	out->whole = !x->excluded && (x->everywhere & both) == both &&
		     (!x->withheld || (x->everywhere & RIGHT_PRIVILEGED));
	return out->name ? 0 : -ENOMEM;
}

/* ---- all of it -------------------------------------------------------------------------- */

static int compile(struct compile *x, const struct view_holding *h, const struct view_from *from,
	struct view_evidence *out, bool *later)
{
	int r = gather(x, h, from->me);

	if (r == 0)
		r = compile_streams(x);
	if (r == 0)
		r = compile_shared_containers(x, from->hurried);
	if (r == 0)
		r = compile_ranges(x, out);
	if (r == 0)
		r = show_text(x, out);
	if (r || !is_seen(x, out))
		return r;
	r = set_passages(x, out);
	if (r == 0)
		r = set_head(out, from->me, from->ev, x);
	if (r == 0)
		r = compile_closed(x, out);
	if (r == 0)
		r = compile_mask(x, from, out, later);
	return r ? r : 1;
}

int view_evidence_compile(const struct view_holding *h, const struct view_from *from,
	struct view_evidence *out, bool *later)
{
	struct compile x = {.volumes = from->ev->manifest.n,
		.withheld = from->w,
		.unwanted = h->modest ? RIGHT_PRIVILEGED : 0};
	struct view_evidence v = {0};
	int r = 0;

	evidence_cursor_init(&x.c, from->ev);
	x.of = calloc(x.volumes + 1, sizeof(*x.of));
	x.masks = calloc(x.volumes + 1, sizeof(*x.masks));
	r = x.of && x.masks ? compile(&x, h, from, &v, later) : -ENOMEM;
	evidence_cursor_release(&x.c);
	free(x.of);
	free(x.masks);
	free(x.pieces.v);
	free(x.tops.v);
	if (r <= 0) {
		view_evidence_release(&v);
		return r == -ENOMEM ? r : 0;
	}
	*out = v;
	return 1;
}

void view_evidence_release(struct view_evidence *ev)
{
	free(ev->name);
	free(ev->ranges);
	free(ev->passages);
	free(ev->closed);
	mask_put(ev->mask);
	view_held_free(ev->held);
	*ev = (struct view_evidence){0};
}
