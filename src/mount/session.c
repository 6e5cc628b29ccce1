/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - one user's mount of their view; see session.h. */
#include "mount/session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/digest.h"
#include "mount/fuse.h"
#include "mount/gate.h"
#include "mount/kernel.h"
#include "mount/ops.h"
#include "mount/ops_private.h"
#include "mount/process.h"
#include "mount/reads.h"

#define THREADS_IDLE 16 /* kept */
#define THREADS_MORE 16 /* for all but reads, which have READS_THREADS for each evidence */
#define THREADS_MAX  4096
#define TICK_NS      1000000000L /* how often reads and the end are looked after */
#define END_TICKS    3           /* that reads are waited for at the end */

/* libfuse speaks to stderr by itself; its words come out with our own error instead. */
static void quiet_log(enum fuse_log_level level, const char *fmt, va_list ap)
{
	(void)level, (void)fmt, (void)ap;
}

void *session_buffer(struct session *s)
{
	void *p = NULL;

	pthread_mutex_lock(&s->buffers.lock);
	if (s->buffers.count > 0)
		p = s->buffers.idle[--s->buffers.count];
	pthread_mutex_unlock(&s->buffers.lock);
	return p ? p : malloc(SESSION_BUFFER);
}

void session_buffer_put(struct session *s, void *p)
{
	pthread_mutex_lock(&s->buffers.lock);
	if (p && s->buffers.count < sizeof(s->buffers.idle) / sizeof(s->buffers.idle[0])) {
		s->buffers.idle[s->buffers.count++] = p;
		p = NULL;
	}
	pthread_mutex_unlock(&s->buffers.lock);
	free(p);
}

static int open_log(struct session *s, struct err *e)
{
	char *dir = NULL;
	int r = 0;

	if (asprintf(&dir, "%s/log", s->state_dir) < 0)
		return err_errno(e, ENOMEM, "%s", s->state_dir);
	r = audit_open(dir, &s->log, e);
	free(dir);
	return r;
}

int session_new(const struct session_opts *o, struct evidence **evidence, size_t count,
	struct session **out, struct err *e)
{
	struct session *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return err_errno(e, ENOMEM, "%s", o->mountpoint);
	pthread_mutex_init(&s->buffers.lock, NULL);
	pthread_mutex_init(&s->open.lock, NULL);
	pthread_mutex_init(&s->ending.lock, NULL);
	pthread_cond_init(&s->ending.changed, NULL);
	s->lock_fd = o->lock_fd;
	s->reads = reads_new(count);
	s->processes = process_cache_new();
	s->evidence = evidence;
	s->count = count;
	s->policy = (struct snapshot){.version = 1, .owner = o->uid, .rights = o->rights};
	s->gid = o->gid;
	s->degrade = o->degrade;
	s->state_dir = strdup(o->state_dir);
	s->mountpoint = strdup(o->mountpoint);
	if (!s->state_dir || !s->mountpoint || !s->reads)
		r = err_errno(e, ENOMEM, "%s", o->mountpoint);
	else if (digest_random(&s->keys, sizeof(s->keys)))
		r = err_set(e, EIO, "no random numbers from the system");
	else
		r = open_log(s, e);
	if (r) {
		session_free(s);
		return r;
	}
	*out = s;
	return 0;
}

static int make_fuse(struct session *s, struct err *e)
{
	const char *argv[] = {"evidencefs", "-o",
		"ro,nosuid,nodev,noexec,default_permissions,fsname=evidencefs,subtype=evidencefs"};
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_lowlevel_ops ops;
	int r = 0;

	ops_fill(&ops);
	for (size_t i = 0; r == 0 && i < sizeof(argv) / sizeof(argv[0]); i++)
		r = fuse_opt_add_arg(&args, argv[i]);
	if (r == 0)
		s->fuse = fuse_session_new(&args, &ops, sizeof(ops), s);
	fuse_opt_free_args(&args);
	return s->fuse ? 0 : err_errno(e, ENOMEM, "cannot make a FUSE session");
}

/* The first request is INIT: answered here, so that what the kernel can do is known. */
static int answer_init(struct session *s, struct err *e)
{
	struct fuse_buf buf = {.mem = NULL};
	int n = 0;

	do {
		n = fuse_session_receive_buf(s->fuse, &buf);
	} while (n == -EINTR);
	if (n > 0)
		fuse_session_process_buf(s->fuse, &buf);
	free(buf.mem);
	return n > 0 ? 0 : err_set(e, EIO, "the kernel did not begin the FUSE session");
}

static int record_act(struct session *s, enum audit_type type)
{
	const struct asker self = {.uid = s->policy.owner, .gid = s->gid, .pid = getpid()};
	struct act a = {.type = type, .length = s->degraded};

	return gate_record(s, &self, &a, NULL);
}

/*
 * fusermount3 speaks to stderr by itself: its first line is kept instead, to
 * become part of our own. Return: what fuse_session_mount() returns.
 */
static int mount_quietly(struct session *s, char *said, size_t size)
{
	int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	int words = memfd_create("fusermount3", MFD_CLOEXEC);
	ssize_t n = 0;
	int r = 0;

	if (saved >= 0 && words >= 0)
		dup2(words, STDERR_FILENO);
	r = fuse_session_mount(s->fuse, s->mountpoint);
	if (saved >= 0 && words >= 0) {
		dup2(saved, STDERR_FILENO);
		n = pread(words, said, size - 1, 0);
	}
	said[n > 0 ? n : 0] = '\0';
	said[strcspn(said, "\n")] = '\0';
	if (words >= 0)
		close(words);
	if (saved >= 0)
		close(saved);
	return r;
}

int session_mount(struct session *s, struct err *e)
{
	char said[256];
	int r = 0;

	fuse_set_log_func(quiet_log);
	r = make_fuse(s, e);
	if (r)
		return r;
	/* before the mount: a signal from here on ends it in order, whatever it meets */
	if (fuse_set_signal_handlers(s->fuse))
		return err_set(e, EIO, "signals cannot be handled");
	if (mount_quietly(s, said, sizeof(said))) {
		fuse_remove_signal_handlers(s->fuse);
		fuse_session_destroy(s->fuse);
		s->fuse = NULL;
		return err_set(e, EPERM,
			"cannot mount on %s: %s; the folder must be yours and writable, and "
			"/etc/fuse.conf must not forbid it",
			s->mountpoint, said[0] ? said : "the kernel refuses");
	}
	r = kernel_attach(s, e);
	if (r == 0)
		r = answer_init(s, e);
	if (r == 0 && record_act(s, AUDIT_START))
		r = err_set(e, EIO, "the access log below %s cannot be written", s->state_dir);
	return r;
}

/*
 * Reads hang in storage and hold the loop, which waits for its threads. What can be
 * closed without them is closed; then the process ends, and they with it.
 */
static void leave_behind(struct session *s)
{
	reads_stop(s->reads);
	fuse_session_unmount(s->fuse);
	ops_record_all_closed(s);
	record_act(s, AUDIT_STOP);
	audit_close(s->log);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	_exit(0);
}

static void *look_after(void *arg)
{
	struct session *s = arg;
	unsigned ticks = 0;

	pthread_mutex_lock(&s->ending.lock);
	while (!s->ending.over) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += TICK_NS / 1000000000L;
		pthread_cond_timedwait(&s->ending.changed, &s->ending.lock, &until);
		if (s->ending.over)
			break;
		if (fuse_session_exited(s->fuse) && ++ticks > END_TICKS)
			leave_behind(s);
		reads_abandoned(s->reads, ops_abandoned, s);
	}
	pthread_mutex_unlock(&s->ending.lock);
	return NULL;
}

/* Signals are for the thread that runs the loop. */
static int begin_looking(struct session *s, pthread_t *thread)
{
	sigset_t all;
	sigset_t old;
	int r = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(thread, NULL, look_after, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}

static void end_looking(struct session *s, pthread_t thread)
{
	pthread_mutex_lock(&s->ending.lock);
	s->ending.over = true;
	pthread_cond_broadcast(&s->ending.changed);
	pthread_mutex_unlock(&s->ending.lock);
	pthread_join(thread, NULL);
}

int session_run(struct session *s)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	size_t threads = THREADS_MORE + s->count * READS_THREADS;
	pthread_t looking;
	int r = config ? begin_looking(s, &looking) : -ENOMEM;

	if (r == 0) {
		fuse_loop_cfg_set_clone_fd(config, 0);
		fuse_loop_cfg_set_max_threads(
			config, threads < THREADS_MAX ? (unsigned)threads : THREADS_MAX);
		fuse_loop_cfg_set_idle_threads(config, THREADS_IDLE);
		r = fuse_session_loop_mt(s->fuse, config);
		if (r > 0)
			r = 0; /* a signal asked for the end */
		end_looking(s, looking);
	}
	fuse_loop_cfg_destroy(config);
	return r;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	if (s->fuse) {
		fuse_session_unmount(s->fuse);
		fuse_remove_signal_handlers(s->fuse);
		fuse_session_destroy(s->fuse);
		ops_end(s);
	}
	if (s->log)
		record_act(s, AUDIT_STOP);
	audit_close(s->log);
	process_cache_free(s->processes);
	while (s->buffers.count > 0)
		free(s->buffers.idle[--s->buffers.count]);
	pthread_mutex_destroy(&s->buffers.lock);
	pthread_mutex_destroy(&s->open.lock);
	pthread_mutex_destroy(&s->ending.lock);
	pthread_cond_destroy(&s->ending.changed);
	reads_free(s->reads);
	free(s->state_dir);
	free(s->mountpoint);
	free(s);
}
