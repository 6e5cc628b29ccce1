/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_log.h - `evidencefs audit verify`, `checkpoint` and `prove`: the log as such
 *
 * With --log, from its files; else the service is asked.
 */
#ifndef EVIDENCEFS_CMD_AUDIT_LOG_H
#define EVIDENCEFS_CMD_AUDIT_LOG_H

#include <stdbool.h>

#include "cmd/cmd.h"

/** audit_log_is() - whether a verb is one of these. */
bool audit_log_is(const char *verb);
/** audit_log_run() - argv[1] is the verb. Return: exit status. */
int audit_log_run(const struct command *c, int argc, char **argv);

#endif
