/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apfs.h - an APFS container and the volumes that share it
 *
 * Reads the container's own structures: which state was written last, and
 * where each volume's superblock lies. What a volume holds is read by libtsk,
 * which is shown that state: it believes the first block alone, which is an
 * older one after a computer was switched off.
 */
#ifndef EVIDENCEFS_FS_APFS_H
#define EVIDENCEFS_FS_APFS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "image/source.h"

#define APFS_BLOCK       4096u /* the one size that is read */
#define APFS_VOLUMES_MAX 100u

struct apfs_volume {
	uint64_t block; /* of its superblock; 0: not found */
	char name[256];
	uint8_t uuid[16];
	uint64_t snapshots;
	bool encrypted;
	bool lost;          /* its own object map does not lead to its files */
	bool foreign_names; /* names without hashes, which libtsk misreads */
};

struct apfs {
	uint64_t blocks;
	uint8_t super[APFS_BLOCK]; /* the state written last */
	bool newer;                /* and that is not the first block's */
	unsigned n;
	unsigned first_open; /* the first volume that is not encrypted; n: none */
	struct apfs_volume v[APFS_VOLUMES_MAX];
};

/**
 * apfs_read() - the container at @offset
 * @a: filled
 *
 * Return: 0; -ENOENT no container, or one that is not read (err says which);
 * -EBADMSG damaged. A volume whose superblock is lost is kept, without a block.
 * Source: Apple File System Reference, "Container", "Object Maps", "B-Trees".
 */
int apfs_read(const struct source *s, uint64_t offset, uint64_t end, struct apfs *a, struct err *e);

/**
 * apfs_free_blocks() - the container's free blocks, in order
 * @found: called for each run; non-zero ends the search and is handed through
 *
 * Return: 0; -EIO when the lists cannot be followed.
 * Source: the same, "Space Manager".
 */
int apfs_free_blocks(const struct source *s, uint64_t offset, uint64_t end, const struct apfs *a,
	int (*found)(void *ctx, uint64_t block, uint64_t count), void *ctx);

#endif
