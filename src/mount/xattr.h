/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xattr.h - what the evidence says of a trace, as extended attributes
 *
 * user.evidencefs.NAME; on links system.evidencefs.NAME, since the kernel
 * allows no user attributes there. Values are text, but `name` and `target`,
 * which are the bytes of the disk.
 */
#ifndef EVIDENCEFS_MOUNT_XATTR_H
#define EVIDENCEFS_MOUNT_XATTR_H

#include "mount/gate.h"

/**
 * xattr_get() - append one value
 * @name: with its prefix
 * A directory that is there by name only has none, and so have cases and their texts.
 * Return: 0; -ENODATA no such attribute; -ESTALE hidden; -errno.
 */
int xattr_get(struct session *s, const struct scene *sc, const struct permit *p,
	const struct node *n, const char *name, struct buf *out);

/** xattr_list() - append all names, each with its NUL. */
int xattr_list(struct session *s, const struct scene *sc, const struct permit *p,
	const struct node *n, struct buf *out);

#endif
