/* SPDX-License-Identifier: Apache-2.0 */
/* places_ext.h - shared by the files places_ext*.c. */
#ifndef EVIDENCEFS_FS_PLACES_EXT_H
#define EVIDENCEFS_FS_PLACES_EXT_H

#include <errno.h>

#include "base/crc32c.h"
#include "fs/places.h"

struct ext_places {
	struct places *p;
	uint64_t reads; /* blocks that may still be read */
	uint32_t first_inode;
	uint32_t journal; /* inodes */
	uint32_t quota;
	uint32_t orphans;
	bool sums;      /* metadata has checksums */
	uint8_t *block; /* [block size], in turn for one of the files */
	uint8_t *copy;
};

struct ext_inode {
	const uint8_t *p; /* [inode size] */
	uint64_t number;
	uint64_t off; /* image byte */
	unsigned mode;
	bool used;
	bool directory;
	bool regular;
};

static inline uint32_t ext_at16(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static inline uint32_t ext_at32(const uint8_t *p)
{
	return ext_at16(p) | ext_at16(p + 2) << 16;
}

/** places_ext_block() - where a block lies in the image. False: outside of the volume. */
bool places_ext_block(const struct ext_places *x, uint64_t block, uint64_t *off);
/** places_ext_read() - all of a block, and where it lies. */
bool places_ext_read(struct ext_places *x, uint64_t block, uint8_t *out, uint64_t *off);
/** places_ext_delta() - how a checksum over [@n] changes when [@from, @to) become zeros: it is
 * linear, so that what several changes do is their sum (xor). */
uint32_t places_ext_delta(const uint8_t *block, size_t n, size_t from, size_t to);
/** places_ext_sum() - the checksum at @off changes by @value with what @about is about. */
void places_ext_sum(
	struct ext_places *x, const struct place_at *about, uint64_t off, uint32_t value);
/** places_ext_inode_zero() - [@from, @to) of an inode is blanked, and its checksum goes along. */
void places_ext_inode_zero(struct ext_places *x, const struct ext_inode *in,
	const struct place_at *about, size_t from, size_t to);

/* places_ext_dir.c */
/** places_ext_dir_block() - the names in block @logical of a directory. */
void places_ext_dir_block(
	struct ext_places *x, const struct ext_inode *dir, uint64_t logical, uint64_t block);
/** places_ext_dir_inline() - of a directory that lies in its inode. */
void places_ext_dir_inline(struct ext_places *x, const struct ext_inode *dir);

/* places_ext_attr.c */
void places_ext_attrs(struct ext_places *x, const struct ext_inode *in);
/** places_ext_attr_data() - where in the inode the attribute with inline contents has its value. */
bool places_ext_attr_data(
	const struct ext_places *x, const struct ext_inode *in, size_t *from, size_t *to);

#endif
