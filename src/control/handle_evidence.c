/* SPDX-License-Identifier: Apache-2.0 */
/* handle_evidence.c - add, release, relocate, verify. */
#include "control/exchange.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/now.h"
#include "base/text.h"

/* ---- add ------------------------------------------------------------------------------------ */

/* An expected hash total, as hex. */
static int take_hash(const struct exchange *x, const char *name, uint8_t *out, size_t n, bool *has,
	struct err *e)
{
	const char *text = exchange_arg(x, name);

	if (!text)
		return 0;
	for (size_t i = 0; i < n; i++) {
		int high = text_hex_digit(text[2 * i]);
		int low = high < 0 ? -1 : text_hex_digit(text[2 * i + 1]);

		if (low < 0)
			return err_set(e, EINVAL, "--%s: not %zu hex digits", name, 2 * n);
		out[i] = (uint8_t)(high << 4 | low);
	}
	if (text[2 * n])
		return err_set(e, EINVAL, "--%s: not %zu hex digits", name, 2 * n);
	*has = true;
	return 0;
}

static int take_add(const struct exchange *x, struct service_add *a, struct err *e)
{
	int r = 0;

	*a = (struct service_add){.image = exchange_arg(x, "image"),
		.name = exchange_arg(x, "name"),
		.types = exchange_arg(x, "type"),
		.accept_mismatch = exchange_flag(x, "accept-mismatch"),
		.reason = exchange_arg(x, "reason")};
	if (a->image[0] != '/')
		return err_set(e, EINVAL, "%s: the image's path is not absolute", a->image);
	if (a->name && !rules_name_ok(a->name))
		return err_set(e, EINVAL, "%s: not a name that evidence can have", a->name);
	if (a->accept_mismatch && (!a->reason || !a->reason[0]))
		return err_set(e, EINVAL, "--accept-mismatch needs a reason");
	r = take_hash(x, "md5", a->md5, sizeof(a->md5), &a->has_md5, e);
	if (r == 0)
		r = take_hash(x, "sha1", a->sha1, sizeof(a->sha1), &a->has_sha1, e);
	if (r == 0)
		r = take_hash(x, "sha256", a->sha256, sizeof(a->sha256), &a->has_sha256, e);
	return r;
}

static void put_added(struct exchange *x, const struct service_added *a)
{
	const struct act_totals *t = &a->totals;
	struct buf *row = answer_row(x->answer);

	row_str(row, "case", exchange_arg(x, "case"));
	row_str(row, "evidence", a->name);
	row_str(row, "format", a->format);
	row_u64(row, "size", a->size);
	row_hex(row, "md5", t->known, t->md5, sizeof(t->md5));
	row_hex(row, "sha1", t->known, t->sha1, sizeof(t->sha1));
	row_hex(row, "sha256", t->known, t->sha256, sizeof(t->sha256));
	row_hex(row, "stored_md5", a->has_stored_md5, a->stored_md5, sizeof(a->stored_md5));
	row_hex(row, "stored_sha1", a->has_stored_sha1, a->stored_sha1, sizeof(a->stored_sha1));
	if (a->compared)
		row_bool(row, "match", a->match);
	else
		row_null(row, "match");
	row_u64(row, "volumes", a->volumes);
	row_u64(row, "traces", a->traces);
	row_f64(row, "seconds", a->seconds);
	answer_row_end(x->answer);
}

/* The operator alone: said before an image is opened for anybody. */
static int operator_only(struct exchange *x, const char *what, struct err *e)
{
	const struct model *m = NULL;
	const struct model_case *c = NULL;
	struct sight sight;
	int r = 0;

	m = service_model(x->service);
	r = exchange_case(x, m, &c, &sight, e);
	service_model_done(x->service);
	return r == 0 && !x->caller->root ? exchange_refuse(x, what, e) : r;
}

int handle_add(struct exchange *x, struct err *e)
{
	struct service_added added = {.id = 0};
	struct service_add a;
	int r = operator_only(x, "you may not add evidence", e);

	if (r == 0)
		r = take_add(x, &a, e);
	if (r)
		return r;
	r = service_add(x->service, x->caller, exchange_arg(x, "case"), &a, answer_progress,
		x->answer, &added, e);
	/* what the rules refuse it records itself */
	x->recorded = r == -EPERM || r == -EINVAL || r == -EEXIST;
	if (r == 0)
		put_added(x, &added);
	if (r == 0 && !added.match)
		answer_note(x->answer,
			"the hash totals differ from those stored or given; that was "
			"accepted, and is recorded");
	return r;
}

/* ---- release ----------------------------------------------------------------------------------
 */

int handle_release_evidence(struct exchange *x, struct err *e)
{
	struct buf *row = NULL;
	struct act a;
	int r = 0;

	exchange_act(x, ACT_RELEASE, &a);
	a.object = exchange_evidence(x, a.case_id);
	r = exchange_text(x, "reason", &a.reason, e);
	if (r == 0)
		r = exchange_do(x, &a, e);
	if (r == 0) {
		row = answer_row(x->answer);
		row_str(row, "case", exchange_arg(x, "case"));
		row_str(row, "evidence", exchange_arg(x, "evidence"));
		row_time(row, "released", a.ns);
		row_str(row, "reason", a.reason);
		answer_row_end(x->answer);
		if (!service_was_scanned(x->service, a.case_id, a.object))
			answer_note(x->answer,
				"%s was released without a scan for privileged material",
				exchange_arg(x, "evidence"));
	}
	act_release(&a);
	return r;
}

/* ---- relocate, verify ---------------------------------------------------------------------------
 */

static int no_such_evidence(const struct exchange *x, struct err *e)
{
	return err_set(e, ENOENT, "%s: no such evidence in %s", exchange_arg(x, "evidence"),
		exchange_arg(x, "case"));
}

int handle_relocate(struct exchange *x, struct err *e)
{
	const char *image = exchange_arg(x, "image");
	uint64_t id = 0;
	int r = operator_only(x, "you may not relocate evidence", e);

	if (r)
		return r;
	if (image[0] != '/')
		return err_set(e, EINVAL, "%s: the image's path is not absolute", image);
	id = exchange_evidence(x, x->case_id);
	if (!id)
		return no_such_evidence(x, e);
	r = service_relocate(x->service, x->caller, id, image, answer_progress, x->answer, e);
	x->recorded = true; /* what it refuses it records itself */
	if (r == 0) {
		struct buf *row = answer_row(x->answer);

		row_str(row, "case", exchange_arg(x, "case"));
		row_str(row, "evidence", exchange_arg(x, "evidence"));
		row_str(row, "image", image);
		answer_row_end(x->answer);
	}
	return r;
}

/* What is to be verified. */
struct job {
	uint64_t *ids;
	size_t n;
};

static int choose(struct exchange *x, struct job *job, struct err *e)
{
	const char *name = exchange_arg(x, "evidence");
	const struct model *m = service_model(x->service);
	const struct model_case *c = NULL;
	struct sight sight;
	int r = exchange_case(x, m, &c, &sight, e);

	if (r == 0 && !sight.root && !sight.standing.owner)
		r = exchange_refuse(x, "you may not verify evidence", e);
	job->ids = r ? NULL : calloc(m->evidence_n + 1, sizeof(*job->ids));
	if (r == 0 && !job->ids)
		r = err_errno(e, ENOMEM, "verify");
	for (size_t i = 0; r == 0 && i < m->evidence_n; i++) {
		if (m->evidence[i].case_id == c->id &&
			(!name || !strcmp(m->evidence[i].name, name)))
			job->ids[job->n++] = m->evidence[i].id;
	}
	service_model_done(x->service);
	if (r == 0 && name && job->n == 0)
		r = no_such_evidence(x, e);
	return r;
}

static int verify_one(
	struct exchange *x, uint64_t id, bool *match, uint64_t *unreadable, struct err *e)
{
	int64_t begun = now_ns(CLOCK_MONOTONIC);
	struct act_totals totals = {.known = false};
	const struct model_evidence *ev = NULL;
	struct buf *row = NULL;
	char *name = NULL;
	int r = 0;

	r = service_verify(
		x->service, x->caller, id, answer_progress, x->answer, match, unreadable, e);
	x->recorded = true; /* what it refuses it records itself, and what it found */
	if (r)
		return r;
	ev = model_evidence(service_model(x->service), id);
	if (ev) {
		totals = ev->totals;
		name = strdup(ev->name);
	}
	service_model_done(x->service);
	row = answer_row(x->answer);
	row_str(row, "case", exchange_arg(x, "case"));
	row_str(row, "evidence", name);
	row_bool(row, "match", *match);
	row_hex(row, "md5", totals.known, totals.md5, sizeof(totals.md5));
	row_hex(row, "sha1", totals.known, totals.sha1, sizeof(totals.sha1));
	row_hex(row, "sha256", totals.known, totals.sha256, sizeof(totals.sha256));
	row_f64(row, "seconds", now_since(begun));
	answer_row_end(x->answer);
	free(name);
	return answer_flush(x->answer);
}

int handle_verify(struct exchange *x, struct err *e)
{
	struct job job = {.n = 0};
	size_t changed = 0;
	uint64_t lost = 0;
	int r = choose(x, &job, e);

	for (size_t i = 0; r == 0 && i < job.n; i++) {
		bool match = false;
		uint64_t unreadable = 0;

		r = verify_one(x, job.ids[i], &match, &unreadable, e);
		changed += r == 0 && !match;
		lost += unreadable;
	}
	free(job.ids);
	if (r == 0 && lost > 0)
		r = err_set(e, EIO,
			"%" PRIu64 " bytes cannot be read: is a segment missing or damaged, or its "
			"storage away?",
			lost);
	if (r == 0 && changed > 0)
		r = err_set(e, EBADMSG,
			"the bytes of %zu piece%s of evidence are not those that were added",
			changed, changed == 1 ? "" : "s");
	return r;
}
