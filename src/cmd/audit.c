/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.c - `evidencefs audit`: the log of one's own mount is read here, from its
 * files; a team's log is asked of its service.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "base/progress.h"
#include "base/text.h"
#include "cmd/audit_log.h"
#include "cmd/mountpoint.h"
#include "cmd/print.h"
#include "cmd/state_dir.h"
#include "cmd/team.h"
#include "control/audit_rows.h"

/* ---- names ------------------------------------------------------------------------ */

struct source_of_names {
	struct state_evidence noted;
	struct evidence *ev; /* opened when first asked for; NULL: its indexes are gone */
	bool tried;
};

struct show {
	struct audit_filter filter;
	struct print print;
	struct source_of_names *names;
	size_t names_n;
};

static int load_names(struct show *s, const char *dir, struct err *e)
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

static void release_names(struct show *s)
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
	struct show *s = ctx;

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
	struct show *s = ctx;

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
	struct show *s = ctx;
	struct row row;

	(void)ev;
	if (row_parse(cur_of(payload->data, payload->len), &row) == 0)
		print_row(&s->print, &row);
	return 0;
}

/* ---- the log of a mount -------------------------------------------------------------- */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * TEXT_NS_PER_SEC + t.tv_nsec;
}

/* Return: 0, or an exit status. */
static int take_time(
	const struct command *c, const struct team_request *q, const char *name, int64_t *out)
{
	const char *text = team_value(q, name);
	struct err e = {0};

	return text && text_time_parse(text, now_ns(), out, &e) ? cmd_usage(c, "%s", e.text) : 0;
}

static int take_filter(
	const struct command *c, const struct team_request *q, struct audit_filter *f)
{
	const char *user = team_value(q, "user");
	const char *types = team_value(q, "type");
	int r = 0;

	f->path = team_value(q, "path");
	f->reads = team_value(q, "reads") != NULL;
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

static int show_log(struct show *s, const char *dir, struct err *e)
{
	char *log = NULL;
	struct audit_source source = {
		.about = about, .evidence = evidence_named, .each = on_row, .ctx = s};
	int r = asprintf(&log, "%s/log", dir) < 0 ? err_errno(e, ENOMEM, "%s", dir) : 0;

	if (r)
		return r;
	r = load_names(s, dir, e);
	if (r == 0)
		r = open_query(dir, log, &source.query, e);
	if (r == 0)
		r = follow(source.query, e);
	if (r == 0)
		r = audit_rows(&source, &s->filter, NULL, e);
	query_close(source.query);
	release_names(s);
	free(log);
	return r;
}

static int show_mount(const struct command *c, const struct team_request *q)
{
	struct show s = {.filter = {.uid = -1, .since_ns = INT64_MIN, .until_ns = INT64_MAX},
		.print = {.json = q->json, .columns = q->command->columns}};
	struct err e = {0};
	char *mountpoint = NULL;
	char *dir = NULL;
	int written = 0;
	int r = take_filter(c, q, &s.filter);

	if (r)
		return r;
	r = mountpoint_path(team_value(q, "mount"), &mountpoint, &e);
	if (r == 0)
		r = state_find_mount_dir(team_value(q, "state"), mountpoint, &dir, &e);
	s.filter.mountpoint = mountpoint;
	if (r == 0)
		r = show_log(&s, dir, &e);
	written = print_end(&s.print, &e);
	free(mountpoint);
	free(dir);
	return r || written ? cmd_fail(&e, r ? r : written) : 0;
}

int cmd_audit(const struct command *c, int argc, char **argv)
{
	struct team_request q;
	int r = 0;

	if (argc > 1 && audit_log_is(argv[1]))
		return audit_log_run(c, argc, argv);
	r = team_parse(c, argc, argv, &q);
	if (r)
		return r - 1;
	r = team_value(&q, "mount") ? show_mount(c, &q) : team_ask(&q);
	team_request_release(&q);
	return r;
}
