/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - one user's mount of their view
 *
 * Holds what every request needs: the pieces of evidence, the policy's
 * snapshot, the log, the keys of node ids. Nothing in it changes while it is
 * mounted but what has a lock of its own.
 */
#ifndef EVIDENCEFS_MOUNT_SESSION_H
#define EVIDENCEFS_MOUNT_SESSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/audit.h"
#include "base/err.h"
#include "mount/node.h"
#include "policy/decide.h"
#include "serve/evidence.h"

struct fuse_session;
struct handle;
struct reads;

/* What a kernel cannot do, or is kept from doing so that it can be tested. */
#define DEGRADED_NO_SHARED_MMAP 0x1u /* before Linux 6.6: private mappings only */
#define DEGRADED_NO_STATX       0x2u /* before Linux 6.6: birth time in the xattr only */
#define DEGRADED_HANDLES        0x4u /* before Linux 6.9: file handles refused here, not there */
#define DEGRADED_ALL            0x7u

struct session {
	struct evidence **evidence;
	size_t count;
	struct snapshot policy;
	gid_t gid;
	struct audit_log *log;
	struct process_cache *processes; /* of who asked lately */
	struct node_keys keys;
	char *state_dir;   /* the mount point's folder below the state: its log */
	unsigned degrade;  /* abilities to do without (--degraded) */
	unsigned degraded; /* abilities missing, once the kernel has spoken */
	struct buffers {   /* reused by reads */
		pthread_mutex_t lock;
		void *idle[16];
		size_t count;
	} buffers;
	struct opened { /* files and directories (ops_private.h) */
		pthread_mutex_t lock;
		struct handle *first;
	} open;
	struct reads *reads; /* under way */
	struct ending {      /* session_run() and the thread that looks after it */
		pthread_mutex_t lock;
		pthread_cond_t changed;
		bool over; /* the loop has come back */
	} ending;
	int lock_fd; /* as in session_opts */
	struct fuse_session *fuse;
	char *mountpoint;
	uint64_t init_unique; /* kernel.c: the INIT request that is being answered; 0: none */
	_Atomic uint64_t write_faults; /* replies the kernel did not take */
};

struct session_opts {
	uid_t uid;
	gid_t gid;
	unsigned rights;
	unsigned degrade;
	const char *state_dir;  /* made by the caller */
	const char *mountpoint; /* absolute */
	int lock_fd;            /* closed when the session is left behind; -1: none */
};

/** session_new() - @evidence: [count], borrowed; the log is opened and begun. */
int session_new(const struct session_opts *o, struct evidence **evidence, size_t count,
	struct session **out, struct err *e);
/**
 * session_mount() - mount; returns once the kernel has been answered and the
 * tree can be read. session_run() then serves it.
 */
int session_mount(struct session *s, struct err *e);
/**
 * session_run() - serve until unmounted or a signal. Return: 0, or -errno.
 * A read that storage does not answer cannot be waited for at the end: after some
 * seconds everything is closed, the log ended, @lock_fd closed, and the process ends
 * by _exit(0). On some storage it is gone only when storage has answered.
 */
int session_run(struct session *s);
/** session_free() - unmounts when mounted; ends the log. NULL allowed. */
void session_free(struct session *s);

/** session_buffer() - [SESSION_BUFFER] bytes, from those in stock; NULL without memory. */
#define SESSION_BUFFER ((size_t)1 << 20)
void *session_buffer(struct session *s);
void session_buffer_put(struct session *s, void *p);

#endif
