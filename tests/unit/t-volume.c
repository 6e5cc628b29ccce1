/* SPDX-License-Identifier: Apache-2.0 */
/* t-volume.c - partition tables from bytes: numbers, places, damage. */
#include "volume/volume.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "image/source.h"
#include "tap.h"
#include "volume/utf16.h"

#define SECTOR  512u
#define SECTORS 4096u

static uint8_t disk[SECTORS * SECTOR];

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

static void mbr_slot(uint32_t sector, unsigned i, uint8_t type, uint32_t start, uint32_t count)
{
	uint8_t *s = disk + (size_t)sector * SECTOR;
	uint8_t *p = s + 446 + (size_t)i * 16;

	p[4] = type;
	put32(p + 8, start);
	put32(p + 12, count);
	s[510] = 0x55;
	s[511] = 0xaa;
}

static void scan(size_t bytes, struct volume_table *t)
{
	struct source *s = NULL;
	struct err e = {0};

	*t = (struct volume_table){.v = NULL};
	if (source_memory(disk, bytes, &s))
		bail_out("no memory");
	is_int(volume_scan(s, t, &e), 0, "scanned");
	source_close(s);
}

static void is_volume(const struct volume_table *t, size_t i, unsigned number, uint64_t sector,
	uint64_t sectors, const char *desc)
{
	if (!ok(i < t->n, "volume %zu is there", i))
		return;
	is_int(t->v[i].number, number, "its number");
	is_int(t->v[i].offset / SECTOR, sector, "its place");
	is_int(t->v[i].length / SECTOR, sectors, "its length");
	is_str(t->v[i].desc, desc, "its words");
}

static void test_none(void)
{
	struct volume_table t;

	memset(disk, 0, sizeof(disk));
	scan(sizeof(disk), &t);
	is_str(t.kind, "none", "no table");
	is_int(t.n, 1, "one volume");
	is_volume(&t, 0, 0, 0, SECTORS, "");
	volume_table_release(&t);
	scan(100, &t);
	is_int(t.n, 1, "less than a sector is a volume too");
	volume_table_release(&t);
}

static void test_boot_sector(void)
{
	struct volume_table t;

	/* A file system's boot sector whose code reads as a partition. */
	memset(disk, 0, sizeof(disk));
	memcpy(disk, "\xeb\x52\x90NTFS    \x00\x02\x08", 14);
	mbr_slot(0, 0, 0x83, 10, 100);
	scan(sizeof(disk), &t);
	is_str(t.kind, "none", "an NTFS boot sector is no table");
	volume_table_release(&t);
	memset(disk, 0, 64);
	memcpy(disk, "\xeb\x3c\x90mkfs.fat\x00\x02\x04\x01\x00\x02\x00\x02\x00\x10\xf8", 22);
	scan(sizeof(disk), &t);
	is_str(t.kind, "none", "a FAT boot sector is no table");
	volume_table_release(&t);
}

static void test_dos(void)
{
	struct volume_table t;

	memset(disk, 0, sizeof(disk));
	mbr_slot(0, 0, 0x07, 64, 100);
	mbr_slot(0, 2, 0x05, 1024, 2048);
	mbr_slot(0, 3, 0x83, 3500, 9999);
	mbr_slot(1024, 0, 0x83, 1, 50);
	mbr_slot(1024, 1, 0x05, 200, 300);
	mbr_slot(1224, 0, 0x0b, 2, 60);
	scan(sizeof(disk), &t);
	is_str(t.kind, "dos", "a DOS table");
	is_int(t.n, 4, "without its container");
	is_volume(&t, 0, 1, 64, 100, "NTFS / exFAT (0x07)");
	is_volume(&t, 1, 4, 3500, SECTORS - 3500, "Linux (0x83)");
	is_volume(&t, 2, 5, 1025, 50, "Linux (0x83)");
	is_volume(&t, 3, 6, 1226, 60, "FAT32 (0x0b)");
	ok(strstr(t.note, "partition 4 reaches past the end"), "clipped, with a note: %s", t.note);
	volume_table_release(&t);
	/* The chain in a circle. */
	mbr_slot(1224, 1, 0x05, 0, 300);
	scan(sizeof(disk), &t);
	is_int(t.n, 4, "a circle ends");
	ok(strstr(t.note, "turns back"), "with a note");
	volume_table_release(&t);
	mbr_slot(1224, 1, 0x05, 5000000, 300);
	scan(sizeof(disk), &t);
	is_int(t.n, 4, "a chain that leads outside ends");
	ok(strstr(t.note, "breaks off"), "with a note");
	volume_table_release(&t);
}

/* A record with two links: both are followed, the second one when the first has ended. */
static void test_branches(void)
{
	struct volume_table t;

	memset(disk, 0, sizeof(disk));
	mbr_slot(0, 1, 0x0f, 100, 3000);
	mbr_slot(100, 0, 0x83, 1, 10);
	mbr_slot(100, 1, 0x05, 100, 100);
	mbr_slot(100, 2, 0x05, 300, 100);
	mbr_slot(200, 0, 0x83, 1, 20);
	mbr_slot(400, 0, 0x83, 1, 30);
	mbr_slot(400, 1, 0x05, 100, 100);
	scan(sizeof(disk), &t);
	is_int(t.n, 3, "three partitions in a chain with a branch");
	is_volume(&t, 0, 5, 101, 10, "Linux (0x83)");
	is_volume(&t, 1, 6, 201, 20, "Linux (0x83)");
	is_volume(&t, 2, 7, 401, 30, "Linux (0x83)");
	ok(strstr(t.note, "turns back"), "the link back to the first record is noted");
	volume_table_release(&t);
}

/* A BSD label: slices a, c (the whole), d, e. */
static void bsd_label(uint32_t sector, uint32_t a, uint32_t c, uint32_t d, uint32_t e)
{
	static const uint8_t types[] = {7, 0, 0, 7, 1};
	const uint32_t starts[] = {a, 0, c, d, e};
	const uint32_t counts[] = {100, 0, 1000, 200, 300};
	uint8_t *p = disk + (size_t)sector * SECTOR;

	put32(p, 0x82564557);
	put32(p + 40, SECTOR);
	put32(p + 132, 0x82564557);
	p[138] = 5;
	for (size_t i = 0; i < 5; i++) {
		put32(p + 148 + i * 16, counts[i]);
		put32(p + 152 + i * 16, starts[i]);
		p[148 + i * 16 + 12] = types[i];
	}
}

static void test_bsd(void)
{
	struct volume_table t;

	memset(disk, 0, sizeof(disk));
	mbr_slot(0, 0, 0xa5, 1000, 1000);
	mbr_slot(0, 1, 0x05, 3000, 500);
	mbr_slot(3000, 0, 0x83, 1, 10);
	bsd_label(1001, 0, 0, 100, 300);
	scan(sizeof(disk), &t);
	is_int(t.n, 4, "a label within a partition, offsets from there");
	is_volume(&t, 0, 1, 1000, 1000, "FreeBSD (0xa5)");
	is_volume(&t, 1, 5, 3001, 10, "Linux (0x83)");
	is_volume(&t, 2, 6, 1100, 200, "BSD slice d (0x07)");
	is_volume(&t, 3, 7, 1300, 300, "BSD slice e (0x01)");
	volume_table_release(&t);
	bsd_label(1001, 1000, 1000, 1100, 1900);
	scan(sizeof(disk), &t);
	is_int(t.n, 3, "offsets from the disk");
	is_volume(&t, 2, 6, 1100, 200, "BSD slice d (0x07)");
	ok(strstr(t.note, "slice e of a BSD label leaves its partition"),
		"another's bytes are none of it");
	volume_table_release(&t);
	disk[1001 * SECTOR + 132] ^= 1;
	scan(sizeof(disk), &t);
	is_int(t.n, 2, "what is no label has no slices");
	volume_table_release(&t);
}

/* ISO 9660 over all of the medium, and a table that names other parts of it. */
static void test_hybrid(void)
{
	struct volume_table t;

	memset(disk, 0, sizeof(disk));
	mbr_slot(0, 1, 0xef, 2000, 100);
	memcpy(disk + 64 * SECTOR,
		"\x01"
		"CD001\x01",
		7);
	scan(sizeof(disk), &t);
	is_str(t.kind, "dos", "a hybrid medium has its table");
	is_int(t.n, 2, "and itself");
	is_volume(&t, 0, 2, 2000, 100, "EFI system (0xef)");
	is_volume(&t, 1, 0, 0, SECTORS, "the whole medium");
	volume_table_release(&t);
	mbr_slot(0, 0, 0xcd, 16, 1000);
	memcpy(disk + 80 * SECTOR,
		"\x01"
		"CD001\x01",
		7);
	scan(sizeof(disk), &t);
	is_int(t.n, 2, "not where a partition begins with that file system");
	volume_table_release(&t);
}

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

static void gpt_entry(
	uint8_t *table, unsigned slot, uint64_t first, uint64_t last, const char *name)
{
	uint8_t *p = table + (size_t)slot * 128;

	memset(p, 0x11, 16);
	put64(p + 32, first);
	put64(p + 40, last);
	for (size_t i = 0; name[i] && i < 35; i++)
		p[56 + 2 * i] = (uint8_t)name[i];
}

static void gpt_header(uint64_t at, uint64_t other, uint64_t table)
{
	uint8_t *h = disk + at * SECTOR;

	memset(h, 0, SECTOR);
	memcpy(h, "EFI PART\x00\x00\x01\x00", 12);
	put32(h + 12, 92);
	put64(h + 24, at);
	put64(h + 32, other);
	put64(h + 72, table);
	put32(h + 80, 128);
	put32(h + 84, 128);
	put32(h + 88, crc32_of(disk + table * SECTOR, 128 * 128));
	put32(h + 16, crc32_of(h, 92));
}

static void make_gpt(void)
{
	uint8_t *table = disk + 2 * SECTOR;

	memset(disk, 0, sizeof(disk));
	mbr_slot(0, 0, 0xee, 1, SECTORS - 1);
	gpt_entry(table, 0, 100, 199, "first");
	gpt_entry(table, 3, 300, 399, "fourth");
	gpt_entry(table, 127, 400, 400, "last");
	memcpy(disk + (SECTORS - 33) * SECTOR, table, 128 * 128);
	gpt_header(1, SECTORS - 1, 2);
	gpt_header(SECTORS - 1, 1, SECTORS - 33);
}

static void test_gpt(void)
{
	struct volume_table t;

	make_gpt();
	scan(sizeof(disk), &t);
	is_str(t.kind, "gpt", "a GPT");
	is_int(t.n, 3, "its partitions");
	is_volume(&t, 0, 1, 100, 100, "first");
	is_volume(&t, 1, 4, 300, 100, "fourth");
	is_volume(&t, 2, 128, 400, 1, "last");
	is_str(t.note, "", "nothing odd");
	volume_table_release(&t);
	disk[SECTOR + 40] ^= 1;
	scan(sizeof(disk), &t);
	is_int(t.n, 3, "the backup where the primary is damaged");
	ok(strstr(t.note, "backup"), "with a note");
	volume_table_release(&t);
	disk[(SECTORS - 1) * SECTOR + 40] ^= 1;
	scan(sizeof(disk), &t);
	is_int(t.n, 3, "even with both checksums wrong");
	ok(strstr(t.note, "checksum"), "with a note");
	volume_table_release(&t);
	make_gpt();
	mbr_slot(0, 0, 0x83, 10, 20);
	scan(sizeof(disk), &t);
	is_str(t.kind, "dos", "a table of its own beside an old GPT is the newer one");
	volume_table_release(&t);
}

static ssize_t broken_pread(const struct source *s, void *buf, size_t len, uint64_t off)
{
	(void)s;
	(void)buf;
	(void)len;
	(void)off;
	return -EIO;
}

static void test_unreadable(void)
{
	static const struct source_ops ops = {.pread = broken_pread};
	struct source s = {.ops = &ops, .size = 4096};
	struct volume_table t = {.v = NULL};
	struct err e = {0};

	is_int(volume_scan(&s, &t, &e), -EIO, "media that cannot be read");
	is_int(e.code, EIO, "with a reason");
}

static void test_utf16(void)
{
	static const uint8_t in[] = {
		'a', 0, 0xfc, 0, 0x3d, 0xd8, 0x00, 0xde, 0x00, 0xd8, 'z', 0, 7};
	struct buf b = BUF_INIT;

	utf16le_put(&b, in, sizeof(in));
	is_str(buf_cstr(&b), "a\xc3\xbc\xf0\x9f\x98\x80\xed\xa0\x80z",
		"UTF-16, an unpaired surrogate and an odd byte");
	buf_release(&b);
}

static void test_share(void)
{
	struct volume_table t = {.n = 3, .v = calloc(3, sizeof(*t.v))};

	if (!t.v)
		bail_out("no memory");
	for (unsigned i = 0; i < 3; i++)
		t.v[i] = (struct volume){.number = i + 1, .offset = i * 1000, .length = 1000};
	is_int(volume_table_share(&t, 0, 1), 0, "a place of its own");
	is_int(t.n, 3, "stays one");
	is_int(volume_table_share(&t, 1, 3), 0, "three volumes in one place");
	is_int(t.n, 5, "are three in the table");
	for (unsigned i = 1; i < 4; i++)
		ok(t.v[i].number == 2 && t.v[i].offset == 1000 && t.v[i].member == i - 1,
			"number %u of them", i);
	is_int(t.v[4].number, 3, "the next comes behind them");
	volume_table_release(&t);
}

int main(void)
{
	test_none();
	test_boot_sector();
	test_dos();
	test_branches();
	test_bsd();
	test_hybrid();
	test_gpt();
	test_unreadable();
	test_utf16();
	test_share();
	return done_testing();
}
