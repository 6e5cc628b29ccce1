/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - the workers of one image that serve reads, handed out one by one
 *
 * At most `count`, each started when it is first wanted, kept when it is given
 * back whole, ended and forgotten when broken. Internal to src/worker/:
 * client.c and the chunk source share it. Safe from several threads.
 */
#ifndef EVIDENCEFS_WORKER_POOL_H
#define EVIDENCEFS_WORKER_POOL_H

#include <pthread.h>
#include <stdbool.h>

#include "base/err.h"
#include "worker/cache.h"
#include "worker/client.h"
#include "worker/process.h"

/* Workers that a request may lose to a SIGKILL from elsewhere (somebody, or the kernel short of
 * memory) before it fails: such a loss says nothing about the evidence. */
#define POOL_SHOTS 32
#define POOL_MAX   8

struct workers {
	const struct image_files *files;
	struct workers_opts opts; /* count and cache_bytes filled in */
	unsigned cpus;            /* workers that one reader keeps busy; at most opts.count */
	char *program;
	char *types;
	struct spawner *spawner;
	struct spawner *own; /* NULL: opts.spawner is used */

	pthread_mutex_t lock;
	pthread_cond_t given_back;
	struct process *idle[POOL_MAX];
	unsigned n_idle;
	unsigned n_all;           /* idle, handed out, and being started */
	unsigned urgent;          /* readers that wait for one */
	struct cache *cache;      /* NULL until the first chunk source; then never changed */
	uint64_t media_size;      /* 0: not known yet */
	struct reply_ready ready; /* of the newest worker */
};

enum pool_want {
	POOL_WAIT, /* a reader waits: wait for one */
	POOL_TRY,  /* only if one is free or may be started */
	POOL_AHEAD /* wait, behind every reader */
};

/**
 * pool_get() - a worker for one request
 * @about: what the worker will keep open, any number; 0: nothing. The free one that was asked
 *         about the same last; else one that keeps nothing, or another one as long as there are
 *         fewer than `count`; else the one whose last request is the oldest. So a container that
 *         is read in pieces, by several readers too, is not opened each time.
 * Return: 0 and *@out; -EAGAIN none is free (POOL_TRY); else it cannot be started.
 */
int pool_get(struct workers *w, enum pool_want want, uint64_t about, struct process **out,
	struct err *e);
/** pool_put() - give back; a broken one is ended. */
void pool_put(struct workers *w, struct process *p);
/** pool_fresh() - a worker of one's own, ended with process_end(). */
int pool_fresh(struct workers *w, struct process **out, struct err *e);

/** pool_fault() - tell of a fault in the evidence, in one line. */
void pool_fault(struct workers *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** chunks_source() - the EWF media over the pool and its cache; see chunks.c. */
int chunks_source(struct workers *w, uint64_t media_size, uint32_t chunk_size, struct source **out,
	struct err *e);

#endif
