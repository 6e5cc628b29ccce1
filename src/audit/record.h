/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - the encoding of the access log, version 4
 *
 * Only record*.c know it; as byte tables in docs/FORMAT.audit.md. There is
 * one encoding of an event: what record_decode() accepts, the encoder of its type
 * gives back byte for byte. It does not know of files.
 */
#ifndef EVIDENCEFS_AUDIT_RECORD_H
#define EVIDENCEFS_AUDIT_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "audit/audit.h"

#define RECORD_UNIT      64 /* bytes; the head of a segment and each record are whole units */
#define RECORD_UNITS_MAX 10
#define RECORD_BYTES_MAX (RECORD_UNITS_MAX * RECORD_UNIT)
#define RECORD_BEGUN     4 /* offset of 4 bytes that are zero in no record: written last */
#define RECORD_LOG_ID    16
#define RECORD_ROOT      32 /* SHA-256 */
#define RECORD_KEY       32 /* Ed25519 */
#define RECORD_SIGNATURE 64
#define RECORD_VERSION   4
#define RECORD_LEVEL_MAX 40 /* of HASHES */

enum record_kind { RECORD_LOG = 0, RECORD_EXTRACT = 1 };

/* The head of a segment, one unit. */
struct record_head {
	enum record_kind kind;         /* of the whole log */
	uint8_t log_id[RECORD_LOG_ID]; /* random, the same in all segments of a log */
	uint64_t first_seq;            /* of the first record in the segment */
	int64_t time_ns;               /* no record in it is earlier */
};

void record_head_encode(const struct record_head *h, uint8_t out[static RECORD_UNIT]);
/** record_head_decode() - Return: 0; -EBADMSG damaged; -ENOTSUP another version. */
int record_head_decode(const uint8_t in[static RECORD_UNIT], struct record_head *h);

/**
 * record_encode() - one event as bytes
 * A READ or CLOSE that was allowed is one unit and refers to its OPEN: what is in
 * neither is dropped.
 *
 * Return: bytes written to @out, a multiple of RECORD_UNIT; -EINVAL when the event
 * has a type or decision that is none, its exe does not end, its groups do not
 * ascend, or something does not fit. EPOCH, DISCONTINUITY, DEVICE, ENDORSEMENT:
 * record_seal_encode(); HASHES: record_hashes_encode().
 */
int record_encode(const struct audit_event *ev, uint8_t out[static RECORD_BYTES_MAX]);

/**
 * record_decode() - the event that [n] bytes begin with
 * @ev: filled on success only; what a record does not carry is 0, "", and loginuid
 *      AUDIT_NO_LOGINUID
 *
 * Return: bytes of the record; 0 when more than @n are needed; -EBADMSG when
 * these are no record.
 */
int record_decode(const uint8_t *p, size_t n, struct audit_event *ev);

/** record_is_begun() - whether it is none yet: a record that is being written, or was not to its
 * end, or zeros. */
static inline bool record_is_begun(const uint8_t unit[static RECORD_UNIT])
{
	return !unit[RECORD_BEGUN] && !unit[RECORD_BEGUN + 1] && !unit[RECORD_BEGUN + 2] &&
	       !unit[RECORD_BEGUN + 3];
}

/** record_count() - records that it stands for: 1, of HASHES more. */
static inline uint64_t record_count(const struct audit_event *ev)
{
	return ev->type == AUDIT_HASHES ? ev->length : 1;
}

enum record_role { RECORD_BY_DEVICE = 1, RECORD_BY_OWNER = 2, RECORD_BY_AUDITOR = 3 };

/* What an EPOCH, a DISCONTINUITY, a DEVICE or an ENDORSEMENT says. */
struct record_seal {
	uint64_t size;             /* of the tree: the checkpoint it names; ENDORSEMENT: a seq */
	uint64_t role;             /* ENDORSEMENT: enum record_role; else 0 */
	uint8_t root[RECORD_ROOT]; /* ENDORSEMENT: the key that is endorsed */
	uint8_t next[RECORD_KEY];  /* DEVICE, ENDORSEMENT: the key that is named, or endorses */
	uint8_t signature[RECORD_SIGNATURE];
};

/** record_is_seal() - whether it is of one of these types. */
bool record_is_seal(unsigned type);
/** record_seal_encode() - @ev: type, seq, time, nonce; ENDORSEMENT: uid, pid. Return: as
 * record_encode(). */
int record_seal_encode(const struct audit_event *ev, const struct record_seal *seal,
	uint8_t out[static RECORD_BYTES_MAX]);
/** record_seal_decode() - of a record that record_decode() took as one of these types. */
void record_seal_decode(const uint8_t *p, struct record_seal *out);

#define RECORD_SEAL_TEXT_MAX 160

/** record_seal_text() - what the signature is over. Return: bytes written to @out. */
size_t record_seal_text(enum audit_type type, const uint8_t log_id[static RECORD_LOG_ID],
	const struct record_seal *seal, uint8_t out[static RECORD_SEAL_TEXT_MAX]);

/**
 * record_hashes_encode() - 2^@level records by the hash of their subtree
 * @ev: seq, of which the first is to be @level-aligned in the tree, and time
 * Return: as record_encode().
 */
int record_hashes_encode(const struct audit_event *ev, unsigned level,
	const uint8_t hash[static RECORD_ROOT], uint8_t out[static RECORD_BYTES_MAX]);
/** record_is_hashes() - whether a record that was decoded is one of these. */
bool record_is_hashes(const uint8_t *p);
/** record_hashes() - of a record that record_decode() took as HASHES. Borrowed from @p. */
const uint8_t *record_hashes(const uint8_t *p, unsigned *level);

#endif
