/* SPDX-License-Identifier: Apache-2.0 */
/*
 * requests.c - what the service may have of the starter, and no more
 *
 * The service may have been taken over: each request is checked as if it were
 * an enemy's. docs/PROTOCOL.starter.md "What the starter checks".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mount/process.h"
#include "starter/notify.h"
#include "starter/starter_private.h"

/* Payload used up, and nothing missing. */
static bool is_whole(const struct message *m)
{
	return !m->payload.bad && cur_left(&m->payload) == 0;
}

static int answer(struct starter *s, uint32_t id, const void *p, size_t n)
{
	struct buf b = BUF_INIT;
	int r = 0;

	message_begin(&b, MESSAGE_DONE, id);
	buf_put(&b, p, n);
	r = message_send(s->channel, &b, NULL, 0);
	buf_release(&b);
	return r;
}

static int answer_u32(struct starter *s, uint32_t id, uint32_t v)
{
	struct buf b = BUF_INIT;
	int r = 0;

	buf_put_u32(&b, v);
	r = b.error ? b.error : answer(s, id, b.data, b.len);
	buf_release(&b);
	return r;
}

/* Done, or the words of @e. */
static int answer_result(struct starter *s, uint32_t id, int result, const struct err *e)
{
	return result < 0 ? message_fail(s->channel, id, result, err_text(e, result))
			  : answer(s, id, NULL, 0);
}

static int on_image(struct starter *s, struct message *m)
{
	return jobs_image(&s->jobs, s->channel, s->number, m);
}

static int on_mount(struct starter *s, struct message *m)
{
	if (s->ending)
		return message_fail(s->channel, m->id, -ESHUTDOWN, "evidencefsd is ending");
	return jobs_mount(&s->jobs, s->channel, s->number, m);
}

static int on_begun(struct starter *s, struct message *m)
{
	uid_t uid = cur_u32(&m->payload);

	if (!is_whole(m))
		return -EPROTO;
	return answer_result(s, m->id, sessions_begun(&s->sessions, uid), NULL);
}

static int on_unmount(struct starter *s, struct message *m)
{
	uid_t uid = cur_u32(&m->payload);
	struct err e = {0};
	int r = 0;

	if (!is_whole(m))
		return -EPROTO;
	r = sessions_unmount(&s->sessions, uid, &e);
	return answer_result(s, m->id, r, &e);
}

/* ---- programs of processes ---------------------------------------------- */

/* Field 22 of /proc/PID/stat; names may have blanks and brackets in them. */
static bool started_at(int proc, uint64_t start)
{
	char text[2048];
	char *p = NULL;
	int fd = openat(proc, "stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	p = strrchr(text, ')');
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p && strtoull(p + 1, NULL, 10) == start;
}

static ssize_t exe_of(
	pid_t pid, uint64_t start, char *out, size_t size, struct audit_exe_file *file)
{
	char name[32];
	ssize_t n = -ESRCH;
	int proc = -1;

	snprintf(name, sizeof(name), "/proc/%d", (int)pid);
	proc = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return -ESRCH;
	if (started_at(proc, start)) {
		n = readlinkat(proc, "exe", out, size);
		process_exe_file(proc, file);
		if (n < 0)
			n = -ESRCH; /* gone, or a thread of the kernel */
		else if (!started_at(proc, start))
			n = -ESRCH;
	}
	close(proc);
	return n;
}

static int on_exe(struct starter *s, struct message *m)
{
	char path[4096];
	pid_t pid = (pid_t)cur_u32(&m->payload);
	uint64_t start = cur_u64(&m->payload);
	struct audit_exe_file file = {.inode = 0};
	struct buf b = BUF_INIT;
	ssize_t n = 0;
	int r = 0;

	if (!is_whole(m))
		return -EPROTO;
	n = pid > 0 ? exe_of(pid, start, path, sizeof(path), &file) : -ESRCH;
	if (n < 0)
		return message_fail(s->channel, m->id, (int)n, "no such process");
	buf_put_blob(&b, path, (size_t)n);
	buf_put_u32(&b, file.major);
	buf_put_u32(&b, file.minor);
	buf_put_u64(&b, file.inode);
	buf_put_u64(&b, (uint64_t)file.ctime_ns);
	r = b.error ? b.error : answer(s, m->id, b.data, b.len);
	buf_release(&b);
	return r;
}

/* ---- workers ------------------------------------------------------------ */

static bool is_socket(int fd)
{
	int domain = 0;
	int type = 0;
	socklen_t n = sizeof(int);
	socklen_t k = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == AF_UNIX &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &k) == 0 && type == SOCK_STREAM;
}

static int on_run(struct starter *s, struct message *m)
{
	pid_t pid = 0;
	int r = 0;

	if (m->lost_fds)
		return message_fail(s->channel, m->id, -EMFILE, "the starter has too many files");
	if (!is_whole(m) || m->n_fds != 1 || !is_socket(m->fds[0]))
		return -EPROTO;
	r = workers_run(&s->workers, s->worker_program, s->o.config->worker_uid, m->fds[0], &pid);
	if (r < 0)
		return message_fail(s->channel, m->id, r, "a worker cannot be started");
	return answer_u32(s, m->id, (uint32_t)pid);
}

static int on_reap(struct starter *s, struct message *m)
{
	pid_t pid = (pid_t)cur_u32(&m->payload);
	int r = 0;

	if (!is_whole(m))
		return -EPROTO;
	r = workers_reap(&s->workers, pid, m->id);
	if (r < 0)
		return message_fail(s->channel, m->id, r, "no worker");
	workers_collect(&s->workers, requests_reaped, s);
	return 0;
}

void requests_reaped(void *ctx, uint32_t request, int status)
{
	struct starter *s = ctx;

	if (s->channel >= 0)
		answer_u32(s, request, (uint32_t)status);
}

static int on_ready(struct starter *s, struct message *m)
{
	if (!is_whole(m))
		return -EPROTO;
	if (!s->ready) {
		s->ready = true;
		notify_state("READY=1");
		if (s->o.ready)
			s->o.ready(s->o.ctx);
	}
	return answer(s, m->id, NULL, 0);
}

/* A connection to the keys; the connector is this process, which is root. */
static int on_keyd(struct starter *s, const struct message *m)
{
	struct buf b = BUF_INIT;
	int fd = -1;
	int r = 0;

	if (!is_whole(m))
		return -EPROTO;
	fd = keyd_child_connect(&s->keyd);
	if (fd < 0)
		return message_fail(s->channel, m->id, fd, "evidencefs-keyd cannot be reached");
	message_begin(&b, MESSAGE_DONE, m->id);
	r = message_send(s->channel, &b, &fd, 1);
	buf_release(&b);
	close(fd);
	return r;
}

int requests_handle(struct starter *s, struct message *m)
{
	if (m->id == 0 || (m->n_fds > 0 && m->type != MESSAGE_RUN))
		return -EPROTO;
	switch (m->type) {
	case MESSAGE_IMAGE:
		return on_image(s, m);
	case MESSAGE_MOUNT:
		return on_mount(s, m);
	case MESSAGE_BEGUN:
		return on_begun(s, m);
	case MESSAGE_UNMOUNT:
		return on_unmount(s, m);
	case MESSAGE_EXE:
		return on_exe(s, m);
	case MESSAGE_RUN:
		return on_run(s, m);
	case MESSAGE_REAP:
		return on_reap(s, m);
	case MESSAGE_KEYD:
		return on_keyd(s, m);
	case MESSAGE_READY:
		return on_ready(s, m);
	default:
		return -EPROTO;
	}
}
