/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - volumes that share a container, for the files of fs/
 *
 * Private to this folder.
 */
#ifndef EVIDENCEFS_FS_POOL_H
#define EVIDENCEFS_FS_POOL_H

#include "fs/tsk.h"

struct apfs_volume;

/** pool_open() - f->tsk from volume f->member of the container; false: @why says more. */
bool pool_open(struct fs *f, char *why, size_t n);
/** pool_close() - after f->tsk is closed. */
void pool_close(struct fs *f);
/** pool_volume() - what the container says of this volume; NULL: not in a container. */
const struct apfs_volume *pool_volume(const struct fs *f);
/** pool_lists_free() - is this the volume that the container's free space stands with? */
bool pool_lists_free(const struct fs *f);
/** pool_note() - what a reader should know of it, into info.note. */
void pool_note(struct fs *f);
/** pool_snapshots() - a line for each snapshot of the volume. */
int pool_snapshots(struct fs *f, struct walk *w);

#endif
