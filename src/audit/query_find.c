/* SPDX-License-Identifier: Apache-2.0 */
/* query_find.c - records out of query.db, and READs out of the log; see query.h */
#include "audit/query_find.h"

#include <errno.h>
#include <stdlib.h>

static int hand_on(struct find *x, query_row *each, void *ctx, struct err *e)
{
	int row = 0;
	int read = 0;

	for (;;) {
		int r = 0;

		row = find_next_row(x, e);
		read = row < 0 ? 0 : find_next_read(x, e);
		if (row <= 0 && read <= 0)
			return row < 0 ? row : read;
		if (read < 0)
			return read;
		if (row && (!read || x->v[x->at].ev.seq < x->read.seq)) {
			struct found *f = &x->v[x->at++];

			r = each(ctx, &f->ev, f->summed ? &f->sum : NULL);
		} else {
			x->has_read = false;
			r = each(ctx, &x->read, NULL);
		}
		if (r)
			return r;
	}
}

static int begin(struct find *x, struct query_filter *f, struct err *e)
{
	int r = 0;

	if (x->q->path)
		r = db_open(x->q->path, DB_READ, &x->db, e);
	else
		x->db = x->q->db;
	find_lock(x);
	if (r == 0)
		r = find_bounds(x, f, e);
	x->after = f->after;
	x->end = f->after >= f->upto;
	if (r == 0 && f->traces && f->evidence && f->uid < 0 && !x->end)
		r = find_pick(x, e);
	if (r == 0)
		r = find_prepare_page(x, e);
	if (r == 0 && find_wants_reads(f) && !x->end)
		r = find_prepare_reads(x, e);
	find_unlock(x);
	return find_of_db(x, r);
}

static void find_release(struct find *x)
{
	find_lock(x);
	db_stmt_free(x->page);
	db_stmt_free(x->open);
	db_stmt_free(x->place);
	find_unlock(x);
	if (x->q->path)
		db_close(x->db);
	audit_reader_close(x->reader);
	buf_release(&x->picks);
	buf_release(&x->spans);
	free(x->v);
	free(x);
}

int query_each(
	struct query *q, const struct query_filter *f, query_row *each, void *ctx, struct err *e)
{
	struct find *x = calloc(1, sizeof(*x));
	struct query_filter own = *f;
	int r = 0;

	if (!x)
		return err_errno(e, ENOMEM, "query.db");
	x->q = q;
	x->f = &own;
	x->v = calloc(FIND_PAGE, sizeof(*x->v));
	r = x->v ? begin(x, &own, e) : err_errno(e, ENOMEM, "query.db");
	if (r == 0)
		r = hand_on(x, each, ctx, e);
	find_release(x);
	return r;
}

static int count(struct find *x, uint64_t *out, struct err *e)
{
	struct buf sql = BUF_INIT;
	int r = 0;

	buf_printf(&sql, "SELECT count(*) FROM records r %s", find_index(x->f));
	find_put_where(&sql, x->f);
	r = find_prepare(x->db, &sql, &x->page, e);
	if (r < 0)
		return r;
	find_bind(x->page, x->f, x->f->after, x->f->upto);
	r = db_step(x->page, e);
	if (r == 1)
		*out = (uint64_t)db_int(x->page, 0);
	return r < 0 ? r : 0;
}

int query_count(struct query *q, const struct query_filter *f, uint64_t *out, struct err *e)
{
	struct find *x = calloc(1, sizeof(*x));
	struct query_filter own = *f;
	int r = 0;

	if (!x)
		return err_errno(e, ENOMEM, "query.db");
	x->q = q;
	x->f = &own;
	own.reads = false;
	if (q->path)
		r = db_open(q->path, DB_READ, &x->db, e);
	else
		x->db = q->db;
	find_lock(x);
	if (r == 0)
		r = find_bounds(x, &own, e);
	if (r == 0)
		r = count(x, out, e);
	find_unlock(x);
	r = find_of_db(x, r);
	find_release(x);
	return r;
}
