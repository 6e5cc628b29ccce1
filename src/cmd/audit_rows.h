/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_rows.h - records of the access log as rows for people and programs
 *
 * Names stand in no record: they are found here, in the indexes, when a row is
 * shown. A read names its open, so what only the open knows is added to it.
 */
#ifndef EVIDENCEFS_CMD_AUDIT_ROWS_H
#define EVIDENCEFS_CMD_AUDIT_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"
#include "base/buf.h"
#include "base/err.h"

struct audit_filter {
	bool reads;     /* every read; else their sums with each open */
	int64_t uid;    /* -1: any */
	uint32_t types; /* bits 1 << enum audit_type; 0: any */
	int64_t since_ns;
	int64_t until_ns;       /* before it */
	const char *path;       /* NULL: any; as under the case, or below @mountpoint */
	const char *mountpoint; /* absolute */
};

struct audit_row {
	const struct audit_event *ev;
	const char *user;     /* name, or the number */
	const char *evidence; /* NULL: none */
	struct buf path;      /* bytes; empty: none */
	bool summed;          /* an open whose reads are summed up here */
	uint64_t reads;
	uint64_t bytes;
};

/** audit_filter_user() - by name or uid. Return: 0; -ENOENT. */
int audit_filter_user(struct audit_filter *f, const char *who);
/** audit_filter_types() - "open,read". Return: 0; -EINVAL. */
int audit_filter_types(struct audit_filter *f, const char *list);

/**
 * audit_rows() - call @each for every record of a mount's log that fits
 * @dir: STATE/mounts/ID
 */
int audit_rows(const char *dir, const struct audit_filter *f,
	void (*each)(void *ctx, const struct audit_row *row), void *ctx, struct err *e);

/** audit_row_json() - append one line. */
void audit_row_json(const struct audit_row *row, struct buf *out);

#endif
