/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - the threads that serve a session
 *
 * libfuse's own loop keeps a second thread waiting, so that requests go from thread to
 * thread and each costs a switch of context more; and its threads end by a signal. Here
 * one thread answers what comes, as long as nothing makes it wait. Another is called when it
 * steps aside to fetch; when several requests wait and there are processors for it; and
 * when it has been at one request for some milliseconds, whatever the reason. Processors are kept
 * awake (mount/awake.h) while requests come one behind the other; where nothing happens all
 * sleep. Reads that fetch (mount/reads.h) never take all threads.
 */
#ifndef EVIDENCEFS_MOUNT_LOOP_H
#define EVIDENCEFS_MOUNT_LOOP_H

#include <signal.h>
#include <stdbool.h>

#include "mount/session.h"

struct awake;

/* Of a team's session. */
#define LOOP_READS_EACH 8u  /* threads that fetch from one piece of evidence */
#define LOOP_READS      56u /* and from all */
#define LOOP_THREADS    (LOOP_READS + 8u)

/** loop_start() - @threads: at most. @awake: borrowed; NULL. Return: 0 and *@out; -errno. */
int loop_start(struct fuse_session *fuse, unsigned threads, struct awake *awake, struct loop **out);
/**
 * loop_wait() - until it is unmounted, or one of @signals has come, which the caller has blocked
 * Not through handlers: a signal between the look at what one has set and the sleep would be lost.
 * Return: 0; -errno.
 */
int loop_wait(struct loop *l, const sigset_t *signals);
/**
 * loop_stop() - what is being answered is answered; then all threads are gone. NULL allowed.
 * Return: false: some hang, in storage; they have been waited for for LOOP_END_MS, and end
 * by themselves. Nothing is freed then, and it may be called again.
 */
#define LOOP_END_MS 1000
bool loop_stop(struct loop *l);

/**
 * loop_step_aside() - the request that this thread is at may take long: others go on without it
 * Until this thread is done with it; a second call, or one in another thread, does nothing.
 */
void loop_step_aside(void);

#endif
