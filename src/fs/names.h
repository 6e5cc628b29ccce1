/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.h - what a directory's own bytes say of its entries
 *
 * Names as the disk has them: libtsk's, without disguises (text.h). And for
 * exFAT what libtsk leaves out: the zone in which each time was written, and how
 * much of a file ever was.
 */
#ifndef EVIDENCEFS_FS_NAMES_H
#define EVIDENCEFS_FS_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "fs/ext_dir.h"
#include "fs/fat_names.h"
#include "fs/tsk.h"

/* What libtsk leaves out of an exFAT entry. */
struct extra {
	uint64_t inode;
	uint64_t valid; /* bytes ever written; the rest reads as zeros */
	int32_t create; /* seconds east of UTC in which its times are written */
	int32_t modify;
	int32_t access;
};

struct names {
	struct fs *f;
	struct extra *extra; /* by inode; those that have something to say */
	size_t n;
	size_t cap;
	struct ext_dir ext;   /* FAMILY_EXT */
	struct fat_names fat; /* FAMILY_FAT */
	struct buf one;       /* the name handed out last */
};

/** names_begin() - before the names of @dir are asked for. */
void names_begin(struct names *n, struct fs *f, const TSK_FS_DIR *dir);
/** names_get() - the bytes of @name; borrowed until the next call. */
void names_get(struct names *n, const TSK_FS_NAME *name, const uint8_t **p, size_t *len);
/** names_passed_over() - entries in use that libtsk does not list: shown by nobody. */
uint64_t names_passed_over(const struct names *n);
/** names_real() - whether the directory holds @name at all: libtsk makes some up. */
bool names_real(const struct names *n, const TSK_FS_NAME *name, const uint8_t *p, size_t len);
/** names_times() - take the zones of exFAT times out of @e's. */
void names_times(const struct names *n, struct entry *e);
/** names_valid() - bytes of @inode's contents that were ever written; UINT64_MAX: all. */
uint64_t names_valid(const struct names *n, uint64_t inode);
void names_end(struct names *n);

#endif
