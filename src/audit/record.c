/* SPDX-License-Identifier: Apache-2.0 */
/* record.c - the encoding of the access log; see record.h and docs/FORMAT.audit.md. */
#include "audit/record.h"

#include <errno.h>
#include <string.h>

#include "audit/record_private.h"
#include "base/crc32c.h"

#define FLAG_FAULT 1

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
void record_first_encode(const struct audit_event *ev, uint8_t *out, size_t size)
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

int record_finish(uint8_t *out, size_t size)
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
	record_first_encode(ev, out, size);
	return record_finish(out, size);
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

void record_first_decode(const uint8_t *p, struct audit_event *ev)
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
		return units == RECORD_SEAL_UNITS;
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
	if (record_is_seal(p[AT_TYPE]) || p[AT_TYPE] == AUDIT_HASHES) {
		int rc = record_is_seal(p[AT_TYPE]) ? record_seal_take(p, ev)
						    : record_hashes_take(p, ev);

		if (rc < 0)
			return rc;
	} else if (size > RECORD_UNIT) {
		struct audit_event full;

		record_first_decode(p, &full);
		if (!decode_rest(p, size, &full))
			return -EBADMSG;
		*ev = full;
	} else {
		record_first_decode(p, ev);
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
