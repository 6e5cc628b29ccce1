/* SPDX-License-Identifier: Apache-2.0 */
/* remnant_spans.c - where pieces of contents and old names may stand; see remnant_spans.h. */
#include "serve/remnant_spans.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"

struct looking {
	struct evidence *ev;
	struct remnant_spans look;
	struct remnant_spans free;
};

static int by_begin(const void *a, const void *b)
{
	const struct claim_span *x = a;
	const struct claim_span *y = b;

	return (x->begin > y->begin) - (x->begin < y->begin);
}

static int add_span(struct remnant_spans *l, uint64_t begin, uint64_t end)
{
	struct claim_span *last = l->n > 0 ? &l->v[l->n - 1] : NULL;

	if (last && begin >= last->begin && begin <= last->end) {
		last->end = end > last->end ? end : last->end;
		return 0;
	}
	if (array_room(&l->v, sizeof(*l->v), l->n, &l->cap))
		return -ENOMEM;
	l->v[l->n++] = (struct claim_span){begin, end};
	return 0;
}

/* In order and apart. */
static void tidy(struct remnant_spans *l)
{
	size_t kept = 0;

	if (l->n > 0)
		qsort(l->v, l->n, sizeof(*l->v), by_begin);
	for (size_t i = 0; i < l->n; i++) {
		struct claim_span *last = kept ? &l->v[kept - 1] : NULL;

		if (last && l->v[i].begin <= last->end)
			last->end = l->v[i].end > last->end ? l->v[i].end : last->end;
		else
			l->v[kept++] = l->v[i];
	}
	l->n = kept;
}

/* What of [@begin, @end) is in none of @without, which is tidy. */
static int add_rest(
	struct remnant_spans *l, const struct remnant_spans *without, uint64_t begin, uint64_t end)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < without->n && begin < end; i++) {
		const struct claim_span *s = &without->v[i];

		if (s->begin > begin)
			r = add_span(l, begin, s->begin < end ? s->begin : end);
		begin = s->end > begin ? s->end : begin;
	}
	return r == 0 && begin < end ? add_span(l, begin, end) : r;
}

/* What allocated files of one volume have, and in which bytes of it a directory may have been. */
static int take_files(struct looking *s, unsigned k, struct remnant_spans *files)
{
	const struct scan_volume *at = &s->ev->manifest.volumes[k].scan;
	const struct claims *c = NULL;
	struct remnant_spans taken = {NULL, 0, 0};
	int r = claims_of(s->ev, k, &c);

	for (size_t i = 0; r == 0 && i < c->n; i++) {
		const struct claim *claim = &c->v[i];
		uint64_t end = claim->end - claim->value;

		if ((claim->flags & (CLAIM_CONTENTS | PLACE_STALE)) != CLAIM_CONTENTS)
			continue;
		r = add_span(files, claim->begin, end);
		if (r == 0 && c->complete && claim->value > 0)
			r = add_span(&s->free, end, claim->end);
	}
	tidy(files);
	/* of others a directory that is there cannot be told from one that was */
	if (r == 0 && c->complete) {
		taken = (struct remnant_spans){c->taken, c->taken_n, 0};
		r = add_rest(&s->free, &taken, at->offset, at->offset + at->length);
	}
	return r == -ENOENT ? 0 : r;
}

/*
 * What no allocated file has, volume by volume, and what lies in none: a volume that lies in
 * a file of another one has free space and slack all the same.
 */
int remnant_spans_of(
	struct evidence *ev, struct remnant_spans *look, struct remnant_spans *free_space)
{
	struct looking s = {.ev = ev};
	const struct manifest *m = &ev->manifest;
	struct remnant_spans volumes = {NULL, 0, 0};
	int r = 0;

	for (unsigned k = 0; r == 0 && k < m->n; k++) {
		const struct scan_volume *at = &m->volumes[k].scan;
		struct remnant_spans files = {NULL, 0, 0};

		r = take_files(&s, k, &files);
		if (r == 0)
			r = add_rest(&s.look, &files, at->offset, at->offset + at->length);
		if (r == 0)
			r = add_span(&volumes, at->offset, at->offset + at->length);
		free(files.v);
	}
	tidy(&volumes);
	if (r == 0)
		r = add_rest(&s.look, &volumes, 0, m->image.media_size);
	if (r == 0)
		r = add_rest(&s.free, &volumes, 0, m->image.media_size);
	tidy(&s.look);
	tidy(&s.free);
	free(volumes.v);
	if (r) {
		free(s.look.v);
		free(s.free.v);
		return r;
	}
	*look = s.look;
	*free_space = s.free;
	return 0;
}
