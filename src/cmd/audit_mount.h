/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_mount.h - the log of a mount of one's own, read from its files
 *
 * Needs no process of the mount: its state folder has log and names. For one thread.
 */
#ifndef EVIDENCEFS_CMD_AUDIT_MOUNT_H
#define EVIDENCEFS_CMD_AUDIT_MOUNT_H

#include "audit/audit.h"
#include "cmd/state_dir.h"
#include "cmd/team.h"
#include "control/row.h"

struct audit_mount;

/** audit_mount_new() - by --mount and --state, with the filters of @q. Return: 0; else an exit
 * status, and it is said why. */
int audit_mount_new(
	const struct command *c, const struct team_request *q, struct audit_mount **out);
void audit_mount_free(struct audit_mount *m);
/** audit_mount_full() - rows with the keys that only exports have. */
void audit_mount_full(struct audit_mount *m);
/** audit_mount_skip() - what is recorded by now is not wanted. */
int audit_mount_skip(struct audit_mount *m, struct err *e);
/** audit_mount_reindex() - the database that answers is built again. *@records: in it then. */
int audit_mount_reindex(struct audit_mount *m, uint64_t *records, struct err *e);
/** audit_mount_rows() - each row that fits, from behind those of the last call. */
int audit_mount_rows(struct audit_mount *m, void (*row)(void *ctx, const struct row *r), void *ctx,
	struct err *e);

/** audit_mount_events() - each row as it is made, with its record; @each as audit_source.each. */
int audit_mount_events(struct audit_mount *m,
	int (*each)(void *ctx, const struct audit_event *ev, struct buf *row), void *ctx,
	struct err *e);
/** audit_mount_log() - folder of the log's segments. Borrowed. */
const char *audit_mount_log(const struct audit_mount *m);
/** audit_mount_evidence() - the @i-th piece it ever showed; NULL: no more. Borrowed. */
const struct state_evidence *audit_mount_evidence(const struct audit_mount *m, size_t i);

#endif
