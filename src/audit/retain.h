/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retain.h - accesses of long ago leave the log, their hashes stay
 *
 * docs/FORMAT.audit.md, "HASHES". Whole segments only, from the first on; what is not
 * known outside up to its end is not touched, nor is anything behind a record that does
 * not match its checkpoint. Knows no policy and writes no record: keep.c does.
 */
#ifndef EVIDENCEFS_AUDIT_RETAIN_H
#define EVIDENCEFS_AUDIT_RETAIN_H

#include "audit/unxz.h"
#include "base/err.h"

struct retain {
	int dirfd;         /* of the log */
	int64_t before_ns; /* what is not older than this stays */
	uint64_t sealed;   /* tree size of the newest checkpoint */
	unxz_stop *stop;
	void *ctx;
};

/* What retain_find() found. */
struct retain_found {
	uint64_t object;  /* accesses up to this record can go; 0: none */
	uint64_t waiting; /* so they could up to here, if a checkpoint behind it were known outside
			   */
};

/**
 * retain_find() - what can go, where there is anything left of it
 * Reads all that is old enough, and compares it with its checkpoints.
 * Return: 0; -EBADMSG something does not hold: nothing goes; -ECANCELED; -errno.
 */
int retain_find(const struct retain *r, struct retain_found *out, struct err *e);
/**
 * retain_replace() - accesses up to @object by their hashes; as retain_find() said, and when a
 * RETENTION that says so is sealed. A segment is replaced by one rename, synced.
 * Return: as retain_find(); what was replaced until then stays so.
 */
int retain_replace(const struct retain *r, uint64_t object, struct err *e);

#endif
