/* SPDX-License-Identifier: Apache-2.0 */
/* view_ranges.c - nested pieces that give and take, laid out as ranges; see view_private.h. */
#include "policy/view_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

int view_pieces_add(struct view_pieces *p, const struct view_piece *piece)
{
	if (array_room(&p->v, sizeof(*p->v), p->n, &p->cap))
		return -ENOMEM;
	p->v[p->n++] = *piece;
	return 0;
}

static bool holds(const struct view_piece *piece, uint64_t trace)
{
	return piece->first <= trace && trace <= piece->last;
}

unsigned view_pieces_rights(const struct view_pieces *p, uint64_t trace)
{
	unsigned rights = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].kind == PIECE_GIVES && holds(&p->v[i], trace))
			rights |= p->v[i].rights;
	}
	return rights;
}

bool view_pieces_taken(const struct view_pieces *p, uint64_t trace)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].kind == PIECE_TAKES && holds(&p->v[i], trace))
			return true;
	}
	return false;
}

/* ---- the sweep: pieces opened and not yet closed form a stack ------------------------- */

static const unsigned kinds[3] = {RIGHT_READ, RIGHT_DELETED, RIGHT_RAW};

/* All that the pieces on the stack up to here amount to. */
struct level {
	uint64_t last;
	unsigned rights;
	uint64_t grant[3];
	bool taken;
	bool meta;
	bool orphans;
};

struct sweep {
	struct view_range *v;
	size_t n;
	struct level *stack;
	size_t depth;
	uint64_t at; /* first trace that no range was made for yet */
	bool done;   /* there is none */
};

static struct level open_piece(const struct level *below, const struct view_piece *p)
{
	struct level l = below ? *below : (struct level){.last = UINT64_MAX};

	l.last = p->last < l.last ? p->last : l.last;
	l.taken = l.taken || p->kind == PIECE_TAKES;
	l.meta = l.meta || p->kind == PIECE_META;
	l.orphans = l.orphans || p->kind == PIECE_ORPHANS;
	if (p->kind != PIECE_GIVES)
		return l;
	for (size_t k = 0; k < 3; k++) {
		if ((p->rights & kinds[k]) && p->grant && (!l.grant[k] || p->grant < l.grant[k]))
			l.grant[k] = p->grant;
	}
	l.rights |= p->rights;
	return l;
}

/* What is left of it once the rest has taken its part. */
static struct view_range settle(const struct level *l)
{
	struct view_range r = {.rights = l->rights};

	if (l->taken || (l->meta && !(l->rights & RIGHT_PRIVILEGED)))
		r.rights = 0;
	if (l->orphans)
		r.rights &= ~RIGHT_DELETED;
	for (size_t k = 0; k < 3; k++)
		r.grant[k] = r.rights & kinds[k] ? l->grant[k] : 0;
	return r;
}

static bool alike(const struct view_range *a, const struct view_range *b)
{
	return a->rights == b->rights && a->grant[0] == b->grant[0] && a->grant[1] == b->grant[1] &&
	       a->grant[2] == b->grant[2];
}

/* Everything up to @last, under the top of the stack. */
static void advance(struct sweep *s, uint64_t last)
{
	struct view_range r = {0};

	if (s->done || last < s->at)
		return;
	if (s->depth > 0)
		r = settle(&s->stack[s->depth - 1]);
	r.first = s->at;
	r.last = last;
	s->done = last == UINT64_MAX;
	s->at = last + 1;
	if (!r.rights)
		return;
	if (s->n > 0 && s->v[s->n - 1].last + 1 == r.first && alike(&s->v[s->n - 1], &r))
		s->v[s->n - 1].last = r.last;
	else
		s->v[s->n++] = r;
}

static void close_before(struct sweep *s, uint64_t first)
{
	while (s->depth > 0 && s->stack[s->depth - 1].last < first) {
		advance(s, s->stack[s->depth - 1].last);
		s->depth--;
	}
}

static int outer_first(const void *a, const void *b)
{
	const struct view_piece *x = a;
	const struct view_piece *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->last > y->last ? -1 : x->last < y->last;
}

int view_pieces_ranges(struct view_pieces *p, struct view_range **out, size_t *n)
{
	struct sweep s = {.v = calloc(2 * p->n + 1, sizeof(*s.v)),
		.stack = calloc(p->n + 1, sizeof(*s.stack))};

	if (!s.v || !s.stack) {
		free(s.v);
		free(s.stack);
		return -ENOMEM;
	}
	if (p->n > 0)
		qsort(p->v, p->n, sizeof(*p->v), outer_first);
	for (size_t i = 0; i < p->n; i++) {
		close_before(&s, p->v[i].first);
		if (p->v[i].first > 0)
			advance(&s, p->v[i].first - 1);
		s.stack[s.depth] = open_piece(s.depth ? &s.stack[s.depth - 1] : NULL, &p->v[i]);
		s.depth++;
	}
	while (s.depth > 0) {
		advance(&s, s.stack[s.depth - 1].last);
		s.depth--;
	}
	free(s.stack);
	*out = s.v;
	*n = s.n;
	return 0;
}

/* ---- marks -------------------------------------------------------------------------------- */

/* What is left of one range, appended to @out, which has room for it. */
static void cut(const struct view_range *r, const struct withheld *w, size_t *at,
	struct view_range *out, size_t *n)
{
	struct view_range left = *r;

	while (*at < w->n && w->v[*at].last < r->first)
		++*at;
	for (size_t i = *at; i < w->n && w->v[i].first <= r->last; i++) {
		if (left.first < w->v[i].first) {
			out[*n] = left;
			out[(*n)++].last = w->v[i].first - 1;
		}
		if (w->v[i].last >= r->last)
			return;
		left.first = w->v[i].last + 1;
	}
	out[(*n)++] = left;
}

int view_ranges_withhold(struct view_range **v, size_t *n, const struct withheld *w)
{
	struct view_range *out = calloc(*n + w->n + 1, sizeof(*out));
	size_t kept = 0;
	size_t at = 0;

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < *n; i++) {
		if ((*v)[i].rights & RIGHT_PRIVILEGED)
			out[kept++] = (*v)[i];
		else
			cut(&(*v)[i], w, &at, out, &kept);
	}
	free(*v);
	*v = out;
	*n = kept;
	return 0;
}

/* ---- look-ups ----------------------------------------------------------------------------- */

/* Place of the first range that does not end before @trace. */
static size_t range_place(const struct view_evidence *ev, uint64_t trace)
{
	size_t low = 0;
	size_t high = ev->ranges_n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ev->ranges[middle].last < trace)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct view_range *view_range_at(const struct view_evidence *ev, uint64_t trace)
{
	size_t at = range_place(ev, trace);

	return at < ev->ranges_n && ev->ranges[at].first <= trace ? &ev->ranges[at] : NULL;
}

/* Place of the first id in a sorted list that is not below @id; @n none. */
static size_t place_of(const uint64_t *v, size_t n, uint64_t id)
{
	size_t low = 0;
	size_t high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (v[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool view_has(const uint64_t *v, size_t n, uint64_t id)
{
	size_t at = place_of(v, n, id);

	return at < n && v[at] == id;
}

int view_ids_add(struct view_ids *l, uint64_t id)
{
	size_t at = place_of(l->v, l->n, id);

	if (at < l->n && l->v[at] == id)
		return 0;
	if (array_room(&l->v, sizeof(*l->v), l->n, &l->cap))
		return -ENOMEM;
	memmove(l->v + at + 1, l->v + at, (l->n - at) * sizeof(*l->v));
	l->v[at] = id;
	l->n++;
	return 1;
}

uint64_t view_seen_from(const struct view_evidence *ev, uint64_t from, unsigned right)
{
	size_t passage = place_of(ev->passages, ev->passages_n, from);
	uint64_t seen = passage < ev->passages_n ? ev->passages[passage] : UINT64_MAX;

	for (size_t i = range_place(ev, from); i < ev->ranges_n; i++) {
		const struct view_range *r = &ev->ranges[i];
		uint64_t first = r->first > from ? r->first : from;

		if (r->rights & (right | RIGHT_NAMES))
			return first < seen ? first : seen;
		if (first > seen)
			break;
	}
	return seen;
}
