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

#endif
