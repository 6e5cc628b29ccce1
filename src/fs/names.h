/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.h - the bytes of a name as the directory has them
 *
 * libtsk's names are right once disguises are off (text.h), but for exFAT,
 * where a name beyond 15 units of anything but ASCII is garbled: there the
 * directory's own entries are read, which also say in which zone each time was
 * written.
 */
#ifndef EVIDENCEFS_FS_NAMES_H
#define EVIDENCEFS_FS_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "fs/tsk.h"

/* One exFAT file as its directory has it. */
struct exfat_name {
	uint64_t inode;
	size_t at; /* in names.text */
	size_t len;
	int32_t zone_create; /* seconds east of UTC; 0 when the disk does not say */
	int32_t zone_modify;
	int32_t zone_access;
};

struct names {
	struct fs *f;
	struct exfat_name *own; /* by inode; NULL: libtsk's names are right */
	size_t n;
	struct buf text;
	struct buf one; /* the name handed out last */
};

/** names_begin() - before the names of @dir are asked for. */
void names_begin(struct names *n, struct fs *f, const TSK_FS_DIR *dir);
/** names_get() - the bytes of @name; borrowed until the next call. */
void names_get(struct names *n, const TSK_FS_NAME *name, const uint8_t **p, size_t *len);
/** names_times() - take the zones of exFAT times out of @e's. */
void names_times(const struct names *n, struct entry *e);
void names_end(struct names *n);

#endif
