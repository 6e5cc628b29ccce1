/* SPDX-License-Identifier: Apache-2.0 */
/* audit_report.c - audit report: asked of the service, written as HTML; see audit_report.h. */
#include "cmd/audit_report.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/verify.h"

#include "base/file.h"
#include "base/now.h"
#include "base/text.h"
#include "cmd/audit_mount.h"
#include "cmd/out_file.h"
#include "control/html.h"
#include "control/report.h"
#include "serve/hashes.h"

#define FILE_MAX (1 << 16) /* bytes of a key or an anchor */

struct reporting {
	struct html *html;
	int failed; /* -errno */
};

static void on_row(void *ctx, const struct row *r)
{
	struct reporting *x = ctx;
	const struct row_field *part = row_get(r, "part");
	const struct row_field *fields = row_get(r, "row");
	struct row *inner = malloc(sizeof(*inner));
	char name[32] = "";

	if (!inner || !part || part->kind != ROW_BYTES || !fields || fields->kind != ROW_BYTES ||
		cur_left(&part->v.bytes) >= sizeof(name) || row_parse(fields->v.bytes, inner)) {
		x->failed = inner ? -EPROTO : -ENOMEM;
	} else {
		memcpy(name, part->v.bytes.p, cur_left(&part->v.bytes));
		html_part(x->html, name, inner);
	}
	free(inner);
}

static int write_out(struct html *h, const char *path, struct err *e)
{
	struct out_file out;
	struct buf text = BUF_INIT;
	int r = out_file_open(&out, path, e);

	if (r == 0) {
		r = html_end(h, &text) ? err_errno(e, ENOMEM, "report") : 0;
		if (r == 0)
			r = out_file_write(&out, text.data, text.len, e);
		r = out_file_close(&out, r, e);
	}
	buf_release(&text);
	return r;
}

/* What was kept elsewhere is read here: the service may not see it. */
static int take_file(const struct team_request *q, const char *name, struct team_request *to,
	char **text, struct err *e)
{
	const char *file = team_value(q, name);
	int r = file ? file_read(file, FILE_MAX, text, e) : 0;

	if (r == 0 && *text)
		to->args[to->n++] = (struct control_arg){name, *text};
	return r;
}

/* ---- of a mount of one's own ---------------------------------------------------------------- */

struct personal {
	struct html *html;
	int failed; /* -errno */
};

static void put_part(void *ctx, const char *part, struct buf *fields)
{
	struct personal *p = ctx;
	struct row *row = malloc(sizeof(*row));

	if (!row || fields->error || row_parse(cur_of(fields->data, fields->len), row))
		p->failed = -ENOMEM;
	else
		html_part(p->html, part, row);
	free(row);
}

static void put_line(void *ctx, const char *text)
{
	struct buf row = BUF_INIT;

	row_str(&row, "line", text);
	put_part(ctx, "verified", &row);
	buf_release(&row);
}

static void put_head(struct personal *p, const char *mountpoint)
{
	const struct passwd *own = getpwuid(getuid());
	struct buf row = BUF_INIT;

	row_str(&row, "case", "personal");
	row_str(&row, "title", mountpoint);
	row_str(&row, "owner", own ? own->pw_name : NULL);
	row_str(&row, "made_by", own ? own->pw_name : NULL);
	row_time(&row, "made_at", now_ns(CLOCK_REALTIME));
	put_part(p, "case", &row);
	buf_reset(&row);
	put_part(p, "personal", &row);
	buf_release(&row);
}

static void put_evidence(struct personal *p, const struct audit_mount *m)
{
	const struct state_evidence *ev = NULL;
	struct buf row = BUF_INIT;

	for (size_t i = 0; (ev = audit_mount_evidence(m, i)); i++) {
		struct hashes_status known = {0};

		hashes_known(ev->dir, &known);
		buf_reset(&row);
		row_str(&row, "evidence", ev->name);
		row_hex(&row, "md5", known.totals_known, known.md5, sizeof(known.md5));
		row_hex(&row, "sha1", known.totals_known, known.sha1, sizeof(known.sha1));
		row_hex(&row, "sha256", known.totals_known, known.sha256, sizeof(known.sha256));
		put_part(p, "evidence", &row);
	}
	buf_release(&row);
}

static void put_verdict(
	struct personal *p, const struct audit_mount *m, const char *key, const char *anchor)
{
	const struct verify_text kept = {"--anchor", anchor};
	const struct verify_opts o = {.key = {"--key", key},
		.anchors = &kept,
		.anchors_n = anchor ? 1 : 0,
		.line = put_line,
		.ctx = p};
	struct err why = {0};
	enum verdict v = audit_verify(audit_mount_log(m), &o, &why);
	struct buf row = BUF_INIT;

	row_u64(&row, "verdict", (uint64_t)v);
	row_str(&row, "why", v == VERDICT_TAMPERED || v == VERDICT_UNKNOWN ? why.text : NULL);
	put_part(p, "verdict", &row);
	buf_release(&row);
}

/* Return: 0; -errno; *status: an exit status, where that was told already. */
static int report_mount(const struct command *c, const struct team_request *q, struct html *html,
	const char *key, const char *anchor, int *status, struct err *e)
{
	struct personal p = {.html = html};
	struct report *sums = NULL;
	struct audit_mount *m = NULL;
	int r = 0;

	*status = audit_mount_new(c, q, &m);
	if (*status)
		return -EIO;
	r = report_new(&sums);
	if (r == 0)
		r = audit_mount_events(m, report_row, sums, e);
	if (r == 0) {
		put_head(&p, team_value(q, "mount"));
		put_evidence(&p, m);
		r = report_sums(sums, put_part, &p);
		put_verdict(&p, m, key, anchor);
	}
	report_free(sums);
	audit_mount_free(m);
	return r ? r : p.failed;
}

int audit_report(const struct command *c, const struct team_request *q)
{
	struct reporting x = {.html = NULL};
	const struct team_sink sink = {.row = on_row, .ctx = &x};
	struct team_request asked = *q;
	char *key = NULL;
	char *anchor = NULL;
	struct err e = {0};
	int status = 0;
	int r = html_new(&x.html) ? err_errno(&e, ENOMEM, "report") : 0;

	if (r == 0)
		r = take_file(q, "key", &asked, &key, &e);
	if (r == 0)
		r = take_file(q, "anchor", &asked, &anchor, &e);
	if (r == 0 && team_value(q, "mount"))
		r = report_mount(c, q, x.html, key, anchor, &status, &e);
	else if (r == 0)
		r = team_rows(&asked, &sink, &e);
	if (r == 0 && x.failed)
		r = err_set(&e, -x.failed, "the service's answer cannot be understood");
	if (r == 0)
		r = write_out(x.html, team_value(q, "output"), &e);
	html_free(x.html);
	free(key);
	free(anchor);
	if (status)
		return status;
	return r ? team_fail(q, r, &e) : 0;
}
