/* SPDX-License-Identifier: Apache-2.0 */
/* tail.c - the end of a log that is to be continued; see tail.h. */
#include "audit/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/segment.h"

#define COPY_BYTES 65536

/* A new file in ../torn/, named after segment and offset. Return: descriptor. */
static int create_kept(int torn, const char *segment, uint64_t off, struct tail *t, struct err *e)
{
	for (unsigned i = 1; i < 10000; i++) {
		char name[SEGMENT_NAME_MAX + 48];
		int fd = -1;

		snprintf(name, sizeof(name), "%s-at-%" PRIu64, segment, off);
		if (i > 1)
			snprintf(name + strlen(name), sizeof(name) - strlen(name), "-%u", i);
		fd = openat(torn, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0) {
			memcpy(t->torn, name, sizeof(name));
			return fd;
		}
		if (errno != EEXIST)
			break;
	}
	return err_errno(e, errno, "cannot keep the torn end of %s in ../torn", segment);
}

static int copy_from(int in, uint64_t off, int out, uint64_t *copied)
{
	uint8_t data[COPY_BYTES];

	for (*copied = 0;;) {
		ssize_t n = segment_pread(in, data, sizeof(data), off + *copied);
		ssize_t done = 0;

		if (n <= 0)
			return (int)n;
		while (done < n) {
			ssize_t w = write(out, data + done, (size_t)(n - done));

			if (w < 0 && errno != EINTR)
				return -errno;
			done += w > 0 ? w : 0;
		}
		*copied += (uint64_t)n;
	}
}

/* What stands in @fd from @off on is put into ../torn/ and is safe there. */
int tail_keep(int dirfd, int fd, const char *segment, uint64_t off, struct tail *t, struct err *e)
{
	int torn = -1;
	int out = -1;
	int rc = 0;

	if (mkdirat(dirfd, "../torn", 0700) < 0 && errno != EEXIST)
		return err_errno(e, errno, "cannot make ../torn for the torn end of %s", segment);
	torn = openat(dirfd, "../torn", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (torn < 0)
		return err_errno(e, errno, "cannot open ../torn");
	rc = out = create_kept(torn, segment, off, t, e);
	if (out >= 0) {
		rc = copy_from(fd, off, out, &t->torn_bytes);
		if (rc == 0 && (fsync(out) < 0 || fsync(torn) < 0))
			rc = -errno;
		if (rc < 0)
			err_errno(e, -rc, "cannot keep the torn end of %s in ../torn", segment);
		close(out);
	}
	close(torn);
	return rc;
}

static int cut(int dirfd, struct segment *s, struct tail *t, struct err *e)
{
	int fd = -1;
	int rc = tail_keep(dirfd, s->fd, s->name, s->pos, t, e);

	if (rc < 0)
		return rc;
	fd = openat(dirfd, s->name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || ftruncate(fd, (off_t)s->pos) < 0 || fsync(fd) < 0)
		rc = err_errno(e, errno, "%s: cannot cut off its torn end", s->name);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* The last segment has no whole head, so nothing was ever recorded in it. */
static int drop(int dirfd, uint64_t first_seq, struct tail *t, struct err *e)
{
	char name[SEGMENT_NAME_MAX];
	int fd = openat(dirfd, segment_name(first_seq, name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int rc = 0;

	if (fd < 0)
		return err_errno(e, errno, "%s: cannot open", name);
	rc = tail_keep(dirfd, fd, name, 0, t, e);
	close(fd);
	if (rc == 0 && (unlinkat(dirfd, name, 0) < 0 || fsync(dirfd) < 0))
		rc = err_errno(e, errno, "%s: cannot remove", name);
	return rc;
}

/* Read @s to its end, which becomes that of the log. */
static int find_end(int dirfd, struct segment *s, struct tail *t, struct err *e)
{
	struct audit_event ev;
	struct err seen = {.code = 0};
	struct stat st;
	int rc = 0;

	if (s->head.kind != RECORD_LOG)
		return err_set(e, EINVAL, "is an extract of a log: nothing can be added");
	if (s->whole)
		return err_set(e, EBADMSG, "%s: is compressed, and so not the last", s->name);
	do
		rc = segment_next(s, &ev, &seen);
	while (rc > 0);
	if (rc < 0 && !(rc == -EBADMSG && s->torn))
		return err_set(e, -rc, "%s", seen.text);
	if (fstat(s->fd, &st) < 0)
		return err_errno(e, errno, "%s", s->name);
	if ((uint64_t)st.st_size > s->pos) {
		rc = cut(dirfd, s, t, e);
		if (rc < 0)
			return rc;
	}
	t->any = true;
	t->first_seq = s->head.first_seq;
	t->end = s->pos;
	t->next_seq = s->seq;
	t->time_ns = s->time_ns;
	memcpy(t->log_id, s->head.log_id, RECORD_LOG_ID);
	return 0;
}

static int find_in(int dirfd, const uint64_t *firsts, size_t n, struct tail *t, struct err *e)
{
	struct segment s = {.fd = -1};
	uint64_t dropped = 0;
	int rc = 0;

	if (n > 0 && firsts[0] != 1)
		return err_set(e, EBADMSG, "records 1 to %" PRIu64 " are missing", firsts[0] - 1);
	if (n == 0)
		return 0;
	rc = segment_open(dirfd, firsts[n - 1], &s, e);
	if (rc == -ENODATA) {
		dropped = firsts[--n];
		rc = drop(dirfd, dropped, t, e);
		if (rc < 0 || n == 0)
			return rc;
		rc = segment_open(dirfd, firsts[n - 1], &s, e);
	}
	if (rc < 0)
		return err_set(
			e, -rc, "the segment of record %" PRIu64 " cannot be read", firsts[n - 1]);
	rc = find_end(dirfd, &s, t, e);
	if (rc == 0 && dropped && dropped != t->next_seq)
		rc = err_set(e, EBADMSG, "records %" PRIu64 " to %" PRIu64 " are missing",
			t->next_seq, dropped - 1);
	segment_close(&s);
	return rc;
}

int tail_find(int dirfd, struct tail *out, struct err *e)
{
	struct tail t = {.next_seq = 1, .time_ns = INT64_MIN};
	uint64_t *firsts = NULL;
	size_t n = 0;
	int rc = segment_list(dirfd, &firsts, &n, e);

	if (rc == 0)
		rc = find_in(dirfd, firsts, n, &t, e);
	free(firsts);
	if (rc == 0)
		*out = t;
	return rc;
}
