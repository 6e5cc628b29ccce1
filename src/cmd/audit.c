/* SPDX-License-Identifier: Apache-2.0 */
/* audit.c - `evidencefs audit show`: the access log of a mount, with names. */
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "audit/audit.h"
#include "base/buf.h"
#include "base/table.h"
#include "base/text.h"
#include "cmd/audit_rows.h"
#include "cmd/mountpoint.h"
#include "cmd/state_dir.h"

#define SESSION_XATTR "user.evidencefs.session"

struct show {
	const char *mount;
	const char *state;
	struct audit_filter filter;
	bool json;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int parse_time(const struct command *c, const char *text, int64_t *out)
{
	struct err e = {0};

	return text_time_parse(text, now_ns(), out, &e) ? cmd_usage(c, "%s", e.text) : 0;
}

static int parse_option(const struct command *c, struct show *s, int o, char **argv)
{
	switch (o) {
	case 'm':
		s->mount = optarg;
		return 0;
	case 's':
		s->state = optarg;
		return 0;
	case 'j':
		s->json = true;
		return 0;
	case 'r':
		s->filter.reads = true;
		return 0;
	case 'u':
		return audit_filter_user(&s->filter, optarg)
			       ? cmd_usage(c, "--user %s: no such user", optarg)
			       : 0;
	case 'p':
		s->filter.path = optarg;
		return 0;
	case 't':
		return audit_filter_types(&s->filter, optarg)
			       ? cmd_usage(c, "--type %s: not a type of record", optarg)
			       : 0;
	case 'b':
		return parse_time(c, optarg, &s->filter.since_ns);
	case 'e':
		return parse_time(c, optarg, &s->filter.until_ns);
	default:
		return cmd_usage(c, "%s: not an option of audit show, or it lacks its value",
			argv[optind - 1]);
	}
}

/* Return: 0 go on; else an exit status + 1. */
static int parse(const struct command *c, int argc, char **argv, struct show *s)
{
	static const struct option options[] = {{"mount", required_argument, NULL, 'm'},
		{"state", required_argument, NULL, 's'}, {"json", no_argument, NULL, 'j'},
		{"reads", no_argument, NULL, 'r'}, {"user", required_argument, NULL, 'u'},
		{"path", required_argument, NULL, 'p'}, {"type", required_argument, NULL, 't'},
		{"since", required_argument, NULL, 'b'}, {"until", required_argument, NULL, 'e'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int o = 0;
	int r = 0;

	opterr = 0;
	while (r == 0 && (o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'h')
			return cmd_help(c) + 1;
		r = parse_option(c, s, o, argv);
	}
	if (r == 0 && (argc - optind != 1 || strcmp(argv[optind], "show") != 0))
		r = cmd_usage(c, "say audit show");
	if (r == 0 && !s->mount)
		r = cmd_usage(c, "audit show needs --mount MOUNTPOINT");
	return r ? r + 1 : 0;
}

/* Where the log of a mount point is: the mount itself says, or its state does. */
static int find_dir(const struct show *s, const char *mountpoint, char **out, struct err *e)
{
	char session[4096];
	char *state = NULL;
	ssize_t n =
		s->state ? -1 : getxattr(mountpoint, SESSION_XATTR, session, sizeof(session) - 1);
	int r = 0;

	if (n > 0) {
		session[n] = '\0';
		*out = strdup(session);
		return *out ? 0 : err_errno(e, ENOMEM, "audit");
	}
	r = state_dir(s->state, false, &state, e);
	if (r == 0)
		r = state_mount_dir(state, mountpoint, out, e);
	if (r == 0 && access(*out, F_OK)) {
		free(*out);
		*out = NULL;
		r = err_set(e, ENOENT,
			"no log of a mount on %s is kept in %s; name the folder with --state DIR",
			mountpoint, state);
	}
	free(state);
	return r;
}

static void print_json_row(void *ctx, const struct audit_row *row)
{
	struct buf *b = ctx;

	buf_reset(b);
	audit_row_json(row, b);
	fwrite(b->data, 1, b->len, stdout);
}

static void add_table_row(void *ctx, const struct audit_row *row)
{
	struct table *t = ctx;
	struct buf amount = BUF_INIT;
	char when[TEXT_TIME_MAX];

	table_u64(t, row->ev->seq);
	table_str(t, text_time_ns(row->ev->time_ns, when));
	table_str(t, row->user);
	table_str(t, audit_type_name(row->ev->type));
	if (row->ev->type == AUDIT_READ)
		buf_printf(&amount, "%lld of %llu at %llu", (long long)row->ev->result,
			(unsigned long long)row->ev->length, (unsigned long long)row->ev->offset);
	else if (row->summed)
		buf_printf(&amount, "%llu reads, %llu bytes", (unsigned long long)row->reads,
			(unsigned long long)row->bytes);
	else if (row->ev->result < 0)
		buf_printf(&amount, "%s", strerror((int)-row->ev->result));
	else if (row->ev->result > 0)
		buf_printf(&amount, "%lld", (long long)row->ev->result);
	table_str(t, buf_cstr(&amount));
	table_str(t, row->ev->exe);
	table_bytes(t, row->path.data, row->path.len);
	buf_release(&amount);
}

static int show_table(const char *dir, const struct audit_filter *f, struct err *e)
{
	static const struct table_column columns[] = {{"SEQ", TABLE_RIGHT}, {"TIME", TABLE_WHOLE},
		{"USER", 0}, {"TYPE", TABLE_WHOLE}, {"RESULT", 0}, {"PROGRAM", 0}, {"PATH", 0}};
	struct table t;
	int r = 0;

	table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	r = audit_rows(dir, f, add_table_row, &t, e);
	if (r == 0)
		r = table_print(&t, stdout, e);
	table_release(&t);
	return r;
}

int cmd_audit(const struct command *c, int argc, char **argv)
{
	struct show s = {.filter = {.uid = -1, .since_ns = INT64_MIN, .until_ns = INT64_MAX}};
	struct buf line = BUF_INIT;
	struct err e = {0};
	char *mountpoint = NULL;
	char *dir = NULL;
	int r = parse(c, argc, argv, &s);

	if (r)
		return r - 1;
	r = mountpoint_path(s.mount, &mountpoint, &e);
	if (r == 0)
		r = find_dir(&s, mountpoint, &dir, &e);
	s.filter.mountpoint = mountpoint;
	if (r == 0 && s.json)
		r = audit_rows(dir, &s.filter, print_json_row, &line, &e);
	else if (r == 0)
		r = show_table(dir, &s.filter, &e);
	if (fflush(stdout) && r == 0)
		r = err_errno(&e, errno, "cannot write");
	buf_release(&line);
	free(mountpoint);
	free(dir);
	return r ? cmd_fail(&e, r) : 0;
}
