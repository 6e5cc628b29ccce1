/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reads.h - reads under way, so that storage that does not answer holds up only itself
 *
 * A read may wait in storage for as long as storage likes, and the thread with it. So
 * each piece of evidence has only so many threads for reads, and what comes beyond
 * waits in a queue without one: other evidence, names and attributes go on. A reader
 * that is being killed is answered EINTR within two seconds, though storage is not
 * done with the read: he can end, and the mount be unmounted.
 *
 * One answer for each request, by whoever has claimed it. Knows no contents and no
 * log: ops_file.c does the reading and the recording.
 */
#ifndef EVIDENCEFS_MOUNT_READS_H
#define EVIDENCEFS_MOUNT_READS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mount/fuse.h"
#include "mount/gate.h"

#define READS_THREADS 16 /* for one piece of evidence */

struct reads; /* of one session */

struct read_job {
	fuse_req_t req;
	struct asker who;
	struct handle *handle;
	unsigned evidence;
	uint64_t off;
	size_t size;
	bool whole; /* fewer bytes must not be answered */
	/* kept by reads.c */
	bool queued; /* on the heap */
	bool claimed;
	int64_t begun_ms;
	struct read_job *prev;
	struct read_job *next;
};

/** reads_new() - for [count] pieces of evidence. NULL without memory. */
struct reads *reads_new(size_t count);
void reads_free(struct reads *r);

/**
 * reads_begin() - a request has come
 * @j: the caller's own; copied when it must wait
 * Return: 1 go on with it now; 0 it waits, somebody's reads_end() will return it; -ENOMEM.
 */
int reads_begin(struct reads *r, struct read_job *j);
/** reads_claim() - Return: whether the caller is to answer; false: that has been done. */
bool reads_claim(struct reads *r, struct read_job *j);
/** reads_end() - it is done with. Return: the next to go on with, or NULL. */
struct read_job *reads_end(struct reads *r, struct read_job *j);

/**
 * reads_abandoned() - take out requests whose reader is being killed, now and then
 * @fn: called with each once it is claimed: records and answers it; when @last is set
 *      nobody else has anything to do with it, and it is freed
 */
void reads_abandoned(
	struct reads *r, void (*fn)(void *ctx, const struct read_job *j, bool last), void *ctx);

/** reads_stop() - nobody can claim any more, and whoever tries waits for ever. For the end only. */
void reads_stop(struct reads *r);

#endif
