/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - the writer of the access log; see audit.h.
 *
 * Records go to the current segment one by one, under one lock: stored into a window of
 * it (window.h), or by one write each. A thread (log_sync.c) syncs what is there. A segment that is
 * full is made safe by that thread before another one is begun, and then closed.
 *
 * Fail closed: bytes of a failed write are cut off before the next one. While a
 * failed sync is not repaired nothing is accepted; a new segment is begun after
 * that.
 */
#include "audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/log_private.h"
#include "audit/reserve.h"
#include "audit/segment.h"
#include "base/file.h"
#include "base/now.h"

void log_say_stderr(void *context, const char *text)
{
	(void)context;
	fprintf(stderr, "evidencefs: %s\n", text);
}

void audit_on_fault(struct audit_log *l, audit_fault_fn *fn, void *context)
{
	pthread_mutex_lock(&l->lock);
	l->fault = fn ? fn : log_say_stderr;
	l->fault_context = context;
	pthread_mutex_unlock(&l->lock);
}

/* Real time, never below that of any record before. */
static int64_t stamp(const struct audit_log *l)
{
	int64_t now = now_ns(CLOCK_REALTIME);

	return now > l->time_ns ? now : l->time_ns;
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
	rc = file_write_at(p->fd, bytes, sizeof(bytes), 0);
	if (rc < 0) {
		unlinkat(l->dirfd, name, 0);
		return rc;
	}
	l->time_ns = head.time_ns;
	p->first_seq = l->next_seq;
	p->end = RECORD_UNIT;
	return 0;
}

void log_part_free(struct part *p)
{
	window_close(&p->window);
	if (p->fd >= 0 && p->ahead)
		(void)!ftruncate(p->fd, (off_t)p->end);
	else if (p->fd >= 0)
		reserve_drop(p->fd, p->end, &p->allocated);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

int log_begin_segment(struct audit_log *l)
{
	struct part *p = calloc(1, sizeof(*p));
	int rc = 0;

	if (!p)
		return -ENOMEM;
	p->fd = -1;
	rc = create_segment(l, p);
	if (rc < 0) {
		log_part_free(p);
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

/* Eight bytes that nobody can guess. */
static int take_nonce(struct audit_log *l, uint8_t out[static AUDIT_NONCE])
{
	if (l->random_left < AUDIT_NONCE) {
		if (getrandom(l->random, RANDOM_BYTES, 0) != RANDOM_BYTES)
			return -EIO;
		l->random_left = RANDOM_BYTES;
	}
	l->random_left -= AUDIT_NONCE;
	memcpy(out, l->random + l->random_left, AUDIT_NONCE);
	return 0;
}

/* As the next record, now. Return: its bytes, or -errno. */
static int encode_next(const struct audit_log *l, struct audit_event *ev,
	const struct record_seal *seal, uint8_t *bytes)
{
	ev->seq = l->next_seq;
	ev->time_ns = stamp(l);
	return seal ? record_seal_encode(ev, seal, bytes) : record_encode(ev, bytes);
}

/* A segment leaves room for what is to go into its reserve when there is none for another. */
static uint64_t segment_limit(const struct audit_log *l)
{
	const uint64_t most = SEGMENT_BYTES_MAX - LOG_RESERVE;

	if (l->scarce)
		return SEGMENT_BYTES_MAX;
	return l->segment_bytes < most ? l->segment_bytes : most;
}

/* Whether a record of @size bytes is to be the first of another segment. */
static bool is_full(const struct audit_log *l, int size)
{
	const struct part *p = l->current;

	return (l->roll || p->end + (uint64_t)size > segment_limit(l)) &&
	       p->first_seq != l->next_seq;
}

/* What was taken ahead, or a failed write has left, behind the last record goes. */
static int cut_off(struct audit_log *l)
{
	struct part *p = l->current;

	window_close(&p->window);
	p->allocated = 0;
	if (ftruncate(p->fd, (off_t)p->end) < 0)
		return -errno;
	p->cuts++;
	p->ahead = false;
	l->cut = false;
	return 0;
}

/* A segment with room for @size bytes, and nothing behind its last record. The name of the next
 * one can be safe as soon as it is there, whoever syncs what: so all of the one before is made
 * safe first. Meanwhile the lock is given up, and somebody else may have been faster. */
static int make_room(struct audit_log *l, int size)
{
	int rc = 0;

	while (rc >= 0 && is_full(l, size)) {
		rc = l->cut || l->current->ahead ? cut_off(l) : 0;
		if (rc == 0)
			rc = log_sync_current(l);
		if (rc == 0)
			rc = log_begin_segment(l);
	}
	if (rc >= 0 && l->cut)
		rc = cut_off(l);
	return rc < 0 ? rc : 0;
}

/* Whether @size bytes can be stored behind the last record; the window is moved on. It never
 * goes beyond the space that was taken ahead. */
static bool has_window(const struct audit_log *l, struct part *p, uint64_t size)
{
	uint64_t to = p->end / WINDOW_PAGE * WINDOW_PAGE + WINDOW_BYTES;

	if (p->end + size <= p->window.to)
		return true;
	if (!l->windows || p->plain)
		return false;
	if (to > p->allocated)
		to = p->allocated / WINDOW_PAGE * WINDOW_PAGE;
	if (to > segment_limit(l))
		to = (segment_limit(l) + WINDOW_PAGE - 1) / WINDOW_PAGE * WINDOW_PAGE;
	if (p->end + size > to)
		return false;
	p->ahead = true;
	p->plain = window_move(&p->window, p->fd, p->end, to) < 0;
	return !p->plain;
}

/* The record at the end of the current segment: stored where that can be, else written. */
static int put(struct audit_log *l, const uint8_t *bytes, size_t size)
{
	struct part *p = l->current;
	int rc = 0;

	if (has_window(l, p, size)) {
		if (window_store(&p->window, bytes, size, p->end) == 0)
			return 0;
		l->windows = false; /* write(2) says what is the matter */
	}
	if (p->ahead)
		rc = cut_off(l);
	if (rc == 0)
		rc = file_write_at(p->fd, bytes, size, p->end);
	if (rc < 0) {
		l->cut = true;
		(void)cut_off(l); /* else before the next */
	}
	return rc;
}

/* @seal: what an EPOCH or a DISCONTINUITY says; NULL for all others. */
static int append_locked(
	struct audit_log *l, struct audit_event *ev, const struct record_seal *seal)
{
	uint8_t bytes[RECORD_BYTES_MAX];
	int size = 0;
	int rc = take_nonce(l, ev->nonce);

	if (rc < 0)
		return rc;
	size = encode_next(l, ev, seal, bytes);
	if (size < 0)
		return size;
	if (l->cut || is_full(l, size)) {
		rc = make_room(l, size);
		if (rc < 0)
			return rc;
		size = encode_next(l, ev, seal, bytes);
	}
	rc = put(l, bytes, (size_t)size);
	if (rc < 0)
		return rc;
	l->current->end += (uint64_t)size;
	l->time_ns = ev->time_ns;
	__atomic_store_n(&l->next_seq, l->next_seq + 1, __ATOMIC_RELEASE);
	return 0;
}

const char *log_why(int code)
{
	switch (code) {
	case ENOTCONN:
		return "evidencefs-keyd, which holds its keys, cannot be reached";
	case ENOSPC:
	case EDQUOT:
		return "no space left for it";
	default:
		return strerror(code);
	}
}

bool audit_fault(struct audit_log *l, char out[static AUDIT_TEXT_MAX])
{
	int code = 0;

	pthread_mutex_lock(&l->lock);
	code = !l->failing ? 0 : l->scarce ? l->scarce : l->failed;
	pthread_mutex_unlock(&l->lock);
	if (code)
		snprintf(
			out, AUDIT_TEXT_MAX, "the access log cannot be written: %s", log_why(code));
	return code != 0;
}

/* With the lock, which is given up meanwhile; what is told is in order. */
static void say_locked(struct audit_log *l, const char *text)
{
	audit_fault_fn *fault = l->fault;
	void *context = l->fault_context;

	pthread_mutex_lock(&l->telling);
	pthread_mutex_unlock(&l->lock);
	fault(context, text);
	pthread_mutex_unlock(&l->telling);
	pthread_mutex_lock(&l->lock);
}

void log_tell(struct audit_log *l, int rc)
{
	char text[256];

	if (rc < 0)
		snprintf(text, sizeof(text),
			"access log: cannot be written: %s; nothing is served until it can",
			log_why(-rc));
	else
		snprintf(text, sizeof(text),
			"access log: written again, after %" PRIu64 " acts refused", l->refused);
	l->failing = rc < 0;
	l->failed = -rc;
	l->refused = 0;
	say_locked(l, text);
}

void log_say(struct audit_log *l, const char *text)
{
	pthread_mutex_lock(&l->lock);
	say_locked(l, text);
	pthread_mutex_unlock(&l->lock);
}

/* Something is to be made safe; at once, where much has come together. */
static void wake_sync(struct audit_log *l)
{
	bool much = l->seal && !l->urgent && l->next_seq - l->safe_seq > LOG_BATCH;

	if (l->dirty && !much)
		return;
	l->urgent |= much;
	l->dirty = true;
	pthread_cond_signal(&l->wake);
}

int log_append_seal(
	struct audit_log *l, enum audit_type type, const struct record_seal *seal, uint64_t *seq)
{
	struct audit_event ev = {.type = type};
	int rc = 0;

	pthread_mutex_lock(&l->lock);
	rc = l->sync_error ? -l->sync_error : append_locked(l, &ev, seal);
	if (rc == 0)
		wake_sync(l);
	pthread_mutex_unlock(&l->lock);
	if (rc == 0)
		*seq = ev.seq;
	return rc;
}

int log_append_endorsement(struct audit_log *l, const struct record_seal *seal, uint32_t uid,
	uint32_t pid, uint64_t *seq)
{
	struct audit_event ev = {.type = AUDIT_ENDORSEMENT, .uid = uid, .pid = pid};
	uint64_t failures = 0;
	int rc = 0;

	pthread_mutex_lock(&l->lock);
	failures = l->sync_failures;
	rc = l->sync_error   ? -l->sync_error
	     : l->seal_error ? -l->seal_error
			     : append_locked(l, &ev, seal);
	if (rc == 0) {
		wake_sync(l);
		rc = log_sync_wait(l, ev.seq, failures);
	}
	pthread_mutex_unlock(&l->lock);
	*seq = ev.seq;
	return rc;
}

/* Whether something of the evidence leaves with the reply. A lookup never waits: whether a name
 * is hidden must not be told by time. */
static bool discloses(const struct audit_event *ev)
{
	return ev->type >= AUDIT_OPEN && ev->type <= AUDIT_READLINK &&
	       ev->decision == AUDIT_ALLOWED;
}

/* The thread that syncs looks for space from now on. */
static void run_short(struct audit_log *l, int code)
{
	if (l->scarce)
		return;
	l->scarce = code;
	pthread_cond_signal(&l->wake);
}

/* What discloses leaves half of the reserve to what does not. The thread that syncs renews it;
 * only where more comes than that can follow is it done here. Return: 0; -ENOSPC, -EDQUOT. */
static int spare_reserve(struct audit_log *l)
{
	struct part *p = l->current;
	int rc = 0;

	if (l->no_reserve || (!l->scarce && p->end + LOG_RESERVE / 2 <= p->allocated))
		return 0;
	rc = reserve_take(p->fd, p->end, log_reserve_of(p), &p->allocated);
	if (rc == -ENOSPC || rc == -EDQUOT)
		return rc;
	l->scarce = 0; /* there may be space again */
	return 0;
}

/* With the lock; it may be given up for a moment. */
static int append_and_tell(struct audit_log *l, struct audit_event *ev)
{
	struct audit_event stamped = *ev;
	int rc = 0;

	if (l->sync_error)
		rc = -l->sync_error;
	else if (discloses(ev))
		rc = spare_reserve(l);
	if (rc == 0 && l->seal_error && !l->scarce) /* when it is scarce, later */
		rc = -l->seal_error;
	if (rc == 0)
		rc = append_locked(l, &stamped, NULL);
	if (rc == 0)
		wake_sync(l);
	else if ((rc == -ENOSPC || rc == -EDQUOT) && !l->no_reserve)
		run_short(l, -rc);
	/* what goes into the reserve does not say that all is well */
	if (rc != -EINVAL && (rc < 0) != l->failing && !(rc == 0 && l->scarce))
		log_tell(l, rc);
	if (rc < 0 && rc != -EINVAL)
		l->refused++;
	if (rc == 0) {
		ev->seq = stamped.seq;
		ev->time_ns = stamped.time_ns;
		memcpy(ev->nonce, stamped.nonce, AUDIT_NONCE);
	}
	return rc;
}

void audit_segment_size(struct audit_log *l, uint64_t bytes)
{
	pthread_mutex_lock(&l->lock);
	l->segment_bytes = bytes < SEGMENT_BYTES_MAX ? bytes : SEGMENT_BYTES_MAX;
	pthread_mutex_unlock(&l->lock);
}

void audit_strict(struct audit_log *l, bool on)
{
	pthread_mutex_lock(&l->lock);
	l->strict = on;
	pthread_mutex_unlock(&l->lock);
}

int audit_append(struct audit_log *l, struct audit_event *ev)
{
	uint64_t failures = 0;
	int rc = 0;

	pthread_mutex_lock(&l->lock);
	failures = l->sync_failures;
	rc = append_and_tell(l, ev);
	if (rc == 0 && l->strict && discloses(ev))
		rc = log_sync_wait(l, ev->seq, failures);
	pthread_mutex_unlock(&l->lock);
	return rc;
}

int audit_append_act(struct audit_log *l, struct audit_event *ev)
{
	uint64_t failures = 0;
	int rc = 0;

	pthread_mutex_lock(&l->lock);
	failures = l->sync_failures;
	rc = append_and_tell(l, ev);
	if (rc == 0)
		rc = log_sync_wait(l, ev->seq, failures);
	pthread_mutex_unlock(&l->lock);
	return rc;
}

uint64_t audit_size(const struct audit_log *l)
{
	return __atomic_load_n(&l->next_seq, __ATOMIC_ACQUIRE) - 1;
}

int64_t audit_time(struct audit_log *l)
{
	int64_t ns = 0;

	pthread_mutex_lock(&l->lock);
	ns = l->time_ns;
	pthread_mutex_unlock(&l->lock);
	return ns;
}

uint64_t audit_safe(struct audit_log *l)
{
	uint64_t seq = 0;

	pthread_mutex_lock(&l->lock);
	seq = l->safe_seq;
	pthread_mutex_unlock(&l->lock);
	return seq;
}
