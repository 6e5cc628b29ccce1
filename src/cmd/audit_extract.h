/* SPDX-License-Identifier: Apache-2.0 */
/* audit_extract.h - audit export --format case: a folder that is checked like the log itself. */
#ifndef EVIDENCEFS_CMD_AUDIT_EXTRACT_H
#define EVIDENCEFS_CMD_AUDIT_EXTRACT_H

#include "cmd/team.h"

/** audit_extract_case() - Return: an exit status. */
int audit_extract_case(const struct team_request *q);

#endif
