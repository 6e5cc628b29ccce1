/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext_dir.h - which names of an indexed ext directory are names
 *
 * A large ext directory has blocks that hold its index, a tree of hashes. They
 * look like blocks with nothing but free space, and libtsk takes what lies in
 * them for names. Here the directory's own bytes say which block is which.
 * Source: Linux Documentation/filesystems/ext4, "Hash Tree Directories".
 */
#ifndef EVIDENCEFS_FS_EXT_DIR_H
#define EVIDENCEFS_FS_EXT_DIR_H

#include "fs/tsk.h"

/* Hashes of (inode, name) that stand in blocks of names; sorted. */
struct ext_dir {
	bool indexed; /* false: every name is taken as it is */
	uint64_t *v;
	size_t n;
	size_t cap;
};

/** ext_dir_begin() - read @dir's blocks. What cannot be read leaves it not indexed. */
void ext_dir_begin(struct ext_dir *d, struct fs *f, const TSK_FS_DIR *dir);
/** ext_dir_has() - whether such a name can stand in it. */
bool ext_dir_has(const struct ext_dir *d, uint64_t inode, const uint8_t *name, size_t len);
void ext_dir_end(struct ext_dir *d);

#endif
