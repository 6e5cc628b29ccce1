/* SPDX-License-Identifier: Apache-2.0 */
/* audit_follow.h - audit follow: rows as they are recorded, until it is interrupted. */
#ifndef EVIDENCEFS_CMD_AUDIT_FOLLOW_H
#define EVIDENCEFS_CMD_AUDIT_FOLLOW_H

#include "cmd/team.h"

/** audit_follow() - Return: an exit status; it ends by itself only when it may not go on. */
int audit_follow(const struct command *c, const struct team_request *q);

#endif
