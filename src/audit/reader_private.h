/* SPDX-License-Identifier: Apache-2.0 */
/* reader_private.h - a reader from within: the bytes of a record, and where it stands. */
#ifndef EVIDENCEFS_AUDIT_READER_PRIVATE_H
#define EVIDENCEFS_AUDIT_READER_PRIVATE_H

#include "audit/audit.h"
#include "audit/segment.h"

struct audit_reader {
	int dirfd;
	struct segment at; /* at.fd < 0: none yet; segment_bytes(): of the last record */
};

/**
 * audit_reader_seek_at() - as audit_reader_seek(), at any time, with a hint
 * @place, @offset: record @place stands at @offset of its segment; 0: not known. Where
 *                  that is not so, the segment is read from its beginning.
 */
int audit_reader_seek_at(
	struct audit_reader *r, uint64_t seq, uint64_t place, uint64_t offset, struct err *e);

#endif
