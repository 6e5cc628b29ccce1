/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hashes.h - hash totals of the image and SHA-256 of every trace with contents
 *
 * Made by a thread behind the mount from one read of the image, as far as that
 * goes, kept in STATE/evidence/KEY/hashes.db; what an earlier run has found stays.
 * The same thread first checks the indexes against the digests in the manifest.
 */
#ifndef EVIDENCEFS_SERVE_HASHES_H
#define EVIDENCEFS_SERVE_HASHES_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "serve/evidence.h"

enum hashes_state {
	HASHES_OFF,      /* --no-hash, and none were made earlier */
	HASHES_CHECKING, /* indexes against their digests */
	HASHES_IMAGE,    /* totals, and most traces */
	HASHES_TRACES,   /* each trace that has none yet */
	HASHES_DONE,
	HASHES_FAILED,   /* could not go on: see error */
	HASHES_ELSEWHERE /* another process is at it */
};

struct hashes_status {
	enum hashes_state state;
	uint64_t done; /* bytes of the image, or contents bytes of traces */
	uint64_t total;
	bool totals_known;
	uint8_t md5[16];
	uint8_t sha1[20];
	uint8_t sha256[32];
	uint64_t unreadable_bytes; /* of the image: then there are no totals */
	uint64_t traces_hashed;
	uint64_t traces_unreadable;
	char error[512];
};

/**
 * hashes_open() - open what is there; the thread starts with hashes_start()
 * @blocks: with the totals, the table of blocks.h is made
 */
int hashes_open(struct evidence *ev, bool hash, bool blocks, struct hashes **out, struct err *e);
/** hashes_start() - begin behind the mount. */
int hashes_start(struct hashes *h, struct err *e);
/**
 * hashes_stop() - let the thread end at its next block, and wait for that until @until
 * (CLOCK_REALTIME; NULL: not at all)
 * Return: whether it has ended; what it is in may be a read that storage does not answer.
 */
bool hashes_stop(struct hashes *h, const struct timespec *until);
/** hashes_close() - stops the thread at its next block and waits for it. NULL allowed. */
void hashes_close(struct hashes *h);

/**
 * hashes_known() - the totals that an earlier mount has made of the evidence kept in @dir
 * Sets totals_known, md5, sha1, sha256 and unreadable_bytes of *@s, the rest is zero; nothing
 * is known when there is no table, or none that can be read now.
 */
void hashes_known(const char *dir, struct hashes_status *s);
void hashes_status(struct hashes *h, struct hashes_status *s);
/** hashes_get() - SHA-256 of a trace. Return: 0; -ENOENT not known (yet). */
int hashes_get(struct hashes *h, uint64_t trace, uint8_t out[32]);

/** hashes_each() - each trace from @first to @last whose SHA-256 is known, in order of ids
 * @each: must not call functions of @h. Return: 0; what @each returned; -errno. */
typedef int hashes_fn(void *ctx, uint64_t trace, const uint8_t sha256[static 32]);
int hashes_each(struct hashes *h, uint64_t first, uint64_t last, hashes_fn *each, void *ctx);
/** hashes_with() - each trace of that SHA-256. As hashes_each(). */
int hashes_with(struct hashes *h, const uint8_t sha256[static 32], hashes_fn *each, void *ctx);
/** hashes_within() - whether a trace from @first to @last has that SHA-256. 1, 0; -errno. */
int hashes_within(struct hashes *h, const uint8_t sha256[static 32], uint64_t first, uint64_t last);

#endif
