/* SPDX-License-Identifier: Apache-2.0 */
/* record.c - the encoding of the access log; see record.h and docs/FORMAT.audit.md. */
#include "audit/record.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/crc32c.h"

/* Offsets within a record; docs/FORMAT.audit.md has the same table. Fixed places rather
 * than a struct buf: this runs under the lock of the log, once for each read. */
enum {
	AT_CRC = 0,
	AT_TYPE = 4,
	AT_UNITS = 5,
	AT_DECISION = 6,
	AT_FLAGS = 7, /* zero before version 3 */
	AT_SEQ = 8,
	AT_TIME = 16,
	AT_NONCE = 24,
	AT_OPEN_SEQ = 32,
	AT_OFFSET = 40,
	AT_LENGTH32 = 48, /* these two in records of one unit only */
	AT_RESULT32 = 52,
	AT_UID = 56,
	AT_PID = 60,
	AT_GID = 64, /* from here on only in records of two units and more */
	AT_LOGINUID = 68,
	AT_PROCESS_START = 72,
	AT_EVIDENCE = 80,
	AT_TRACE = 96,
	AT_EXE_LENGTH = 104,
	AT_CASE = 112, /* from here on not in version 1 */
	AT_OBJECT = 120,
	AT_GRANT = 128,
	AT_POLICY = 136,
	AT_LENGTH = 144, /* from here on not in version 2 */
	AT_RESULT = 152,
	AT_COMMITMENT = 160,
	AT_EXE = 192,
};

/* Where versions 1 and 2 have something else. */
enum {
	OLD_OPEN_SEQ = 24,
	OLD_OFFSET = 32,
	OLD_LENGTH = 40,
	OLD_RESULT = 48,
	OLD_EXE_1 = 106,
	OLD_EXE_2 = 144,
};

/* Of EPOCH and DISCONTINUITY. */
enum {
	SEAL_ZERO = 32, /* to the end of the first unit */
	SEAL_SIZE = 64,
	SEAL_ZERO_2 = 72,
	SEAL_ROOT = 80,
	SEAL_NEXT = 112,
	SEAL_SIGNATURE = 144,
	SEAL_ZERO_3 = 208,
	SEAL_UNITS = 4,
};

#define FLAG_FAULT 1

#define TYPE_MAX_V1 AUDIT_LOOKUP
#define TYPE_MAX_V2 AUDIT_QUERY

/* Offsets within the head of a segment. */
enum {
	HEAD_MAGIC = 0,
	HEAD_VERSION = 8,
	HEAD_UNIT = 12,
	HEAD_LOG_ID = 16,
	HEAD_FIRST_SEQ = 32,
	HEAD_TIME = 40,
	HEAD_ZERO = 48,
	HEAD_CRC = 60,
};

static const uint8_t magic[8] = {'E', 'V', 'F', 'S', 'L', 'O', 'G', '\n'};

static void put_u32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static void put_u64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

static uint32_t get_u32(const uint8_t *p)
{
	uint32_t v = 0;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint64_t get_u64(const uint8_t *p)
{
	uint64_t v = 0;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static bool all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

void record_head_encode(const struct record_head *h, uint8_t out[static RECORD_UNIT])
{
	memset(out, 0, RECORD_UNIT);
	memcpy(out + HEAD_MAGIC, magic, sizeof(magic));
	put_u32(out + HEAD_VERSION, h->version);
	put_u32(out + HEAD_UNIT, RECORD_UNIT);
	memcpy(out + HEAD_LOG_ID, h->log_id, RECORD_LOG_ID);
	put_u64(out + HEAD_FIRST_SEQ, h->first_seq);
	put_u64(out + HEAD_TIME, (uint64_t)h->time_ns);
	put_u32(out + HEAD_CRC, crc32c(0, out, HEAD_CRC));
}

int record_head_decode(const uint8_t in[static RECORD_UNIT], struct record_head *h)
{
	if (memcmp(in + HEAD_MAGIC, magic, sizeof(magic)) != 0 ||
		get_u32(in + HEAD_CRC) != crc32c(0, in, HEAD_CRC))
		return -EBADMSG;
	if (get_u32(in + HEAD_VERSION) > RECORD_VERSION)
		return -ENOTSUP;
	if (get_u32(in + HEAD_VERSION) == 0 || get_u32(in + HEAD_UNIT) != RECORD_UNIT ||
		!all_zero(in + HEAD_ZERO, HEAD_CRC - HEAD_ZERO) ||
		get_u64(in + HEAD_FIRST_SEQ) == 0)
		return -EBADMSG;
	h->version = get_u32(in + HEAD_VERSION);
	memcpy(h->log_id, in + HEAD_LOG_ID, RECORD_LOG_ID);
	h->first_seq = get_u64(in + HEAD_FIRST_SEQ);
	h->time_ns = (int64_t)get_u64(in + HEAD_TIME);
	return 0;
}

/* What its OPEN says need not be said again; a refusal may be of somebody else. */
static bool is_short(unsigned type, unsigned decision)
{
	return (type == AUDIT_READ || type == AUDIT_CLOSE) && decision == AUDIT_ALLOWED;
}

static bool is_seal(unsigned type)
{
	return type == AUDIT_EPOCH || type == AUDIT_DISCONTINUITY;
}

static size_t exe_at(uint32_t version)
{
	return version == 1 ? OLD_EXE_1 : version == 2 ? OLD_EXE_2 : AT_EXE;
}

static size_t units_of(uint32_t version, size_t exe_length)
{
	return (exe_at(version) + exe_length + RECORD_UNIT - 1) / RECORD_UNIT;
}

static bool is_valid(uint32_t version, unsigned type, unsigned decision)
{
	unsigned max = version == 1 ? TYPE_MAX_V1 : version == 2 ? TYPE_MAX_V2 : AUDIT_TYPE_MAX;

	return type >= AUDIT_START && type <= max && decision >= AUDIT_ALLOWED &&
	       decision <= AUDIT_DENIED;
}

static void encode_rest(const struct audit_event *ev, uint32_t version, size_t exe_length,
	uint8_t *out, size_t size)
{
	memset(out + RECORD_UNIT, 0, size - RECORD_UNIT);
	put_u32(out + AT_GID, ev->gid);
	put_u32(out + AT_LOGINUID, ev->loginuid);
	put_u64(out + AT_PROCESS_START, ev->process_start);
	memcpy(out + AT_EVIDENCE, ev->evidence, AUDIT_EVIDENCE_ID);
	put_u64(out + AT_TRACE, ev->trace);
	out[AT_EXE_LENGTH] = (uint8_t)exe_length;
	memcpy(out + exe_at(version), ev->exe, exe_length);
	if (version == 1)
		return;
	put_u64(out + AT_CASE, ev->case_id);
	put_u64(out + AT_OBJECT, ev->object);
	put_u64(out + AT_GRANT, ev->grant);
	put_u64(out + AT_POLICY, ev->policy);
	if (version == 2)
		return;
	put_u64(out + AT_LENGTH, ev->length);
	put_u64(out + AT_RESULT, (uint64_t)ev->result);
	memcpy(out + AT_COMMITMENT, ev->commitment, AUDIT_COMMITMENT);
}

/* What is the same in each record of a version: all of the first unit but the sum. */
static void encode_first(const struct audit_event *ev, uint32_t version, uint8_t *out, size_t size)
{
	out[AT_TYPE] = (uint8_t)ev->type;
	out[AT_UNITS] = (uint8_t)(size / RECORD_UNIT);
	out[AT_DECISION] = (uint8_t)ev->decision;
	out[AT_FLAGS] = version > 2 && ev->fault && ev->type == AUDIT_READ ? FLAG_FAULT : 0;
	put_u64(out + AT_SEQ, ev->seq);
	put_u64(out + AT_TIME, (uint64_t)ev->time_ns);
	if (version > 2) {
		bool one = size == RECORD_UNIT;

		memcpy(out + AT_NONCE, ev->nonce, AUDIT_NONCE);
		put_u64(out + AT_OPEN_SEQ, ev->open_seq);
		put_u64(out + AT_OFFSET, ev->offset);
		put_u32(out + AT_LENGTH32, one ? (uint32_t)ev->length : 0);
		put_u32(out + AT_RESULT32, one ? (uint32_t)(int32_t)ev->result : 0);
	} else {
		put_u64(out + OLD_OPEN_SEQ, ev->open_seq);
		put_u64(out + OLD_OFFSET, ev->offset);
		put_u64(out + OLD_LENGTH, ev->length);
		put_u64(out + OLD_RESULT, (uint64_t)ev->result);
	}
	put_u32(out + AT_UID, ev->uid);
	put_u32(out + AT_PID, ev->pid);
}

int record_encode(
	const struct audit_event *ev, uint32_t version, uint8_t out[static RECORD_BYTES_MAX])
{
	size_t exe_length = 0;
	size_t size = RECORD_UNIT;

	if (!is_valid(version, ev->type, ev->decision) || ev->seq == 0 || is_seal(ev->type))
		return -EINVAL;
	if (!is_short(ev->type, ev->decision)) {
		exe_length = strnlen(ev->exe, sizeof(ev->exe));
		if (exe_length > AUDIT_EXE_MAX)
			return -EINVAL;
		size = units_of(version, exe_length) * RECORD_UNIT;
		encode_rest(ev, version, exe_length, out, size);
	} else if (version > 2 &&
		   (ev->length > UINT32_MAX || ev->result > INT32_MAX || ev->result < INT32_MIN)) {
		return -EINVAL;
	}
	encode_first(ev, version, out, size);
	put_u32(out + AT_CRC, crc32c(0, out + AT_TYPE, size - AT_TYPE));
	return (int)size;
}

int record_seal_encode(const struct audit_event *ev, const struct record_seal *seal,
	uint8_t out[static RECORD_BYTES_MAX])
{
	struct audit_event plain = {.type = ev->type,
		.decision = AUDIT_ALLOWED,
		.seq = ev->seq,
		.time_ns = ev->time_ns};
	const size_t size = SEAL_UNITS * RECORD_UNIT;

	if (!is_seal(ev->type) || ev->seq == 0)
		return -EINVAL;
	memcpy(plain.nonce, ev->nonce, AUDIT_NONCE);
	memset(out, 0, size);
	encode_first(&plain, RECORD_VERSION, out, size);
	put_u64(out + SEAL_SIZE, seal->size);
	memcpy(out + SEAL_ROOT, seal->root, RECORD_ROOT);
	memcpy(out + SEAL_NEXT, seal->next, RECORD_KEY);
	memcpy(out + SEAL_SIGNATURE, seal->signature, RECORD_SIGNATURE);
	put_u32(out + AT_CRC, crc32c(0, out + AT_TYPE, size - AT_TYPE));
	return (int)size;
}

void record_seal_decode(const uint8_t *p, struct record_seal *out)
{
	out->size = get_u64(p + SEAL_SIZE);
	memcpy(out->root, p + SEAL_ROOT, RECORD_ROOT);
	memcpy(out->next, p + SEAL_NEXT, RECORD_KEY);
	memcpy(out->signature, p + SEAL_SIGNATURE, RECORD_SIGNATURE);
}

size_t record_seal_text(enum audit_type type, const uint8_t log_id[static RECORD_LOG_ID],
	const struct record_seal *seal, uint8_t out[static RECORD_SEAL_TEXT_MAX])
{
	const char *what =
		type == AUDIT_EPOCH ? "evidencefs epoch v1\n" : "evidencefs discontinuity v1\n";
	size_t n = strlen(what);

	memcpy(out, what, n);
	memcpy(out + n, log_id, RECORD_LOG_ID);
	n += RECORD_LOG_ID;
	put_u64(out + n, seal->size);
	n += sizeof(seal->size);
	memcpy(out + n, seal->root, RECORD_ROOT);
	n += RECORD_ROOT;
	memcpy(out + n, seal->next, RECORD_KEY);
	return n + RECORD_KEY;
}

/* The second unit and what follows. Return: whether it is as encode_rest() writes it. */
static bool decode_rest(const uint8_t *p, size_t size, uint32_t version, struct audit_event *ev)
{
	size_t exe_length = p[AT_EXE_LENGTH];
	size_t zeros = AT_EXE_LENGTH + 1;
	size_t zeros_end = version == 1 ? OLD_EXE_1 : AT_CASE;
	size_t exe = exe_at(version);

	if (units_of(version, exe_length) * RECORD_UNIT != size ||
		!all_zero(p + zeros, zeros_end - zeros) || memchr(p + exe, 0, exe_length) ||
		!all_zero(p + exe + exe_length, size - exe - exe_length))
		return false;
	if (version > 1) {
		ev->case_id = get_u64(p + AT_CASE);
		ev->object = get_u64(p + AT_OBJECT);
		ev->grant = get_u64(p + AT_GRANT);
		ev->policy = get_u64(p + AT_POLICY);
	}
	if (version > 2) {
		if (!all_zero(p + AT_LENGTH32, AT_UID - AT_LENGTH32))
			return false;
		ev->length = get_u64(p + AT_LENGTH);
		ev->result = (int64_t)get_u64(p + AT_RESULT);
		memcpy(ev->commitment, p + AT_COMMITMENT, AUDIT_COMMITMENT);
	}
	ev->gid = get_u32(p + AT_GID);
	ev->loginuid = get_u32(p + AT_LOGINUID);
	ev->process_start = get_u64(p + AT_PROCESS_START);
	memcpy(ev->evidence, p + AT_EVIDENCE, AUDIT_EVIDENCE_ID);
	ev->trace = get_u64(p + AT_TRACE);
	memcpy(ev->exe, p + exe, exe_length);
	ev->exe[exe_length] = '\0';
	return true;
}

static void decode_first(const uint8_t *p, uint32_t version, struct audit_event *ev)
{
	ev->seq = get_u64(p + AT_SEQ);
	ev->time_ns = (int64_t)get_u64(p + AT_TIME);
	ev->type = p[AT_TYPE];
	ev->decision = p[AT_DECISION];
	ev->fault = (p[AT_FLAGS] & FLAG_FAULT) != 0;
	ev->uid = get_u32(p + AT_UID);
	ev->gid = 0;
	ev->loginuid = AUDIT_NO_LOGINUID;
	ev->pid = get_u32(p + AT_PID);
	ev->process_start = 0;
	ev->exe[0] = '\0';
	memset(ev->evidence, 0, AUDIT_EVIDENCE_ID);
	ev->trace = 0;
	ev->case_id = 0;
	ev->object = 0;
	ev->grant = 0;
	ev->policy = 0;
	memset(ev->nonce, 0, AUDIT_NONCE);
	memset(ev->commitment, 0, AUDIT_COMMITMENT);
	if (version > 2) {
		memcpy(ev->nonce, p + AT_NONCE, AUDIT_NONCE);
		ev->open_seq = get_u64(p + AT_OPEN_SEQ);
		ev->offset = get_u64(p + AT_OFFSET);
		ev->length = get_u32(p + AT_LENGTH32);
		ev->result = (int32_t)get_u32(p + AT_RESULT32);
	} else {
		ev->open_seq = get_u64(p + OLD_OPEN_SEQ);
		ev->offset = get_u64(p + OLD_OFFSET);
		ev->length = get_u64(p + OLD_LENGTH);
		ev->result = (int64_t)get_u64(p + OLD_RESULT);
	}
}

static bool seal_is_well(const uint8_t *p)
{
	return p[AT_DECISION] == AUDIT_ALLOWED &&
	       all_zero(p + SEAL_ZERO, RECORD_UNIT - SEAL_ZERO) &&
	       all_zero(p + SEAL_ZERO_2, SEAL_ROOT - SEAL_ZERO_2) &&
	       all_zero(p + SEAL_ZERO_3, SEAL_UNITS * RECORD_UNIT - SEAL_ZERO_3);
}

/* Whether type, units, decision and flags go together. */
static bool first_is_well(const uint8_t *p, uint32_t version)
{
	unsigned type = p[AT_TYPE];
	size_t units = p[AT_UNITS];
	unsigned flags = version > 2 && type == AUDIT_READ ? FLAG_FAULT : 0;

	if (units < 1 || !is_valid(version, type, p[AT_DECISION]) || (p[AT_FLAGS] & ~flags) != 0 ||
		get_u64(p + AT_SEQ) == 0)
		return false;
	if (is_seal(type))
		return units == SEAL_UNITS;
	if (is_short(type, p[AT_DECISION]))
		return units == 1;
	return units >= units_of(version, 0) && units <= units_of(version, AUDIT_EXE_MAX);
}

int record_decode(const uint8_t *p, size_t n, uint32_t version, struct audit_event *ev)
{
	size_t size = 0;

	if (n < RECORD_UNIT)
		return 0;
	size = (size_t)p[AT_UNITS] * RECORD_UNIT;
	if (!first_is_well(p, version))
		return -EBADMSG;
	if (size > n)
		return 0;
	if (get_u32(p + AT_CRC) != crc32c(0, p + AT_TYPE, size - AT_TYPE))
		return -EBADMSG;
	if (is_seal(p[AT_TYPE])) {
		if (!seal_is_well(p))
			return -EBADMSG;
		decode_first(p, version, ev);
		ev->length = get_u64(p + SEAL_SIZE);
	} else if (size > RECORD_UNIT) {
		struct audit_event full;

		decode_first(p, version, &full);
		if (!decode_rest(p, size, version, &full))
			return -EBADMSG;
		*ev = full;
	} else {
		decode_first(p, version, ev);
	}
	return (int)size;
}

const char *audit_type_name(enum audit_type t)
{
	static const char *const names[] = {"?", "start", "stop", "open", "read", "list", "xattr",
		"readlink", "close", "lookup", "grant", "revoke", "exclude", "mark", "scan", "add",
		"release", "relocate", "verify", "case", "note", "session", "config", "clock",
		"loss", "query", "checkpoint", "epoch", "discontinuity"};

	_Static_assert(sizeof(names) / sizeof(*names) == AUDIT_TYPE_MAX + 1, "a name for each");
	return t >= AUDIT_START && t <= AUDIT_TYPE_MAX ? names[t] : names[0];
}

const char *audit_decision_name(enum audit_decision d)
{
	static const char *const names[] = {"?", "allowed", "hidden", "denied"};

	return d >= AUDIT_ALLOWED && d <= AUDIT_DENIED ? names[d] : names[0];
}
