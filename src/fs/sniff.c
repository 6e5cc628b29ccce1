/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sniff.c - which file system claims a volume, by its signature
 *
 * libtsk's own detection tries every kind and refuses when two answer; and it
 * says nothing of what it cannot read. This looks at the few places where
 * kinds write who they are, and puts them in the order of which was written
 * last, as far as that shows.
 */
#include "fs/patch.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES  (68 * 1024 + 4096) /* covers everything near the start */
#define EXT_JOURNAL 0x8u               /* a device that holds a journal for another volume */

struct head {
	uint8_t *p;
	size_t n;
};

static bool at(const struct head *h, size_t off, const void *sig, size_t n)
{
	return off + n <= h->n && memcmp(h->p + off, sig, n) == 0;
}

static uint32_t le(const struct head *h, size_t off, size_t n)
{
	uint32_t v = 0;

	if (off + n > h->n)
		return 0;
	while (n-- > 0)
		v = v << 8 | h->p[off + n];
	return v;
}

static bool power_of_two(uint32_t v)
{
	return v && (v & (v - 1)) == 0;
}

static bool is_fat(const struct head *h)
{
	uint32_t bps = le(h, 11, 2);
	uint32_t media = le(h, 21, 1);

	if (le(h, 0, 1) != 0xeb && le(h, 0, 1) != 0xe9 && !(h->n > 2 && patch_is_atari(h->p)))
		return false;
	if (bps < 512 || bps > 4096 || !power_of_two(bps) || !power_of_two(le(h, 13, 1)))
		return false;
	if (le(h, 14, 2) == 0 || le(h, 16, 1) == 0 || le(h, 16, 1) > 4)
		return false;
	return media == 0xf0 || media >= 0xf8;
}

/* Its first table begins with the media byte: nothing was written over it. */
static bool fat_is_intact(const struct head *h)
{
	size_t fat = (size_t)le(h, 14, 2) * le(h, 11, 2);

	return fat + 3 <= h->n && h->p[fat] == h->p[21] && h->p[fat + 1] == 0xff &&
	       h->p[fat + 2] == 0xff;
}

static bool is_ufs(const struct source *s, uint64_t offset, uint64_t length)
{
	static const uint64_t where[] = {8192, 65536, 0, 262144};

	for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		uint8_t m[4];
		uint64_t o = where[i] + 1372;

		if (o + 4 > length || source_read_all(s, m, 4, offset + o) != 4)
			continue;
		if (memcmp(m, "\x54\x19\x01\x00", 4) == 0 || memcmp(m, "\x00\x01\x19\x54", 4) == 0)
			return true;
		if (memcmp(m, "\x19\x01\x54\x19", 4) == 0 || memcmp(m, "\x19\x54\x01\x19", 4) == 0)
			return true;
	}
	return false;
}

/* An HFS volume that has nothing in it but an HFS+ volume. */
static bool is_wrapped_hfs(const struct head *h)
{
	return at(h, 0x400, "BD", 2) && (at(h, 0x47c, "H+", 2) || at(h, 0x47c, "HX", 2));
}

static void claim(struct sniff *out, const char *type)
{
	if (out->n < sizeof(out->type) / sizeof(out->type[0]))
		out->type[out->n++] = type;
}

static void sniff_known(const struct head *h, struct sniff *out)
{
	bool fat = is_fat(h);
	bool intact = fat && fat_is_intact(h);

	if (at(h, 3, "NTFS    ", 8))
		claim(out, "ntfs");
	if (at(h, 3, "EXFAT   ", 8))
		claim(out, "exfat");
	/* A boot sector survives ext, whose own superblock survives no FAT but a short one. */
	if (intact)
		claim(out, "fat");
	if (le(h, 0x438, 2) == 0xef53 && !(le(h, 0x460, 4) & EXT_JOURNAL))
		claim(out, "ext");
	if (fat && !intact)
		claim(out, "fat");
	if (at(h, 0x400, "H+", 2) || at(h, 0x400, "HX", 2) || is_wrapped_hfs(h))
		claim(out, "hfsplus");
	if (at(h, 32, "NXSB", 4))
		claim(out, "apfs");
	if (at(h, 0x8001, "CD001", 5) || at(h, 0x9311, "CD001", 5) || at(h, 0x9319, "CD001", 5))
		claim(out, "iso9660");
}

struct foreign {
	size_t off;
	const char *sig;
	size_t n;
	const char *words;
};

static const struct foreign foreign[] = {
	{3, "-FVE-FS-", 8, "an encrypted volume (BitLocker)"},
	{0, "LUKS\xba\xbe", 6, "an encrypted volume (LUKS)"},
	{0x40, "CHKP", 4, "an encrypted volume (Check Point)"},
	{0, "LABELONE", 8, "an LVM2 physical volume"},
	{512, "LABELONE", 8, "an LVM2 physical volume"},
	{1024, "LABELONE", 8, "an LVM2 physical volume"},
	{1536, "LABELONE", 8, "an LVM2 physical volume"},
	{0x10040, "_BHRfS_M", 8, "btrfs"},
	{0, "XFSB", 4, "XFS"},
	{3, "ReFS\0\0\0\0", 8, "ReFS"},
	{4096 - 10, "SWAPSPACE2", 10, "Linux swap space"},
	{4096 - 10, "SWAP-SPACE", 10, "Linux swap space"},
	{65536 - 10, "SWAPSPACE2", 10, "Linux swap space"},
	{0, "hsqs", 4, "SquashFS"},
	{0, "sqsh", 4, "SquashFS"},
	{0x400, "\x10\x20\xf5\xf2", 4, "F2FS"},
	{0x10034, "ReIsEr", 6, "ReiserFS"},
	{0x10000, "ReIsEr4", 7, "Reiser4"},
	{0x8000, "JFS1", 4, "JFS"},
	{0x406, "\x34\x34", 2, "NILFS2"},
	{0x400, "\xe2\xe1\xf5\xe0", 4, "EROFS"},
	{0, "-rom1fs-", 8, "romfs"},
	{0, "\x45\x3d\xcd\x28", 4, "cramfs"},
	{0, "\x31\x18\x10\x06", 4, "UBIFS"},
	{0, "UBI#", 4, "a UBI volume"},
	{0, "\x85\x19", 2, "JFFS2"},
	{4096, "\xfc\x4e\x2b\xa9", 4, "a Linux RAID member"},
	{0, "\xfc\x4e\x2b\xa9", 4, "a Linux RAID member"},
	{0x1018, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca", 8, "a bcache device"},
	{0x1018, "\xc6\x85\x73\xf6\x66\xce\x90\xa9", 8, "bcachefs"},
	{0x20000, "\x0c\xb1\xba\x00\0\0\0\0", 8, "ZFS"},
	{0x8801, "NSR0", 4, "UDF"},
	{0x9001, "NSR0", 4, "UDF"},
	{0x2000, "OCFSV2", 6, "OCFS2"},
	{0x100000, "\x0d\xd0\x01\xc0", 4, "VMFS"},
	{0, NULL, 0, NULL},
};

static bool is_minix(const struct head *h)
{
	uint32_t m = le(h, 0x410, 2);
	uint32_t m3 = le(h, 0x418, 2);

	return m == 0x137f || m == 0x138f || m == 0x2468 || m == 0x2478 || m3 == 0x4d5a;
}

static const char *sniff_foreign(
	const struct source *s, uint64_t offset, uint64_t length, const struct head *h)
{
	for (const struct foreign *g = foreign; g->words; g++) {
		uint8_t b[16];

		if (at(h, g->off, g->sig, g->n))
			return g->words;
		if (g->off + g->n <= h->n || g->off + g->n > length)
			continue;
		if (source_read_all(s, b, g->n, offset + g->off) == (ssize_t)g->n &&
			memcmp(b, g->sig, g->n) == 0)
			return g->words;
	}
	if (le(h, 0x438, 2) == 0xef53 && le(h, 0x460, 4) & EXT_JOURNAL)
		return "a journal of ext3 or ext4";
	if (at(h, 0x400, "BD", 2) && !is_wrapped_hfs(h))
		return "HFS, which came before HFS+";
	return is_minix(h) ? "Minix" : NULL;
}

/* Where FAT32 and exFAT keep a second boot sector, for 512-byte sectors. */
static const char *sniff_backup(const struct head *h)
{
	struct head b = {.p = h->p + 6 * 512, .n = 512};

	if (h->n < 13 * 512)
		return NULL;
	if (is_fat(&b) && at(&b, 510, "\x55\xaa", 2))
		return "fat";
	b.p = h->p + 12 * 512;
	return at(&b, 3, "EXFAT   ", 8) ? "exfat" : NULL;
}

void sniff_volume(const struct source *s, uint64_t offset, uint64_t length, struct sniff *out)
{
	struct head h = {.p = calloc(1, HEAD_BYTES)};
	ssize_t n = 0;

	*out = (struct sniff){.n = 0};
	if (!h.p)
		return;
	n = source_read_all(s, h.p, length < HEAD_BYTES ? (size_t)length : HEAD_BYTES, offset);
	h.n = n > 0 ? (size_t)n : 0;
	sniff_known(&h, out);
	if (is_ufs(s, offset, length))
		claim(out, "ufs");
	out->backup = sniff_backup(&h);
	out->foreign = sniff_foreign(s, offset, length, &h);
	free(h.p);
}
