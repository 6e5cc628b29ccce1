/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - the writer of the access log; see audit.h.
 *
 * Records go to the current segment by one write each, under one lock. A thread
 * syncs what is written. A segment that is full is left to that thread, which
 * closes it when it is safe.
 *
 * Fail closed: bytes of a failed write are cut off before the next one. After a
 * failed fdatasync the kernel may have thrown the data away and call it clean, so
 * nothing more is accepted until what was not known to be safe has been written
 * once more from the cache and synced; a new segment is begun after that.
 */
#include "audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit/record.h"
#include "audit/segment.h"
#include "audit/tail.h"

#define SYNC_DELAY_NS 50000000 /* from the first unsynced record on; 100 ms are promised */
#define NS_PER_SEC    1000000000
#define COPY_BYTES    65536

/* A segment that is being written, or is full and not yet synced. */
struct part {
	struct part *next;
	int fd;
	uint64_t first_seq;
	uint64_t end;    /* whole records end here */
	uint64_t synced; /* up to here it is safe */
	bool suspect;    /* a sync of what is behind failed */
};

struct audit_log {
	pthread_mutex_t lock;    /* everything below but dirfd, lockfd, dir */
	pthread_mutex_t telling; /* taken within lock, so that what is told is in order */
	pthread_cond_t wake;
	pthread_t thread;
	int dirfd;
	int lockfd;
	char *dir;
	uint8_t log_id[RECORD_LOG_ID];
	uint64_t next_seq;
	int64_t time_ns;
	struct part *oldest; /* not yet safe, in order; the last is current */
	struct part *current;
	bool dirty;    /* something is not synced */
	bool new_name; /* the directory is not synced */
	bool cut;      /* a failed write may have left bytes behind current->end */
	bool roll;     /* the next record begins a segment */
	bool stop;
	int sync_error;   /* errno of a failed sync that is not yet repaired */
	bool failing;     /* that has been told */
	uint64_t refused; /* appends while it fails */
	audit_fault_fn *fault;
	void *fault_context;
	struct tail tail; /* as the log was found */
};

static void say_stderr(void *context, const char *text)
{
	(void)context;
	fprintf(stderr, "evidencefs: %s\n", text);
}

void audit_on_fault(struct audit_log *l, audit_fault_fn *fn, void *context)
{
	pthread_mutex_lock(&l->lock);
	l->fault = fn ? fn : say_stderr;
	l->fault_context = context;
	pthread_mutex_unlock(&l->lock);
}

/* Real time, never below that of any record before. */
static int64_t stamp(const struct audit_log *l)
{
	struct timespec ts = {.tv_sec = 0};
	int64_t now = 0;

	clock_gettime(CLOCK_REALTIME, &ts);
	now = (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
	return now > l->time_ns ? now : l->time_ns;
}

/* One write unless the kernel stops in the middle. Return: 0 or -errno. */
static int write_at(int fd, const uint8_t *p, size_t n, uint64_t off)
{
	while (n > 0) {
		ssize_t w = pwrite(fd, p, n, (off_t)off);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return w < 0 ? -errno : -EIO;
		p += w;
		n -= (size_t)w;
		off += (size_t)w;
	}
	return 0;
}

/* Make the file of a segment that holds nothing yet but its head. */
static int create_segment(struct audit_log *l, struct part *p)
{
	struct record_head head = {.first_seq = l->next_seq, .time_ns = stamp(l)};
	uint8_t bytes[RECORD_UNIT];
	char name[SEGMENT_NAME_MAX];
	struct stat st;
	int rc = 0;

	/* No O_EXCL: an earlier try may have failed at the head. */
	p->fd = openat(l->dirfd, segment_name(l->next_seq, name),
		O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (p->fd < 0 || fstat(p->fd, &st) < 0)
		return -errno;
	if (st.st_size > RECORD_UNIT)
		return -EEXIST;
	memcpy(head.log_id, l->log_id, RECORD_LOG_ID);
	record_head_encode(&head, bytes);
	rc = write_at(p->fd, bytes, sizeof(bytes), 0);
	if (rc < 0) {
		unlinkat(l->dirfd, name, 0);
		return rc;
	}
	l->time_ns = head.time_ns;
	p->first_seq = l->next_seq;
	p->end = RECORD_UNIT;
	return 0;
}

static int begin_segment(struct audit_log *l)
{
	struct part *p = calloc(1, sizeof(*p));
	int rc = 0;

	if (!p)
		return -ENOMEM;
	p->fd = -1;
	rc = create_segment(l, p);
	if (rc < 0) {
		if (p->fd >= 0)
			close(p->fd);
		free(p);
		return rc;
	}
	if (l->current)
		l->current->next = p;
	else
		l->oldest = p;
	l->current = p;
	l->roll = false;
	l->new_name = true;
	return 0;
}

static int append_locked(struct audit_log *l, struct audit_event *ev)
{
	uint8_t bytes[RECORD_BYTES_MAX];
	struct part *p = l->current;
	int size = 0;
	int rc = 0;

	ev->seq = l->next_seq;
	ev->time_ns = stamp(l);
	size = record_encode(ev, bytes);
	if (size < 0)
		return size;
	if (l->cut) {
		if (ftruncate(p->fd, (off_t)p->end) < 0)
			return -errno;
		l->cut = false;
	}
	if ((l->roll || p->end + (uint64_t)size > SEGMENT_BYTES_MAX) && p->first_seq != ev->seq) {
		rc = begin_segment(l);
		if (rc < 0)
			return rc;
		p = l->current;
		ev->time_ns = stamp(l);
		size = record_encode(ev, bytes);
	}
	rc = write_at(p->fd, bytes, (size_t)size, p->end);
	if (rc < 0) {
		l->cut = ftruncate(p->fd, (off_t)p->end) < 0;
		return rc;
	}
	p->end += (uint64_t)size;
	l->time_ns = ev->time_ns;
	__atomic_store_n(&l->next_seq, l->next_seq + 1, __ATOMIC_RELEASE);
	return 0;
}

/* Tell that the log fails, or works again; @rc: what an append or a sync returned.
 * Called with the lock, which is given up meanwhile. */
static void tell(struct audit_log *l, int rc)
{
	audit_fault_fn *fault = l->fault;
	void *context = l->fault_context;
	char text[256];

	if (rc < 0)
		snprintf(text, sizeof(text),
			"access log: cannot be written: %s; nothing is served until it can",
			strerror(-rc));
	else
		snprintf(text, sizeof(text),
			"access log: written again, after %" PRIu64 " acts refused", l->refused);
	l->failing = rc < 0;
	l->refused = 0;
	pthread_mutex_lock(&l->telling);
	pthread_mutex_unlock(&l->lock);
	fault(context, text);
	pthread_mutex_unlock(&l->telling);
	pthread_mutex_lock(&l->lock);
}

int audit_append(struct audit_log *l, struct audit_event *ev)
{
	struct audit_event stamped = *ev;
	int rc = 0;

	pthread_mutex_lock(&l->lock);
	rc = l->sync_error ? -l->sync_error : append_locked(l, &stamped);
	if (rc == 0 && !l->dirty) {
		l->dirty = true;
		pthread_cond_signal(&l->wake);
	}
	if (rc != -EINVAL && (rc < 0) != l->failing)
		tell(l, rc);
	if (rc < 0 && rc != -EINVAL)
		l->refused++;
	pthread_mutex_unlock(&l->lock);
	if (rc == 0) {
		ev->seq = stamped.seq;
		ev->time_ns = stamped.time_ns;
	}
	return rc;
}

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
		rc = write_at(p->fd, data, (size_t)n, off);
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

	if (!seen.suspect && seen.synced == seen.end)
		return 0;
	pthread_mutex_unlock(&l->lock);
	if (seen.suspect)
		rc = rewrite(l->dirfd, &seen);
	if (rc == 0 && fdatasync(seen.fd) < 0)
		rc = -errno;
	pthread_mutex_lock(&l->lock);
	p->suspect = rc < 0;
	if (rc == 0)
		p->synced = seen.end;
	else if (p == l->current)
		l->roll = true;
	return rc;
}

/* Sync all that is written by now, oldest first. Return: 0 or -errno. */
static int sync_all(struct audit_log *l)
{
	int rc = 0;

	l->dirty = false;
	while (rc == 0) {
		struct part *p = l->oldest;

		rc = sync_part(l, p);
		if (p == l->current || rc < 0)
			break;
		if (p->synced == p->end) {
			l->oldest = p->next;
			close(p->fd);
			free(p);
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
	if (rc < 0)
		l->dirty = true;
	return rc;
}

static void sync_and_tell(struct audit_log *l)
{
	int rc = sync_all(l);

	l->sync_error = -rc;
	if (rc < 0 && !l->failing)
		tell(l, rc);
}

static void *sync_loop(void *arg)
{
	struct audit_log *l = arg;

	pthread_mutex_lock(&l->lock);
	while (!l->stop) {
		struct timespec until = {.tv_sec = 0};

		if (!l->dirty) {
			pthread_cond_wait(&l->wake, &l->lock);
			continue;
		}
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += SYNC_DELAY_NS;
		if (until.tv_nsec >= NS_PER_SEC) {
			until.tv_nsec -= NS_PER_SEC;
			until.tv_sec++;
		}
		while (!l->stop && pthread_cond_timedwait(&l->wake, &l->lock, &until) == 0)
			;
		sync_and_tell(l);
	}
	if (l->dirty)
		sync_and_tell(l);
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* Signals are for the threads of the program, not for this one. */
static int start_thread(struct audit_log *l, struct err *e)
{
	pthread_condattr_t attr;
	sigset_t all;
	sigset_t before;
	int rc = 0;

	pthread_mutex_init(&l->lock, NULL);
	pthread_mutex_init(&l->telling, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->wake, &attr);
	pthread_condattr_destroy(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&l->thread, NULL, sync_loop, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		return 0;
	pthread_cond_destroy(&l->wake);
	pthread_mutex_destroy(&l->telling);
	pthread_mutex_destroy(&l->lock);
	return err_errno(e, rc, "%s: cannot start the thread that syncs", l->dir);
}

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
	rc = begin_segment(l);
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
	l->current->synced = l->current->end;
	l->new_name = false;
	if (!l->tail.torn[0])
		return 0;
	snprintf(text, sizeof(text),
		"access log: ended within a record: %" PRIu64 " bytes kept as ../torn/%s",
		l->tail.torn_bytes, l->tail.torn);
	l->fault(l->fault_context, text);
	return 0;
}

static void release(struct audit_log *l)
{
	while (l->oldest) {
		struct part *p = l->oldest;

		l->oldest = p->next;
		if (p->fd >= 0)
			close(p->fd);
		free(p);
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
	l->fault = say_stderr;
	l->dir = strdup(dir);
	rc = l->dir ? open_dir(l, e) : err_errno(e, ENOMEM, "%s", dir);
	if (rc == 0)
		rc = load(l, e);
	if (rc == 0)
		rc = start_thread(l, e);
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
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	pthread_cond_destroy(&l->wake);
	pthread_mutex_destroy(&l->telling);
	pthread_mutex_destroy(&l->lock);
	release(l);
}

uint64_t audit_size(const struct audit_log *l)
{
	return __atomic_load_n(&l->next_seq, __ATOMIC_ACQUIRE) - 1;
}

const char *audit_torn(const struct audit_log *l)
{
	return l->tail.torn[0] ? l->tail.torn : NULL;
}
