/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unalloc.c - a volume's unallocated data units as extents
 *
 * Bitmaps and tables are read in pieces and scanned a word at a time; asking
 * libtsk for each block takes minutes on a large volume. Kinds without a
 * reader here go through libtsk.
 */
#include "fs/unalloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/apfs.h"
#include "fs/budget.h"
#include "fs/pool.h"
#include "fs/ufs.h"

#define PIECE (1024 * 1024)
#define PART  65536 /* blocks asked of libtsk at once */

/* [count] data units from @block on are free; what lies past the volume is left out. */
static void put_free(struct gather *g, uint64_t block, uint64_t count)
{
	const TSK_FS_INFO *t = g->f->tsk;
	uint64_t off = 0;
	uint64_t len = 0;

	if (count == 0 || !attr_image_offset(g->f, block, &off))
		return;
	if (__builtin_mul_overflow(count, (uint64_t)t->block_size, &len) || len > g->f->end - off)
		len = g->f->end - off;
	extent_writer_add(&g->w, EXTENT_DATA, off, len);
	g->size += len;
	if (g->w.out->len > ENTRY_CONTENT_MAX)
		g->r = -EFBIG;
}

void unalloc_bitmap(struct gather *g, const uint8_t *p, uint64_t bits, uint64_t block, uint64_t per)
{
	uint64_t run = 0; /* free bits before i */
	uint64_t i = 0;

	while (i < bits && g->r == 0) {
		if ((i & 7) == 0 && bits - i >= 8 && (p[i >> 3] == 0 || p[i >> 3] == 0xff)) {
			if (p[i >> 3] == 0) {
				run += 8;
			} else if (run > 0) {
				put_free(g, block + (i - run) * per, run * per);
				run = 0;
			}
			i += 8;
			continue;
		}
		if (!(p[i >> 3] >> (i & 7) & 1)) {
			run++;
		} else if (run > 0) {
			put_free(g, block + (i - run) * per, run * per);
			run = 0;
		}
		i++;
	}
	if (g->r == 0)
		put_free(g, block + (i - run) * per, run * per);
}

static uint8_t turned(uint8_t v)
{
	uint8_t r = 0;

	for (unsigned i = 0; i < 8; i++)
		r |= (uint8_t)((v >> i & 1) << (7 - i));
	return r;
}

/* A bitmap that is a file's contents; @high_first: of a byte the high bit comes first. */
static int from_attr(struct gather *g, const TSK_FS_ATTR *a, uint64_t bits, uint64_t block,
	uint64_t per, bool high_first)
{
	uint8_t *p = malloc(PIECE);
	uint64_t done = 0;

	if (!p)
		return -ENOMEM;
	while (done < bits && g->r == 0) {
		uint64_t want = (bits - done + 7) / 8;
		ssize_t n = 0;

		if (want > PIECE)
			want = PIECE;
		n = tsk_fs_attr_read(a, (TSK_OFF_T)(done / 8), (char *)p, (size_t)want,
			TSK_FS_FILE_READ_FLAG_NONE);
		if (n <= 0) {
			g->r = -EIO;
			break;
		}
		for (ssize_t i = 0; high_first && i < n; i++)
			p[i] = turned(p[i]);
		want = (uint64_t)n * 8 < bits - done ? (uint64_t)n * 8 : bits - done;
		unalloc_bitmap(g, p, want, block + done * per, per);
		done += want;
	}
	free(p);
	tsk_error_reset();
	return g->r;
}

/* NTFS and HFS+ alike keep it in the file with this number. */
static int from_file_6(struct gather *g, bool high_first)
{
	TSK_FS_FILE *file = tsk_fs_file_open_meta(g->f->tsk, NULL, 6);
	const TSK_FS_ATTR *a = NULL;
	int r = -EIO;

	if (file && file->meta)
		a = attr_contents(g->f, file);
	if (a)
		r = from_attr(g, a, g->f->tsk->last_block + 1, 0, 1, high_first);
	if (file)
		tsk_fs_file_close(file);
	tsk_error_reset();
	return r;
}

/* --- ext ------------------------------------------------------------------------------------ */

static void mark(uint8_t *map, uint64_t first, uint64_t count, uint64_t from, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		if (from + i >= first && from + i - first < count)
			map[(from + i - first) >> 3] |= (uint8_t)(1u << ((from + i - first) & 7));
	}
}

/* The bitmap of a group that has none on the disk yet: only its own structures are used. */
static void uninit_group(
	struct gather *g, uint32_t group, const struct ext_group *d, uint64_t first, uint64_t count)
{
	const struct ext *x = &g->f->ext;
	uint64_t inode_blocks =
		((uint64_t)x->group_inodes * x->inode_size + x->block_size - 1) / x->block_size;
	uint64_t base = ext_base_blocks(x, group);
	uint8_t *map = calloc(1, (size_t)(count / 8 + 1));

	if (!map) {
		g->r = -ENOMEM;
		return;
	}
	if (inode_blocks > x->group_blocks)
		inode_blocks = x->group_blocks;
	if (base > count)
		base = count;
	mark(map, first, count, first, base);
	mark(map, first, count, d->block_bitmap, 1);
	mark(map, first, count, d->inode_bitmap, 1);
	mark(map, first, count, d->inode_table, inode_blocks);
	unalloc_bitmap(g, map, count, first, 1);
	free(map);
}

static void ext_group_free(struct gather *g, uint32_t group, uint8_t *map)
{
	const struct ext *x = &g->f->ext;
	uint64_t first = x->first_block + (uint64_t)group * x->group_blocks;
	uint64_t count = x->blocks - first;
	struct ext_group d;
	uint64_t off = 0;

	if (count > x->group_blocks)
		count = x->group_blocks;
	if (!ext_read_group(g->f, group, &d)) {
		g->r = -EIO;
	} else if (d.blocks_uninit) {
		uninit_group(g, group, &d, first, count);
	} else if (!attr_image_offset(g->f, d.block_bitmap, &off) ||
		   source_read_all(g->f->s, map, x->block_size, off) != (ssize_t)x->block_size) {
		g->r = -EIO;
	} else {
		uint64_t per = x->cluster_blocks;

		unalloc_bitmap(g, map, count / per, first, per);
	}
}

static int from_ext(struct gather *g)
{
	const struct ext *x = &g->f->ext;
	uint8_t *map = malloc(x->block_size);

	if (!map)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->groups && g->r == 0; i++) {
		/* Behind the end of a cut-off image there is nothing to show. */
		if ((uint64_t)i * x->group_blocks * x->block_size >= g->f->end - g->f->offset)
			break;
		ext_group_free(g, i, map);
	}
	free(map);
	return g->r;
}

/* --- FAT ------------------------------------------------------------------------------------ */

struct fat {
	uint64_t table; /* image bytes */
	uint64_t first; /* sector of cluster 2 */
	uint64_t clusters;
	uint64_t sectors; /* a cluster */
	uint64_t tail;    /* sectors behind the last cluster */
	unsigned bits;    /* a table entry */
};

static bool fat_geometry(const struct fs *f, struct fat *t)
{
	uint8_t b[64] = {0};
	struct cur c = cur_of(b + 11, sizeof(b) - 11);
	uint64_t bps = 0;
	uint64_t reserved = 0;
	uint64_t tables = 0;
	uint64_t root = 0;
	uint64_t total = 0;
	uint64_t size = 0;
	uint64_t entries = 0;

	if (tsk_fs_read(f->tsk, 0, (char *)b, sizeof(b)) != (ssize_t)sizeof(b))
		return false;
	bps = cur_u16(&c);
	t->sectors = cur_u8(&c);
	reserved = cur_u16(&c);
	tables = cur_u8(&c);
	root = cur_u16(&c);
	total = cur_u16(&c);
	cur_u8(&c);
	size = cur_u16(&c);
	cur_take(&c, 8);
	if (total == 0)
		total = cur_u32(&c);
	else
		cur_take(&c, 4);
	if (size == 0)
		size = cur_u32(&c);
	if (bps == 0 || bps != f->tsk->block_size || t->sectors == 0)
		return false;
	t->table = f->offset + reserved * bps;
	t->first = reserved + tables * size + (root * 32 + bps - 1) / bps;
	if (t->first >= total)
		return false;
	t->clusters = (total - t->first) / t->sectors;
	t->tail = (total - t->first) % t->sectors;
	t->bits = 32;
	if (f->tsk->ftype == TSK_FS_TYPE_FAT12)
		t->bits = 12;
	else if (f->tsk->ftype == TSK_FS_TYPE_FAT16)
		t->bits = 16;
	entries = size * bps * 8 / t->bits; /* two of them stand for no cluster */
	if (entries < 2)
		return false;
	if (t->clusters > entries - 2)
		t->clusters = entries - 2;
	return true;
}

static uint32_t fat_entry(const uint8_t *p, uint64_t i, unsigned bits)
{
	const uint8_t *e = p + i * bits / 8;

	if (bits == 32)
		return ((uint32_t)e[0] | (uint32_t)e[1] << 8 | (uint32_t)e[2] << 16 |
			       (uint32_t)e[3] << 24) &
		       0x0fffffff;
	if (bits == 16)
		return (uint32_t)e[0] | (uint32_t)e[1] << 8;
	return i & 1 ? (uint32_t)e[0] >> 4 | (uint32_t)e[1] << 4
		     : (uint32_t)e[0] | ((uint32_t)e[1] & 0x0f) << 8;
}

static int from_fat(struct gather *g, const struct fat *t)
{
	const uint64_t per_piece = 262144; /* entries; even, so that FAT12 pieces begin at a byte */
	uint8_t *p = malloc(PIECE + 8);
	uint64_t run = 0;
	uint64_t n = t->clusters + 2;

	if (!p)
		return -ENOMEM;
	for (uint64_t at = 0; at < n && g->r == 0; at += per_piece) {
		uint64_t count = n - at < per_piece ? n - at : per_piece;
		size_t len = (size_t)((count * t->bits + 7) / 8);

		if (source_read_all(g->f->s, p, len, t->table + at * t->bits / 8) != (ssize_t)len) {
			g->r = -EIO;
			break;
		}
		for (uint64_t i = at == 0 ? 2 : 0; i < count && g->r == 0; i++) {
			uint64_t cluster = at + i;

			if (fat_entry(p, i, t->bits) == 0) {
				run++;
				continue;
			}
			put_free(g, t->first + (cluster - 2 - run) * t->sectors, run * t->sectors);
			run = 0;
		}
	}
	if (g->r == 0) {
		put_free(g, t->first + (n - 2 - run) * t->sectors, run * t->sectors);
		put_free(g, t->first + t->clusters * t->sectors, t->tail);
	}
	free(p);
	return g->r;
}

static int from_exfat(struct gather *g)
{
	uint8_t b[32] = {0};
	struct cur c = cur_of(b, sizeof(b));
	TSK_FS_DIR *d = tsk_fs_dir_open_meta(g->f->tsk, g->f->tsk->root_inum);
	TSK_FS_FILE *file = NULL;
	const TSK_FS_ATTR *a = NULL;
	uint64_t first = 0;
	uint64_t clusters = 0;
	int r = -EIO;

	for (size_t i = 0; d && !file && i < d->names_used; i++) {
		if (strcmp(d->names[i].name, "$ALLOC_BITMAP") == 0)
			file = tsk_fs_file_open_meta(g->f->tsk, NULL, d->names[i].meta_addr);
	}
	if (file && file->meta)
		a = attr_contents(g->f, file);
	if (a && tsk_fs_read(g->f->tsk, 0x58, (char *)b, sizeof(b)) == (ssize_t)sizeof(b)) {
		first = cur_u32(&c);
		clusters = cur_u32(&c);
		if (b[0x15] < 26)
			r = from_attr(g, a, clusters, first, UINT64_C(1) << b[0x15], false);
	}
	if (file)
		tsk_fs_file_close(file);
	tsk_fs_dir_close(d);
	tsk_error_reset();
	return r;
}

/* --- all others ----------------------------------------------------------------------------- */

static TSK_WALK_RET_ENUM block(const TSK_FS_BLOCK *b, void *ctx)
{
	struct gather *g = ctx;

	put_free(g, b->addr, 1);
	return g->r ? TSK_WALK_STOP : TSK_WALK_CONT;
}

/* What a volume says of blocks behind its end is nothing to show, and may be without end. */
static int from_library(struct gather *g)
{
	const TSK_FS_INFO *t = g->f->tsk;
	TSK_DADDR_T last = t->last_block < t->last_block_act ? t->last_block : t->last_block_act;
	struct budget budget;

	budget_begin(&budget, g->f->end - g->f->offset);
	for (TSK_DADDR_T at = t->first_block; at <= last && g->r == 0; at += PART) {
		TSK_DADDR_T end = last - at < PART ? last : at + PART - 1;

		if (budget_spent(&budget, true) ||
			tsk_fs_block_walk(g->f->tsk, at, end,
				TSK_FS_BLOCK_WALK_FLAG_UNALLOC | TSK_FS_BLOCK_WALK_FLAG_AONLY,
				block, g))
			g->r = -EIO;
		tsk_error_reset();
	}
	return g->r;
}

/* --- APFS ----------------------------------------------------------------------------------- */

static int free_run(void *ctx, uint64_t block, uint64_t count)
{
	struct gather *g = ctx;

	put_free(g, block, count);
	return g->r;
}

static int from_pool(struct gather *g)
{
	const struct fs *f = g->f;

	if (!pool_lists_free(f))
		return 0;
	return apfs_free_blocks(f->s, f->offset, f->end, f->apfs, free_run, g);
}

static int collect(struct gather *g)
{
	struct fat t;

	switch (g->f->family) {
	case FAMILY_NTFS:
		return from_file_6(g, false);
	case FAMILY_HFS:
		return from_file_6(g, true);
	case FAMILY_UFS:
		return ufs_free(g);
	case FAMILY_EXT:
		return g->f->ext.usable ? from_ext(g) : from_library(g);
	case FAMILY_FAT:
		return fat_geometry(g->f, &t) ? from_fat(g, &t) : from_library(g);
	case FAMILY_EXFAT:
		return from_exfat(g);
	case FAMILY_APFS:
		return from_pool(g);
	default:
		return from_library(g);
	}
}

int fs_unallocated(struct fs *f, struct buf *out, uint64_t *size, struct err *e)
{
	struct gather g = {.f = f};
	size_t before = out->len;
	int r = 0;

	if (f->iso) {
		iso_unallocated(f->iso, out, size);
		return out->error;
	}
	extent_writer_begin(&g.w, out);
	r = collect(&g);
	extent_writer_end(&g.w);
	if (r == 0)
		r = out->error;
	if (r) {
		out->len = before;
		return err_set(e, -r, "the volume's free space cannot be listed");
	}
	if (g.size == 0) {
		out->len = before;
		buf_put_u8(out, CONTENT_EMPTY);
	}
	*size = g.size;
	return 0;
}
