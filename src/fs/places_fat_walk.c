/* SPDX-License-Identifier: Apache-2.0 */
/* places_fat_walk.c - clusters and directories of FAT and exFAT; see places.h. */
#include <stdlib.h>
#include <string.h>

#include "fs/places_fat.h"

#include "base/array.h"

#define DIRS_MORE (16u << 20) /* bytes of directories that may be read beyond the volume's size */

bool fat_cluster(const struct fat_places *x, uint64_t cluster, uint64_t *off)
{
	if (cluster < 2 || cluster - 2 >= x->clusters)
		return false;
	*off = x->heap + (cluster - 2) * x->cluster;
	return *off < x->p->f->end && x->cluster <= x->p->f->end - *off;
}

static uint32_t table_bytes(struct fat_places *x, uint64_t at, unsigned n)
{
	uint32_t v = 0;

	if (x->window_n == 0 || at < x->window_at || at + n > x->window_at + x->window_n) {
		uint64_t left = x->p->f->end > at ? x->p->f->end - at : 0;

		x->window_n = left < sizeof(x->window) ? (size_t)left : sizeof(x->window);
		x->window_at = at;
		if (x->window_n < n || !places_read(x->p, x->window, x->window_n, at))
			x->window_n = 0;
	}
	for (unsigned i = n; x->window_n && i-- > 0;)
		v = v << 8 | x->window[at - x->window_at + i];
	return v;
}

uint64_t fat_next(struct fat_places *x, uint64_t cluster)
{
	uint64_t v = 0;

	if (cluster < 2 || cluster - 2 >= x->clusters)
		return 0;
	if (x->bits == 12) {
		v = table_bytes(x, x->table + cluster + cluster / 2, 2);
		v = cluster & 1 ? v >> 4 : v & 0xfff;
	} else if (x->bits == 16) {
		v = table_bytes(x, x->table + 2 * cluster, 2);
	} else {
		v = table_bytes(x, x->table + 4 * cluster, 4) & 0x0fffffff;
	}
	return v >= 2 && v - 2 < x->clusters ? v : 0;
}

void fat_gather(struct fat_gather *g, uint64_t off)
{
	if (g->n < FAT_GATHER_MAX)
		g->off[g->n++] = off;
}

void fat_blank(struct fat_places *x, struct fat_gather *g, uint64_t inode, int mark, bool stale)
{
	const struct place_at about = {.inode = inode, .flags = stale ? PLACE_STALE : 0};

	for (unsigned i = 0; i < g->n; i++) {
		struct place_at at = about;

		at.offset = g->off[i] + 1;
		at.length = FAT_ENTRY - 1;
		places_put(x->p, &at);
		if (mark < 0)
			continue;
		at.offset = g->off[i];
		at.length = 1;
		at.action = PLACE_FILL;
		at.value = (uint32_t)mark;
		places_put(x->p, &at);
	}
	g->n = 0;
}

void fat_claim(struct fat_places *x, uint64_t cluster, bool chain, uint64_t skip, uint64_t n,
	uint64_t inode)
{
	uint64_t off = 0;

	for (uint64_t i = 0; i < n && i < x->clusters && x->p->stopped == 0; i++) {
		if (!fat_cluster(x, cluster, &off))
			return;
		if (i >= skip)
			places_zero(x->p, off, x->cluster, inode, PLACE_DATA);
		cluster = chain ? fat_next(x, cluster) : cluster + 1;
	}
}

void fat_claim_deleted(struct fat_places *x, uint64_t cluster, uint64_t bytes, uint64_t inode)
{
	uint64_t off = 0;
	uint64_t room = 0;

	if (!fat_cluster(x, cluster, &off))
		return;
	room = (x->clusters - (cluster - 2)) * x->cluster;
	places_zero(x->p, off, bytes < room ? bytes : room, inode, PLACE_DATA | PLACE_STALE);
}

void fat_add_dir(struct fat_places *x, const struct fat_dir *d)
{
	if (array_room(&x->dirs, sizeof(*x->dirs), x->dirs_n, &x->dirs_cap))
		x->p->stopped = -ENOMEM;
	else
		x->dirs[x->dirs_n++] = *d;
}

/* ---- directories ---------------------------------------------------------------------------- */

/* While the clusters of one directory come. */
struct going {
	struct fat_places *x;
	struct fat_gather g;
	bool ended;
	bool stale;
};

static void nobodys(struct fat_places *x, const uint8_t *p, uint64_t off, size_t n, bool stale)
{
	size_t from = 0;

	while (from < n && p[from] == 0)
		from++;
	while (n > from && p[n - 1] == 0)
		n--;
	if (from < n)
		places_zero(x->p, off + from, n - from, 0, stale ? PLACE_STALE : 0);
}

/* Entries in [@n] bytes at image byte @off. */
static bool on_bytes(struct going *o, uint64_t off, size_t n)
{
	struct fat_places *x = o->x;
	uint8_t *p = NULL;

	if (x->reads < n || x->p->stopped)
		return false;
	x->reads -= n;
	p = malloc(n);
	if (!p || !places_read(x->p, p, n, off)) {
		free(p);
		return false;
	}
	for (size_t at = 0; n - at >= FAT_ENTRY; at += FAT_ENTRY) {
		const struct fat_slot s = {.p = p + at,
			.off = off + at,
			.inode = (off + at - x->first) / FAT_ENTRY + FAT_FIRST_INODE};

		if (!o->ended && !x->slot(x, &o->g, &s, o->stale))
			o->ended = true;
		if (o->ended) {
			nobodys(x, p + at, off + at, n - at, o->stale);
			break;
		}
	}
	free(p);
	return true;
}

static bool on_dir(struct fat_places *x, const struct fat_dir *d)
{
	struct going o = {.x = x};
	uint64_t cluster = d->cluster;
	uint64_t off = 0;
	bool whole = true;

	if (cluster == 0 && x->root_bytes > 0) {
		whole = on_bytes(&o, x->first, (size_t)x->root_bytes);
		places_keep(x->p, x->first, x->root_bytes);
	}
	for (uint64_t i = 0; whole && (d->clusters == 0 || i < d->clusters); i++) {
		if (!fat_cluster(x, cluster, &off) || !set_add(&x->done, cluster))
			break;
		whole = on_bytes(&o, off, x->cluster);
		if (d->inode)
			places_zero(x->p, off, x->cluster, d->inode, PLACE_DATA);
		else
			places_keep(x->p, off, x->cluster);
		cluster = d->clusters ? cluster + 1 : fat_next(x, cluster);
	}
	x->end(x, &o.g, false);
	return whole && !x->done.failed;
}

/* ---- entries in what was a directory ------------------------------------------------------- */

struct left {
	struct fat_places *x;
	bool whole;
};

static void on_entry(void *ctx, uint64_t inode)
{
	struct left *l = ctx;
	struct fat_places *x = l->x;
	struct going o = {.x = x, .stale = true};
	uint64_t at = 0;
	uint64_t cluster = 0;
	uint64_t off = 0;

	if (inode < FAT_FIRST_INODE || set_has(&x->covered, inode))
		return;
	if (__builtin_mul_overflow(inode - FAT_FIRST_INODE, (uint64_t)FAT_ENTRY, &at) ||
		__builtin_add_overflow(at, x->first, &at) || at < x->heap)
		return;
	cluster = (at - x->heap) / x->cluster + 2;
	if (!fat_cluster(x, cluster, &off) || !set_add(&x->done, cluster))
		return;
	l->whole = on_bytes(&o, off, x->cluster) && l->whole;
	x->end(x, &o.g, true);
}

static bool walk(struct fat_places *x)
{
	struct left l = {x, true};

	while (l.whole && x->dirs_n > 0 && x->p->stopped == 0) {
		const struct fat_dir d = x->dirs[--x->dirs_n];

		l.whole = on_dir(x, &d);
	}
	if (l.whole && !x->p->f->entries.failed)
		set_each(&x->p->f->entries, on_entry, &l);
	return l.whole && !x->done.failed && !x->covered.failed && !x->p->f->entries.failed;
}

bool fat_walk(struct fat_places *x, struct places *p, uint32_t *cluster, uint64_t *base)
{
	bool whole = false;

	x->p = p;
	x->reads = p->f->end - p->f->offset + DIRS_MORE;
	whole = x->geometry(x) && walk(x);
	*cluster = x->cluster ? x->cluster : 1;
	*base = x->heap;
	set_release(&x->done);
	set_release(&x->covered);
	free(x->dirs);
	return whole;
}
