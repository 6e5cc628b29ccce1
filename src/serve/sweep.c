/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep.c - hashing in the order of the image; see sweep.h.
 *
 * Each open file knows the image byte where it goes on. They are a heap by that, so that
 * bytes that go by meet those files only that have a part of them, however many are open.
 * No file goes on before the end of what has gone by: then its bytes were not shown, and
 * it is left out.
 */
#include "serve/sweep.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/digest.h"
#include "serve/content.h"
#include "serve/sweep_plan.h"

#define PLANNED_MAX ((size_t)1 << 21) /* 48 MiB; sorting takes as much again */
#define OPEN_MAX    16384u
#define EXTENTS_MAX ((size_t)1 << 20) /* of all open files */

struct file {
	uint64_t id;
	uint64_t at; /* image byte where it goes on */
	struct extent_map map;
	size_t i; /* extent */
	struct digest *digest;
	struct file *next; /* of those at rest */
};

struct sweep {
	struct evidence *ev;
	struct sweep_opts o;
	struct sweep_plan plan;
	struct file **heap; /* by `at` */
	size_t n, cap;
	size_t extents;
	struct file *rest; /* with a digest each, ready for the next */
};

/* ---- the heap ------------------------------------------------------------------------------ */

static int push(struct sweep *s, struct file *f)
{
	size_t i = s->n;

	if (array_room(&s->heap, sizeof(struct file *), s->n, &s->cap))
		return -ENOMEM;
	s->n++;
	for (; i > 0 && s->heap[(i - 1) / 2]->at > f->at; i = (i - 1) / 2)
		s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = f;
	return 0;
}

static struct file *pop(struct sweep *s)
{
	struct file *top = s->heap[0];
	struct file *f = s->heap[--s->n];
	size_t i = 0;

	for (size_t k = 1; k < s->n; k = 2 * i + 1) {
		if (k + 1 < s->n && s->heap[k + 1]->at < s->heap[k]->at)
			k++;
		if (f->at <= s->heap[k]->at)
			break;
		s->heap[i] = s->heap[k];
		i = k;
	}
	s->heap[i] = f;
	return top;
}

/* ---- files --------------------------------------------------------------------------------- */

static void file_free(struct file *f)
{
	digest_free(f->digest);
	extent_map_release(&f->map);
	free(f);
}

/* Done with, or given up: its digest waits for the next. */
static void lay_down(struct sweep *s, struct file *f)
{
	s->extents -= f->map.n;
	extent_map_release(&f->map);
	f->next = s->rest;
	s->rest = f;
}

static void give_up(struct sweep *s, struct file *f)
{
	uint8_t none[DIGEST_MAX];

	digest_final(f->digest, none); /* makes it ready */
	lay_down(s, f);
}

static struct file *take_up(struct sweep *s)
{
	struct file *f = s->rest;

	if (f) {
		s->rest = f->next;
		return f;
	}
	f = calloc(1, sizeof(*f));
	if (f && !(f->digest = digest_new(DIGEST_SHA256))) {
		free(f);
		return NULL;
	}
	return f;
}

static int wait_on(struct sweep *s, struct file *f)
{
	int r = push(s, f);

	if (r)
		give_up(s, f);
	return r;
}

static int end_file(struct sweep *s, struct file *f)
{
	uint8_t sha256[DIGEST_MAX];
	int r = digest_final(f->digest, sha256);
	uint64_t id = f->id;

	lay_down(s, f);
	return r ? r : s->o.found(s->o.ctx, id, sha256);
}

static void add_zeros(struct digest *d, uint64_t n)
{
	static const uint8_t zeros[4096];

	for (; n > 0; n -= n < sizeof(zeros) ? n : sizeof(zeros))
		digest_update(d, zeros, n < sizeof(zeros) ? (size_t)n : sizeof(zeros));
}

/* What [@off, @off + @n) has of it, from f->at on. It is ended, or waits for what follows. */
static int go_on(struct sweep *s, struct file *f, uint64_t off, const uint8_t *p, uint64_t n)
{
	for (; f->i < f->map.n; f->i++) {
		const struct extent *x = &f->map.v[f->i];
		uint64_t end = off + n < x->offset + x->length ? off + n : x->offset + x->length;

		if (x->kind == EXTENT_ZERO) {
			add_zeros(f->digest, x->length);
			continue;
		}
		if (f->at < x->offset)
			f->at = x->offset;
		if (f->at < end) {
			digest_update(f->digest, p + (f->at - off), (size_t)(end - f->at));
			f->at = end;
		}
		if (f->at < x->offset + x->length)
			return wait_on(s, f);
	}
	return end_file(s, f);
}

/* ---- what begins --------------------------------------------------------------------------- */

/* Its extents; one that lies in one piece has been told by the plan. */
static int extents_of(struct sweep *s, const struct planned *item, struct extent_map *map)
{
	if (item->length == 0)
		return content_extents(s->ev, item->id, map);
	map->v = calloc(1, sizeof(*map->v));
	if (!map->v)
		return -ENOMEM;
	map->n = 1;
	map->v[0] = (struct extent){
		.length = item->length, .offset = item->offset, .kind = EXTENT_DATA};
	return 0;
}

static int begin_file(
	struct sweep *s, const struct planned *item, uint64_t off, const uint8_t *p, uint64_t n)
{
	struct extent_map map = {NULL, 0};
	struct file *f = NULL;
	int r = 0;

	if (s->n >= s->o.open_max || s->extents >= EXTENTS_MAX)
		return 0;
	r = extents_of(s, item, &map);
	if (r)
		return r == -ENOMEM ? r : 0;
	f = take_up(s);
	if (!f) {
		extent_map_release(&map);
		return -ENOMEM;
	}
	f->id = item->id;
	f->at = item->offset;
	f->map = map;
	f->i = 0;
	s->extents += map.n;
	return go_on(s, f, off, p, n);
}

/* What begins in [@off, @off + @n) of bytes that were read, and was not passed over before. */
static int begin(
	struct sweep *s, const struct planned *item, uint64_t off, const uint8_t *p, uint64_t n)
{
	uint8_t sha256[DIGEST_MAX];

	if (!p || item->offset < off)
		return 0;
	if (item->length == 0 || item->length > off + n - item->offset)
		return begin_file(s, item, off, p, n);
	digest_sha256(p + (item->offset - off), (size_t)item->length, sha256);
	return s->o.found(s->o.ctx, item->id, sha256);
}

static int next_plan(struct sweep *s)
{
	return sweep_plan_make(&s->plan, s->ev, s->plan.bound, s->o.known, s->o.ctx);
}

int sweep_bytes(struct sweep *s, uint64_t off, const uint8_t *p, uint64_t n)
{
	struct sweep_plan *plan = &s->plan;
	int r = 0;

	while (r == 0 && s->n > 0 && s->heap[0]->at < off + n) {
		struct file *f = pop(s);

		if (p && f->at >= off)
			r = go_on(s, f, off, p, n);
		else
			give_up(s, f);
	}
	while (r == 0 && (plan->next < plan->n || plan->bound < off + n)) {
		if (plan->next == plan->n)
			r = next_plan(s);
		else if (plan->v[plan->next].offset < off + n)
			r = begin(s, &plan->v[plan->next++], off, p, n);
		else
			break;
	}
	return r;
}

int sweep_new(struct evidence *ev, const struct sweep_opts *o, struct sweep **out)
{
	struct sweep *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return -ENOMEM;
	s->ev = ev;
	s->o = *o;
	if (s->o.open_max == 0)
		s->o.open_max = OPEN_MAX;
	s->plan.max = o->planned_max ? o->planned_max : PLANNED_MAX;
	r = next_plan(s); /* from the image's first byte on */
	if (r) {
		sweep_free(s);
		return r;
	}
	*out = s;
	return 0;
}

void sweep_free(struct sweep *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		file_free(s->heap[i]);
	while (s->rest) {
		struct file *f = s->rest;

		s->rest = f->next;
		file_free(f);
	}
	free(s->heap);
	sweep_plan_release(&s->plan);
	free(s);
}
