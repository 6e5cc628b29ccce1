/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keep.c - what becomes of closed segments; see keep.h.
 *
 * A segment is taken when a record of the one behind it is safe: then that one, and
 * not this, is the last, whatever happens. What is made stands beside the log's folder
 * until it takes the segment's place by one rename. A segment in which it fails is
 * left as it is, and tried again later.
 */
#include "audit/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "audit/log_private.h"
#include "audit/retain.h"
#include "audit/segment.h"
#include "audit/unxz.h"
#include "base/now.h"
#include "base/thread.h"

#define NICE      19
#define AGAIN_NS  (INT64_C(60) * NS_PER_SEC) /* after an error */
#define SEALED_NS (NS_PER_SEC / 10)
/* compressing waits while more records come than so many in so long ... */
#define QUIET_RECORDS 50
#define QUIET_NS      (NS_PER_SEC / 10)
#define SPANS_MAX     4 /* so many of these ago is long ago */
#define BACKLOG_MAX   8 /* ... but not while more closed segments than so many are left */
/* how often it is looked whether accesses are old enough: a part of their age */
#define LOOK_MIN_NS ((int64_t)NS_PER_SEC)
#define LOOK_MAX_NS (INT64_C(3600) * NS_PER_SEC)

struct keep {
	struct audit_log *log;
	struct audit_keep policy;
	pthread_t thread;
	bool stop;         /* under the lock of the log */
	uint64_t done;     /* segments before the one of this record are compressed */
	size_t backlog;    /* closed segments that are not, with the one that is about to be ... */
	uint64_t closings; /* ... without those that were closed since there were so many */
	uint64_t seen;     /* records when it was last looked whether it is quiet ... */
	int64_t seen_ns;   /* ... and when that was; monotonic */
	int told;          /* errno that was told last */
	int64_t next_ns;   /* when to look for what can go; monotonic */
	uint64_t waiting;  /* that was told: what waits for a checkpoint to be kept elsewhere */
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

/* Whether few records have come since it was last looked; where that is long ago, it is not
 * known of now. */
static bool is_quiet(struct keep *k, int64_t now)
{
	const uint64_t records = audit_size(k->log);
	const int64_t spans = (now - k->seen_ns) / QUIET_NS;
	const bool quiet =
		spans <= SPANS_MAX && records - k->seen <= QUIET_RECORDS * (uint64_t)spans;

	k->seen = records;
	k->seen_ns = now;
	return quiet;
}

/* With the lock of the log. */
static bool has_many(const struct keep *k)
{
	return k->backlog + (k->log->closings - k->closings) > BACKLOG_MAX;
}

static bool is_due(const struct keep *k, int64_t now)
{
	return k->policy.retention_ns && now >= k->next_ns;
}

/* Asked before a segment is compressed, and now and then meanwhile: readers, who need the same
 * processors, come first, and so does what is to go by policy. Return: whether to stop. */
static bool wait_for_quiet(void *ctx)
{
	struct keep *k = ctx;
	struct audit_log *l = k->log;
	int64_t now = now_ns(CLOCK_MONOTONIC);
	bool stop = false;

	pthread_mutex_lock(&l->lock);
	while (!k->stop && !has_many(k) && now - k->seen_ns >= QUIET_NS && !is_quiet(k, now)) {
		const struct timespec until = now_plus(CLOCK_MONOTONIC, QUIET_NS);

		stop = is_due(k, now);
		if (stop)
			break;
		while (!k->stop && pthread_cond_timedwait(&l->tidy, &l->lock, &until) == 0)
			;
		now = now_ns(CLOCK_MONOTONIC);
	}
	stop = stop || k->stop;
	pthread_mutex_unlock(&l->lock);
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
	int fd = segment_fresh(k->log->dirfd);
	int rc = fd < 0 ? fd : unxz_pack(plain, fd, wait_for_quiet, k);

	if (rc == 0)
		rc = unxz_same(fd, plain, wait_for_quiet, k);
	return fd < 0 ? fd : segment_replace(k->log->dirfd, fd, name, rc);
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
	rc = n < 0                       ? (int)n
	     : unxz_is(magic, (size_t)n) ? 0
	     : wait_for_quiet(k)         ? -ECANCELED
					 : replace(k, fd, name);
	close(fd);
	return rc;
}

/* All that are closed by now. Return: 1 one is left until more is safe; 0; -ECANCELED what is to
 * go by policy comes first; -errno. */
static int compress_all(struct keep *k, uint64_t safe)
{
	uint64_t *firsts = NULL;
	size_t n = 0;
	int rc = 0;

	pthread_mutex_lock(&k->log->lock);
	k->closings = k->log->closings;
	pthread_mutex_unlock(&k->log->lock);
	rc = segment_list(k->log->dirfd, &firsts, &n, NULL);
	for (size_t i = 0; rc == 0 && k->policy.compress && i + 1 < n; i++) {
		if (firsts[i] < k->done)
			continue;
		if (firsts[i + 1] > safe) {
			rc = 1;
			break;
		}
		if (is_due(k, now_ns(CLOCK_MONOTONIC))) {
			rc = -ECANCELED;
			break;
		}
		k->backlog = n - 1 - i;
		rc = compress(k, firsts[i]);
		tell(k, firsts[i], rc);
		if (rc == 0)
			k->done = firsts[i + 1];
	}
	free(firsts);
	return rc;
}

/* ---- retention -------------------------------------------------------------------------- */

static uint64_t sealed_size(struct audit_log *l)
{
	uint64_t size = 0;

	pthread_mutex_lock(&l->lock);
	size = log_seal_size(l);
	pthread_mutex_unlock(&l->lock);
	return size;
}

/* Wait until a checkpoint covers record @seq. Return: whether one does. */
static bool wait_sealed(struct keep *k, uint64_t seq)
{
	struct audit_log *l = k->log;
	bool sealed = false;

	pthread_mutex_lock(&l->lock);
	while (!k->stop && !(sealed = log_seal_size(l) >= seq)) {
		const struct timespec until = now_plus(CLOCK_MONOTONIC, SEALED_NS);

		pthread_cond_timedwait(&l->tidy, &l->lock, &until);
	}
	pthread_mutex_unlock(&l->lock);
	return sealed;
}

static void tell_waiting(struct keep *k, uint64_t waiting)
{
	char text[256];

	if (waiting == 0 || k->waiting)
		return;
	k->waiting = waiting;
	snprintf(text, sizeof(text),
		"access log: accesses up to record %" PRIu64
		" are older than they are to be kept, and stay: no checkpoint behind them is "
		"known outside (evidencefs audit checkpoint -o FILE)",
		waiting);
	log_say(k->log, text);
}

static int let_go(struct keep *k, const struct retain *r, uint64_t object, struct err *e)
{
	struct audit_event ev = {.type = AUDIT_RETENTION,
		.decision = AUDIT_ALLOWED,
		.uid = getuid(),
		.gid = getgid(),
		.loginuid = AUDIT_NO_LOGINUID,
		.pid = (uint32_t)getpid(),
		.object = object};
	char text[256];
	int rc = audit_append_act(k->log, &ev);

	if (rc < 0)
		return err_set(e, -rc, "its record cannot be written");
	if (!wait_sealed(k, ev.seq))
		return -ECANCELED;
	rc = retain_replace(r, object, e);
	k->done = 0; /* what was replaced is not compressed */
	if (rc < 0)
		return rc;
	snprintf(text, sizeof(text),
		"access log: accesses up to record %" PRIu64
		" are deleted, as the policy says (record %" PRIu64 "): their hashes stay",
		object, ev.seq);
	log_say(k->log, text);
	return 0;
}

/* Return: 0 or -errno. */
static int retain(struct keep *k)
{
	const uint64_t sealed = sealed_size(k->log);
	const struct retain r = {.dirfd = k->log->dirfd,
		.before_ns = now_ns(CLOCK_REALTIME) - k->policy.retention_ns,
		.sealed = sealed,
		.stop = must_stop,
		.ctx = k};
	struct retain_found found = {.object = 0};
	struct err e = {.code = 0};
	char text[ERR_TEXT_MAX];
	int rc = retain_find(&r, &found, &e);

	if (rc == 0)
		tell_waiting(k, found.waiting);
	if (rc == 0 && found.object > 0)
		rc = let_go(k, &r, found.object, &e);
	if (rc < 0 && rc != -ECANCELED && -rc != k->told) {
		k->told = -rc;
		snprintf(text, sizeof(text),
			"access log: nothing more is deleted, though the policy says so: %.400s",
			err_text(&e, -rc));
		log_say(k->log, text);
	}
	return rc;
}

static int64_t interval_ns(const struct keep *k)
{
	int64_t ns = k->policy.retention_ns / 24;

	return ns < LOOK_MIN_NS ? LOOK_MIN_NS : ns > LOOK_MAX_NS ? LOOK_MAX_NS : ns;
}

/* What is due by now. Return: as compress_all(). */
static int tidy(struct keep *k, uint64_t safe)
{
	int rc = 0;

	if (is_due(k, now_ns(CLOCK_MONOTONIC))) {
		rc = retain(k);
		k->next_ns = now_ns(CLOCK_MONOTONIC) + interval_ns(k);
	}
	return rc < 0 ? rc : compress_all(k, safe);
}

/* ---- the thread ------------------------------------------------------------------------- */

/* With the lock of the log: until there may be something to do. @rc: of tidy(), which
 * looked when @safe was. */
static void wait_for_more(const struct keep *k, int rc, uint64_t safe)
{
	struct audit_log *l = k->log;
	int64_t at = rc < 0 ? now_ns(CLOCK_MONOTONIC) + AGAIN_NS : INT64_MAX;
	struct timespec until;

	if (rc >= 0 && (l->closed || (rc == 1 && l->safe_seq != safe)))
		return;
	l->closed |= rc == 1; /* the next sync is told */
	if (k->policy.retention_ns && k->next_ns < at)
		at = k->next_ns;
	if (at == INT64_MAX) {
		pthread_cond_wait(&l->tidy, &l->lock);
		return;
	}
	until = now_at(at);
	while (!k->stop && pthread_cond_timedwait(&l->tidy, &l->lock, &until) == 0 && rc < 0)
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
		rc = tidy(k, safe);
		pthread_mutex_lock(&l->lock);
		if (!k->stop)
			wait_for_more(k, rc, safe);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

int audit_keep(struct audit_log *l, const struct audit_keep *policy, struct err *e)
{
	struct keep *k = calloc(1, sizeof(*k));
	int rc = 0;

	if (!k)
		return err_errno(e, ENOMEM, "%s", l->dir);
	k->log = l;
	k->policy = *policy;
	unlinkat(l->dirfd, SEGMENT_FRESH, 0); /* of one that was ended */
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
