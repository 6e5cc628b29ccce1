/* SPDX-License-Identifier: Apache-2.0 */
/* fuse.h - libfuse's low-level interface, in the version this program is written for. */
#ifndef EVIDENCEFS_MOUNT_FUSE_H
#define EVIDENCEFS_MOUNT_FUSE_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#endif
