/* SPDX-License-Identifier: Apache-2.0 */
/* audit_report.h - audit report: one HTML file about a case, to print and to hand in. */
#ifndef EVIDENCEFS_CMD_AUDIT_REPORT_H
#define EVIDENCEFS_CMD_AUDIT_REPORT_H

#include "cmd/team.h"

/** audit_report() - Return: an exit status. */
int audit_report(const struct command *c, const struct team_request *q);

#endif
