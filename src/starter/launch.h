/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launch.h - start a program of ours in a child process
 *
 * From a descriptor opened when the starter began: what is installed over it
 * meanwhile is another version. The child dies with the *thread* that launches:
 * the starter's main one. It has a process group of its own, default signals,
 * descriptors 0 to 2 and those it is given.
 */
#ifndef EVIDENCEFS_STARTER_LAUNCH_H
#define EVIDENCEFS_STARTER_LAUNCH_H

#include <sys/types.h>

#include "base/err.h"

#define LAUNCH_FDS 2

struct launch {
	int program;       /* descriptor */
	char *const *argv; /* NULL-terminated */
	char *const *env;
	int dir;             /* to be in; -1 */
	uid_t uid;           /* user and group before it is run; 0: root as it is */
	int fds[LAUNCH_FDS]; /* become 3, 4, ...; -1: none */
};

/** launch() - Return: 0 and *@pid; -errno. A program that cannot be run exits with 127. */
int launch(const struct launch *l, pid_t *pid);

/** launch_program() - open @path to be launched. Return: a descriptor; -errno. */
int launch_program(const char *path, struct err *e);

#endif
