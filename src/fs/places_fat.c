/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places_fat.c - where FAT12, FAT16 and FAT32 keep what they know of a file; see places.h.
 *
 * A name is an entry of 32 bytes and, before it, those that have the long name. Blanked,
 * they are deleted entries of no name. The allocation table stays.
 * Source: Microsoft FAT specification (2000).
 */
#include <stdlib.h>
#include <string.h>

#include "fs/places_fat.h"

#define ATTR_LABEL 0x08u
#define ATTR_DIR   0x10u
#define ATTR_LONG  0x0fu
#define DELETED    0xe5u

static uint32_t le(const uint8_t *p, unsigned n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

/* Clusters behind the end of what the entry says, and those of a directory. Of a deleted file all
 * that it had: its extents end early where the first cluster was handed out again. */
static void on_contents(struct fat_places *x, const struct fat_slot *s, bool gone)
{
	uint64_t cluster = le(s->p + 26, 2) | (x->bits == 32 ? le(s->p + 20, 2) << 16 : 0);
	uint64_t size = le(s->p + 28, 4);
	uint64_t used = size / x->cluster + (size % x->cluster != 0);

	if (cluster < 2 || (gone && (s->p[11] & ATTR_DIR)))
		return;
	if (gone) {
		fat_claim_deleted(x, cluster, size, s->inode);
		return;
	}
	if (s->p[11] & ATTR_DIR) {
		const struct fat_dir d = {.cluster = cluster, .inode = s->inode};

		fat_add_dir(x, &d);
		return;
	}
	fat_claim(x, cluster, true, used, UINT64_MAX, s->inode);
}

static bool on_slot(
	struct fat_places *x, struct fat_gather *g, const struct fat_slot *s, bool stale)
{
	bool is_long = (s->p[11] & 0x3fu) == ATTR_LONG;
	bool gone = s->p[0] == DELETED;

	if (s->p[0] == 0 && !stale)
		return false;
	/* pieces of a name are all there or all deleted, and have a sum in common */
	if (g->n > 0 && (g->gone != gone || (is_long && g->sum != s->p[13])))
		fat_blank(x, g, 0, (int)DELETED, stale);
	g->gone = gone;
	g->sum = s->p[13];
	if (is_long) {
		fat_gather(g, s->off);
		return true;
	}
	if (!gone && (s->p[0] == '.' || (s->p[11] & ATTR_LABEL))) {
		fat_blank(x, g, 0, (int)DELETED, stale);
		return true;
	}
	fat_gather(g, s->off);
	set_add(&x->covered, s->inode);
	fat_blank(x, g, s->inode, (int)DELETED, stale);
	if (!stale)
		on_contents(x, s, gone);
	return true;
}

static void on_end(struct fat_places *x, struct fat_gather *g, bool stale)
{
	fat_blank(x, g, 0, (int)DELETED, stale);
}

static bool geometry(struct fat_places *x)
{
	const struct fs *f = x->p->f;
	uint8_t b[64];
	uint64_t reserved = 0;
	uint64_t tables = 0;
	uint64_t sectors = 0;
	uint64_t head = 0;

	if (!places_read(x->p, b, sizeof(b), f->offset))
		return false;
	x->sector = le(b + 11, 2);
	x->cluster = x->sector * b[13];
	reserved = le(b + 14, 2);
	tables = le(b + 22, 2) ? le(b + 22, 2) : le(b + 36, 4);
	sectors = le(b + 19, 2) ? le(b + 19, 2) : le(b + 32, 4);
	if (x->sector < 512 || x->sector > 4096 || x->cluster == 0 ||
		x->sector != f->tsk->block_size)
		return false;
	x->table = f->offset + reserved * x->sector;
	x->first = x->table + b[16] * tables * x->sector;
	x->bits = strcmp(f->info.type, "fat12") == 0   ? 12
		  : strcmp(f->info.type, "fat16") == 0 ? 16
						       : 32;
	if (x->bits != 32)
		x->root_bytes = (le(b + 17, 2) * (uint64_t)FAT_ENTRY + x->sector - 1) / x->sector *
				x->sector;
	x->heap = x->first + x->root_bytes;
	head = x->heap - f->offset;
	if (x->heap < x->first || head > sectors * x->sector || x->heap >= f->end)
		return false;
	x->clusters = (sectors * x->sector - head) / x->cluster;
	if (x->bits == 32) {
		const struct fat_dir root = {.cluster = le(b + 44, 4)};

		fat_add_dir(x, &root);
	} else {
		const struct fat_dir root = {.cluster = 0};

		fat_add_dir(x, &root);
	}
	return true;
}

int places_fat(struct places *p, uint32_t *cluster, uint64_t *base)
{
	struct fat_places *x = calloc(1, sizeof(*x));
	bool whole = false;

	if (!x) {
		p->stopped = -ENOMEM;
		return 0;
	}
	x->geometry = geometry;
	x->slot = on_slot;
	x->end = on_end;
	whole = fat_walk(x, p, cluster, base);
	free(x);
	return whole;
}
