/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel.h - what the kernel's FUSE can do and libfuse 3.14 does not know
 *
 * Sits between libfuse and /dev/fuse (fuse_session_custom_io): offers newer
 * abilities in the INIT reply and answers STATX, the one request that carries
 * a birth time.
 * Source: Linux include/uapi/linux/fuse.h, protocol 7.39 and later.
 */
#ifndef EVIDENCEFS_MOUNT_KERNEL_H
#define EVIDENCEFS_MOUNT_KERNEL_H

#include "mount/session.h"

/** kernel_attach() - put this module between; the session is already mounted. */
int kernel_attach(struct session *s, struct err *e);

/** kernel_missing() - the abilities missing, in words: "no shared mappings, ..."; "" none. */
const char *kernel_missing(unsigned degraded, char *out, size_t size);

#endif
