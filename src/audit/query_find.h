/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_find.h - query_find.c (both, in order), query_rows.c (rows of the database), query_reads.c
 * (READs of the log)
 */
#ifndef EVIDENCEFS_AUDIT_QUERY_FIND_H
#define EVIDENCEFS_AUDIT_QUERY_FIND_H

#include "audit/query_private.h"
#include "audit/reader_private.h"

#define FIND_PAGE 1024 /* rows */
#define OPENS     1024 /* slots */

struct found {
	struct audit_event ev;
	bool summed;
	struct query_sum sum;
};

/* Records from..to: reads of an open lie there. */
struct span {
	uint64_t from;
	uint64_t to;
};

struct find {
	struct query *q;
	const struct query_filter *f;
	struct db *db; /* of its own, or the one in memory */
	struct db_stmt *page;
	struct found *v;
	size_t n, at;
	uint64_t after; /* the last row that was taken */
	bool end;
	bool picked; /* numbers of the rows are in `picks` */
	struct buf picks;
	size_t pick;
	/* READs: */
	struct db_stmt *open, *place;
	struct buf spans; /* struct span */
	size_t span;
	bool reader_at; /* the reader stands within v[span] */
	struct audit_reader *reader;
	struct audit_event read; /* the next, where there is one */
	bool has_read;
	struct audit_event opens[OPENS]; /* by number; what their reads leave to them */
};

/* ---- rows ---- */

/** find_of_db() - what @r says of the database; it is marked as sick where it is damaged. */
int find_of_db(struct find *x, int r);
/** find_lock() - in memory there is one connection for all. */
void find_lock(struct find *x);
void find_unlock(struct find *x);
/** find_index() - "INDEXED BY ..." of the one index that leaves least to be looked at. */
const char *find_index(const struct query_filter *f);
/** find_put_subject() - whose, and about what; of the OPEN where single READs are asked for. */
void find_put_subject(struct buf *sql, const struct query_filter *f);
/** find_put_where() - all that @f says; ?1 and ?2 are the numbers it lies between. */
void find_put_where(struct buf *sql, const struct query_filter *f);
/** find_prepare() - @sql is released. */
int find_prepare(struct db *d, struct buf *sql, struct db_stmt **out, struct err *e);
void find_bind(struct db_stmt *s, const struct query_filter *f, uint64_t after, uint64_t upto);
/** find_bounds() - times of @f as numbers of records. */
int find_bounds(struct find *x, struct query_filter *f, struct err *e);
/** find_put_select() - all of a row, by that index. */
void find_put_select(struct buf *sql, const char *index);
/** find_take_row() - one of find_put_select(). */
int find_take_row(struct db_stmt *s, struct found *out, struct err *e);
/** find_pick() - numbers of the rows about a range of traces, in order. */
int find_pick(struct find *x, struct err *e);
int find_prepare_page(struct find *x, struct err *e);
/** find_next_row() - Return: 1 and it stands at v[at]; 0 no more; -errno. */
int find_next_row(struct find *x, struct err *e);

/* ---- READs ---- */

bool find_wants_reads(const struct query_filter *f);
int find_prepare_reads(struct find *x, struct err *e);
/** find_next_read() - Return: 1 and `read` is it; 0 no more; -errno. */
int find_next_read(struct find *x, struct err *e);

#endif
