/* SPDX-License-Identifier: Apache-2.0 */
/* roads_follow.c - from what is withheld to its other names and its copies; see roads.h. */
#include "policy/roads_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/digest.h"
#include "serve/claims.h"
#include "serve/containers.h"
#include "serve/hashes.h"

/* More hashes than this are looked for in one pass over all of a piece of evidence. */
#define MANY 20000
/* So many names are looked for in what was a directory, those of the first traces. */
#define NAMES_MAX 50000

/* ---- intervals within volumes ------------------------------------------------------------ */

typedef int each_part_fn(void *ctx, struct index_reader *r, unsigned volume, uint64_t first,
	uint64_t last, const struct road_way *way);

/* @each for every part of a way that lies in a volume, in the index's own ids. */
static int each_part(struct gathering *g, const struct road_way *way, each_part_fn *each, void *ctx)
{
	struct evidence_cursor c;
	int r = 0;

	evidence_cursor_init(&c, g->ev);
	if (g->stop && *g->stop)
		r = -EINTR;
	for (unsigned part = 1; r == 0 && part <= 2 * g->ev->manifest.n; part++) {
		uint64_t first = trace_id(part, 0);
		uint64_t last = trace_id(part, TRACE_NUMBER_MASK);
		struct index_reader *reader = NULL;

		if (way->last < first || last < way->first)
			continue;
		first = way->first > first ? way->first : first;
		last = way->last < last ? way->last : last;
		r = evidence_reader(&c, first, &reader);
		if (r == 0)
			r = each(ctx, reader, trace_volume(first), trace_to_index(first),
				trace_to_index(last), way);
		else if (r == -ENOENT)
			r = 0; /* a volume that is not known has no traces */
	}
	evidence_cursor_release(&c);
	return r;
}

static bool is_within(const struct view_interval *sum, size_t n, const struct road_way *way)
{
	size_t at = view_interval_place(sum, n, way->last);

	return at < n && sum[at].first <= way->first;
}

/* ---- other names ----------------------------------------------------------------------------- */

struct names {
	struct gathering *g;
	unsigned volume;
	uint64_t mark;
	enum road road;
};

/* A trace that has the bytes of what is withheld: what is in it has them too. */
static int add_trace(
	struct gathering *g, uint64_t first, uint64_t last, enum road road, uint64_t mark)
{
	const struct container_folder *f = containers_of(&g->ev->containers, first);
	int r = gathering_add(g, first, last, road, mark);

	return r || !f ? r : gathering_add(g, f->id, f->last, road, mark);
}

static int add_name(void *ctx, const struct index_item *item)
{
	const struct names *x = ctx;

	return add_trace(x->g, trace_of_index(x->volume, item->id),
		trace_of_index(x->volume, item->last), x->road, x->mark);
}

static int names_of_part(void *ctx, struct index_reader *r, unsigned volume, uint64_t first,
	uint64_t last, const struct road_way *way)
{
	struct names *x = ctx;

	x->volume = volume;
	x->mark = way->mark;
	/* what a stale deleted name below a marked folder leads to now is not what was there */
	return index_same_inode(r, first, last, first == last, add_name, x);
}

int follow_inodes(struct gathering *g, size_t from, size_t to, enum road road)
{
	struct names x = {.g = g, .road = road};
	size_t before_n = 0;
	struct view_interval *before = gathering_sum(g, from, &before_n);
	int r = before ? 0 : -ENOMEM;

	for (size_t i = from; r == 0 && i < to; i++) {
		const struct road_way way = g->ways[i]; /* `ways` grows */

		if (is_within(before, before_n, &way))
			continue; /* of which other names were found before */
		r = each_part(g, &way, names_of_part, &x);
	}
	free(before);
	return r;
}

/* ---- hashes ------------------------------------------------------------------------------------
 */

struct sources {
	struct gathering *g;
	uint64_t floor;
	struct wanted *w;
	uint64_t mark;
	bool single;                       /* the way is one trace */
	bool members;                      /* members of containers below it are followed, too */
	const struct container_folder *in; /* that the way begins in; NULL: in none */
	uint64_t *ids;                     /* with contents that are followed */
	size_t n, cap, at;
	unsigned volume;
};

static const struct container_folder *around(const struct sources *x, uint64_t trace)
{
	return containers_around(&x->g->ev->containers, trace);
}

/* Where what is marked stands: a folder of members is marked as the container that it is of. */
static const struct container_folder *begins_in(const struct sources *x, uint64_t first)
{
	const struct container_folder *f = around(x, first);

	return f && f->id == first ? around(x, first - 1) : f;
}

static int add_source(void *ctx, const struct index_item *item)
{
	struct sources *x = ctx;

	if (x->g->stop && *x->g->stop)
		return -EINTR;
	if ((item->kind != ENTRY_FILE && item->kind != ENTRY_STREAM) || item->size == 0 ||
		item->size < x->floor || (!x->single && (item->flags & ENTRY_REALLOC)))
		return 0;
	if (!x->members && (item->flags & ENTRY_MEMBER) &&
		around(x, trace_of_index(x->volume, item->id)) != x->in)
		return 0; /* one picture in one mail would hide every mail */
	if (array_room(&x->ids, sizeof(*x->ids), x->n, &x->cap))
		return -ENOMEM;
	x->ids[x->n++] = trace_of_index(x->volume, item->id);
	return 0;
}

static int want(struct sources *x, uint64_t trace, const uint8_t sha256[static 32])
{
	struct wanted *w = x->w;

	if (array_room(&w->v, sizeof(*w->v), w->n, &w->cap))
		return -ENOMEM;
	w->v[w->n] = (struct wanted_hash){.mark = x->mark, .ev = x->g->ev, .trace = trace};
	memcpy(w->v[w->n++].sha256, sha256, 32);
	return 0;
}

/* Both lists are in order of ids. */
static int take_hash(void *ctx, uint64_t trace, const uint8_t sha256[static 32])
{
	struct sources *x = ctx;

	while (x->at < x->n && x->ids[x->at] < trace)
		x->at++;
	return x->at < x->n && x->ids[x->at] == trace ? want(x, trace, sha256) : 0;
}

static int hashes_of_part(void *ctx, struct index_reader *r, unsigned volume, uint64_t first,
	uint64_t last, const struct road_way *way)
{
	struct sources *x = ctx;
	int rc = 0;

	x->n = x->at = 0;
	x->volume = volume;
	x->mark = way->mark;
	x->single = first == last;
	x->members = way->members;
	x->in = begins_in(x, trace_of_index(volume, first));
	rc = index_items(r, first, last, add_source, x);
	if (rc == 0 && x->n > 0)
		rc = hashes_each(x->g->ev->hashes, x->ids[0], x->ids[x->n - 1], take_hash, x);
	return rc;
}

int follow_hashes(struct gathering *g, size_t to, uint64_t floor, struct wanted *w)
{
	struct sources x = {.g = g, .floor = floor, .w = w};
	int r = 0;

	for (size_t i = 0; r == 0 && i < to; i++)
		r = each_part(g, &g->ways[i], hashes_of_part, &x);
	free(x.ids);
	return r;
}

static int by_hash(const void *a, const void *b)
{
	return memcmp(((const struct wanted_hash *)a)->sha256,
		((const struct wanted_hash *)b)->sha256, 32);
}

void wanted_settle(struct wanted *w)
{
	size_t kept = 0;

	if (w->n > 0)
		qsort(w->v, w->n, sizeof(*w->v), by_hash);
	for (size_t i = 0; i < w->n; i++) {
		if (kept == 0 || by_hash(&w->v[kept - 1], &w->v[i]) != 0)
			w->v[kept++] = w->v[i];
	}
	w->n = kept;
}

/* ---- what is lost ------------------------------------------------------------------------------
 */

struct losses {
	struct gathering *g;
	uint64_t floor;
	struct needles *out;
};

static int lost_of_part(void *ctx, struct index_reader *reader, unsigned volume, uint64_t first,
	uint64_t last, const struct road_way *way)
{
	const struct losses *x = ctx;
	const struct claim_lost *v = NULL;
	uint64_t from = trace_of_index(volume, first);
	size_t n = 0;
	int r = 0;

	(void)reader;
	(void)way;
	if (!trace_in_deleted(from))
		return 0;
	r = claims_lost(x->g->ev, from, trace_of_index(volume, last), &v, &n);
	for (size_t i = 0, next = 0; r == 0 && i < n; i = next) {
		uint64_t size = 0;

		for (next = i; next < n && v[next].number == v[i].number; next++)
			size += v[next].at.end - v[next].at.begin;
		if (size >= x->floor)
			r = needles_add(
				x->out, &(struct road_needle){.ev = x->g->ev,
						.trace = trace_id(trace_part(from), v[i].number),
						.kind = REMNANT_LOST});
	}
	return r;
}

int follow_lost(struct gathering *g, size_t to, uint64_t floor, struct needles *n)
{
	struct losses x = {g, floor, n};
	int r = 0;

	for (size_t i = 0; r == 0 && i < to; i++)
		r = each_part(g, &g->ways[i], lost_of_part, &x);
	return r;
}

/* ---- names in what was a directory --------------------------------------------------------------
 */

struct naming {
	struct gathering *g;
	struct needles *out;
	unsigned volume;
	size_t left; /* of names that are looked for */
};

static int take_name(void *ctx, const struct trace *t)
{
	struct naming *x = ctx;
	struct road_needle n = {
		.ev = x->g->ev, .trace = trace_of_index(x->volume, t->id), .kind = REMNANT_NAME};

	if (t->kind == ENTRY_STREAM || (t->flags & ENTRY_VIRTUAL) || !t->name)
		return 0;
	if (x->left-- == 0)
		return 1;
	if (t->original)
		digest_sha256(t->original, t->original_len, n.sha256);
	else
		digest_sha256(t->name, t->name_len, n.sha256);
	return needles_add(x->out, &n);
}

static int names_in_part(void *ctx, struct index_reader *r, unsigned volume, uint64_t first,
	uint64_t last, const struct road_way *way)
{
	struct naming *x = ctx;

	(void)way;
	x->volume = volume;
	return index_range(r, first, last, take_name, x);
}

/* Most ways are within others, or beside them: what they are together is gone through once. */
int follow_names(struct gathering *g, size_t to, struct needles *n)
{
	struct naming x = {.g = g, .out = n, .left = NAMES_MAX};
	size_t sum_n = 0;
	struct view_interval *sum = gathering_sum(g, to, &sum_n);
	int r = sum ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < sum_n; i++) {
		const struct road_way way = {.first = sum[i].first, .last = sum[i].last};

		r = each_part(g, &way, names_in_part, &x);
	}
	free(sum);
	return r == 1 ? 0 : r; /* those are all that are looked for */
}

/* ---- copies
 * -------------------------------------------------------------------------------------- */

struct copies {
	struct gathering *g;
	const struct wanted *w;
	uint64_t mark;
};

static int add_copy(void *ctx, uint64_t trace, const uint8_t sha256[static 32])
{
	const struct copies *x = ctx;

	(void)sha256;
	return add_trace(x->g, trace, trace, ROAD_COPY, x->mark);
}

static int pick_copy(void *ctx, uint64_t trace, const uint8_t sha256[static 32])
{
	const struct copies *x = ctx;
	const struct wanted_hash *found = NULL;
	struct wanted_hash key = {.mark = 0};

	if (x->g->stop && *x->g->stop)
		return -EINTR;
	memcpy(key.sha256, sha256, 32);
	found = bsearch(&key, x->w->v, x->w->n, sizeof(key), by_hash);
	return found ? add_trace(x->g, trace, trace, ROAD_COPY, found->mark) : 0;
}

int follow_copies(struct gathering *g, const struct wanted *w)
{
	struct copies x = {.g = g, .w = w};
	int r = 0;

	if (w->n > MANY)
		return hashes_each(g->ev->hashes, 0, UINT64_MAX, pick_copy, &x);
	for (size_t i = 0; r == 0 && i < w->n; i++) {
		x.mark = w->v[i].mark;
		r = hashes_with(g->ev->hashes, w->v[i].sha256, add_copy, &x);
	}
	return r;
}
