/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keep.h - what becomes of closed segments of a log that is being written
 *
 * A thread of the lowest priority compresses them (docs/FORMAT.audit.md, "Files").
 * Whatever moment it is ended at, the log holds: a segment is replaced as a whole,
 * when what replaces it is on the disk and was compared with it.
 */
#ifndef EVIDENCEFS_AUDIT_KEEP_H
#define EVIDENCEFS_AUDIT_KEEP_H

#include "audit/audit.h"

/** audit_keep() - begin; once, behind audit_open(). audit_close() ends it. */
int audit_keep(struct audit_log *l, struct err *e);

#endif
