/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_sight.h - what somebody may see of the access log, and under which names
 *
 * Copied from what is in force once, so that the model is not held while rows go to a
 * client: whoever takes long asks now and then whether it still holds. Functions fit
 * struct audit_source; its ctx is a struct log_sight.
 */
#ifndef EVIDENCEFS_CONTROL_LOG_SIGHT_H
#define EVIDENCEFS_CONTROL_LOG_SIGHT_H

#include "control/audit_rows.h"
#include "control/exchange.h"

struct log_sight;

/**
 * log_sight_new() - of the caller, in the case of argument `case`, or in all
 * Errors: -EPERM, -ENOENT in words for him; -ENOMEM.
 */
int log_sight_new(struct exchange *x, struct log_sight **out, struct err *e);
void log_sight_free(struct log_sight *r);
/** log_sight_case() - number of the case that was named; 0: none was. */
uint64_t log_sight_case(const struct log_sight *r);
/** log_sight_same() - whether he may see the same still; looked at a few times a second. */
bool log_sight_same(struct log_sight *r);
/** log_sight_path() - PATH as it is kept; below MOUNT_ROOT/USER/CASE it names its case by itself,
 * as argument `case` would. Caller frees *@out. */
int log_sight_path(struct log_sight *r, const char *typed, char **out, struct err *e);

/* As members of struct audit_source. */
void log_sight_about(void *ctx, const struct audit_event *ev, struct audit_about *a);
bool log_sight_sees(void *ctx, const struct audit_event *ev, const struct buf *path);
bool log_sight_evidence(void *ctx, const char *path, size_t n, struct evidence **ev,
	uint8_t id[static AUDIT_EVIDENCE_ID]);

#endif
