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

/* What the reads and the close of an open do not repeat. */
struct open_info {
	uint64_t seq;
	uint32_t gid;
	uint32_t loginuid;
	uint64_t process_start;
	uint8_t evidence[AUDIT_EVIDENCE_ID];
	uint64_t trace;
	uint64_t case_id;
	uint64_t grant;
	uint64_t policy;
	const char *exe; /* interned */
	uint64_t reads;
	uint64_t bytes;
};

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
	uint64_t last;           /* the newest record when this began */
	struct open_info *opens; /* sorted by seq, as the log is */
	size_t open_count;
	size_t open_cap;
	char **exes; /* each path once: there are few */
	size_t exe_count;
	struct evidence_cursor cursor; /* in cursor.ev, kept from row to row */
	struct buf path;
	struct user users[USERS_KEPT]; /* by uid modulo */
	struct siphash_key tokens;     /* of this answer */
	struct audit_untold untold;
};

/* One row as it is made. */
struct shown {
	const struct audit_event *ev;
	struct audit_about about;
	const char *user;
	const struct open_info *sums; /* an open whose reads are summed up; NULL: not */
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
				f->types |= 1u << t;
				found = true;
			}
		}
		if (!found)
			return -EINVAL;
		list += n + (list[n] == ',');
	}
	return f->types ? 0 : -EINVAL;
}

/* ---- opens ----------------------------------------------------------------------- */

static const char *intern(struct rows *r, const char *exe)
{
	char **v = NULL;

	for (size_t i = r->exe_count; i-- > 0;) {
		if (!strcmp(r->exes[i], exe))
			return r->exes[i];
	}
	v = reallocarray(r->exes, r->exe_count + 1, sizeof(*v));
	if (!v)
		return NULL;
	r->exes = v;
	v[r->exe_count] = strdup(exe);
	return v[r->exe_count] ? v[r->exe_count++] : NULL;
}

static struct open_info *find_open(const struct rows *r, uint64_t seq)
{
	size_t lo = 0;
	size_t hi = r->open_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->opens[mid].seq == seq)
			return &r->opens[mid];
		if (r->opens[mid].seq < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static int note_open(struct rows *r, const struct audit_event *ev)
{
	struct open_info *o = NULL;

	if (r->open_count == r->open_cap) {
		size_t cap = r->open_cap ? r->open_cap * 2 : 1024;
		struct open_info *v = reallocarray(r->opens, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		r->opens = v;
		r->open_cap = cap;
	}
	o = &r->opens[r->open_count++];
	*o = (struct open_info){.seq = ev->seq,
		.gid = ev->gid,
		.loginuid = ev->loginuid,
		.process_start = ev->process_start,
		.trace = ev->trace,
		.case_id = ev->case_id,
		.grant = ev->grant,
		.policy = ev->policy,
		.exe = intern(r, ev->exe)};
	memcpy(o->evidence, ev->evidence, sizeof(o->evidence));
	return o->exe ? 0 : -ENOMEM;
}

/* What only the open knows, for the records that refer to it. */
static void complete(const struct rows *r, struct audit_event *ev)
{
	const struct open_info *o = ev->open_seq ? find_open(r, ev->open_seq) : NULL;

	if (!o || ev->decision == AUDIT_DENIED)
		return;
	ev->gid = o->gid;
	ev->loginuid = o->loginuid;
	ev->process_start = o->process_start;
	ev->trace = o->trace;
	ev->case_id = o->case_id;
	ev->grant = o->grant;
	ev->policy = o->policy;
	memcpy(ev->evidence, o->evidence, sizeof(ev->evidence));
	snprintf(ev->exe, sizeof(ev->exe), "%s", o->exe);
}

/* First pass: every open, and the sums of its reads. */
static int gather(struct rows *rows, struct err *e)
{
	const char *log = rows->source->log;
	struct audit_reader *reader = NULL;
	struct audit_event ev;
	int r = audit_reader_open(log, &reader, e);

	while (r == 0 && (r = audit_reader_next(reader, &ev, e)) == 1) {
		struct open_info *o = ev.type == AUDIT_READ ? find_open(rows, ev.open_seq) : NULL;

		if (o && ev.result >= 0) {
			o->reads++;
			o->bytes += (uint64_t)ev.result;
		}
		rows->last = ev.seq;
		r = ev.type == AUDIT_OPEN ? note_open(rows, &ev) : 0;
		if (r)
			err_errno(e, -r, "%s", log);
	}
	audit_reader_close(reader);
	return r;
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

static bool fits(const struct audit_filter *f, const struct audit_event *ev)
{
	if (!f->reads && ev->type == AUDIT_READ && ev->result >= 0)
		return false;
	/* one a second, of the log's own: with every record, or when asked for */
	if (!f->types && !f->reads && ev->type == AUDIT_EPOCH)
		return false;
	if (f->types && !(f->types & 1u << ev->type))
		return false;
	if (f->uid >= 0 && ev->uid != f->uid)
		return false;
	return ev->time_ns >= f->since_ns && ev->time_ns < f->until_ns;
}

/* ---- what a row has ------------------------------------------------------------------ */

static void put_row(const struct rows *r, const struct shown *s, struct buf *row)
{
	const struct audit_event *ev = s->ev;
	bool blind = s->about.withheld;
	bool read = ev->type == AUDIT_READ && !blind;
	bool sums = s->sums && !blind;
	bool path = r->path.len > 0;

	row_u64(row, "seq", ev->seq);
	row_time(row, "time", ev->time_ns);
	row_str(row, "type", audit_type_name(ev->type));
	row_str(row, "user", s->user);
	row_u64(row, "uid", ev->uid);
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
	row_str(row, "decision", audit_decision_name(ev->decision));
	row_u64_if(row, "grant", s->about.grant != 0 && !blind, s->about.grant);
	row_u64_if(row, "reads", sums, sums ? s->sums->reads : 0);
	row_u64_if(row, "bytes", sums, sums ? s->sums->bytes : 0);
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

static int show(struct rows *r, struct audit_event *ev, struct buf *row)
{
	struct shown s = {.ev = ev};

	complete(r, ev);
	if (!fits(r->filter, ev))
		return 0;
	r->source->about(r->source->ctx, ev, &s.about);
	r->untold.left_out += s.about.left_out;
	if (s.about.skip || s.about.left_out)
		return 0;
	find_path(r, ev, &s.about);
	if (r->source->sees && !r->source->sees(r->source->ctx, ev, &r->path))
		return 0;
	if (s.about.withheld)
		blind_path(r, &s.about);
	if (!below_path(r->filter, &r->path))
		return 0;
	r->untold.blinded += s.about.withheld;
	s.user = user_name(r, ev->uid);
	if (ev->type == AUDIT_OPEN && !r->filter->reads)
		s.sums = find_open(r, ev->seq);
	buf_reset(row);
	put_row(r, &s, row);
	return row->error ? row->error : r->source->each(r->source->ctx, ev, row);
}

/* Second pass. Records that came after the first are left for the next call. */
static int show_all(struct rows *rows, struct err *e)
{
	struct audit_reader *reader = NULL;
	struct buf row = BUF_INIT;
	struct audit_event ev = {.seq = 0};
	int r = audit_reader_open(rows->source->log, &reader, e);

	while (r == 0 && ev.seq < rows->last && (r = audit_reader_next(reader, &ev, e)) == 1)
		r = show(rows, &ev, &row);
	audit_reader_close(reader);
	buf_release(&row);
	return r;
}

static void release(struct rows *r)
{
	evidence_cursor_release(&r->cursor);
	buf_release(&r->path);
	free(r->opens);
	for (size_t i = 0; i < r->exe_count; i++)
		free(r->exes[i]);
	free(r->exes);
}

int audit_rows(const struct audit_source *s, const struct audit_filter *f,
	struct audit_untold *untold, struct err *e)
{
	struct rows rows = {.source = s, .filter = f};
	int r = 0;

	evidence_cursor_init(&rows.cursor, NULL);
	if (getrandom(&rows.tokens, sizeof(rows.tokens), 0) != (ssize_t)sizeof(rows.tokens))
		r = err_set(e, EIO, "no random bytes");
	if (r == 0)
		r = gather(&rows, e);
	if (r == 0)
		r = show_all(&rows, e);
	release(&rows);
	if (untold)
		*untold = (struct audit_untold){untold->left_out + rows.untold.left_out,
			untold->blinded + rows.untold.blinded};
	return r;
}
