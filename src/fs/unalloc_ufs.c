/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unalloc_ufs.c - free fragments of UFS1 and UFS2
 *
 * From the groups' own maps: libtsk reads past the end of a map that lies at
 * the end of its group.
 * Source: FreeBSD, sys/ufs/ffs/fs.h.
 */
#include "fs/unalloc.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/patch.h"

#define GROUP_MAGIC 0x00090255u
#define GROUP_MAX   65536u /* bytes of a group's description, at most a block */

struct layout {
	const struct fs *f;
	bool big;
	uint64_t groups;
	uint64_t group_frags;
	uint64_t head; /* fragments from a group's place to its description */
	uint64_t shift;
	uint64_t mask; /* UFS1: descriptions are spread over the cylinders */
	uint32_t frag_bytes;
	uint32_t head_bytes;
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

	if (!patch_ufs_super(f, b, &u))
		return false;
	*l = (struct layout){.f = f, .big = u.big};
	l->head = number(l, b, 12, 4);
	l->groups = number(l, b, 44, 4);
	l->frag_bytes = (uint32_t)number(l, b, 52, 4);
	l->head_bytes = (uint32_t)number(l, b, 48, 4);
	l->group_frags = number(l, b, 188, 4);
	if (!u.second) {
		l->shift = number(l, b, 24, 4);
		l->mask = ~number(l, b, 28, 4) & UINT32_MAX;
	}
	return l->frag_bytes == f->tsk->block_size && l->group_frags > 0 && l->head_bytes >= 256 &&
	       l->head_bytes <= GROUP_MAX;
}

static int read_group(struct gather *g, const struct layout *l, uint64_t group, uint8_t *p)
{
	uint64_t first = group * l->group_frags;
	uint64_t at = first + l->shift * (group & l->mask) + l->head;
	uint64_t off = 0;
	uint64_t map = 0;
	uint64_t frags = 0;

	if (!attr_image_offset(g->f, at, &off) || g->f->end - off < l->head_bytes ||
		source_read_all(g->f->s, p, l->head_bytes, off) != (ssize_t)l->head_bytes ||
		number(l, p, 4, 4) != GROUP_MAGIC)
		return -EIO;
	frags = number(l, p, 20, 4);
	map = number(l, p, 96, 4);
	if (frags > l->group_frags || map > l->head_bytes || (frags + 7) / 8 > l->head_bytes - map)
		return -EIO;
	/* Set is free here. */
	for (uint64_t i = 0; i < (frags + 7) / 8; i++)
		p[map + i] = (uint8_t)~p[map + i];
	unalloc_bitmap(g, p + map, frags, first, 1);
	return g->r;
}

int unalloc_ufs(struct gather *g)
{
	uint64_t left = (g->f->end - g->f->offset) / g->f->tsk->block_size;
	uint8_t *p = NULL;
	struct layout l;

	if (!read_layout(g->f, &l))
		return -EIO;
	p = malloc(l.head_bytes);
	if (!p)
		return -ENOMEM;
	for (uint64_t i = 0; i < l.groups && g->r == 0; i++) {
		/* Behind the end of a cut-off image there is nothing to show. */
		if (i * l.group_frags >= left)
			break;
		g->r = read_group(g, &l, i, p);
	}
	free(p);
	return g->r;
}
