/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_rows.c - rows of query.db that fit; see query_find.h
 *
 * They are taken a page at a time, and no transaction is open while they are handed on:
 * a reader who is slow holds nothing.
 */
#include "audit/query_find.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* what has no row in the index by_act: accesses, of which there are many */
#define ACCESSES    (1u << 3 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8)
#define NO_ACCESSES "(r.type >= 9 OR r.type <= 2)"

#define ROW                                                                                        \
	"SELECT r.seq, r.time, r.type, r.decision, r.uid, r.gid, r.loginuid, r.pid, r.start,"      \
	" p.path, v.digest, r.trace, r.case_id, r.object, r.grant_id, r.policy, r.open_seq,"       \
	" r.offset, r.length, r.result, s.reads, s.bytes, s.ranges FROM records r "
#define JOINS                                                                                      \
	" LEFT JOIN programs p ON p.id=r.program LEFT JOIN evidence v ON v.id=r.evidence"          \
	" LEFT JOIN sums s ON s.seq=r.seq "

#define PICKS_MAX (UINT64_C(1) << 22)

/* What the database says is wrong with itself is -ESTALE, and is mended by the next who follows. */
int find_of_db(struct find *x, int r)
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
const char *find_index(const struct query_filter *f)
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
void find_put_subject(struct buf *sql, const struct query_filter *f)
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

void find_put_where(struct buf *sql, const struct query_filter *f)
{
	buf_puts(sql, " WHERE r.seq > ?1 AND r.seq <= ?2");
	find_put_subject(sql, f);
	put_types(sql, f);
	if (f->refused)
		buf_puts(sql, " AND r.decision <> 1");
	if (f->since_ns != INT64_MIN)
		buf_printf(sql, " AND r.time >= %" PRId64, f->since_ns);
	if (f->until_ns != INT64_MAX)
		buf_printf(sql, " AND r.time < %" PRId64, f->until_ns);
}

void find_put_select(struct buf *sql, const char *index)
{
	buf_puts(sql, ROW);
	buf_puts(sql, index);
	buf_puts(sql, JOINS);
}

int find_prepare(struct db *d, struct buf *sql, struct db_stmt **out, struct err *e)
{
	int r = sql->error ? err_errno(e, ENOMEM, "query.db")
			   : db_prepare(d, buf_cstr(sql), out, e);

	buf_release(sql);
	return r;
}

void find_bind(struct db_stmt *s, const struct query_filter *f, uint64_t after, uint64_t upto)
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
int find_bounds(struct find *x, struct query_filter *f, struct err *e)
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

int find_take_row(struct db_stmt *s, struct found *out, struct err *e)
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
	r = find_prepare(x->db, &sql, &s, e);
	if (r < 0)
		return r;
	find_bind(s, x->f, x->f->after, x->f->upto);
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
int find_pick(struct find *x, struct err *e)
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

int find_prepare_page(struct find *x, struct err *e)
{
	struct buf sql = BUF_INIT;

	find_put_select(&sql, x->picked ? "NOT INDEXED" : find_index(x->f));
	find_put_where(&sql, x->f);
	buf_printf(&sql, " ORDER BY r.seq LIMIT %d", FIND_PAGE);
	return find_prepare(x->db, &sql, &x->page, e);
}

/* Rows of numbers above `after`, up to @upto. */
static int fill_from(struct find *x, uint64_t after, uint64_t upto, struct err *e)
{
	int r = 0;

	find_bind(x->page, x->f, after, upto);
	while (x->n < FIND_PAGE && (r = db_step(x->page, e)) == 1) {
		r = find_take_row(x->page, &x->v[x->n], e);
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

	while (r == 0 && x->n < FIND_PAGE && x->pick < n) {
		r = fill_from(x, picks[x->pick] - 1, picks[x->pick], e);
		x->pick++;
	}
	x->end = x->pick == n;
	return r;
}

/* In memory there is one connection for all. */
void find_lock(struct find *x)
{
	if (!x->q->path)
		pthread_mutex_lock(&x->q->lock);
}

void find_unlock(struct find *x)
{
	if (!x->q->path)
		pthread_mutex_unlock(&x->q->lock);
}

static int fill(struct find *x, struct err *e)
{
	int r = 0;

	x->n = 0;
	x->at = 0;
	find_lock(x);
	if (x->picked) {
		r = fill_picked(x, e);
	} else {
		r = fill_from(x, x->after, x->f->upto, e);
		x->end = x->n < FIND_PAGE;
	}
	find_unlock(x);
	if (x->n > 0)
		x->after = x->v[x->n - 1].ev.seq;
	return r;
}

/* Return: 1 and the next row stands at v[at]; 0 no more; -errno. */
int find_next_row(struct find *x, struct err *e)
{
	int r = 0;

	while (r == 0 && x->at == x->n && !x->end)
		r = find_of_db(x, fill(x, e));
	return r < 0 ? r : x->at < x->n;
}
