/* SPDX-License-Identifier: Apache-2.0 */
/* claims.c - which bytes of the media are whose, in one volume; see claims.h. */
#include "serve/claims_private.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"

struct loading {
	struct claims *c;
	const struct scan_volume *volume;
	uint64_t media_size;
	uint32_t cluster; /* 0: contents end where they end */
	uint64_t base;
	uint64_t *inodes[2]; /* of traces, by number, in each part */
	size_t inodes_n[2], inodes_cap[2];
	/* claims of contents wait until claimants are in order: then `claimant` is set */
	struct waiting {
		uint64_t inode;
		uint64_t key;
		bool stream;
		bool nobody;
	} * waiting;
	size_t waiting_cap;
};

static int by_who(const void *a, const void *b)
{
	const struct claimant *x = a;
	const struct claimant *y = b;
	int r = claims_compare(x->inode, y->inode);

	if (r == 0)
		r = (x->flags & CLAIMANT_STREAM) - (y->flags & CLAIMANT_STREAM);
	if (r == 0)
		r = claims_compare(x->key, y->key);
	return r ? r : claims_compare(x->number, y->number);
}

static int by_begin(const void *a, const void *b)
{
	const struct claim *x = a;
	const struct claim *y = b;
	int r = claims_compare(x->begin, y->begin);

	return r ? r : claims_compare(x->end, y->end);
}

bool claimant_same(const struct claimant *first, const struct claimant *w, unsigned claim_flags)
{
	if (w->inode != first->inode ||
		(w->flags & CLAIMANT_STREAM) != (first->flags & CLAIMANT_STREAM))
		return false;
	return (!(claim_flags & CLAIM_NAME) && !(first->flags & CLAIMANT_STREAM)) ||
	       w->key == first->key;
}

/* ---- claims ------------------------------------------------------------------------------- */

/* The rest of the allocation unit in which something ends is its owner's. */
static uint64_t round_up(const struct loading *x, uint64_t end)
{
	uint64_t limit = x->volume->offset + x->volume->length;
	uint64_t in = 0;

	if (x->cluster == 0 || end < x->base || end >= limit)
		return end;
	in = (end - x->base) % x->cluster;
	if (in == 0)
		return end;
	return x->cluster - in < limit - end ? end + (x->cluster - in) : limit;
}

static int add(struct loading *x, const struct claim *claim, const struct waiting *of)
{
	struct claims *c = x->c;
	size_t cap = c->cap;
	int r = array_room(&c->v, sizeof(*c->v), c->n, &cap);

	if (r == 0)
		r = array_room(&x->waiting, sizeof(*x->waiting), c->n, &x->waiting_cap);
	c->cap = cap;
	if (r)
		return r;
	x->waiting[c->n] = *of;
	c->v[c->n++] = *claim;
	return 0;
}

static int add_contents(struct loading *x, const struct trace *t, const uint8_t *p, size_t n)
{
	const struct waiting of = {.inode = t->inode,
		.key = (uint64_t)t->attr_type << 32 | t->attr_id,
		.stream = t->kind == ENTRY_STREAM};
	bool deleted = trace_part(t->id) > 0;
	struct extent_map m = {NULL, 0};
	int r = 0;

	/* what a reused name leads to is the other file's, and claimed by it */
	if (n == 0 || p[0] != CONTENT_EXTENTS || (t->flags & ENTRY_REALLOC))
		return 0;
	r = extent_map_decode(p, n, t->size, x->media_size, &m);
	for (size_t i = 0; r == 0 && i < m.n; i++) {
		const struct extent *e = &m.v[i];
		uint64_t end = round_up(x, e->offset + e->length);
		const struct claim claim = {.begin = e->offset,
			.end = end,
			.value = (uint32_t)(end - e->offset - e->length),
			.flags = (uint8_t)(CLAIM_CONTENTS | PLACE_DATA |
					   (deleted ? PLACE_STALE : 0))};

		if (e->kind == EXTENT_DATA)
			r = add(x, &claim, &of);
	}
	extent_map_release(&m);
	return r;
}

static uint64_t inode_of(const struct loading *x, uint64_t id)
{
	unsigned part = trace_part(id);
	uint64_t number = trace_number(id);

	return part < 2 && number < x->inodes_n[part] ? x->inodes[part][number] : 0;
}

static int on_trace(void *ctx, const struct trace *t, const uint8_t *content, size_t n)
{
	struct loading *x = ctx;
	unsigned part = trace_part(t->id);
	struct claimant w = {.inode = t->inode,
		.number = (uint32_t)trace_number(t->id),
		.flags = (uint8_t)((part ? CLAIMANT_DELETED : 0) |
				   (t->flags & ENTRY_REALLOC ? CLAIMANT_REUSED : 0) |
				   (t->flags & ENTRY_META ? CLAIMANT_SYSTEM : 0) |
				   (t->kind == ENTRY_STREAM ? CLAIMANT_STREAM : 0) |
				   (t->kind == ENTRY_DIR ? CLAIMANT_DIR : 0))};
	int r = 0;

	if (part > 1 || trace_number(t->id) != x->inodes_n[part])
		return -EBADMSG;
	r = array_room(&x->inodes[part], sizeof(*x->inodes[part]), x->inodes_n[part],
		&x->inodes_cap[part]);
	if (r)
		return r;
	x->inodes[part][x->inodes_n[part]++] = t->inode;
	if (t->flags & ENTRY_VIRTUAL)
		return 0;
	if (t->kind == ENTRY_STREAM)
		w.key = (uint64_t)t->attr_type << 32 | t->attr_id;
	else
		w.key = inode_of(x, t->parent);
	if (n > 0 && content[0] == CONTENT_WORKER)
		w.flags |= CLAIMANT_BY_ASKING;
	r = array_room(&x->c->who, sizeof(*x->c->who), x->c->who_n, &x->c->who_cap);
	if (r)
		return r;
	x->c->who[x->c->who_n++] = w;
	return add_contents(x, t, content, n);
}

static int on_places(void *ctx, const uint8_t *p, size_t n)
{
	struct loading *x = ctx;
	struct cur c = cur_of(p, n);
	struct place_state state = {.end = 0};
	struct place_at at;
	int r = 0;

	while (r == 0 && (r = place_get(&c, &state, x->media_size, &at)) == 1) {
		const struct waiting of = {.inode = at.inode,
			.key = at.attr_type ? (uint64_t)at.attr_type << 32 | at.attr_id : at.parent,
			.stream = at.attr_type != 0,
			.nobody = at.inode == 0};
		struct claim claim = {.begin = at.offset,
			.end = at.offset + at.length,
			.value = at.value,
			.action = (uint8_t)at.action,
			.flags = (uint8_t)(at.flags | (at.parent ? CLAIM_NAME : 0))};

		if (at.action == PLACE_KEEP) {
			r = spans_add(&x->c->taken, claim.begin, claim.end);
			continue;
		}
		if ((at.flags & PLACE_DATA) && at.action == PLACE_ZERO) {
			claim.end = round_up(x, claim.end);
			claim.value = (uint32_t)(claim.end - at.offset - at.length);
		}
		r = add(x, &claim, &of);
	}
	return r;
}

/* ---- whose ----------------------------------------------------------------------------------- */

/* The first claimant that a claim means. */
static uint32_t find(const struct claims *c, const struct waiting *of, unsigned flags)
{
	bool exact = of->stream || (flags & CLAIM_NAME);
	const struct claimant key = {.inode = of->inode,
		.key = exact ? of->key : 0,
		.flags = of->stream ? CLAIMANT_STREAM : 0};
	size_t low = 0;
	size_t high = c->who_n;

	if (of->nobody)
		return CLAIM_NOBODY;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (by_who(&c->who[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == c->who_n || low >= CLAIM_NOBODY || c->who[low].inode != of->inode ||
		((c->who[low].flags & CLAIMANT_STREAM) != 0) != of->stream ||
		(exact && c->who[low].key != of->key))
		return CLAIM_NOBODY;
	return (uint32_t)low;
}

static void settle_who(struct loading *x)
{
	struct claims *c = x->c;

	if (c->who_n > 0)
		qsort(c->who, c->who_n, sizeof(*c->who), by_who);
	for (size_t i = 0; i < c->n; i++)
		c->v[i].claimant = find(c, &x->waiting[i], c->v[i].flags);
	if (c->n > 0)
		qsort(c->v, c->n, sizeof(*c->v), by_begin);
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* Whether it could be told what is allocated. */
static int free_is_known(struct index_reader *reader, bool *known)
{
	struct buf packed = BUF_INIT;
	uint64_t size = 0;
	int r = trace_unallocated(reader, &packed, &size);

	buf_release(&packed);
	*known = r == 0;
	return r == -ENOENT ? 0 : r;
}

static int settle(struct loading *x)
{
	int r = 0;

	settle_who(x);
	r = claims_settle_taken(x->c);
	return r ? r : claims_settle_lost(x->c);
}

static int load(struct evidence *ev, unsigned k, struct claims *c)
{
	struct loading x = {.c = c,
		.volume = &ev->manifest.volumes[k].scan,
		.media_size = ev->manifest.image.media_size,
		.cluster = ev->manifest.volumes[k].scan.block_size,
		.base = ev->manifest.volumes[k].scan.offset};
	struct evidence_cursor cur;
	struct index_reader *reader = NULL;
	bool known = false;
	int r = 0;

	evidence_cursor_init(&cur, ev);
	r = evidence_reader(&cur, trace_id(1 + 2 * k, 0), &reader);
	if (r == 0)
		r = free_is_known(reader, &known);
	if (r == 0) {
		r = index_places(reader, &x.cluster, &x.base, on_places, &x);
		c->complete = r == 1 && known;
		c->unit = x.cluster;
		c->base = x.base;
		r = r == 1 ? 0 : r;
	}
	if (r == 0)
		r = index_all(reader, on_trace, &x);
	if (r == 0)
		r = settle(&x);
	evidence_cursor_release(&cur);
	free(x.inodes[0]);
	free(x.inodes[1]);
	free(x.waiting);
	return r == 0 || r == -ENOENT || r == -ENOMEM ? r : -EIO;
}

void claims_free(struct claims *c)
{
	if (!c)
		return;
	free(c->who);
	free(c->v);
	free(c->taken.v);
	free(c->lost);
	free(c);
}

int claims_of(struct evidence *ev, unsigned k, const struct claims **out)
{
	struct claims *c = NULL;
	int r = 0;

	if (k >= ev->manifest.n)
		return -ENOENT;
	pthread_mutex_lock(&ev->claiming);
	c = ev->volumes[k].claims;
	if (!c) {
		c = calloc(1, sizeof(*c));
		r = c ? load(ev, k, c) : -ENOMEM;
		if (r) {
			claims_free(c);
			c = NULL;
		}
		ev->volumes[k].claims = c;
	}
	pthread_mutex_unlock(&ev->claiming);
	if (r == 0)
		*out = c;
	return r;
}

bool claims_ready(struct evidence *ev, unsigned k)
{
	bool ready = false;

	pthread_mutex_lock(&ev->claiming);
	ready = k < ev->manifest.n && ev->volumes[k].claims;
	pthread_mutex_unlock(&ev->claiming);
	return ready;
}
