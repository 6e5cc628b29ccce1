/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - the encoding of the access log, versions 1 to 3
 *
 * The only file that knows it; as byte tables in docs/FORMAT.audit.md. In each
 * version there is one encoding of an event: what record_decode() accepts,
 * record_encode() gives back byte for byte. It does not know of files.
 */
#ifndef EVIDENCEFS_AUDIT_RECORD_H
#define EVIDENCEFS_AUDIT_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "audit/audit.h"

#define RECORD_UNIT      64 /* bytes; the head of a segment and each record are whole units */
#define RECORD_UNITS_MAX 7
#define RECORD_BYTES_MAX (RECORD_UNITS_MAX * RECORD_UNIT)
#define RECORD_LOG_ID    16
#define RECORD_ROOT      32 /* SHA-256 */
#define RECORD_KEY       32 /* Ed25519 */
#define RECORD_SIGNATURE 64
#define RECORD_VERSION   3 /* what is written; older ones are read */

/* The head of a segment, one unit. */
struct record_head {
	uint32_t version;              /* of all records in the segment */
	uint8_t log_id[RECORD_LOG_ID]; /* random, the same in all segments of a log */
	uint64_t first_seq;            /* of the first record in the segment */
	int64_t time_ns;               /* no record in it is earlier */
};

void record_head_encode(const struct record_head *h, uint8_t out[static RECORD_UNIT]);
/** record_head_decode() - Return: 0; -EBADMSG damaged; -ENOTSUP a later version. */
int record_head_decode(const uint8_t in[static RECORD_UNIT], struct record_head *h);

/**
 * record_encode() - one event as bytes
 * @version: RECORD_VERSION, or an older one
 * A READ or CLOSE that was allowed is one unit and refers to its OPEN: gid,
 * loginuid, process_start, exe, evidence, trace, case_id, object, grant and policy
 * are not in it. Version 1 has none of the last four anywhere; fault, nonce and
 * commitment came with version 3.
 *
 * Return: bytes written to @out, a multiple of RECORD_UNIT; -EINVAL when the event
 * has a type or decision that is none in that version, its exe does not end, or
 * something does not fit. EPOCH and DISCONTINUITY: record_seal_encode().
 */
int record_encode(
	const struct audit_event *ev, uint32_t version, uint8_t out[static RECORD_BYTES_MAX]);

/**
 * record_decode() - the event that [n] bytes begin with
 * @version: of the segment they stand in, as record_head_decode() accepted it
 * @ev: filled on success only; what a record does not carry is 0, "", and loginuid
 *      AUDIT_NO_LOGINUID
 *
 * Return: bytes of the record; 0 when more than @n are needed; -EBADMSG when
 * these are no record.
 */
int record_decode(const uint8_t *p, size_t n, uint32_t version, struct audit_event *ev);

/* What an EPOCH or a DISCONTINUITY says. */
struct record_seal {
	uint64_t size; /* of the tree: the checkpoint it names */
	uint8_t root[RECORD_ROOT];
	uint8_t next[RECORD_KEY];
	uint8_t signature[RECORD_SIGNATURE];
};

/** record_seal_encode() - @ev: type, seq, time and nonce. Return: as record_encode(). */
int record_seal_encode(const struct audit_event *ev, const struct record_seal *seal,
	uint8_t out[static RECORD_BYTES_MAX]);
/** record_seal_decode() - of a record that record_decode() took as one of these types. */
void record_seal_decode(const uint8_t *p, struct record_seal *out);

#define RECORD_SEAL_TEXT_MAX 128

/** record_seal_text() - what the signature is over. Return: bytes written to @out. */
size_t record_seal_text(enum audit_type type, const uint8_t log_id[static RECORD_LOG_ID],
	const struct record_seal *seal, uint8_t out[static RECORD_SEAL_TEXT_MAX]);

#endif
