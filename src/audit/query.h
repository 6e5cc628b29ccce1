/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query.h - query.db: the access log, so that it can be asked
 *
 * Follows one log (docs/FORMAT.query.md). It knows numbers only, as the log does;
 * names, and who may see what, are for who asks. All that is in it comes from the
 * log: one that is damaged, or of another log, is removed and built again.
 * Safe from several threads, and from several processes.
 */
#ifndef EVIDENCEFS_AUDIT_QUERY_H
#define EVIDENCEFS_AUDIT_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/audit.h"
#include "audit/ranges.h"
#include "base/err.h"

struct query;

/**
 * query_open() - open, making it if missing
 * @path: of the database; NULL: in memory, gone with query_close()
 * @log:  folder of the log's segments
 * Nothing is added yet.
 */
int query_open(const char *path, const char *log, struct query **out, struct err *e);
/** query_close() - nobody is in any of these functions any more. NULL allowed. */
void query_close(struct query *q);
/** query_dropped() - why what was there was removed and is built again; "" it was not. Once. */
void query_dropped(struct query *q, char out[static ERR_TEXT_MAX]);
/** query_reindex() - remove all that is in it: query_follow() builds it again. */
int query_reindex(struct query *q, struct err *e);

/** Return: non-zero: give up, which query_follow() returns. */
typedef int query_progress(void *ctx, uint64_t done, uint64_t total);
/**
 * query_follow() - add records up to number @upto, or all that are there; it waits for
 * nobody else for longer than a few records take
 * Errors: -EBADMSG the log is damaged, -EIO, -ENOSPC: what is in it stays; @progress's.
 */
int query_follow(
	struct query *q, uint64_t upto, query_progress *progress, void *ctx, struct err *e);
/**
 * query_follow_some() - a few of them, for a thread in the background
 * Return: 1 there may be more, 0 not; -errno. It stands back while others follow.
 */
int query_follow_some(struct query *q, uint64_t upto, struct err *e);
/** query_seq() - number of the last record that is in it. */
uint64_t query_seq(struct query *q);

struct query_filter {
	bool reads;     /* single READs too */
	uint64_t after; /* records above this number, */
	uint64_t upto;  /* up to this one */
	int64_t since_ns;
	int64_t until_ns; /* before it */
	int64_t uid;      /* -1: any */
	uint64_t types;   /* bits 1 << enum audit_type; 0: any but EPOCH, DEVICE without @reads */
	uint64_t case_id; /* 0: any */
	bool refused;     /* only what is not allowed */
	const uint8_t *evidence; /* AUDIT_EVIDENCE_ID bytes; NULL: any */
	bool traces;             /* accesses to traces first to last of it, and all acts */
	uint64_t first, last;
};

/* What was read through an open. */
struct query_sum {
	uint64_t reads;
	uint64_t bytes;
	struct ranges ranges;
};

/**
 * query_each() - records that fit, in order
 * What a record leaves to its OPEN is filled in. @sum: of an OPEN, else NULL.
 * @each: returns non-zero to end; may take its time
 * Return: 0; what @each returned; -errno; -ESTALE it was damaged: query_follow(), ask again.
 */
typedef int query_row(void *ctx, struct audit_event *ev, const struct query_sum *sum);
int query_each(
	struct query *q, const struct query_filter *f, query_row *each, void *ctx, struct err *e);
/** query_count() - how many fit, without single READs. Return: 0; -errno as query_each(). */
int query_count(struct query *q, const struct query_filter *f, uint64_t *out, struct err *e);

#endif
