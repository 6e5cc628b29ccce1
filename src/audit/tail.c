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

#include "audit/heads.h"
#include "audit/segment.h"
#include "base/file.h"

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
		int rc = n > 0 ? file_write_all(out, data, (size_t)n) : (int)n;

		if (n <= 0 || rc < 0)
			return rc;
		*copied += (uint64_t)n;
	}
}

/* What stands in @fd from @off on is put into ../torn/ and is safe there. */
int tail_keep(int dirfd, int fd, const char *segment, uint64_t off, struct tail *t, struct err *e)
{
	int torn = file_dir_beside(dirfd, "torn", e);
	uint64_t copied = 0;
	int out = -1;
	int rc = 0;

	if (torn < 0)
		return torn;
	rc = out = create_kept(torn, segment, off, t, e);
	if (out >= 0) {
		rc = copy_from(fd, off, out, &copied);
		t->torn_bytes += copied;
		if (rc == 0 && (fsync(out) < 0 || fsync(torn) < 0))
			rc = -errno;
		if (rc < 0)
			err_errno(e, -rc, "cannot keep the torn end of %s in ../torn", segment);
		close(out);
	}
	close(torn);
	return rc;
}

/* A log that is being looked at. */
struct look {
	int dirfd;
	uint64_t *firsts; /* of its segments */
	size_t n;
	uint64_t sealed; /* by its newest checkpoint */
	size_t at;       /* which segment is read */
};

/* The segment @i is kept from @off on. */
static int keep_from(const struct look *k, size_t i, uint64_t off, struct tail *t, struct err *e)
{
	char name[SEGMENT_NAME_MAX];
	int fd = openat(
		k->dirfd, segment_name(k->firsts[i], name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int rc = fd < 0 ? err_errno(e, errno, "%s: cannot open", name)
			: tail_keep(k->dirfd, fd, name, off, t, e);

	if (fd >= 0)
		close(fd);
	return rc;
}

/* Segments from @i on go: the last one first, so that none is missing in between. */
static int remove_from(const struct look *k, size_t i, struct err *e)
{
	char name[SEGMENT_NAME_MAX];

	for (size_t j = k->n; j-- > i;)
		if (unlinkat(k->dirfd, segment_name(k->firsts[j], name), 0) < 0 ||
			fsync(k->dirfd) < 0)
			return err_errno(e, errno, "%s: cannot remove", name);
	return 0;
}

/* What stands behind @pos in the segment that is read, and in all later ones, is kept, and only
 * then cut off. @torn: else there are only zeros, which need not be kept. */
static int cut(
	const struct look *k, uint64_t pos, uint64_t size, bool torn, struct tail *t, struct err *e)
{
	char name[SEGMENT_NAME_MAX];
	int fd = -1;
	int rc = size > pos && torn ? keep_from(k, k->at, pos, t, e) : 0;

	for (size_t i = k->at + 1; rc == 0 && i < k->n; i++)
		rc = keep_from(k, i, 0, t, e);
	if (rc == 0)
		rc = remove_from(k, k->at + 1, e);
	if (rc < 0 || size <= pos)
		return rc;
	segment_name(k->firsts[k->at], name);
	fd = openat(k->dirfd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || ftruncate(fd, (off_t)pos) < 0 || fsync(fd) < 0)
		rc = err_errno(e, errno, "%s: cannot cut off its torn end", name);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* The tree size of the newest checkpoint of a log whose first segment begins with @head. */
static int find_sealed(
	const struct look *k, const struct record_head *head, uint64_t *sealed, struct err *e)
{
	char name[NOTE_NAME_MAX];
	struct note newest = {.size = 0};
	uint64_t end = 0;
	int fd = openat(k->dirfd, HEADS_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int rc = fd < 0 && errno != ENOENT ? err_errno(e, errno, HEADS_FILE ": cannot open") : 0;

	note_name(head->log_id, name);
	if (fd >= 0) {
		rc = heads_last(fd, name, &newest, &end, e);
		close(fd);
	}
	*sealed = newest.size;
	return rc;
}

/* Nothing was ever recorded in a first segment without a whole head; unless all is lost. */
static int drop_all(const struct look *k, struct tail *t, struct err *e)
{
	struct stat st;
	int rc = 0;

	if (fstatat(k->dirfd, HEADS_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0)
		return err_set(e, EBADMSG, "its first segment is empty, and there are checkpoints");
	for (size_t i = 0; rc == 0 && i < k->n; i++)
		rc = keep_from(k, i, 0, t, e);
	return rc < 0 ? rc : remove_from(k, 0, e);
}

/* Read @s to its end. @torn: something stands behind its last record (space that was taken ahead,
 * if it is not the last), or what follows is not the next segment. */
static int read_segment(const struct look *k, struct segment *s, bool *torn, struct err *e)
{
	struct audit_event ev;
	struct err seen = {.code = 0};
	const bool last = k->at + 1 == k->n;
	bool behind = false;
	int rc = 0;

	if (s->head.kind != RECORD_LOG)
		return err_set(e, EINVAL, "is an extract of a log: nothing can be added");
	do
		rc = segment_next(s, &ev, &seen);
	while (rc > 0);
	if (rc < 0 && rc != -EBADMSG)
		return err_set(e, -rc, "%s", seen.text);
	behind = segment_size(s) != (int64_t)s->pos;
	*torn = (behind && (rc < 0 || s->torn || !last)) ||
		(!last && k->firsts[k->at + 1] != s->seq);
	if ((behind || *torn) && s->seq <= k->sealed)
		return seen.code ? err_set(e, EBADMSG, "%s", seen.text)
				 : err_set(e, EBADMSG,
					   "records %" PRIu64 " to %" PRIu64 " are missing", s->seq,
					   k->sealed);
	if (s->whole && (*torn || last))
		return err_set(e, EBADMSG, "%s: is compressed, and so not the last", s->name);
	return 0;
}

/* The segment that is read ends here, and it is the last. */
static int take_end(
	const struct look *k, const struct segment *s, bool torn, struct tail *t, struct err *e)
{
	int64_t size = segment_size(s);
	int rc = size < 0 ? err_errno(e, (int)-size, "%s", s->name)
			  : cut(k, s->pos, (uint64_t)size, torn, t, e);

	t->any = true;
	t->first_seq = s->head.first_seq;
	t->end = s->pos;
	t->next_seq = s->seq;
	t->time_ns = s->time_ns;
	memcpy(t->log_id, s->head.log_id, RECORD_LOG_ID);
	return rc;
}

/* From the segment that has the newest sealed record to the first that does not go on. */
static int find_end(struct look *k, struct tail *t, struct err *e)
{
	struct segment s = {.fd = -1};
	bool torn = false;
	int rc = 0;

	while (k->at + 1 < k->n && k->firsts[k->at + 1] <= k->sealed)
		k->at++;
	rc = segment_open(k->dirfd, k->firsts[k->at], &s, e);
	while (rc == 0) {
		struct segment next = {.fd = -1};
		struct err seen = {.code = 0};

		rc = read_segment(k, &s, &torn, e);
		if (rc < 0 || torn || k->at + 1 == k->n)
			break;
		rc = segment_open(k->dirfd, k->firsts[k->at + 1], &next, &seen);
		if (rc == -ENODATA || rc == -EBADMSG) {
			rc = 0;
			break;
		}
		if (rc < 0)
			err_set(e, -rc, "%s", err_text(&seen, -rc));
		segment_close(&s);
		s = next;
		k->at++;
	}
	if (rc == 0)
		rc = take_end(k, &s, torn, t, e);
	segment_close(&s);
	return rc;
}

static int find_in(struct look *k, struct tail *t, struct err *e)
{
	struct record_head head;
	int rc = 0;

	if (k->n == 0)
		return 0;
	if (k->firsts[0] != 1)
		return err_set(
			e, EBADMSG, "records 1 to %" PRIu64 " are missing", k->firsts[0] - 1);
	rc = segment_head(k->dirfd, 1, &head, e);
	if (rc == -ENODATA)
		return drop_all(k, t, e);
	if (rc == 0)
		rc = find_sealed(k, &head, &k->sealed, e);
	if (rc == 0)
		rc = find_end(k, t, e);
	return rc < 0 ? err_set(e, -rc, "cannot be read") : 0;
}

int tail_find(int dirfd, struct tail *out, struct err *e)
{
	struct tail t = {.next_seq = 1, .time_ns = INT64_MIN};
	struct look k = {.dirfd = dirfd};
	int rc = segment_list(dirfd, &k.firsts, &k.n, e);

	if (rc == 0)
		rc = find_in(&k, &t, e);
	free(k.firsts);
	if (rc == 0)
		*out = t;
	return rc;
}
