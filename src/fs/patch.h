/* SPDX-License-Identifier: Apache-2.0 */
/* patch.h - sound volumes that libtsk refuses for a field or two. Private to this folder. */
#ifndef EVIDENCEFS_FS_PATCH_H
#define EVIDENCEFS_FS_PATCH_H

#include "fs/tsk.h"

#define UFS_SUPER_BYTES 1376

struct ufs_super {
	uint32_t at; /* byte in the volume */
	bool second; /* UFS2 */
	bool big;    /* high bytes first */
};

/** patch_ufs_super() - the superblock of UFS into @b. Return: false when there is none. */
bool patch_ufs_super(const struct fs *f, uint8_t b[UFS_SUPER_BYTES], struct ufs_super *u);
/**
 * patch_boot() - before libtsk opens @type: show it what it can take
 * Return: the type to open, a narrower one where libtsk would find another.
 */
TSK_FS_TYPE_ENUM patch_boot(struct fs *f, TSK_FS_TYPE_ENUM type);
/** patch_is_atari() - does a boot sector begin as Atari's FAT volumes do? */
bool patch_is_atari(const uint8_t *boot);

#endif
