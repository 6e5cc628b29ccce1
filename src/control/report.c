/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - accesses summed up by user and by trace; see report.h. */
#include "control/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "control/row.h"

#define USERS_SHOWN 6 /* names beside a trace */

struct entry {
	char *key; /* a user's name, a path */
	size_t key_n;
	uint32_t uid;
	uint64_t opens, lists, reads, bytes, refused;
	uint64_t label_opens; /* of these, by programs with a label */
	int64_t first_ns, last_ns;
	uint32_t users[USERS_SHOWN]; /* uids; of a trace */
	unsigned users_n;
	bool more_users;
};

/* Entries by their keys: a table of places in them, twice as many at least. */
struct sums {
	struct entry *v;
	size_t n, cap;
	uint32_t *slots; /* place + 1; 0: free */
	size_t slots_n;
};

struct refusal {
	struct buf row;
};

struct report {
	struct sums users;
	struct sums traces;
	struct refusal refused[REPORT_REFUSED_MAX]; /* a ring */
	uint64_t refused_n;
	uint64_t rows;
	int64_t first_ns, last_ns;
	struct row row; /* the one in hand */
};

int report_new(struct report **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

static void sums_release(struct sums *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i].key);
	free(s->v);
	free(s->slots);
}

void report_free(struct report *r)
{
	if (!r)
		return;
	sums_release(&r->users);
	sums_release(&r->traces);
	for (size_t i = 0; i < REPORT_REFUSED_MAX; i++)
		buf_release(&r->refused[i].row);
	free(r);
}

/* ---- by key -------------------------------------------------------------------------- */

static size_t slot_of(const struct sums *s, const void *key, size_t n)
{
	size_t at = crc32c(0, key, n) & (s->slots_n - 1);

	while (s->slots[at]) {
		const struct entry *e = &s->v[s->slots[at] - 1];

		if (e->key_n == n && !memcmp(e->key, key, n))
			break;
		at = (at + 1) & (s->slots_n - 1);
	}
	return at;
}

static int grow(struct sums *s)
{
	size_t cap = s->cap ? s->cap * 2 : 64;
	struct entry *v = reallocarray(s->v, cap, sizeof(*v));
	uint32_t *slots = NULL;

	if (!v)
		return -ENOMEM;
	s->v = v;
	slots = calloc(cap * 4, sizeof(*slots));
	if (!slots || cap > UINT32_MAX / 4) {
		free(slots);
		return -ENOMEM;
	}
	free(s->slots);
	s->slots = slots;
	s->slots_n = cap * 4;
	s->cap = cap;
	for (size_t i = 0; i < s->n; i++)
		s->slots[slot_of(s, v[i].key, v[i].key_n)] = (uint32_t)i + 1;
	return 0;
}

/* The entry of that key, made if it is new; NULL: no memory. */
static struct entry *entry_of(struct sums *s, const void *key, size_t n)
{
	size_t at = 0;
	struct entry *e = NULL;

	if (s->n == s->cap && grow(s))
		return NULL;
	at = slot_of(s, key, n);
	if (s->slots[at])
		return &s->v[s->slots[at] - 1];
	e = &s->v[s->n];
	*e = (struct entry){.key = malloc(n + 1), .key_n = n};
	if (!e->key)
		return NULL;
	memcpy(e->key, key, n);
	e->key[n] = '\0';
	s->n++;
	s->slots[at] = (uint32_t)s->n;
	return e;
}

/* ---- rows ---------------------------------------------------------------------------- */

static uint64_t number(const struct row *r, const char *key)
{
	const struct row_field *f = row_get(r, key);

	return f && f->kind == ROW_U64 ? f->v.u : 0;
}

static void note_user(struct entry *e, uint32_t uid)
{
	for (unsigned i = 0; i < e->users_n; i++) {
		if (e->users[i] == uid)
			return;
	}
	if (e->users_n < USERS_SHOWN)
		e->users[e->users_n++] = uid;
	else
		e->more_users = true;
}

static void count(struct entry *e, const struct audit_event *ev, const struct row *row)
{
	const struct row_field *label = row_get(row, "label");

	if (!e->first_ns)
		e->first_ns = ev->time_ns;
	e->last_ns = ev->time_ns;
	e->uid = ev->uid;
	if (ev->decision != AUDIT_ALLOWED) {
		e->refused++;
		return;
	}
	e->opens += ev->type == AUDIT_OPEN;
	e->label_opens += ev->type == AUDIT_OPEN && label && label->kind == ROW_BYTES;
	e->lists += ev->type == AUDIT_LIST;
	e->reads += number(row, "reads");
	e->bytes += number(row, "bytes");
}

static int keep_refused(struct report *r, const struct buf *row)
{
	struct buf *to = &r->refused[r->refused_n++ % REPORT_REFUSED_MAX].row;

	buf_reset(to);
	buf_put(to, row->data, row->len);
	return to->error;
}

static bool is_access(enum audit_type t)
{
	return (t >= AUDIT_OPEN && t <= AUDIT_LOOKUP) && t != AUDIT_CLOSE;
}

int report_row(void *ctx, const struct audit_event *ev, struct buf *row)
{
	struct report *r = ctx;
	const struct row_field *f = NULL;
	struct entry *e = NULL;

	if (row_parse(cur_of(row->data, row->len), &r->row))
		return -EBADMSG;
	if (!r->first_ns)
		r->first_ns = ev->time_ns;
	r->last_ns = ev->time_ns;
	r->rows++;
	if (ev->decision == AUDIT_DENIED && keep_refused(r, row))
		return -ENOMEM;
	if (!is_access(ev->type))
		return 0;
	f = row_get(&r->row, "user");
	if (f && f->kind == ROW_BYTES) {
		e = entry_of(&r->users, f->v.bytes.p, cur_left(&f->v.bytes));
		if (!e)
			return -ENOMEM;
		count(e, ev, &r->row);
	}
	f = row_get(&r->row, "path");
	if (f && f->kind == ROW_BYTES) {
		e = entry_of(&r->traces, f->v.bytes.p, cur_left(&f->v.bytes));
		if (!e)
			return -ENOMEM;
		count(e, ev, &r->row);
		note_user(e, ev->uid);
	}
	return 0;
}

/* ---- what comes out ------------------------------------------------------------------- */

static const char *name_of(const struct report *r, uint32_t uid)
{
	for (size_t i = 0; i < r->users.n; i++) {
		if (r->users.v[i].uid == uid)
			return r->users.v[i].key;
	}
	return "?";
}

static void put_entry(struct buf *row, const char *key, const struct entry *e)
{
	row_bytes(row, key, e->key, e->key_n);
	row_u64(row, "opens", e->opens);
	row_u64(row, "by_label", e->label_opens);
	row_u64(row, "lists", e->lists);
	row_u64(row, "reads", e->reads);
	row_u64(row, "bytes", e->bytes);
	row_u64(row, "refused", e->refused);
	row_time(row, "first", e->first_ns);
	row_time(row, "last", e->last_ns);
}

static int most_read(const void *a, const void *b)
{
	const struct entry *x = a;
	const struct entry *y = b;

	if (x->bytes != y->bytes)
		return (x->bytes < y->bytes) - (x->bytes > y->bytes);
	if (x->opens != y->opens)
		return (x->opens < y->opens) - (x->opens > y->opens);
	return strcmp(x->key, y->key);
}

static void put_total(const struct report *r, report_put *put, void *ctx)
{
	struct entry all = {.opens = 0};
	struct buf row = BUF_INIT;

	for (size_t i = 0; i < r->users.n; i++) {
		all.opens += r->users.v[i].opens;
		all.reads += r->users.v[i].reads;
		all.bytes += r->users.v[i].bytes;
	}
	row_u64(&row, "records", r->rows);
	row_u64(&row, "users", r->users.n);
	row_u64(&row, "traces", r->traces.n);
	row_u64(&row, "opens", all.opens);
	row_u64(&row, "reads", all.reads);
	row_u64(&row, "bytes", all.bytes);
	row_u64(&row, "refused", r->refused_n);
	row_time_if(&row, "first", r->first_ns != 0, r->first_ns);
	row_time_if(&row, "last", r->last_ns != 0, r->last_ns);
	put(ctx, "total", &row);
	buf_release(&row);
}

static void put_traces(const struct report *r, report_put *put, void *ctx, struct buf *row)
{
	for (size_t i = 0; i < r->traces.n && i < REPORT_TRACES_MAX; i++) {
		const struct entry *e = &r->traces.v[i];

		buf_reset(row);
		put_entry(row, "path", e);
		row_list(row, "users", e->users_n + e->more_users);
		for (unsigned k = 0; k < e->users_n; k++) {
			const char *name = name_of(r, e->users[k]);

			row_item(row, name, strlen(name));
		}
		if (e->more_users)
			row_item(row, "...", 3);
		put(ctx, "trace", row);
	}
}

int report_sums(struct report *r, report_put *put, void *ctx)
{
	struct buf row = BUF_INIT;
	uint64_t from = r->refused_n > REPORT_REFUSED_MAX ? r->refused_n - REPORT_REFUSED_MAX : 0;
	int failed = 0;

	put_total(r, put, ctx);
	/* places in the tables are wrong from here on: nothing is added any more */
	if (r->users.n > 1)
		qsort(r->users.v, r->users.n, sizeof(struct entry), most_read);
	if (r->traces.n > 1)
		qsort(r->traces.v, r->traces.n, sizeof(struct entry), most_read);
	for (size_t i = 0; i < r->users.n; i++) {
		buf_reset(&row);
		put_entry(&row, "user", &r->users.v[i]);
		row_u64(&row, "uid", r->users.v[i].uid);
		put(ctx, "user", &row);
	}
	put_traces(r, put, ctx, &row);
	for (uint64_t i = from; i < r->refused_n; i++)
		put(ctx, "refused", &r->refused[i % REPORT_REFUSED_MAX].row);
	failed = row.error;
	buf_release(&row);
	return failed;
}
