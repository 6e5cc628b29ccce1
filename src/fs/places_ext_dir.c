/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places_ext_dir.c - names in ext directories; see places.h.
 *
 * A name that is blanked leaves an entry that is in nobody's use. What stands between
 * entries is what was deleted before, or nothing: nobody's. Inner nodes of an index
 * hold hashes and numbers of blocks; they stay, what stands behind them does not.
 */
#include "fs/places_ext.h"

#define HEAD       8u
#define TAIL       12u /* with a checksum: an entry in nobody's use at the end of a block */
#define TAIL_TYPE  0xdeu
#define INDEX_FLAG 0x1000u

/* Entries in one range of bytes, and the checksum over it. */
struct range {
	struct ext_places *x;
	const struct ext_inode *dir;
	const uint8_t *p; /* of the whole block or inode */
	size_t n;
	uint64_t off;   /* image byte of p[0] */
	bool in_inode;  /* the checksum is the inode's */
	bool unsummed;  /* what is blanked is not in the checksum, or the directory is gone */
	unsigned flags; /* PLACE_STALE: it is gone, and another may have the block */
};

static size_t rec_len(const uint8_t *e, size_t block)
{
	size_t n = ext_at16(e + 4);

	return block >= 65536 && (n == 65535 || n == 0) ? block : n;
}

static void zero(const struct range *r, const struct place_at *about, size_t from, size_t to)
{
	struct place_at at = *about;
	size_t summed = r->n - TAIL;

	if (from >= to)
		return;
	if (r->in_inode) {
		places_ext_inode_zero(r->x, r->dir, about, from, to);
		return;
	}
	at.offset = r->off + from;
	at.length = to - from;
	at.flags = r->flags;
	places_put(r->x->p, &at);
	if (!r->unsummed && to <= summed)
		places_ext_sum(
			r->x, about, r->off + r->n - 4, places_ext_delta(r->p, summed, from, to));
}

static void nobodys(const struct range *r, size_t from, size_t to)
{
	const struct place_at about = {.inode = 0};

	while (from < to && r->p[from] == 0)
		from++;
	while (from < to && r->p[to - 1] == 0)
		to--;
	zero(r, &about, from, to);
}

static bool is_dot(const uint8_t *e)
{
	return (e[6] == 1 && e[8] == '.') || (e[6] == 2 && e[8] == '.' && e[9] == '.');
}

static void entries(const struct range *r, size_t from, size_t to)
{
	while (to - from >= HEAD) {
		const uint8_t *e = r->p + from;
		size_t len = rec_len(e, r->n);
		size_t used = HEAD + ((e[6] + 3u) & ~3u);
		const struct place_at about = {.inode = ext_at32(e), .parent = r->dir->number};

		if (len < HEAD || len > to - from) {
			nobodys(r, from, to); /* what these bytes are cannot be told */
			return;
		}
		if (len == TAIL && from + len == r->n && ext_at32(e) == 0 && e[7] == TAIL_TYPE &&
			!r->in_inode)
			return;
		if (used > len)
			used = len;
		if (about.inode == 0) {
			nobodys(r, from + HEAD, from + len);
		} else if (is_dot(e)) {
			nobodys(r, from + used, from + len);
		} else {
			zero(r, &about, from, from + 4);
			zero(r, &about, from + 6, from + used);
			nobodys(r, from + used, from + len);
		}
		from += len;
	}
}

/* Behind @from: how many pairs of hash and block there are. What is behind them is nobody's. */
static void index_node(struct range *r, size_t from)
{
	size_t end = from + (size_t)8 * ext_at16(r->p + from + 2);
	size_t to = r->n - (r->x->sums ? 8 : 0);

	r->unsummed = true;
	if (end < to)
		nobodys(r, end, to);
}

/* The two entries of itself and of what it is in, then the index. */
static bool index_root(struct range *r)
{
	size_t info = 24u + r->p[29];

	if (!is_dot(r->p) || rec_len(r->p, r->n) != 12 || r->p[29] < 8 || info + 8 > r->n)
		return false;
	index_node(r, info);
	return true;
}

/* An inner node begins with an entry of nobody that spans the block. */
static bool inner_node(struct range *r)
{
	uint32_t limit = ext_at16(r->p + 8);

	if (ext_at32(r->p) != 0 || rec_len(r->p, r->n) != r->n || r->p[6] != 0 ||
		(limit != (r->n - 8) / 8 && limit != (r->n - 16) / 8) ||
		ext_at16(r->p + 10) > limit)
		return false;
	index_node(r, 8);
	return true;
}

void places_ext_dir_block(
	struct ext_places *x, const struct ext_inode *dir, uint64_t logical, uint64_t block)
{
	struct range r = {.x = x, .dir = dir, .p = x->block, .n = x->p->f->ext.block_size};
	bool indexed = ext_at32(dir->p + 32) & INDEX_FLAG;

	if (!places_ext_read(x, block, x->block, &r.off))
		return;
	if (!dir->used) {
		r.unsummed = true;
		r.flags = PLACE_STALE;
	}
	if (indexed && (logical == 0 ? index_root(&r) : inner_node(&r)))
		return;
	entries(&r, 0, r.n);
}

void places_ext_dir_inline(struct ext_places *x, const struct ext_inode *dir)
{
	struct range r = {.x = x,
		.dir = dir,
		.p = dir->p,
		.n = x->p->f->ext.inode_size,
		.off = dir->off,
		.in_inode = true};
	size_t from = 0;
	size_t to = 0;

	entries(&r, 44, 100); /* the first four bytes are the directory's it is in */
	if (places_ext_attr_data(x, dir, &from, &to))
		entries(&r, from, to);
}
