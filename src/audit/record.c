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
	AT_FLAGS = 7,
	AT_SEQ = 8,
	AT_TIME = 16,
	AT_NONCE = 24,
	AT_OPEN_SEQ = 32,
	AT_OFFSET = 40,
	AT_LENGTH32 = 48, /* these two in records of one unit only */
	AT_RESULT32 = 52,
	AT_UID = 56,
	AT_PID = 60,
	AT_GID = 64, /* from here on only in records of several units */
	AT_LOGINUID = 68,
	AT_PROCESS_START = 72,
	AT_EVIDENCE = 80,
	AT_TRACE = 96,
	AT_EXE_LENGTH = 104,
	AT_ZERO = 105,
	AT_GROUPS_N = 106,
	AT_LOGIN_SESSION = 108,
	AT_CASE = 112,
	AT_OBJECT = 120,
	AT_GRANT = 128,
	AT_POLICY = 136,
	AT_LENGTH = 144,
	AT_RESULT = 152,
	AT_COMMITMENT = 160,
	AT_SESSION = 192,
	AT_CGROUP = 200,
	AT_EXE_MAJOR = 208,
	AT_EXE_MINOR = 212,
	AT_EXE_INODE = 216,
	AT_EXE_CTIME = 224,
	AT_PROCESS = 232,
	AT_ZERO_2 = 236,
	AT_GROUPS = 240, /* and behind them exe */
};

/* Of EPOCH, DISCONTINUITY, DEVICE and ENDORSEMENT. */
enum {
	SEAL_ZERO = 32, /* to the uid */
	SEAL_SIZE = 64,
	SEAL_ROLE = 72,
	SEAL_ROOT = 80,
	SEAL_NEXT = 112,
	SEAL_SIGNATURE = 144,
	SEAL_ZERO_2 = 208,
	SEAL_UNITS = 4,
};

#define FLAG_FAULT 1

/* Of HASHES: the level stands where others have flags. */
#define AT_HASH 32

/* Offsets within the head of a segment. */
enum {
	HEAD_MAGIC = 0,
	HEAD_VERSION = 8,
	HEAD_UNIT = 12,
	HEAD_LOG_ID = 16,
	HEAD_FIRST_SEQ = 32,
	HEAD_TIME = 40,
	HEAD_KIND = 48,
	HEAD_ZERO = 49,
	HEAD_CRC = 60,
};

static const uint8_t magic[8] = {'E', 'V', 'F', 'S', 'L', 'O', 'G', '\n'};

static void put_u16(uint8_t *p, uint16_t v)
{
	v = htole16(v);
	memcpy(p, &v, sizeof(v));
}

static uint16_t get_u16(const uint8_t *p)
{
	uint16_t v = 0;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

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
	out[HEAD_KIND] = (uint8_t)h->kind;
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
	if (get_u32(in + HEAD_UNIT) != RECORD_UNIT || in[HEAD_KIND] > RECORD_EXTRACT ||
		!all_zero(in + HEAD_ZERO, HEAD_CRC - HEAD_ZERO) ||
		get_u64(in + HEAD_FIRST_SEQ) == 0)
		return -EBADMSG;
	h->kind = in[HEAD_KIND];
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

bool record_is_seal(unsigned type)
{
	return type >= AUDIT_EPOCH && type <= AUDIT_ENDORSEMENT;
}

static size_t groups_named(bool known, unsigned n)
{
	return !known ? 0 : n < AUDIT_GROUPS_MAX ? n : AUDIT_GROUPS_MAX;
}

static size_t units_of(size_t groups, size_t exe_length)
{
	return (AT_GROUPS + groups * 4 + exe_length + RECORD_UNIT - 1) / RECORD_UNIT;
}

static bool is_valid(unsigned type, unsigned decision)
{
	return type >= AUDIT_START && type <= AUDIT_TYPE_MAX && decision >= AUDIT_ALLOWED &&
	       decision <= AUDIT_DENIED;
}

static void encode_rest(const struct audit_event *ev, size_t exe_length, uint8_t *out, size_t size)
{
	size_t groups = groups_named(ev->groups_known, ev->groups_n);

	memset(out + RECORD_UNIT, 0, size - RECORD_UNIT);
	put_u32(out + AT_GID, ev->gid);
	put_u32(out + AT_LOGINUID, ev->loginuid);
	put_u64(out + AT_PROCESS_START, ev->process_start);
	memcpy(out + AT_EVIDENCE, ev->evidence, AUDIT_EVIDENCE_ID);
	put_u64(out + AT_TRACE, ev->trace);
	out[AT_EXE_LENGTH] = (uint8_t)exe_length;
	put_u16(out + AT_GROUPS_N, (uint16_t)(ev->groups_known ? ev->groups_n + 1 : 0));
	put_u32(out + AT_LOGIN_SESSION, ev->login_session);
	put_u64(out + AT_CASE, ev->case_id);
	put_u64(out + AT_OBJECT, ev->object);
	put_u64(out + AT_GRANT, ev->grant);
	put_u64(out + AT_POLICY, ev->policy);
	put_u64(out + AT_LENGTH, ev->length);
	put_u64(out + AT_RESULT, (uint64_t)ev->result);
	memcpy(out + AT_COMMITMENT, ev->commitment, AUDIT_COMMITMENT);
	put_u64(out + AT_SESSION, ev->session);
	put_u64(out + AT_CGROUP, ev->cgroup);
	put_u32(out + AT_EXE_MAJOR, ev->exe_file.major);
	put_u32(out + AT_EXE_MINOR, ev->exe_file.minor);
	put_u64(out + AT_EXE_INODE, ev->exe_file.inode);
	put_u64(out + AT_EXE_CTIME, (uint64_t)ev->exe_file.ctime_ns);
	put_u32(out + AT_PROCESS, ev->process);
	for (size_t i = 0; i < groups; i++)
		put_u32(out + AT_GROUPS + i * 4, ev->groups[i]);
	memcpy(out + AT_GROUPS + groups * 4, ev->exe, exe_length);
}

/* What is the same in each record: all of the first unit but the sum. */
static void encode_first(const struct audit_event *ev, uint8_t *out, size_t size)
{
	bool one = size == RECORD_UNIT;

	out[AT_TYPE] = (uint8_t)ev->type;
	out[AT_UNITS] = (uint8_t)(size / RECORD_UNIT);
	out[AT_DECISION] = (uint8_t)ev->decision;
	out[AT_FLAGS] = ev->fault && ev->type == AUDIT_READ ? FLAG_FAULT : 0;
	put_u64(out + AT_SEQ, ev->seq);
	put_u64(out + AT_TIME, (uint64_t)ev->time_ns);
	memcpy(out + AT_NONCE, ev->nonce, AUDIT_NONCE);
	put_u64(out + AT_OPEN_SEQ, ev->open_seq);
	put_u64(out + AT_OFFSET, ev->offset);
	put_u32(out + AT_LENGTH32, one ? (uint32_t)ev->length : 0);
	put_u32(out + AT_RESULT32, one ? (uint32_t)(int32_t)ev->result : 0);
	put_u32(out + AT_UID, ev->uid);
	put_u32(out + AT_PID, ev->pid);
}

static int finish(uint8_t *out, size_t size)
{
	put_u32(out + AT_CRC, crc32c(0, out + AT_TYPE, size - AT_TYPE));
	return (int)size;
}

/* Whether a list of groups is as the format has it. */
static bool groups_are_well(const struct audit_event *ev)
{
	size_t n = groups_named(ev->groups_known, ev->groups_n);

	for (size_t i = 1; i < n; i++)
		if (ev->groups[i] <= ev->groups[i - 1])
			return false;
	return ev->groups_n < UINT16_MAX;
}

int record_encode(const struct audit_event *ev, uint8_t out[static RECORD_BYTES_MAX])
{
	size_t exe_length = 0;
	size_t size = RECORD_UNIT;

	if (!is_valid(ev->type, ev->decision) || ev->seq == 0 || record_is_seal(ev->type) ||
		ev->type == AUDIT_HASHES)
		return -EINVAL;
	if (!is_short(ev->type, ev->decision)) {
		exe_length = strnlen(ev->exe, sizeof(ev->exe));
		if (exe_length > AUDIT_EXE_MAX || !groups_are_well(ev))
			return -EINVAL;
		size = units_of(groups_named(ev->groups_known, ev->groups_n), exe_length) *
		       RECORD_UNIT;
		encode_rest(ev, exe_length, out, size);
	} else if (ev->length > UINT32_MAX || ev->result > INT32_MAX || ev->result < INT32_MIN) {
		return -EINVAL;
	}
	encode_first(ev, out, size);
	return finish(out, size);
}

int record_seal_encode(const struct audit_event *ev, const struct record_seal *seal,
	uint8_t out[static RECORD_BYTES_MAX])
{
	struct audit_event plain = {.type = ev->type,
		.decision = AUDIT_ALLOWED,
		.seq = ev->seq,
		.time_ns = ev->time_ns};
	const size_t size = SEAL_UNITS * RECORD_UNIT;

	if (!record_is_seal(ev->type) || ev->seq == 0)
		return -EINVAL;
	if (ev->type == AUDIT_ENDORSEMENT) {
		plain.uid = ev->uid;
		plain.pid = ev->pid;
	}
	memcpy(plain.nonce, ev->nonce, AUDIT_NONCE);
	memset(out, 0, size);
	encode_first(&plain, out, size);
	put_u64(out + SEAL_SIZE, seal->size);
	put_u64(out + SEAL_ROLE, seal->role);
	memcpy(out + SEAL_ROOT, seal->root, RECORD_ROOT);
	memcpy(out + SEAL_NEXT, seal->next, RECORD_KEY);
	memcpy(out + SEAL_SIGNATURE, seal->signature, RECORD_SIGNATURE);
	return finish(out, size);
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
	encode_first(&plain, out, RECORD_UNIT);
	out[AT_FLAGS] = (uint8_t)level;
	memcpy(out + AT_HASH, hash, RECORD_ROOT);
	return finish(out, RECORD_UNIT);
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

/* How many groups are named; what stands there is not looked at yet. */
static size_t groups_of(const uint8_t *p)
{
	unsigned n = get_u16(p + AT_GROUPS_N);

	return groups_named(n > 0, n - 1);
}

static void decode_process(const uint8_t *p, struct audit_event *ev)
{
	unsigned groups = get_u16(p + AT_GROUPS_N);

	ev->gid = get_u32(p + AT_GID);
	ev->loginuid = get_u32(p + AT_LOGINUID);
	ev->process_start = get_u64(p + AT_PROCESS_START);
	ev->process = get_u32(p + AT_PROCESS);
	ev->login_session = get_u32(p + AT_LOGIN_SESSION);
	ev->cgroup = get_u64(p + AT_CGROUP);
	ev->exe_file = (struct audit_exe_file){.major = get_u32(p + AT_EXE_MAJOR),
		.minor = get_u32(p + AT_EXE_MINOR),
		.inode = get_u64(p + AT_EXE_INODE),
		.ctime_ns = (int64_t)get_u64(p + AT_EXE_CTIME)};
	ev->groups_known = groups > 0;
	ev->groups_n = (uint16_t)(groups > 0 ? groups - 1 : 0);
	for (size_t i = 0; i < groups_of(p); i++)
		ev->groups[i] = get_u32(p + AT_GROUPS + i * 4);
}

/* The second unit and what follows. Return: whether it is as encode_rest() writes it. */
static bool decode_rest(const uint8_t *p, size_t size, struct audit_event *ev)
{
	size_t groups = groups_of(p);
	size_t exe_length = p[AT_EXE_LENGTH];
	size_t exe = AT_GROUPS + groups * 4;

	if (units_of(groups, exe_length) * RECORD_UNIT != size || p[AT_ZERO] ||
		get_u32(p + AT_ZERO_2) || memchr(p + exe, 0, exe_length) ||
		!all_zero(p + exe + exe_length, size - exe - exe_length) ||
		!all_zero(p + AT_LENGTH32, AT_UID - AT_LENGTH32))
		return false;
	decode_process(p, ev);
	memcpy(ev->exe, p + exe, exe_length);
	ev->exe[exe_length] = '\0';
	memcpy(ev->evidence, p + AT_EVIDENCE, AUDIT_EVIDENCE_ID);
	ev->trace = get_u64(p + AT_TRACE);
	ev->case_id = get_u64(p + AT_CASE);
	ev->object = get_u64(p + AT_OBJECT);
	ev->grant = get_u64(p + AT_GRANT);
	ev->policy = get_u64(p + AT_POLICY);
	ev->length = get_u64(p + AT_LENGTH);
	ev->result = (int64_t)get_u64(p + AT_RESULT);
	memcpy(ev->commitment, p + AT_COMMITMENT, AUDIT_COMMITMENT);
	ev->session = get_u64(p + AT_SESSION);
	return groups_are_well(ev);
}

/* All that a record of one unit does not carry; of the groups, that there are none. */
static void forget_rest(struct audit_event *ev)
{
	ev->gid = 0;
	ev->loginuid = AUDIT_NO_LOGINUID;
	ev->process_start = 0;
	ev->process = 0;
	ev->login_session = 0;
	ev->cgroup = 0;
	ev->exe[0] = '\0';
	ev->exe_file = (struct audit_exe_file){.inode = 0};
	ev->groups_known = false;
	ev->groups_n = 0;
	ev->session = 0;
	memset(ev->evidence, 0, AUDIT_EVIDENCE_ID);
	ev->trace = 0;
	ev->case_id = 0;
	ev->object = 0;
	ev->grant = 0;
	ev->policy = 0;
	memset(ev->commitment, 0, AUDIT_COMMITMENT);
}

static void decode_first(const uint8_t *p, struct audit_event *ev)
{
	ev->seq = get_u64(p + AT_SEQ);
	ev->time_ns = (int64_t)get_u64(p + AT_TIME);
	ev->type = p[AT_TYPE];
	ev->decision = p[AT_DECISION];
	ev->fault = ev->type == AUDIT_READ && (p[AT_FLAGS] & FLAG_FAULT) != 0;
	ev->uid = get_u32(p + AT_UID);
	ev->pid = get_u32(p + AT_PID);
	memcpy(ev->nonce, p + AT_NONCE, AUDIT_NONCE);
	ev->open_seq = get_u64(p + AT_OPEN_SEQ);
	ev->offset = get_u64(p + AT_OFFSET);
	ev->length = get_u32(p + AT_LENGTH32);
	ev->result = (int32_t)get_u32(p + AT_RESULT32);
	forget_rest(ev);
}

static bool seal_is_well(const uint8_t *p)
{
	bool endorses = p[AT_TYPE] == AUDIT_ENDORSEMENT;
	uint64_t role = get_u64(p + SEAL_ROLE);

	return p[AT_DECISION] == AUDIT_ALLOWED &&
	       all_zero(p + SEAL_ZERO, (endorses ? AT_UID : RECORD_UNIT) - SEAL_ZERO) &&
	       (endorses ? role >= RECORD_BY_DEVICE && role <= RECORD_BY_AUDITOR : role == 0) &&
	       (p[AT_TYPE] != AUDIT_DEVICE || all_zero(p + SEAL_SIZE, SEAL_NEXT - SEAL_SIZE)) &&
	       all_zero(p + SEAL_ZERO_2, SEAL_UNITS * RECORD_UNIT - SEAL_ZERO_2);
}

static void decode_seal(const uint8_t *p, struct audit_event *ev)
{
	decode_first(p, ev);
	ev->length = get_u64(p + SEAL_SIZE);
}

static bool hashes_are_well(const uint8_t *p)
{
	unsigned level = p[AT_FLAGS];
	uint64_t n = UINT64_C(1) << (level <= RECORD_LEVEL_MAX ? level : 0);

	return level <= RECORD_LEVEL_MAX && p[AT_DECISION] == AUDIT_ALLOWED &&
	       ((get_u64(p + AT_SEQ) - 1) & (n - 1)) == 0 &&
	       get_u64(p + AT_SEQ) <= UINT64_MAX - n && all_zero(p + AT_NONCE, AUDIT_NONCE);
}

static void decode_hashes(const uint8_t *p, struct audit_event *ev)
{
	decode_first(p, ev);
	ev->open_seq = 0;
	ev->offset = 0;
	ev->length = UINT64_C(1) << p[AT_FLAGS];
	ev->result = 0;
	ev->uid = ev->pid = 0;
}

/* Whether type, units, decision and flags go together. */
static bool first_is_well(const uint8_t *p)
{
	unsigned type = p[AT_TYPE];
	size_t units = p[AT_UNITS];
	unsigned flags = type == AUDIT_READ ? FLAG_FAULT : type == AUDIT_HASHES ? 0xff : 0;

	if (!is_valid(type, p[AT_DECISION]) || (p[AT_FLAGS] & ~flags) != 0 ||
		get_u64(p + AT_SEQ) == 0)
		return false;
	if (record_is_seal(type))
		return units == SEAL_UNITS;
	if (type == AUDIT_HASHES || is_short(type, p[AT_DECISION]))
		return units == 1;
	return units >= units_of(0, 0) && units <= RECORD_UNITS_MAX;
}

int record_decode(const uint8_t *p, size_t n, struct audit_event *ev)
{
	size_t size = 0;

	if (n < RECORD_UNIT)
		return 0;
	size = (size_t)p[AT_UNITS] * RECORD_UNIT;
	if (!first_is_well(p))
		return -EBADMSG;
	if (size > n)
		return 0;
	if (get_u32(p + AT_CRC) != crc32c(0, p + AT_TYPE, size - AT_TYPE))
		return -EBADMSG;
	if (record_is_seal(p[AT_TYPE])) {
		if (!seal_is_well(p))
			return -EBADMSG;
		decode_seal(p, ev);
	} else if (p[AT_TYPE] == AUDIT_HASHES) {
		if (!hashes_are_well(p))
			return -EBADMSG;
		decode_hashes(p, ev);
	} else if (size > RECORD_UNIT) {
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
		"readlink", "close", "lookup", "grant", "revoke", "exclude", "mark", "scan", "add",
		"release", "relocate", "verify", "case", "note", "session", "config", "clock",
		"loss", "query", "checkpoint", "epoch", "discontinuity", "device", "endorsement",
		"retention", "hashes"};

	_Static_assert(sizeof(names) / sizeof(*names) == AUDIT_TYPE_MAX + 1, "a name for each");
	return t >= AUDIT_START && t <= AUDIT_TYPE_MAX ? names[t] : names[0];
}

const char *audit_decision_name(enum audit_decision d)
{
	static const char *const names[] = {"?", "allowed", "hidden", "denied"};

	return d >= AUDIT_ALLOWED && d <= AUDIT_DENIED ? names[d] : names[0];
}
