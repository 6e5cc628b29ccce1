/* SPDX-License-Identifier: Apache-2.0 */
/* remnant_spans.c - where pieces of contents and old names may stand; see remnant_spans.h. */
#include "serve/remnant_spans.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

struct looking {
	struct evidence *ev;
	struct spans look;
	struct spans free;
	struct spans files;
};

static int add(void *ctx, uint64_t begin, uint64_t end)
{
	return spans_add(ctx, begin, end);
}

/* The file system's own: what of it stands for something hidden is blanked by place. */
static bool is_own(const struct claims *c, const struct claim *claim)
{
	return claim->claimant != CLAIM_NOBODY && (c->who[claim->claimant].flags & CLAIMANT_SYSTEM);
}

/* What allocated files of one volume have, and in which bytes of it a directory may have been. */
static int take_files(struct looking *s, unsigned k, struct spans *files)
{
	const struct scan_volume *at = &s->ev->manifest.volumes[k].scan;
	const struct claims *c = NULL;
	int r = claims_of(s->ev, k, &c);

	for (size_t i = 0; r == 0 && i < c->n; i++) {
		const struct claim *claim = &c->v[i];
		uint64_t end = claim->end - claim->value;

		if ((claim->flags & (CLAIM_CONTENTS | PLACE_STALE)) != CLAIM_CONTENTS)
			continue;
		r = spans_add(files, claim->begin, end);
		if (r == 0 && !is_own(c, claim))
			r = spans_add(&s->files, claim->begin, end);
		if (r == 0 && c->complete && claim->value > 0)
			r = spans_add(&s->free, end, claim->end);
	}
	spans_settle(files);
	/* of others a directory that is there cannot be told from one that was */
	if (r == 0 && c->complete)
		r = spans_gaps(&c->taken, at->offset, at->offset + at->length, add, &s->free);
	return r == -ENOENT ? 0 : r;
}

/*
 * What no allocated file has, volume by volume, and what lies in none: a volume that lies in
 * a file of another one has free space and slack all the same.
 */
int remnant_spans_of(
	struct evidence *ev, struct spans *look, struct spans *free_space, struct spans *in_files)
{
	struct looking s = {.ev = ev};
	const struct manifest *m = &ev->manifest;
	struct spans volumes = {NULL, 0, 0};
	int r = 0;

	for (unsigned k = 0; r == 0 && k < m->n; k++) {
		const struct scan_volume *at = &m->volumes[k].scan;
		struct spans files = {NULL, 0, 0};

		r = take_files(&s, k, &files);
		if (r == 0)
			r = spans_gaps(&files, at->offset, at->offset + at->length, add, &s.look);
		if (r == 0)
			r = spans_add(&volumes, at->offset, at->offset + at->length);
		free(files.v);
	}
	spans_settle(&volumes);
	if (r == 0)
		r = spans_gaps(&volumes, 0, m->image.media_size, add, &s.look);
	if (r == 0)
		r = spans_gaps(&volumes, 0, m->image.media_size, add, &s.free);
	spans_settle(&s.look);
	spans_settle(&s.free);
	spans_settle(&s.files);
	free(volumes.v);
	if (r) {
		free(s.look.v);
		free(s.free.v);
		free(s.files.v);
		return r;
	}
	*look = s.look;
	*free_space = s.free;
	*in_files = s.files;
	return 0;
}
