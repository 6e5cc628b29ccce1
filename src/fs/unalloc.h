/* SPDX-License-Identifier: Apache-2.0 */
/* unalloc.h - what the files that list unallocated space share. Private to this folder. */
#ifndef EVIDENCEFS_FS_UNALLOC_H
#define EVIDENCEFS_FS_UNALLOC_H

#include "fs/tsk.h"

struct gather {
	struct fs *f;
	struct extent_writer w;
	uint64_t size; /* bytes so far */
	int r;         /* 0; -errno: nothing more is to be gathered */
};

/**
 * unalloc_bitmap() - scan [bits] bits, low ones first, set for used
 * Bit i stands for [per] units from @block + i * per on.
 */
void unalloc_bitmap(
	struct gather *g, const uint8_t *p, uint64_t bits, uint64_t block, uint64_t per);

#endif
