/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gpt.c - GUID partition tables
 *
 * The primary header behind sector 0, else the backup in the last sector, for
 * sectors of 512 and 4,096 bytes. Checksums decide between the two; a table
 * that fits neither checksum is still read, with a note: it is evidence.
 * Source: UEFI specification, "GUID Partition Table (GPT) Disk Layout".
 */
#include "volume/tables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "volume/utf16.h"

#define HEADER_BYTES 92
#define ENTRY_MIN    128
#define ENTRY_MAX    4096
#define ENTRIES_MAX  4096
#define NAME_BYTES   72

struct header {
	uint64_t sector; /* bytes */
	uint64_t table;  /* sectors */
	uint32_t entries;
	uint32_t entry_bytes;
	uint32_t table_crc;
	bool sound; /* its checksum fits */
};

static uint32_t crc32_of(const uint8_t *p, size_t n)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static bool header_at(const struct source *s, uint64_t off, uint64_t sector, struct header *h)
{
	uint8_t b[512];
	struct cur c = {0};
	uint32_t size = 0;
	uint32_t crc = 0;

	if (off > source_size(s) || source_read_all(s, b, sizeof(b), off) != (ssize_t)sizeof(b) ||
		memcmp(b, "EFI PART", 8) != 0)
		return false;
	c = cur_of(b + 12, sizeof(b) - 12);
	size = cur_u32(&c);
	crc = cur_u32(&c);
	memset(b + 16, 0, 4);
	*h = (struct header){.sector = sector};
	h->sound = size >= HEADER_BYTES && size <= sizeof(b) && crc32_of(b, size) == crc;
	c = cur_of(b + 72, sizeof(b) - 72);
	h->table = cur_u64(&c);
	h->entries = cur_u32(&c);
	h->entry_bytes = cur_u32(&c);
	h->table_crc = cur_u32(&c);
	return h->entry_bytes >= ENTRY_MIN && h->entry_bytes <= ENTRY_MAX && h->entries > 0;
}

/* All entries in memory; *@sound tells whether their checksum fits. NULL: not readable. */
static uint8_t *table_load(const struct source *s, struct header *h, size_t *n, bool *sound)
{
	uint64_t off = 0;
	uint8_t *p = NULL;

	if (h->entries > ENTRIES_MAX)
		h->entries = ENTRIES_MAX;
	*n = (size_t)h->entries * h->entry_bytes;
	if (__builtin_mul_overflow(h->table, h->sector, &off) || off > source_size(s) ||
		*n > source_size(s) - off)
		return NULL;
	p = malloc(*n);
	if (p && source_read_all(s, p, *n, off) != (ssize_t)*n) {
		free(p);
		return NULL;
	}
	if (p)
		*sound = crc32_of(p, *n) == h->table_crc;
	return p;
}

static void describe(const uint8_t *entry, char *out, size_t n)
{
	struct buf name = BUF_INIT;
	size_t len = 0;

	utf16le_put_str(&name, entry + 56, NAME_BYTES);
	buf_cstr(&name);
	len = name.len < n - 1 ? name.len : n - 1;
	/* Never half a character. */
	while (len < name.len && len > 0 && (name.data[len] & 0xc0) == 0x80)
		len--;
	if (name.data)
		memcpy(out, name.data, len);
	out[len] = '\0';
	for (char *c = out; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	buf_release(&name);
}

static int add_entry(const struct source *s, const struct header *h, const uint8_t *p,
	unsigned number, struct volume_table *t)
{
	static const uint8_t unused[16];
	struct cur c = cur_of(p + 32, 16);
	uint64_t first = cur_u64(&c);
	uint64_t last = cur_u64(&c);
	uint64_t off = 0;
	uint64_t len = 0;
	char desc[VOLUME_DESC_MAX];

	if (memcmp(p, unused, sizeof(unused)) == 0)
		return 0;
	if (last < first || __builtin_mul_overflow(first, h->sector, &off) ||
		__builtin_add_overflow(last - first, 1, &len) ||
		__builtin_mul_overflow(len, h->sector, &len)) {
		table_note(t, "partition %u has no possible extent", number);
		return 0;
	}
	describe(p, desc, sizeof(desc));
	return table_add(t, s, number, off, len, desc);
}

static int read_table(
	const struct source *s, struct header *h, const uint8_t *p, struct volume_table *t)
{
	int r = 0;

	snprintf(t->kind, sizeof(t->kind), "gpt");
	for (unsigned i = 0; i < h->entries && r == 0; i++)
		r = add_entry(s, h, p + (size_t)i * h->entry_bytes, i + 1, t);
	return r ? r : 1;
}

/* One copy of header and table. Return: 1 read, 0 not usable, -ENOMEM. */
static int read_copy(
	const struct source *s, uint64_t off, uint64_t sector, bool strict, struct volume_table *t)
{
	struct header h;
	bool sound = false;
	size_t n = 0;
	uint8_t *p = NULL;
	int r = 0;

	if (!header_at(s, off, sector, &h) || (strict && !h.sound))
		return 0;
	p = table_load(s, &h, &n, &sound);
	if (!p)
		return 0;
	if (sound || !strict)
		r = read_table(s, &h, p, t);
	free(p);
	return r;
}

int gpt_read(const struct source *s, struct volume_table *t)
{
	static const uint64_t sectors[] = {512, 4096};

	for (int strict = 1; strict >= 0; strict--) {
		for (size_t i = 0; i < 2; i++) {
			uint64_t sec = sectors[i];
			uint64_t end = source_size(s) / sec * sec;
			int r = 0;

			if (source_size(s) < 3 * sec)
				continue;
			r = read_copy(s, sec, sec, strict, t);
			if (r > 0 && !strict)
				table_note(t, "the checksum of the partition table is wrong");
			if (r != 0)
				return r;
			r = read_copy(s, end - sec, sec, strict, t);
			if (r > 0)
				table_note(t, "the primary partition table is damaged: the backup "
					      "at the end was used");
			if (r != 0)
				return r;
		}
	}
	return 0;
}
