/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view_mask.c - the bytes of the media that a view does not show; see view.h.
 *
 * What is decided of traces (ranges, passages, what marks withhold) is decided here of
 * bytes: those of allocated files by who has them, others by who claims them. What nobody
 * is known to have among metadata is blanked too. Fails closed: what cannot be told of
 * a volume ends the compile.
 */
#include "policy/view_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/decide.h"
#include "serve/claims.h"
#include "serve/containers.h"

/* Of a claimant. */
#define SEEN     0x1u
#define WITHHELD 0x2u

struct masking {
	const struct view_evidence *ev;
	const struct withheld *w;
	const struct claims *c;
	unsigned volume;
	uint8_t *sight;     /* of each claimant */
	struct spans shown; /* bytes of allocated files that are seen */
	struct mask *out;
};

static uint64_t trace_of(const struct masking *x, const struct claimant *w)
{
	unsigned part = (w->flags & CLAIMANT_DELETED ? 2u : 1u) + 2 * x->volume;

	return trace_id(part, w->number);
}

/* A container of which a mark withholds a member. */
static bool holds_withheld(const struct masking *x, uint64_t trace)
{
	const struct container_folder *f = containers_of(&x->ev->evidence->containers, trace);

	/* one that is none itself is another name of one */
	return !f || withheld_has(x->w, trace) || withheld_in(x->w, f->id, f->last);
}

static uint8_t sight_of(const struct masking *x, const struct claimant *w)
{
	uint64_t trace = trace_of(x, w);
	const struct view_range *r = view_range_at(x->ev, trace);

	if (view_has(x->ev->closed, x->ev->closed_n, trace))
		return holds_withheld(x, trace) ? WITHHELD : 0;
	/* the file system's own: its bytes are blanked by place, not as a file */
	if ((w->flags & CLAIMANT_SYSTEM) || (r && (r->rights & right_for(trace))))
		return SEEN;
	if (w->flags & CLAIMANT_DIR) {
		if (view_has(x->ev->passages, x->ev->passages_n, trace) ||
			(r && (r->rights & RIGHT_NAMES)))
			return SEEN;
	}
	return withheld_has(x->w, trace) ? WITHHELD : 0;
}

/* Whether a claim is of what is not shown. *@marked: a mark withholds it. */
static bool is_hidden(const struct masking *x, const struct claim *claim, bool *marked)
{
	const struct claims *c = x->c;
	bool name = claim->flags & CLAIM_NAME;
	bool seen = false;
	bool unseen = false;
	bool allocated = false;

	*marked = false;
	if (claim->claimant == CLAIM_NOBODY)
		return true;
	for (size_t i = claim->claimant;
		i < c->who_n && claimant_same(&c->who[claim->claimant], &c->who[i], claim->flags);
		i++) {
		const struct claimant *w = &c->who[i];

		if (w->flags & CLAIMANT_REUSED)
			continue;
		/* a name that is there counts, not one that was */
		if (name && !(w->flags & CLAIMANT_DELETED) && !allocated) {
			allocated = true;
			seen = unseen = false;
		}
		if (name && allocated && (w->flags & CLAIMANT_DELETED))
			continue;
		seen = seen || x->sight[i] == SEEN;
		unseen = unseen || x->sight[i] != SEEN;
		*marked = *marked || x->sight[i] == WITHHELD;
	}
	return !seen || *marked || (name && unseen);
}

/* ---- one claim ----------------------------------------------------------------------------- */

struct blanking {
	struct masking *x;
	const struct claim *claim;
};

static int blank(void *ctx, uint64_t begin, uint64_t end)
{
	const struct blanking *b = ctx;
	const struct claim *claim = b->claim;
	bool all = begin == claim->begin && end == claim->end;
	const struct mask_range r = {.begin = begin,
		.end = end,
		.value = claim->action == PLACE_ZERO ? 0 : claim->value,
		.action = all || claim->action == PLACE_FILL ? (enum place_action)claim->action
							     : PLACE_ZERO};

	return begin < end ? mask_add(b->x->out, &r) : 0;
}

static int blank_claim(struct masking *x, const struct claim *claim)
{
	struct blanking b = {x, claim};
	bool marked = false;

	if (!is_hidden(x, claim, &marked))
		return 0;
	/* what nothing allocated has, whatever the map of what is free says */
	if (claim->flags & PLACE_STALE)
		return spans_gaps(&x->c->taken, claim->begin, claim->end, blank, &b);
	/* what no allocated file that is seen has */
	if ((claim->flags & PLACE_DATA) && !marked)
		return spans_gaps(&x->shown, claim->begin, claim->end, blank, &b);
	return blank(&b, claim->begin, claim->end);
}

/* ---- one volume --------------------------------------------------------------------------------
 */

static int find_shown(struct masking *x)
{
	const struct claims *c = x->c;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n; i++) {
		const struct claim *claim = &c->v[i];
		bool marked = false;

		if ((claim->flags & (PLACE_DATA | PLACE_STALE)) == PLACE_DATA &&
			claim->claimant != CLAIM_NOBODY && !is_hidden(x, claim, &marked))
			r = spans_add(&x->shown, claim->begin, claim->end);
	}
	return r;
}

static int mask_volume(struct masking *x)
{
	const struct claims *c = x->c;
	int r = 0;

	x->sight = malloc(c->who_n + 1);
	if (!x->sight)
		return -ENOMEM;
	for (size_t i = 0; i < c->who_n; i++)
		x->sight[i] = sight_of(x, &c->who[i]);
	r = find_shown(x);
	for (size_t i = 0; r == 0 && i < c->n; i++)
		r = blank_claim(x, &c->v[i]);
	return r;
}

/* All whom a claim means, if they are as @flags say: their contents are blanked as a whole. */
static int blank_claimants(struct masking *x, const struct claim *claim, unsigned flags)
{
	const struct claims *c = x->c;
	const struct claimant *first = &c->who[claim->claimant];
	int r = 0;

	for (size_t k = claim->claimant;
		r == 0 && k < c->who_n && claimant_same(first, &c->who[k], claim->flags); k++) {
		if ((c->who[k].flags & flags) == flags)
			r = mask_add_blank(x->out, trace_of(x, &c->who[k]));
	}
	return r;
}

/* Contents that only a worker can tell, of what is seen over bytes that are blanked. */
static int blank_asked(struct masking *x)
{
	const struct claims *c = x->c;
	int r = 0;

	for (size_t i = 0; r == 0 && !c->complete && i < c->who_n; i++) {
		if ((c->who[i].flags & CLAIMANT_BY_ASKING) && (c->who[i].flags & CLAIMANT_DELETED))
			r = mask_add_blank(x->out, trace_of(x, &c->who[i]));
	}
	for (size_t i = 0; r == 0 && i < c->n; i++) {
		const struct claim *claim = &c->v[i];

		if (!(claim->flags & PLACE_DATA) || claim->claimant == CLAIM_NOBODY ||
			!mask_touches(x->out, claim->begin, claim->end))
			continue;
		r = blank_claimants(x, claim, CLAIMANT_BY_ASKING);
	}
	return r;
}

typedef int volume_fn(struct masking *x);

/* @each for every volume of which something is not shown. */
static int each_volume(struct masking *x, const bool *masked, volume_fn *each)
{
	struct evidence *ev = x->ev->evidence;
	int r = 0;

	for (unsigned k = 0; r == 0 && k < ev->manifest.n; k++) {
		if (!masked[k] || !ev->volumes[k].index)
			continue;
		x->volume = k;
		r = claims_of(ev, k, &x->c);
		if (r == 0)
			r = each(x);
		free(x->sight);
		free(x->shown.v);
		x->sight = NULL;
		x->shown = (struct spans){NULL, 0, 0};
	}
	return r;
}

/* What has a volume in it whose names cannot be blanked, as a file of another volume. */
static int blank_container(struct masking *x, uint64_t begin)
{
	const struct claims *c = x->c;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n && c->v[i].begin <= begin; i++) {
		const struct claim *claim = &c->v[i];

		if (!(claim->flags & CLAIM_CONTENTS) || claim->end <= begin ||
			claim->claimant == CLAIM_NOBODY)
			continue;
		r = blank_claimants(x, claim, 0);
	}
	return r;
}

static int blank_containers(struct masking *x)
{
	struct evidence *ev = x->ev->evidence;
	unsigned own = x->volume;
	int r = 0;

	for (unsigned k = 0; r == 0 && !x->c->complete && k < ev->manifest.n; k++) {
		struct masking other = {.volume = k, .out = x->out};

		if (k == own || !ev->volumes[k].index)
			continue;
		r = claims_of(ev, k, &other.c);
		if (r == 0)
			r = blank_container(&other, ev->manifest.volumes[own].scan.offset);
	}
	return r;
}

static bool is_privileged(const struct view_evidence *ev)
{
	for (size_t i = 0; i < ev->ranges_n; i++) {
		if (!(ev->ranges[i].rights & RIGHT_PRIVILEGED))
			return false;
	}
	return true;
}

/* Pieces of what is withheld, where it has no name. */
static int blank_remnants(struct masking *x)
{
	int r = 0;

	for (size_t i = 0; r == 0 && x->w && i < x->w->remnants_n; i++) {
		const struct road_remnant *found = &x->w->remnants[i];
		const struct mask_range range = {.begin = found->first, .end = found->last + 1};

		r = found->shared ? mask_add_streams(x->out, range.begin, range.end)
				  : mask_add(x->out, &range);
	}
	return r;
}

int view_mask_make(const struct view_evidence *ev, const struct withheld *w, const bool *masked,
	struct mask **out)
{
	struct masking x = {.ev = ev, .w = w, .out = mask_new(ev->evidence->manifest.n)};
	int r = x.out ? 0 : -ENOMEM;

	if (r == 0)
		memcpy(x.out->volumes, masked, x.out->volumes_n * sizeof(*masked));
	if (r == 0)
		r = each_volume(&x, masked, mask_volume);
	if (r == 0 && !is_privileged(ev))
		r = blank_remnants(&x);
	if (r == 0)
		r = mask_settle(x.out);
	if (r == 0)
		r = each_volume(&x, masked, blank_asked);
	if (r == 0)
		r = each_volume(&x, masked, blank_containers);
	if (r) {
		mask_put(x.out);
		return r;
	}
	mask_settle_blank(x.out);
	*out = x.out;
	return 0;
}
