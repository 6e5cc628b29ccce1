/* SPDX-License-Identifier: Apache-2.0 */
/* ops.h - the requests of the kernel, each answered through the gate */
#ifndef EVIDENCEFS_MOUNT_OPS_H
#define EVIDENCEFS_MOUNT_OPS_H

#include "mount/fuse.h"

struct session;

/** ops_fill() - for fuse_session_new(); userdata is the struct session. */
void ops_fill(struct fuse_lowlevel_ops *ops);

/**
 * ops_refuse_reads() - reads whose bytes are being fetched, or that wait for a thread, are
 * refused where the scene of now does not allow them. For who swaps scenes.
 */
void ops_refuse_reads(struct session *s);
/** ops_end_abandoned_reads() - the same with those whose reader is being killed: EINTR. */
void ops_end_abandoned_reads(struct session *s);

/** ops_end() - the mount is gone: what is still open is closed. */
void ops_end(struct session *s);

#endif
