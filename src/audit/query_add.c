/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_add.c - records into query.db; see query_private.h
 *
 * What is kept in memory from batch to batch is a copy of rows, so that the reads of
 * an open file cost no look-up each. After an error it is not to be trusted: the
 * adder is thrown away, and another one begins where the database stands.
 */
#include "audit/query_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "audit/reader_private.h"
#include "base/crc32c.h"

#define SUMS  8192 /* slots; each by the number of its open */
#define OPENS 4096
#define WORDS 256

struct sum {
	uint64_t seq; /* of the OPEN; 0: free */
	uint64_t first, last;
	bool dirty;
	struct query_sum of;
};

/* A value that stands in many records, by its number. */
struct word {
	int64_t id; /* 0: free */
	size_t n;
	uint8_t p[AUDIT_EXE_MAX];
};

struct words {
	struct db_stmt *find;
	struct db_stmt *add;
	struct word v[WORDS];
};

struct query_adder {
	struct db *db; /* borrowed */
	struct audit_reader *reader;
	uint64_t last;  /* number of the last record that is in, */
	uint64_t seq;   /* and up to where it reaches: hashes stand for several */
	uint64_t place; /* the last one whose place is kept */
	struct db_stmt *state, *set_state, *record, *open, *sum, *set_sum, *set_place, *forget,
		*forget_sums;
	struct words programs, evidence;
	struct sum *sums;
	unsigned *dirty; /* slots */
	unsigned dirty_n;
	struct query_open_info opens[OPENS];
	struct buf ranges;
};

bool query_leaves(const struct audit_event *ev)
{
	return ev->open_seq != 0 && ev->decision != AUDIT_DENIED && ev->type != AUDIT_OPEN;
}

static unsigned slot_of(uint64_t seq, unsigned slots)
{
	return (unsigned)((seq * UINT64_C(0x9e3779b97f4a7c15)) >> 40) % slots;
}

/* ---- values that are kept once ------------------------------------------------------- */

/* Its number; 0: there is none. Return: 0 or -errno. */
static int word_id(struct words *w, const void *p, size_t n, int64_t *out, struct err *e)
{
	struct word *slot = &w->v[crc32c(0, p, n) % WORDS];
	int r = 0;

	*out = slot->id;
	if (slot->id && slot->n == n && !memcmp(slot->p, p, n))
		return 0;
	db_bind_blob(w->add, 1, p, n);
	r = db_run(w->add, e);
	if (r < 0)
		return r;
	db_bind_blob(w->find, 1, p, n);
	r = db_step(w->find, e);
	if (r == 1) {
		*slot = (struct word){.id = db_int(w->find, 0), .n = n};
		memcpy(slot->p, p, n);
		*out = slot->id;
	}
	db_stmt_reset(w->find);
	return r < 0 ? r : r == 1 ? 0 : err_set(e, EBADMSG, "a value is missing");
}

static int words_of(struct query_adder *a, const struct audit_event *ev, int64_t *program,
	int64_t *evidence, struct err *e)
{
	static const uint8_t none[AUDIT_EVIDENCE_ID];
	int r = 0;

	*program = 0;
	*evidence = 0;
	if (ev->exe[0])
		r = word_id(&a->programs, ev->exe, strlen(ev->exe), program, e);
	if (r == 0 && memcmp(ev->evidence, none, sizeof(none)) != 0)
		r = word_id(&a->evidence, ev->evidence, sizeof(ev->evidence), evidence, e);
	return r;
}

/* ---- opens and the sums of their reads ------------------------------------------------ */

static int find_open(
	struct query_adder *a, uint64_t seq, const struct query_open_info **out, struct err *e)
{
	struct query_open_info *o = &a->opens[slot_of(seq, OPENS)];
	struct db_stmt *s = a->open;
	int r = 1;

	if (o->seq != seq) {
		db_bind_int(s, 1, (int64_t)seq);
		r = db_step(s, e);
		if (r == 1)
			*o = (struct query_open_info){.seq = seq,
				.gid = (uint32_t)db_int(s, 0),
				.loginuid = db_is_null(s, 1) ? AUDIT_NO_LOGINUID
							     : (uint32_t)db_int(s, 1),
				.start = (uint64_t)db_int(s, 2),
				.program = db_int(s, 3),
				.evidence = db_int(s, 4),
				.trace = (uint64_t)db_int(s, 5),
				.case_id = (uint64_t)db_int(s, 6),
				.grant = (uint64_t)db_int(s, 7),
				.policy = (uint64_t)db_int(s, 8)};
		db_stmt_reset(s);
	}
	*out = r == 1 ? o : NULL;
	return r < 0 ? r : 0;
}

static int write_sum(struct query_adder *a, struct sum *s, struct err *e)
{
	buf_reset(&a->ranges);
	ranges_encode(&s->of.ranges, &a->ranges);
	if (a->ranges.error)
		return err_errno(e, ENOMEM, "query.db");
	db_bind_int(a->set_sum, 1, (int64_t)s->seq);
	db_bind_int(a->set_sum, 2, (int64_t)s->of.reads);
	db_bind_int(a->set_sum, 3, (int64_t)s->of.bytes);
	db_bind_int(a->set_sum, 4, (int64_t)s->first);
	db_bind_int(a->set_sum, 5, (int64_t)s->last);
	db_bind_blob(a->set_sum, 6, a->ranges.data, a->ranges.len);
	s->dirty = false;
	return db_run(a->set_sum, e);
}

static int load_sum(struct query_adder *a, uint64_t seq, struct sum *s, struct err *e)
{
	const void *ranges = NULL;
	size_t n = 0;
	int r = 0;

	*s = (struct sum){.seq = seq};
	db_bind_int(a->sum, 1, (int64_t)seq);
	r = db_step(a->sum, e);
	if (r == 1) {
		s->of.reads = (uint64_t)db_int(a->sum, 0);
		s->of.bytes = (uint64_t)db_int(a->sum, 1);
		s->first = (uint64_t)db_int(a->sum, 2);
		s->last = (uint64_t)db_int(a->sum, 3);
		ranges = db_blob(a->sum, 4, &n);
		if (ranges_decode(ranges, n, &s->of.ranges))
			r = err_set(e, EBADMSG, "query.db: ranges of open %" PRIu64, seq);
	}
	db_stmt_reset(a->sum);
	return r < 0 ? r : 0;
}

/* A slot that was given away meanwhile stands in the list twice, and is dirty once. */
static int write_sums(struct query_adder *a, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < a->dirty_n; i++) {
		struct sum *s = &a->sums[a->dirty[i]];

		if (s->dirty)
			r = write_sum(a, s, e);
	}
	a->dirty_n = 0;
	return r;
}

static int add_read(struct query_adder *a, const struct audit_event *ev, struct err *e)
{
	unsigned at = slot_of(ev->open_seq, SUMS);
	struct sum *s = &a->sums[at];
	int r = 0;

	if (s->seq != ev->open_seq) {
		r = s->dirty ? write_sum(a, s, e) : 0;
		if (r == 0)
			r = load_sum(a, ev->open_seq, s, e);
		if (r < 0)
			return r;
	}
	if (a->dirty_n == SUMS && (r = write_sums(a, e)) < 0)
		return r;
	if (!s->dirty)
		a->dirty[a->dirty_n++] = at;
	s->dirty = true;
	s->first = s->of.reads ? s->first : ev->seq;
	s->last = ev->seq;
	s->of.reads++;
	s->of.bytes += (uint64_t)ev->result;
	ranges_add(&s->of.ranges, ev->offset, (uint64_t)ev->result);
	return 0;
}

/* ---- one record ----------------------------------------------------------------------- */

static void bind_id(struct db_stmt *s, int pos, int64_t id)
{
	if (id)
		db_bind_int(s, pos, id);
	else
		db_bind_null(s, pos);
}

static int insert(struct query_adder *a, const struct audit_event *ev,
	const struct query_open_info *o, struct err *e)
{
	struct db_stmt *s = a->record;

	db_bind_int(s, 1, (int64_t)ev->seq);
	db_bind_int(s, 2, ev->time_ns);
	db_bind_int(s, 3, (int64_t)ev->type);
	db_bind_int(s, 4, (int64_t)ev->decision);
	db_bind_int(s, 5, ev->uid);
	db_bind_int(s, 6, o->gid);
	db_bind_int(s, 7, o->loginuid);
	if (o->loginuid == AUDIT_NO_LOGINUID)
		db_bind_null(s, 7);
	db_bind_int(s, 8, ev->pid);
	db_bind_int(s, 9, (int64_t)o->start);
	bind_id(s, 10, o->program);
	bind_id(s, 11, o->evidence);
	db_bind_int(s, 12, (int64_t)o->trace);
	db_bind_int(s, 13, (int64_t)o->case_id);
	db_bind_int(s, 14, (int64_t)ev->object);
	db_bind_int(s, 15, (int64_t)o->grant);
	db_bind_int(s, 16, (int64_t)o->policy);
	db_bind_int(s, 17, (int64_t)ev->open_seq);
	db_bind_int(s, 18, (int64_t)ev->offset);
	db_bind_int(s, 19, (int64_t)ev->length);
	db_bind_int(s, 20, ev->result);
	return db_run(s, e);
}

/* What a record says itself, in the form of what it might leave to its OPEN. */
static int own_info(struct query_adder *a, const struct audit_event *ev,
	struct query_open_info *out, struct err *e)
{
	*out = (struct query_open_info){.seq = ev->seq,
		.gid = ev->gid,
		.loginuid = ev->loginuid,
		.start = ev->process_start,
		.trace = ev->trace,
		.case_id = ev->case_id,
		.grant = ev->grant,
		.policy = ev->policy};
	return words_of(a, ev, &out->program, &out->evidence, e);
}

static int add_record(struct query_adder *a, const struct audit_event *ev, struct err *e)
{
	const struct query_open_info *open = NULL;
	struct query_open_info own;
	int r = query_leaves(ev) ? find_open(a, ev->open_seq, &open, e) : 0;

	if (r == 0 && !open)
		r = own_info(a, ev, &own, e);
	if (r == 0)
		r = insert(a, ev, open ? open : &own, e);
	if (r == 0 && ev->type == AUDIT_OPEN)
		a->opens[slot_of(ev->seq, OPENS)] = own;
	return r;
}

static int keep_place(struct query_adder *a, const struct audit_event *ev, struct err *e)
{
	const struct segment *at = &a->reader->at;

	if (a->place && ev->seq - a->place < QUERY_PLACE_EVERY)
		return 0;
	a->place = ev->seq;
	db_bind_int(a->set_place, 1, (int64_t)ev->seq);
	db_bind_int(a->set_place, 2, (int64_t)(at->pos - at->size));
	return db_run(a->set_place, e);
}

/* What the log lets go is let go here too. */
static int forget(struct query_adder *a, uint64_t upto, struct err *e)
{
	int r = 0;

	db_bind_int(a->forget, 1, (int64_t)upto);
	r = db_run(a->forget, e);
	db_bind_int(a->forget_sums, 1, (int64_t)upto);
	return r == 0 ? db_run(a->forget_sums, e) : r;
}

static int add_one(struct query_adder *a, const struct audit_event *ev, struct err *e)
{
	int r = keep_place(a, ev, e);

	if (ev->type == AUDIT_HASHES)
		return r;
	if (r == 0 && ev->type == AUDIT_RETENTION)
		r = forget(a, ev->object, e);
	if (r == 0 && ev->type == AUDIT_READ && ev->decision == AUDIT_ALLOWED && ev->result >= 0)
		return add_read(a, ev, e);
	return r == 0 ? add_record(a, ev, e) : r;
}

/* ---- a batch ---------------------------------------------------------------------------- */

/* Somebody else may have added to it. Return: 0; -EAGAIN that is so; -errno. */
static int check_state(struct query_adder *a, struct err *e)
{
	int r = db_step(a->state, e);

	if (r == 1)
		r = (uint64_t)db_int(a->state, 0) == a->last ? 0 : -EAGAIN;
	else if (r == 0)
		r = -EBADMSG;
	db_stmt_reset(a->state);
	return r;
}

static int write_state(struct query_adder *a, const struct audit_event *last, struct err *e)
{
	db_bind_int(a->set_state, 1, (int64_t)last->seq);
	db_bind_int(a->set_state, 2, last->time_ns);
	db_bind_blob(a->set_state, 3, last->nonce, sizeof(last->nonce));
	return db_run(a->set_state, e);
}

/* What the database says is wrong with itself is -ESTALE: -EBADMSG is for the log. */
static int of_db(int r)
{
	return r == -EBADMSG || r == -EEXIST ? -ESTALE : r;
}

int query_add(struct query_adder *a, uint64_t upto, unsigned max, struct err *e)
{
	struct audit_event ev = {.seq = 0};
	struct audit_event last = {.seq = 0};
	uint64_t reached = a->seq;
	unsigned n = 0;
	int read = 1;
	int r = of_db(db_exec(a->db, "BEGIN IMMEDIATE", e));

	if (r == 0)
		r = of_db(check_state(a, e));
	while (r == 0 && n < max && reached < upto &&
		(read = audit_reader_next(a->reader, &ev, e)) == 1) {
		r = of_db(add_one(a, &ev, e));
		last = ev;
		reached = ev.seq + record_count(&ev) - 1;
		n++;
	}
	if (r == 0 && n > 0)
		r = of_db(write_sums(a, e));
	if (r == 0 && n > 0)
		r = of_db(write_state(a, &last, e));
	if (r == 0)
		r = of_db(db_exec(a->db, "COMMIT", e));
	if (r < 0) {
		db_exec(a->db, "ROLLBACK", NULL);
		return r;
	}
	a->last = n > 0 ? last.seq : a->last;
	a->seq = reached;
	if (n == 0 && read < 0)
		return read;
	err_clear(e); /* of the record behind them, which is met again */
	return (int)n;
}

/* ---- beginning ------------------------------------------------------------------------------ */

static int prepare(struct query_adder *a, struct err *e)
{
	const struct {
		struct db_stmt **s;
		const char *sql;
	} all[] = {{&a->state, "SELECT seq, time, nonce FROM state"},
		{&a->set_state, "UPDATE state SET seq=?1, time=?2, nonce=?3"},
		{&a->record, "INSERT INTO records VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,"
			     "?13,?14,?15,?16,?17,?18,?19,?20)"},
		{&a->open, "SELECT gid, loginuid, start, program, evidence, trace, case_id, "
			   "grant_id, policy FROM records WHERE seq=?1"},
		{&a->sum, "SELECT reads, bytes, first, last, ranges FROM sums WHERE seq=?1"},
		{&a->set_sum, "INSERT OR REPLACE INTO sums VALUES(?1,?2,?3,?4,?5,?6)"},
		{&a->forget, "DELETE FROM records WHERE seq<=?1 AND type BETWEEN 3 AND 9"},
		{&a->forget_sums, "DELETE FROM sums WHERE seq<=?1"},
		{&a->set_place, "INSERT OR REPLACE INTO places VALUES(?1,?2)"},
		{&a->programs.find, "SELECT id FROM programs WHERE path=?1"},
		{&a->programs.add, "INSERT OR IGNORE INTO programs(path) VALUES(?1)"},
		{&a->evidence.find, "SELECT id FROM evidence WHERE digest=?1"},
		{&a->evidence.add, "INSERT OR IGNORE INTO evidence(digest) VALUES(?1)"}};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(all) / sizeof(all[0]); i++)
		r = db_prepare(a->db, all[i].sql, all[i].s, e);
	return r;
}

/* Behind the last record that is in, which must be the same in the log. */
static int take_up(struct query_adder *a, const char *log, struct err *e)
{
	struct audit_event ev = {.seq = 0};
	size_t n = 0;
	const void *nonce = NULL;
	bool same = true;
	int r = db_step(a->state, e);

	if (r == 0)
		r = -EBADMSG;
	if (r == 1) {
		a->last = (uint64_t)db_int(a->state, 0);
		a->seq = a->last;
		a->place = a->last; /* another place follows after as many records again */
		r = audit_reader_open(log, &a->reader, e);
	}
	if (r == 0 && a->last > 0) {
		r = audit_reader_seek(a->reader, a->last, NULL) < 0 ||
				    audit_reader_next(a->reader, &ev, NULL) != 1 ||
				    ev.seq != a->last
			    ? -ESTALE
			    : 0;
		a->seq = r == 0 ? ev.seq + record_count(&ev) - 1 : a->seq;
		nonce = db_blob(a->state, 2, &n);
		same = n == sizeof(ev.nonce) && !memcmp(nonce, ev.nonce, n) &&
		       db_int(a->state, 1) == ev.time_ns;
	}
	db_stmt_reset(a->state);
	if (r == 0 && same)
		return 0;
	if (r == 0 || r == -ESTALE)
		return err_set(e, ESTALE, "its record %" PRIu64 " is not that of the log", a->last);
	return r;
}

int query_adder_new(struct db *d, const char *log, struct query_adder **out, struct err *e)
{
	struct query_adder *a = calloc(1, sizeof(*a));
	int r = 0;

	if (!a)
		return err_errno(e, ENOMEM, "query.db");
	a->db = d;
	a->sums = calloc(SUMS, sizeof(*a->sums));
	a->dirty = calloc(SUMS, sizeof(*a->dirty));
	if (!a->sums || !a->dirty)
		r = err_errno(e, ENOMEM, "query.db");
	if (r == 0)
		r = prepare(a, e);
	if (r == 0)
		r = take_up(a, log, e);
	if (r < 0) {
		query_adder_free(a);
		return r;
	}
	*out = a;
	return 0;
}

void query_adder_free(struct query_adder *a)
{
	if (!a)
		return;
	db_stmt_free(a->state);
	db_stmt_free(a->set_state);
	db_stmt_free(a->record);
	db_stmt_free(a->open);
	db_stmt_free(a->sum);
	db_stmt_free(a->set_sum);
	db_stmt_free(a->set_place);
	db_stmt_free(a->forget);
	db_stmt_free(a->forget_sums);
	db_stmt_free(a->programs.find);
	db_stmt_free(a->programs.add);
	db_stmt_free(a->evidence.find);
	db_stmt_free(a->evidence.add);
	audit_reader_close(a->reader);
	buf_release(&a->ranges);
	free(a->sums);
	free(a->dirty);
	free(a);
}

uint64_t query_adder_seq(const struct query_adder *a)
{
	return a->seq;
}
