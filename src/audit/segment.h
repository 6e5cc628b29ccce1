/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment.h - reading one segment file of the access log
 *
 * Within the audit folder only: what the writer needs to find the end of a log
 * and the reader needs to follow it. A segment is a head and records of
 * ascending number without a gap; its name says the number of the first.
 * It may grow while it is read.
 */
#ifndef EVIDENCEFS_AUDIT_SEGMENT_H
#define EVIDENCEFS_AUDIT_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/audit.h"
#include "audit/record.h"

#define SEGMENT_BYTES_MAX ((uint64_t)64 << 20)
#define SEGMENT_NAME_MAX  32
#define SEGMENT_FRESH     "../segment.new" /* one that is made, and not in log/ yet */

struct segment {
	int fd;
	char name[SEGMENT_NAME_MAX];
	struct record_head head;
	uint64_t pos;    /* offset of the next record */
	uint64_t seq;    /* its number */
	int64_t time_ns; /* of the record before, or of the head */
	bool torn;       /* segment_next() saw bytes at pos, not only zeros, no record among them */
	bool whole;      /* it is compressed: data is all of it */
	uint8_t *data;   /* read ahead, from offset base */
	size_t len;
	uint64_t base;
	size_t size; /* bytes of the last record that segment_next() gave */
};

/** segment_name() - "log-<20 digits>.seg". Return: @out. */
const char *segment_name(uint64_t first_seq, char out[static SEGMENT_NAME_MAX]);

/**
 * segment_list() - numbers of the first records of all segments, ascending
 * @out: caller frees; NULL when there is none
 * Other names in the directory are not looked at.
 */
int segment_list(int dirfd, uint64_t **out, size_t *n, struct err *e);

/**
 * segment_open() - open the segment that begins with @first_seq
 * Errors: -ENOENT not there; -ENODATA its head is not whole (torn: the file is
 * shorter than a head, or all zeros); -EBADMSG damaged head, or of another
 * segment; -ENOTSUP another version. The first two leave @e alone.
 */
int segment_open(int dirfd, uint64_t first_seq, struct segment *s, struct err *e);
void segment_close(struct segment *s);
/** segment_forget() - where all of it was read, its bytes: two uncompressed segments at once would
 * take much memory. */
void segment_forget(struct segment *s);
/** segment_fresh() - an empty file that is to take a segment's place; not in the log yet. Return: a
 * descriptor; -errno. */
int segment_fresh(int dirfd);
/**
 * segment_replace() - what was written to @fd, of segment_fresh(), takes the place of @name
 * @rc: what became of writing it: below 0 it is thrown away
 * By one rename, synced before and after. @fd is closed.
 * Return: 0; @rc; -errno.
 */
int segment_replace(int dirfd, int fd, const char *name, int rc);
/** segment_head() - its head alone. Errors: as segment_open(). */
int segment_head(int dirfd, uint64_t first_seq, struct record_head *out, struct err *e);

/**
 * segment_next() - the next record
 * Return: 1 and @ev filled; 0 at the end, where only zeros stand (space that was taken
 * ahead), and when what stands there is only a part of a record (then @s->torn); -EBADMSG damaged:
 * @s->torn is also set when no whole record follows; -EIO.
 */
int segment_next(struct segment *s, struct audit_event *ev, struct err *e);

/** segment_bytes() - the bytes of that record: @s->size of them. Borrowed until the next. */
const uint8_t *segment_bytes(const struct segment *s);

/** segment_size() - its bytes now, uncompressed. Return: or -errno. */
int64_t segment_size(const struct segment *s);

/** segment_pread() - read until @n bytes or the end. Return: bytes, or -errno. */
ssize_t segment_pread(int fd, void *p, size_t n, uint64_t off);

#endif
