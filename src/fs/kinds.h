/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds.h - the kinds of file system that can be forced on a volume
 *
 * In both programs: what a person types is refused before anything is opened.
 * Which reader each kind has is open.c's.
 */
#ifndef EVIDENCEFS_FS_KINDS_H
#define EVIDENCEFS_FS_KINDS_H

#include <stddef.h>

#define KINDS_LIST                                                                                 \
	"ntfs fat fat12 fat16 fat32 exfat ext ext2 ext3 ext4 hfsplus iso9660 ufs ufs1 ufs2 "       \
	"yaffs2 apfs"

/**
 * kinds_forced() - what is wrong with "p2=ntfs"
 * @number: NULL, or set to the volume's when nothing is
 * Return: NULL, or words that go behind "--type ARG: ".
 */
const char *kinds_forced(const char *arg, unsigned *number);

#endif
