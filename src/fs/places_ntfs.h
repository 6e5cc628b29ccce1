/* SPDX-License-Identifier: Apache-2.0 */
/* places_ntfs.h - shared by places_ntfs.c (records) and places_ntfs_index.c (directories). */
#ifndef EVIDENCEFS_FS_PLACES_NTFS_H
#define EVIDENCEFS_FS_PLACES_NTFS_H

#include <errno.h>
#include <string.h>

#include "fs/places.h"

#define NTFS_SECTOR      512u
#define NTFS_BLOCK_MAX   65536u
#define NTFS_FIRST_FILE  24u /* records before it are the file system's own */
#define NTFS_EXTEND      11u
#define NTFS_ATTR_LIST   0x20u
#define NTFS_ATTR_NAME   0x30u
#define NTFS_ATTR_DATA   0x80u
#define NTFS_ATTR_ROOT   0x90u
#define NTFS_ATTR_INDEX  0xa0u
#define NTFS_ATTR_BITMAP 0xb0u

/* A run of clusters in the volume. */
struct ntfs_run {
	uint64_t first; /* of the attribute */
	uint64_t at;    /* of the volume */
	uint64_t n;
	bool sparse;
};
struct ntfs_runs {
	struct ntfs_run *v;
	size_t n, cap;
};

struct ntfs_places {
	struct places *p;
	uint32_t cluster; /* bytes */
	uint32_t record;
	uint32_t block; /* of an index, when its root does not say */
	struct ntfs_runs mft;
	struct set system; /* what is below $Extend, and it */
	uint8_t *buf;      /* [NTFS_BLOCK_MAX] */
	uint64_t reads;    /* bytes that may still be read of indexes */
	bool failed;
};

/*
 * A record, or a block of an index: bytes as they are meant, and where in the image each
 * sector of it lies. The last two bytes of a sector are its mark on the disk; what they are
 * meant to be stands in a list at the beginning.
 */
struct ntfs_block {
	struct ntfs_places *x;
	uint8_t *p;
	size_t n;
	size_t list; /* 0: sectors have no marks, or they are wrong */
	uint64_t at[NTFS_BLOCK_MAX / NTFS_SECTOR];
	uint64_t owner; /* the record, or that of the directory */
	bool used;
	bool stale; /* of a directory that is gone: another file may have it by now */
};

static inline uint64_t ntfs_le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

/** ntfs_block_read() - [@n] bytes at byte @from of an attribute. Return: they could be read. */
bool ntfs_block_read(struct ntfs_block *b, const struct ntfs_runs *runs, uint64_t from, size_t n);
/** ntfs_block_settle() - put back what stood at the end of sectors. */
void ntfs_block_settle(struct ntfs_block *b);
/** ntfs_block_zero() - [@from, @to) of it is blanked with what @about is about. */
void ntfs_block_zero(
	const struct ntfs_block *b, const struct place_at *about, size_t from, size_t to);
/** ntfs_block_nobodys() - the same, of nobody, where there is anything. */
void ntfs_block_nobodys(const struct ntfs_block *b, size_t from, size_t to);

/** ntfs_runs_parse() - append the runs of [@n] bytes; @first: cluster of the attribute.
 * Return: false: they are damaged, or memory is short. */
bool ntfs_runs_parse(struct ntfs_runs *r, const uint8_t *p, size_t n, uint64_t first);

/** ntfs_index_entries() - names from @from on, up to @to; @list: bytes of the list at @head. */
void ntfs_index_entries(const struct ntfs_block *b, size_t head, size_t limit);
/** ntfs_index_blocks() - of all blocks of a directory. */
void ntfs_index_blocks(
	struct ntfs_places *x, const struct ntfs_runs *runs, uint64_t dir, bool used);

#endif
