/* SPDX-License-Identifier: Apache-2.0 */
/* handle_log.c - audit checkpoint, verify, prove, cosign, endorse: the log as such, for those who
 * watch it. */
#include "control/exchange.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/endorse.h"
#include "audit/verify.h"
#include "audit/witness.h"
#include "base/digest.h"
#include "base/file.h"

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

/* ---- a witness's cosignature ------------------------------------------------------------- */

/* It is kept in the state, beside the log: STATE/anchors/<tree size>-<sum>. */
static int keep_cosigned(const struct exchange *x, uint64_t size, const char *text,
	const uint8_t *sum, struct err *e)
{
	char path[4096];
	char hex[17];

	digest_hex(sum, 8, hex);
	snprintf(path, sizeof(path), "%s/../anchors", service_log_dir(x->service));
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_errno(e, errno, "anchors");
	snprintf(path, sizeof(path), "%s/../anchors/%" PRIu64 "-%s", service_log_dir(x->service),
		size, hex);
	return file_write(path, text, strlen(text), e);
}

static int record_cosigned(
	const struct exchange *x, uint64_t size, const uint8_t *sum, struct err *e)
{
	struct audit_event ev = {.type = AUDIT_CHECKPOINT,
		.decision = AUDIT_ALLOWED,
		.uid = x->caller->who.uid,
		.gid = x->caller->who.gid,
		.pid = (uint32_t)x->caller->pid,
		.loginuid = AUDIT_NO_LOGINUID,
		.offset = 1,
		.length = size};

	memcpy(ev.commitment, sum, sizeof(ev.commitment));
	return audit_append_act(service_log(x->service), &ev)
		       ? err_set(e, EIO, "the access log cannot be written; nothing was changed")
		       : 0;
}

int handle_audit_cosign(struct exchange *x, struct err *e)
{
	const char *text = exchange_arg(x, "text");
	const struct verify_text anchor = {"the cosigned checkpoint", text};
	const struct verify_opts o = {.anchors = &anchor, .anchors_n = 1};
	struct err why = {.code = 0};
	struct digest *d = NULL;
	uint8_t sum[32];
	uint64_t size = 0;
	int r = may_watch(x, e);

	if (r)
		return r;
	r = witness_check(service_config(x->service)->witnesses, text, e);
	if (r < 0)
		return r;
	if (audit_verify(service_log_dir(x->service), &o, &why) != VERDICT_COMPLETE)
		return err_set(e, EBADMSG, "this log does not hold against it: %s", why.text);
	sscanf(text, "%*s %" SCNu64, &size);
	d = digest_new(DIGEST_SHA256);
	r = d ? digest_update(d, text, strlen(text)) : -ENOMEM;
	if (r == 0)
		r = digest_final(d, sum);
	digest_free(d);
	if (r)
		return err_errno(e, -r, "cosign");
	r = record_cosigned(x, size, sum, e);
	return r ? r : keep_cosigned(x, size, text, sum, e);
}

/* ---- vouching for a key ------------------------------------------------------------------- */

/* As whom the caller vouches; 0: as nobody. */
static enum record_role role_of(struct exchange *x)
{
	const struct model *m = NULL;
	bool owner = false;
	bool auditor = x->caller->officer;

	if (x->caller->root)
		return 0;
	m = service_model(x->service);
	for (size_t i = 0; i < m->cases_n; i++) {
		struct sight sight;

		exchange_sight(x, m, &m->cases[i], &sight);
		owner |= sight.standing.owner;
		auditor |= sight.audit && !sight.standing.owner;
	}
	service_model_done(x->service);
	return auditor ? RECORD_BY_AUDITOR : owner ? RECORD_BY_OWNER : 0;
}

/* Hex digits, exactly as many as are wanted. */
static int from_hex(const char *text, uint8_t *out, size_t n)
{
	if (!text || strlen(text) != 2 * n || strspn(text, "0123456789abcdef") != strlen(text))
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		const char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};

		out[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return 0;
}

/* Without a signature it is told what is to be signed; with one, that is recorded. */
int handle_audit_endorse(struct exchange *x, struct err *e)
{
	enum record_role role = role_of(x);
	struct record_seal seal = {.role = role};
	struct audit_breach b;
	char hex[2 * RECORD_KEY + 1];
	struct buf *row = NULL;
	int r = role ? 0 : exchange_refuse(x, "you may not endorse a key of the log", e);

	if (r == 0)
		r = audit_breach(service_log_dir(x->service), role, &b, e);
	if (r)
		return r;
	seal.size = b.seq;
	memcpy(seal.root, b.key, RECORD_KEY);
	if (exchange_arg(x, "signature")) {
		if (from_hex(exchange_arg(x, "signature"), seal.signature, RECORD_SIGNATURE) ||
			from_hex(exchange_arg(x, "by"), seal.next, RECORD_KEY))
			return err_set(e, EINVAL, "endorse: no signature and key in hex");
		return audit_endorse(service_log(x->service), &b, &seal, x->caller->who.uid,
			(uint32_t)x->caller->pid, e);
	}
	row = answer_row(x->answer);
	row_u64(row, "seq", b.seq);
	row_u64(row, "role", role);
	row_str(row, "key", digest_hex(b.key, RECORD_KEY, hex));
	row_str(row, "log", digest_hex(b.log_id, RECORD_LOG_ID, hex));
	answer_row_end(x->answer);
	return 0;
}
