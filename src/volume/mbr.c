/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbr.c - DOS partition tables
 *
 * Primaries are numbered by their slot, logical partitions from 5 in the order
 * of the chain, as fdisk and the kernel do. An extended partition is a
 * container and no volume. The chain is hostile: it has an end, and no record
 * is read twice.
 */
#include "volume/tables.h"

#include <errno.h>
#include <stdio.h>

#include "base/buf.h"

#define SLOT_OFFSET 446
#define SLOT_BYTES  16
#define LOGICAL_MAX 1024

struct slot {
	unsigned boot;
	unsigned type;
	uint64_t start; /* sectors */
	uint64_t count;
};

struct type_name {
	unsigned type;
	const char *name;
};

static const struct type_name names[] = {
	{0x01, "FAT12"},
	{0x04, "FAT16 < 32 MiB"},
	{0x06, "FAT16"},
	{0x07, "NTFS / exFAT"},
	{0x0b, "FAT32"},
	{0x0c, "FAT32 LBA"},
	{0x0e, "FAT16 LBA"},
	{0x11, "hidden FAT12"},
	{0x14, "hidden FAT16 < 32 MiB"},
	{0x16, "hidden FAT16"},
	{0x17, "hidden NTFS"},
	{0x1b, "hidden FAT32"},
	{0x1c, "hidden FAT32 LBA"},
	{0x1e, "hidden FAT16 LBA"},
	{0x27, "Windows recovery"},
	{0x42, "Windows dynamic disk"},
	{0x82, "Linux swap / Solaris x86"},
	{0x83, "Linux"},
	{0x84, "hibernation"},
	{0x8e, "Linux LVM"},
	{0xa5, "FreeBSD"},
	{0xa6, "OpenBSD"},
	{0xa8, "Mac OS X"},
	{0xa9, "NetBSD"},
	{0xab, "Mac OS X boot"},
	{0xaf, "Mac OS X HFS"},
	{0xbe, "Solaris boot"},
	{0xbf, "Solaris x86"},
	{0xee, "GPT protective"},
	{0xef, "EFI system"},
	{0xfb, "VMFS"},
	{0xfd, "Linux RAID"},
};

static void describe(unsigned type, char *out, size_t n)
{
	const char *name = "unknown";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].type == type)
			name = names[i].name;
	}
	snprintf(out, n, "%s (0x%02x)", name, type);
}

static bool is_container(unsigned type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

static struct slot slot_at(const uint8_t *sector, unsigned i)
{
	struct cur c = cur_of(sector + SLOT_OFFSET + (size_t)i * SLOT_BYTES, SLOT_BYTES);
	struct slot s = {.boot = cur_u8(&c)};

	cur_take(&c, 3);
	s.type = cur_u8(&c);
	cur_take(&c, 3);
	s.start = cur_u32(&c);
	s.count = cur_u32(&c);
	return s;
}

static int add(struct volume_table *t, const struct source *s, unsigned number, uint64_t start,
	const struct slot *p)
{
	char desc[VOLUME_DESC_MAX];

	describe(p->type, desc, sizeof(desc));
	return table_add(t, s, number, start * VOLUME_SECTOR, p->count * VOLUME_SECTOR, desc);
}

/* The chain in one container: each record holds one partition and the next record. */
static int logical(const struct source *s, uint64_t first, unsigned *number, struct volume_table *t)
{
	uint64_t at = first;
	unsigned left = LOGICAL_MAX;
	int r = 0;

	while (r == 0 && left-- > 0) {
		uint8_t b[VOLUME_SECTOR];
		uint64_t next = 0;

		if (at * VOLUME_SECTOR >= source_size(s) ||
			source_read_all(s, b, sizeof(b), at * VOLUME_SECTOR) != VOLUME_SECTOR ||
			b[510] != 0x55 || b[511] != 0xaa) {
			table_note(t, "the chain of logical partitions breaks off at sector %llu",
				(unsigned long long)at);
			return 0;
		}
		for (unsigned i = 0; i < 4 && r == 0; i++) {
			struct slot p = slot_at(b, i);

			if (p.type == 0 || p.count == 0)
				continue;
			if (is_container(p.type))
				next = next ? next : first + p.start;
			else
				r = add(t, s, (*number)++, at + p.start, &p);
		}
		if (next == 0)
			return r;
		/* Chains lead onwards; one that turns back is a circle or a lie. */
		if (next <= at) {
			table_note(t, "the chain of logical partitions turns back at sector %llu",
				(unsigned long long)at);
			return r;
		}
		at = next;
	}
	return r;
}

static bool plausible(const struct source *s, const uint8_t *sector0)
{
	unsigned used = 0;

	if (sector0[510] != 0x55 || sector0[511] != 0xaa)
		return false;
	for (unsigned i = 0; i < 4; i++) {
		struct slot p = slot_at(sector0, i);

		if (p.boot & 0x7f)
			return false;
		if (p.type != 0 && p.count != 0 && p.start * VOLUME_SECTOR < source_size(s))
			used++;
	}
	return used > 0;
}

bool mbr_is_own(const struct source *s, const uint8_t *sector0)
{
	for (unsigned i = 0; i < 4; i++) {
		if (slot_at(sector0, i).type == 0xee)
			return false;
	}
	return plausible(s, sector0);
}

int mbr_read(const struct source *s, const uint8_t *sector0, struct volume_table *t)
{
	unsigned number = 5;
	int r = 0;

	if (!plausible(s, sector0))
		return 0;
	snprintf(t->kind, sizeof(t->kind), "dos");
	for (unsigned i = 0; i < 4 && r == 0; i++) {
		struct slot p = slot_at(sector0, i);

		if (p.type != 0 && p.count != 0 && !is_container(p.type))
			r = add(t, s, i + 1, p.start, &p);
	}
	for (unsigned i = 0; i < 4 && r == 0; i++) {
		struct slot p = slot_at(sector0, i);

		if (is_container(p.type) && p.count != 0)
			r = logical(s, p.start, &number, t);
	}
	return r ? r : 1;
}
