/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fat_names.h - long FAT names in whole, and entries that libtsk passes over
 *
 * libtsk loses the end of a name that takes 16 slots or more (over 195
 * characters), and takes an entry whose name has control characters for none. Here
 * such names are read from the directory's own bytes, and such entries counted.
 * Source: Microsoft FAT specification (2000), "FAT Long Directory Entries".
 */
#ifndef EVIDENCEFS_FS_FAT_NAMES_H
#define EVIDENCEFS_FS_FAT_NAMES_H

#include "base/buf.h"
#include "fs/tsk.h"

struct fat_name {
	uint64_t inode; /* libtsk's number of its short entry */
	size_t at;      /* in bytes */
	size_t len;
};

struct fat_names {
	struct fat_name *v; /* by inode */
	size_t n;
	size_t cap;
	struct buf bytes;
	uint64_t passed_over; /* entries in use that libtsk does not list */
};

/** fat_names_begin() - read them from @dir. */
void fat_names_begin(struct fat_names *n, struct fs *f, const TSK_FS_DIR *dir);
/** fat_names_get() - Return: the name of @inode, borrowed, and *@len; NULL: libtsk's is whole. */
const uint8_t *fat_names_get(const struct fat_names *n, uint64_t inode, size_t *len);
void fat_names_end(struct fat_names *n);

#endif
