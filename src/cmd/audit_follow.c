/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_follow.c - audit follow; see audit_follow.h
 *
 * When the service goes away it is asked again, from behind the last record that was
 * looked at: nothing is missing, and nothing comes twice.
 */
#include "cmd/audit_follow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "cmd/audit_mount.h"

#define LOOK_MS  200
#define AGAIN_MS 500

struct following {
	const struct team_request *q;
	uint64_t last; /* number up to which all records were looked at */
	bool heard;    /* of the service, since it was asked the last time */
	struct buf line;
};

static void pause_ms(long ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

static void put_cell(struct buf *line, const struct print_column *c, const struct row *r)
{
	const struct row_field *f = row_get(r, c->key);
	struct buf raw = BUF_INIT;

	if (c->cell)
		c->cell(r, &raw);
	else if (f)
		row_cell(f, &raw);
	if (line->len > 0)
		buf_puts(line, "  ");
	if (raw.len > 0)
		text_escape(line, raw.data, raw.len);
	else
		buf_puts(line, "-");
	buf_release(&raw);
}

/* A table would wait for its last row: each stands by itself. */
static void on_row(void *ctx, const struct row *r)
{
	struct following *f = ctx;
	const struct row_field *seq = row_get(r, "seq");

	buf_reset(&f->line);
	if (f->q->json) {
		row_json(r, &f->line);
	} else {
		for (const struct print_column *c = f->q->command->columns; c->key; c++)
			put_cell(&f->line, c, r);
		buf_puts(&f->line, "\n");
	}
	fwrite(f->line.data, 1, f->line.len, stdout);
	if (seq && seq->kind == ROW_U64)
		f->last = seq->v.u;
	f->heard = true;
}

/* All up to that number has been looked at. */
static void on_place(void *ctx, uint64_t seq)
{
	struct following *f = ctx;

	f->heard = true;
	f->last = seq > f->last ? seq : f->last;
	/* who reads it is gone: so are we, as by SIGPIPE */
	if (fflush(stdout))
		exit(EXIT_FAILED);
}

static int follow_mount(const struct command *c, struct following *f)
{
	struct audit_mount *m = NULL;
	struct err e = {0};
	int r = audit_mount_new(c, f->q, &m);

	if (r)
		return r;
	if (!team_value(f->q, "since"))
		r = audit_mount_skip(m, &e);
	while (r == 0) {
		r = audit_mount_rows(m, on_row, f, &e);
		on_place(f, 0);
		pause_ms(LOOK_MS);
	}
	audit_mount_free(m);
	return cmd_fail(&e, r);
}

static bool is_away(int r)
{
	return r == -EPROTO || r == -ECONNREFUSED || r == -ENOENT || r == -ECONNRESET ||
	       r == -EPIPE || r == -EAGAIN;
}

static int ask(struct following *f, bool again, struct err *e)
{
	struct team_request q = *f->q;
	char after[24];
	const struct team_sink sink = {.row = on_row, .place = on_place, .ctx = f};

	if (again && f->last > 0) {
		snprintf(after, sizeof(after), "%" PRIu64, f->last);
		q.args[q.n++] = (struct control_arg){"after", after};
	}
	return team_rows(&q, &sink, e);
}

int audit_follow(const struct command *c, const struct team_request *q)
{
	struct following f = {.q = q};
	struct err e = {0};
	bool again = false;
	int r = 0;

	if (team_value(q, "mount")) {
		r = follow_mount(c, &f);
		buf_release(&f.line);
		return r;
	}
	for (;;) {
		f.heard = false;
		r = ask(&f, again, &e);
		if (r == 0 || !is_away(r) || (!again && !f.heard))
			break;
		if (f.heard)
			fprintf(stderr, "evidencefs: the service went away; asking it again\n");
		again = true;
		err_clear(&e);
		pause_ms(AGAIN_MS);
	}
	buf_release(&f.line);
	return r ? team_fail(q, r, &e) : 0;
}
