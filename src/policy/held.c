/* SPDX-License-Identifier: Apache-2.0 */
/* held.c - what may be on a road from something marked; see held.h. */
#include "policy/held.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/array.h"
#include "serve/containers.h"
#include "serve/hashes.h"

/* So many look-ups by place; beyond, traces that have the same are gone through. */
#define BY_PLACE 16u
/* So many of them; who has more is held. */
#define SAME_MAX 10000u

struct part {
	struct evidence *ev;
	struct view_interval *v;
	size_t n;
};

struct held {
	_Atomic unsigned uses;
	uint64_t floor;
	struct part *v;
	size_t n, cap;
};

struct held *held_new(uint64_t copy_floor)
{
	struct held *h = calloc(1, sizeof(*h));

	if (h) {
		h->uses = 1;
		h->floor = copy_floor;
	}
	return h;
}

int held_add(struct held *h, struct evidence *ev, struct view_interval *v, size_t n)
{
	if (array_room(&h->v, sizeof(*h->v), h->n, &h->cap)) {
		free(v);
		return -ENOMEM;
	}
	h->v[h->n++] = (struct part){ev, v, n};
	return 0;
}

struct held *held_get(struct held *h)
{
	if (h)
		atomic_fetch_add(&h->uses, 1);
	return h;
}

void held_put(struct held *h)
{
	if (!h || atomic_fetch_sub(&h->uses, 1) > 1)
		return;
	for (size_t i = 0; i < h->n; i++)
		free(h->v[i].v);
	free(h->v);
	free(h);
}

static bool touches(const struct part *p, uint64_t first, uint64_t last)
{
	size_t at = view_interval_place(p->v, p->n, first);

	return at < p->n && p->v[at].first <= last;
}

static bool touches_volume(const struct part *p, unsigned volume)
{
	return touches(p, trace_id(1 + 2 * volume, 0), trace_id(2 + 2 * volume, TRACE_NUMBER_MASK));
}

/* ---- traces that have the same ------------------------------------------------------------- */

struct looking {
	const struct part *p;
	unsigned volume;
	unsigned met;
};

/* Return: 1 it is marked, or there are too many to tell. */
static int look(struct looking *x, uint64_t trace)
{
	return touches(x->p, trace, trace) || ++x->met > SAME_MAX;
}

static int look_at_name(void *ctx, const struct index_item *item)
{
	struct looking *x = ctx;

	return look(x, trace_of_index(x->volume, item->id));
}

static int look_at_copy(void *ctx, uint64_t trace, const uint8_t sha256[static 32])
{
	(void)sha256;
	return look(ctx, trace);
}

static int has_name(const struct part *p, struct evidence_cursor *c, const struct trace *t)
{
	unsigned volume = trace_volume(t->id);
	struct looking x = {p, volume, 0};
	struct index_reader *reader = NULL;
	int r = 0;

	if (t->inode == 0 || !touches_volume(p, volume))
		return 0;
	r = evidence_reader(c, t->id, &reader);
	return r ? r : index_of_inode(reader, t->inode, look_at_name, &x);
}

static int has_copy(const struct part *p, const uint8_t sha256[static 32])
{
	struct looking x = {p, 0, 0};
	int r = 0;

	if (p->n > BY_PLACE)
		return hashes_with(p->ev->hashes, sha256, look_at_copy, &x);
	for (size_t i = 0; r == 0 && i < p->n; i++)
		r = hashes_within(p->ev->hashes, sha256, p->v[i].first, p->v[i].last);
	return r;
}

static int look_for(
	const struct held *h, struct evidence_cursor *c, const struct trace *t, bool contents)
{
	uint8_t sha256[32];
	bool hashed = contents && t->size > 0 && t->size >= h->floor &&
		      hashes_get(c->ev->hashes, t->id, sha256) == 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < h->n; i++) {
		if (h->v[i].ev == c->ev)
			r = has_name(&h->v[i], c, t);
		if (r == 0 && hashed)
			r = has_copy(&h->v[i], sha256);
	}
	return r;
}

static bool is_marked_in(const struct held *h, const struct evidence *ev, unsigned volume)
{
	for (size_t i = 0; i < h->n; i++) {
		if (h->v[i].ev == ev && touches_volume(&h->v[i], volume))
			return true;
	}
	return false;
}

/* What a member stands in may be what is meant; what is in a container may be, too. */
static int look_around(const struct held *h, struct evidence_cursor *c, uint64_t trace)
{
	const struct containers *all = &c->ev->containers;
	const struct container_folder *f = containers_around(all, trace);
	int r = containers_of(all, trace) != NULL;

	for (; r == 0 && f; f = f->up ? &all->v[f->up - 1] : NULL) {
		struct trace t;

		r = evidence_get(c, f->id - 1, &t);
		if (r == 0)
			r = look_for(h, c, &t, true);
	}
	return r;
}

int held_trace(const struct held *h, struct evidence *ev, uint64_t trace)
{
	struct evidence_cursor c;
	struct trace t;
	int r = 0;

	evidence_cursor_init(&c, ev);
	r = evidence_get(&c, trace, &t);
	if (r == 0)
		r = t.kind == ENTRY_LINK
			    ? is_marked_in(h, ev, trace_volume(trace))
			    : look_for(h, &c, &t, t.kind == ENTRY_FILE || t.kind == ENTRY_STREAM);
	if (r == 0)
		r = look_around(h, &c, trace);
	evidence_cursor_release(&c);
	return r;
}
