/* SPDX-License-Identifier: Apache-2.0 */
/* handle_log.c - audit checkpoint, verify, prove: the log as such, for those who watch it. */
#include "control/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit/verify.h"

static int may_watch(struct exchange *x, struct err *e)
{
	if (x->caller->root || x->caller->officer || exchange_audits(x))
		return 0;
	return exchange_refuse(x, "you may not check the log", e);
}

int handle_audit_checkpoint(struct exchange *x, struct err *e)
{
	char text[AUDIT_TEXT_MAX];
	uint64_t size = 0;
	struct audit_event ev = {.type = AUDIT_CHECKPOINT,
		.decision = AUDIT_ALLOWED,
		.uid = x->caller->who.uid,
		.pid = (uint32_t)x->caller->pid,
		.loginuid = AUDIT_NO_LOGINUID};
	int r = may_watch(x, e);

	if (r)
		return r;
	size = audit_checkpoint(service_log(x->service), text);
	if (size == 0)
		return err_set(e, ENOENT, "there is no checkpoint yet");
	ev.length = size;
	if (audit_append_act(service_log(x->service), &ev))
		return err_set(
			e, EIO, "the access log cannot be written; so nothing is handed out");
	row_str(answer_row(x->answer), "text", text);
	answer_row_end(x->answer);
	return 0;
}

static void put_line(void *ctx, const char *text)
{
	struct exchange *x = ctx;

	row_str(answer_row(x->answer), "line", text);
	answer_row_end(x->answer);
}

/* The verdict is part of the answer: a log that is not intact is no failed command. */
int handle_audit_verify(struct exchange *x, struct err *e)
{
	const struct verify_text anchor = {"--anchor", exchange_arg(x, "anchor")};
	const struct verify_opts o = {.key = {"--key", exchange_arg(x, "key")},
		.anchors = &anchor,
		.anchors_n = anchor.text ? 1 : 0,
		.line = put_line,
		.ctx = x};
	struct err why = {.code = 0};
	enum verdict v = VERDICT_UNKNOWN;
	struct buf *row = NULL;
	int r = may_watch(x, e);

	if (r == 0)
		r = exchange_query(x, 0, e);
	if (r)
		return r;
	v = audit_verify(service_log_dir(x->service), &o, &why);
	row = answer_row(x->answer);
	row_u64(row, "verdict", (uint64_t)v);
	row_str(row, "why", v == VERDICT_TAMPERED || v == VERDICT_UNKNOWN ? why.text : NULL);
	answer_row_end(x->answer);
	return 0;
}

/* The case of a record; -ENOENT there is none of that number. */
static int case_of(const struct exchange *x, uint64_t seq, uint64_t *out, struct err *e)
{
	struct audit_reader *reader = NULL;
	struct audit_event ev = {.seq = 0};
	int r = audit_reader_open(service_log_dir(x->service), &reader, e);

	if (r == 0)
		r = audit_reader_seek(reader, seq, e);
	if (r == 0)
		r = audit_reader_next(reader, &ev, e);
	/* a read says which case it is of through its open */
	if (r == 1 && ev.case_id == 0 && ev.open_seq && ev.open_seq < seq && ev.seq == seq) {
		audit_reader_close(reader);
		return case_of(x, ev.open_seq, out, e);
	}
	audit_reader_close(reader);
	if (r == 0 || (r == 1 && ev.seq != seq))
		return err_set(e, ENOENT, "there is no record %llu", (unsigned long long)seq);
	*out = ev.case_id;
	return r < 0 ? r : 0;
}

static int may_prove(struct exchange *x, uint64_t seq, struct err *e)
{
	const struct model *m = NULL;
	uint64_t id = 0;
	bool may = x->caller->officer;
	int r = may ? 0 : case_of(x, seq, &id, NULL);

	if (!may && r == 0 && id) {
		m = service_model(x->service);
		for (size_t i = 0; i < m->cases_n; i++) {
			struct sight sight;

			if (m->cases[i].id != id)
				continue;
			exchange_sight(x, m, &m->cases[i], &sight);
			may = sight.audit;
		}
		service_model_done(x->service);
	}
	return may ? 0 : exchange_refuse(x, "you may not see that record", e);
}

int handle_audit_prove(struct exchange *x, struct err *e)
{
	struct buf proof = BUF_INIT;
	uint64_t seq = 0;
	int r = exchange_number(x, "seq", UINT64_MAX, &seq, e);

	if (r == 0)
		r = may_prove(x, seq, e);
	if (r == 0)
		r = exchange_query(x, 0, e);
	if (r == 0)
		r = audit_prove(service_log_dir(x->service), seq, &proof, e);
	if (r == 0) {
		row_bytes(answer_row(x->answer), "text", proof.data, proof.len);
		answer_row_end(x->answer);
	}
	buf_release(&proof);
	return r;
}
