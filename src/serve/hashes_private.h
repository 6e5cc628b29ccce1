/* SPDX-License-Identifier: Apache-2.0 */
/* hashes_private.h - what hashes.c, hashes_make.c and hashes_traces.c share */
#ifndef EVIDENCEFS_SERVE_HASHES_PRIVATE_H
#define EVIDENCEFS_SERVE_HASHES_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/db.h"
#include "serve/hashes.h"

struct hashes {
	struct evidence *ev;
	bool wanted;
	bool blocks_wanted;
	char *path;
	int lock_fd; /* held while this process makes hashes; -1: not */
	struct db *db;
	struct db_stmt *get;
	struct db_stmt *put;
	struct db_stmt *each;
	struct db_stmt *with;
	struct db_stmt *within;
	struct sweep *sweep;          /* the thread's own, while it reads the image */
	struct blocks_writer *blocks; /* likewise; NULL: no table is made */
	uint64_t since;               /* traces written by this run */
	pthread_mutex_t lock;         /* over db, its statements, status */
	struct hashes_status status;
	pthread_t thread;
	bool started;
	atomic_bool stop;
};

/** hashes_has() - whether a trace needs no hash any more: it has one, or can have none. */
bool hashes_has(struct hashes *h, uint64_t trace);
void hashes_set_state(struct hashes *h, enum hashes_state state, uint64_t done, uint64_t total);
/** hashes_exec() - @sql on the table of hashes. */
int hashes_exec(struct hashes *h, const char *sql);
/**
 * hashes_put() - the hash of a trace; NULL: it cannot be read
 * Within a transaction, which ends here every so often. @bytes: further in HASHES_TRACES.
 */
int hashes_put(struct hashes *h, uint64_t id, const uint8_t *sha256, uint64_t bytes);
/** hashes_traces() - every trace that has none yet, as far as h->stop lets it. */
int hashes_traces(struct hashes *h);
/** hashes_make() - the thread: @arg is the struct hashes. Return: NULL. */
void *hashes_make(void *arg);

#endif
