/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd.h - the subcommands of evidencefs, from one table
 *
 * Each gets its own argv (argv[0] is its name) and returns an exit status:
 * 0 done, 1 failed or refused, 2 usage.
 */
#ifndef EVIDENCEFS_CMD_CMD_H
#define EVIDENCEFS_CMD_CMD_H

#include "base/err.h"

#define EXIT_FAILED 1
#define EXIT_USAGE  2

struct command {
	const char *name;
	const char *usage;   /* what follows the name */
	const char *summary; /* one line */
	const char *help;    /* its options, one a line */
	int (*run)(const struct command *c, int argc, char **argv);
};

int cmd_mount(const struct command *c, int argc, char **argv);
int cmd_unmount(const struct command *c, int argc, char **argv);
int cmd_state(const struct command *c, int argc, char **argv);
int cmd_audit(const struct command *c, int argc, char **argv);
/** cmd_team() - all that only ask the service: cmd/team_commands.c has what each takes. */
int cmd_team(const struct command *c, int argc, char **argv);

/** cmd_fail() - print "evidencefs: TEXT" for a failed call. Return: EXIT_FAILED. */
int cmd_fail(const struct err *e, int r);
/** cmd_usage() - print what is wrong and the usage, on stderr. Return: EXIT_USAGE. */
int cmd_usage(const struct command *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** cmd_help() - print usage, summary and options, on stdout. Return: 0. */
int cmd_help(const struct command *c);

#endif
