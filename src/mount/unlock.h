/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unlock.h - a mount whose process was killed and cannot end
 *
 * A process that calls pages back (FUSE_NOTIFY_INVAL_INODE) waits for those that are locked,
 * and no signal ends that wait. They are locked until a read is answered; its other threads
 * would do so, and are gone once it has been killed. Then it stays, and with it all that it
 * has locked. Who keeps the mount's /dev/fuse answers in its place.
 */
#ifndef EVIDENCEFS_MOUNT_UNLOCK_H
#define EVIDENCEFS_MOUNT_UNLOCK_H

/**
 * unlock_pages() - end the reads of mapped pages that are in flight, with EIO
 * @fd: /dev/fuse of the mount. Nobody else may read it.
 * Nothing is served. All other requests wait for the next process, as those that were in flight.
 *
 * Return: how many it ended; -errno the kernel cannot ask again (FUSE_NOTIFY_RESEND), or is gone.
 */
int unlock_pages(int fd);

#endif
