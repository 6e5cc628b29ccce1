/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ahead.h - reading ahead of whoever reads on and on
 *
 * Notices runs of reads that begin where one before ended, or within 64 KiB of it
 * (small files that lie one behind the other), many at once (some file systems lay the
 * files of a folder out in a hundred regions in turn), and has the chunks after them
 * fetched by threads of its own: at most four times what the run has covered, and of all
 * runs together no more than a bound. Where a file ends, only a run that went on behind
 * the end of another one is fetched for. Knows nothing of caches or workers. Reads at
 * random cost a look at a small table.
 */
#ifndef EVIDENCEFS_WORKER_AHEAD_H
#define EVIDENCEFS_WORKER_AHEAD_H

#include <stddef.h>
#include <stdint.h>

struct ahead;

#define AHEAD_JOB 32 /* chunks of one fetch at most */

struct ahead_opts {
	uint32_t chunk_size; /* bytes */
	uint64_t chunks;     /* of the media */
	unsigned threads;    /* started when first needed */
	uint32_t window_max; /* chunks ahead of all readers; of one there is a bound, too */
	/** fetch() - those of the chunks that are not there; @n is at most AHEAD_JOB */
	void (*fetch)(void *ctx, const uint64_t *chunk, size_t n);
	void *ctx;
};

int ahead_new(const struct ahead_opts *o, struct ahead **out);
/** ahead_free() - waits for its threads. NULL allowed. */
void ahead_free(struct ahead *a);
/**
 * ahead_note() - somebody reads @len bytes at @off. Never waits for a fetch.
 * @left: bytes behind them that belong to them (source_ahead())
 */
void ahead_note(struct ahead *a, uint64_t off, size_t len, uint64_t left);
/** ahead_expect() - these are likely to be read soon, in this order; of many the first are taken.
 * Never waits for a fetch. */
void ahead_expect(struct ahead *a, const uint64_t *chunk, size_t n);

#endif
