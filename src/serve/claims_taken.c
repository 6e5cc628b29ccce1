/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claims_taken.c - what of a volume is taken, and what deleted files had that they do not show
 * any more; see claims.h.
 */
#include "serve/claims_private.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"

static bool is_taken(const struct claim *claim)
{
	return (claim->flags & (PLACE_DATA | PLACE_STALE)) == PLACE_DATA;
}

int claims_settle_taken(struct claims *c)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n; i++) {
		if (is_taken(&c->v[i]))
			r = spans_add(&c->taken, c->v[i].begin, c->v[i].end);
	}
	spans_settle(&c->taken);
	return r;
}

static int by_lost(const void *a, const void *b)
{
	const struct claim_lost *x = a;
	const struct claim_lost *y = b;
	int r = claims_compare(x->number, y->number);

	return r ? r : claims_compare(x->at.begin, y->at.begin);
}

struct of_lost {
	struct claims *c;
	uint32_t number;
};

static int add_lost(void *ctx, uint64_t begin, uint64_t end)
{
	const struct of_lost *x = ctx;
	struct claims *c = x->c;

	if (array_room(&c->lost, sizeof(*c->lost), c->lost_n, &c->lost_cap))
		return -ENOMEM;
	c->lost[c->lost_n++] = (struct claim_lost){{begin, end}, x->number};
	return 0;
}

/* What of [@begin, @end) nothing allocated has. */
static int add_untaken(struct claims *c, uint32_t number, uint64_t begin, uint64_t end)
{
	struct of_lost x = {c, number};

	return spans_gaps(&c->taken, begin, end, add_lost, &x);
}

/* Places that a deleted file had, without what its own extents show of them. */
struct losing {
	uint32_t claimant;
	uint64_t begin; /* what is before is settled */
	uint64_t end;
};

static int by_claimant(const void *a, const void *b)
{
	const struct losing *x = a;
	const struct losing *y = b;
	int r = claims_compare(x->claimant, y->claimant);

	return r ? r : claims_compare(x->begin, y->begin);
}

static bool is_losing(const struct claims *c, const struct claim *claim)
{
	const unsigned both = PLACE_DATA | PLACE_STALE;
	const struct claimant *w = NULL;

	if ((claim->flags & both) != both || (claim->flags & CLAIM_CONTENTS) ||
		claim->claimant == CLAIM_NOBODY)
		return false;
	w = &c->who[claim->claimant];
	return (w->flags & CLAIMANT_DELETED) &&
	       !(w->flags & (CLAIMANT_REUSED | CLAIMANT_DIR | CLAIMANT_BY_ASKING));
}

/* The first of @claimant's. */
static size_t losing_of(const struct losing *v, size_t n, uint32_t claimant)
{
	size_t low = 0;
	size_t high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (v[middle].claimant < claimant)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int lose(struct claims *c, struct losing *v, size_t n)
{
	int r = 0;

	qsort(v, n, sizeof(*v), by_claimant);
	for (size_t i = 0; r == 0 && i < c->n; i++) { /* by `begin` */
		const struct claim *own = &c->v[i];

		if (!(own->flags & CLAIM_CONTENTS) || !(own->flags & PLACE_STALE) ||
			own->claimant == CLAIM_NOBODY)
			continue;
		for (size_t k = losing_of(v, n, own->claimant);
			r == 0 && k < n && v[k].claimant == own->claimant; k++) {
			if (own->end <= v[k].begin || own->begin >= v[k].end)
				continue;
			r = add_untaken(c, c->who[own->claimant].number, v[k].begin, own->begin);
			v[k].begin = own->end;
		}
	}
	for (size_t k = 0; r == 0 && k < n; k++)
		r = add_untaken(c, c->who[v[k].claimant].number, v[k].begin, v[k].end);
	if (r == 0 && c->lost_n > 0)
		qsort(c->lost, c->lost_n, sizeof(*c->lost), by_lost);
	return r;
}

int claims_settle_lost(struct claims *c)
{
	struct losing *v = NULL;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < c->n; i++)
		n += is_losing(c, &c->v[i]);
	v = n ? calloc(n, sizeof(*v)) : NULL;
	if (!v)
		return n ? -ENOMEM : 0;
	n = 0;
	for (size_t i = 0; i < c->n; i++) {
		const struct claim *claim = &c->v[i];

		if (is_losing(c, claim))
			v[n++] = (struct losing){
				claim->claimant, claim->begin, claim->end - claim->value};
	}
	r = lose(c, v, n);
	free(v);
	return r;
}

int claims_lost(struct evidence *ev, uint64_t first, uint64_t last, const struct claim_lost **out,
	size_t *n)
{
	const struct claims *c = NULL;
	const struct claim_lost key = {{0, 0}, (uint32_t)trace_number(first)};
	size_t low = 0;
	size_t high = 0;
	int r = claims_of(ev, trace_volume(first), &c);

	if (r)
		return r;
	high = c->lost_n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (by_lost(&c->lost[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*out = c->lost_n ? c->lost + low : NULL;
	for (*n = 0; low < c->lost_n && c->lost[low].number <= trace_number(last); low++)
		++*n;
	return 0;
}
