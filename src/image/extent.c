/* SPDX-License-Identifier: Apache-2.0 */
/* extent.c - where the bytes of a trace lie in the image; see extent.h. */
#include "image/extent.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"

void extent_writer_begin(struct extent_writer *w, struct buf *out)
{
	*w = (struct extent_writer){.out = out};
	buf_put_u8(out, CONTENT_EXTENTS);
}

static void flush(struct extent_writer *w)
{
	const struct extent *e = &w->pending;

	if (e->length == 0)
		return;
	buf_put_varint(w->out, e->length << 2 | (uint64_t)e->kind);
	if (e->kind == EXTENT_DATA) {
		buf_put_svarint(w->out, (int64_t)(e->offset - w->last_end));
		w->last_end = e->offset + e->length;
	}
	w->pending.length = 0;
}

static bool continues(const struct extent *e, enum extent_kind kind, uint64_t offset)
{
	if (e->length == 0 || e->kind != kind)
		return false;
	return kind != EXTENT_DATA || e->offset + e->length == offset;
}

void extent_writer_add(
	struct extent_writer *w, enum extent_kind kind, uint64_t offset, uint64_t length)
{
	if (length == 0)
		return;
	if (continues(&w->pending, kind, offset)) {
		w->pending.length += length;
		return;
	}
	flush(w);
	w->pending = (struct extent){.length = length, .offset = offset, .kind = kind};
}

void extent_writer_end(struct extent_writer *w)
{
	flush(w);
}

static bool extent_fits(const struct extent *e, uint64_t left, uint64_t image_size)
{
	if (e->length == 0 || e->length > left || e->kind > EXTENT_ERROR)
		return false;
	return e->kind != EXTENT_DATA ||
	       (e->offset <= image_size && e->length <= image_size - e->offset);
}

static int map_push(struct extent_map *m, size_t *cap, const struct extent *e)
{
	if (array_room(&m->v, sizeof(*m->v), m->n, cap))
		return -ENOMEM;
	m->v[m->n++] = *e;
	return 0;
}

int extent_map_decode(
	const void *p, size_t n, uint64_t size, uint64_t image_size, struct extent_map *m)
{
	struct cur c = cur_of(p, n);
	struct extent_map map = {NULL, 0};
	uint64_t pos = 0;
	uint64_t last_end = 0;
	size_t cap = 0;
	int r = cur_u8(&c) == CONTENT_EXTENTS ? 0 : -EBADMSG;

	while (r == 0 && cur_left(&c) > 0) {
		uint64_t head = cur_varint(&c);
		struct extent e = {
			.start = pos, .length = head >> 2, .kind = (enum extent_kind)(head & 3)};

		if (e.kind == EXTENT_DATA) {
			e.offset = last_end + (uint64_t)cur_svarint(&c);
			last_end = e.offset + e.length;
		}
		if (c.bad || !extent_fits(&e, size - pos, image_size))
			r = -EBADMSG;
		else
			r = map_push(&map, &cap, &e);
		pos += e.length;
	}
	if (r == 0 && (c.bad || pos != size))
		r = -EBADMSG;
	if (r) {
		extent_map_release(&map);
		return r;
	}
	*m = map;
	return 0;
}

const struct extent *extent_map_find(const struct extent_map *m, uint64_t pos)
{
	size_t lo = 0;
	size_t hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct extent *e = &m->v[mid];

		if (pos < e->start)
			hi = mid;
		else if (pos - e->start >= e->length)
			lo = mid + 1;
		else
			return e;
	}
	return NULL;
}

const struct extent *extent_map_part(
	const struct extent_map *m, uint64_t pos, size_t len, uint64_t *in, size_t *n)
{
	const struct extent *x = extent_map_find(m, pos);

	if (x) {
		*in = pos - x->start;
		*n = x->length - *in < len ? (size_t)(x->length - *in) : len;
	}
	return x;
}

void extent_map_release(struct extent_map *m)
{
	free(m->v);
	*m = (struct extent_map){NULL, 0};
}
