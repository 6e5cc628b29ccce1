/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iso.h - ISO 9660 with Rock Ridge or Joliet names
 *
 * The one kind read here without libtsk, which loops on crafted Joliet trees,
 * keeps only the last extent of a file that has several, and misses Rock Ridge
 * names where the marker stands in the root directory alone.
 */
#ifndef EVIDENCEFS_FS_ISO_H
#define EVIDENCEFS_FS_ISO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "fs/fs.h"

struct iso;
struct walk;

/** iso_open() - Return: 0 and *@out; -EBADMSG, -ENOMEM. Fills @info. */
int iso_open(const struct source *s, uint64_t offset, uint64_t end, struct fs_info *info,
	struct iso **out, struct err *e);
/** iso_root() - as fs_root(). */
void iso_root(const struct iso *i, struct entry *e);
/** iso_walk() - as fs_walk(); problems go to @w. */
int iso_walk(struct iso *i, struct walk *w, const struct fs_sink *sink);
/** iso_unallocated() - what lies behind the volume's own end. */
void iso_unallocated(const struct iso *i, struct buf *out, uint64_t *size);
void iso_close(struct iso *i);

#endif
