/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view_closed.c - containers around what is not shown; see view.h.
 *
 * A container of which a member is hidden, for whatever reason, is listed, its other members
 * are read, and its bytes as a whole are refused: they hold the member. Its place on the
 * media is masked (view_mask.c). What a container says of its members counts for nothing
 * where its bytes may be another's.
 */
#include "policy/view_compile.h"

#include <errno.h>
#include <stdlib.h>

#include "policy/decide.h"
#include "serve/claims.h"
#include "serve/containers.h"
#include "serve/content.h"

/* ---- which are closed ---------------------------------------------------------------------- */

struct closing {
	struct view_ids ids;
	struct evidence_cursor c;
	unsigned volume;
};

/* Whether everything from @first to @last is seen. */
static bool all_seen(const struct view_evidence *ev, uint64_t first, uint64_t last)
{
	unsigned right = right_for(first);

	for (uint64_t at = first;;) {
		const struct view_range *r = view_range_at(ev, at);

		if (!r || !(r->rights & right))
			return false;
		if (r->last >= last)
			return true;
		at = r->last + 1;
	}
}

static int add_name(void *ctx, const struct index_item *item)
{
	struct closing *x = ctx;
	int r = view_ids_add(&x->ids, trace_of_index(x->volume, item->id));

	return r < 0 ? r : 0;
}

/* Other names of a file have its bytes, too. */
static int add_names(struct closing *x, uint64_t trace)
{
	struct index_reader *reader = NULL;
	uint64_t id = trace_to_index(trace);
	int r = evidence_reader(&x->c, trace, &reader);

	x->volume = trace_volume(trace);
	return r ? r : index_same_inode(reader, id, id, true, add_name, x);
}

int compile_closed(struct compile *x, struct view_evidence *out)
{
	const struct containers *all = &x->c.ev->containers;
	struct closing k = {.ids = {.n = 0}};
	int r = 0;

	free(out->closed);
	evidence_cursor_init(&k.c, x->c.ev);
	for (size_t i = 0; r >= 0 && i < all->n; i++) {
		const struct container_folder *f = &all->v[i];
		bool marked = withheld_in(x->withheld, f->id, f->last);

		/* one that is not seen itself is hidden anyway, by the name it has */
		if ((!marked && !all_seen(out, f->id - 1, f->id - 1)) ||
			all_seen(out, f->id, f->last))
			continue;
		r = view_ids_add(&k.ids, f->id - 1);
		/* by exclusions and grants a name is hidden, by marks what it is of */
		if (r >= 0 && marked)
			r = add_names(&k, f->id - 1);
	}
	evidence_cursor_release(&k.c);
	out->closed = k.ids.v;
	out->closed_n = k.ids.n;
	return r < 0 ? r : 0;
}

/* ---- whose bytes may be another's
 * -----------------------------------------------------------------------------
 */

static int meet_gap(void *ctx, uint64_t begin, uint64_t end)
{
	*(uint64_t *)ctx += end - begin;
	return 0;
}

/* Whether an allocated file has bytes of it now, or that cannot be told. */
static bool is_stale(struct evidence *ev, const struct claims *c, uint64_t trace)
{
	struct extent_map map = {NULL, 0};
	uint64_t free_bytes = 0;
	uint64_t bytes = 0;
	int r = content_extents(ev, trace, &map);

	if (r == -ENODATA) { /* held in its record; what a file system is asked for may be anything
			      */
		struct content *content = NULL;
		bool resident = content_open(ev, trace, &content) == 0 && content_at_hand(content);

		content_close(content);
		return !resident;
	}
	for (size_t i = 0; r == 0 && i < map.n; i++) {
		const struct extent *e = &map.v[i];

		if (e->kind != EXTENT_DATA)
			continue;
		bytes += e->length;
		r = spans_gaps(&c->taken, e->offset, e->offset + e->length, meet_gap, &free_bytes);
	}
	extent_map_release(&map);
	return r || free_bytes != bytes;
}

/* Members are read from the media as it is, which no mask is laid over. */
static bool is_shared(struct compile *x, uint64_t folder, bool hurried)
{
	struct evidence *ev = x->c.ev;
	unsigned k = trace_volume(folder);
	const struct claims *c = NULL;

	if (view_overlaps(ev, k))
		return true;
	return trace_in_deleted(folder) &&
	       ((hurried && !claims_ready(ev, k)) || claims_of(ev, k, &c) ||
		       is_stale(ev, c, folder - 1));
}

int compile_shared_containers(struct compile *x, bool hurried)
{
	const struct containers *all = &x->c.ev->containers;
	int r = 0;

	for (size_t i = 0; r == 0 && i < all->n; i++) {
		const struct container_folder *f = &all->v[i];

		if (!f->up && x->masks[trace_volume(f->id)] && is_shared(x, f->id, hurried))
			r = compile_add(x, PIECE_TAKES, f->id, f->last, 0, 0);
	}
	return r;
}
