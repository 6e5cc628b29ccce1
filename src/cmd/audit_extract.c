/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_extract.c - audit export --format case; see audit_extract.h
 *
 * The folder has its name only when it is whole. What the service sends are files of a
 * log (docs/FORMAT.audit.md, "Extracts"); beside them stand the same records with their
 * names, for people and programs.
 */
#include "cmd/audit_extract.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "cmd/out_file.h"

#define FILE_NAME_MAX 64
#define ROWS_FILE     "records.jsonl"

struct extracting {
	int dirfd;
	char name[FILE_NAME_MAX]; /* of the file in hand */
	struct out_file out;
	struct buf line;
	struct err *e;
	int failed; /* -errno */
};

/* A name that the format knows; nothing else of what comes leads anywhere. */
static bool is_file(const char *name)
{
	return !strcmp(name, "checkpoints") || !strcmp(name, "origin.pub") ||
	       (!strncmp(name, "log-", 4) && strspn(name + 4, "0123456789") == 20 &&
		       !strcmp(name + 24, ".seg"));
}

static void change_file(struct extracting *x, const char *name)
{
	if (x->out.fd >= 0 && close(x->out.fd) < 0 && !x->failed)
		x->failed = err_errno(x->e, errno, "%s", x->name);
	x->out.fd = -1;
	snprintf(x->name, sizeof(x->name), "%s", name);
	if (!name[0] || x->failed)
		return;
	x->out.fd = openat(x->dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (x->out.fd < 0)
		x->failed = err_errno(x->e, errno, "%s: cannot be written", name);
}

static void on_file(void *ctx, const struct row *r)
{
	struct extracting *x = ctx;
	const struct row_field *file = row_get(r, "file");
	const struct row_field *data = row_get(r, "data");
	char name[FILE_NAME_MAX] = "";

	if (x->failed)
		return;
	if (file && file->kind == ROW_BYTES && cur_left(&file->v.bytes) < sizeof(name))
		memcpy(name, file->v.bytes.p, cur_left(&file->v.bytes));
	if (!is_file(name) || !data || data->kind != ROW_BYTES) {
		x->failed = err_set(x->e, EPROTO, "the service's answer cannot be understood");
		return;
	}
	if (strcmp(name, x->name) != 0)
		change_file(x, name);
	if (!x->failed)
		x->failed =
			out_file_write(&x->out, data->v.bytes.p, cur_left(&data->v.bytes), x->e);
}

static void on_record(void *ctx, const struct row *r)
{
	struct extracting *x = ctx;

	if (x->failed)
		return;
	buf_reset(&x->line);
	row_json(r, &x->line);
	x->failed = x->line.error ? x->line.error
				  : out_file_write(&x->out, x->line.data, x->line.len, x->e);
}

static int fill(const struct team_request *q, struct extracting *x)
{
	const struct team_sink files = {.row = on_file, .ctx = x};
	const struct team_sink rows = {.row = on_record, .ctx = x};
	struct team_request show = *q;
	int r = team_rows(q, &files, x->e);

	if (r == 0)
		change_file(x, ROWS_FILE);
	r = r ? r : x->failed;
	show.command = team_command("audit show");
	show.n = 0;
	show.args[show.n++] = (struct control_arg){"case", team_value(q, "case")};
	show.args[show.n++] = (struct control_arg){"reads", ""};
	if (r == 0)
		r = team_rows(&show, &rows, x->e);
	change_file(x, "");
	return r ? r : x->failed;
}

/* @part: the folder until it is whole. */
static int make(const struct team_request *q, const char *to, const char *part, struct err *e)
{
	struct extracting x = {.dirfd = -1, .out = {.fd = -1}, .e = e};
	int r = 0;

	if (mkdir(part, 0700) < 0)
		return err_errno(e, errno, "%s: cannot be made", to);
	x.dirfd = open(part, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	r = x.dirfd < 0 ? err_errno(e, errno, "%s", part) : fill(q, &x);
	if (r == 0 && syncfs(x.dirfd) < 0)
		r = err_errno(e, errno, "%s: cannot be written", to);
	if (x.dirfd >= 0)
		close(x.dirfd);
	buf_release(&x.line);
	if (r == 0 && rename(part, to) < 0)
		r = err_errno(e, errno, "%s: cannot be made", to);
	if (r)
		file_remove_tree(part, NULL);
	return r;
}

int audit_extract_case(const struct team_request *q)
{
	const char *to = team_value(q, "output");
	struct err e = {0};
	char *part = NULL;
	int r = 0;

	if (access(to, F_OK) == 0)
		r = err_set(&e, EEXIST, "%s is there already: name a folder that is not", to);
	else if (asprintf(&part, "%s.part-%d", to, (int)getpid()) < 0)
		r = err_errno(&e, ENOMEM, "export");
	else
		r = make(q, to, part, &e);
	free(part);
	return r ? team_fail(q, r, &e) : 0;
}
