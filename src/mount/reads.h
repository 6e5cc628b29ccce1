/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reads.h - reads under way, so that storage that does not answer holds up only itself
 *
 * A read may wait in storage for as long as storage likes, and the thread with it. So
 * each piece of evidence has only so many threads for reads, and all of them together,
 * and what comes beyond waits in a queue without one: other evidence, names and
 * attributes go on. While it waits or its bytes are fetched, no scene is held, and it can
 * be answered in place of whoever fetches (reads_answer): when its right ends, and when
 * its reader is being killed.
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
#include "mount/handle.h"

struct reads; /* of one session */

struct read_job {
	fuse_req_t req;
	struct asker who;
	struct handle *handle; /* held; let go of when nobody has anything to do with the job */
	uint64_t off;
	size_t size;
	bool whole;  /* fewer bytes must not be answered */
	bool masked; /* some bytes of the evidence are not shown: none of them are lent */
	int note;    /* kernel_take_note() */
	/* kept by reads.c */
	bool queued; /* on the heap */
	bool claimed;
	int64_t begun_ms;
	struct read_job *prev;
	struct read_job *next;
};

/** reads_new() - @each: threads for one piece of evidence; @all: together. NULL without memory. */
struct reads *reads_new(struct handles *handles, unsigned each, unsigned all);
void reads_free(struct reads *r);

/**
 * reads_begin() - a request has come, and was decided upon in the scene that is held
 * @j: the caller's own; copied when it must wait
 * Return: 1 go on with it now; 0 it waits, somebody's reads_end() will return it, and @j's
 * handle is no longer the caller's; -ENOMEM.
 */
int reads_begin(struct reads *r, struct read_job *j);
/**
 * reads_try() - a thread of those for reads, to fetch what nobody has asked for yet
 * @j: the caller's own, with the handle held; nobody answers it
 * Return: whether there is one: on with it, then reads_end(); else the handle is the caller's.
 */
bool reads_try(struct reads *r, struct read_job *j);
/** reads_claim() - Return: whether the caller is to answer; false: that has been done. */
bool reads_claim(struct reads *r, struct read_job *j);
/** reads_end() - it is done with. Return: the next to go on with, or NULL. */
struct read_job *reads_end(struct reads *r, struct read_job *j);

/**
 * reads_answer() - answer some in place of whoever fetches
 * @fn: called with each that nobody has claimed; returns whether it has answered it. Must
 *      not wait, nor come back here.
 */
void reads_answer(struct reads *r, bool (*fn)(void *ctx, const struct read_job *j), void *ctx);
/** reads_is_abandoned() - whether it lasts, and its reader is being killed. */
bool reads_is_abandoned(const struct read_job *j);

/**
 * reads_wait() - until a second has passed in which reads were under way
 * For one thread, which looks after them. Return: false after reads_over().
 */
bool reads_wait(struct reads *r);
void reads_over(struct reads *r);

/** reads_stop() - nobody can claim any more, and whoever tries waits for ever. For the end only. */
void reads_stop(struct reads *r);

#endif
