/* SPDX-License-Identifier: Apache-2.0 */
/* ntfs_record.h - MFT records whose run lists leave them. Private to this folder. */
#ifndef EVIDENCEFS_FS_NTFS_RECORD_H
#define EVIDENCEFS_FS_NTFS_RECORD_H

#include "fs/tsk.h"

/** ntfs_guard() - before libtsk opens the volume: hide from it records it must not follow. */
void ntfs_guard(struct fs *f);

#endif
