/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.h - one worker process, from its start to its end
 *
 * Start, handshake, one request at a time, kill, reap. Whatever goes wrong on
 * its socket makes it `broken`: it is of no more use and says why. Used by one
 * thread at a time.
 */
#ifndef EVIDENCEFS_WORKER_PROCESS_H
#define EVIDENCEFS_WORKER_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "image/files.h"
#include "worker/reply.h"
#include "worker/spawn.h"
#include "worker/wire.h"

#define PROCESS_OPEN_MS     10000 /* to READY, and while opening */
#define PROCESS_PROGRESS_MS 30000
/* One that waits for storage, and does not compute, is given this much longer. */
#define PROCESS_STORAGE_MS 300000

struct process_setup {
	const char *program;
	const struct image_files *files;
	const char *types;
	struct spawner *spawner;
	uid_t uid;
	unsigned deadline_ms;   /* 0: the usual ones, and PROCESS_STORAGE_MS */
	int (*tick)(void *ctx); /* as in struct wire; NULL */
	void *tick_ctx;
	int cache_fd; /* -1: no cache */
	uint32_t slot_bytes;
	uint32_t slots;
};

struct process {
	pid_t pid; /* -1: reaped */
	struct spawner *spawner;
	struct wire wire;
	unsigned deadline_ms;
	bool has_cache;
	uint64_t about; /* what it was asked last (pool.h); 0: nothing that it keeps open */
	bool broken;
	bool shot; /* broken by a SIGKILL from elsewhere: not by what it was asked */
	struct reply_ready ready;
};

/**
 * process_start() - a worker that is ready for requests
 * Return: 0 and *@out; -errno: no process is left.
 */
int process_start(const struct process_setup *s, struct process **out, struct err *e);
/** process_end() - kill, reap, free. NULL allowed. */
void process_end(struct process *p);

/** process_is_dead() - whether an idle one has ended since: no answer is due, so none may come. */
bool process_is_dead(const struct process *p);

/** process_ask() - send the request begun on p->wire. Return: 0; -errno, broken. */
int process_ask(struct process *p, struct err *e);
/**
 * process_answer() - the next frame of the answer
 * @max:      largest payload allowed
 * @usual_ms: deadline unless the setup has one
 * Return: 0 and *@f; -EPIPE, -ETIMEDOUT, -EPROTO, -EINTR (the tick said so): broken,
 * @e says how it ended.
 */
int process_answer(
	struct process *p, size_t max, unsigned usual_ms, struct frame *f, struct err *e);
/** process_next() - process_expect(), or ALIVE, behind which more will come. */
int process_next(struct process *p, enum wire_type type, size_t max, unsigned usual_ms,
	struct frame *f, struct err *e);
/**
 * process_expect() - an answer of one frame of @type
 * Return: 0 and *@f; a FAIL's negative errno, not broken, with its words; else as above.
 */
int process_expect(struct process *p, enum wire_type type, size_t max, unsigned usual_ms,
	struct frame *f, struct err *e);
/**
 * process_break() - it is of no more use: kill and reap
 * @r: why (-EPIPE, -ETIMEDOUT, -EPROTO, ...)
 * Return: @r; @e in words: "the worker died (signal 11, Segmentation fault)".
 */
int process_break(struct process *p, int r, struct err *e);

#endif
