/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places.h - where a file system keeps what it knows of a file
 *
 * Names in directories, records, contents that extents do not show: what must be
 * blanked for who reads the volume byte by byte and may not see the file. Read from the
 * bytes of the volume, not through libtsk, since a place is a matter of bytes. Private
 * to this folder. Whatever is not understood is told as nobody's, so that it is blanked
 * as soon as anything of the volume is.
 */
#ifndef EVIDENCEFS_FS_PLACES_H
#define EVIDENCEFS_FS_PLACES_H

#include "fs/tsk.h"
#include "image/place.h"

struct places {
	struct fs *f;
	int (*each)(void *ctx, const uint8_t *p, size_t n);
	void *ctx;
	struct place_state state;
	struct buf batch;
	uint64_t budget; /* places that may still be told */
	int stopped;     /* what `each` returned, or -ENOMEM; sticks */
};

/** places_put() - one place; what of it lies outside of the volume is left out. */
void places_put(struct places *p, const struct place_at *at);
/** places_zero() - @length bytes from image byte @off on are zeros without @inode. */
void places_zero(struct places *p, uint64_t off, uint64_t length, uint64_t inode, unsigned flags);
/** places_keep() - they are the file system's own, whatever a deleted entry says. */
void places_keep(struct places *p, uint64_t off, uint64_t length);
/** places_read() - all of [@n] bytes at image byte @off. Return: false: they cannot be read. */
bool places_read(const struct places *p, void *buf, size_t n, uint64_t off);

/* Each: Return: 1 all were told; 0 they cannot be. */
int places_ext(struct places *p, uint32_t *cluster, uint64_t *base);
int places_ntfs(struct places *p, uint32_t *cluster, uint64_t *base);
int places_fat(struct places *p, uint32_t *cluster, uint64_t *base);
int places_exfat(struct places *p, uint32_t *cluster, uint64_t *base);

#endif
