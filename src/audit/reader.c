/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader.c - the access log read from its first record on; see audit.h.
 *
 * Takes no lock and writes nothing. The end of a segment is the end of the log
 * until the file named after the next record is there; when a later one is there
 * instead, records are missing.
 */
#include "audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/reader_private.h"

int audit_reader_open(const char *dir, struct audit_reader **out, struct err *e)
{
	struct audit_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return err_errno(e, ENOMEM, "%s", dir);
	r->at.fd = -1;
	r->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dirfd < 0) {
		int code = errno;

		free(r);
		return err_errno(e, code, "%s: cannot open the access log", dir);
	}
	*out = r;
	return 0;
}

void audit_reader_close(struct audit_reader *r)
{
	if (!r)
		return;
	segment_close(&r->at);
	close(r->dirfd);
	free(r);
}

/* No segment begins with record @next: is there one that begins later?
 * Return: 0 no; -EBADMSG. */
static int check_missing(struct audit_reader *r, uint64_t next, struct err *e)
{
	uint64_t *firsts = NULL;
	size_t n = 0;
	uint64_t later = 0;
	char name[SEGMENT_NAME_MAX];
	int rc = segment_list(r->dirfd, &firsts, &n, e);

	for (size_t i = 0; i < n && rc == 0 && !later; i++)
		if (firsts[i] > next)
			later = firsts[i];
	free(firsts);
	/* Both may have been made since the caller looked. */
	if (later && faccessat(r->dirfd, segment_name(next, name), F_OK, 0) < 0)
		rc = err_set(e, EBADMSG, "records %" PRIu64 " to %" PRIu64 " are missing before %s",
			next, later - 1, segment_name(later, name));
	return rc;
}

/* The segment in hand must end where its last record ends, and the next one
 * must be of the same log and not be earlier. */
static int check_follows(const struct segment *s, const struct segment *next, struct err *e)
{
	int64_t size = segment_size(s);

	if (size < 0) {
		err_errno(e, (int)-size, "%s", s->name);
		return -EIO;
	}
	if ((uint64_t)size != s->pos)
		return err_set(e, EBADMSG,
			"%s: damaged record at offset %" PRIu64 " (behind record %" PRIu64
			", the last)",
			s->name, s->pos, s->seq - 1);
	if (memcmp(s->head.log_id, next->head.log_id, RECORD_LOG_ID) != 0)
		return err_set(e, EBADMSG, "%s: is of another log, at offset 0", next->name);
	if (s->head.kind != next->head.kind)
		return err_set(e, EBADMSG, "%s: is of another kind, at offset 0", next->name);
	if (next->head.time_ns < s->time_ns)
		return err_set(e, EBADMSG, "%s: is earlier than the record before, at offset 0",
			next->name);
	return 0;
}

/* Return: 1 the next segment is in hand; 0 there is none yet; -errno. */
static int enter_next(struct audit_reader *r, struct err *e)
{
	struct segment next = {.fd = -1};
	uint64_t seq = r->at.fd < 0 ? 1 : r->at.seq;
	int rc = 0;

	if (r->at.fd >= 0 && r->at.seq == r->at.head.first_seq)
		return check_missing(r, seq, e);
	segment_forget(&r->at);
	rc = segment_open(r->dirfd, seq, &next, e);
	if (rc == -ENOENT || rc == -ENODATA)
		return check_missing(r, seq, e);
	if (rc == -EBADMSG || rc == -ENOTSUP)
		return rc;
	if (rc < 0)
		return -EIO;
	rc = r->at.fd < 0 ? 0 : check_follows(&r->at, &next, e);
	if (rc < 0) {
		segment_close(&next);
		return rc;
	}
	segment_close(&r->at);
	r->at = next;
	return 1;
}

/* The segment that holds record @seq, as far as the names of segments say. */
static int segment_of(struct audit_reader *r, uint64_t seq, uint64_t *first, struct err *e)
{
	uint64_t *firsts = NULL;
	size_t n = 0;
	int rc = segment_list(r->dirfd, &firsts, &n, e);

	*first = 0;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (firsts[i] <= seq && firsts[i] > *first)
			*first = firsts[i];
	}
	free(firsts);
	return rc;
}

/* Read on until record @seq is the next. */
static int read_to(struct audit_reader *r, uint64_t seq, struct err *e)
{
	struct audit_event ev;
	int rc = 0;

	while (rc >= 0 && r->at.seq < seq && (rc = segment_next(&r->at, &ev, e)) == 1)
		;
	return rc < 0 ? rc : 0;
}

int audit_reader_seek_at(
	struct audit_reader *r, uint64_t seq, uint64_t place, uint64_t offset, struct err *e)
{
	uint64_t first = 0;
	int rc = segment_of(r, seq, &first, e);

	segment_close(&r->at);
	if (rc < 0 || first == 0)
		return rc;
	rc = segment_open(r->dirfd, first, &r->at, e);
	if (rc == -ENOENT || rc == -ENODATA)
		return 0;
	if (rc < 0)
		return rc;
	if (place > first && place <= seq) {
		r->at.pos = offset;
		r->at.seq = place;
		rc = read_to(r, seq, NULL);
		/* what stood there may have been replaced since */
		if (rc == 0 && r->at.seq >= seq)
			return 0;
		return audit_reader_seek_at(r, seq, 0, 0, e);
	}
	return read_to(r, seq, e);
}

int audit_reader_seek(struct audit_reader *r, uint64_t seq, struct err *e)
{
	return audit_reader_seek_at(r, seq, 0, 0, e);
}

int audit_reader_next(struct audit_reader *r, struct audit_event *ev, struct err *e)
{
	for (;;) {
		struct err why = {.code = 0};
		int rc = r->at.fd < 0 ? 0 : segment_next(&r->at, ev, e);

		if (rc != 0)
			return rc;
		rc = enter_next(r, &why);
		/* it may have grown, and another have been begun, since its end was seen */
		if (rc == -EBADMSG && r->at.fd >= 0 && segment_next(&r->at, ev, NULL) == 1)
			return 1;
		if (rc < 0 && why.code)
			return err_set(e, -rc, "%s", why.text);
		if (rc <= 0)
			return rc;
	}
}
