/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - the threads that serve a team's session
 *
 * One while nothing happens, more as requests come, at most LOOP_THREADS. libfuse's own
 * loop ends with a signal to its thread; this one when it is told. Reads that fetch
 * (mount/reads.h) never take all of them.
 */
#ifndef EVIDENCEFS_MOUNT_LOOP_H
#define EVIDENCEFS_MOUNT_LOOP_H

#include "mount/session.h"

#define LOOP_READS_EACH 8u  /* threads that fetch from one piece of evidence */
#define LOOP_READS      56u /* and from all */
#define LOOP_THREADS    (LOOP_READS + 8u)
#define LOOP_IDLE       8u /* threads that wait for a request; others end */

/** loop_start() - Return: 0 and *@out; -errno. */
int loop_start(struct fuse_session *fuse, struct loop **out);
/**
 * loop_stop() - what is being answered is answered; then all threads are gone. NULL allowed.
 * Return: false: some hang, in storage; they have been waited for for LOOP_END_MS, and end
 * by themselves. Nothing is freed then.
 */
#define LOOP_END_MS 1000
bool loop_stop(struct loop *l);

#endif
