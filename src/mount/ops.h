/* SPDX-License-Identifier: Apache-2.0 */
/* ops.h - the requests of the kernel, each answered through the gate */
#ifndef EVIDENCEFS_MOUNT_OPS_H
#define EVIDENCEFS_MOUNT_OPS_H

#include "mount/fuse.h"

struct session;

/** ops_fill() - for fuse_session_new(); userdata is the struct session. */
void ops_fill(struct fuse_lowlevel_ops *ops);

/** ops_end() - the mount is gone: what is still open is closed. */
void ops_end(struct session *s);

#endif
