/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_open.c - how the writer of the access log begins, and ends; see audit.h.
 *
 * One process has the log (a lock). Its end is found (tail.h) and gone on from; what the last
 * process could not sync is synced before anything is added. At the end the threads stop in
 * the order in which they need each other.
 */
#include "audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/log_private.h"
#include "audit/segment.h"
#include "base/file.h"

static int open_dir(struct audit_log *l, struct err *e)
{
	if (mkdir(l->dir, 0700) < 0 && errno != EEXIST)
		return err_errno(e, errno, "%s: cannot make the access log", l->dir);
	l->dirfd = open(l->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->dirfd < 0)
		return err_errno(e, errno, "%s: cannot open the access log", l->dir);
	l->lockfd = openat(l->dirfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (l->lockfd < 0)
		return err_errno(e, errno, "%s/lock: cannot open", l->dir);
	l->windows = window_can(l->dirfd);
	if (flock(l->lockfd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return err_set(e, EBUSY, "%s: another process writes this access log", l->dir);
	return err_errno(e, errno, "%s/lock: cannot lock", l->dir);
}

/* Go on in the segment that tail_find() found. */
static int continue_segment(struct audit_log *l, struct err *e)
{
	struct part *p = calloc(1, sizeof(*p));
	char name[SEGMENT_NAME_MAX];

	if (!p)
		return err_errno(e, ENOMEM, "%s", l->dir);
	p->fd = -1;
	l->oldest = l->current = p;
	p->first_seq = l->tail.first_seq;
	p->end = l->tail.end;
	p->fd = openat(l->dirfd, segment_name(p->first_seq, name), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (p->fd < 0)
		return err_errno(e, errno, "%s/%s: cannot open", l->dir, name);
	memcpy(l->log_id, l->tail.log_id, RECORD_LOG_ID);
	return 0;
}

static int first_segment(struct audit_log *l, struct err *e)
{
	int rc = 0;

	if (getrandom(l->log_id, RECORD_LOG_ID, 0) != RECORD_LOG_ID)
		return err_set(e, EIO, "%s: no random bytes", l->dir);
	rc = log_begin_segment(l);
	if (rc < 0)
		return err_errno(e, -rc, "%s: cannot begin the access log", l->dir);
	return 0;
}

/* Whatever the last process could not sync is synced before anything is added. */
static int load(struct audit_log *l, struct err *e)
{
	struct err found = {.code = 0};
	char text[512];
	int rc = tail_find(l->dirfd, &l->tail, &found);

	if (rc < 0)
		return err_set(e, -rc, "%s: %s", l->dir, err_text(&found, rc));
	l->next_seq = l->tail.next_seq;
	l->time_ns = l->tail.time_ns;
	rc = l->tail.any ? continue_segment(l, e) : first_segment(l, e);
	if (rc < 0)
		return rc;
	if (fdatasync(l->current->fd) < 0 || fsync(l->dirfd) < 0)
		return err_errno(e, errno, "%s: cannot sync the access log", l->dir);
	rc = file_sync_parent(l->dirfd);
	if (rc < 0)
		return err_errno(e, -rc, "%s: cannot sync its folder", l->dir);
	l->current->synced = l->current->end;
	l->new_name = false;
	l->safe_seq = l->next_seq - 1;
	if (!l->tail.torn[0])
		return 0;
	snprintf(text, sizeof(text),
		"access log: its end was torn: %" PRIu64 " bytes kept in ../torn, the last as %s",
		l->tail.torn_bytes, l->tail.torn);
	l->fault(l->fault_context, text);
	return 0;
}

static void release(struct audit_log *l)
{
	while (l->oldest) {
		struct part *p = l->oldest;

		l->oldest = p->next;
		log_part_free(p);
	}
	if (l->lockfd >= 0)
		close(l->lockfd);
	if (l->dirfd >= 0)
		close(l->dirfd);
	free(l->dir);
	free(l);
}

int audit_open(const char *dir, struct audit_log **out, struct err *e)
{
	struct audit_log *l = calloc(1, sizeof(*l));
	int rc = 0;

	if (!l)
		return err_errno(e, ENOMEM, "%s", dir);
	l->dirfd = -1;
	l->lockfd = -1;
	l->fault = log_say_stderr;
	l->segment_bytes = SEGMENT_BYTES_MAX;
	l->dir = strdup(dir);
	rc = l->dir ? open_dir(l, e) : err_errno(e, ENOMEM, "%s", dir);
	if (rc == 0)
		rc = load(l, e);
	if (rc == 0)
		rc = log_sync_start(l, e);
	if (rc < 0) {
		release(l);
		return rc;
	}
	*out = l;
	return 0;
}

void audit_close(struct audit_log *l)
{
	if (!l)
		return;
	log_keep_stop(l);
	log_seal_join(l);
	log_sync_stop(l);
	log_seal_stop(l);
	log_sync_release(l);
	release(l);
}

const char *audit_torn(const struct audit_log *l)
{
	return l->tail.torn[0] ? l->tail.torn : NULL;
}
