/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - the encoding of the access log, version 1
 *
 * The only file that knows it; as byte tables in docs/FORMAT.audit.md. There is
 * one encoding of each event: what record_decode() accepts, record_encode()
 * gives back byte for byte. It does not know of files.
 */
#ifndef EVIDENCEFS_AUDIT_RECORD_H
#define EVIDENCEFS_AUDIT_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "audit/audit.h"

#define RECORD_UNIT      64 /* bytes; the head of a segment and each record are whole units */
#define RECORD_UNITS_MAX 6
#define RECORD_BYTES_MAX (RECORD_UNITS_MAX * RECORD_UNIT)
#define RECORD_LOG_ID    16
#define RECORD_VERSION   1

/* The head of a segment, one unit. */
struct record_head {
	uint8_t log_id[RECORD_LOG_ID]; /* random, the same in all segments of a log */
	uint64_t first_seq;            /* of the first record in the segment */
	int64_t time_ns;               /* no record in it is earlier */
};

void record_head_encode(const struct record_head *h, uint8_t out[static RECORD_UNIT]);
/** record_head_decode() - Return: 0; -EBADMSG damaged; -ENOTSUP another version. */
int record_head_decode(const uint8_t in[static RECORD_UNIT], struct record_head *h);

/**
 * record_encode() - one event as bytes
 * A READ or CLOSE that was allowed is one unit and refers to its OPEN: gid,
 * loginuid, process_start, exe, evidence and trace are not in it.
 *
 * Return: bytes written to @out, a multiple of RECORD_UNIT; -EINVAL when the
 * event has a type or decision that is none, or its exe does not end.
 */
int record_encode(const struct audit_event *ev, uint8_t out[static RECORD_BYTES_MAX]);

/**
 * record_decode() - the event that [n] bytes begin with
 * @ev: filled on success only; what a one-unit record does not carry is 0, "",
 *      and loginuid AUDIT_NO_LOGINUID
 *
 * Return: bytes of the record; 0 when more than @n are needed; -EBADMSG when
 * these are no record.
 */
int record_decode(const uint8_t *p, size_t n, struct audit_event *ev);

#endif
