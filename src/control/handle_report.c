/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handle_report.c - audit report: all that is to be said about a case, in parts
 *
 * Rows of an answer have the same keys: here these are `part` and `row`, the fields of a
 * row of that part (docs/PROTOCOL.control.md, "A report").
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/verify.h"
#include "control/case_containers.h"
#include "control/log_sight.h"
#include "control/report.h"

struct reporting {
	struct exchange *x;
	struct log_sight *sight;
	struct report *report;
	uint64_t case_id;
	struct case_containers containers;
	struct buf mixed; /* parts to come, each a length and its bytes */
	struct buf unopened;
	struct audit_untold untold;
};

static void put_part(void *ctx, const char *part, struct buf *row)
{
	struct reporting *r = ctx;
	struct buf *out = answer_row(r->x->answer);

	row_str(out, "part", part);
	row_bytes(out, "row", row->data ? row->data : (const uint8_t *)"", row->len);
	answer_row_end(r->x->answer);
}

static int may_report(struct reporting *r, struct err *e)
{
	struct exchange *x = r->x;
	const struct model *m = service_model(x->service);
	const struct model_case *c = NULL;
	struct sight s;
	int rc = exchange_case(x, m, &c, &s, e);

	if (rc == 0 && !s.audit)
		rc = exchange_refuse(x, "you may not have a report of it", e);
	if (rc == 0)
		r->case_id = c->id;
	service_model_done(x->service);
	return rc;
}

/* ---- from the catalog ------------------------------------------------------------------------ */

static void put_case(struct reporting *r, const struct model_case *c,
	const struct service_status *status, struct buf *row)
{
	const struct caller *who = r->x->caller;

	buf_reset(row);
	row_str(row, "case", c->name);
	row_str(row, "title", c->title);
	row_str(row, "owner", c->owner.name);
	row_str(row, "officer", c->officer.kind == SUBJECT_NONE ? NULL : c->officer.name);
	row_time(row, "created", c->created_ns);
	row_time_if(row, "closed", c->closed_ns != 0, c->closed_ns);
	row_str(row, "made_by", who->who.name);
	row_u64(row, "made_by_uid", who->who.uid);
	row_time(row, "made_at", service_now(r->x->service).real_ns);
	row_u64(row, "log_size", status->log_size);
	row_str(row, "log_head", status->log_head[0] ? status->log_head : NULL);
	row_u64_if(row, "mixed_containers", r->containers.known, r->containers.mixed);
	row_u64_if(row, "unopened_containers", r->containers.known, r->containers.unopened);
	put_part(r, "case", row);
}

static void put_evidence(struct reporting *r, const struct model_evidence *ev, struct buf *row)
{
	const struct act_totals *t = &ev->totals;

	buf_reset(row);
	row_str(row, "evidence", ev->name);
	row_hex(row, "md5", t->known, t->md5, sizeof(t->md5));
	row_hex(row, "sha1", t->known, t->sha1, sizeof(t->sha1));
	row_hex(row, "sha256", t->known, t->sha256, sizeof(t->sha256));
	row_bool(row, "mismatch_accepted", t->mismatch_accepted);
	row_hex(row, "index", true, ev->digest, sizeof(ev->digest));
	row_time(row, "added", ev->added_ns);
	row_time_if(row, "released", ev->released_ns != 0, ev->released_ns);
	put_part(r, "evidence", row);
}

static void put_grant(struct reporting *r, const struct model_grant *g, struct buf *row)
{
	const struct act *a = &g->act;

	buf_reset(row);
	row_str(row, "kind", a->kind == ACT_GRANT ? "grant" : "exclusion");
	row_u64(row, "id", a->object);
	row_str(row, "who", a->who.typed);
	row_str(row, "path", a->path);
	exchange_rights(row, "rights", a->kind == ACT_GRANT ? a->rights : 0);
	row_time(row, "from", a->from_ns);
	row_time_if(row, "until", a->until_ns != TIME_NEVER, a->until_ns);
	row_str(row, "by", a->by_name);
	row_time(row, "at", a->ns);
	row_u64(row, "seq", a->seq);
	row_str(row, "reason", a->reason);
	row_time_if(row, "revoked_at", g->revoked_ns != 0, g->revoked_ns);
	row_str(row, "revoked_by", g->revoked_ns ? g->revoked_by : NULL);
	row_str(row, "revoke_reason", g->revoked_ns ? g->revoke_reason : NULL);
	put_part(r, "grant", row);
}

/* The name of what a mark is on, as this reader may see it. Return: whether it is withheld. */
static bool put_path(struct reporting *r, const struct act *a, struct buf *row)
{
	struct audit_event ev = {.type = AUDIT_MARK,
		.decision = AUDIT_ALLOWED,
		.case_id = a->case_id,
		.object = a->object};
	struct audit_about about = {.skip = false};

	log_sight_about(r->sight, &ev, &about);
	row_str(row, "path", about.withheld || about.skip ? NULL : a->path);
	r->untold.blinded += about.withheld;
	return about.withheld;
}

static void put_mark(struct reporting *r, const struct act *a, struct buf *row)
{
	bool withheld = false;

	buf_reset(row);
	row_u64(row, "id", a->object);
	withheld = put_path(r, a, row);
	row_bool(row, "withheld", withheld);
	row_str(row, "state", mark_state_name(a->mark_state));
	row_str(row, "origin", mark_origin_name(a->mark_origin));
	/* what was said of it may quote it */
	row_str(row, "basis", withheld ? NULL : a->basis);
	row_str(row, "reason", withheld ? NULL : a->reason);
	row_str(row, "by", a->by_name);
	row_time(row, "at", a->ns);
	row_u64(row, "seq", a->seq);
	put_part(r, "mark", row);
}

static void put_catalog(struct reporting *r)
{
	const struct model *m = service_model(r->x->service);
	const struct model_case *c = model_case(m, r->case_id);
	struct buf row = BUF_INIT;

	for (size_t i = 0; c && i < m->evidence_n; i++) {
		if (m->evidence[i].case_id == r->case_id)
			put_evidence(r, &m->evidence[i], &row);
	}
	for (size_t i = 0; c && i < m->grants_n; i++) {
		if (m->grants[i].act.case_id == r->case_id)
			put_grant(r, &m->grants[i], &row);
	}
	service_model_done(r->x->service);
	buf_release(&row);
}

struct copied {
	struct act *v;
	size_t n;
};

/* Whether a mark is to be blinded cannot be asked while the model is held. */
static int copy_marks(struct reporting *r, struct copied *out)
{
	const struct model *m = service_model(r->x->service);
	int rc = 0;

	out->v = calloc(m->marks_n + 1, sizeof(*out->v));
	for (size_t i = 0; out->v && rc == 0 && i < m->marks_n; i++) {
		if (m->marks[i].act.case_id != r->case_id)
			continue;
		rc = act_copy(&out->v[out->n], &m->marks[i].act);
		out->n += rc == 0;
	}
	service_model_done(r->x->service);
	return out->v ? rc : -ENOMEM;
}

static int put_marks(struct reporting *r)
{
	struct copied marks = {.v = NULL};
	struct buf row = BUF_INIT;
	int rc = copy_marks(r, &marks);

	for (size_t i = 0; i < marks.n; i++) {
		if (rc == 0)
			put_mark(r, &marks.v[i], &row);
		act_release(&marks.v[i]);
	}
	free(marks.v);
	buf_release(&row);
	return rc;
}

/* ---- containers -------------------------------------------------------------------------------
 */

/* Counts stand in the first part; rows wait until that is made. */
static int keep_container(void *ctx, const char *path, const char *reason)
{
	struct reporting *r = ctx;
	struct buf *out = reason ? &r->unopened : &r->mixed;
	struct buf row = BUF_INIT;

	row_str(&row, "path", path);
	if (reason)
		row_str(&row, "reason", reason);
	buf_put_blob(out, row.data, row.len);
	out->error = out->error ? out->error : row.error;
	buf_release(&row);
	return out->error;
}

static void put_containers(struct reporting *r, const char *part, const struct buf *rows)
{
	struct cur c = cur_of(rows->data, rows->len);

	while (cur_left(&c) > 0) {
		struct buf row = BUF_INIT;
		size_t n = 0;
		const uint8_t *p = cur_blob(&c, &n);

		buf_put(&row, p, n);
		put_part(r, part, &row);
		buf_release(&row);
	}
}

/* ---- acts -------------------------------------------------------------------------------------
 */

static const char *act_name(enum act_kind k)
{
	switch (k) {
	case ACT_CASE_CREATE:
		return "case created";
	case ACT_CASE_OWNER:
		return "owner changed";
	case ACT_CASE_OFFICER:
		return "privilege officer named";
	case ACT_CASE_CLOSE:
		return "case closed";
	case ACT_ADD:
		return "evidence added";
	case ACT_RELEASE:
		return "evidence released";
	case ACT_RELOCATE:
		return "image moved";
	case ACT_VERIFY:
		return "image verified";
	default:
		return NULL; /* grants, marks and notes have parts of their own */
	}
}

/* What it was about: a name of its own, or that of the evidence. */
static void put_what(struct reporting *r, const struct act *a, struct buf *row)
{
	const struct model *m = service_model(r->x->service);
	const struct model_evidence *ev = model_evidence(m, a->object);

	row_str(row, "name", a->name ? a->name : ev ? ev->name : NULL);
	service_model_done(r->x->service);
}

/* Of one case, in the order they were done. */
static int put_act(void *ctx, const struct act *a)
{
	struct reporting *r = ctx;
	struct buf row = BUF_INIT;

	if ((a->case_id != r->case_id && a->object != r->case_id) || !act_name(a->kind))
		return 0;
	row_u64(&row, "seq", a->seq);
	row_time(&row, "at", a->ns);
	row_str(&row, "act", act_name(a->kind));
	row_str(&row, "by", a->by_name);
	row_str(&row, "who", a->who.kind == SUBJECT_NONE ? NULL : a->who.name);
	row_u64_if(&row, "object", a->object != 0, a->object);
	put_what(r, a, &row);
	row_str(&row, "reason", a->reason);
	row_u64_if(&row, "matched", a->kind == ACT_VERIFY, a->matched);
	put_part(r, "act", &row);
	buf_release(&row);
	return row.error;
}

/* ---- from the log ------------------------------------------------------------------------------
 */

static void put_line(void *ctx, const char *text)
{
	struct reporting *r = ctx;
	struct buf row = BUF_INIT;

	row_str(&row, "line", text);
	put_part(r, "verified", &row);
	buf_release(&row);
}

static void put_verification(struct reporting *r)
{
	const struct verify_text anchor = {"--anchor", exchange_arg(r->x, "anchor")};
	const struct verify_opts o = {.key = {"--key", exchange_arg(r->x, "key")},
		.anchors = &anchor,
		.anchors_n = anchor.text ? 1 : 0,
		.line = put_line,
		.ctx = r};
	struct err why = {.code = 0};
	enum verdict v = audit_verify(service_log_dir(r->x->service), &o, &why);
	struct buf row = BUF_INIT;

	row_u64(&row, "verdict", (uint64_t)v);
	row_str(&row, "why", v == VERDICT_TAMPERED || v == VERDICT_UNKNOWN ? why.text : NULL);
	row_bool(&row, "anchor", anchor.text != NULL);
	row_bool(&row, "key", o.key.text != NULL);
	put_part(r, "verdict", &row);
	buf_release(&row);
}

static int put_accesses(struct reporting *r, struct err *e)
{
	const struct config *config = service_config(r->x->service);
	struct audit_source source = {.about = log_sight_about,
		.sees = log_sight_sees,
		.about_ctx = r->sight,
		.each = report_row,
		.ctx = r->report};
	struct audit_filter f = {.uid = -1,
		.since_ns = INT64_MIN,
		.until_ns = INT64_MAX,
		.case_id = r->case_id,
		.labels = {config->thumbnailers, config->indexers, config->sniffers}};
	int rc = service_question(r->x->service, answer_progress, r->x->answer, &source.query, e);

	if (rc == 0)
		rc = audit_rows(&source, &f, &r->untold, e);
	if (rc == 0)
		rc = report_sums(r->report, put_part, r);
	return rc;
}

static void put_untold(struct reporting *r)
{
	struct buf row = BUF_INIT;

	row_u64(&row, "blinded", r->untold.blinded);
	row_u64(&row, "left_out", r->untold.left_out);
	put_part(r, "untold", &row);
	buf_release(&row);
}

static int put_head(struct reporting *r)
{
	struct service_status status;
	const struct model_case *c = NULL;
	struct buf row = BUF_INIT;

	service_status(r->x->service, &status);
	c = model_case(service_model(r->x->service), r->case_id);
	if (c)
		put_case(r, c, &status, &row);
	service_model_done(r->x->service);
	buf_release(&row);
	return c ? 0 : -ENOENT;
}

int handle_audit_report(struct exchange *x, struct err *e)
{
	struct reporting r = {.x = x};
	int rc = may_report(&r, e);

	if (rc == 0)
		rc = log_sight_new(x, &r.sight, e);
	if (rc == 0)
		rc = report_new(&r.report);
	if (rc == 0)
		rc = exchange_query(x, r.case_id, e);
	if (rc == 0)
		rc = case_containers(
			x, r.case_id, RIGHT_PRIVILEGED, keep_container, &r, &r.containers, e);
	if (rc == 0)
		rc = put_head(&r);
	if (rc == 0)
		put_catalog(&r);
	if (rc == 0)
		rc = put_marks(&r);
	if (rc == 0) {
		put_containers(&r, "mixed", &r.mixed);
		put_containers(&r, "unopened", &r.unopened);
	}
	if (rc == 0)
		rc = store_each(service_store(x->service), TIME_NEVER, put_act, &r, e);
	if (rc == 0)
		rc = put_accesses(&r, e);
	if (rc == 0)
		put_verification(&r);
	if (rc == 0)
		put_untold(&r);
	buf_release(&r.mixed);
	buf_release(&r.unopened);
	report_free(r.report);
	log_sight_free(r.sight);
	return rc == -ENOMEM ? err_errno(e, ENOMEM, "audit report") : rc;
}
