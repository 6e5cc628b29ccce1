/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - one user's mount of their view; see session.h. */
#include "mount/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audit/keep.h"
#include "base/digest.h"
#include "mount/fuse.h"
#include "mount/gate.h"
#include "mount/handle.h"
#include "mount/kernel.h"
#include "mount/look.h"
#include "mount/loop.h"
#include "mount/ops.h"
#include "mount/process.h"
#include "mount/reads.h"
#include "mount/scene.h"
#include "mount/session_private.h"

#define THREADS_MORE 16   /* for all but reads */
#define READS_EACH   16   /* threads, for one piece of evidence */
#define READS_ALL    4080 /* threads */

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

/* The secret of commitments to names, made before the log; what becomes of it is its owner's. */
static int take_salt(struct session *s, struct err *e)
{
	uint8_t secret[COMMIT_SECRET];
	char *path = NULL;
	int fd = -1;
	ssize_t n = 0;
	int r = asprintf(&path, "%s/salt", s->state_dir) < 0 ? -ENOMEM : 0;

	if (r == 0)
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (r == 0 && fd < 0)
		r = -errno;
	if (r == 0 && (n = read(fd, secret, sizeof(secret))) != sizeof(secret))
		r = n != 0 ? -EBADMSG : digest_random(secret, sizeof(secret));
	if (r == 0 && n == 0) {
		n = write(fd, secret, sizeof(secret));
		if (n != sizeof(secret) || fsync(fd) < 0) {
			r = n >= 0 && n < (ssize_t)sizeof(secret) ? -ENOSPC : -errno;
			unlink(path); /* half of it would be a damaged one */
		}
	}
	if (r == 0)
		commit_names_key(secret, s->names_key);
	else
		err_errno(e, -r, "%s/salt: the secret of names in the log", s->state_dir);
	if (fd >= 0)
		close(fd);
	free(path);
	return r;
}

static int open_log(struct session *s, struct err *e)
{
	char *dir = NULL;
	int r = take_salt(s, e);

	if (r)
		return r;
	if (asprintf(&dir, "%s/log", s->state_dir) < 0)
		return err_errno(e, ENOMEM, "%s", s->state_dir);
	r = audit_open(dir, &s->log, e);
	if (r == 0)
		r = audit_seal(s->log, NULL, NULL, e);
	if (r == 0)
		r = audit_keep(s->log, &(struct audit_keep){.compress = true}, e);
	if (r == 0 && audit_behind_new(s->log, &s->behind))
		r = err_errno(e, EAGAIN, "%s: no thread for its records", dir);
	free(dir);
	return r;
}

static char *copy_of(const char *text, int *r)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		*r = -ENOMEM;
	return copy;
}

static int copy_opts(struct session *s, const struct session_opts *o, struct err *e)
{
	int r = 0;

	s->team = o->fuse_fd >= 0;
	s->fuse_fd = o->fuse_fd;
	s->lock_fd = o->lock_fd;
	s->uid = o->uid;
	s->gid = o->gid;
	s->degrade = s->team ? o->degrade : o->degrade & ~DEGRADED_TEAM;
	s->awake = o->awake;
	s->hooks = o->hooks;
	s->begun = o->begun;
	s->state_dir = copy_of(o->state_dir, &r);
	s->mountpoint = copy_of(o->mountpoint, &r);
	s->privacy_txt = copy_of(o->privacy_txt, &r);
	if (s->team) {
		s->init = malloc(o->init_len + 1);
		s->init_len = o->init_len;
		if (s->init)
			memcpy(s->init, o->init, o->init_len);
		else
			r = -ENOMEM;
	}
	s->processes =
		process_cache_new(o->hooks ? o->hooks->exe : NULL, o->hooks ? o->hooks->ctx : NULL);
	return r ? err_errno(e, ENOMEM, "%s", o->mountpoint) : 0;
}

/* @view is taken; NULL: none yet. */
static int first_scene(struct session *s, struct view *view, struct err *e)
{
	struct view *empty = NULL;
	struct scene *sc = NULL;
	int r = view_empty(s->uid, 0, &empty);

	if (r == 0)
		r = scene_new(s, empty, &s->nothing);
	if (r) {
		view_free(view);
		return err_errno(e, ENOMEM, "%s", s->mountpoint);
	}
	s->waiting = view == NULL;
	if (view && scene_new(s, view, &sc))
		return err_errno(e, ENOMEM, "%s", s->mountpoint);
	if (!view) {
		sc = s->nothing;
		s->nothing = NULL;
	}
	atomic_store(&s->scene, sc);
	return 0;
}

static int set_up(struct session *s, const struct session_opts *o, struct err *e)
{
	int r = copy_opts(s, o, e);

	if (r == 0)
		r = table_open(o->table_fd, &s->table, e);
	if (r == 0 && handles_new(s->table, &s->handles))
		r = err_errno(e, ENOMEM, "%s", s->mountpoint);
	if (r == 0) {
		s->reads = s->team ? reads_new(s->handles, LOOP_READS_EACH, LOOP_READS)
				   : reads_new(s->handles, READS_EACH, READS_ALL);
		if (!s->reads)
			r = err_errno(e, ENOMEM, "%s", s->mountpoint);
	}
	if (r == 0 && s->team) {
		s->log = o->log;
		s->behind = o->behind;
	} else if (r == 0) {
		r = open_log(s, e);
	}
	return r;
}

int session_new(
	const struct session_opts *o, struct view *view, struct session **out, struct err *e)
{
	struct session *s = aligned_alloc(_Alignof(struct session), sizeof(*s));
	int r = 0;

	if (!s) {
		view_free(view);
		return err_errno(e, ENOMEM, "%s", o->mountpoint);
	}
	memset(s, 0, sizeof(*s));
	pthread_mutex_init(&s->buffers.lock, NULL);
	pthread_mutex_init(&s->texts, NULL);
	pthread_mutex_init(&s->hold.lock, NULL);
	pthread_cond_init(&s->hold.ended, NULL);
	r = set_up(s, o, e);
	if (r)
		view_free(view);
	else
		r = first_scene(s, view, e);
	if (r) {
		session_free(s);
		return r;
	}
	*out = s;
	return 0;
}

const struct node_keys *session_keys(const struct session *s)
{
	return table_keys(s->table);
}

int session_make_fuse(struct session *s, struct err *e)
{
	const char *argv[] = {"evidencefs", "-o",
		"ro,nosuid,nodev,noexec,default_permissions,fsname=evidencefs,subtype=evidencefs"};
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_lowlevel_ops ops;
	size_t n = s->team ? 1 : sizeof(argv) / sizeof(argv[0]); /* its options are the starter's */
	int r = 0;

	fuse_set_log_func(quiet_log);
	ops_fill(&ops);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = fuse_opt_add_arg(&args, argv[i]);
	if (r == 0)
		s->fuse = fuse_session_new(&args, &ops, sizeof(ops), s);
	fuse_opt_free_args(&args);
	return s->fuse ? 0 : err_errno(e, ENOMEM, "cannot make a FUSE session");
}

/* The first request is INIT: answered here, so that what the kernel can do is known. */
int session_answer_init(struct session *s, struct err *e)
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
	const struct asker self = {.uid = s->uid, .gid = s->gid, .pid = getpid()};
	const struct access a = {.type = type, .length = s->degraded};
	unsigned token = 0;
	uint64_t seq = 0;
	int r = gate_record(s, scene_enter(s, &token), &self, &a, &seq);

	scene_leave(s, token);
	if (r == 0 && type == AUDIT_START)
		table_set_record(s->table, seq);
	return r;
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

/* Signals that ask for the end are blocked until the process ends; what is ignored stays so. */
static void block_ends(sigset_t *ends)
{
	static const int ask[] = {SIGHUP, SIGINT, SIGTERM};

	sigemptyset(ends);
	for (size_t i = 0; i < sizeof(ask) / sizeof(ask[0]); i++) {
		struct sigaction a;

		if (sigaction(ask[i], NULL, &a) == 0 && a.sa_handler != SIG_IGN)
			sigaddset(ends, ask[i]);
	}
	pthread_sigmask(SIG_BLOCK, ends, NULL);
}

int session_mount(struct session *s, struct err *e)
{
	char said[256];
	int r = 0;

	r = session_make_fuse(s, e);
	if (r)
		return r;
	/* before the mount: a signal from here on ends it in order, whatever it meets */
	block_ends(&s->ends);
	if (mount_quietly(s, said, sizeof(said))) {
		fuse_session_destroy(s->fuse);
		s->fuse = NULL;
		return err_set(e, EPERM,
			"cannot mount on %s: %s; the folder must be yours and writable, and "
			"/etc/fuse.conf must not forbid it",
			s->mountpoint, said[0] ? said : "the kernel refuses");
	}
	r = kernel_attach(s, e);
	if (r == 0)
		r = session_answer_init(s, e);
	if (r == 0 && record_act(s, AUDIT_START))
		r = err_set(e, EIO, "the access log below %s cannot be written", s->state_dir);
	return r;
}

int session_run(struct session *s)
{
	size_t reads = atomic_load(&s->scene)->view->evidence_n * READS_EACH;
	unsigned threads = THREADS_MORE + (unsigned)(reads < READS_ALL ? reads : READS_ALL);
	struct loop *l = NULL;
	int r = look_start(s);

	if (r)
		return r;
	r = loop_start(s->fuse, threads, s->awake, &l);
	if (r == 0)
		r = loop_wait(l, &s->ends);
	/* where storage does not answer, who looks after reads ends the process meanwhile */
	while (!loop_stop(l))
		;
	look_end(s);
	return r;
}

void session_set_record(struct session *s, uint64_t seq)
{
	table_set_record(s->table, seq);
}

void session_end_log(struct session *s)
{
	if (s->fuse)
		ops_end(s);
	audit_behind_free(s->behind);
	if (s->log && atomic_load(&s->scene))
		record_act(s, AUDIT_STOP);
	audit_close(s->log);
}

void session_free(struct session *s)
{
	if (!s || s->hangs)
		return;
	if (s->fuse) {
		fuse_session_unmount(s->fuse);
		fuse_session_destroy(s->fuse); /* closes fuse_fd, or the mount's own */
	} else if (s->team) {
		close(s->fuse_fd);
	}
	if (!s->team) /* a team's log is not its own, and its mount goes on */
		session_end_log(s);
	reads_free(s->reads);
	handles_free(s->handles);
	scene_free(atomic_load(&s->scene));
	scene_free(s->nothing);
	table_close(s->table);
	process_cache_free(s->processes);
	while (s->buffers.count > 0)
		free(s->buffers.idle[--s->buffers.count]);
	pthread_mutex_destroy(&s->buffers.lock);
	pthread_mutex_destroy(&s->texts);
	pthread_cond_destroy(&s->hold.ended);
	pthread_mutex_destroy(&s->hold.lock);
	free(s->init);
	free(s->privacy_txt);
	free(s->state_dir);
	free(s->mountpoint);
	free(s);
}
