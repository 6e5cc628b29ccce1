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
	AT_ZERO = 7,
	AT_SEQ = 8,
	AT_TIME = 16,
	AT_OPEN_SEQ = 24,
	AT_OFFSET = 32,
	AT_LENGTH = 40,
	AT_RESULT = 48,
	AT_UID = 56,
	AT_PID = 60,
	AT_GID = 64, /* from here on only in records of two units and more */
	AT_LOGINUID = 68,
	AT_PROCESS_START = 72,
	AT_EVIDENCE = 80,
	AT_TRACE = 96,
	AT_EXE_LENGTH = 104,
	AT_EXE = 106,
};

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
	put_u32(out + HEAD_VERSION, RECORD_VERSION);
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
	if (get_u32(in + HEAD_VERSION) != RECORD_VERSION)
		return -ENOTSUP;
	if (get_u32(in + HEAD_UNIT) != RECORD_UNIT ||
		!all_zero(in + HEAD_ZERO, HEAD_CRC - HEAD_ZERO) ||
		get_u64(in + HEAD_FIRST_SEQ) == 0)
		return -EBADMSG;
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

static size_t units_of(size_t exe_length)
{
	return (AT_EXE + exe_length + RECORD_UNIT - 1) / RECORD_UNIT;
}

static bool is_valid(unsigned type, unsigned decision)
{
	return type >= AUDIT_START && type <= AUDIT_TYPE_MAX && decision >= AUDIT_ALLOWED &&
	       decision <= AUDIT_DENIED;
}

static void encode_rest(const struct audit_event *ev, size_t exe_length, uint8_t *out, size_t size)
{
	memset(out + RECORD_UNIT, 0, size - RECORD_UNIT);
	put_u32(out + AT_GID, ev->gid);
	put_u32(out + AT_LOGINUID, ev->loginuid);
	put_u64(out + AT_PROCESS_START, ev->process_start);
	memcpy(out + AT_EVIDENCE, ev->evidence, AUDIT_EVIDENCE_ID);
	put_u64(out + AT_TRACE, ev->trace);
	out[AT_EXE_LENGTH] = (uint8_t)exe_length;
	memcpy(out + AT_EXE, ev->exe, exe_length);
}

int record_encode(const struct audit_event *ev, uint8_t out[static RECORD_BYTES_MAX])
{
	size_t exe_length = 0;
	size_t size = RECORD_UNIT;

	if (!is_valid(ev->type, ev->decision) || ev->seq == 0)
		return -EINVAL;
	if (!is_short(ev->type, ev->decision)) {
		exe_length = strnlen(ev->exe, sizeof(ev->exe));
		if (exe_length > AUDIT_EXE_MAX)
			return -EINVAL;
		size = units_of(exe_length) * RECORD_UNIT;
		encode_rest(ev, exe_length, out, size);
	}
	out[AT_TYPE] = (uint8_t)ev->type;
	out[AT_UNITS] = (uint8_t)(size / RECORD_UNIT);
	out[AT_DECISION] = (uint8_t)ev->decision;
	out[AT_ZERO] = 0;
	put_u64(out + AT_SEQ, ev->seq);
	put_u64(out + AT_TIME, (uint64_t)ev->time_ns);
	put_u64(out + AT_OPEN_SEQ, ev->open_seq);
	put_u64(out + AT_OFFSET, ev->offset);
	put_u64(out + AT_LENGTH, ev->length);
	put_u64(out + AT_RESULT, (uint64_t)ev->result);
	put_u32(out + AT_UID, ev->uid);
	put_u32(out + AT_PID, ev->pid);
	put_u32(out + AT_CRC, crc32c(0, out + AT_TYPE, size - AT_TYPE));
	return (int)size;
}

/* The second unit and what follows. Return: whether it is as encode_rest() writes it. */
static bool decode_rest(const uint8_t *p, size_t size, struct audit_event *ev)
{
	size_t exe_length = p[AT_EXE_LENGTH];

	if (units_of(exe_length) * RECORD_UNIT != size || p[AT_EXE_LENGTH + 1] != 0 ||
		memchr(p + AT_EXE, 0, exe_length) ||
		!all_zero(p + AT_EXE + exe_length, size - AT_EXE - exe_length))
		return false;
	ev->gid = get_u32(p + AT_GID);
	ev->loginuid = get_u32(p + AT_LOGINUID);
	ev->process_start = get_u64(p + AT_PROCESS_START);
	memcpy(ev->evidence, p + AT_EVIDENCE, AUDIT_EVIDENCE_ID);
	ev->trace = get_u64(p + AT_TRACE);
	memcpy(ev->exe, p + AT_EXE, exe_length);
	ev->exe[exe_length] = '\0';
	return true;
}

static void decode_first(const uint8_t *p, struct audit_event *ev)
{
	ev->seq = get_u64(p + AT_SEQ);
	ev->time_ns = (int64_t)get_u64(p + AT_TIME);
	ev->type = p[AT_TYPE];
	ev->decision = p[AT_DECISION];
	ev->uid = get_u32(p + AT_UID);
	ev->gid = 0;
	ev->loginuid = AUDIT_NO_LOGINUID;
	ev->pid = get_u32(p + AT_PID);
	ev->process_start = 0;
	ev->exe[0] = '\0';
	memset(ev->evidence, 0, AUDIT_EVIDENCE_ID);
	ev->trace = 0;
	ev->open_seq = get_u64(p + AT_OPEN_SEQ);
	ev->offset = get_u64(p + AT_OFFSET);
	ev->length = get_u64(p + AT_LENGTH);
	ev->result = (int64_t)get_u64(p + AT_RESULT);
}

int record_decode(const uint8_t *p, size_t n, struct audit_event *ev)
{
	size_t units = 0;
	size_t size = 0;

	if (n < RECORD_UNIT)
		return 0;
	units = p[AT_UNITS];
	size = units * RECORD_UNIT;
	if (units < 1 || units > RECORD_UNITS_MAX || !is_valid(p[AT_TYPE], p[AT_DECISION]) ||
		p[AT_ZERO] != 0 || get_u64(p + AT_SEQ) == 0 ||
		is_short(p[AT_TYPE], p[AT_DECISION]) != (units == 1))
		return -EBADMSG;
	if (size > n)
		return 0;
	if (get_u32(p + AT_CRC) != crc32c(0, p + AT_TYPE, size - AT_TYPE))
		return -EBADMSG;
	if (units > 1) {
		struct audit_event full;

		decode_first(p, &full);
		if (!decode_rest(p, size, &full))
			return -EBADMSG;
		*ev = full;
	} else {
		decode_first(p, ev);
	}
	return (int)size;
}

const char *audit_type_name(enum audit_type t)
{
	static const char *const names[] = {"?", "start", "stop", "open", "read", "list", "xattr",
		"readlink", "close", "lookup"};

	return t >= AUDIT_START && t <= AUDIT_TYPE_MAX ? names[t] : names[0];
}

const char *audit_decision_name(enum audit_decision d)
{
	static const char *const names[] = {"?", "allowed", "hidden", "denied"};

	return d >= AUDIT_ALLOWED && d <= AUDIT_DENIED ? names[d] : names[0];
}
