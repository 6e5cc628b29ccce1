/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - what happened in a case, summed up by user and by trace
 *
 * Rows of the log go in, as their reader may see them; sums come out as the parts of
 * a report (docs/PROTOCOL.control.md, "A report"). Knows neither service nor HTML.
 */
#ifndef EVIDENCEFS_CONTROL_REPORT_H
#define EVIDENCEFS_CONTROL_REPORT_H

#include "audit/audit.h"
#include "base/buf.h"

#define REPORT_TRACES_MAX  2000 /* rows of that part; what was read most */
#define REPORT_REFUSED_MAX 1000 /* the newest */

struct report;

int report_new(struct report **out);
void report_free(struct report *r);
/** report_row() - as audit_source.each: a row of it. @ctx: a struct report. */
int report_row(void *ctx, const struct audit_event *ev, struct buf *row);

/** report_put - one row of a part. @row: its fields, as row_*() put them. */
typedef void report_put(void *ctx, const char *part, struct buf *row);
/** report_sums() - the parts `total`, `user`, `trace` and `refused`. Return: 0; -ENOMEM. */
int report_sums(struct report *r, report_put *put, void *ctx);

#endif
