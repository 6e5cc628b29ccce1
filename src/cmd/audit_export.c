/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_export.c - audit export; see audit_export.h
 *
 * A file has its name only when it is whole: until then it stands beside it, and is
 * removed when something fails. On a signal it stays, under the other name.
 */
#include "cmd/audit_export.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/progress.h"
#include "cmd/audit_mount.h"
#include "cmd/out_file.h"
#include "control/export.h"

#define BATCH 65536

struct exporting {
	enum export_format format;
	char host[256];
	struct out_file out;
	struct buf lines;
	struct progress progress;
	uint64_t rows;
	struct err *e;
	int failed; /* -errno */
};

static void flush(struct exporting *x)
{
	if (x->failed == 0 && x->lines.error)
		x->failed = err_errno(x->e, ENOMEM, "export");
	if (x->failed == 0)
		x->failed = out_file_write(&x->out, x->lines.data, x->lines.len, x->e);
	buf_reset(&x->lines);
}

static void on_row(void *ctx, const struct row *r)
{
	struct exporting *x = ctx;

	if (x->failed)
		return;
	export_row(x->format, r, x->host, &x->lines);
	x->rows++;
	if (x->lines.len >= BATCH) {
		flush(x);
		progress_update(&x->progress, x->rows);
	}
}

/* Return: 0; -errno; *status: an exit status, where that was told already. */
static int gather(const struct command *c, const struct team_request *q, struct exporting *x,
	int *status, struct err *e)
{
	const struct team_sink sink = {.row = on_row, .ctx = x};
	struct audit_mount *m = NULL;
	int r = 0;

	if (!team_value(q, "mount"))
		return team_rows(q, &sink, e);
	*status = audit_mount_new(c, q, &m);
	if (*status)
		return -EIO;
	audit_mount_full(m);
	r = audit_mount_rows(m, on_row, x, e);
	audit_mount_free(m);
	return r;
}

int audit_export(const struct command *c, const struct team_request *q)
{
	const char *to = team_value(q, "output");
	struct err e = {0};
	struct exporting x = {.e = &e};
	int status = 0;
	int r = 0;

	export_format_of(team_value(q, "format"), &x.format);
	gethostname(x.host, sizeof(x.host) - 1);
	r = out_file_open(&x.out, to, &e);
	if (r)
		return cmd_fail(&e, r);
	progress_begin(&x.progress, "exporting", 0, PROGRESS_ENTRIES);
	export_head(x.format, &x.lines);
	r = gather(c, q, &x, &status, &e);
	if (r == 0)
		flush(&x);
	if (r == 0)
		r = x.failed;
	progress_end(&x.progress);
	r = out_file_close(&x.out, r, &e);
	buf_release(&x.lines);
	if (status)
		return status;
	return r ? team_fail(q, r, &e) : 0;
}
