/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keep.h - what becomes of closed segments of a log that is being written
 *
 * A thread of the lowest priority compresses them (docs/FORMAT.audit.md, "Files"), and by
 * policy lets accesses of long ago go ("HASHES"; retain.h): a RETENTION record says so first.
 * Whatever moment it is ended at, the log holds: a segment is replaced as a whole,
 * when what replaces it is on the disk and was compared with it.
 */
#ifndef EVIDENCEFS_AUDIT_KEEP_H
#define EVIDENCEFS_AUDIT_KEEP_H

#include "audit/audit.h"

struct audit_keep {
	bool compress;        /* closed segments */
	int64_t retention_ns; /* accesses of before go, when a checkpoint behind them is known
				 outside; 0: none ever goes */
};

/** audit_keep() - begin; once, behind audit_seal(). audit_close() ends it. */
int audit_keep(struct audit_log *l, const struct audit_keep *policy, struct err *e);

#endif
