/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn.h - starts worker processes from one thread
 *
 * A worker asks to be killed when its parent ends, and to the kernel the parent
 * is the *thread* that forked it. Threads of a FUSE session come and go, so all
 * workers are started by one thread that lives as long as the spawner. Safe
 * from several threads at once, in a process with threads (no fork()).
 * The process must not ignore SIGCHLD nor wait for children it did not start.
 */
#ifndef EVIDENCEFS_WORKER_SPAWN_H
#define EVIDENCEFS_WORKER_SPAWN_H

#include <sys/types.h>

struct spawner;

/**
 * spawner_new() - begins the thread at once: its niceness, and so that of every
 * worker, is the caller's, not that of whichever thread asks first.
 */
int spawner_new(struct spawner **out);
/** spawner_free() - ends the thread: workers that still run die with it. NULL allowed. */
void spawner_free(struct spawner *s);

/**
 * spawner_run() - start @program with @sock as descriptor 3
 * Environment TZ=UTC0 LC_ALL=C, default signals, a process group of its own.
 * Return: 0 and *@pid, to be waited for by the caller; -errno.
 */
int spawner_run(struct spawner *s, const char *program, int sock, pid_t *pid);

#endif
