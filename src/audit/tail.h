/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tail.h - the end of a log that is to be continued
 *
 * Within the audit folder only. An unclean end can leave space (zeros), a part of a record,
 * or of the head of a segment, behind the last whole one; a power cut also whole records
 * behind what was not written. All that but space is kept in ../torn/, synced there, and only
 * then cut off. What the newest checkpoint covers is never cut: a log in which something
 * of that is damaged or missing is refused and left as it is.
 */
#ifndef EVIDENCEFS_AUDIT_TAIL_H
#define EVIDENCEFS_AUDIT_TAIL_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "audit/record.h"
#include "base/err.h"

struct tail {
	bool any;           /* there is a segment */
	uint64_t first_seq; /* of the last segment */
	uint64_t end;       /* bytes of it that are whole records */
	uint64_t next_seq;  /* 1 in an empty log */
	int64_t time_ns;    /* of the last record; INT64_MIN in an empty log */
	uint8_t log_id[RECORD_LOG_ID];
	char torn[NAME_MAX + 1]; /* what was kept in ../torn/ last; "" nothing */
	uint64_t torn_bytes;     /* in all */
};

/**
 * tail_find() - find the end of the log in @dirfd, and cut off what is torn
 * Only for the holder of the log's lock.
 * Errors: -EBADMSG what is sealed is damaged, or missing; -EINVAL an extract; -ENOTSUP another
 * version; else of the file system: nothing was cut then that is not kept.
 */
int tail_find(int dirfd, struct tail *out, struct err *e);

/**
 * tail_keep() - put what stands in @fd from @off on into ../torn/, safe there
 * @t: torn is set, torn_bytes grows
 */
int tail_keep(int dirfd, int fd, const char *name, uint64_t off, struct tail *t, struct err *e);

#endif
