/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workers.h - the workers that the starter runs for the service
 *
 * An entry stays until its process is reaped, so that its number means nobody
 * else. Used by the starter's main thread alone, of which they are children.
 */
#ifndef EVIDENCEFS_STARTER_WORKERS_H
#define EVIDENCEFS_STARTER_WORKERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WORKERS_MAX 4096

struct children {
	struct {
		pid_t pid;
		uint32_t waiting; /* the request that wants its status; 0: none */
		int left;         /* its service is gone: nobody will ask */
	} * v;
	size_t n;
};

/** workers_run() - start one as @uid with @sock. Return: 0 and *@pid; -EAGAIN too many. */
int workers_run(struct children *c, int program, uid_t uid, int sock, pid_t *pid);
/**
 * workers_reap() - kill it; its status is told by workers_collect()
 * Return: 0; -ECHILD: none of ours, or somebody waits for it already.
 */
int workers_reap(struct children *c, pid_t pid, uint32_t request);
/** workers_leave() - their service is gone: kill all. */
void workers_leave(struct children *c);
/** workers_collect() - reap what was killed and has ended; tell who waits for it. */
void workers_collect(
	struct children *c, void (*told)(void *ctx, uint32_t request, int status), void *ctx);

#endif
