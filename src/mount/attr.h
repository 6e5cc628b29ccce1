/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attr.h - a node as stat shows it
 *
 * A directory that is there by name only shows nothing else of itself: its times are
 * those of the index. No directory's size or link count depends on what is in it.
 */
#ifndef EVIDENCEFS_MOUNT_ATTR_H
#define EVIDENCEFS_MOUNT_ATTR_H

#include <stdbool.h>
#include <sys/stat.h>

#include "mount/gate.h"

/** attr_of_place() - the root, a case's folder, a text of either. */
void attr_of_place(
	const struct session *s, const struct scene *sc, const struct node *n, struct stat *st);

/**
 * attr_of_trace() - attributes of a trace
 * @c: cursor of its evidence; used to find a link's place and other names. @t: from that
 *     cursor; its strings are no longer good afterwards.
 * Return: 0; -errno.
 */
int attr_of_trace(const struct session *s, const struct scene *sc, const struct permit *p,
	struct evidence_cursor *c, const struct node *n, const struct trace *t, struct stat *st);

/** attr_timeout() - seconds the kernel may keep them. */
double attr_timeout(const struct session *s, const struct scene *sc, const struct node *n);

/** attr_in_evidence() - whether a node is a trace of evidence, with a cursor to be had. */
bool attr_in_evidence(const struct scene *sc, const struct node *n);

/**
 * attr_of_node() - decide, then attributes with birth time
 * @born: whether @btime is known. Return: 0; -ESTALE hidden; -EACCES denied, or a
 * directory that is open still; -EIO.
 */
int attr_of_node(struct session *s, const struct scene *sc, const struct asker *who,
	const struct node *n, struct stat *st, struct timespec *btime, bool *born);

/** attr_link_target() - append a link's target as shown, kept within its volume. */
int attr_link_target(struct evidence_cursor *c, const struct trace *t, struct buf *out);

#endif
