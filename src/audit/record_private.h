/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record_private.h - what the parts of the encoding share
 *
 * record.c has the records of events, record_seal.c those that the log writes of itself,
 * record_head.c the heads of segments. For nobody else.
 */
#ifndef EVIDENCEFS_AUDIT_RECORD_PRIVATE_H
#define EVIDENCEFS_AUDIT_RECORD_PRIVATE_H

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#include "audit/record.h"

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

#define RECORD_SEAL_UNITS 4

static inline void put_u16(uint8_t *p, uint16_t v)
{
	v = htole16(v);
	memcpy(p, &v, sizeof(v));
}

static inline uint16_t get_u16(const uint8_t *p)
{
	uint16_t v = 0;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static inline void put_u32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void put_u64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

static inline uint32_t get_u32(const uint8_t *p)
{
	uint32_t v = 0;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline uint64_t get_u64(const uint8_t *p)
{
	uint64_t v = 0;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static inline bool all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

/** record_first_encode() - the first unit, but for its sum, of a record of @size bytes. */
void record_first_encode(const struct audit_event *ev, uint8_t *out, size_t size);
/** record_finish() - its sum. Return: @size. */
int record_finish(uint8_t *out, size_t size);
/** record_first_decode() - what the first unit says; the rest of @ev is emptied. */
void record_first_decode(const uint8_t *p, struct audit_event *ev);

/** record_seal_take(), record_hashes_take() - one of these, whose sum is right. Return: 0;
 * -EBADMSG. */
int record_seal_take(const uint8_t *p, struct audit_event *ev);
int record_hashes_take(const uint8_t *p, struct audit_event *ev);

#endif
