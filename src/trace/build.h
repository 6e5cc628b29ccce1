/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build.h - writes the index of one volume from its walk
 *
 * Takes entries in preorder (fs/fs.h, struct fs_sink), numbers them, makes
 * their names components, gathers deleted entries into a tree of their own and
 * hard links onto one number. The file stands under its name only when it is
 * whole: whatever ends before build_finish() leaves nothing. Memory is bounded
 * whatever the number of traces.
 */
#ifndef EVIDENCEFS_TRACE_BUILD_H
#define EVIDENCEFS_TRACE_BUILD_H

#include <stdint.h>

#include "base/err.h"
#include "base/siphash.h"
#include "fs/entry.h"

struct build;

/**
 * build_open() - begin the index @path
 * @key: of the short hashes in names
 * What an interrupted run left beside @path is removed.
 */
int build_open(const char *path, const struct siphash_key *key, struct build **out, struct err *e);

int build_root(struct build *b, const struct entry *e);
int build_enter(struct build *b, const struct entry *e);
int build_leave(struct build *b);
int build_problem(struct build *b, const char *text);
/** build_unopened() - nobody has looked into what was left last, or not into all of it, and why. */
int build_unopened(struct build *b, const char *reason);
/** build_ended() - note that the walk ended early, and why; shown as a problem too. */
int build_ended(struct build *b, const char *why);
int build_unallocated(struct build *b, const uint8_t *content, size_t len, uint64_t size);

/** build_places() - one batch of places (image/place.h), checked. */
int build_places(struct build *b, const uint8_t *packed, size_t len);
/** build_placed() - every place has come. @cluster, @base: as index_places(). */
int build_placed(struct build *b, uint32_t cluster, uint64_t base);

/** build_traces() - entries taken so far, for a progress line. */
uint64_t build_traces(const struct build *b);

/**
 * build_finish() - complete, sync and move into place; takes @b
 * Directories still open (a walk that ended early) are closed as they are.
 */
int build_finish(struct build *b, struct err *e);
/** build_abort() - remove everything written; takes @b; NULL allowed. */
void build_abort(struct build *b);

/** build_error() - what made an earlier call fail. */
const struct err *build_error(const struct build *b);

#endif
