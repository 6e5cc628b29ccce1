/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_sandbox.h - what the service puts itself under before it listens to anybody
 *
 * One way only, and for a process with one thread: afterwards it is `user`
 * without any capability, sees the state and what naming users needs, and makes
 * only the calls that serving needs. docs/PROTOCOL.starter.md "The sandbox".
 * All layers must hold but landlock, which kernels before 5.13 do not have.
 */
#ifndef EVIDENCEFS_STARTER_SERVICE_SANDBOX_H
#define EVIDENCEFS_STARTER_SERVICE_SANDBOX_H

#include <sys/types.h>

#include "base/err.h"

struct service_sandbox_opts {
	uid_t uid;
	gid_t gid;
	pid_t parent;          /* the starter: dies with it */
	const char *state_dir; /* read and written */
};

/**
 * service_sandbox_enter() - give up everything else
 * @landlock_abi: 0: the kernel has none
 * Return: 0; an error leaves the process half way: it must exit.
 */
int service_sandbox_enter(
	const struct service_sandbox_opts *o, unsigned *landlock_abi, struct err *e);

#endif
