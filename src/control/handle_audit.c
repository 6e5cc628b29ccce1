/* SPDX-License-Identifier: Apache-2.0 */
/* handle_audit.c - audit show, follow, export: the access log of a team, with names. */
#include "control/exchange.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "control/log_sight.h"

#define FOLLOW_MS 200 /* between two looks at the end of the log */

/* A question that is being answered. */
struct asking {
	struct exchange *x;
	struct log_sight *sight;
	struct audit_filter f;
	char *path;
	uint64_t sent; /* number of the last record that was */
	uint64_t told; /* of follow: how far it is, as it was told last */
	struct audit_untold untold;
};

static int put_row(void *ctx, const struct audit_event *ev, struct buf *row)
{
	struct asking *a = ctx;
	struct answer *answer = a->x->answer;

	/* whoever reads slowly is not answered by a right that has ended */
	if (!log_sight_same(a->sight))
		return -EACCES;
	buf_put(answer_row(answer), row->data, row->len);
	answer_row_end(answer);
	a->sent = ev->seq;
	return answer_full(answer) ? answer_flush(answer) : 0;
}

static int take_filter(struct asking *a, struct err *e)
{
	const struct exchange *x = a->x;
	const struct config *config = service_config(x->service);
	struct audit_filter *f = &a->f;
	const char *user = exchange_arg(x, "user");
	const char *types = exchange_arg(x, "type");
	const char *typed = exchange_arg(x, "path");
	int rc = 0;

	*f = (struct audit_filter){.uid = -1, .since_ns = INT64_MIN, .until_ns = INT64_MAX};
	f->reads = exchange_flag(x, "reads");
	f->no_label = exchange_flag(x, "no-label");
	f->labels = (struct labels){config->thumbnailers, config->indexers, config->sniffers};
	if (user && audit_filter_user(f, user))
		return err_set(e, ENOENT, "--user %s: no such user", user);
	if (types && audit_filter_types(f, types))
		return err_set(e, EINVAL, "--type %s: not a type of record", types);
	rc = exchange_time(x, "since", &f->since_ns, e);
	if (rc == 0)
		rc = exchange_time(x, "until", &f->until_ns, e);
	if (rc == 0)
		rc = exchange_number(x, "after", UINT64_MAX, &f->after, e);
	if (rc == 0 && typed)
		rc = log_sight_path(a->sight, typed, &a->path, e);
	f->path = a->path;
	return rc;
}

/* The rights are looked at, what is asked is understood, and that it was asked is recorded. */
static int begin(struct exchange *x, struct asking *a, struct err *e)
{
	int r = 0;

	*a = (struct asking){.x = x};
	r = log_sight_new(x, &a->sight, e);
	if (r == 0)
		r = take_filter(a, e);
	if (r == 0)
		r = exchange_query(x, log_sight_case(a->sight), e);
	return r;
}

static void asking_release(struct asking *a)
{
	log_sight_free(a->sight);
	free(a->path);
}

/* What is in the log by now, behind f.after. */
static int answer_rows(struct asking *a, struct err *e)
{
	struct audit_source source = {.about = log_sight_about,
		.sees = log_sight_sees,
		.evidence = log_sight_evidence,
		.about_ctx = a->sight,
		.each = put_row,
		.ctx = a};
	int r = service_question(a->x->service, answer_progress, a->x->answer, &source.query, e);

	if (r == 0) {
		a->f.case_id = log_sight_case(a->sight);
		a->f.upto = query_seq(source.query);
		r = audit_rows(&source, &a->f, &a->untold, e);
	}
	return r;
}

static void tell_untold(struct exchange *x, const struct audit_untold *u)
{
	if (u->left_out > 0)
		answer_note(x->answer,
			"%" PRIu64 " records are left out: only holders of `privileged` see them",
			u->left_out);
	if (u->blinded > 0)
		answer_note(x->answer,
			"%" PRIu64 " rows are blinded: what they are about is withheld, and is "
			"shown to holders of `privileged`",
			u->blinded);
}

static int answer_once(struct exchange *x, bool full, struct err *e)
{
	struct asking a;
	int r = begin(x, &a, e);

	a.f.full = full;
	if (r == 0)
		r = answer_rows(&a, e);
	if (r == -EACCES)
		err_set(e, EACCES, "what you may see of the log has changed meanwhile: ask again");
	if (r == 0)
		tell_untold(x, &a.untold);
	asking_release(&a);
	return r;
}

int handle_audit_show(struct exchange *x, struct err *e)
{
	return answer_once(x, false, e);
}

int handle_audit_export(struct exchange *x, struct err *e)
{
	const char *format = exchange_arg(x, "format");

	if (format && !strcmp(format, "case"))
		return handle_extract(x, e);
	return answer_once(x, true, e);
}

/* ---- follow -------------------------------------------------------------------------------- */

/* Return: 0 go on; 1 who asked is gone, or the service ends. */
static int pause_following(const struct exchange *x)
{
	struct pollfd p = {.fd = x->answer->fd, .events = POLLRDHUP};

	return poll(&p, 1, FOLLOW_MS) > 0 && p.revents != 0;
}

/* What he may see has changed: names, rights, cases. Return: -errno he may see nothing now. */
static int look_again(struct asking *a, struct err *e)
{
	struct log_sight *now = NULL;
	int r = log_sight_new(a->x, &now, e);

	if (r)
		return r;
	log_sight_free(a->sight);
	a->sight = now;
	return 0;
}

/* How far it is: who asks again, after a restart of the service, begins there. */
static int tell_place(struct asking *a)
{
	if (a->told != a->f.after || !a->told)
		control_progress_put(&a->x->answer->out, "following", a->f.after, 0);
	a->told = a->f.after;
	return answer_flush(a->x->answer);
}

static int follow_on(struct asking *a, struct err *e)
{
	uint64_t policy = 0;
	int r = 0;

	while (r == 0) {
		uint64_t version = service_model(a->x->service)->version;

		service_model_done(a->x->service);
		if (version != policy || !log_sight_same(a->sight))
			r = look_again(a, e);
		policy = version;
		if (r == 0)
			r = answer_rows(a, e);
		if (r == 0)
			a->f.after = a->f.upto;
		if (r == -EACCES) { /* in the middle of it: on from there, as he may see now */
			a->f.after = a->sent > a->f.after ? a->sent : a->f.after;
			policy = 0;
			r = 0;
		} else if (r == 0) {
			r = tell_place(a);
		}
		if (r == 0 && pause_following(a->x))
			return 0;
	}
	return r;
}

/* Rows as they are recorded. Without --since and `after`, from now on. */
int handle_audit_follow(struct exchange *x, struct err *e)
{
	struct asking a;
	struct query *q = NULL;
	int r = begin(x, &a, e);

	if (r == 0 && a.f.since_ns == INT64_MIN && !exchange_arg(x, "after")) {
		r = service_question(x->service, answer_progress, x->answer, &q, e);
		if (r == 0)
			a.f.after = query_seq(q);
	}
	if (r == 0)
		r = follow_on(&a, e);
	asking_release(&a);
	return r;
}

/* ---- the database -------------------------------------------------------------------------- */

int handle_audit_reindex(struct exchange *x, struct err *e)
{
	struct query *q = NULL;
	int r = 0;

	if (!x->caller->root && !x->caller->officer && !exchange_audits(x))
		return exchange_refuse(x, "you may not have the log read again", e);
	r = exchange_query(x, 0, e);
	if (r == 0)
		r = service_question(x->service, NULL, NULL, &q, e);
	if (r == 0)
		r = query_reindex(q, e);
	if (r == 0)
		r = service_question(x->service, answer_progress, x->answer, &q, e);
	if (r == 0) {
		row_u64(answer_row(x->answer), "records", query_seq(q));
		answer_row_end(x->answer);
	}
	return r;
}
