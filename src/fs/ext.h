/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext.h - the few structures of ext2/3/4 read beside libtsk
 *
 * Group descriptors, for bitmaps read whole and for tables that were never
 * used; inodes, for what libtsk leaves out: seconds beyond 32 bits, short link
 * targets as they are.
 * Source: Linux, Documentation/filesystems/ext4.
 */
#ifndef EVIDENCEFS_FS_EXT_H
#define EVIDENCEFS_FS_EXT_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/fs.h"

#define EXT_INODE_BYTES 160 /* up to and with the birth time */

struct ext {
	bool usable; /* false: a layout that is not read here */
	uint64_t blocks;
	uint32_t block_size;
	uint32_t first_block;
	uint32_t group_blocks;
	uint32_t cluster_blocks; /* blocks a bit of a bitmap stands for */
	uint32_t group_inodes;
	uint32_t groups;
	uint32_t inodes;
	uint32_t inode_size;
	uint32_t desc_size;
	uint32_t table_blocks; /* of a copy of the descriptors, reserve included */
	uint32_t meta_first;   /* groups of groups that keep their own descriptors begin here */
	uint32_t backup[2];
	bool sparse;
	bool sparse2;
	bool tracks_unused; /* descriptors say which inodes were never used */
};

struct ext_group {
	uint64_t block_bitmap;
	uint64_t inode_bitmap;
	uint64_t inode_table;
	uint32_t unused; /* inodes at its end that were never used */
	bool blocks_uninit;
	bool inodes_uninit;
};

void ext_read_super(const struct fs *f, struct ext *x);
/** ext_read_group() - Return: false when it cannot be read. */
bool ext_read_group(const struct fs *f, uint32_t group, struct ext_group *g);
/** ext_base_blocks() - blocks at a group's beginning for superblock and descriptors. */
uint64_t ext_base_blocks(const struct ext *x, uint32_t group);
/** ext_read_inode() - its first bytes, zeros behind what it has. */
bool ext_read_inode(const struct fs *f, uint64_t inode, uint8_t out[EXT_INODE_BYTES]);
/** ext_read_inode_bytes() - its first @n bytes, no more than it has. */
bool ext_read_inode_bytes(const struct fs *f, uint64_t inode, uint8_t *out, size_t n);

#endif
