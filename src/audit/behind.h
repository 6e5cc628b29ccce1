/* SPDX-License-Identifier: Apache-2.0 */
/*
 * behind.h - records that are written behind their reply
 *
 * A look-up that finds nothing must not take longer where there is something to hide. So
 * it is answered first, then put here, whether it is to be recorded or not: with the same
 * work. A thread takes what has come together every AUDIT_BEHIND_MS and appends what is
 * to be kept. What finds no room, or cannot be written, is counted, and recorded as a LOSS
 * (docs/FORMAT.audit.md) as soon as that is possible. What is not in the log yet when the
 * process is killed is lost: no byte of evidence is in such a reply.
 */
#ifndef EVIDENCEFS_AUDIT_BEHIND_H
#define EVIDENCEFS_AUDIT_BEHIND_H

#include "audit/audit.h"

#define AUDIT_BEHIND_MS  10
#define AUDIT_BEHIND_MAX 4096 /* waiting at once */

struct audit_behind;

/** audit_behind_new() - @l: borrowed. Starts a thread: call it after fork(). */
int audit_behind_new(struct audit_log *l, struct audit_behind **out);
/** audit_behind_put() - never waits. @keep: whether it is to be recorded. Any thread. */
void audit_behind_put(struct audit_behind *b, const struct audit_event *ev, bool keep);
/** audit_behind_flush() - what was put before has been written, or lost. NULL allowed. */
void audit_behind_flush(struct audit_behind *b);
/** audit_behind_free() - flush, and end. Nobody puts any more. NULL allowed. */
void audit_behind_free(struct audit_behind *b);

#endif
