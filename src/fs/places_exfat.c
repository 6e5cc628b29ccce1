/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places_exfat.c - where exFAT keeps what it knows of a file; see places.h.
 *
 * A file is a set of entries of 32 bytes: one that says how many follow, one with the
 * place of its contents, then the name. Blanked, they are in nobody's use and of no
 * known type. Table and bitmap stay.
 * Source: Microsoft exFAT specification (2019).
 */
#include <stdlib.h>
#include <string.h>

#include "fs/places_fat.h"

#define IN_USE      0x80u
#define SECONDARY   0x40u
#define TYPE_BITMAP 0x01u
#define TYPE_UPCASE 0x02u
#define TYPE_FILE   0x05u
#define TYPE_STREAM 0x40u
#define UNUSED      0x7fu /* not in use, and of no type that there is */
#define ATTR_DIR    0x10u
#define CONTIGUOUS  0x02u

/* The set of entries that is coming. */
struct exfat_set {
	struct fat_places x; /* first: fat_places.slot() is given that */
	uint64_t inode;      /* of its first entry; 0: none has begun */
	bool used;
	bool directory;
	unsigned left; /* entries still to come */
};

static uint64_t le(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

static struct exfat_set *set_of(struct fat_places *x)
{
	return (struct exfat_set *)(void *)x;
}

static void finish(struct exfat_set *e, struct fat_gather *g, bool stale)
{
	if (e->inode)
		set_add(&e->x.covered, e->inode);
	fat_blank(&e->x, g, e->inode, (int)UNUSED, stale);
	e->inode = 0;
	e->left = 0;
}

/* Where the contents are: those of a directory, and clusters that nothing was written to. Of a
 * deleted file all that it had: its extents end early where the first cluster was handed out again.
 */
static void on_stream(struct exfat_set *e, const uint8_t *p)
{
	struct fat_places *x = &e->x;
	uint64_t cluster = le(p + 20, 4);
	uint64_t size = le(p + 24, 8);
	uint64_t written = le(p + 8, 8);
	bool chain = !(p[1] & CONTIGUOUS);
	uint64_t all = size / x->cluster + (size % x->cluster != 0);
	uint64_t skip = written / x->cluster + (written % x->cluster != 0);

	if (cluster < 2 || (!e->used && e->directory))
		return;
	if (!e->used) {
		fat_claim_deleted(x, cluster, size, e->inode);
		return;
	}
	if (e->directory) {
		const struct fat_dir d = {
			.cluster = cluster, .clusters = chain ? 0 : all, .inode = e->inode};

		if (chain || all > 0)
			fat_add_dir(x, &d);
		return;
	}
	fat_claim(x, cluster, chain, skip, chain ? UINT64_MAX : all, e->inode);
}

/* Clusters of the bitmap and of the table of upper case. */
static void keep(struct fat_places *x, const uint8_t *p)
{
	uint64_t cluster = le(p + 20, 4);
	uint64_t n = le(p + 24, 8) / x->cluster + 1;
	uint64_t off = 0;

	for (uint64_t i = 0; i < n && i < x->clusters && fat_cluster(x, cluster, &off); i++) {
		places_keep(x->p, off, x->cluster);
		cluster = fat_next(x, cluster);
	}
}

static bool on_slot(
	struct fat_places *x, struct fat_gather *g, const struct fat_slot *s, bool stale)
{
	struct exfat_set *e = set_of(x);
	unsigned type = s->p[0];

	if (type == 0 && !stale) {
		finish(e, g, stale);
		return false;
	}
	if ((type & SECONDARY) && e->left > 0 && ((type & IN_USE) != 0) == e->used) {
		fat_gather(g, s->off);
		if ((type & ~IN_USE) == TYPE_STREAM && !stale)
			on_stream(e, s->p);
		if (--e->left == 0)
			finish(e, g, stale);
		return true;
	}
	finish(e, g, stale);
	if ((type & ~IN_USE) == TYPE_FILE) {
		e->inode = s->inode;
		e->used = type & IN_USE;
		e->directory = s->p[4] & ATTR_DIR;
		e->left = s->p[1];
		fat_gather(g, s->off);
		if (e->left == 0)
			finish(e, g, stale);
		return true;
	}
	/* what describes the volume stays; all else is of nobody */
	if ((type & IN_USE) && !(type & SECONDARY)) {
		if (!stale && (type == (IN_USE | TYPE_BITMAP) || type == (IN_USE | TYPE_UPCASE)))
			keep(x, s->p);
		return true;
	}
	fat_gather(g, s->off);
	fat_blank(x, g, 0, (int)UNUSED, stale);
	return true;
}

static void on_end(struct fat_places *x, struct fat_gather *g, bool stale)
{
	finish(set_of(x), g, stale);
}

static bool geometry(struct fat_places *x)
{
	const struct fs *f = x->p->f;
	struct fat_dir root = {.cluster = 0};
	uint8_t b[128];

	if (!places_read(x->p, b, sizeof(b), f->offset) || b[108] < 9 || b[108] > 12 ||
		b[109] > 25 - b[108])
		return false;
	x->sector = 1u << b[108];
	x->cluster = x->sector << b[109];
	x->bits = 32;
	x->table = f->offset + le(b + 80, 4) * x->sector;
	x->heap = x->first = f->offset + le(b + 88, 4) * x->sector;
	x->clusters = le(b + 92, 4);
	root.cluster = le(b + 96, 4);
	fat_add_dir(x, &root);
	return x->heap < f->end && x->clusters <= UINT32_MAX - 10;
}

int places_exfat(struct places *p, uint32_t *cluster, uint64_t *base)
{
	struct exfat_set *e = calloc(1, sizeof(*e));
	struct fat_places *x = e ? &e->x : NULL;
	bool whole = false;

	if (!x) {
		p->stopped = -ENOMEM;
		return 0;
	}
	x->geometry = geometry;
	x->slot = on_slot;
	x->end = on_end;
	whole = fat_walk(x, p, cluster, base);
	free(e);
	return whole;
}
