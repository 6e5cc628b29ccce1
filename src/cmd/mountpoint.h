/* SPDX-License-Identifier: Apache-2.0 */
/* mountpoint.h - what stands at a mount point, from /proc/self/mountinfo (proc(5)) */
#ifndef EVIDENCEFS_CMD_MOUNTPOINT_H
#define EVIDENCEFS_CMD_MOUNTPOINT_H

#include <stdbool.h>

#include "base/err.h"

/**
 * mountpoint_path() - an absolute path without links, also of a dead mount
 * Caller frees *@out.
 */
int mountpoint_path(const char *given, char **out, struct err *e);

/** mountpoint_type() - type of the file system mounted there ("" none). [64] bytes. */
int mountpoint_type(const char *path, char type[64], struct err *e);

/** mountpoint_is_ours() - whether that type is this program's. */
bool mountpoint_is_ours(const char *type);

/** mountpoint_check() - an empty folder where nothing is mounted, and a /dev/fuse to do it with. */
int mountpoint_check(const char *path, struct err *e);

#endif
