/* SPDX-License-Identifier: Apache-2.0 */
/* audit_mount.c - the log of a mount of one's own, read from its files; see audit_mount.h. */
#include "cmd/audit_mount.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/now.h"
#include "base/progress.h"
#include "base/text.h"
#include "cmd/mountpoint.h"
#include "cmd/state_dir.h"
#include "control/audit_rows.h"

/* ---- names ------------------------------------------------------------------------ */

struct source_of_names {
	struct state_evidence noted;
	struct evidence *ev; /* opened when first asked for; NULL: its indexes are gone */
	bool tried;
};

struct audit_mount {
	struct audit_filter filter;
	char *mountpoint;
	char *dir;
	char *log;
	struct query *query;
	void (*row)(void *ctx, const struct row *r);
	void *ctx;
	struct source_of_names *names;
	size_t names_n;
};

static int load_names(struct audit_mount *s, const char *dir, struct err *e)
{
	struct state_evidence *v = NULL;
	size_t n = 0;
	int r = state_evidence_list(dir, &v, &n, e);

	if (r)
		return r;
	s->names = calloc(n + 1, sizeof(*s->names));
	if (!s->names) {
		state_evidence_free(v, n);
		return err_errno(e, ENOMEM, "%s", dir);
	}
	for (size_t i = 0; i < n; i++)
		s->names[i].noted = v[i]; /* its strings move along */
	s->names_n = n;
	free(v);
	return 0;
}

static void release_names(struct audit_mount *s)
{
	for (size_t i = 0; i < s->names_n; i++) {
		evidence_close(s->names[i].ev);
		free(s->names[i].noted.dir);
		free(s->names[i].noted.name);
	}
	free(s->names);
}

static struct evidence *open_names(struct source_of_names *s)
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

static void about(void *ctx, const struct audit_event *ev, struct audit_about *a)
{
	static const uint8_t none[AUDIT_EVIDENCE_ID];
	struct audit_mount *s = ctx;

	a->case_name = "personal";
	if (!memcmp(ev->evidence, none, sizeof(none)))
		return;
	for (size_t i = 0; i < s->names_n; i++) {
		if (!memcmp(s->names[i].noted.digest, ev->evidence, AUDIT_EVIDENCE_ID)) {
			a->evidence = s->names[i].noted.name;
			a->ev = open_names(&s->names[i]);
			return;
		}
	}
}

static bool evidence_named(void *ctx, const char *path, size_t n, struct evidence **ev,
	uint8_t id[static AUDIT_EVIDENCE_ID])
{
	struct audit_mount *s = ctx;

	for (size_t i = 0; i < s->names_n; i++) {
		const char *name = s->names[i].noted.name;

		if (strlen(name) != n || memcmp(name, path, n) != 0)
			continue;
		*ev = open_names(&s->names[i]);
		memcpy(id, s->names[i].noted.digest, AUDIT_EVIDENCE_ID);
		return true;
	}
	return false;
}

static int on_row(void *ctx, const struct audit_event *ev, struct buf *payload)
{
	struct audit_mount *s = ctx;
	struct row row;

	(void)ev;
	if (row_parse(cur_of(payload->data, payload->len), &row) == 0)
		s->row(s->ctx, &row);
	return 0;
}

/* ---- the log of a mount -------------------------------------------------------------- */

/* Return: 0, or an exit status. */
static int take_time(
	const struct command *c, const struct team_request *q, const char *name, int64_t *out)
{
	const char *text = team_value(q, name);
	struct err e = {0};

	return text && text_time_parse(text, now_ns(CLOCK_REALTIME), out, &e)
		       ? cmd_usage(c, "%s", e.text)
		       : 0;
}

static int take_filter(
	const struct command *c, const struct team_request *q, struct audit_filter *f)
{
	const char *user = team_value(q, "user");
	const char *types = team_value(q, "type");
	int r = 0;

	f->path = team_value(q, "path");
	f->reads = team_value(q, "reads") != NULL;
	f->no_label = team_value(q, "no-label") != NULL;
	f->labels = labels_usual();
	if (user && audit_filter_user(f, user))
		return cmd_usage(c, "--user %s: no such user", user);
	if (types && audit_filter_types(f, types))
		return cmd_usage(c, "--type %s: not a type of record", types);
	r = take_time(c, q, "since", &f->since_ns);
	return r ? r : take_time(c, q, "until", &f->until_ns);
}

/* Beside the log, or in memory where that folder cannot be written. */
static int open_query(const char *dir, const char *log, struct query **out, struct err *e)
{
	struct err why = {.code = 0};
	char *path = NULL;
	int r = asprintf(&path, "%s/query.db", dir) < 0 ? -ENOMEM
							: query_open(path, log, out, &why);

	if (r == -EROFS || r == -EACCES || r == -ENOSPC || r == -EDQUOT || r == -EPERM)
		r = query_open(NULL, log, out, e);
	else if (r < 0)
		err_set(e, -r, "%s", err_text(&why, r));
	free(path);
	return r;
}

static int on_progress(void *ctx, uint64_t done, uint64_t total)
{
	(void)total;
	progress_update(ctx, done);
	return 0;
}

static int follow(struct query *q, struct err *e)
{
	struct progress p;
	int r = 0;

	progress_begin(&p, "reading the access log", 0, PROGRESS_ENTRIES);
	r = query_follow(q, UINT64_MAX, on_progress, &p, e);
	progress_end(&p);
	return r;
}

static int open_mount(struct audit_mount *m, const struct team_request *q, struct err *e)
{
	int r = mountpoint_path(team_value(q, "mount"), &m->mountpoint, e);

	if (r == 0)
		r = state_find_mount_dir(team_value(q, "state"), m->mountpoint, &m->dir, e);
	if (r == 0 && asprintf(&m->log, "%s/log", m->dir) < 0)
		r = err_errno(e, ENOMEM, "%s", m->dir);
	m->filter.mountpoint = m->mountpoint;
	if (r == 0)
		r = load_names(m, m->dir, e);
	if (r == 0)
		r = open_query(m->dir, m->log, &m->query, e);
	return r;
}

int audit_mount_new(const struct command *c, const struct team_request *q, struct audit_mount **out)
{
	struct audit_mount *m = calloc(1, sizeof(*m));
	struct err e = {0};
	int status = 0;
	int r = m ? 0 : err_errno(&e, ENOMEM, "audit");

	if (r == 0) {
		m->filter = (struct audit_filter){
			.uid = -1, .since_ns = INT64_MIN, .until_ns = INT64_MAX};
		status = take_filter(c, q, &m->filter);
		r = status ? 0 : open_mount(m, q, &e);
	}
	if (r)
		status = cmd_fail(&e, r);
	if (status)
		audit_mount_free(m);
	else
		*out = m;
	return status;
}

void audit_mount_free(struct audit_mount *m)
{
	if (!m)
		return;
	query_close(m->query);
	release_names(m);
	free(m->mountpoint);
	free(m->dir);
	free(m->log);
	free(m);
}

void audit_mount_full(struct audit_mount *m)
{
	m->filter.full = true;
}

int audit_mount_skip(struct audit_mount *m, struct err *e)
{
	int r = follow(m->query, e);

	m->filter.after = query_seq(m->query);
	return r;
}

int audit_mount_reindex(struct audit_mount *m, uint64_t *records, struct err *e)
{
	int r = query_reindex(m->query, e);

	if (r == 0)
		r = follow(m->query, e);
	*records = query_seq(m->query);
	return r;
}

int audit_mount_events(struct audit_mount *m,
	int (*each)(void *ctx, const struct audit_event *ev, struct buf *row), void *ctx,
	struct err *e)
{
	struct audit_source source = {.query = m->query,
		.about = about,
		.evidence = evidence_named,
		.about_ctx = m,
		.each = each,
		.ctx = ctx};
	int r = follow(m->query, e);

	m->filter.upto = query_seq(m->query);
	if (r == 0 && m->filter.upto > m->filter.after)
		r = audit_rows(&source, &m->filter, NULL, e);
	if (r == 0)
		m->filter.after = m->filter.upto;
	return r;
}

int audit_mount_rows(struct audit_mount *m, void (*row)(void *ctx, const struct row *r), void *ctx,
	struct err *e)
{
	m->row = row;
	m->ctx = ctx;
	return audit_mount_events(m, on_row, m, e);
}

const char *audit_mount_log(const struct audit_mount *m)
{
	return m->log;
}

const struct state_evidence *audit_mount_evidence(const struct audit_mount *m, size_t i)
{
	return i < m->names_n ? &m->names[i].noted : NULL;
}
