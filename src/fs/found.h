/* SPDX-License-Identifier: Apache-2.0 */
/*
 * found.h - what a walk has found: from name and metadata to an entry
 *
 * Private to this folder. Decides which name owns which metadata, and builds
 * entries and their streams; where they stand in the tree is for walk.c.
 */
#ifndef EVIDENCEFS_FS_FOUND_H
#define EVIDENCEFS_FS_FOUND_H

#include "fs/tsk.h"

/* What a name and the metadata it points to have to do with each other. */
enum bond {
	BOND_OWN,    /* the name owns the metadata */
	BOND_STALE,  /* a former name of a file that still exists */
	BOND_OTHER,  /* the metadata is another file's now */
	BOND_BROKEN, /* an allocated name, and no metadata that fits */
	BOND_NONE    /* a deleted name, and no metadata */
};

/** found_bond() - @m: the metadata, NULL when it cannot be loaded. */
enum bond found_bond(const struct fs *f, const TSK_FS_NAME *n, const TSK_FS_META *m);
/** found_meta_flags() - ENTRY_META and ENTRY_VIRTUAL as they apply. */
uint32_t found_meta_flags(const struct fs *f, const TSK_FS_NAME *n);
/** found_entry() - @e from f->file and @n (NULL: the metadata alone); flags are added to. */
int found_entry(struct walk *w, struct fs *f, const TSK_FS_NAME *n, enum bond b, struct entry *e);
/** found_streams() - hand out the streams of @file as siblings of @owner. */
int found_streams(struct walk *w, struct fs *f, const struct fs_sink *sink, const TSK_FS_FILE *file,
	const struct entry *owner);

#endif
