/* SPDX-License-Identifier: Apache-2.0 */
/* audit_rows.c - records of the access log as rows; see audit_rows.h. */
#include "cmd/audit_rows.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "cmd/state_dir.h"
#include "serve/evidence.h"

/* What the reads and the close of an open do not repeat. */
struct open_info {
	uint64_t seq;
	uint32_t gid;
	uint32_t loginuid;
	uint64_t process_start;
	uint8_t evidence[AUDIT_EVIDENCE_ID];
	uint64_t trace;
	const char *exe; /* interned */
	uint64_t reads;
	uint64_t bytes;
};

struct source_of_names {
	struct state_evidence noted;
	struct evidence *ev; /* opened when first asked for; NULL: its indexes are gone */
	bool tried;
};

struct rows {
	const struct audit_filter *filter;
	struct open_info *opens; /* sorted by seq, as the log is */
	size_t open_count;
	size_t open_cap;
	char **exes; /* each path once: there are few */
	size_t exe_count;
	struct source_of_names *names;
	size_t name_count;
	void (*each)(void *ctx, const struct audit_row *row);
	void *ctx;
};

int audit_filter_user(struct audit_filter *f, const char *who)
{
	char *end = NULL;
	const struct passwd *p = getpwnam(who);
	unsigned long uid = strtoul(who, &end, 10);

	if (p)
		f->uid = p->pw_uid;
	else if (who[0] >= '0' && who[0] <= '9' && *end == '\0' && uid < UINT32_MAX)
		f->uid = (int64_t)uid;
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
	memcpy(ev->evidence, o->evidence, sizeof(ev->evidence));
	snprintf(ev->exe, sizeof(ev->exe), "%s", o->exe);
}

/* First pass: every open, and the sums of its reads. */
static int gather(struct rows *rows, const char *log, struct err *e)
{
	struct audit_reader *reader = NULL;
	struct audit_event ev;
	int r = audit_reader_open(log, &reader, e);

	while (r == 0 && (r = audit_reader_next(reader, &ev, e)) == 1) {
		struct open_info *o = ev.type == AUDIT_READ ? find_open(rows, ev.open_seq) : NULL;

		if (o && ev.result >= 0) {
			o->reads++;
			o->bytes += (uint64_t)ev.result;
		}
		r = ev.type == AUDIT_OPEN ? note_open(rows, &ev) : 0;
		if (r)
			err_errno(e, -r, "%s", log);
	}
	audit_reader_close(reader);
	return r;
}

/* ---- names ------------------------------------------------------------------------ */

static struct source_of_names *find_names(const struct rows *r, const uint8_t *id)
{
	for (size_t i = 0; i < r->name_count; i++) {
		if (!memcmp(r->names[i].noted.digest, id, AUDIT_EVIDENCE_ID))
			return &r->names[i];
	}
	return NULL;
}

static struct evidence *names_open(struct source_of_names *s)
{
	const struct evidence_opts o = {.name = s->noted.name};
	struct manifest m;

	if (!s->tried) {
		s->tried = true;
		if (manifest_read(&m, s->noted.dir, NULL) == 0) {
			if (evidence_open(s->noted.dir, &m, NULL, &o, &s->ev, NULL))
				s->ev = NULL;
			manifest_release(&m);
		}
	}
	return s->ev;
}

static void put_path(const struct rows *r, const struct audit_event *ev, struct audit_row *row)
{
	static const uint8_t none[AUDIT_EVIDENCE_ID];
	struct source_of_names *s = NULL;
	struct evidence *evidence = NULL;
	struct evidence_cursor c;
	struct buf below = BUF_INIT;

	if (!memcmp(ev->evidence, none, sizeof(none)))
		return;
	s = find_names(r, ev->evidence);
	if (!s)
		return;
	row->evidence = s->noted.name;
	evidence = names_open(s);
	if (!evidence)
		return;
	evidence_cursor_init(&c, evidence);
	if (evidence_path(&c, ev->trace, &below) == 0) {
		buf_puts(&row->path, s->noted.name);
		if (below.len > 0)
			buf_puts(&row->path, "/");
		buf_put(&row->path, below.data, below.len);
	}
	evidence_cursor_release(&c);
	buf_release(&below);
}

/* ---- rows --------------------------------------------------------------------------- */

static const char *wanted_path(const struct audit_filter *f)
{
	size_t n = strlen(f->mountpoint);
	const char *p = f->path;

	if (!strncmp(p, f->mountpoint, n) && (p[n] == '/' || p[n] == '\0'))
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
	if (f->types && !(f->types & 1u << ev->type))
		return false;
	if (f->uid >= 0 && ev->uid != f->uid)
		return false;
	return ev->time_ns >= f->since_ns && ev->time_ns < f->until_ns;
}

static void show(struct rows *r, struct audit_event *ev)
{
	struct audit_row row = {.ev = ev};
	const struct open_info *o = NULL;
	const struct passwd *p = NULL;
	char number[16];

	complete(r, ev);
	if (!fits(r->filter, ev))
		return;
	put_path(r, ev, &row);
	if (below_path(r->filter, &row.path)) {
		snprintf(number, sizeof(number), "%u", ev->uid);
		p = getpwuid(ev->uid);
		row.user = p ? p->pw_name : number;
		o = ev->type == AUDIT_OPEN && !r->filter->reads ? find_open(r, ev->seq) : NULL;
		row.summed = o != NULL;
		row.reads = o ? o->reads : 0;
		row.bytes = o ? o->bytes : 0;
		r->each(r->ctx, &row);
	}
	buf_release(&row.path);
}

/* Second pass. Records that came after the first are left for the next call. */
static int show_all(struct rows *rows, const char *log, struct err *e)
{
	struct audit_reader *reader = NULL;
	struct audit_event ev;
	int r = audit_reader_open(log, &reader, e);

	while (r == 0 && (r = audit_reader_next(reader, &ev, e)) == 1) {
		show(rows, &ev);
		r = 0;
	}
	audit_reader_close(reader);
	return r;
}

static int load_names(struct rows *rows, const char *dir, struct err *e)
{
	struct state_evidence *v = NULL;
	size_t n = 0;
	int r = state_evidence_list(dir, &v, &n, e);

	if (r)
		return r;
	rows->names = calloc(n + 1, sizeof(*rows->names));
	if (!rows->names) {
		state_evidence_free(v, n);
		return err_errno(e, ENOMEM, "%s", dir);
	}
	for (size_t i = 0; i < n; i++)
		rows->names[i].noted = v[i]; /* its strings move along */
	rows->name_count = n;
	free(v);
	return 0;
}

static void release(struct rows *r)
{
	for (size_t i = 0; i < r->name_count; i++) {
		evidence_close(r->names[i].ev);
		free(r->names[i].noted.dir);
		free(r->names[i].noted.name);
	}
	free(r->names);
	free(r->opens);
	for (size_t i = 0; i < r->exe_count; i++)
		free(r->exes[i]);
	free(r->exes);
}

int audit_rows(const char *dir, const struct audit_filter *f,
	void (*each)(void *ctx, const struct audit_row *row), void *ctx, struct err *e)
{
	struct rows rows = {.filter = f, .each = each, .ctx = ctx};
	char *log = NULL;
	int r = asprintf(&log, "%s/log", dir) < 0 ? err_errno(e, ENOMEM, "%s", dir) : 0;

	if (r == 0)
		r = load_names(&rows, dir, e);
	if (r == 0)
		r = gather(&rows, log, e);
	if (r == 0)
		r = show_all(&rows, log, e);
	release(&rows);
	free(log);
	return r;
}

static void json_or_null(struct json *j, const char *key, bool there, uint64_t v)
{
	if (there)
		json_u64(j, key, v);
	else
		json_null(j, key);
}

void audit_row_json(const struct audit_row *row, struct buf *out)
{
	const struct audit_event *ev = row->ev;
	bool read = ev->type == AUDIT_READ;
	struct json j;

	json_begin(&j, out);
	json_object(&j, NULL);
	json_u64(&j, "seq", ev->seq);
	json_time_ns(&j, "time", ev->time_ns);
	json_str(&j, "type", audit_type_name(ev->type));
	json_str(&j, "user", row->user);
	json_u64(&j, "uid", ev->uid);
	json_or_null(&j, "loginuid", ev->loginuid != AUDIT_NO_LOGINUID, ev->loginuid);
	json_or_null(&j, "pid", ev->pid != 0, ev->pid);
	json_str(&j, "exe", ev->exe[0] ? ev->exe : NULL);
	json_str(&j, "case", "personal");
	json_str(&j, "evidence", row->evidence);
	json_bytes(&j, "path", row->path.len ? row->path.data : NULL, row->path.len);
	json_or_null(&j, "trace", row->evidence != NULL, ev->trace);
	json_or_null(&j, "offset", read, ev->offset);
	json_or_null(&j, "length", read, ev->length);
	json_i64(&j, "result", ev->result);
	json_str(&j, "decision", audit_decision_name(ev->decision));
	json_null(&j, "grant");
	json_or_null(&j, "reads", row->summed, row->reads);
	json_or_null(&j, "bytes", row->summed, row->bytes);
	json_end(&j);
	json_line(&j);
}
