/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bsd.c - a BSD label within a DOS partition
 *
 * libtsk reads the label of a whole disk only (other.c), and FreeBSD, OpenBSD
 * and NetBSD on PCs keep theirs here. Slices lie within the partition or are
 * noted; they may overlap, as partitions may.
 * Source: disklabel(5) of FreeBSD and OpenBSD; block/partitions/msdos.c of
 * Linux for which offsets count from the partition.
 */
#include "volume/tables.h"

#include <errno.h>
#include <stdio.h>

#include "base/buf.h"

#define LABEL_SECTOR  1
#define LABEL_MAGIC   0x82564557u
#define MAGIC2_OFFSET 132
#define COUNT_OFFSET  138
#define SLICES_OFFSET 148
#define SLICE_BYTES   16
#define SLICES_MAX    22 /* as many as the sector has room for */
#define RAW_SLICE     2  /* "c": the partition, or the disk */

struct slice {
	uint64_t start; /* sectors */
	uint64_t count;
	unsigned type; /* 0: unused */
};

static struct slice slice_at(const uint8_t *label, unsigned i)
{
	struct cur c = cur_of(label + SLICES_OFFSET + (size_t)i * SLICE_BYTES, SLICE_BYTES);
	struct slice p = {.count = cur_u32(&c)};

	p.start = cur_u32(&c);
	cur_take(&c, 4);
	p.type = cur_u8(&c);
	return p;
}

/* Return: how many slices the label in the sector says it has; 0: there is none. */
static unsigned label_slices(const uint8_t *label)
{
	struct cur first = cur_of(label, 4);
	struct cur second = cur_of(label + MAGIC2_OFFSET, 4);
	struct cur count = cur_of(label + COUNT_OFFSET, 2);
	unsigned n = 0;

	if (cur_u32(&first) != LABEL_MAGIC || cur_u32(&second) != LABEL_MAGIC)
		return 0;
	n = cur_u16(&count);
	return n < SLICES_MAX ? n : SLICES_MAX;
}

int bsd_slices(const struct source *s, uint64_t start, uint64_t count, unsigned *number,
	struct volume_table *t)
{
	uint8_t label[VOLUME_SECTOR] = {0};
	uint64_t base = 0;
	unsigned n = 0;
	int r = 0;

	if (source_read_all(s, label, sizeof(label), (start + LABEL_SECTOR) * VOLUME_SECTOR) !=
		VOLUME_SECTOR)
		return 0;
	n = label_slices(label);
	if (n > RAW_SLICE && slice_at(label, RAW_SLICE).start == 0)
		base = start;
	for (unsigned i = 0; i < n && r == 0; i++) {
		struct slice p = slice_at(label, i);
		char desc[VOLUME_DESC_MAX];

		p.start += base;
		if (p.type == 0 || p.count == 0 || p.start == start)
			continue;
		if (p.start < start || p.start + p.count > start + count) {
			table_note(t, "slice %c of a BSD label leaves its partition", 'a' + i);
			continue;
		}
		snprintf(desc, sizeof(desc), "BSD slice %c (0x%02x)", 'a' + i, p.type);
		r = table_add(
			t, s, (*number)++, p.start * VOLUME_SECTOR, p.count * VOLUME_SECTOR, desc);
	}
	return r;
}
