/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer.h - the service's side of an answer: gathered, then sent to one client
 *
 * Rows and lines are gathered in memory and never block. Only answer_flush() and
 * answer_end() wait for the client: call them while nothing is held that others
 * wait for. A client that takes no byte for a time, or is gone, gets nothing
 * more: then everything here does nothing. For one thread.
 */
#ifndef EVIDENCEFS_CONTROL_ANSWER_H
#define EVIDENCEFS_CONTROL_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define ANSWER_BATCH (64 * 1024) /* bytes gathered before it is worth sending */

struct answer {
	int fd;       /* -1: nothing is sent, all is gathered; for tests */
	int stall_ms; /* how long a client may take no byte */
	struct buf out;
	size_t row;      /* where the row being made begins */
	int64_t told_ms; /* when progress was last told */
	int failed;      /* -errno: a row could not be made */
	bool gone;
};

/** answer_init() - @fd: a socket, borrowed; made non-blocking. */
void answer_init(struct answer *r, int fd, int stall_ms);
void answer_release(struct answer *r);

/** answer_row() - begin a row; fields are put with row_*() (control/row.h). */
struct buf *answer_row(struct answer *r);
void answer_row_end(struct answer *r);
/** answer_text() - a line for people; programs that ask for JSON do not see it. */
void answer_text(struct answer *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** answer_note() - a line for stderr. */
void answer_note(struct answer *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** answer_full() - whether it is worth sending what is gathered. */
bool answer_full(const struct answer *r);
/** answer_flush() - send it. Return: 0; -EPIPE the client is gone or does not read. */
int answer_flush(struct answer *r);
/**
 * answer_progress() - tell how far long work is, ten times a second at most; never waits
 * As service_progress; @ctx: a struct answer. Return: 0; 1 the client is gone: give up.
 */
int answer_progress(void *ctx, const char *what, uint64_t done, uint64_t total);
/** answer_end() - the last frame, and all before it. @code: 0 or -errno; @e: why. */
int answer_end(struct answer *r, int code, const struct err *e);

#endif
