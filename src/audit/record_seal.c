/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record_seal.c - the records that the log writes of itself: EPOCH, DISCONTINUITY, DEVICE,
 * ENDORSEMENT, HASHES; see record.h and docs/FORMAT.audit.md.
 */
#include <errno.h>

#include "audit/record_private.h"

/* Of EPOCH, DISCONTINUITY, DEVICE and ENDORSEMENT. */
enum {
	SEAL_ZERO = 32, /* to the uid */
	SEAL_SIZE = 64,
	SEAL_ROLE = 72,
	SEAL_ROOT = 80,
	SEAL_NEXT = 112,
	SEAL_SIGNATURE = 144,
	SEAL_ZERO_2 = 208,
};

/* Of HASHES: the level stands where others have flags. */
#define AT_HASH 32

int record_seal_encode(const struct audit_event *ev, const struct record_seal *seal,
	uint8_t out[static RECORD_BYTES_MAX])
{
	struct audit_event plain = {.type = ev->type,
		.decision = AUDIT_ALLOWED,
		.seq = ev->seq,
		.time_ns = ev->time_ns};
	const size_t size = RECORD_SEAL_UNITS * RECORD_UNIT;

	if (!record_is_seal(ev->type) || ev->seq == 0)
		return -EINVAL;
	if (ev->type == AUDIT_ENDORSEMENT) {
		plain.uid = ev->uid;
		plain.pid = ev->pid;
	}
	memcpy(plain.nonce, ev->nonce, AUDIT_NONCE);
	memset(out, 0, size);
	record_first_encode(&plain, out, size);
	put_u64(out + SEAL_SIZE, seal->size);
	put_u64(out + SEAL_ROLE, seal->role);
	memcpy(out + SEAL_ROOT, seal->root, RECORD_ROOT);
	memcpy(out + SEAL_NEXT, seal->next, RECORD_KEY);
	memcpy(out + SEAL_SIGNATURE, seal->signature, RECORD_SIGNATURE);
	return record_finish(out, size);
}

void record_seal_decode(const uint8_t *p, struct record_seal *out)
{
	out->size = get_u64(p + SEAL_SIZE);
	out->role = get_u64(p + SEAL_ROLE);
	memcpy(out->root, p + SEAL_ROOT, RECORD_ROOT);
	memcpy(out->next, p + SEAL_NEXT, RECORD_KEY);
	memcpy(out->signature, p + SEAL_SIGNATURE, RECORD_SIGNATURE);
}

size_t record_seal_text(enum audit_type type, const uint8_t log_id[static RECORD_LOG_ID],
	const struct record_seal *seal, uint8_t out[static RECORD_SEAL_TEXT_MAX])
{
	const char *what = type == AUDIT_EPOCH           ? "evidencefs epoch v1\n"
			   : type == AUDIT_DISCONTINUITY ? "evidencefs discontinuity v1\n"
			   : type == AUDIT_DEVICE        ? "evidencefs device v1\n"
							 : "evidencefs endorsement v1\n";
	size_t n = strlen(what);

	memcpy(out, what, n);
	memcpy(out + n, log_id, RECORD_LOG_ID);
	n += RECORD_LOG_ID;
	put_u64(out + n, seal->size);
	put_u64(out + n + 8, seal->role);
	n += 16;
	memcpy(out + n, seal->root, RECORD_ROOT);
	n += RECORD_ROOT;
	memcpy(out + n, seal->next, RECORD_KEY);
	return n + RECORD_KEY;
}

int record_hashes_encode(const struct audit_event *ev, unsigned level,
	const uint8_t hash[static RECORD_ROOT], uint8_t out[static RECORD_BYTES_MAX])
{
	struct audit_event plain = {.type = AUDIT_HASHES,
		.decision = AUDIT_ALLOWED,
		.seq = ev->seq,
		.time_ns = ev->time_ns};

	if (ev->seq == 0 || level > RECORD_LEVEL_MAX ||
		((ev->seq - 1) & ((UINT64_C(1) << level) - 1)) != 0)
		return -EINVAL;
	memset(out, 0, RECORD_UNIT);
	record_first_encode(&plain, out, RECORD_UNIT);
	out[AT_FLAGS] = (uint8_t)level;
	memcpy(out + AT_HASH, hash, RECORD_ROOT);
	return record_finish(out, RECORD_UNIT);
}

bool record_is_hashes(const uint8_t *p)
{
	return p[AT_TYPE] == AUDIT_HASHES;
}

const uint8_t *record_hashes(const uint8_t *p, unsigned *level)
{
	*level = p[AT_FLAGS];
	return p + AT_HASH;
}

static bool seal_is_well(const uint8_t *p)
{
	bool endorses = p[AT_TYPE] == AUDIT_ENDORSEMENT;
	uint64_t role = get_u64(p + SEAL_ROLE);

	return p[AT_DECISION] == AUDIT_ALLOWED &&
	       all_zero(p + SEAL_ZERO, (endorses ? AT_UID : RECORD_UNIT) - SEAL_ZERO) &&
	       (endorses ? role >= RECORD_BY_DEVICE && role <= RECORD_BY_AUDITOR : role == 0) &&
	       (p[AT_TYPE] != AUDIT_DEVICE || all_zero(p + SEAL_SIZE, SEAL_NEXT - SEAL_SIZE)) &&
	       all_zero(p + SEAL_ZERO_2, RECORD_SEAL_UNITS * RECORD_UNIT - SEAL_ZERO_2);
}

int record_seal_take(const uint8_t *p, struct audit_event *ev)
{
	if (!seal_is_well(p))
		return -EBADMSG;
	record_first_decode(p, ev);
	ev->length = get_u64(p + SEAL_SIZE);
	return 0;
}

static bool hashes_are_well(const uint8_t *p)
{
	unsigned level = p[AT_FLAGS];
	uint64_t n = UINT64_C(1) << (level <= RECORD_LEVEL_MAX ? level : 0);

	return level <= RECORD_LEVEL_MAX && p[AT_DECISION] == AUDIT_ALLOWED &&
	       ((get_u64(p + AT_SEQ) - 1) & (n - 1)) == 0 &&
	       get_u64(p + AT_SEQ) <= UINT64_MAX - n && all_zero(p + AT_NONCE, AUDIT_NONCE);
}

int record_hashes_take(const uint8_t *p, struct audit_event *ev)
{
	if (!hashes_are_well(p))
		return -EBADMSG;
	record_first_decode(p, ev);
	ev->open_seq = 0;
	ev->offset = 0;
	ev->length = UINT64_C(1) << p[AT_FLAGS];
	ev->result = 0;
	ev->uid = ev->pid = 0;
	return 0;
}
