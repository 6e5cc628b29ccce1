/* SPDX-License-Identifier: Apache-2.0 */
/* query_private.h - query.c (the file), query_add.c (what goes in), query_find.h (what comes out).
 */
#ifndef EVIDENCEFS_AUDIT_QUERY_PRIVATE_H
#define EVIDENCEFS_AUDIT_QUERY_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "audit/query.h"
#include "base/db.h"

#define QUERY_PLACE_EVERY 16384 /* records */

struct query_adder; /* query_add.c */

struct query {
	char *path; /* NULL: in memory */
	char *log;
	pthread_mutex_t lock; /* over what follows */
	struct db *db;
	struct query_adder *adder;
	char dropped[ERR_TEXT_MAX];
	atomic_uint waiting; /* of query_follow(), for the lock */
	atomic_bool sick;    /* the file was found to be damaged */
	_Atomic uint64_t seq;
};

/* What a record leaves to its OPEN; and where it stands. */
struct query_open_info {
	uint64_t seq;
	uint32_t gid;
	uint32_t loginuid;
	uint64_t start;
	int64_t program;  /* 0: none */
	int64_t evidence; /* 0: none */
	uint64_t trace;
	uint64_t case_id;
	uint64_t grant;
	uint64_t policy;
};
/** query_leaves() - whether @ev leaves them to its OPEN. */
bool query_leaves(const struct audit_event *ev);

/** query_adder_new() - at the place where the database stands. Return: 0; -ESTALE it is not of
 * this log; -EBADMSG it is damaged. */
int query_adder_new(struct db *d, const char *log, struct query_adder **out, struct err *e);
void query_adder_free(struct query_adder *a);
uint64_t query_adder_seq(const struct query_adder *a);
/**
 * query_add() - at most @max more records up to @upto, in one transaction
 * Return: how many; -ESTALE the database is damaged, or somebody else has changed it in a
 * way that does not fit: begin again; -errno.
 */
int query_add(struct query_adder *a, uint64_t upto, unsigned max, struct err *e);

#endif
