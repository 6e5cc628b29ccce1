/* SPDX-License-Identifier: Apache-2.0 */
/* segment.c - reading one segment file; see segment.h. */
#include "audit/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/unxz.h"
#include "base/buf.h"

#define AHEAD_BYTES ((size_t)256 << 10)
#define PACKED_MAX  (SEGMENT_BYTES_MAX + (1 << 20)) /* xz adds little to what does not compress */

const char *segment_name(uint64_t first_seq, char out[static SEGMENT_NAME_MAX])
{
	snprintf(out, SEGMENT_NAME_MAX, "log-%020" PRIu64 ".seg", first_seq);
	return out;
}

/* 0 when @name is not that of a segment. */
static uint64_t first_of_name(const char *name)
{
	char again[SEGMENT_NAME_MAX];
	uint64_t first = 0;

	if (strncmp(name, "log-", 4) != 0 || name[4] < '0' || name[4] > '9')
		return 0;
	first = strtoull(name + 4, NULL, 10);
	return strcmp(segment_name(first, again), name) == 0 ? first : 0;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int segment_list(int dirfd, uint64_t **out, size_t *n, struct err *e)
{
	struct buf found = BUF_INIT;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry = NULL;

	if (!dir) {
		int code = errno;

		if (fd >= 0)
			close(fd);
		return err_errno(e, code, "cannot list the access log");
	}
	errno = 0;
	while ((entry = readdir(dir))) {
		uint64_t first = first_of_name(entry->d_name);

		if (first)
			buf_put(&found, &first, sizeof(first));
	}
	if (errno || found.error) {
		int code = found.error ? -found.error : errno;

		closedir(dir);
		buf_release(&found);
		return err_errno(e, code, "cannot list the access log");
	}
	closedir(dir);
	*out = (uint64_t *)(void *)found.data; /* malloc()ed, and so aligned */
	*n = found.len / sizeof(uint64_t);
	if (*n > 1)
		qsort(*out, *n, sizeof(uint64_t), compare_u64);
	return 0;
}

ssize_t segment_pread(int fd, void *p, size_t n, uint64_t off)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = pread(fd, (uint8_t *)p + got, n - got, (off_t)(off + got));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

const uint8_t *segment_bytes(const struct segment *s)
{
	return s->data + (s->pos - s->size - s->base);
}

int64_t segment_size(const struct segment *s)
{
	struct stat st;

	if (s->whole)
		return (int64_t)s->len;
	return fstat(s->fd, &st) < 0 ? -errno : (int64_t)st.st_size;
}

/* Read ahead from the next record on. Return: 0 or -EIO. */
static int fill(struct segment *s, struct err *e)
{
	ssize_t n = 0;

	if (s->whole)
		return 0;
	n = segment_pread(s->fd, s->data, AHEAD_BYTES, s->pos);
	s->len = 0;
	if (n < 0) {
		err_errno(e, (int)-n, "%s: cannot read at offset %" PRIu64, s->name, s->pos);
		return -EIO;
	}
	s->base = s->pos;
	s->len = (size_t)n;
	return 0;
}

/* Whether any byte from @from to the end of the file is not zero: 1 or 0, or -EIO. */
static int has_content(struct segment *s, uint64_t from, struct err *e)
{
	if (s->whole)
		return from < s->len;
	for (;; from += s->len) {
		ssize_t n = segment_pread(s->fd, s->data, AHEAD_BYTES, from);

		s->len = 0;
		if (n < 0) {
			err_errno(e, (int)-n, "%s: cannot read at offset %" PRIu64, s->name, from);
			return -EIO;
		}
		for (ssize_t i = 0; i < n; i++)
			if (s->data[i])
				return 1;
		if (n == 0)
			return 0;
		s->len = (size_t)n;
	}
}

static int uncompress(struct segment *s, size_t n, struct err *e)
{
	uint8_t *packed = malloc(n);
	uint8_t *all = NULL;
	size_t all_n = 0;
	ssize_t got = packed ? segment_pread(s->fd, packed, n, 0) : -ENOMEM;
	int rc = got < 0 ? (int)got : 0;

	if (rc == 0)
		rc = unxz(packed, (size_t)got, SEGMENT_BYTES_MAX, &all, &all_n);
	free(packed);
	if (rc == -EBADMSG)
		return err_set(e, EBADMSG, "%s: what it was compressed to is damaged", s->name);
	if (rc < 0)
		return err_errno(e, -rc, "%s: cannot be uncompressed", s->name);
	free(s->data);
	s->data = all;
	s->len = all_n;
	s->whole = true;
	return 0;
}

/* One that is compressed is uncompressed at once. */
static int read_whole(struct segment *s, struct err *e)
{
	uint8_t magic[UNXZ_MAGIC];
	ssize_t n = segment_pread(s->fd, magic, sizeof(magic), 0);
	struct stat st;

	if (n < 0 || fstat(s->fd, &st) < 0)
		return err_errno(e, n < 0 ? (int)-n : errno, "%s: cannot read", s->name);
	if (!unxz_is(magic, (size_t)n))
		return 0;
	if ((uint64_t)st.st_size > PACKED_MAX)
		return err_set(e, EBADMSG, "%s: is larger than it may be", s->name);
	return uncompress(s, (size_t)st.st_size, e);
}

static int read_head(struct segment *s, uint64_t first_seq, struct err *e)
{
	ssize_t n = s->whole ? (ssize_t)s->len : segment_pread(s->fd, s->data, RECORD_UNIT, 0);
	int rc = 0;

	if (n < 0)
		return err_errno(e, (int)-n, "%s: cannot read", s->name);
	if (n < RECORD_UNIT)
		return -ENODATA;
	rc = record_head_decode(s->data, &s->head);
	if (rc == -ENOTSUP)
		return err_set(e, ENOTSUP,
			"%s: is not of version %u of the format, which is all that can be read",
			s->name, RECORD_VERSION);
	if (rc == 0 && s->head.first_seq == first_seq)
		return 0;
	if (rc < 0) {
		rc = has_content(s, 0, e);
		if (rc <= 0)
			return rc < 0 ? rc : -ENODATA;
	}
	return err_set(e, EBADMSG, "%s: damaged head at offset 0", s->name);
}

int segment_open(int dirfd, uint64_t first_seq, struct segment *s, struct err *e)
{
	struct segment n = {.fd = -1};
	int rc = 0;

	segment_name(first_seq, n.name);
	n.fd = openat(dirfd, n.name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (n.fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (n.fd < 0)
		return err_errno(e, errno, "%s: cannot open", n.name);
	n.data = malloc(AHEAD_BYTES);
	rc = n.data ? read_whole(&n, e) : err_errno(e, ENOMEM, "%s", n.name);
	if (rc == 0)
		rc = read_head(&n, first_seq, e);
	if (rc < 0) {
		segment_close(&n);
		return rc;
	}
	n.pos = RECORD_UNIT;
	n.seq = first_seq;
	n.time_ns = n.head.time_ns;
	*s = n;
	return 0;
}

int segment_fresh(int dirfd)
{
	int fd = openat(
		dirfd, SEGMENT_FRESH, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? -errno : fd;
}

int segment_replace(int dirfd, int fd, const char *name, int rc)
{
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	close(fd);
	if (rc == 0 && renameat(dirfd, SEGMENT_FRESH, dirfd, name) < 0)
		rc = -errno;
	if (rc < 0)
		unlinkat(dirfd, SEGMENT_FRESH, 0);
	else if (fsync(dirfd) < 0)
		rc = -errno;
	return rc;
}

int segment_head(int dirfd, uint64_t first_seq, struct record_head *out, struct err *e)
{
	uint8_t begin[4096];
	uint8_t bytes[RECORD_UNIT];
	char name[SEGMENT_NAME_MAX];
	struct segment s = {.fd = -1};
	int fd = openat(dirfd, segment_name(first_seq, name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : segment_pread(fd, begin, sizeof(begin), 0);
	int rc = 0;

	if (fd >= 0)
		close(fd);
	/* what is not as it should be, is told by who looks at all of it */
	if (n >= 0 && unxz_is(begin, (size_t)n) && unxz_begin(begin, (size_t)n, bytes) == 0 &&
		record_head_decode(bytes, out) == 0 && out->first_seq == first_seq)
		return 0;
	rc = segment_open(dirfd, first_seq, &s, e);
	if (rc == 0)
		*out = s.head;
	segment_close(&s);
	return rc;
}

void segment_close(struct segment *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s->data);
	*s = (struct segment){.fd = -1};
}

void segment_forget(struct segment *s)
{
	if (!s->whole || s->pos != s->len)
		return;
	free(s->data);
	s->data = NULL;
}

/* Whether a whole record stands on any unit behind @s->pos: 1 or 0, or -EIO. */
static int record_follows(struct segment *s, struct err *e)
{
	struct segment at = *s;
	struct audit_event ev;

	for (at.pos += RECORD_UNIT;; at.pos += RECORD_UNIT) {
		size_t skip = (size_t)(at.pos - at.base);

		if (s->whole && skip >= at.len)
			return 0;
		if (!s->whole && (at.pos < at.base || skip + RECORD_BYTES_MAX > at.len)) {
			if (fill(&at, e) < 0)
				return -EIO;
			skip = 0;
		}
		if (!s->whole)
			s->len = 0; /* the memory is shared */
		if (at.len - skip < RECORD_UNIT)
			return 0;
		if (record_decode(at.data + skip, at.len - skip, &ev) > 0)
			return 1;
	}
}

/* What stands at @s->pos is no record: space, a torn one, or a damaged one? */
static int judge(struct segment *s, int decoded, struct err *e)
{
	uint64_t at = s->pos;
	bool begun = false;
	int follows = 0;
	int content = 0;

	if (s->len == 0 || (s->whole && at == s->len))
		return 0;
	begun = !s->whole && s->len >= RECORD_UNIT && record_is_begun(s->data);
	follows = record_follows(s, e);
	if (follows < 0)
		return follows;
	content = follows ? 1 : has_content(s, at, e);
	if (content < 0)
		return content;
	s->torn = content && !follows;
	if (!content || (!follows && (begun || decoded == 0)))
		return 0;
	return err_set(e, EBADMSG, "%s: damaged record at offset %" PRIu64 " (record %" PRIu64 ")",
		s->name, at, s->seq);
}

/* A whole record: is it the one that must stand here? */
static int take_record(struct segment *s, const struct audit_event *ev, size_t size, struct err *e)
{
	if (ev->seq != s->seq)
		return err_set(e, EBADMSG,
			"%s: record %" PRIu64 " at offset %" PRIu64 " where %" PRIu64 " must be",
			s->name, ev->seq, s->pos, s->seq);
	if (ev->time_ns < s->time_ns)
		return err_set(e, EBADMSG,
			"%s: record %" PRIu64 " at offset %" PRIu64
			" is earlier than the one before",
			s->name, ev->seq, s->pos);
	s->pos += size;
	s->size = size;
	s->seq += record_count(ev);
	s->time_ns = ev->time_ns;
	return 1;
}

int segment_next(struct segment *s, struct audit_event *ev, struct err *e)
{
	size_t skip = (size_t)(s->pos - s->base);
	struct err why = {.code = 0};
	int size = 0;
	int rc = 0;

	s->torn = false;
	if (s->base <= s->pos && skip < s->len)
		size = record_decode(s->data + skip, s->len - skip, ev);
	if (size <= 0 && !s->whole) {
		/* Not all of it had been read, or it was being written: read it afresh. */
		if (fill(s, e) < 0)
			return -EIO;
		size = record_decode(s->data, s->len, ev);
	}
	if (size > 0)
		return take_record(s, ev, (size_t)size, e);
	rc = judge(s, size, &why);
	if (rc == -EBADMSG && !s->whole) {
		/* Who writes may have been at it when it was read: it is whole before another
		 * one follows. */
		if (fill(s, e) < 0)
			return -EIO;
		size = record_decode(s->data, s->len, ev);
		if (size > 0) {
			s->torn = false;
			return take_record(s, ev, (size_t)size, e);
		}
	}
	return rc < 0 ? err_set(e, -rc, "%s", why.text) : rc;
}
