/* SPDX-License-Identifier: Apache-2.0 */
/* server.c - the control socket's end in the service; see server.h. */
#include "control/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/thread.h"
#include "control/commands.h"
#include "control/answer.h"
#include "control/wire.h"
#include "worker/wire.h" /* wire_parse() */

#define STACK_BYTES (1024 * 1024)
#define PAUSE_MS    100 /* when accept() fails for want of something */

/* One client. */
struct connection {
	struct server *server;
	struct connection *next;
	struct connection *prev;
	int fd;
	uid_t uid;
	pid_t pid;
};

struct server {
	struct service *service;
	struct server_limits limits;
	int listen_fd;
	int wake_fd; /* readable: end */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t gone; /* a connection ended */
	struct connection *connections;
};

/* ---- one connection ------------------------------------------------------------------ */

/* Read until [want] bytes are there. Return: 0; -EPIPE gone; -ETIMEDOUT; -ENOMEM. */
static int receive(int fd, struct buf *in, size_t want, int64_t until_ms)
{
	if (in->len < want && buf_reserve(in, want - in->len))
		return -ENOMEM;
	while (in->len < want) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t wait = until_ms - wire_now_ms();
		ssize_t n = 0;

		if (wait <= 0)
			return -ETIMEDOUT;
		poll(&p, 1, (int)wait);
		n = recv(fd, in->data + in->len, want - in->len, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return -EPIPE;
		in->len += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int receive_request(const struct connection *c, struct control_request *q, struct err *e)
{
	int64_t until = wire_now_ms() + c->server->limits.request_ms;
	struct buf in = BUF_INIT;
	struct frame f = {.type = 0};
	size_t used = 0;
	int r = receive(c->fd, &in, WIRE_HEADER, until);

	if (r == 0 && wire_parse(in.data, in.len, CONTROL_REQUEST_MAX, &f, &used) < 0)
		r = err_set(e, EPROTO, "not a request that is understood: too long");
	if (r == 0)
		r = receive(c->fd, &in, used, until);
	if (r == 0 && (wire_parse(in.data, in.len, CONTROL_REQUEST_MAX, &f, &used) != 1 ||
			      f.type != CONTROL_REQUEST))
		r = err_set(e, EPROTO, "not a request");
	if (r == 0)
		r = control_request_parse(f.payload, q, e);
	buf_release(&in);
	return r;
}

static void converse(const struct connection *c)
{
	struct control_request q = {.n = 0};
	struct err e = {0};
	struct answer answer;
	int r = receive_request(c, &q, &e);

	if (r == -EPIPE || r == -ETIMEDOUT)
		return; /* nobody is there to be told */
	answer_init(&answer, c->fd, c->server->limits.stall_ms);
	if (r == 0)
		r = commands_run(c->server->service, c->uid, c->pid, &q, &answer, &e);
	answer_end(&answer, r, &e);
	answer_release(&answer);
	control_request_release(&q);
}

static void *connection_thread(void *arg)
{
	struct connection *c = arg;
	struct server *s = c->server;

	converse(c);
	pthread_mutex_lock(&s->lock);
	close(c->fd); /* under the lock: server_free() shuts it down by its number */
	if (c->prev)
		c->prev->next = c->next;
	else
		s->connections = c->next;
	if (c->next)
		c->next->prev = c->prev;
	pthread_cond_broadcast(&s->gone);
	pthread_mutex_unlock(&s->lock);
	free(c);
	return NULL;
}

/* ---- accepting ----------------------------------------------------------------------- */

/* Told without waiting; a client that is refused may not even have asked yet. */
static void turn_away(int fd, const char *why)
{
	struct buf out = BUF_INIT;

	control_end_put(&out, EAGAIN, why);
	if (!out.error)
		(void)!send(fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	buf_release(&out);
	close(fd);
}

/* Under the lock. NULL: there is room. */
static const char *no_room(const struct server *s, uid_t uid)
{
	unsigned all = 0;
	unsigned own = 0;

	for (const struct connection *c = s->connections; c; c = c->next) {
		all++;
		own += c->uid == uid;
	}
	if (own >= s->limits.per_uid)
		return "too many of your requests are under way; try again when one is done";
	if (all >= s->limits.connections)
		return "too many requests are under way; try again in a moment";
	return NULL;
}

static int start_thread(struct connection *c)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r = pthread_attr_init(&attr);

	if (r)
		return r;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	r = pthread_create(&thread, &attr, connection_thread, c);
	pthread_attr_destroy(&attr);
	return r;
}

static void begin(struct server *s, int fd)
{
	struct connection *c = calloc(1, sizeof(*c));
	struct ucred who = {.pid = 0};
	socklen_t n = sizeof(who);
	const char *why = "the service has no memory left";

	if (c && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0) {
		*c = (struct connection){.server = s, .fd = fd, .uid = who.uid, .pid = who.pid};
		pthread_mutex_lock(&s->lock);
		why = no_room(s, who.uid);
		if (!why) {
			c->next = s->connections;
			if (c->next)
				c->next->prev = c;
			s->connections = c;
			/* the thread may end at once: it waits for the lock before it goes */
			if (start_thread(c)) {
				s->connections = c->next;
				if (c->next)
					c->next->prev = NULL;
				why = "the service cannot start a thread";
			}
		}
		pthread_mutex_unlock(&s->lock);
	}
	if (!why)
		return;
	turn_away(fd, why);
	free(c);
}

static void *accept_thread(void *arg)
{
	struct server *s = arg;
	struct pollfd p[2] = {
		{.fd = s->wake_fd, .events = POLLIN}, {.fd = s->listen_fd, .events = POLLIN}};

	for (;;) {
		int fd = -1;

		poll(p, 2, -1);
		if (p[0].revents)
			return NULL;
		fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			begin(s, fd);
		else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			poll(p, 1, PAUSE_MS); /* out of descriptors, say: it will pass */
	}
}

/* ---- the server ------------------------------------------------------------------------ */

static void set_limits(struct server *s, const struct server_limits *l)
{
	s->limits = l ? *l : (struct server_limits){.connections = 0};
	if (!s->limits.connections)
		s->limits.connections = 256;
	if (!s->limits.per_uid)
		s->limits.per_uid = 16;
	if (!s->limits.request_ms)
		s->limits.request_ms = 10000;
	if (!s->limits.stall_ms)
		s->limits.stall_ms = 30000;
}

/* Signals are for the main thread: none of these threads takes one. */
static int start_accepting(struct server *s)
{
	int r = 0;

	r = thread_start(&s->thread, accept_thread, s);
	return r;
}

int server_new(int listen_fd, struct service *service, const struct server_limits *limits,
	struct server **out, struct err *e)
{
	struct server *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return err_errno(e, ENOMEM, "control socket");
	s->service = service;
	s->listen_fd = listen_fd;
	set_limits(s, limits);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->gone, NULL);
	fcntl(listen_fd, F_SETFL, fcntl(listen_fd, F_GETFL) | O_NONBLOCK);
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = s->wake_fd < 0 ? errno : start_accepting(s);
	if (r) {
		if (s->wake_fd >= 0)
			close(s->wake_fd);
		pthread_cond_destroy(&s->gone);
		pthread_mutex_destroy(&s->lock);
		free(s);
		return err_errno(e, r, "control socket");
	}
	*out = s;
	return 0;
}

void server_free(struct server *s)
{
	uint64_t one = 1;

	if (!s)
		return;
	(void)!write(s->wake_fd, &one, sizeof(one));
	pthread_join(s->thread, NULL);
	pthread_mutex_lock(&s->lock);
	for (struct connection *c = s->connections; c; c = c->next)
		shutdown(c->fd, SHUT_RDWR);
	while (s->connections)
		pthread_cond_wait(&s->gone, &s->lock);
	pthread_mutex_unlock(&s->lock);
	close(s->wake_fd);
	pthread_cond_destroy(&s->gone);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
