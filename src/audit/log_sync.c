/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_sync.c - the thread of the access log that makes safe what was appended
 *
 * It syncs within 100 ms of the first record that is not safe, or at once when an
 * act waits; acts that come while it syncs share the next one. A segment that is
 * full is closed here when it is safe. After a failed fdatasync the kernel may
 * have thrown the data away and call it clean: what was not known to be safe is
 * written once more from the cache, and synced, before anything is appended.
 */
#include "audit/log_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "audit/reserve.h"
#include "audit/segment.h"
#include "base/file.h"
#include "base/now.h"
#include "base/thread.h"

#define SYNC_DELAY_NS 50000000  /* from the first unsynced record on; 100 ms are promised */
#define RESERVE_NS    100000000 /* a full disk is looked at again */
#define COPY_BYTES    65536

/* Write once more what a failed sync may have lost. The cache still has it: that
 * is checked record by record, so that nothing older takes its place. */
static int rewrite(int dirfd, const struct part *p)
{
	uint8_t data[COPY_BYTES];
	struct segment s = {.fd = -1};
	struct audit_event ev;
	uint64_t off = p->synced;
	int rc = segment_open(dirfd, p->first_seq, &s, NULL);

	if (rc < 0)
		return rc;
	while (s.pos < p->end && (rc = segment_next(&s, &ev, NULL)) > 0)
		;
	if (rc >= 0 && s.pos != p->end)
		rc = -EIO;
	segment_close(&s);
	while (rc >= 0 && off < p->end) {
		size_t want = p->end - off < COPY_BYTES ? (size_t)(p->end - off) : COPY_BYTES;
		ssize_t n = segment_pread(p->fd, data, want, off);

		if (n <= 0)
			return n < 0 ? (int)n : -EIO;
		rc = file_write_at(p->fd, data, (size_t)n, off);
		off += (uint64_t)n;
	}
	return rc < 0 ? rc : 0;
}

/* Sync one part; the lock is given up meanwhile. Only the sync thread takes parts
 * off the list, so @p stays. Return: 0 or -errno. */
static int sync_part(struct audit_log *l, struct part *p)
{
	struct part seen = *p;
	int rc = 0;

	if (part_is_safe(&seen))
		return 0;
	pthread_mutex_unlock(&l->lock);
	if (seen.suspect)
		rc = rewrite(l->dirfd, &seen);
	if (rc == 0 && fdatasync(seen.fd) < 0)
		rc = -errno;
	pthread_mutex_lock(&l->lock);
	p->suspect = rc < 0;
	if (rc == 0) {
		p->synced = seen.end;
		p->cuts_synced = seen.cuts;
	} else if (p == l->current) {
		l->roll = true;
	}
	return rc;
}

/* Sync all that is written by now, oldest first. Return: 0 or -errno. */
static int sync_all(struct audit_log *l)
{
	uint64_t written = l->next_seq - 1;
	int rc = 0;

	l->dirty = false;
	l->urgent = false;
	while (rc == 0) {
		struct part *p = l->oldest;

		rc = sync_part(l, p);
		if (p == l->current || rc < 0)
			break;
		if (part_is_safe(p)) {
			l->oldest = p->next;
			l->closed = true;
			l->closings++;
			log_part_free(p);
		}
	}
	if (rc == 0 && l->new_name) {
		l->new_name = false;
		pthread_mutex_unlock(&l->lock);
		rc = fsync(l->dirfd) < 0 ? -errno : 0;
		pthread_mutex_lock(&l->lock);
		if (rc < 0)
			l->new_name = true;
	}
	if (rc == 0) {
		l->safe_seq = written;
		if (l->closed)
			pthread_cond_signal(&l->tidy);
	} else {
		l->dirty = true;
		l->sync_failures++;
		l->last_failure = -rc;
	}
	pthread_cond_broadcast(&l->synced);
	return rc;
}

static void sync_and_tell(struct audit_log *l)
{
	int rc = sync_all(l);

	l->sync_error = -rc;
	if (rc < 0 && !l->failing)
		log_tell(l, rc);
}

/* Space ahead of the end, so that what must be recorded can be when the disk is full: from then
 * on nothing is disclosed. The lock is given up meanwhile; only this thread takes parts off the
 * list, so the current one stays. */
static void renew_reserve(struct audit_log *l)
{
	struct part *p = l->current;
	uint64_t allocated = p->allocated;
	const bool was = l->scarce != 0;
	const struct part seen = *p;
	int rc = 0;

	if (l->no_reserve)
		return;
	pthread_mutex_unlock(&l->lock);
	rc = reserve_take(seen.fd, seen.end, log_reserve_of(&seen), &allocated);
	pthread_mutex_lock(&l->lock);
	if (rc == 0 && p->cuts == seen.cuts)
		p->allocated = allocated;
	l->no_reserve = rc < 0 && rc != -ENOSPC && rc != -EDQUOT;
	l->scarce = rc < 0 && !l->no_reserve ? -rc : 0;
	/* a log that is still being opened says so itself */
	if (l->scarce && !l->failing && (l->seal || l->refused > 0))
		log_tell(l, -l->scarce);
	else if (was && !l->scarce && l->failing && !l->sync_error && !l->seal_error)
		log_tell(l, 0);
}

/* With the lock: until @ns from now, or as long as @sleeps says. */
static void wait_until(struct audit_log *l, int64_t ns, bool (*sleeps)(const struct audit_log *l))
{
	struct timespec until = now_plus(CLOCK_MONOTONIC, ns);

	while (!l->stop && sleeps(l) && pthread_cond_timedwait(&l->wake, &l->lock, &until) == 0)
		;
}

static bool is_clean(const struct audit_log *l)
{
	return !l->dirty;
}

static bool is_patient(const struct audit_log *l)
{
	return !l->urgent;
}

static void *sync_loop(void *arg)
{
	struct audit_log *l = arg;

	pthread_mutex_lock(&l->lock);
	renew_reserve(l);
	while (!l->stop) {
		if (!l->dirty && !l->scarce) {
			pthread_cond_wait(&l->wake, &l->lock);
			continue;
		}
		if (!l->dirty)
			wait_until(l, RESERVE_NS, is_clean);
		if (l->dirty) {
			wait_until(l, SYNC_DELAY_NS, is_patient);
			sync_and_tell(l);
		}
		renew_reserve(l);
	}
	if (l->dirty)
		sync_and_tell(l);
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

int log_sync_now(struct audit_log *l)
{
	int rc = 0;

	pthread_mutex_lock(&l->lock);
	if (l->dirty)
		sync_and_tell(l);
	rc = -l->sync_error;
	pthread_mutex_unlock(&l->lock);
	return rc;
}

int log_sync_current(struct audit_log *l)
{
	const struct part *p = l->current;
	const uint64_t failures = l->sync_failures;

	if (part_is_safe(p))
		return 0;
	l->dirty = true;
	if (l->stop) { /* the thread has ended */
		sync_and_tell(l);
	} else {
		l->urgent = true;
		pthread_cond_signal(&l->wake);
		pthread_cond_wait(&l->synced, &l->lock);
	}
	return l->sync_failures == failures ? 1 : -l->last_failure;
}

void log_sync_release(struct audit_log *l)
{
	pthread_cond_destroy(&l->tidy);
	pthread_cond_destroy(&l->synced);
	pthread_cond_destroy(&l->wake);
	pthread_mutex_destroy(&l->telling);
	pthread_mutex_destroy(&l->lock);
}

/* Signals are for the threads of the program, not for this one. */
int log_sync_start(struct audit_log *l, struct err *e)
{
	int rc = 0;

	pthread_mutex_init(&l->lock, NULL);
	pthread_mutex_init(&l->telling, NULL);
	thread_cond_init(&l->wake);
	thread_cond_init(&l->synced);
	thread_cond_init(&l->tidy);
	rc = thread_start(&l->thread, sync_loop, l);
	if (rc == 0)
		return 0;
	log_sync_release(l);
	return err_errno(e, rc, "%s: cannot start the thread that syncs", l->dir);
}

void log_sync_stop(struct audit_log *l)
{
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
}

int log_sync_wait(struct audit_log *l, uint64_t seq, uint64_t failures)
{
	l->urgent = true;
	pthread_cond_signal(&l->wake);
	while (l->safe_seq < seq && l->sync_failures == failures)
		pthread_cond_wait(&l->synced, &l->lock);
	return l->safe_seq >= seq ? 0 : -l->last_failure;
}
