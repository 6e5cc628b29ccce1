/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_seal.c - the thread of the access log that seals what is safe
 *
 * It reads back what was synced, grows the tree, signs its head, writes that to
 * `checkpoints`, names it in an EPOCH and lets the key go. Nothing of it happens
 * under the lock of the log but the appending of that EPOCH. A checkpoint waits
 * until the EPOCH before it is in the tree: it is signed by the key named there.
 * While a checkpoint cannot be written, nothing is appended.
 */
#include "audit/log_seal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit/heads.h"
#include "audit/reader_private.h"
#include "audit/reserve.h"
#include "base/file.h"
#include "base/now.h"
#include "base/thread.h"

#define DUE_NS   800000000 /* from when a record was seen, 100 ms at most after it came */
#define RETRY_NS 200000000
#define LOOK_NS  250000000 /* whether who holds the keys is still there */
/* bytes ahead in `checkpoints`; and how few are left when more are taken */
#define HEADS_RESERVE   65536
#define HEADS_AHEAD_MIN 16384

int log_seal_name(struct seal *s)
{
	struct record_seal epoch;
	uint64_t seq = 0;
	int rc = 0;

	if (s->last.size == 0 || s->named_at)
		return 0;
	rc = keys_epoch(s->keys, &epoch);
	if (rc == 0 &&
		(epoch.size != s->last.size || memcmp(epoch.root, s->last.root, RECORD_ROOT) != 0))
		rc = -EBADMSG;
	if (rc == 0)
		rc = log_append_seal(s->log, AUDIT_EPOCH, &epoch, &seq);
	if (rc < 0)
		return rc;
	s->named_at = seq;
	memcpy(s->key, epoch.next, RECORD_KEY);
	return keys_evolve(s->keys);
}

static int write_note(struct seal *s, const struct note *note)
{
	char text[NOTE_MAX];
	size_t n = note_encode(s->name, note, text);
	int rc = 0;

	/* some ahead, so that a full disk can be sealed; where it cannot be, the write says so */
	if (s->file_end + HEADS_AHEAD_MIN > s->file_allocated)
		(void)reserve_take(s->file, s->file_end, HEADS_RESERVE, &s->file_allocated);
	rc = file_write_at(s->file, text, n, s->file_end);

	if (rc == 0 && fdatasync(s->file) < 0)
		rc = -errno;
	if (rc < 0) {
		s->file_allocated = 0;
		if (ftruncate(s->file, (off_t)s->file_end) < 0)
			return -errno;
		return rc;
	}
	s->file_end += n;
	return 0;
}

/* Seal the tree as it stands. */
static int checkpoint(struct seal *s)
{
	uint8_t root[TREE_HASH];
	struct note note;
	int rc = 0;

	tree_root(&s->tree, root, NULL);
	rc = keys_checkpoint(s->keys, s->tree.size, root, &note);
	if (rc == 0)
		rc = write_note(s, &note);
	if (rc < 0)
		return rc;
	log_seal_save(s); /* before the key goes: it is the one that signed */
	pthread_mutex_lock(&s->log->lock);
	s->last = note;
	pthread_mutex_unlock(&s->log->lock);
	s->named_at = 0;
	s->fresh = 0;
	s->due_ns = 0;
	return 0;
}

static bool may_seal(const struct seal *s)
{
	return s->fresh > 0 && s->tree.size >= s->named_at;
}

void log_seal_take(struct seal *s)
{
	const uint8_t *p = segment_bytes(&s->reader->at);
	uint8_t leaf[TREE_HASH];
	unsigned level = 0;

	if (record_is_hashes(p)) {
		p = record_hashes(p, &level);
		tree_add_subtree(&s->tree, level, p, NULL);
		return;
	}
	tree_leaf(p, s->reader->at.size, leaf);
	tree_add(&s->tree, leaf, NULL);
}

/* Take the next record into the tree. */
static int grow(struct seal *s)
{
	struct audit_event ev;
	int rc = audit_reader_next(s->reader, &ev, NULL);

	if (rc <= 0)
		return rc < 0 ? rc : -EBADMSG;
	log_seal_take(s);
	if (ev.type != AUDIT_EPOCH && ev.type != AUDIT_DISCONTINUITY) {
		s->fresh++;
		if (s->due_ns == 0)
			s->due_ns = now_ns(CLOCK_MONOTONIC) + DUE_NS;
	}
	return 0;
}

/* Up to record @safe, with the checkpoints that come in between. Return: 0 or -errno. */
static int advance(struct seal *s, uint64_t safe)
{
	int rc = log_seal_greet(s);

	if (rc == 0)
		rc = log_seal_name(s);

	while (rc == 0 && s->tree.size < safe) {
		rc = grow(s);
		if (rc == 0 && s->fresh >= LOG_BATCH && may_seal(s)) {
			rc = checkpoint(s);
			if (rc == 0)
				rc = log_seal_name(s);
		}
	}
	if (rc == 0 && s->due_ns && now_ns(CLOCK_MONOTONIC) >= s->due_ns && may_seal(s)) {
		rc = checkpoint(s);
		if (rc == 0)
			rc = log_seal_name(s);
	}
	return rc;
}

/* With the lock of the log: until there is something to do. */
static void wait_for_work(struct seal *s, bool failed)
{
	struct audit_log *l = s->log;
	struct timespec until;
	int64_t now = now_ns(CLOCK_MONOTONIC);
	/* while the EPOCH is not safe, it is waited for */
	int64_t at = failed ? now + RETRY_NS : may_seal(s) ? s->due_ns : 0;

	if (keys_can_go(s->keys) && (at == 0 || at > now + LOOK_NS))
		at = now + LOOK_NS;
	until = now_at(at);
	if (!failed && l->safe_seq > s->tree.size)
		return;
	if (at == 0)
		pthread_cond_wait(&l->synced, &l->lock);
	else
		pthread_cond_timedwait(&l->synced, &l->lock, &until);
}

static void *seal_loop(void *arg)
{
	struct seal *s = arg;
	struct audit_log *l = s->log;
	int rc = 0;

	pthread_mutex_lock(&l->lock);
	while (!s->stop) {
		uint64_t safe = l->safe_seq;

		pthread_mutex_unlock(&l->lock);
		s->greeted = s->greeted && !keys_gone(s->keys);
		rc = advance(s, safe);
		pthread_mutex_lock(&l->lock);
		/* whatever it was, who holds the keys is asked again from the beginning */
		s->greeted = s->greeted && rc == 0;
		l->seal_error = -rc;
		if (rc < 0 && !l->failing)
			log_tell(l, rc);
		if (!s->stop)
			wait_for_work(s, rc < 0);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

static void seal_free(struct seal *s)
{
	keys_free(s->keys);
	if (s->file >= 0) {
		reserve_drop(s->file, s->file_end, &s->file_allocated);
		close(s->file);
	}
	audit_reader_close(s->reader);
	free(s);
}

static int start(struct seal *s, struct err *e)
{
	int rc = 0;

	rc = thread_start(&s->thread, seal_loop, s);
	s->running = rc == 0;
	return rc ? err_errno(e, rc, "%s: cannot start the thread that seals", s->log->dir) : 0;
}

/* A keyholder in this process, with ../keys. */
static int own_keys(const struct audit_log *l, struct keys **out, struct err *e)
{
	int fd = file_dir_beside(l->dirfd, "keys", e);

	return fd < 0 ? fd : keys_own(fd, out, e);
}

int audit_seal(struct audit_log *l, struct keys *keys, bool *first, struct err *e)
{
	struct seal *s = calloc(1, sizeof(*s));
	struct err why = {.code = 0};
	bool made = false;
	int rc = 0;

	if (!s) {
		keys_free(keys);
		return err_errno(e, ENOMEM, "%s", l->dir);
	}
	s->log = l;
	s->file = -1;
	s->keys = keys;
	note_name(l->log_id, s->name);
	rc = keys ? 0 : own_keys(l, &s->keys, &why);
	if (rc == 0)
		rc = log_seal_load(s, &made, &why);
	s->due_ns = s->fresh ? now_ns(CLOCK_MONOTONIC) + DUE_NS : 0;
	if (rc < 0)
		err_set(e, -rc, "%s: %s", l->dir, err_text(&why, -rc));
	else
		rc = start(s, e);
	if (rc < 0) {
		seal_free(s);
		return rc;
	}
	pthread_mutex_lock(&l->lock);
	l->seal = s;
	pthread_mutex_unlock(&l->lock);
	if (first)
		*first = made;
	return 0;
}

void log_seal_join(struct audit_log *l)
{
	struct seal *s = l->seal;

	if (!s || !s->running)
		return;
	pthread_mutex_lock(&l->lock);
	s->stop = true;
	pthread_cond_broadcast(&l->synced);
	pthread_mutex_unlock(&l->lock);
	pthread_join(s->thread, NULL);
	s->running = false;
}

/* All records in the tree, what is new among them under a checkpoint of its own with its
 * EPOCH: the key that waits on the disk can then sign nothing again but that EPOCH. */
static int finish(struct seal *s)
{
	int rc = 0;

	do {
		rc = log_sync_now(s->log);
		if (rc == 0)
			rc = advance(s, audit_size(s->log));
		if (rc == 0 && may_seal(s) && s->tree.size == audit_size(s->log)) {
			rc = checkpoint(s);
			if (rc == 0)
				rc = log_seal_name(s);
		}
	} while (rc == 0 && s->tree.size < audit_size(s->log));
	if (rc == 0 && s->tree.size > s->last.size)
		rc = checkpoint(s);
	return rc < 0 ? rc : keys_end(s->keys);
}

void log_seal_stop(struct audit_log *l)
{
	struct seal *s = l->seal;
	int rc = s ? finish(s) : 0;

	if (!s)
		return;
	if (rc < 0) {
		char text[256];

		snprintf(text, sizeof(text),
			"access log: not sealed to its end: %s; its key is lost", strerror(-rc));
		l->fault(l->fault_context, text);
	}
	l->seal = NULL;
	seal_free(s);
}

void audit_origin(const struct audit_log *l, char key[static AUDIT_TEXT_MAX],
	char fingerprint[static AUDIT_TEXT_MAX])
{
	key[note_key_encode(l->seal->name, l->seal->origin, key) - 1] = '\0';
	note_fingerprint(l->seal->origin, fingerprint);
}

uint64_t log_seal_size(const struct audit_log *l)
{
	return l->seal ? l->seal->last.size : 0;
}

uint64_t audit_checkpoint(struct audit_log *l, char out[static AUDIT_TEXT_MAX])
{
	struct note note = {.size = 0};

	pthread_mutex_lock(&l->lock);
	if (l->seal)
		note = l->seal->last;
	pthread_mutex_unlock(&l->lock);
	out[0] = '\0';
	if (note.size)
		note_encode(l->seal->name, &note, out);
	return note.size;
}
