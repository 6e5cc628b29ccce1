/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seen.h - what marks and notes are made about: only what their maker sees
 *
 * A path that is hidden from him is refused as one that was never there: after the
 * same work, in the same words.
 */
#ifndef EVIDENCEFS_CONTROL_SEEN_H
#define EVIDENCEFS_CONTROL_SEEN_H

#include "policy/view.h"

/**
 * seen_act() - what a mark or a note is about, as @v shows it: trace and inode are set
 * Return: 0; -ENOENT there is nothing at its path, or nothing for him; -EPERM he sees no more
 * than its name, or may not annotate it; -EIO.
 */
int seen_act(const struct view *v, struct act *a, struct err *e);
/** seen_path() - append a trace's path below the case: "laptop/p2-ntfs/Users/x". Return: 0;
 * -ENOMEM; -EIO. */
int seen_path(const struct view_evidence *ev, uint64_t trace, struct buf *out);
/** seen_nothing() - the words for a path at which there is nothing. Return: -ENOENT. */
int seen_nothing(const char *path, struct err *e);

#endif
