/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ufs.c - the cylinder groups of UFS1 and UFS2
 *
 * Each describes its part of the volume: maps of used inodes and of free
 * fragments. libtsk reads past the end of a map that does not fit into its
 * block, and once it has refused one takes it the next time: such descriptions
 * cannot be read by it.
 * Source: FreeBSD, sys/ufs/ffs/fs.h.
 */
#include "fs/ufs.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/patch.h"

#define GROUP_MAGIC 0x00090255u
#define HEAD_BYTES  128u     /* of a group's description, before its maps */
#define HEAD_MAX    65536u   /* of all of it, at most a block */
#define GROUPS_MAX  1048576u /* of a volume of many TiB */
#define OFFSETS     92u      /* of the two maps, in a description */

struct layout {
	uint64_t offset; /* image bytes */
	uint64_t end;
	bool big;
	uint64_t groups;
	uint64_t group_frags;
	uint64_t group_inodes;
	uint64_t head; /* fragments from a group's place to its description */
	uint64_t shift;
	uint64_t mask; /* UFS1: descriptions are spread over the cylinders */
	uint32_t frag_bytes;
	uint32_t block_bytes;
};

struct group {
	uint64_t at;    /* image byte of its description */
	uint64_t frags; /* in its map */
	uint32_t inode_map;
	uint32_t free_map;
};

static uint64_t number(const struct layout *l, const uint8_t *p, size_t off, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[off + (l->big ? i : n - 1 - i)];
	return v;
}

static bool read_layout(const struct fs *f, struct layout *l)
{
	uint8_t b[UFS_SUPER_BYTES];
	struct ufs_super u;
	uint64_t room = 0;

	if (!patch_ufs_super(f, b, &u))
		return false;
	*l = (struct layout){.offset = f->offset, .end = f->end, .big = u.big};
	l->head = number(l, b, 12, 4);
	l->groups = number(l, b, 44, 4);
	l->block_bytes = (uint32_t)number(l, b, 48, 4);
	l->frag_bytes = (uint32_t)number(l, b, 52, 4);
	l->group_inodes = number(l, b, 184, 4);
	l->group_frags = number(l, b, 188, 4);
	if (!u.second) {
		l->shift = number(l, b, 24, 4);
		l->mask = ~number(l, b, 28, 4) & UINT32_MAX;
	}
	/* What is divided and shifted by: the same said twice. */
	if (number(l, b, 120, 4) * (u.second ? 256u : 128u) != l->block_bytes ||
		number(l, b, 96, 4) > 16 ||
		(uint64_t)l->frag_bytes << number(l, b, 96, 4) != l->block_bytes)
		return false;
	if (l->frag_bytes < 512 || l->block_bytes < l->frag_bytes || l->block_bytes > HEAD_MAX ||
		l->group_frags == 0 || l->group_inodes == 0 ||
		(l->group_frags + 7) / 8 > l->block_bytes ||
		(l->group_inodes + 7) / 8 > l->block_bytes)
		return false;
	/* Behind the end of a cut-off image there is nothing to show. */
	room = (l->end - l->offset) / l->frag_bytes / l->group_frags + 1;
	if (l->groups > room)
		l->groups = room;
	return l->groups <= GROUPS_MAX;
}

/* @p: [HEAD_BYTES] of its description. Return: false when it cannot be read. */
static bool read_group(
	const struct fs *f, const struct layout *l, uint64_t i, uint8_t *p, struct group *g)
{
	uint64_t at = i * l->group_frags + l->shift * (i & l->mask) + l->head;

	if (__builtin_mul_overflow(at, (uint64_t)l->frag_bytes, &at) ||
		__builtin_add_overflow(at, l->offset, &at) || at > l->end ||
		l->end - at < l->block_bytes ||
		source_read_all(f->s, p, HEAD_BYTES, at) != (ssize_t)HEAD_BYTES)
		return false;
	*g = (struct group){.at = at,
		.frags = number(l, p, 20, 4),
		.inode_map = (uint32_t)number(l, p, OFFSETS, 4),
		.free_map = (uint32_t)number(l, p, OFFSETS + 4, 4)};
	return true;
}

static bool is_within(const struct layout *l, uint64_t map, uint64_t bits)
{
	return map <= l->block_bytes && (bits + 7) / 8 <= l->block_bytes - map;
}

bool ufs_guard(struct fs *f)
{
	uint8_t p[HEAD_BYTES];
	struct layout l;
	struct group g;

	if (!read_layout(f, &l))
		return false;
	for (uint64_t i = 0; i < l.groups; i++) {
		if (!read_group(f, &l, i, p, &g) ||
			(is_within(&l, g.inode_map, l.group_inodes) &&
				is_within(&l, g.free_map, l.group_frags)))
			continue;
		if (!tsk_img_bad(f->img, g.at))
			return false;
	}
	return true;
}

static int group_free(struct gather *g, const struct layout *l, uint64_t i, uint8_t *p)
{
	struct group d;

	if (!read_group(g->f, l, i, p, &d) || number(l, p, 4, 4) != GROUP_MAGIC ||
		d.frags > l->group_frags || !is_within(l, d.free_map, d.frags) ||
		source_read_all(g->f->s, p, l->block_bytes, d.at) != (ssize_t)l->block_bytes)
		return -EIO;
	/* Set is free here. */
	for (uint64_t k = 0; k < (d.frags + 7) / 8; k++)
		p[d.free_map + k] = (uint8_t)~p[d.free_map + k];
	unalloc_bitmap(g, p + d.free_map, d.frags, i * l->group_frags, 1);
	return g->r;
}

int ufs_free(struct gather *g)
{
	uint8_t *p = NULL;
	struct layout l;

	if (!read_layout(g->f, &l) || l.frag_bytes != g->f->tsk->block_size)
		return -EIO;
	p = malloc(l.block_bytes);
	if (!p)
		return -ENOMEM;
	for (uint64_t i = 0; i < l.groups && g->r == 0; i++) {
		/* Where the image ends between two groups. */
		if (i * l.group_frags * l.frag_bytes >= l.end - l.offset)
			break;
		g->r = group_free(g, &l, i, p);
	}
	free(p);
	return g->r;
}
