/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_private.h - the writer's own: its state, and what log_open.c (which begins and ends it),
 * log.c (which appends) and log_sync.c (the thread that makes safe what was appended) need of
 * each other
 */
#ifndef EVIDENCEFS_AUDIT_LOG_PRIVATE_H
#define EVIDENCEFS_AUDIT_LOG_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"
#include "audit/record.h"
#include "audit/segment.h"
#include "audit/tail.h"
#include "audit/window.h"

#define NS_PER_SEC   1000000000
#define RANDOM_BYTES 4096
/* unsynced records that are not waited for any longer, and unsealed ones */
#define LOG_BATCH 65536
/* bytes ahead of the end that are the log's, for what must be recorded on a full disk */
#define LOG_RESERVE (UINT64_C(1) << 20)

/* A segment that is being written, or is full and not yet synced. */
struct part {
	struct part *next;
	int fd;
	uint64_t first_seq;
	uint64_t end;       /* whole records end here */
	uint64_t synced;    /* up to here it is safe */
	uint64_t allocated; /* up to here the file has space; 0: not known */
	struct window window;
	bool ahead;    /* zeros may stand behind its end */
	bool plain;    /* there is to be no window any more */
	bool suspect;  /* a sync of what is behind failed */
	unsigned cuts; /* how often what stood behind its end was cut off */
	unsigned cuts_synced;
};

/** part_is_safe() - whether all of it is synced, and that nothing stands behind. */
static inline bool part_is_safe(const struct part *p)
{
	return !p->suspect && p->synced == p->end && p->cuts_synced == p->cuts;
}

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
	uint64_t segment_bytes; /* the most in one */
	struct part *oldest;    /* not yet safe, in order; the last is current */
	struct part *current;
	bool dirty;    /* something is not synced */
	bool new_name; /* the directory is not synced */
	bool cut;      /* a failed write may have left bytes behind current->end */
	bool roll;     /* the next record begins a segment */
	bool urgent;   /* an act waits: sync at once */
	bool stop;
	bool strict;           /* what discloses waits until it is synced */
	pthread_cond_t synced; /* safe_seq or sync_failures changed */
	uint64_t safe_seq;     /* all records up to this one are synced */
	uint64_t sync_failures;
	int last_failure; /* errno of the last of them */
	int sync_error;   /* errno of a failed sync that is not yet repaired */
	bool failing;     /* that has been told */
	int failed;       /* errno that was told */
	uint64_t refused; /* appends while it fails */
	audit_fault_fn *fault;
	void *fault_context;
	struct tail tail;             /* as the log was found */
	uint8_t random[RANDOM_BYTES]; /* for nonces; used from its end */
	size_t random_left;
	struct seal *seal; /* log_seal.c; NULL: not sealed */
	int scarce; /* errno of space that could not be taken ahead: what discloses is refused */
	bool no_reserve;   /* the file system knows no such thing */
	bool windows;      /* records are stored through them */
	int seal_error;    /* errno of a checkpoint that could not be written */
	struct keep *keep; /* keep.c; NULL: closed segments stay as they are */
	bool closed;       /* a segment was, since keep.c looked */
	uint64_t closings; /* how many were */
	pthread_cond_t tidy;
};

/* Bytes that are to be ahead of its end. */
static inline uint64_t log_reserve_of(const struct part *p)
{
	const uint64_t room = SEGMENT_BYTES_MAX - p->end;

	return room < LOG_RESERVE ? room : LOG_RESERVE;
}

/** log_part_free() - it is closed, and has nothing behind its end any more. */
void log_part_free(struct part *p);
/** log_begin_segment() - a segment of which the next record is the first becomes the current one;
 * with the lock. Return: 0 or -errno: nothing has changed then. */
int log_begin_segment(struct audit_log *l);
/** log_say_stderr() - who is told while nobody else is to be. */
void log_say_stderr(void *context, const char *text);
/** log_why() - an errno of this log in words. */
const char *log_why(int code);
/** log_tell() - that the log fails, or works again; @rc: what an append or a sync returned.
 * Called with the lock, which is given up meanwhile. */
void log_tell(struct audit_log *l, int rc);

/** log_say() - something that is no fault of writing. Without the lock. */
void log_say(struct audit_log *l, const char *text);
/** log_seal_size() - tree size of the newest checkpoint; with the lock. */
uint64_t log_seal_size(const struct audit_log *l);
/** log_keep_stop() - end the thread of keep.c; first of all. */
void log_keep_stop(struct audit_log *l);

/** log_sync_start() - begin the thread that syncs, with all its locks. */
int log_sync_start(struct audit_log *l, struct err *e);
/** log_sync_stop() - sync what is written, end the thread. */
void log_sync_stop(struct audit_log *l);
/**
 * log_sync_current() - with the lock: one step towards a current segment that is safe
 * Return: 0 it is, and the lock was kept; 1 look again, it was given up; -errno a sync failed.
 */
int log_sync_current(struct audit_log *l);
/** log_sync_now() - without a thread: sync what is written. Return: 0 or -errno. */
int log_sync_now(struct audit_log *l);
/** log_sync_release() - its locks go. */
void log_sync_release(struct audit_log *l);

/** log_append_seal() - an EPOCH or a DISCONTINUITY. Return: as audit_append(); *@seq: its number.
 */
int log_append_seal(
	struct audit_log *l, enum audit_type type, const struct record_seal *seal, uint64_t *seq);
/** log_append_endorsement() - by @uid and @pid; synced when it returns. */
int log_append_endorsement(struct audit_log *l, const struct record_seal *seal, uint32_t uid,
	uint32_t pid, uint64_t *seq);
/** log_seal_stop() - a checkpoint over all, the key handed over; all is synced, no thread runs
 * but the seal's. */
void log_seal_stop(struct audit_log *l);
/** log_seal_join() - end its thread only: first of all. */
void log_seal_join(struct audit_log *l);
/**
 * log_sync_wait() - until record @seq is safe; with the lock, which is given up meanwhile
 * @failures: l->sync_failures when it was written
 * Return: 0; -errno a sync failed since.
 */
int log_sync_wait(struct audit_log *l, uint64_t seq, uint64_t failures);

#endif
