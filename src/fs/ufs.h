/* SPDX-License-Identifier: Apache-2.0 */
/* ufs.h - the cylinder groups of UFS1 and UFS2. Private to this folder. */
#ifndef EVIDENCEFS_FS_UFS_H
#define EVIDENCEFS_FS_UFS_H

#include "fs/unalloc.h"

/**
 * ufs_guard() - before libtsk opens the volume: hide from it what it cannot take
 * Return: false when its superblock, or too many of its groups, cannot be.
 */
bool ufs_guard(struct fs *f);
/** ufs_free() - its free fragments. Return: 0, -EIO, -ENOMEM. */
int ufs_free(struct gather *g);

#endif
