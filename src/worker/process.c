/* SPDX-License-Identifier: Apache-2.0 */
/* process.c - one worker process, from its start to its end; see process.h. */
#include "worker/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/hello.h"

#define SLICE_MS 1000 /* in which one that hangs is told from one that waits */

static int64_t deadline(const struct process *p, unsigned usual_ms)
{
	return wire_now_ms() + (p->deadline_ms ? p->deadline_ms : usual_ms);
}

/*
 * Return: its wait status; -1 if somebody else reaped it, or nobody can yet: then it ends
 * with the read it is in, and is left to whoever reaps this process's children.
 */
static int kill_and_reap(struct process *p)
{
	int status = -1;
	int r = 0;

	if (p->pid <= 0)
		return -1;
	r = spawner_reap(p->spawner, p->pid, &status);
	p->pid = -1;
	return r < 0 ? -1 : status;
}

int process_break(struct process *p, int r, struct err *e)
{
	int status = kill_and_reap(p);

	p->broken = true;
	if (r == -ETIMEDOUT)
		return err_set(e, ETIMEDOUT, "the worker gave no sign of progress and was ended");
	if (r == -EPROTO)
		return err_set(e, EPROTO, "the worker said what makes no sense and was ended");
	if (r != -EPIPE)
		return err_errno(e, -r, "the worker was ended");
	p->shot = status >= 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	if (status >= 0 && WIFSIGNALED(status))
		return err_set(e, EPIPE, "the worker died (signal %d, %s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	if (status >= 0 && WIFEXITED(status))
		return err_set(
			e, EPIPE, "the worker ended by itself (status %d)", WEXITSTATUS(status));
	return err_set(e, EPIPE, "the worker is gone");
}

bool process_is_dead(const struct process *p)
{
	struct pollfd f = {.fd = p->wire.fd, .events = POLLIN};

	return poll(&f, 1, 0) != 0;
}

int process_ask(struct process *p, struct err *e)
{
	int r = wire_end(&p->wire);

	if (r == 0)
		r = wire_flush(&p->wire, deadline(p, PROCESS_OPEN_MS));
	return r < 0 ? process_break(p, r, e) : 0;
}

/* Processor time in ms; -1: not known, or it is stopped or dead. */
static int64_t computed_ms(pid_t pid)
{
	char path[48];
	char text[1024];
	char *at = NULL;
	unsigned long user = 0;
	unsigned long system = 0;
	char state = 'X';
	ssize_t n = 0;
	int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strrchr(text, ')'); /* behind its name */
	if (!at || sscanf(at, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &state, &user,
			   &system) != 3)
		return -1;
	if (strchr("TtZX", state))
		return -1;
	return (int64_t)(user + system) * 1000 / sysconf(_SC_CLK_TCK);
}

/*
 * Past its deadline. One that computes hangs; one that does not waits for storage, or for the
 * processor: that says nothing about the evidence, and must not become a fault of it.
 */
static int wait_for_storage(struct process *p, size_t max, struct frame *f)
{
	int64_t before = computed_ms(p->pid);
	int r = -ETIMEDOUT;

	for (int64_t ms = 0; r == -ETIMEDOUT && before >= 0 && ms < PROCESS_STORAGE_MS;
		ms += SLICE_MS) {
		int64_t now = 0;

		r = wire_recv(&p->wire, max, wire_now_ms() + SLICE_MS, f);
		now = computed_ms(p->pid);
		before = now < 0 || now - before > SLICE_MS / 2 ? -1 : now;
	}
	return r;
}

int process_answer(struct process *p, size_t max, unsigned usual_ms, struct frame *f, struct err *e)
{
	int r = wire_recv(&p->wire, max, deadline(p, usual_ms), f);

	if (r == -ETIMEDOUT && !p->deadline_ms)
		r = wait_for_storage(p, max, f);
	return r < 0 ? process_break(p, r, e) : 0;
}

int process_next(struct process *p, enum wire_type type, size_t max, unsigned usual_ms,
	struct frame *f, struct err *e)
{
	struct err said = {0};
	int r = process_answer(p, max < REPLY_FAIL_MAX ? REPLY_FAIL_MAX : max, usual_ms, f, e);

	if (r < 0)
		return r;
	if (f->type == WIRE_ALIVE && cur_left(&f->payload) == 0)
		return 0;
	if (f->type == type && cur_left(&f->payload) <= max)
		return wire_pending(&p->wire) ? process_break(p, -EPROTO, e) : 0;
	if (f->type != WIRE_FAIL)
		return process_break(p, -EPROTO, e);
	r = reply_fail(&f->payload, &said);
	if (said.code == 0 || wire_pending(&p->wire))
		return process_break(p, -EPROTO, e);
	return err_set(e, -r, "%s", said.text);
}

int process_expect(struct process *p, enum wire_type type, size_t max, unsigned usual_ms,
	struct frame *f, struct err *e)
{
	int r = process_next(p, type, max, usual_ms, f, e);

	return r == 0 && f->type == WIRE_ALIVE ? process_break(p, -EPROTO, e) : r;
}

static int send_fds(struct process *p, const struct process_setup *s)
{
	size_t n = s->files->n + (s->cache_fd >= 0);
	int64_t until = deadline(p, PROCESS_OPEN_MS);
	int fds[WIRE_FDS_MAX];
	int r = 0;

	for (size_t i = 0; i < n && r == 0;) {
		size_t k = 0;

		for (; k < WIRE_FDS_MAX && i < n; k++, i++)
			fds[k] = i < s->files->n ? s->files->v[i].fd : s->cache_fd;
		r = wire_send_fds(&p->wire, fds, k, until);
	}
	return r;
}

static int handshake(struct process *p, const struct process_setup *s, struct err *e)
{
	struct hello h = {.parent = (uint32_t)spawner_parent(s->spawner),
		.uid = s->uid,
		.slot_bytes = s->cache_fd >= 0 ? s->slot_bytes : 0,
		.slots = s->cache_fd >= 0 ? s->slots : 0,
		.files = *s->files};
	struct frame f;
	int r = 0;

	snprintf(h.types, sizeof(h.types), "%s", s->types ? s->types : "");
	hello_encode(wire_begin(&p->wire, WIRE_HELLO), &h);
	r = process_ask(p, e);
	if (r == 0) {
		r = send_fds(p, s);
		if (r < 0)
			return process_break(p, r, e);
		r = process_expect(p, WIRE_READY, 64, PROCESS_OPEN_MS, &f, e);
	}
	if (r == 0 && reply_ready(&f.payload, &p->ready) < 0)
		r = process_break(p, -EPROTO, e);
	return r;
}

int process_start(const struct process_setup *s, struct process **out, struct err *e)
{
	struct process *p = calloc(1, sizeof(*p));
	int ends[2] = {-1, -1};
	int r = 0;

	if (!p)
		return err_set(e, ENOMEM, "no memory for a worker");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		r = err_errno(e, errno, "cannot make a socket for a worker");
		free(p);
		return r;
	}
	p->pid = -1;
	p->spawner = s->spawner;
	p->deadline_ms = s->deadline_ms;
	p->has_cache = s->cache_fd >= 0;
	wire_init(&p->wire, ends[0], true);
	p->wire.tick = s->tick;
	p->wire.tick_ctx = s->tick_ctx;
	r = spawner_run(s->spawner, s->program, ends[1], &p->pid);
	close(ends[1]);
	if (r < 0)
		err_errno(e, -r, "cannot start %s", s->program);
	else
		r = handshake(p, s, e);
	if (r < 0)
		process_end(p);
	else
		*out = p;
	return r;
}

void process_end(struct process *p)
{
	if (!p)
		return;
	kill_and_reap(p);
	wire_release(&p->wire);
	free(p);
}
