/* SPDX-License-Identifier: Apache-2.0 */
/* handle_extract.c - audit export --format case: a case's records in full, hashes for the rest. */
#include "control/exchange.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "audit/extract.h"
#include "control/log_sight.h"

struct extracting {
	struct exchange *x;
	struct log_sight *sight;
	uint64_t case_id;
	uint64_t withheld;
};

/* In full is given what this reader sees all of; what would be blinded stands as a hash. */
static bool wanted(void *ctx, const struct audit_event *ev)
{
	struct extracting *r = ctx;
	struct audit_about about = {.skip = false};

	if (ev->case_id != r->case_id)
		return false;
	log_sight_about(r->sight, ev, &about);
	r->withheld += about.withheld || about.left_out;
	return !about.skip && !about.withheld && !about.left_out;
}

static int put(void *ctx, const char *file, const void *p, size_t n)
{
	struct extracting *r = ctx;
	struct answer *answer = r->x->answer;
	struct buf *row = NULL;

	if (!log_sight_same(r->sight))
		return -EACCES;
	row = answer_row(answer);
	row_str(row, "file", file);
	row_bytes(row, "data", p ? p : "", n);
	answer_row_end(answer);
	return answer_flush(answer);
}

static int tell(void *ctx, uint64_t done, uint64_t total)
{
	struct extracting *r = ctx;

	return answer_progress(r->x->answer, "reading the access log", done, total) ? -EPIPE : 0;
}

static int may_extract(struct extracting *r, struct err *e)
{
	const struct model *m = service_model(r->x->service);
	const struct model_case *c = NULL;
	struct sight s;
	int rc = exchange_case(r->x, m, &c, &s, e);

	if (rc == 0 && !s.audit)
		rc = exchange_refuse(r->x, "you may not have all of its log", e);
	if (rc == 0)
		r->case_id = c->id;
	service_model_done(r->x->service);
	return rc;
}

int handle_extract(struct exchange *x, struct err *e)
{
	struct extracting r = {.x = x};
	const struct extract_to to = {.wanted = wanted, .put = put, .progress = tell, .ctx = &r};
	struct extract_sums sums = {0};
	int rc = may_extract(&r, e);

	if (rc == 0)
		rc = log_sight_new(x, &r.sight, e);
	if (rc == 0)
		rc = exchange_query(x, r.case_id, e);
	if (rc == 0)
		rc = audit_extract(service_log_dir(x->service), &to, &sums, e);
	if (rc == -EACCES)
		err_set(e, EACCES, "what you may see of the log has changed meanwhile: ask again");
	if (rc == 0)
		answer_note(x->answer,
			"%" PRIu64 " of %" PRIu64 " records are given in full, for the others "
			"stand hashes",
			sums.whole, sums.records);
	if (rc == 0 && r.withheld > 0)
		answer_note(x->answer,
			"%" PRIu64 " records of the case are among these: what they are about is "
			"withheld from you",
			r.withheld);
	log_sight_free(r.sight);
	return rc;
}
