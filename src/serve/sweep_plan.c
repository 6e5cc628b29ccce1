/* SPDX-License-Identifier: Apache-2.0 */
/* sweep_plan.c - traces in the order of the image; see sweep_plan.h. */
#include "serve/sweep_plan.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"

#define ZEROS_MAX (UINT64_C(1) << 20) /* bytes of holes that do not hold up the image */

bool sweep_suits(const struct extent_map *m)
{
	uint64_t end = 0;
	uint64_t zeros = 0;
	bool data = false;

	for (size_t i = 0; i < m->n; i++) {
		const struct extent *x = &m->v[i];

		if (x->kind == EXTENT_ERROR || (x->kind == EXTENT_DATA && x->offset < end))
			return false;
		if (x->kind == EXTENT_DATA) {
			end = x->offset + x->length;
			data = true;
		} else {
			zeros += x->length;
		}
	}
	return data && zeros <= ZEROS_MAX;
}

static int by_offset(const void *a, const void *b)
{
	const struct planned *x = a;
	const struct planned *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static void sort(struct sweep_plan *p)
{
	if (p->n > 1)
		qsort(p->v, p->n, sizeof(*p->v), by_offset);
}

/* Full: the half that begins later is left to the next plan. */
static void shorten(struct sweep_plan *p)
{
	sort(p);
	p->bound = p->v[p->n / 2].offset;
	if (p->bound == p->v[0].offset)
		p->bound++;
	while (p->n > 0 && p->v[p->n - 1].offset >= p->bound)
		p->n--;
	p->crowded = p->n == p->max;
}

static int add(struct sweep_plan *p, const struct planned *item)
{
	if (p->n == p->max && !p->crowded)
		shorten(p);
	if (item->offset >= p->bound || p->n == p->max)
		return 0;
	if (array_room(&p->v, sizeof(*p->v), p->n, &p->cap))
		return -ENOMEM;
	p->v[p->n++] = *item;
	return 0;
}

struct making {
	struct sweep_plan *plan;
	uint64_t media_size;
	uint64_t from;
	unsigned volume;
	bool (*known)(void *ctx, uint64_t id);
	void *ctx;
};

static uint64_t begin_of(const struct extent_map *m)
{
	size_t i = 0;

	while (i < m->n && m->v[i].kind != EXTENT_DATA)
		i++;
	return i < m->n ? m->v[i].offset : UINT64_MAX;
}

static int take(void *ctx, const struct trace *t, const uint8_t *content, size_t n)
{
	struct making *k = ctx;
	struct planned item = {.id = trace_of_index(k->volume, t->id)};
	struct extent_map map = {NULL, 0};
	int r = 0;

	if ((t->kind != ENTRY_FILE && t->kind != ENTRY_STREAM) || t->size == 0 ||
		(t->flags & ENTRY_NOHASH) || t->first != t->id || n == 0 ||
		content[0] != CONTENT_EXTENTS || (k->known && k->known(k->ctx, item.id)))
		return 0;
	r = extent_map_decode(content, n, t->size, k->media_size, &map);
	if (r)
		return r == -ENOMEM ? r : 0; /* whoever reads it says what is wrong */
	item.offset = begin_of(&map);
	item.length = map.n == 1 ? map.v[0].length : 0;
	if (sweep_suits(&map) && item.offset >= k->from)
		r = add(k->plan, &item);
	extent_map_release(&map);
	return r;
}

int sweep_plan_make(struct sweep_plan *p, struct evidence *ev, uint64_t from,
	bool (*known)(void *ctx, uint64_t id), void *ctx)
{
	struct making k = {.plan = p,
		.media_size = ev->manifest.image.media_size,
		.from = from,
		.known = known,
		.ctx = ctx};
	int r = 0;

	p->n = p->next = 0;
	p->bound = UINT64_MAX;
	p->crowded = false;
	for (k.volume = 0; r == 0 && k.volume < ev->manifest.n; k.volume++) {
		struct evidence_cursor c;
		struct index_reader *reader = NULL;

		if (!ev->volumes[k.volume].index)
			continue;
		evidence_cursor_init(&c, ev);
		r = evidence_reader(&c, trace_of_index(k.volume, 0), &reader);
		if (r == 0)
			r = index_all(reader, take, &k);
		evidence_cursor_release(&c);
	}
	sort(p);
	return r;
}

void sweep_plan_release(struct sweep_plan *p)
{
	free(p->v);
	*p = (struct sweep_plan){.max = p->max};
}
