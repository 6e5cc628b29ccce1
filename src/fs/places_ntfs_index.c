/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places_ntfs_index.c - names in NTFS directories, and blocks with marks; see places.h.
 *
 * A name that is blanked leaves an entry of the same length that leads to record 0 and
 * has a name of no characters: whoever goes through the directory passes over it.
 * What is behind the last entry is nobody's.
 * Source: Linux, fs/ntfs3/ntfs.h.
 */
#include "fs/places_ntfs.h"

#include <stdlib.h>

#include "base/array.h"

#define ENTRY_HEAD 16u
#define ENTRY_LAST 0x2u
#define INDEX_HEAD 0x18u /* of a block: where the head of its list stands */

/* ---- blocks ------------------------------------------------------------------------------- */

static bool where(
	const struct ntfs_places *x, const struct ntfs_runs *runs, uint64_t from, uint64_t *off)
{
	uint64_t cluster = from / x->cluster;
	uint64_t at = 0;

	for (size_t i = 0; i < runs->n; i++) {
		const struct ntfs_run *r = &runs->v[i];

		if (cluster < r->first || cluster - r->first >= r->n)
			continue;
		if (r->sparse ||
			__builtin_mul_overflow(
				r->at + (cluster - r->first), (uint64_t)x->cluster, &at) ||
			__builtin_add_overflow(at, x->p->f->offset + from % x->cluster, &at))
			return false;
		*off = at;
		return at < x->p->f->end && x->p->f->end - at >= NTFS_SECTOR;
	}
	return false;
}

bool ntfs_block_read(struct ntfs_block *b, const struct ntfs_runs *runs, uint64_t from, size_t n)
{
	size_t done = 0;

	b->n = n;
	b->list = 0;
	for (size_t i = 0; i < n / NTFS_SECTOR; i++) {
		if (!where(b->x, runs, from + i * NTFS_SECTOR, &b->at[i]))
			return false;
	}
	while (done < n) {
		size_t first = done / NTFS_SECTOR;
		size_t many = 1;

		while (first + many < n / NTFS_SECTOR &&
			b->at[first + many] == b->at[first] + many * NTFS_SECTOR)
			many++;
		if (!places_read(b->x->p, b->p + done, many * NTFS_SECTOR, b->at[first]))
			return false;
		done += many * NTFS_SECTOR;
	}
	return true;
}

void ntfs_block_settle(struct ntfs_block *b)
{
	size_t list = (size_t)ntfs_le(b->p + 4, 2);
	size_t count = (size_t)ntfs_le(b->p + 6, 2);

	if (count != b->n / NTFS_SECTOR + 1 || list < 0x28 || list % 2 ||
		list + 2 * count > NTFS_SECTOR - 2)
		return;
	for (size_t i = 1; i < count; i++) {
		if (memcmp(b->p + i * NTFS_SECTOR - 2, b->p + list, 2) != 0)
			return;
	}
	for (size_t i = 1; i < count; i++)
		memcpy(b->p + i * NTFS_SECTOR - 2, b->p + list + 2 * i, 2);
	b->list = list;
}

static void put(const struct ntfs_block *b, const struct place_at *about, size_t from, size_t n)
{
	struct place_at at = *about;

	at.offset = b->at[from / NTFS_SECTOR] + from % NTFS_SECTOR;
	at.length = n;
	places_put(b->x->p, &at);
}

void ntfs_block_zero(
	const struct ntfs_block *b, const struct place_at *about, size_t from, size_t to)
{
	while (from < to) {
		size_t sector = from / NTFS_SECTOR;
		size_t end = (sector + 1) * NTFS_SECTOR;
		size_t mark = b->list ? end - 2 : end;
		size_t until = to < end ? to : end;

		if (until > mark)
			put(b, about, b->list + 2 * (sector + 1), 2);
		if (from < mark)
			put(b, about, from, (until < mark ? until : mark) - from);
		from = until;
	}
}

void ntfs_block_nobodys(const struct ntfs_block *b, size_t from, size_t to)
{
	const struct place_at nobody = {.inode = 0, .flags = b->stale ? PLACE_STALE : 0};

	while (from < to && b->p[from] == 0)
		from++;
	while (from < to && b->p[to - 1] == 0)
		to--;
	ntfs_block_zero(b, &nobody, from, to);
}

/* ---- runs ----------------------------------------------------------------------------------- */

static bool add_run(struct ntfs_runs *r, const struct ntfs_run *run)
{
	if (array_room(&r->v, sizeof(*r->v), r->n, &r->cap))
		return false;
	r->v[r->n++] = *run;
	return true;
}

static int64_t signed_le(const uint8_t *p, size_t n)
{
	uint64_t v = ntfs_le(p, n);

	if (n > 0 && n < 8 && p[n - 1] & 0x80)
		v |= UINT64_MAX << 8 * n;
	return (int64_t)v;
}

bool ntfs_runs_parse(struct ntfs_runs *r, const uint8_t *p, size_t n, uint64_t first)
{
	uint64_t at = 0;
	size_t i = 0;

	while (i < n && p[i]) {
		size_t lengths = p[i] & 15;
		size_t places = p[i] >> 4;
		struct ntfs_run run = {.first = first, .sparse = places == 0};

		if (lengths == 0 || lengths > 8 || places > 8 || lengths + places >= n - i)
			return false;
		run.n = ntfs_le(p + i + 1, lengths);
		at += (uint64_t)signed_le(p + i + 1 + lengths, places);
		run.at = at;
		if (run.n == 0 || run.n > UINT64_MAX / 2 || first > UINT64_MAX / 2 ||
			!add_run(r, &run))
			return false;
		first += run.n;
		i += 1 + lengths + places;
	}
	return true;
}

/* ---- names ---------------------------------------------------------------------------------- */

/* @head: of a list of entries: where they begin, end, and could end, from there on. */
void ntfs_index_entries(const struct ntfs_block *b, size_t head, size_t limit)
{
	size_t at = 0;
	size_t end = 0;

	if (limit > b->n || head > limit || limit - head < 16)
		return;
	at = head + (size_t)ntfs_le(b->p + head, 4);
	end = head + (size_t)ntfs_le(b->p + head + 4, 4);
	if (end > limit)
		end = limit;
	while (at <= end && end - at >= ENTRY_HEAD) {
		const uint8_t *e = b->p + at;
		size_t len = (size_t)ntfs_le(e + 8, 2);
		size_t key = (size_t)ntfs_le(e + 10, 2);
		const struct place_at about = {.inode = ntfs_le(e, 6),
			.parent = b->owner ? b->owner : UINT64_MAX,
			.flags = b->stale ? PLACE_STALE : 0};

		if (len < ENTRY_HEAD || len % 8 || len > end - at || key > len - ENTRY_HEAD)
			break;
		if (e[12] & ENTRY_LAST) {
			at += len;
			break;
		}
		if (about.inode >= NTFS_FIRST_FILE && about.inode != b->owner) {
			ntfs_block_zero(b, &about, at, at + 8);
			ntfs_block_zero(b, &about, at + ENTRY_HEAD, at + ENTRY_HEAD + key);
		}
		at += len;
	}
	if (at < limit)
		ntfs_block_nobodys(b, at, limit);
}

static void index_block(struct ntfs_block *b)
{
	ntfs_block_settle(b);
	if (memcmp(b->p, "INDX", 4) != 0 || !b->list) {
		ntfs_block_nobodys(b, 0, b->n); /* what these bytes are cannot be told */
		return;
	}
	ntfs_index_entries(b, INDEX_HEAD, b->n);
}

void ntfs_index_blocks(struct ntfs_places *x, const struct ntfs_runs *runs, uint64_t dir, bool used)
{
	struct ntfs_block b = {.x = x, .p = x->buf, .owner = dir, .stale = !used};
	uint64_t end = runs->n ? runs->v[runs->n - 1].first + runs->v[runs->n - 1].n : 0;
	uint64_t from = runs->n ? runs->v[0].first * x->cluster : 0;

	for (; from / x->cluster < end; from += x->block) {
		if (x->reads < x->block || x->p->stopped) {
			x->failed = true;
			return;
		}
		x->reads -= x->block;
		if (ntfs_block_read(&b, runs, from, x->block))
			index_block(&b);
	}
}
