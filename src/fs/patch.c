/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patch.c - sound volumes that libtsk refuses for a field or two
 *
 * libtsk is shown other bytes in their place, from which it reckons the same
 * layout; when it has opened the volume, it reads what is there.
 */
#include "fs/patch.h"

#include <string.h>

#define EXT_SUPER_BYTES 0x70
#define EXT_BIGALLOC    0x02 /* in the second byte of the features that allow reading */

#define BOOT_BYTES 512

#define UFS1_MAGIC 0x00011954u
#define UFS2_MAGIC 0x19540119u

/* libtsk takes 128 sectors a cluster at most, and sectors of any multiple of 512. */
#define NTFS_SPC   128u
#define NTFS_BYTES (2u << 20)

static uint64_t le(const uint8_t *p, size_t off, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[off + n];
	return v;
}

static void put(uint8_t *p, size_t off, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[off + i] = (uint8_t)(v >> 8 * i);
}

static bool boot_sector(const struct fs *f, uint8_t b[BOOT_BYTES])
{
	return source_read_all(f->s, b, BOOT_BYTES, f->offset) == BOOT_BYTES;
}

/*
 * Two layouts of ext that libtsk refuses or misreads for one field each:
 * the first revision of ext2 has no field for the size of an inode, and its
 * zero is taken for one; clusters (bigalloc) stand where the size of fragments
 * stood, which there are none of.
 */
static void patch_ext(struct fs *f)
{
	static const uint8_t old[6] = {11, 0, 0, 0, 128, 0}; /* first inode, inode size */
	uint64_t super = f->offset + 1024;
	uint8_t b[EXT_SUPER_BYTES];

	if (source_read_all(f->s, b, sizeof(b), super) != (ssize_t)sizeof(b) || b[0x38] != 0x53 ||
		b[0x39] != 0xef)
		return;
	if (memcmp(b + 0x4c, "\0\0\0\0", 4) == 0) {
		tsk_img_patch(f->img, super + 0x54, old, sizeof(old));
	} else if (b[0x65] & EXT_BIGALLOC) {
		memcpy(b + 0x1c, b + 0x18, 4);
		memcpy(b + 0x24, b + 0x20, 4);
		tsk_img_patch(f->img, super + 0x1c, b + 0x1c, 12);
	}
}

/* Clusters above 64 KiB: their sectors are counted by a power, which libtsk does not know. */
static void patch_ntfs(struct fs *f)
{
	uint8_t b[BOOT_BYTES];
	uint64_t cluster = 0;
	uint64_t clusters = 0;
	unsigned power = 0;

	if (!boot_sector(f, b) || b[13] <= 0x80)
		return;
	power = 256u - b[13];
	cluster = power < 32 ? le(b, 11, 2) << power : 0;
	if (cluster <= 65536 || cluster > NTFS_BYTES || (cluster & (cluster - 1)) != 0)
		return;
	clusters = le(b, 0x28, 8) >> power;
	put(b, 11, cluster / NTFS_SPC, 2);
	put(b, 13, NTFS_SPC, 1);
	put(b, 0x28, clusters * NTFS_SPC, 8);
	tsk_img_patch(f->img, f->offset, b, BOOT_BYTES);
}

/* Atari's boot sectors have no mark at their end. */
static void patch_fat(struct fs *f)
{
	uint8_t b[BOOT_BYTES];

	if (!boot_sector(f, b) || (b[510] == 0x55 && b[511] == 0xaa) || !patch_is_atari(b))
		return;
	b[510] = 0x55;
	b[511] = 0xaa;
	tsk_img_patch(f->img, f->offset, b, BOOT_BYTES);
}

static uint64_t number(const uint8_t *p, size_t off, size_t n, bool big)
{
	uint64_t v = 0;

	if (!big)
		return le(p, off, n);
	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[off + i];
	return v;
}

/* Where BSD looks, in its order. A copy says that it belongs elsewhere. */
bool patch_ufs_super(const struct fs *f, uint8_t b[UFS_SUPER_BYTES], struct ufs_super *u)
{
	static const uint32_t where[] = {65536, 8192, 0, 262144};

	for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		if (f->offset + where[i] >= f->end ||
			source_read_all(f->s, b, UFS_SUPER_BYTES, f->offset + where[i]) !=
				UFS_SUPER_BYTES)
			continue;
		for (int big = 0; big < 2; big++) {
			uint64_t magic = number(b, UFS_SUPER_BYTES - 4, 4, big);

			*u = (struct ufs_super){
				.at = where[i], .second = magic == UFS2_MAGIC, .big = big};
			if (magic == UFS1_MAGIC && where[i] != 65536)
				return true;
			if (u->second && number(b, 1000, 8, big) == where[i])
				return true;
		}
	}
	return false;
}

/* libtsk looks in two places for UFS2, and in one for UFS1. */
static void patch_ufs(struct fs *f)
{
	uint8_t b[UFS_SUPER_BYTES];
	struct ufs_super u;
	uint32_t want = 0;

	if (!patch_ufs_super(f, b, &u))
		return;
	want = u.second ? 65536 : 8192;
	if (u.at != want)
		tsk_img_patch(f->img, f->offset + want, b, sizeof(b));
}

bool patch_is_atari(const uint8_t *boot)
{
	return boot[0] == 0x60 && (boot[1] == 0x1c || boot[1] == 0x38);
}

/*
 * A FAT32 volume with few clusters is FAT32 by its fields, which the kernel
 * goes by, and FAT16 or FAT12 by their number, which libtsk goes by.
 */
static bool is_small_fat32(const struct fs *f)
{
	uint8_t b[BOOT_BYTES];

	return boot_sector(f, b) && le(b, 17, 2) == 0 && le(b, 22, 2) == 0 && le(b, 36, 4) > 0;
}

TSK_FS_TYPE_ENUM patch_boot(struct fs *f, TSK_FS_TYPE_ENUM type)
{
	if (type & TSK_FS_TYPE_EXT_DETECT)
		patch_ext(f);
	if (type == TSK_FS_TYPE_NTFS)
		patch_ntfs(f);
	if (type & TSK_FS_TYPE_FAT_DETECT && type != TSK_FS_TYPE_EXFAT)
		patch_fat(f);
	if (type & TSK_FS_TYPE_FFS_DETECT)
		patch_ufs(f);
	if (type == TSK_FS_TYPE_FAT_DETECT && is_small_fat32(f))
		return TSK_FS_TYPE_FAT32;
	return type;
}
