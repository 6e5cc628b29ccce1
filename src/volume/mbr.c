/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbr.c - DOS partition tables
 *
 * Primaries are numbered by their slot, logical partitions from 5 in the order
 * of the chain, as fdisk and the kernel do. An extended partition is a
 * container and no volume. The chain is hostile: it has an end, and no record
 * is read twice. Slices of a BSD label within a primary partition come after
 * the logical ones, as in the kernel.
 */
#include "volume/tables.h"

#include <errno.h>
#include <stdio.h>

#include "base/buf.h"

#define SLOT_OFFSET  446
#define SLOT_BYTES   16
#define LOGICAL_MAX  1024
#define BRANCHES_MAX 16

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

static bool has_label(unsigned type)
{
	return type == 0xa5 || type == 0xa6 || type == 0xa9;
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

/* What is left to read of the containers: records, and how many more at most. */
struct chain {
	uint64_t first; /* of the container: what links to further records counts from here */
	uint64_t branch[BRANCHES_MAX]; /* second links of records, for when the chain has ended */
	size_t n;
	unsigned left;
	unsigned *number; /* of the next partition */
};

/* One record. Return: 0 or -ENOMEM; *@next: the record behind it, 0: none. */
static int record(const struct source *s, struct chain *c, uint64_t at, uint64_t *next,
	struct volume_table *t)
{
	uint8_t b[VOLUME_SECTOR];
	int r = 0;

	*next = 0;
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
		if (!is_container(p.type))
			r = add(t, s, (*c->number)++, at + p.start, &p);
		else if (c->first + p.start <= at)
			/* Chains lead onwards; one that turns back is a circle or a lie. */
			table_note(t, "the chain of logical partitions turns back at sector %llu",
				(unsigned long long)at);
		else if (*next == 0)
			*next = c->first + p.start;
		else if (c->n < BRANCHES_MAX)
			c->branch[c->n++] = c->first + p.start;
	}
	return r;
}

/* The chain in one container: each record holds one partition and the next record. */
static int logical(const struct source *s, uint64_t first, unsigned *number, struct volume_table *t)
{
	struct chain c = {.first = first, .left = LOGICAL_MAX, .number = number};
	uint64_t at = first;
	int r = 0;

	while (r == 0 && c.left-- > 0) {
		r = record(s, &c, at, &at, t);
		if (at == 0 && c.n > 0)
			at = c.branch[--c.n];
		if (at == 0)
			break;
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
	for (unsigned i = 0; i < 4 && r == 0; i++) {
		struct slot p = slot_at(sector0, i);

		if (has_label(p.type) && p.count != 0)
			r = bsd_slices(s, p.start, p.count, &number, t);
	}
	return r ? r : 1;
}
