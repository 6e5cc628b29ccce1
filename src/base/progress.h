/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.h - how far long work has come, on stderr
 *
 * On a terminal one line with a bar, redrawn at most ten times a second and cleared
 * at the end; elsewhere plain lines, at least five seconds apart, so that work that
 * is soon done says nothing. For one thread.
 */
#ifndef EVIDENCEFS_BASE_PROGRESS_H
#define EVIDENCEFS_BASE_PROGRESS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"

enum progress_unit {
	PROGRESS_BYTES,
	PROGRESS_ENTRIES,
	PROGRESS_TIME /* nothing is counted: how long it has lasted */
};

#define PROGRESS_WHAT_MAX 256

struct progress {
	FILE *out;
	size_t columns;               /* of the terminal; 0: none */
	char what[PROGRESS_WHAT_MAX]; /* escaped */
	uint64_t total;               /* 0: not known */
	uint64_t done;
	enum progress_unit unit;
	int64_t begun_ns; /* monotonic */
	int64_t shown_ns;
	unsigned lines; /* shown up to now */
};

/**
 * progress_begin() - @what is escaped, and cut where it is too long; @total 0: not known.
 */
void progress_begin(struct progress *p, const char *what, uint64_t total, enum progress_unit unit);
/** progress_update() - @done of total, as often as is convenient. */
void progress_update(struct progress *p, uint64_t done);
/** progress_end() - take the line away, or tell of the end where lines were told. */
void progress_end(struct progress *p);

/** progress_line() - append what is shown @elapsed_ns after the begin; no newline. */
void progress_line(const struct progress *p, int64_t elapsed_ns, struct buf *out);

#endif
