/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - one user's mount of their view
 *
 * Holds what every request needs: the view as it is now, the log, the table of
 * what the kernel holds (mount/table.h). What is seen changes by one call,
 * session_set_view(); nothing else in it changes while it is mounted but what has
 * a lock of its own.
 *
 * A personal session mounts itself and ends with its process. A team's session is
 * mounted by the starter, which keeps the kernel's end and the table: whoever
 * serves may be killed at any moment, and the next one goes on.
 */
#ifndef EVIDENCEFS_MOUNT_SESSION_H
#define EVIDENCEFS_MOUNT_SESSION_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/audit.h"
#include "audit/behind.h"
#include "audit/commit.h"
#include "base/err.h"
#include "mount/node.h"
#include "mount/pin.h"
#include "policy/decide.h"
#include "policy/view.h"

struct awake;
struct fuse_session;
struct handles;
struct loop;
struct reads;
struct scene;
struct session_table;

/* What a kernel cannot do, or is kept from doing so that it can be tested. */
#define DEGRADED_NO_SHARED_MMAP 0x1u  /* before Linux 6.6: private mappings only */
#define DEGRADED_NO_STATX       0x2u  /* before Linux 6.6: birth time in the xattr only */
#define DEGRADED_HANDLES        0x4u  /* before Linux 6.9: file handles refused here, not there */
#define DEGRADED_NO_RESEND      0x8u  /* before Linux 6.9: a restart costs one error at most */
#define DEGRADED_NO_EPOCH       0x10u /* before Linux 6.16: names are kept for a second at most */
#define DEGRADED_ALL            0x1fu
#define DEGRADED_TEAM           0x18u /* those that a personal mount never needs */

struct session_hooks {
	/** exe() - the program a process runs, where /proc does not tell this process, and which
	 * file that is. Length; -errno. Called from any thread. */
	int (*exe)(void *ctx, pid_t pid, uint64_t start_time, char *out, size_t size,
		struct audit_exe_file *file);
	/** begun() - the kernel's INIT was answered. */
	void (*begun)(void *ctx);
	void *ctx;
};

/* What the log says of a slot. */
struct origin {
	bool known;
	uint64_t case_id;
	uint8_t digest[AUDIT_EVIDENCE_ID];
	uint8_t names_key[COMMIT_SECRET]; /* for commitments to names */
};

struct session {
	bool team;
	uid_t uid;
	gid_t gid;
	struct pins pins;
	struct scene *_Atomic scene;
	struct scene *nothing; /* shown when there is no memory for another; NULL: in use */
	uint64_t scenes;       /* made so far */
	struct hold {          /* requests wait (scene_hold) */
		pthread_mutex_t lock;
		pthread_cond_t ended;
		_Atomic bool on;
	} hold;
	_Atomic bool
		swapped; /* a view has been: what the kernel keeps of listings may be another's */
	struct scene *ending; /* swapped out, and not settled yet; NULL: none */
	bool waiting;         /* for the first view: started, not serving yet */
	struct session_table *table;
	struct handles *handles;
	struct origin origin[NODE_SLOTS]; /* set before a scene shows the slot, never changed */
	struct audit_log *log;
	struct audit_behind *behind;      /* look-ups of hidden names */
	uint8_t names_key[COMMIT_SECRET]; /* personal: of all its evidence */
	struct process_cache *processes;  /* of who asked lately */
	const struct session_hooks *hooks;
	char *privacy_txt;
	char *state_dir;   /* personal: the mount point's folder below the state: its log */
	unsigned degrade;  /* abilities to do without (--degraded) */
	unsigned degraded; /* abilities missing, once the kernel has spoken */
	struct buffers {   /* reused by reads */
		pthread_mutex_t lock;
		void *idle[16];
		size_t count;
	} buffers;
	pthread_mutex_t texts; /* over the live texts of handles */
	struct reads *reads;   /* whose bytes are being fetched */
	pthread_t looking;     /* look.c */
	bool looks;
	bool hangs;  /* stopped, and reads hang in storage still: their threads use it */
	int lock_fd; /* as in session_opts */
	struct fuse_session *fuse;
	sigset_t ends;       /* a personal mount: signals that ask for its end */
	struct loop *loop;   /* a team's threads */
	struct awake *awake; /* borrowed; NULL: without */
	char *mountpoint;
	int fuse_fd;
	uint8_t *init; /* the kernel's INIT request, not read yet by libfuse; NULL: read */
	size_t init_len;
	uint64_t init_unique; /* kernel.c: the INIT request that is being answered; 0: none */
	bool begun;           /* an earlier service answered it */
	_Atomic uint64_t write_faults; /* replies the kernel did not take */
};

struct session_opts {
	uid_t uid;
	gid_t gid;
	unsigned degrade;
	const char *mountpoint; /* absolute */
	const char *state_dir;  /* personal: the log is opened below it; NULL */
	int lock_fd;            /* personal: closed when the session is left behind; -1: none */
	struct audit_log *log;  /* team: shared by all sessions, borrowed; NULL */
	struct audit_behind *behind; /* and its records behind replies */
	int fuse_fd; /* team: mounted by the starter; becomes the session's. -1: mounts itself */
	const uint8_t *init; /* team: the kernel's INIT request, read by the starter */
	size_t init_len;
	bool begun;          /* team: an earlier service answered it: ask for what was in flight */
	int table_fd;        /* team: memfd of handles and nodes (mount/table.h); -1: own memory */
	struct awake *awake; /* borrowed (mount/awake.h); NULL: without */
	const char *privacy_txt;           /* text of PRIVACY.txt; NULL: there is none */
	const struct session_hooks *hooks; /* NULL */
};

/**
 * session_new() - @view: what is seen first; taken, also on failure. NULL: not known yet;
 * nothing is answered before session_set_view() has been called.
 * Evidence of this view and of later ones is borrowed, and must stay open until
 * session_free(): a read may still be fetching from what is no longer seen.
 */
int session_new(
	const struct session_opts *o, struct view *view, struct session **out, struct err *e);
/**
 * session_mount() - personal: mount; returns once the kernel has been answered and
 * the tree can be read. session_run() then serves it.
 */
int session_mount(struct session *s, struct err *e);
/**
 * session_run() - personal: serve until unmounted or a signal. Return: 0, or -errno.
 * A read that storage does not answer cannot be waited for at the end: after some
 * seconds everything is closed, the log ended, @lock_fd closed, and the process ends
 * by _exit(0). On some storage it is gone only when storage has answered.
 */
int session_run(struct session *s);
/**
 * session_start() - team: serve in threads of its own
 * Handles and nodes of an earlier service go on; what it had begun is asked for again.
 */
int session_start(struct session *s, struct err *e);
/**
 * session_hold() - requests wait from now on, and none that was decided is unanswered
 * Until the next session_swap_view(), which must follow: an act that takes something away is
 * recorded in between, so that in the log nothing of it is read after its end.
 */
void session_hold(struct session *s);
/**
 * session_swap_view() - from now on, this is seen
 * When it returns, no reply decided under the old view is outstanding. @view is taken; NULL:
 * nothing is seen. session_settle() must follow. One caller at a time.
 */
void session_swap_view(struct session *s, struct view *view);
/**
 * session_settle() - let the kernel forget what is no longer seen
 * When it returns, every open descriptor, mapping and listing on it is dead, and names are
 * looked up anew. The old view is freed.
 */
void session_settle(struct session *s);
/** session_view() - what is seen now; NULL: no view was given yet. Good until the next swap, which
 * the caller keeps from happening. */
const struct view *session_view(const struct session *s);
/** session_set_view() - swap and settle. */
void session_set_view(struct session *s, struct view *view);
/**
 * session_stop() - team: leave the mount to the next service (@keep), or end every open
 * first so that mapped pages die with it. Unmounting is the starter's. Then session_free().
 * Return: false: reads hang in storage, though the kernel waits for none of them any more.
 * They use their evidence until storage answers, or the process ends.
 */
bool session_stop(struct session *s, bool keep);
/**
 * session_free() - personal: unmounts when mounted, ends the log. NULL allowed.
 * One that hangs is left alone: what it had is lost until the process ends.
 */
void session_free(struct session *s);

/** session_set_record() - the record in the log that begins it: what is done in it says so. */
void session_set_record(struct session *s, uint64_t seq);
/** session_keys() - of its node ids. */
const struct node_keys *session_keys(const struct session *s);

/** session_buffer() - [SESSION_BUFFER] bytes, from those in stock; NULL without memory. */
#define SESSION_BUFFER ((size_t)1 << 20)
void *session_buffer(struct session *s);
void session_buffer_put(struct session *s, void *p);

#endif
