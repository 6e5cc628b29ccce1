/* SPDX-License-Identifier: Apache-2.0 */
/* foresee.c - what is opened next; see foresee.h. */
#include "serve/foresee.h"

#include <stdatomic.h>

#define NEAR       16 /* traces from one open to the next of a run: names between may be folders */
#define HITS       3  /* opens that went on, before anything is expected */
#define FILES      32 /* traces looked at together */
#define AHEAD_MIN  16 /* when so few are expected already, the next ones are */
#define FILE_BYTES (128 * 1024) /* of each: what is read at once, mostly */

struct expecting {
	const struct evidence *ev;
	struct source_span span[FILES];
	size_t n;
};

/* The beginning of a file, where extents say where it lies. */
static int add(void *ctx, const struct index_item *item, const uint8_t *content, size_t n)
{
	struct expecting *x = ctx;
	struct extent_map map;

	if (item->kind != ENTRY_FILE || n == 0 || content[0] != CONTENT_EXTENTS || x->n == FILES)
		return 0;
	if (extent_map_decode(content, n, item->size, x->ev->manifest.image.media_size, &map) < 0)
		return 0;
	if (map.n > 0 && map.v[0].kind == EXTENT_DATA)
		x->span[x->n++] = (struct source_span){.off = map.v[0].offset,
			.len = map.v[0].length < FILE_BYTES ? (size_t)map.v[0].length : FILE_BYTES};
	extent_map_release(&map);
	return 0;
}

void foreseen_drop(const struct foreseen *f)
{
	atomic_store(&f->ev->foresight.busy, false);
}

void foreseen_expect(const struct foreseen *f)
{
	struct expecting x = {.ev = f->ev};
	struct evidence_cursor c;
	struct index_reader *reader = NULL;
	int r = 0;

	evidence_cursor_init(&c, f->ev);
	r = evidence_reader(&c, f->first, &reader);
	if (r == 0)
		r = index_contents(
			reader, trace_to_index(f->first), trace_to_index(f->last), add, &x);
	evidence_cursor_release(&c);
	if (r == 0)
		source_expect(atomic_load(&f->ev->media), x.span, x.n);
	foreseen_drop(f);
}

bool foresee(struct evidence *ev, uint64_t id, struct foreseen *out)
{
	struct foresight *f = &ev->foresight;
	const struct source *media = atomic_load(&ev->media);
	const uint64_t before = atomic_exchange(&f->last, id);
	const uint64_t to = atomic_load(&f->to);
	uint64_t first = 0;

	if (!media || !source_expects(media) || trace_part(id) == 0 || id == before)
		return false;
	if (id > before ? id - before > NEAR : before - id > NEAR) {
		atomic_store(&f->hits, 0);
		return false;
	}
	if (atomic_fetch_add(&f->hits, 1) < HITS)
		return false;
	/* behind what is expected, or, where that is elsewhere, behind this one */
	first = to >= id && to - id <= FILES + AHEAD_MIN ? to + 1 : id + 1;
	if (first > id + AHEAD_MIN || trace_part(first + FILES) != trace_part(id))
		return false;
	if (atomic_exchange(&f->busy, true))
		return false;
	atomic_store(&f->to, first + FILES - 1);
	*out = (struct foreseen){.ev = ev, .first = first, .last = first + FILES - 1};
	return true;
}
