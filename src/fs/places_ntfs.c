/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places_ntfs.c - where NTFS keeps what it knows of a file; see places.h.
 *
 * Goes over all records of the MFT, used or not. A record that is blanked becomes a free
 * one. $LogFile and what the system logs below $Extend hold copies of anything, and are
 * nobody's. The first records describe the file system itself, and stay.
 * Source: Linux, fs/ntfs3/ntfs.h.
 */
#include "fs/places_ntfs.h"

#include <stdlib.h>

#define RECORD_USED      0x1u
#define HEAD             16u /* of an attribute */
#define NON_RESIDENT     64u
#define SPARSE_OR_PACKED 0xc001u
#define LOG_FILE         2u
#define LAST             UINT32_MAX
#define SPACE_DOS        2u

/* One attribute of a record. */
struct attr {
	uint32_t type;
	size_t at; /* in the record */
	size_t len;
	uint32_t id;
	size_t name; /* in the record */
	size_t name_bytes;
	bool resident;
	size_t value;
	size_t value_bytes;
};

struct record {
	struct ntfs_block b;
	uint64_t number;
	size_t end; /* of what is in use */
	bool lists; /* attributes stand in other records too */
	unsigned names;
	bool system; /* below $Extend */
};

/* The attribute at @at. Return: false: there is none. */
static bool attr_at(const struct record *r, size_t at, struct attr *a)
{
	const uint8_t *p = r->b.p + at;

	if (at > r->end || r->end - at < HEAD || ntfs_le(p, 4) == LAST)
		return false;
	*a = (struct attr){.type = (uint32_t)ntfs_le(p, 4),
		.at = at,
		.len = (size_t)ntfs_le(p + 4, 4),
		.id = (uint32_t)ntfs_le(p + 14, 2),
		.name = at + (size_t)ntfs_le(p + 10, 2),
		.name_bytes = 2 * (size_t)p[9],
		.resident = p[8] == 0};
	if (a->len < HEAD + 8 || a->len > r->end - at || (!a->resident && a->len < NON_RESIDENT))
		return false;
	if (a->name > at + a->len || a->name_bytes > at + a->len - a->name)
		a->name_bytes = 0;
	if (a->resident) {
		a->value = at + (size_t)ntfs_le(p + 20, 2);
		a->value_bytes = (size_t)ntfs_le(p + 16, 4);
		if (a->value > at + a->len || a->value_bytes > at + a->len - a->value)
			a->value_bytes = 0;
	}
	return true;
}

static bool is_named(const struct record *r, size_t at, size_t n, const char *ascii)
{
	if (n != 2 * strlen(ascii))
		return false;
	for (size_t i = 0; ascii[i]; i++) {
		if (r->b.p[at + 2 * i] != (uint8_t)ascii[i] || r->b.p[at + 2 * i + 1])
			return false;
	}
	return true;
}

/* ---- names ---------------------------------------------------------------------------------- */

static bool is_file_name(const struct attr *a)
{
	return a->type == NTFS_ATTR_NAME && a->resident && a->value_bytes >= 66;
}

/* Of a file with several names each is kept from a viewer by itself. */
static void on_file_name(const struct record *r, const struct attr *a)
{
	uint64_t parent = ntfs_le(r->b.p + a->value, 6);
	const struct place_at about = {.inode = r->b.owner, .parent = parent ? parent : UINT64_MAX};

	if (r->names > 1 || r->lists || r->b.owner != r->number)
		ntfs_block_zero(&r->b, &about, a->value, a->value + a->value_bytes);
}

static void look_at_names(struct record *r, size_t first)
{
	struct attr a;

	for (size_t at = first; attr_at(r, at, &a); at += a.len) {
		const uint8_t *name = r->b.p + a.value;

		r->lists = r->lists || a.type == NTFS_ATTR_LIST;
		if (!is_file_name(&a))
			continue;
		r->names += name[65] != SPACE_DOS;
		if (set_has(&r->b.x->system, ntfs_le(name, 6)))
			r->system = true;
	}
}

/* ---- streams ----------------------------------------------------------------------------------
 */

static struct place_at about_stream(const struct record *r, const struct attr *a)
{
	return (struct place_at){
		.inode = r->b.owner, .attr_type = NTFS_ATTR_DATA, .attr_id = a->id};
}

static void on_stream(const struct record *r, const struct attr *a)
{
	const struct place_at about = about_stream(r, a);

	ntfs_block_zero(&r->b, &about, a->name, a->name + a->name_bytes);
	ntfs_block_zero(&r->b, &about, a->value, a->value + a->value_bytes);
}

/* Names of streams stand in the list of attributes too. */
static void on_list(const struct record *r, const struct attr *list)
{
	size_t end = list->value + list->value_bytes;

	for (size_t at = list->value; end - at >= 26;) {
		const uint8_t *p = r->b.p + at;
		size_t len = (size_t)ntfs_le(p + 4, 2);
		size_t name = at + p[7];
		const struct attr a = {.id = (uint32_t)ntfs_le(p + 24, 2)};
		const struct place_at about = about_stream(r, &a);

		if (len < 26 || len > end - at)
			return;
		if (ntfs_le(p, 4) == NTFS_ATTR_DATA && p[6] && name + (size_t)2 * p[6] <= at + len)
			ntfs_block_zero(&r->b, &about, name, name + (size_t)2 * p[6]);
		at += len;
	}
}

/* ---- what stands elsewhere ----------------------------------------------------------------------
 */

/* Runs as somebody's contents. */
static void claim_runs(const struct record *r, const struct ntfs_runs *runs, struct place_at about)
{
	const struct ntfs_places *x = r->b.x;

	for (size_t i = 0; i < runs->n; i++) {
		const struct ntfs_run *run = &runs->v[i];
		uint64_t at = 0;
		uint64_t n = 0;

		if (run->sparse || __builtin_mul_overflow(run->at, (uint64_t)x->cluster, &at) ||
			__builtin_add_overflow(at, x->p->f->offset, &at) ||
			__builtin_mul_overflow(run->n, (uint64_t)x->cluster, &n))
			continue;
		about.offset = at;
		about.length = n;
		places_put(x->p, &about);
	}
}

/* Whether the extents of a trace leave out what is allocated to it. */
static bool shows_too_little(
	const struct ntfs_places *x, const struct record *r, const struct attr *a)
{
	const uint8_t *p = r->b.p + a->at;
	uint64_t allocated = ntfs_le(p + 40, 8);
	uint64_t size = ntfs_le(p + 48, 8);
	uint64_t written = ntfs_le(p + 56, 8);

	if (a->type != NTFS_ATTR_DATA || (ntfs_le(p + 12, 2) & SPARSE_OR_PACKED) ||
		ntfs_le(p + 16, 8) > 0)
		return true;
	written = written < size ? written : size;
	return allocated > written && allocated - written >= x->cluster;
}

static bool is_index(const struct record *r, const struct attr *a)
{
	return is_named(r, a->name, a->name_bytes, "$I30");
}

static void on_runs(const struct record *r, const struct attr *a)
{
	const uint8_t *p = r->b.p + a->at;
	size_t list = (size_t)ntfs_le(p + 32, 2);
	struct ntfs_runs runs = {NULL, 0, 0};
	struct place_at about = {
		.inode = r->b.owner, .flags = r->b.used ? PLACE_DATA : PLACE_DATA | PLACE_STALE};

	if (list < NON_RESIDENT || list >= a->len ||
		!ntfs_runs_parse(&runs, p + list, a->len - list, ntfs_le(p + 16, 8))) {
		free(runs.v);
		return;
	}
	if (a->type == NTFS_ATTR_DATA && r->number == LOG_FILE) {
		/* as a log that was never written to: all ones */
		about = (struct place_at){.action = PLACE_FILL, .value = 0xff};
		claim_runs(r, &runs, about);
	} else if (r->system && a->type == NTFS_ATTR_DATA) {
		about = (struct place_at){.inode = 0};
		claim_runs(r, &runs, about);
	} else if (r->b.owner <= NTFS_EXTEND && r->b.used) {
		about = (struct place_at){.action = PLACE_KEEP};
		claim_runs(r, &runs, about);
	} else if (r->b.owner >= NTFS_FIRST_FILE && shows_too_little(r->b.x, r, a)) {
		if (a->type == NTFS_ATTR_DATA && a->name_bytes > 0) {
			about.attr_type = NTFS_ATTR_DATA;
			about.attr_id = a->id;
		}
		claim_runs(r, &runs, about);
	}
	if (a->type == NTFS_ATTR_INDEX && is_index(r, a))
		ntfs_index_blocks(r->b.x, &runs, r->b.owner, r->b.used);
	free(runs.v);
}

/* ---- records ------------------------------------------------------------------------------------
 */

static void on_attr(const struct record *r, const struct attr *a)
{
	bool file = r->b.owner >= NTFS_FIRST_FILE;

	if (!a->resident)
		on_runs(r, a);
	else if (a->type == NTFS_ATTR_ROOT && is_index(r, a) && a->value_bytes >= 32)
		ntfs_index_entries(&r->b, a->value + 16, a->value + a->value_bytes);
	else if (file && is_file_name(a))
		on_file_name(r, a);
	else if (file && a->type == NTFS_ATTR_LIST)
		on_list(r, a);
	if (file && a->type == NTFS_ATTR_DATA && a->name_bytes > 0)
		on_stream(r, a);
}

/* All of it, as a free record; where it does not lie in one piece, as zeros. */
static void blank_record(const struct record *r, uint64_t owner)
{
	size_t sectors = r->b.n / NTFS_SECTOR;
	struct place_at at = {.offset = r->b.at[0],
		.length = r->b.n,
		.inode = owner,
		.action = PLACE_RECORD,
		.value = (uint32_t)r->number};
	bool whole = true;

	for (size_t i = 1; i < sectors; i++)
		whole = whole && r->b.at[i] == r->b.at[0] + i * NTFS_SECTOR;
	if (whole) {
		places_put(r->b.x->p, &at);
		return;
	}
	at.action = PLACE_ZERO;
	at.length = NTFS_SECTOR;
	for (size_t i = 0; i < sectors; i++) {
		at.offset = r->b.at[i];
		places_put(r->b.x->p, &at);
	}
}

static bool is_zero(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

static void on_record(struct record *r)
{
	const uint8_t *p = r->b.p;
	uint64_t base = ntfs_le(p + 32, 6);
	size_t first = (size_t)ntfs_le(p + 20, 2);
	struct attr a;
	size_t at = 0;

	if (is_zero(p, r->b.n))
		return;
	ntfs_block_settle(&r->b);
	r->b.used = ntfs_le(p + 22, 2) & RECORD_USED;
	r->b.owner = base ? base : r->number;
	r->end = (size_t)ntfs_le(p + 24, 4);
	if (memcmp(p, "FILE", 4) != 0 || !r->b.list || r->end > r->b.n || first > r->end) {
		if (r->number >= NTFS_FIRST_FILE)
			blank_record(r, 0);
		return;
	}
	/* of whom a record is that continued another's cannot be told any more */
	if (base && !r->b.used)
		r->b.owner = 0;
	if (r->number >= NTFS_FIRST_FILE && (r->b.owner == 0 || r->b.owner >= NTFS_FIRST_FILE))
		blank_record(r, r->b.owner);
	look_at_names(r, first);
	if (r->system)
		set_add(&r->b.x->system, r->number);
	for (at = first; attr_at(r, at, &a); at += a.len)
		on_attr(r, &a);
	if (r->end < r->b.n)
		ntfs_block_nobodys(&r->b, r->end, r->b.n);
}

static bool each_record(struct ntfs_places *x, uint64_t records)
{
	struct record r = {.b = {.x = x}};
	uint8_t *p = malloc(x->record);

	if (!p)
		x->p->stopped = -ENOMEM;
	for (uint64_t n = 0; p && n < records && x->p->stopped == 0; n++) {
		r.b.p = p;
		r.number = n;
		r.names = 0;
		r.lists = r.system = false;
		/* what cannot be read is shown to nobody */
		if (ntfs_block_read(&r.b, &x->mft, n * x->record, x->record))
			on_record(&r);
	}
	free(p);
	return p != NULL && !x->failed;
}

/* ---- the volume ---------------------------------------------------------------------------------
 */

static uint32_t size_of(uint8_t v, uint32_t cluster)
{
	return v > 0x80 ? (256u - v < 32 ? 1u << (256u - v) : 0) : v * cluster;
}

static bool read_boot(struct ntfs_places *x)
{
	uint8_t b[NTFS_SECTOR];
	uint32_t sector = 0;

	if (!places_read(x->p, b, sizeof(b), x->p->f->offset))
		return false;
	sector = (uint32_t)ntfs_le(b + 11, 2);
	x->cluster =
		b[13] > 0x80 ? (256u - b[13] < 20 ? sector << (256u - b[13]) : 0) : sector * b[13];
	x->record = size_of(b[0x40], x->cluster);
	x->block = size_of(b[0x44], x->cluster);
	return x->cluster >= NTFS_SECTOR && x->cluster % NTFS_SECTOR == 0 &&
	       x->record >= NTFS_SECTOR && x->record <= PLACE_RECORD_MAX &&
	       x->record % NTFS_SECTOR == 0 && x->block >= NTFS_SECTOR &&
	       x->block <= NTFS_BLOCK_MAX && x->block % NTFS_SECTOR == 0;
}

/* Where the MFT lies, as libtsk found it, its later pieces too. Return: its records. */
static uint64_t read_mft(struct ntfs_places *x)
{
	TSK_FS_FILE *file = meta_load(x->p->f, NULL, 0);
	const TSK_FS_ATTR *a = file ? attr_contents(x->p->f, file) : NULL;
	uint64_t size = 0;

	if (a && (a->flags & TSK_FS_ATTR_NONRES) && a->size > 0) {
		const TSK_FS_ATTR_RUN *run = a->nrd.run;
		struct ntfs_runs *r = &x->mft;

		for (size = (uint64_t)a->size; run; run = run->next)
			r->cap++;
		r->v = calloc(r->cap, sizeof(*r->v));
		for (run = a->nrd.run; r->v && run; run = run->next)
			r->v[r->n++] = (struct ntfs_run){.first = run->offset,
				.at = run->addr,
				.n = run->len,
				.sparse = (run->flags & (TSK_FS_ATTR_RUN_FLAG_SPARSE |
								TSK_FS_ATTR_RUN_FLAG_FILLER)) != 0};
	}
	if (file)
		tsk_fs_file_close(file);
	tsk_error_reset();
	return x->mft.v ? size / x->record : 0;
}

/* $Extend and what is below it, directories first: one of them may have a lower number. */
static bool find_system(struct ntfs_places *x, uint64_t records)
{
	struct record r = {.b = {.x = x, .p = x->buf}};
	uint64_t known = 0;

	set_add(&x->system, NTFS_EXTEND);
	do {
		known = x->system.count;
		for (uint64_t n = NTFS_FIRST_FILE; n < records && n < 4096; n++) {
			struct attr a;

			if (!ntfs_block_read(&r.b, &x->mft, n * x->record, x->record) ||
				memcmp(r.b.p, "FILE", 4) != 0)
				continue;
			ntfs_block_settle(&r.b);
			r.end = (size_t)ntfs_le(r.b.p + 24, 4);
			if (r.end > r.b.n)
				continue;
			for (size_t at = (size_t)ntfs_le(r.b.p + 20, 2); attr_at(&r, at, &a);
				at += a.len) {
				if (is_file_name(&a) &&
					set_has(&x->system, ntfs_le(r.b.p + a.value, 6)))
					set_add(&x->system, n);
			}
		}
	} while (x->system.count > known);
	return !x->system.failed;
}

int places_ntfs(struct places *p, uint32_t *cluster, uint64_t *base)
{
	struct ntfs_places x = {.p = p, .reads = p->f->end - p->f->offset + (64u << 20)};
	uint64_t records = 0;
	bool whole = false;

	if (!read_boot(&x))
		return 0;
	x.buf = malloc(NTFS_BLOCK_MAX);
	if (!x.buf)
		p->stopped = -ENOMEM;
	else
		records = read_mft(&x);
	whole = records > 0 && find_system(&x, records) && each_record(&x, records);
	free(x.mft.v);
	free(x.buf);
	set_release(&x.system);
	*cluster = x.cluster;
	*base = p->f->offset;
	return whole;
}
