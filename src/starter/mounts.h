/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts.h - FUSE mounts as root makes and ends them
 *
 * mount(2) without libfuse: the starter serves nothing. Only the user it is
 * for can enter what is mounted: the kernel refuses everybody else, this
 * process too, without asking whoever serves.
 */
#ifndef EVIDENCEFS_STARTER_MOUNTS_H
#define EVIDENCEFS_STARTER_MOUNTS_H

#include "base/err.h"
#include "starter/channel.h"

/**
 * mounts_attach() - mount at s->mountpoint for s->uid, s->gid; read the kernel's INIT
 * The mount point is made (0700, root's). A mount of ours that somebody left there goes.
 * Return: 0 and s->fuse_fd, s->init; -EBUSY something else is mounted there.
 */
int mounts_attach(struct channel_session *s, struct err *e);
/** mounts_detach() - unmount, lazily when busy; take the mount point away. */
int mounts_detach(const char *mountpoint, struct err *e);
/**
 * mounts_each() - mounts of ours right below @root
 * @fn: may unmount. Return: the first that is not 0, or 0; -errno they cannot be read.
 */
int mounts_each(const char *root, int (*fn)(void *ctx, const char *mountpoint), void *ctx);

#endif
