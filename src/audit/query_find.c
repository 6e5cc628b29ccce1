/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_find.c - records out of query.db, and READs out of the log; see query.h
 *
 * Rows are taken a page at a time, and no transaction is open while they are handed
 * on: a reader who is slow holds nothing. Single READs are not in the database: it
 * says between which records the reads of an open lie, and those are read there.
 */
#include "audit/query_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "audit/reader_private.h"

#define PAGE  1024 /* rows */
#define OPENS 1024 /* slots */
/* what has no row in the index by_act: accesses, of which there are many */
#define ACCESSES    (1u << 3 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8)
#define NO_ACCESSES "(r.type >= 9 OR r.type <= 2)"

#define PICKS_MAX (UINT64_C(1) << 22)

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

#define ROW                                                                                        \
	"SELECT r.seq, r.time, r.type, r.decision, r.uid, r.gid, r.loginuid, r.pid, r.start,"      \
	" p.path, v.digest, r.trace, r.case_id, r.object, r.grant_id, r.policy, r.open_seq,"       \
	" r.offset, r.length, r.result, s.reads, s.bytes, s.ranges FROM records r "
#define JOINS                                                                                      \
	" LEFT JOIN programs p ON p.id=r.program LEFT JOIN evidence v ON v.id=r.evidence"          \
	" LEFT JOIN sums s ON s.seq=r.seq "

/* What the database says is wrong with itself is -ESTALE, and is mended by the next who follows. */
static int of_db(struct find *x, int r)
{
	if (r != -EBADMSG)
		return r;
	atomic_store(&x->q->sick, true);
	return -ESTALE;
}

/* ---- what fits, as SQL ------------------------------------------------------------------ */

static bool acts_only(uint64_t types)
{
	return types && (types & ACCESSES) == 0;
}

/* The one index that leaves least to be looked at. */
static const char *index_for(const struct query_filter *f)
{
	if (f->uid >= 0)
		return "INDEXED BY by_user";
	if (f->refused)
		return "INDEXED BY by_refusal";
	if (acts_only(f->types))
		return "INDEXED BY by_act";
	return f->case_id ? "INDEXED BY by_case" : "NOT INDEXED";
}

static void put_types(struct buf *sql, const struct query_filter *f)
{
	const char *comma = "";

	if (!f->types && !f->reads)
		buf_printf(sql, " AND r.type NOT IN (%d,%d)", (int)AUDIT_EPOCH, (int)AUDIT_DEVICE);
	if (!f->types)
		return;
	buf_puts(sql, " AND r.type IN (");
	for (unsigned t = 1; t <= AUDIT_TYPE_MAX; t++) {
		if (f->types & UINT64_C(1) << t) {
			buf_printf(sql, "%s%u", comma, t);
			comma = ",";
		}
	}
	buf_puts(sql, ")");
	if (acts_only(f->types))
		buf_puts(sql, " AND " NO_ACCESSES);
}

/* Whose, and about what; of the OPEN where single READs are asked for. */
static void put_subject(struct buf *sql, const struct query_filter *f)
{
	if (f->uid >= 0)
		buf_printf(sql, " AND r.uid=%" PRId64, f->uid);
	if (f->case_id)
		buf_printf(sql, " AND r.case_id=%" PRId64, (int64_t)f->case_id);
	if (f->traces && f->evidence)
		buf_printf(sql,
			" AND (r.type >= %d OR (r.trace BETWEEN %" PRId64 " AND %" PRId64
			" AND r.evidence=(SELECT id FROM evidence WHERE digest=?3)))",
			(int)AUDIT_GRANT, (int64_t)f->first, (int64_t)f->last);
	else if (f->evidence)
		buf_puts(sql, " AND r.evidence=(SELECT id FROM evidence WHERE digest=?3)");
}

static void put_where(struct buf *sql, const struct query_filter *f)
{
	buf_puts(sql, " WHERE r.seq > ?1 AND r.seq <= ?2");
	put_subject(sql, f);
	put_types(sql, f);
	if (f->refused)
		buf_puts(sql, " AND r.decision <> 1");
	if (f->since_ns != INT64_MIN)
		buf_printf(sql, " AND r.time >= %" PRId64, f->since_ns);
	if (f->until_ns != INT64_MAX)
		buf_printf(sql, " AND r.time < %" PRId64, f->until_ns);
}

static int prepare(struct db *d, struct buf *sql, struct db_stmt **out, struct err *e)
{
	int r = sql->error ? err_errno(e, ENOMEM, "query.db")
			   : db_prepare(d, buf_cstr(sql), out, e);

	buf_release(sql);
	return r;
}

static void bind(struct db_stmt *s, const struct query_filter *f, uint64_t after, uint64_t upto)
{
	db_bind_int(s, 1, (int64_t)after);
	db_bind_int(s, 2, (int64_t)upto);
	if (f->evidence)
		db_bind_blob(s, 3, f->evidence, AUDIT_EVIDENCE_ID);
}

/* ---- times as numbers -------------------------------------------------------------------- */

/* Times never fall: a number behind all rows before @ns, and before all that are not. */
static int seq_at(struct db_stmt *s, int64_t ns, uint64_t lo, uint64_t hi, uint64_t *out,
	uint64_t *next, struct err *e)
{
	int r = 0;

	*next = hi;
	while (r == 0 && lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		db_bind_int(s, 1, (int64_t)mid);
		r = db_step(s, e);
		if (r == 1 && db_int(s, 1) < ns) {
			lo = (uint64_t)db_int(s, 0) + 1;
		} else if (r >= 0) {
			*next = r == 1 ? (uint64_t)db_int(s, 0) : *next;
			hi = mid;
		}
		r = r < 0 ? r : 0;
		db_stmt_reset(s);
	}
	*out = lo;
	return r;
}

/* Between which numbers the answer lies. READs are no rows: some may stand before the next. */
static int bounds(struct find *x, struct query_filter *f, struct err *e)
{
	struct db_stmt *s = NULL;
	uint64_t at = 0;
	uint64_t next = 0;
	int r = db_prepare(
		x->db, "SELECT seq, time FROM records WHERE seq>=?1 ORDER BY seq LIMIT 1", &s, e);

	if (f->upto > query_seq(x->q))
		f->upto = query_seq(x->q);
	if (r == 0 && f->since_ns != INT64_MIN) {
		r = seq_at(s, f->since_ns, f->after + 1, f->upto + 1, &at, &next, e);
		f->after = r == 0 && at > 0 ? at - 1 : f->after;
	}
	if (r == 0 && f->until_ns != INT64_MAX) {
		r = seq_at(s, f->until_ns, f->after + 1, f->upto + 1, &at, &next, e);
		f->upto = r == 0 && next <= f->upto ? next : f->upto;
	}
	db_stmt_free(s);
	return r;
}

/* ---- rows ------------------------------------------------------------------------------- */

static int take_sum(struct db_stmt *s, struct found *out, struct err *e)
{
	size_t n = 0;
	const void *ranges = db_blob(s, 22, &n);

	out->summed = out->ev.type == AUDIT_OPEN;
	out->sum = (struct query_sum){.reads = (uint64_t)db_int(s, 20)};
	if (!out->sum.reads)
		return 0;
	out->sum.bytes = (uint64_t)db_int(s, 21);
	if (ranges_decode(ranges, n, &out->sum.ranges))
		return err_set(e, EBADMSG, "query.db: ranges of open %" PRIu64, out->ev.seq);
	return 0;
}

static int take_row(struct db_stmt *s, struct found *out, struct err *e)
{
	struct audit_event *ev = &out->ev;
	size_t exe_n = 0;
	size_t digest_n = 0;
	const void *exe = db_blob(s, 9, &exe_n);
	const void *digest = db_blob(s, 10, &digest_n);
	int64_t type = db_int(s, 2);
	int64_t decision = db_int(s, 3);

	if (type < 1 || type > AUDIT_TYPE_MAX || decision < AUDIT_ALLOWED ||
		decision > AUDIT_DENIED || exe_n > AUDIT_EXE_MAX ||
		(digest_n && digest_n != AUDIT_EVIDENCE_ID))
		return err_set(e, EBADMSG, "query.db: record %" PRId64, db_int(s, 0));
	*ev = (struct audit_event){.seq = (uint64_t)db_int(s, 0),
		.time_ns = db_int(s, 1),
		.type = (enum audit_type)type,
		.decision = (enum audit_decision)decision,
		.uid = (uint32_t)db_int(s, 4),
		.gid = (uint32_t)db_int(s, 5),
		.loginuid = db_is_null(s, 6) ? AUDIT_NO_LOGINUID : (uint32_t)db_int(s, 6),
		.pid = (uint32_t)db_int(s, 7),
		.process_start = (uint64_t)db_int(s, 8),
		.trace = (uint64_t)db_int(s, 11),
		.case_id = (uint64_t)db_int(s, 12),
		.object = (uint64_t)db_int(s, 13),
		.grant = (uint64_t)db_int(s, 14),
		.policy = (uint64_t)db_int(s, 15),
		.open_seq = (uint64_t)db_int(s, 16),
		.offset = (uint64_t)db_int(s, 17),
		.length = (uint64_t)db_int(s, 18),
		.result = db_int(s, 19)};
	if (exe_n)
		memcpy(ev->exe, exe, exe_n);
	if (digest_n)
		memcpy(ev->evidence, digest, digest_n);
	return take_sum(s, out, e);
}

/* What fits by subject, as far as an index of its own leads there: numbers, sorted later. */
static int pick(struct find *x, const char *select, struct err *e)
{
	struct buf sql = BUF_INIT;
	struct db_stmt *s = NULL;
	int r = 0;

	buf_puts(&sql, select);
	buf_puts(&sql, " AND r.seq > ?1 AND r.seq <= ?2");
	r = prepare(x->db, &sql, &s, e);
	if (r < 0)
		return r;
	bind(s, x->f, x->f->after, x->f->upto);
	db_bind_int(s, 4, (int64_t)x->f->first);
	db_bind_int(s, 5, (int64_t)x->f->last);
	while ((r = db_step(s, e)) == 1 && x->picks.len < PICKS_MAX * sizeof(uint64_t)) {
		uint64_t seq = (uint64_t)db_int(s, 0);

		buf_put(&x->picks, &seq, sizeof(seq));
	}
	db_stmt_free(s);
	return r < 0 ? r : x->picks.error;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* One trace or folder: by its own index, where that is not half the log. */
static int pick_traces(struct find *x, struct err *e)
{
	int r = pick(x,
		"SELECT r.seq FROM records r INDEXED BY by_trace WHERE r.evidence="
		"(SELECT id FROM evidence WHERE digest=?3) AND r.trace BETWEEN ?4 AND ?5"
		" AND r.type < 10",
		e);

	if (r == 0)
		r = pick(x,
			"SELECT r.seq FROM records r INDEXED BY by_act WHERE r.type >= 9"
			" AND r.type >= 10",
			e);
	if (r < 0)
		return r;
	x->picked = x->picks.len < PICKS_MAX * sizeof(uint64_t);
	if (x->picked && x->picks.len > 0)
		qsort(x->picks.data, x->picks.len / sizeof(uint64_t), sizeof(uint64_t),
			compare_u64);
	return 0;
}

static int prepare_page(struct find *x, struct err *e)
{
	struct buf sql = BUF_INIT;

	buf_puts(&sql, ROW);
	buf_puts(&sql, x->picked ? "NOT INDEXED" : index_for(x->f));
	buf_puts(&sql, JOINS);
	put_where(&sql, x->f);
	buf_printf(&sql, " ORDER BY r.seq LIMIT %d", PAGE);
	return prepare(x->db, &sql, &x->page, e);
}

/* Rows of numbers above `after`, up to @upto. */
static int fill_from(struct find *x, uint64_t after, uint64_t upto, struct err *e)
{
	int r = 0;

	bind(x->page, x->f, after, upto);
	while (x->n < PAGE && (r = db_step(x->page, e)) == 1) {
		r = take_row(x->page, &x->v[x->n], e);
		if (r < 0)
			break;
		x->n++;
	}
	db_stmt_reset(x->page);
	return r < 0 ? r : 0;
}

static int fill_picked(struct find *x, struct err *e)
{
	const uint64_t *picks = (const uint64_t *)(const void *)x->picks.data;
	size_t n = x->picks.len / sizeof(uint64_t);
	int r = 0;

	while (r == 0 && x->n < PAGE && x->pick < n) {
		r = fill_from(x, picks[x->pick] - 1, picks[x->pick], e);
		x->pick++;
	}
	x->end = x->pick == n;
	return r;
}

/* In memory there is one connection for all. */
static void lock(struct find *x)
{
	if (!x->q->path)
		pthread_mutex_lock(&x->q->lock);
}

static void unlock(struct find *x)
{
	if (!x->q->path)
		pthread_mutex_unlock(&x->q->lock);
}

static int fill(struct find *x, struct err *e)
{
	int r = 0;

	x->n = 0;
	x->at = 0;
	lock(x);
	if (x->picked) {
		r = fill_picked(x, e);
	} else {
		r = fill_from(x, x->after, x->f->upto, e);
		x->end = x->n < PAGE;
	}
	unlock(x);
	if (x->n > 0)
		x->after = x->v[x->n - 1].ev.seq;
	return r;
}

/* Return: 1 and the next row stands at v[at]; 0 no more; -errno. */
static int next_row(struct find *x, struct err *e)
{
	int r = 0;

	while (r == 0 && x->at == x->n && !x->end)
		r = of_db(x, fill(x, e));
	return r < 0 ? r : x->at < x->n;
}

/* ---- READs ------------------------------------------------------------------------------- */

static bool wants_reads(const struct query_filter *f)
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

	bind(s, x->f, x->f->after, x->f->upto);
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
	put_subject(&sql, f);
	r = prepare(x->db, &sql, &s, e);
	if (r == 0)
		r = put_spans(x, s, e);
	db_stmt_free(s);
	return r == 0 ? sort_spans(&x->spans) : r;
}

static int prepare_reads(struct find *x, struct err *e)
{
	struct buf sql = BUF_INIT;
	int r = find_spans(x, e);

	buf_puts(&sql, ROW JOINS "WHERE r.seq=?1");
	if (r == 0)
		r = prepare(x->db, &sql, &x->open, e);
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
			r = take_row(x->open, &found, e) < 0 ? -EBADMSG : 1;
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
	lock(x);
	db_bind_int(x->place, 1, (int64_t)seq);
	r = db_step(x->place, e);
	if (r == 1) {
		place = (uint64_t)db_int(x->place, 0);
		offset = (uint64_t)db_int(x->place, 1);
	}
	db_stmt_reset(x->place);
	unlock(x);
	return r < 0 ? of_db(x, r) : audit_reader_seek_at(x->reader, seq, place, offset, e);
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
	lock(x);
	if (query_leaves(ev))
		r = of_db(x, complete(x, ev, e));
	unlock(x);
	return r < 0 ? r : read_fits(x->f, ev);
}

/* Return: 1 and `read` is the next; 0 no more; -errno. */
static int next_read(struct find *x, struct err *e)
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

/* ---- both, in order ------------------------------------------------------------------------ */

static int hand_on(struct find *x, query_row *each, void *ctx, struct err *e)
{
	int row = 0;
	int read = 0;

	for (;;) {
		int r = 0;

		row = next_row(x, e);
		read = row < 0 ? 0 : next_read(x, e);
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
	lock(x);
	if (r == 0)
		r = bounds(x, f, e);
	x->after = f->after;
	x->end = f->after >= f->upto;
	if (r == 0 && f->traces && f->evidence && f->uid < 0 && !x->end)
		r = pick_traces(x, e);
	if (r == 0)
		r = prepare_page(x, e);
	if (r == 0 && wants_reads(f) && !x->end)
		r = prepare_reads(x, e);
	unlock(x);
	return of_db(x, r);
}

static void find_release(struct find *x)
{
	lock(x);
	db_stmt_free(x->page);
	db_stmt_free(x->open);
	db_stmt_free(x->place);
	unlock(x);
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
	x->v = calloc(PAGE, sizeof(*x->v));
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

	buf_printf(&sql, "SELECT count(*) FROM records r %s", index_for(x->f));
	put_where(&sql, x->f);
	r = prepare(x->db, &sql, &x->page, e);
	if (r < 0)
		return r;
	bind(x->page, x->f, x->f->after, x->f->upto);
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
	lock(x);
	if (r == 0)
		r = bounds(x, &own, e);
	if (r == 0)
		r = count(x, out, e);
	unlock(x);
	r = of_db(x, r);
	find_release(x);
	return r;
}
