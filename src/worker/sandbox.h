/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.h - what a worker puts itself under before it parses anything
 *
 * One way only, and for a process with one thread: afterwards it can compute,
 * read the descriptors it has and write to its socket. What each layer is for
 * stands in docs/PROTOCOL.worker.md "The sandbox". Layers that every supported
 * kernel has must hold or the call fails; landlock and the change of user may
 * be missing, and @state says so.
 */
#ifndef EVIDENCEFS_WORKER_SANDBOX_H
#define EVIDENCEFS_WORKER_SANDBOX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Whether this is built with a sanitizer, which needs calls of its own and its messages. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||                         \
	__has_feature(thread_sanitizer)
#define SANDBOX_SANITIZER 1
#endif
#endif
#ifndef SANDBOX_SANITIZER
#define SANDBOX_SANITIZER 0
#endif

#define SANDBOX_UID      65430                /* of workers that root starts */
#define SANDBOX_UID_LAST 65439                /* end of the range kept for evidencefs */
#define SANDBOX_MEMORY   (512u * 1024 * 1024) /* address space beside the chunk cache */

/* what applies, or-ed; as in READY */
#define SANDBOX_NO_NEW_PRIVS 0x01u
#define SANDBOX_SECCOMP      0x02u
#define SANDBOX_LANDLOCK     0x04u
#define SANDBOX_USER         0x08u /* runs as the uid it was told */
#define SANDBOX_LIMITS       0x10u
#define SANDBOX_RELAXED      0x20u /* built with a sanitizer: more calls, no memory limit */

struct sandbox_opts {
	uid_t uid;           /* user and group when started as root; 0: stay */
	pid_t parent;        /* whose child this must be; 0: not checked */
	size_t memory_bytes; /* RLIMIT_AS */
	int socket;          /* the one descriptor that may be written to */
};

struct sandbox_state {
	uint32_t applied;      /* SANDBOX_* */
	uint32_t landlock_abi; /* 0: the kernel has none */
	uint32_t uid;
};

/**
 * sandbox_enter() - give up everything else
 * Return: 0 and *@state; an error leaves the process half way: it must exit.
 */
int sandbox_enter(const struct sandbox_opts *o, struct sandbox_state *state, struct err *e);

#endif
