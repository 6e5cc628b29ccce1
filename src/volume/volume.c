/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume.c - which table a media has; see volume.h
 *
 * GPT before MBR (its protective entry is no partition), and both only when
 * sector 0 is not the boot sector of a file system, whose code bytes read as
 * partition entries easily.
 */
#include "volume/volume.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "volume/tables.h"

#define ISO_ID_OFFSET 32769
#define ISO_ID_BYTES  5

void table_note(struct volume_table *t, const char *fmt, ...)
{
	size_t used = strlen(t->note);
	va_list ap;

	if (used > 0 && used + 3 < sizeof(t->note)) {
		memcpy(t->note + used, "; ", 3);
		used += 2;
	}
	va_start(ap, fmt);
	vsnprintf(t->note + used, sizeof(t->note) - used, fmt, ap);
	va_end(ap);
}

int table_add(struct volume_table *t, const struct source *s, unsigned number, uint64_t offset,
	uint64_t length, const char *desc)
{
	struct volume *v = NULL;
	uint64_t left = 0;

	if (length == 0)
		return 0;
	if (offset >= source_size(s)) {
		table_note(t, "partition %u lies past the end of the media", number);
		return 0;
	}
	left = source_size(s) - offset;
	if (length > left) {
		table_note(t, "partition %u reaches past the end of the media", number);
		length = left;
	}
	if (t->n >= VOLUMES_MAX) {
		if (t->n == VOLUMES_MAX)
			table_note(t, "more than %u partitions", VOLUMES_MAX);
		return 0;
	}
	v = reallocarray(t->v, t->n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	t->v = v;
	t->v[t->n] = (struct volume){.number = number, .offset = offset, .length = length};
	snprintf(t->v[t->n].desc, sizeof(t->v[t->n].desc), "%s", desc);
	t->n++;
	return 0;
}

static unsigned le16(const uint8_t *p)
{
	return (unsigned)p[0] | (unsigned)p[1] << 8;
}

/* The parameter block of a FAT, NTFS or exFAT boot sector; no boot loader has one like it. */
static bool is_boot_sector(const uint8_t *p)
{
	unsigned bps = le16(p + 11);
	unsigned spc = p[13];

	if (memcmp(p + 3, "NTFS    ", 8) == 0 || memcmp(p + 3, "EXFAT   ", 8) == 0 ||
		memcmp(p + 3, "-FVE-FS-", 8) == 0)
		return true;
	if (p[0] != 0xeb && p[0] != 0xe9)
		return false;
	if (bps < 512 || bps > 4096 || (bps & (bps - 1)) || spc == 0 || (spc & (spc - 1)))
		return false;
	if (le16(p + 14) == 0 || p[16] == 0 || p[16] > 2)
		return false;
	return p[21] == 0xf0 || p[21] >= 0xf8;
}

static bool has_iso9660(const struct source *s, uint64_t off)
{
	char id[ISO_ID_BYTES];

	return source_read_all(s, id, sizeof(id), off + ISO_ID_OFFSET) == ISO_ID_BYTES &&
	       memcmp(id, "CD001", ISO_ID_BYTES) == 0;
}

/*
 * Hybrid media: an ISO 9660 file system over all of it, and a table in the 32 KiB that ISO 9660
 * leaves alone. Where no partition begins with that file system, the medium is a volume too.
 */
static int add_medium(const struct source *s, struct volume_table *t)
{
	if (!has_iso9660(s, 0))
		return 0;
	for (size_t i = 0; i < t->n; i++) {
		if (has_iso9660(s, t->v[i].offset))
			return 0;
	}
	return table_add(t, s, 0, 0, source_size(s), "the whole medium");
}

static int scan(const struct source *s, const uint8_t *sector0, struct volume_table *t)
{
	int r = 0;

	if (!is_boot_sector(sector0)) {
		/* A table of its own beside an old GPT is the newer one. */
		if (mbr_is_own(s, sector0))
			r = mbr_read(s, sector0, t);
		if (r == 0)
			r = gpt_read(s, t);
		if (r == 0)
			r = mbr_read(s, sector0, t);
		if (r == 0)
			r = other_read(s, t);
	}
	if (r != 0)
		return r < 0 ? r : add_medium(s, t);
	snprintf(t->kind, sizeof(t->kind), "none");
	return table_add(t, s, 0, 0, source_size(s), "");
}

int volume_scan(const struct source *s, struct volume_table *t, struct err *e)
{
	struct volume_table found = {.v = NULL};
	uint8_t sector0[VOLUME_SECTOR] = {0};
	ssize_t n = source_read_all(s, sector0, sizeof(sector0), 0);
	int r = 0;

	if (n < 0)
		return err_set(e, EIO, "the first sector cannot be read");
	r = scan(s, sector0, &found);
	if (r) {
		volume_table_release(&found);
		return err_set(e, -r, "out of memory");
	}
	*t = found;
	return 0;
}

int volume_table_share(struct volume_table *t, size_t i, unsigned n)
{
	struct volume *v = NULL;
	size_t more = n > 0 ? n - 1 : 0;

	if (more == 0)
		return 0;
	v = reallocarray(t->v, t->n + more, sizeof(*v));
	if (!v)
		return -ENOMEM;
	t->v = v;
	memmove(v + i + 1 + more, v + i + 1, (t->n - i - 1) * sizeof(*v));
	t->n += more;
	for (unsigned k = 1; k <= more; k++) {
		v[i + k] = v[i];
		v[i + k].member = k;
	}
	return 0;
}

void volume_table_release(struct volume_table *t)
{
	free(t->v);
	*t = (struct volume_table){.v = NULL};
}
