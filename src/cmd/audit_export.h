/* SPDX-License-Identifier: Apache-2.0 */
/* audit_export.h - audit export: rows of the log in the formats of others, into a file. */
#ifndef EVIDENCEFS_CMD_AUDIT_EXPORT_H
#define EVIDENCEFS_CMD_AUDIT_EXPORT_H

#include "cmd/team.h"

/** audit_export() - Return: an exit status. */
int audit_export(const struct command *c, const struct team_request *q);

#endif
