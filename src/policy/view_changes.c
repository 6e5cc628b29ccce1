/* SPDX-License-Identifier: Apache-2.0 */
/* view_changes.c - where two views of one piece of evidence differ; see view.h. */
#include "policy/view_private.h"

#include <errno.h>
#include <stdlib.h>

size_t view_interval_place(const struct view_interval *v, size_t n, uint64_t first)
{
	size_t low = 0;
	size_t high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (v[middle].last < first)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct changes {
	struct view_interval *v;
	size_t n;
};

/* Rights from @at on, and how far they go. */
static unsigned rights_from(const struct view_evidence *ev, size_t *i, uint64_t at, uint64_t *until)
{
	*until = UINT64_MAX;
	if (!ev)
		return 0;
	while (*i < ev->ranges_n && ev->ranges[*i].last < at)
		(*i)++;
	if (*i == ev->ranges_n)
		return 0;
	if (ev->ranges[*i].first > at) {
		*until = ev->ranges[*i].first - 1;
		return 0;
	}
	*until = ev->ranges[*i].last;
	return ev->ranges[*i].rights & VIEW_RIGHTS;
}

static void ranges_differ(
	const struct view_evidence *old, const struct view_evidence *new, struct changes *c)
{
	uint64_t at = 0;
	size_t i = 0;
	size_t k = 0;

	for (;;) {
		uint64_t until = 0;
		uint64_t other = 0;
		unsigned had = rights_from(old, &i, at, &until);
		unsigned has = rights_from(new, &k, at, &other);

		if (other < until)
			until = other;
		if (had != has)
			c->v[c->n++] = (struct view_interval){at, until};
		if (until == UINT64_MAX)
			return;
		at = until + 1;
	}
}

static void passages_differ(
	const struct view_evidence *one, const struct view_evidence *other, struct changes *c)
{
	for (size_t i = 0; one && i < one->passages_n; i++) {
		uint64_t id = one->passages[i];

		if (!other || !view_has(other->passages, other->passages_n, id))
			c->v[c->n++] = (struct view_interval){id, id};
	}
}

static void closed_differ(
	const struct view_evidence *one, const struct view_evidence *other, struct changes *c)
{
	for (size_t i = 0; one && i < one->closed_n; i++) {
		uint64_t id = one->closed[i];

		if (!other || !view_has(other->closed, other->closed_n, id))
			c->v[c->n++] = (struct view_interval){id, id};
	}
}

/* What reads otherwise now: byte streams, and whatever lies over bytes that are blanked. */
static void masks_differ(
	const struct view_evidence *one, const struct view_evidence *other, struct changes *c)
{
	const struct evidence *ev = one ? one->evidence : NULL;

	if (!one || !other || mask_same(one->mask, other->mask))
		return;
	c->v[c->n++] = (struct view_interval){
		trace_id(0, TRACE_EVIDENCE_TXT), trace_id(0, TRACE_NUMBER_MASK)};
	for (unsigned k = 0; k < ev->manifest.n; k++) {
		if (mask_streams(one->mask, k) || mask_streams(other->mask, k))
			c->v[c->n++] = (struct view_interval){
				trace_id(1 + 2 * k, 0), trace_id(2 + 2 * k, TRACE_NUMBER_MASK)};
	}
}

static int compare(const void *a, const void *b)
{
	const struct view_interval *x = a;
	const struct view_interval *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* Sorted, none touching another. */
static void tidy(struct changes *c)
{
	size_t kept = 0;

	if (c->n > 0)
		qsort(c->v, c->n, sizeof(*c->v), compare);
	for (size_t i = 0; i < c->n; i++) {
		struct view_interval *last = kept ? &c->v[kept - 1] : NULL;

		if (last && (last->last == UINT64_MAX || c->v[i].first <= last->last + 1)) {
			if (c->v[i].last > last->last)
				last->last = c->v[i].last;
		} else {
			c->v[kept++] = c->v[i];
		}
	}
	c->n = kept;
}

static size_t room_for(const struct view_evidence *ev)
{
	return ev ? 2 * ev->ranges_n + ev->passages_n + ev->closed_n + ev->evidence->manifest.n + 1
		  : 0;
}

int view_changes(const struct view_evidence *old, const struct view_evidence *new,
	struct view_interval **out, size_t *n)
{
	struct changes c = {.v = calloc(room_for(old) + room_for(new) + 3, sizeof(*c.v)), .n = 0};

	if (!c.v)
		return -ENOMEM;
	ranges_differ(old, new, &c);
	passages_differ(old, new, &c);
	passages_differ(new, old, &c);
	closed_differ(old, new, &c);
	closed_differ(new, old, &c);
	masks_differ(old, new, &c);
	/* pages of what was copied elsewhere, too */
	if (!view_held_same(old, new))
		c.v[c.n++] = (struct view_interval){0, UINT64_MAX};
	tidy(&c);
	*out = c.v;
	*n = c.n;
	return 0;
}
