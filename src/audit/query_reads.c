/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_reads.c - single READs, out of the log; see query_find.h
 *
 * They are not in query.db: it says between which records the reads of an open lie, and
 * those are read there.
 */
#include "audit/query_find.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool find_wants_reads(const struct query_filter *f)
{
	return f->reads && !f->refused && (!f->types || f->types & 1u << AUDIT_READ);
}

static void put_span(struct buf *spans, uint64_t from, uint64_t to)
{
	struct span s = {from, to};
	struct span *last =
		spans->len > 0 ? (struct span *)(void *)(spans->data + spans->len) - 1 : NULL;

	if (last && from >= last->from && from <= last->to + QUERY_PLACE_EVERY / 2)
		last->to = to > last->to ? to : last->to;
	else
		buf_put(spans, &s, sizeof(s));
}

static int compare_spans(const void *a, const void *b)
{
	const struct span *x = a;
	const struct span *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

static int put_spans(struct find *x, struct db_stmt *s, struct err *e)
{
	int r = 0;

	find_bind(s, x->f, x->f->after, x->f->upto);
	while ((r = db_step(s, e)) == 1) {
		uint64_t from = (uint64_t)db_int(s, 0);
		uint64_t to = (uint64_t)db_int(s, 1);

		put_span(&x->spans, from > x->f->after ? from : x->f->after + 1,
			to < x->f->upto ? to : x->f->upto);
	}
	return r < 0 ? r : x->spans.error;
}

/* In order, and none in another: each record is read once. */
static int sort_spans(struct buf *spans)
{
	struct buf sorted = BUF_INIT;
	struct span *v = (struct span *)(void *)spans->data;
	size_t n = spans->len / sizeof(struct span);

	if (n > 1)
		qsort(v, n, sizeof(*v), compare_spans);
	for (size_t i = 0; i < n; i++)
		put_span(&sorted, v[i].from, v[i].to);
	buf_release(spans);
	*spans = sorted;
	return spans->error;
}

/* Where the reads of those opens lie that fit by subject. */
static int find_spans(struct find *x, struct err *e)
{
	const struct query_filter *f = x->f;
	struct buf sql = BUF_INIT;
	struct db_stmt *s = NULL;
	int r = 0;

	if (f->uid < 0 && !f->case_id && !f->evidence) {
		put_span(&x->spans, f->after + 1, f->upto);
		return x->spans.error;
	}
	buf_printf(&sql,
		"SELECT s.first, s.last FROM records r %s CROSS JOIN sums s ON s.seq=r.seq"
		" WHERE r.type=%d AND s.last > ?1 AND s.first <= ?2",
		f->uid >= 0  ? "INDEXED BY by_user"
		: f->case_id ? "INDEXED BY by_case"
			     : "NOT INDEXED",
		(int)AUDIT_OPEN);
	find_put_subject(&sql, f);
	r = find_prepare(x->db, &sql, &s, e);
	if (r == 0)
		r = put_spans(x, s, e);
	db_stmt_free(s);
	return r == 0 ? sort_spans(&x->spans) : r;
}

int find_prepare_reads(struct find *x, struct err *e)
{
	struct buf sql = BUF_INIT;
	int r = find_spans(x, e);

	find_put_select(&sql, "");
	buf_puts(&sql, "WHERE r.seq=?1");
	if (r == 0)
		r = find_prepare(x->db, &sql, &x->open, e);
	if (r == 0)
		r = db_prepare(x->db,
			"SELECT seq, offset FROM places WHERE seq<=?1 ORDER BY seq DESC LIMIT 1",
			&x->place, e);
	if (r == 0)
		r = audit_reader_open(x->q->log, &x->reader, e);
	buf_release(&sql);
	return r;
}

/* What the read leaves to its OPEN. Return: 1; 0 that is not known; -errno. */
static int complete(struct find *x, struct audit_event *ev, struct err *e)
{
	struct audit_event *o = &x->opens[ev->open_seq % OPENS];
	struct found found;
	int r = 1;

	if (o->seq != ev->open_seq) {
		db_bind_int(x->open, 1, (int64_t)ev->open_seq);
		r = db_step(x->open, e);
		if (r == 1)
			r = find_take_row(x->open, &found, e) < 0 ? -EBADMSG : 1;
		db_stmt_reset(x->open);
		if (r == 1)
			*o = found.ev;
	}
	if (r != 1)
		return r;
	ev->gid = o->gid;
	ev->loginuid = o->loginuid;
	ev->process_start = o->process_start;
	ev->trace = o->trace;
	ev->case_id = o->case_id;
	ev->grant = o->grant;
	ev->policy = o->policy;
	memcpy(ev->evidence, o->evidence, sizeof(ev->evidence));
	memcpy(ev->exe, o->exe, sizeof(ev->exe));
	return 1;
}

static bool read_fits(const struct query_filter *f, const struct audit_event *ev)
{
	if ((f->uid >= 0 && ev->uid != f->uid) || ev->time_ns < f->since_ns ||
		ev->time_ns >= f->until_ns || (f->case_id && ev->case_id != f->case_id))
		return false;
	if (f->evidence && memcmp(ev->evidence, f->evidence, AUDIT_EVIDENCE_ID) != 0)
		return false;
	return !f->traces || !f->evidence || (ev->trace >= f->first && ev->trace <= f->last);
}

/* The reader stands before record @seq. */
static int go_to(struct find *x, uint64_t seq, struct err *e)
{
	uint64_t place = 0;
	uint64_t offset = 0;
	int r = 0;

	if (x->reader->at.fd >= 0 && x->reader->at.seq <= seq &&
		seq - x->reader->at.seq < QUERY_PLACE_EVERY)
		return 0; /* what lies between is read over */
	find_lock(x);
	db_bind_int(x->place, 1, (int64_t)seq);
	r = db_step(x->place, e);
	if (r == 1) {
		place = (uint64_t)db_int(x->place, 0);
		offset = (uint64_t)db_int(x->place, 1);
	}
	db_stmt_reset(x->place);
	find_unlock(x);
	return r < 0 ? find_of_db(x, r) : audit_reader_seek_at(x->reader, seq, place, offset, e);
}

/* One record of the log. Return: 1 it is a read that fits; 0 not; -errno. */
static int judge_read(struct find *x, struct err *e)
{
	struct audit_event *ev = &x->read;
	int r = 1;

	if (ev->type != AUDIT_READ || ev->decision != AUDIT_ALLOWED || ev->result < 0 ||
		ev->seq <= x->f->after)
		return 0;
	if (x->f->uid >= 0 && ev->uid != x->f->uid)
		return 0;
	find_lock(x);
	if (query_leaves(ev))
		r = find_of_db(x, complete(x, ev, e));
	find_unlock(x);
	return r < 0 ? r : read_fits(x->f, ev);
}

/* Return: 1 and `read` is the next; 0 no more; -errno. */
int find_next_read(struct find *x, struct err *e)
{
	const struct span *v = (const struct span *)(const void *)x->spans.data;
	size_t n = x->spans.len / sizeof(struct span);
	int r = 0;

	while (r == 0 && !x->has_read && x->span < n) {
		if (!x->reader_at) {
			r = go_to(x, v[x->span].from, e);
			x->reader_at = true;
		}
		if (r == 0)
			r = audit_reader_next(x->reader, &x->read, e);
		if (r < 0)
			return r;
		if (r == 0 || x->read.seq >= v[x->span].to) {
			x->reader_at = false;
			x->span++;
		}
		if (r == 1 && x->read.seq <= v[x->span - !x->reader_at].to)
			r = judge_read(x, e);
		if (r == 1)
			x->has_read = true;
		r = r < 0 ? r : 0;
	}
	return r < 0 ? r : x->has_read;
}
