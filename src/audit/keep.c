/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keep.c - closed segments are compressed; see keep.h.
 *
 * A segment is taken when a record of the one behind it is safe: then that one, and
 * not this, is the last, whatever happens. What is made stands beside the log's folder
 * until it takes the segment's place by one rename. A segment in which it fails is
 * left as it is, and tried again later.
 */
#include "audit/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "audit/log_private.h"
#include "audit/segment.h"
#include "audit/unxz.h"
#include "base/thread.h"

#define FRESH_FILE "../segment.new" /* not in log/: it is no part of it yet */
#define NICE       19
#define AGAIN_S    60 /* after an error */

struct keep {
	struct audit_log *log;
	pthread_t thread;
	bool stop;     /* under the lock of the log */
	uint64_t done; /* segments before the one of this record are compressed */
	int told;      /* errno that was told last */
};

static bool must_stop(void *ctx)
{
	struct keep *k = ctx;
	bool stop = false;

	pthread_mutex_lock(&k->log->lock);
	stop = k->stop;
	pthread_mutex_unlock(&k->log->lock);
	return stop;
}

static void tell(struct keep *k, uint64_t first, int rc)
{
	struct audit_log *l = k->log;
	char name[SEGMENT_NAME_MAX];
	char text[256];

	if (rc == -ECANCELED || -rc == k->told)
		return;
	k->told = -rc;
	if (rc == 0)
		return;
	snprintf(text, sizeof(text),
		"access log: %s could not be compressed, and stays as it is: %s",
		segment_name(first, name), strerror(-rc));
	log_say(l, text);
}

/* What is in @plain, compressed, under the name of the segment. */
static int replace(struct keep *k, int plain, const char *name)
{
	const int dirfd = k->log->dirfd;
	int rc = 0;
	int fd = openat(
		dirfd, FRESH_FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	rc = unxz_pack(plain, fd, must_stop, k);
	if (rc == 0)
		rc = unxz_same(fd, plain, must_stop, k);
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	close(fd);
	if (rc == 0 && renameat(dirfd, FRESH_FILE, dirfd, name) < 0)
		rc = -errno;
	if (rc == 0 && fsync(dirfd) < 0)
		return -errno;
	if (rc < 0)
		unlinkat(dirfd, FRESH_FILE, 0);
	return rc;
}

static int compress(struct keep *k, uint64_t first)
{
	uint8_t magic[UNXZ_MAGIC];
	char name[SEGMENT_NAME_MAX];
	ssize_t n = 0;
	int rc = 0;
	int fd =
		openat(k->log->dirfd, segment_name(first, name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	n = segment_pread(fd, magic, sizeof(magic), 0);
	rc = n < 0 ? (int)n : unxz_is(magic, (size_t)n) ? 0 : replace(k, fd, name);
	close(fd);
	return rc;
}

/* All that are closed by now. Return: 1 one is left until more is safe; 0; -errno. */
static int compress_all(struct keep *k, uint64_t safe)
{
	uint64_t *firsts = NULL;
	size_t n = 0;
	int rc = segment_list(k->log->dirfd, &firsts, &n, NULL);

	for (size_t i = 0; rc == 0 && i + 1 < n; i++) {
		if (firsts[i] < k->done)
			continue;
		if (firsts[i + 1] > safe) {
			rc = 1;
			break;
		}
		rc = compress(k, firsts[i]);
		tell(k, firsts[i], rc);
		if (rc == 0)
			k->done = firsts[i + 1];
	}
	free(firsts);
	return rc;
}

/* With the lock of the log: until there may be something to do. @rc: of compress_all(), which
 * looked when @safe was. */
static void wait_for_more(const struct keep *k, int rc, uint64_t safe)
{
	struct audit_log *l = k->log;
	struct timespec until = {.tv_sec = 0};

	if (rc >= 0 && (l->closed || (rc == 1 && l->safe_seq != safe)))
		return;
	l->closed |= rc == 1; /* the next sync is told */
	if (rc >= 0) {
		pthread_cond_wait(&l->tidy, &l->lock);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += AGAIN_S;
	while (!k->stop && pthread_cond_timedwait(&l->tidy, &l->lock, &until) == 0)
		;
}

static void *keep_loop(void *arg)
{
	struct keep *k = arg;
	struct audit_log *l = k->log;

	(void)setpriority(PRIO_PROCESS, 0, NICE); /* of Linux: of this thread */
	pthread_mutex_lock(&l->lock);
	while (!k->stop) {
		uint64_t safe = l->safe_seq;
		int rc = 0;

		l->closed = false;
		pthread_mutex_unlock(&l->lock);
		rc = compress_all(k, safe);
		pthread_mutex_lock(&l->lock);
		if (!k->stop)
			wait_for_more(k, rc, safe);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

int audit_keep(struct audit_log *l, struct err *e)
{
	struct keep *k = calloc(1, sizeof(*k));
	int rc = 0;

	if (!k)
		return err_errno(e, ENOMEM, "%s", l->dir);
	k->log = l;
	unlinkat(l->dirfd, FRESH_FILE, 0); /* of one that was ended */
	rc = thread_start(&k->thread, keep_loop, k);
	if (rc) {
		free(k);
		return err_errno(e, rc, "%s: cannot start the thread that compresses", l->dir);
	}
	l->keep = k;
	return 0;
}

void log_keep_stop(struct audit_log *l)
{
	struct keep *k = l->keep;

	if (!k)
		return;
	pthread_mutex_lock(&l->lock);
	k->stop = true;
	pthread_cond_signal(&l->tidy);
	pthread_mutex_unlock(&l->lock);
	pthread_join(k->thread, NULL);
	free(k);
	l->keep = NULL;
}
