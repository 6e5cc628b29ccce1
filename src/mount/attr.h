/* SPDX-License-Identifier: Apache-2.0 */
/* attr.h - a trace as stat shows it */
#ifndef EVIDENCEFS_MOUNT_ATTR_H
#define EVIDENCEFS_MOUNT_ATTR_H

#include <stdbool.h>
#include <sys/stat.h>

#include "mount/gate.h"
#include "mount/session.h"

#define ATTR_TIMEOUT  86400.0 /* seconds; nothing of the evidence ever changes */
#define ENTRY_TIMEOUT 86400.0

/** attr_of_root() - the session's own root. */
void attr_of_root(const struct session *s, struct stat *st);

/**
 * attr_of_trace() - attributes of a trace
 * @c: cursor of its evidence; used to find a link's place. @t: from that cursor;
 *     for a link its strings are no longer good afterwards.
 * Return: 0; -errno.
 */
int attr_of_trace(const struct session *s, struct evidence_cursor *c, unsigned evidence,
	const struct trace *t, struct stat *st);

/** attr_timeout() - how long the kernel may keep them. */
double attr_timeout(uint64_t trace);

/**
 * attr_of_node() - decide, then attributes with birth time
 * @born: whether @btime is known. @valid: seconds they may be kept.
 */
int attr_of_node(struct session *s, const struct asker *who, uint64_t id, struct stat *st,
	struct timespec *btime, bool *born, double *valid);

/** attr_link_target() - append a link's target as shown, kept within its volume. */
int attr_link_target(struct evidence_cursor *c, const struct trace *t, struct buf *out);

#endif
