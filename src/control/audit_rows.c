/* SPDX-License-Identifier: Apache-2.0 */
/* audit_rows.c - records of the access log as rows; see audit_rows.h. */
#include "control/audit_rows.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/siphash.h"
#include "control/row.h"
#include "serve/evidence.h"

#define NSS_BYTES  4096
#define USERS_KEPT 64

/* Whose name was asked for lately. */
struct user {
	bool known;
	uint32_t uid;
	char name[64]; /* or the number */
};

struct rows {
	const struct audit_source *source;
	const struct audit_filter *filter;
	struct evidence_cursor cursor; /* in cursor.ev, kept from row to row */
	struct buf path;
	struct buf row;
	char exe[AUDIT_EXE_MAX + 1];         /* the last one, */
	const char *label;                   /* and its label */
	bool begun;                          /* a row was handed on */
	uint8_t evidence[AUDIT_EVIDENCE_ID]; /* of the path in the filter */
	struct user users[USERS_KEPT];       /* by uid modulo */
	struct siphash_key tokens;           /* of this answer */
	struct audit_untold untold;
};

/* One row as it is made. */
struct shown {
	const struct audit_event *ev;
	struct audit_about about;
	const char *user;
	const char *label;            /* NULL: none */
	const struct query_sum *sums; /* an open whose reads are summed up; NULL: not */
};

/* A name and a number of NSS, safe from several threads. */
static int find_user(const char *name, uid_t *uid)
{
	struct passwd p;
	struct passwd *found = NULL;
	char memory[NSS_BYTES];

	if (getpwnam_r(name, &p, memory, sizeof(memory), &found) || !found)
		return -ENOENT;
	*uid = found->pw_uid;
	return 0;
}

int audit_filter_user(struct audit_filter *f, const char *who)
{
	char *end = NULL;
	unsigned long number = strtoul(who, &end, 10);
	uid_t uid = 0;

	if (find_user(who, &uid) == 0)
		f->uid = uid;
	else if (who[0] >= '0' && who[0] <= '9' && *end == '\0' && number < UINT32_MAX)
		f->uid = (int64_t)number;
	else
		return -ENOENT;
	return 0;
}

int audit_filter_types(struct audit_filter *f, const char *list)
{
	f->types = 0;
	while (*list) {
		size_t n = strcspn(list, ",");
		bool found = false;

		for (unsigned t = 1; t <= AUDIT_TYPE_MAX; t++) {
			const char *name = audit_type_name((enum audit_type)t);

			if (strlen(name) == n && !strncmp(list, name, n)) {
				f->types |= UINT64_C(1) << t;
				found = true;
			}
		}
		if (!found)
			return -EINVAL;
		list += n + (list[n] == ',');
	}
	return f->types ? 0 : -EINVAL;
}

/* ---- names ------------------------------------------------------------------------ */

/* Evidence, trace and path as people write it: what an index knows of a record. */
static void find_path(struct rows *r, const struct audit_event *ev, const struct audit_about *a)
{
	size_t begun = 0;

	buf_reset(&r->path);
	if (a->known_path) {
		buf_puts(&r->path, a->path ? a->path : "");
		return;
	}
	if (!a->evidence || !a->ev)
		return;
	if (r->cursor.ev != a->ev) {
		evidence_cursor_release(&r->cursor);
		evidence_cursor_init(&r->cursor, a->ev);
	}
	buf_puts(&r->path, a->evidence);
	buf_puts(&r->path, "/");
	begun = r->path.len;
	if (evidence_path(&r->cursor, ev->trace, &r->path))
		buf_reset(&r->path); /* a trace that the index does not have */
	else if (r->path.len == begun)
		r->path.len--;
}

/* In place of the path. */
static void blind_path(struct rows *r, const struct audit_about *a)
{
	buf_reset(&r->path);
	if (a->evidence)
		buf_printf(&r->path, "%s/", a->evidence);
	buf_printf(&r->path, "withheld-%016" PRIx64,
		siphash(&r->tokens, a->subject, sizeof(a->subject)));
}

/* ---- rows --------------------------------------------------------------------------- */

static const char *wanted_path(const struct audit_filter *f)
{
	size_t n = f->mountpoint ? strlen(f->mountpoint) : 0;
	const char *p = f->path;

	if (n > 0 && !strncmp(p, f->mountpoint, n) && (p[n] == '/' || p[n] == '\0'))
		p += n;
	while (*p == '/')
		p++;
	return p;
}

static bool below_path(const struct audit_filter *f, const struct buf *path)
{
	const char *want = NULL;
	size_t n = 0;

	if (!f->path)
		return true;
	want = wanted_path(f);
	n = strlen(want);
	while (n > 0 && want[n - 1] == '/')
		n--;
	if (n == 0)
		return path->len > 0;
	return path->len >= n && !memcmp(path->data, want, n) &&
	       (path->len == n || path->data[n] == '/');
}

/* ---- what a row has ------------------------------------------------------------------ */

/* Which bytes were read: "0-4095", where none but these were. */
static void put_ranges(struct buf *row, const struct query_sum *sum)
{
	if (!sum || sum->ranges.coarse) {
		row_null(row, "ranges");
		return;
	}
	row_list(row, "ranges", sum->ranges.n);
	for (unsigned i = 0; i < sum->ranges.n; i++) {
		char text[48];
		int n = snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu64, sum->ranges.v[i].from,
			sum->ranges.v[i].to - 1);

		row_item(row, text, (size_t)n);
	}
}

static void put_full(struct buf *row, const struct audit_event *ev, bool blind)
{
	row_u64(row, "gid", ev->gid);
	row_u64_if(row, "process_start", ev->process_start != 0, ev->process_start);
	row_u64_if(row, "open", ev->open_seq != 0, ev->open_seq);
	row_u64_if(row, "object", ev->object != 0 && !blind, ev->object);
	row_u64_if(row, "policy", ev->policy != 0, ev->policy);
}

static void put_row(const struct rows *r, const struct shown *s, struct buf *row)
{
	const struct audit_event *ev = s->ev;
	bool blind = s->about.withheld;
	bool read = ev->type == AUDIT_READ && !blind;
	bool sums = s->sums && !blind;
	bool path = r->path.len > 0;
	/* nobody asked for these: the log writes them itself */
	bool own = ev->type == AUDIT_EPOCH || ev->type == AUDIT_DISCONTINUITY ||
		   ev->type == AUDIT_DEVICE || (ev->type == AUDIT_ENDORSEMENT && ev->pid == 0);

	row_u64(row, "seq", ev->seq);
	row_time(row, "time", ev->time_ns);
	row_str(row, "type", audit_type_name(ev->type));
	row_str(row, "user", own ? NULL : s->user);
	row_u64_if(row, "uid", !own, ev->uid);
	row_u64_if(row, "loginuid", ev->loginuid != AUDIT_NO_LOGINUID, ev->loginuid);
	row_u64_if(row, "pid", ev->pid != 0, ev->pid);
	row_str(row, "exe", ev->exe[0] ? ev->exe : NULL);
	row_str(row, "case", s->about.case_name);
	row_str(row, "evidence", s->about.evidence);
	row_bytes(row, "path", path ? r->path.data : NULL, r->path.len);
	row_u64_if(row, "trace", s->about.evidence && !s->about.known_path && !blind, ev->trace);
	row_u64_if(row, "offset", read, ev->offset);
	row_u64_if(row, "length", read, ev->length);
	/* how much was delivered would tell of its size */
	row_i64_if(row, "result", !blind || ev->result < 0, ev->result);
	row_str(row, "decision", own ? NULL : audit_decision_name(ev->decision));
	row_u64_if(row, "grant", s->about.grant != 0 && !blind, s->about.grant);
	row_u64_if(row, "reads", sums, sums ? s->sums->reads : 0);
	row_u64_if(row, "bytes", sums, sums ? s->sums->bytes : 0);
	put_ranges(row, sums ? s->sums : NULL);
	row_str(row, "label", s->label);
	if (r->filter->full)
		put_full(row, ev, blind);
}

/* The label of an executable; the same one comes many times in a row. */
static const char *find_label(struct rows *r, const char *exe)
{
	if (strcmp(r->exe, exe) != 0) {
		snprintf(r->exe, sizeof(r->exe), "%s", exe);
		r->label = label_of(&r->filter->labels, exe);
	}
	return r->label;
}

static const char *user_name(struct rows *r, uint32_t uid)
{
	struct user *u = &r->users[uid % USERS_KEPT];
	struct passwd p;
	struct passwd *found = NULL;
	char memory[NSS_BYTES];

	if (u->known && u->uid == uid)
		return u->name;
	*u = (struct user){.known = true, .uid = uid};
	if (getpwuid_r(uid, &p, memory, sizeof(memory), &found) == 0 && found)
		snprintf(u->name, sizeof(u->name), "%s", found->pw_name);
	else
		snprintf(u->name, sizeof(u->name), "%u", uid);
	return u->name;
}

static int show(void *ctx, struct audit_event *ev, const struct query_sum *sum)
{
	struct rows *r = ctx;
	struct shown s = {.ev = ev};

	s.label = find_label(r, ev->exe);
	if (r->filter->no_label && s.label)
		return 0;
	r->source->about(r->source->about_ctx, ev, &s.about);
	r->untold.left_out += s.about.left_out;
	if (s.about.skip || s.about.left_out)
		return 0;
	find_path(r, ev, &s.about);
	if (r->source->sees && !r->source->sees(r->source->about_ctx, ev, &r->path))
		return 0;
	if (s.about.withheld)
		blind_path(r, &s.about);
	if (!below_path(r->filter, &r->path))
		return 0;
	r->untold.blinded += s.about.withheld;
	s.user = user_name(r, ev->uid);
	s.sums = r->filter->reads ? NULL : sum;
	r->begun = true;
	buf_reset(&r->row);
	put_row(r, &s, &r->row);
	return r->row.error ? r->row.error : r->source->each(r->source->ctx, ev, &r->row);
}

/* ---- the question ------------------------------------------------------------------------ */

/* The trace that PATH names, component by component. Its names are not good any more. */
static int find_trace(struct evidence *ev, const char *path, struct trace *t)
{
	struct evidence_cursor c;
	int rc = 0;

	evidence_cursor_init(&c, ev);
	rc = evidence_get(&c, trace_id(0, TRACE_EVIDENCE_DIR), t);
	while (rc == 0 && *path) {
		size_t n = strcspn(path, "/");

		rc = n > 0 ? evidence_lookup(&c, t->id, path, n, t) : 0;
		path += n + (path[n] == '/');
	}
	evidence_cursor_release(&c);
	return rc;
}

/* What is below PATH: accesses by the numbers of traces, and acts, which are few. Only to look
 * at less: each row is compared by its path all the same. */
static void narrow(struct rows *r, struct query_filter *q)
{
	const char *path = r->filter->path ? wanted_path(r->filter) : "";
	size_t n = strcspn(path, "/");
	struct evidence *ev = NULL;
	struct trace t;

	if (n == 0 || !r->source->evidence ||
		!r->source->evidence(r->source->about_ctx, path, n, &ev, r->evidence))
		return;
	q->evidence = r->evidence;
	q->traces = true;
	q->first = 1;
	q->last = 0; /* none */
	if (ev && find_trace(ev, path + n, &t) == 0) {
		q->first = t.id;
		q->last = t.id == trace_id(0, TRACE_EVIDENCE_DIR) ? INT64_MAX : t.last;
	}
}

static int count_left_out(void *ctx, struct audit_event *ev, const struct query_sum *sum)
{
	struct rows *r = ctx;
	struct audit_about a = {.skip = false};

	(void)sum;
	r->source->about(r->source->about_ctx, ev, &a);
	r->untold.left_out += a.left_out;
	return 0;
}

/* What is left out is told whatever its path: the number must not tell whether there is one. */
static int ask(struct rows *r, struct query_filter *q, struct err *e)
{
	struct query_filter hidden = *q;
	int rc = query_each(r->source->query, q, show, r, e);

	if (rc || !q->traces)
		return rc;
	hidden.traces = false;
	hidden.evidence = NULL;
	hidden.refused = true;
	r->untold.left_out = 0;
	return query_each(r->source->query, &hidden, count_left_out, r, e);
}

int audit_rows(const struct audit_source *s, const struct audit_filter *f,
	struct audit_untold *untold, struct err *e)
{
	struct rows rows = {.source = s, .filter = f};
	struct query_filter q = {.reads = f->reads,
		.after = f->after,
		.upto = f->upto ? f->upto : query_seq(s->query),
		.since_ns = f->since_ns,
		.until_ns = f->until_ns,
		.uid = f->uid,
		.types = f->types,
		.case_id = f->case_id};
	int r = 0;

	evidence_cursor_init(&rows.cursor, NULL);
	if (getrandom(&rows.tokens, sizeof(rows.tokens), 0) != (ssize_t)sizeof(rows.tokens))
		r = err_set(e, EIO, "no random bytes");
	if (r == 0)
		narrow(&rows, &q);
	if (r == 0)
		r = ask(&rows, &q, e);
	if (r == -ESTALE && !rows.begun && query_follow(s->query, q.upto, NULL, NULL, e) == 0)
		r = ask(&rows, &q, e); /* it was damaged, and is built again */
	evidence_cursor_release(&rows.cursor);
	buf_release(&rows.path);
	buf_release(&rows.row);
	if (untold)
		*untold = (struct audit_untold){untold->left_out + rows.untold.left_out,
			untold->blinded + rows.untold.blinded};
	return r;
}
