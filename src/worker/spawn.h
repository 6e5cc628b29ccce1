/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn.h - starts worker processes, and ends them
 *
 * Two kinds. A local one: a worker asks to be killed when its parent ends, and
 * to the kernel the parent is the *thread* that forked it. Threads of a FUSE
 * session come and go, so all workers are started by one thread that lives as
 * long as the spawner. The process must not ignore SIGCHLD nor wait for
 * children it did not start. And one over somebody else, who starts and reaps
 * them as children of his own: a service without privileges asks the starter.
 * Safe from several threads at once, in a process with threads (no fork()).
 */
#ifndef EVIDENCEFS_WORKER_SPAWN_H
#define EVIDENCEFS_WORKER_SPAWN_H

#include <sys/types.h>

struct spawner;

/* Somebody else who starts workers; his program is his own. Called from any thread. */
struct spawner_ops {
	/** run() - start one with @sock as descriptor 3. Return: 0 and *@pid, -errno. */
	int (*run)(void *ctx, int sock, pid_t *pid);
	/** reap() - kill it and wait. Return: 0 and *@status, -errno. */
	int (*reap)(void *ctx, pid_t pid, int *status);
	pid_t parent; /* the process whose children they are */
	void *ctx;
};

/**
 * spawner_new() - begins the thread at once: its niceness, and so that of every
 * worker, is the caller's, not that of whichever thread asks first.
 */
int spawner_new(struct spawner **out);
/** spawner_over() - workers are started by @ops, which is copied. */
int spawner_over(const struct spawner_ops *ops, struct spawner **out);
/** spawner_free() - local: ends the thread, workers that still run die with it. NULL allowed. */
void spawner_free(struct spawner *s);

/**
 * spawner_run() - start @program with @sock as descriptor 3
 * Environment TZ=UTC0 LC_ALL=C, default signals, a process group of its own.
 * Over somebody else, @program is not looked at.
 *
 * Return: 0 and *@pid; -errno. The caller ends it with spawner_reap().
 */
int spawner_run(struct spawner *s, const char *program, int sock, pid_t *pid);
/**
 * spawner_reap() - kill it and wait
 * Return: 0 and its wait status; -errno: not known; -ETIMEDOUT: within a read some storage
 * lets nobody be killed; it ends with that read, and is left to whoever reaps the children
 * of this process.
 */
int spawner_reap(struct spawner *s, pid_t pid, int *status);
/** spawner_parent() - the process whose children its workers are. */
pid_t spawner_parent(const struct spawner *s);

/** spawner_beside() - a program of ours: beside the running one, then where it is installed.
 * Caller frees; NULL: it is not there. */
char *spawner_beside(const char *program);
/**
 * spawner_program() - where the worker's program is
 * @given: looked for there alone; NULL: beside the running program, then where it is installed
 * Return: caller frees; NULL: there is none that can be run.
 */
char *spawner_program(const char *given);

#endif
