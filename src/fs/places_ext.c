/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places_ext.c - where ext2/3/4 keep what they know of a file; see places.h.
 *
 * Goes over all inodes, used or not. Names are in places_ext_dir.c, extended attributes
 * in places_ext_attr.c. A journal holds copies of anything and is nobody's.
 * Source: Linux, Documentation/filesystems/ext4.
 */
#include "fs/places_ext.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_INODE      11u
#define ROOT             2u
#define IN_USE           26u /* byte in an inode: links */
#define FLAG_EXTENTS     0x80000u
#define FLAG_INLINE      0x10000000u
#define EXTENT_MAGIC     0xf30au
#define UNWRITTEN        32768u
#define DEPTH_MAX        5u
#define RO_METADATA_CSUM 0x0400u

bool places_ext_block(const struct ext_places *x, uint64_t block, uint64_t *off)
{
	const struct fs *f = x->p->f;
	uint64_t at = 0;

	if (block == 0 || block >= f->ext.blocks ||
		__builtin_mul_overflow(block, (uint64_t)f->ext.block_size, &at) ||
		__builtin_add_overflow(at, f->offset, &at) || at > f->end ||
		f->ext.block_size > f->end - at)
		return false;
	*off = at;
	return true;
}

bool places_ext_read(struct ext_places *x, uint64_t block, uint8_t *out, uint64_t *off)
{
	if (x->reads == 0 || !places_ext_block(x, block, off))
		return false;
	x->reads--;
	return places_read(x->p, out, x->p->f->ext.block_size, *off);
}

void places_ext_sum(
	struct ext_places *x, const struct place_at *about, uint64_t off, uint32_t value)
{
	struct place_at at = *about;

	if (!x->sums || value == 0)
		return;
	at.offset = off;
	at.length = 4;
	at.action = PLACE_XOR;
	at.value = value;
	at.flags = 0;
	places_put(x->p, &at);
}

uint32_t places_ext_delta(const uint8_t *block, size_t n, size_t from, size_t to)
{
	static const uint8_t zeros[4096];
	uint32_t crc = UINT32_MAX; /* the library inverts at both ends */
	size_t left = n - to;

	crc = crc32c(crc, block + from, to - from);
	while (left > 0) {
		size_t part = left < sizeof(zeros) ? left : sizeof(zeros);

		crc = crc32c(crc, zeros, part);
		left -= part;
	}
	return ~crc;
}

/* ---- blocks ------------------------------------------------------------------------------- */

/* What is done with the blocks of one inode. */
struct blocks {
	struct ext_places *x;
	const struct ext_inode *in;
	uint64_t written; /* file blocks that its size covers; those behind are told too */
	bool directory;
	bool journal;
};

/* A block that holds numbers of others. */
static void on_map_block(struct blocks *b, uint64_t block)
{
	uint64_t off = 0;

	if (!b->journal && places_ext_block(b->x, block, &off))
		places_zero(b->x->p, off, b->x->p->f->ext.block_size, b->in->number,
			b->in->used ? PLACE_DATA : PLACE_DATA | PLACE_STALE);
}

static void on_run(struct blocks *b, uint64_t logical, uint64_t block, uint64_t n, bool unwritten)
{
	const struct fs *f = b->x->p->f;
	uint64_t off = 0;
	uint64_t last = 0;
	unsigned flags = b->in->used ? PLACE_DATA : PLACE_DATA | PLACE_STALE;

	if (b->directory) {
		for (uint64_t i = 0; i < n && places_ext_block(b->x, block + i, &off); i++)
			places_ext_dir_block(b->x, b->in, logical + i, block + i);
	}
	/* the journal's own head stays: it says where the log is, and that it is one */
	if (b->journal && logical == 0 && n > 0) {
		block++;
		n--;
	}
	/* index extents have what is written of files within their size */
	if (!b->directory && !b->journal && !unwritten && b->in->regular) {
		uint64_t covered = b->written > logical ? b->written - logical : 0;

		if (covered >= n)
			return;
		block += covered;
		n -= covered;
	}
	if (n == 0 || !places_ext_block(b->x, block, &off))
		return;
	if (!places_ext_block(b->x, block + n - 1, &last))
		last = f->end - f->ext.block_size;
	places_zero(b->x->p, off, last + f->ext.block_size - off, b->journal ? 0 : b->in->number,
		b->journal ? 0 : flags);
}

static void extents(struct blocks *b, const uint8_t *node, size_t n, unsigned depth)
{
	unsigned count = ext_at16(node + 2);
	unsigned height = ext_at16(node + 6);
	uint8_t *child = NULL;

	if (ext_at16(node) != EXTENT_MAGIC || depth > DEPTH_MAX || height > DEPTH_MAX - depth)
		return;
	if (height > 0) {
		child = malloc(b->x->p->f->ext.block_size);
		if (!child)
			b->x->p->stopped = -ENOMEM;
	}
	for (unsigned i = 0; i < count && 12u + 12u * (i + 1) <= n; i++) {
		const uint8_t *e = node + 12 + (size_t)12 * i;
		uint64_t off = 0;

		if (height == 0) {
			unsigned len = ext_at16(e + 4);
			uint64_t block = ext_at32(e + 8) | (uint64_t)ext_at16(e + 6) << 32;

			on_run(b, ext_at32(e), block, len > UNWRITTEN ? len - UNWRITTEN : len,
				len > UNWRITTEN);
			continue;
		}
		on_map_block(b, ext_at32(e + 4) | (uint64_t)ext_at16(e + 8) << 32);
		if (child &&
			places_ext_read(b->x, ext_at32(e + 4) | (uint64_t)ext_at16(e + 8) << 32,
				child, &off))
			extents(b, child, b->x->p->f->ext.block_size, depth + 1);
	}
	free(child);
}

/* Block numbers at one level of the old scheme; @logical is moved on. */
static void indirect(struct blocks *b, uint32_t block, unsigned level, uint64_t *logical)
{
	size_t size = b->x->p->f->ext.block_size;
	uint64_t span = 1;
	uint8_t *p = NULL;
	uint64_t off = 0;

	for (unsigned i = 0; i < level; i++)
		span *= size / 4;
	if (block == 0) {
		*logical += span;
		return;
	}
	if (level == 0) {
		on_run(b, (*logical)++, block, 1, false);
		return;
	}
	on_map_block(b, block);
	p = malloc(size);
	if (!p || !places_ext_read(b->x, block, p, &off)) {
		*logical += span;
		free(p);
		return;
	}
	for (size_t i = 0; i < size / 4; i++)
		indirect(b, ext_at32(p + 4 * i), level - 1, logical);
	free(p);
}

static void each_block(struct blocks *b)
{
	const uint8_t *map = b->in->p + 40;
	uint64_t logical = 0;

	if (ext_at32(b->in->p + 32) & FLAG_EXTENTS) {
		extents(b, map, 60, 0);
		return;
	}
	for (unsigned i = 0; i < 15; i++)
		indirect(b, ext_at32(map + (size_t)4 * i), i < 12 ? 0 : i - 11, &logical);
}

/* ---- inodes ---------------------------------------------------------------------------------- */

static bool is_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i])
			return false;
	}
	return true;
}

static void contents(struct ext_places *x, const struct ext_inode *in)
{
	uint64_t size = ext_at32(in->p + 4) | (uint64_t)ext_at32(in->p + 108) << 32;
	struct blocks b = {.x = x,
		.in = in,
		.written = size / x->p->f->ext.block_size + (size % x->p->f->ext.block_size != 0),
		.directory = in->directory,
		.journal = in->number == x->journal};
	bool fast_link = (in->mode & 0170000u) == 0120000u && size < 60;
	unsigned type = in->mode & 0170000u;

	if (ext_at32(in->p + 32) & FLAG_INLINE) {
		if (in->directory)
			places_ext_dir_inline(x, in);
		return;
	}
	if (fast_link || (type != 0100000u && type != 0040000u && type != 0120000u))
		return;
	each_block(&b);
}

static bool is_kept(const struct ext_places *x, uint64_t number)
{
	return number < x->first_inode || number == x->orphans || number == x->quota;
}

static void on_inode(struct ext_places *x, const uint8_t *p, uint64_t number, uint64_t off)
{
	const struct ext_inode in = {.p = p,
		.number = number,
		.off = off,
		.mode = ext_at16(p),
		.used = ext_at16(p + IN_USE) > 0,
		.directory = (ext_at16(p) & 0170000u) == 0040000u,
		.regular = (ext_at16(p) & 0170000u) == 0100000u};

	if (is_zero(p, x->p->f->ext.inode_size))
		return;
	if (!is_kept(x, number))
		places_zero(x->p, off, x->p->f->ext.inode_size, number, 0);
	else if (number != ROOT && number != x->journal)
		return;
	contents(x, &in);
	places_ext_attrs(x, &in);
}

static void keep_blocks(struct ext_places *x, uint64_t block, uint64_t n)
{
	const struct fs *f = x->p->f;
	uint64_t off = 0;

	/* block 0 is the first of the volume where the superblock lies within it */
	if (block == 0 || places_ext_block(x, block, &off))
		places_keep(x->p, block == 0 ? f->offset : off, n * f->ext.block_size);
}

/* What describes the group, and its table. */
static void keep_group(struct ext_places *x, uint32_t group, const struct ext_group *g)
{
	const struct ext *e = &x->p->f->ext;
	uint64_t table = (uint64_t)e->group_inodes * e->inode_size;

	keep_blocks(
		x, e->first_block + (uint64_t)group * e->group_blocks, ext_base_blocks(e, group));
	keep_blocks(x, g->block_bitmap, 1);
	keep_blocks(x, g->inode_bitmap, 1);
	keep_blocks(x, g->inode_table, (table + e->block_size - 1) / e->block_size);
}

static bool on_group(struct ext_places *x, uint32_t group, uint8_t *table, size_t room)
{
	const struct fs *f = x->p->f;
	size_t size = f->ext.inode_size;
	size_t many = room / size;
	struct ext_group g;
	uint32_t used = 0;
	uint64_t off = 0;

	if (!ext_read_group(f, group, &g) || g.unused > f->ext.group_inodes)
		return false;
	keep_group(x, group, &g);
	used = f->ext.group_inodes - (g.inodes_uninit ? f->ext.group_inodes : g.unused);
	for (uint32_t i = 0; i < used && x->p->stopped == 0;) {
		size_t n = used - i < many ? used - i : many;

		if (!places_ext_block(x, g.inode_table, &off) ||
			!places_read(x->p, table, n * size, off + (uint64_t)i * size))
			return false;
		for (size_t k = 0; k < n && x->p->stopped == 0; k++)
			on_inode(x, table + k * size,
				(uint64_t)group * f->ext.group_inodes + i + k + 1,
				off + (uint64_t)(i + k) * size);
		i += (uint32_t)n;
	}
	return true;
}

static bool read_super(struct ext_places *x)
{
	uint8_t s[1024];

	if (!places_read(x->p, s, sizeof(s), x->p->f->offset + 1024))
		return false;
	x->first_inode = ext_at32(s + 0x4c) == 0 ? FIRST_INODE : ext_at32(s + 0x54);
	if (x->first_inode > FIRST_INODE)
		x->first_inode = FIRST_INODE;
	x->journal = ext_at32(s + 0xe0);
	x->quota = ext_at32(s + 0x26c);
	x->orphans = ext_at32(s + 0x280);
	x->sums = (ext_at32(s + 0x64) & RO_METADATA_CSUM) != 0;
	return true;
}

int places_ext(struct places *p, uint32_t *cluster, uint64_t *base)
{
	const struct fs *f = p->f;
	struct ext_places x = {.p = p, .reads = f->ext.blocks + 65536};
	const size_t room = 256 * 1024;
	uint8_t *table = NULL;
	bool whole = f->ext.usable && read_super(&x);

	if (!whole)
		return 0;
	table = malloc(room);
	x.block = malloc(f->ext.block_size);
	x.copy = malloc(f->ext.block_size);
	if (!table || !x.block || !x.copy)
		p->stopped = -ENOMEM;
	for (uint32_t g = 0; whole && p->stopped == 0 && g < f->ext.groups; g++)
		whole = on_group(&x, g, table, room);
	free(table);
	free(x.block);
	free(x.copy);
	*cluster = f->ext.block_size * f->ext.cluster_blocks;
	*base = f->offset;
	return whole && x.reads > 0;
}
