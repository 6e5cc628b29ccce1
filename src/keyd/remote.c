/* SPDX-License-Identifier: Apache-2.0 */
/* remote.c - the road to the keys over a socket; see remote.h. */
#include "keyd/remote.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS 5000 /* for an answer: it syncs a file at most */

struct remote {
	remote_connect_fn *connect;
	void *ctx;
	int fd; /* -1: none */
};

static void hang_up(struct remote *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

/* Return: 0 and the answer; -errno: there is none. */
static int exchange(const struct remote *r, const void *p, size_t n, struct buf *answer)
{
	struct pollfd f = {.fd = r->fd, .events = POLLIN};
	ssize_t got = 0;

	if (send(r->fd, p, n, MSG_NOSIGNAL) != (ssize_t)n || poll(&f, 1, WAIT_MS) != 1)
		return -EPIPE;
	buf_reset(answer);
	if (buf_reserve(answer, KEYHOLDER_MAX) < 0)
		return -ENOMEM;
	got = recv(r->fd, answer->data, KEYHOLDER_MAX, MSG_TRUNC);
	if (got <= 0 || got > KEYHOLDER_MAX)
		return -EPIPE;
	answer->len = (size_t)got;
	return 0;
}

static int remote_call(void *ctx, const void *p, size_t n, struct buf *answer)
{
	struct remote *r = ctx;
	const uint8_t *what = p;

	if (r->fd < 0 && (n == 0 || what[0] != KEYHOLDER_HELLO))
		return -ENOTCONN;
	if (r->fd < 0)
		r->fd = r->connect(r->ctx);
	if (r->fd < 0 || exchange(r, p, n, answer) < 0) {
		hang_up(r);
		return -ENOTCONN;
	}
	return 0;
}

/* Its end of the connection says so at once. */
static bool remote_gone(void *ctx)
{
	const struct remote *r = ctx;
	struct pollfd f = {.fd = r->fd, .events = POLLRDHUP};

	return r->fd < 0 || (poll(&f, 1, 0) == 1 && (f.revents & (POLLRDHUP | POLLHUP | POLLERR)));
}

static void remote_close(void *ctx)
{
	hang_up(ctx);
	free(ctx);
}

int remote_keys(remote_connect_fn *connect, void *ctx, struct keys **out)
{
	struct remote *r = calloc(1, sizeof(*r));
	const struct keys_road road = {
		.call = remote_call, .gone = remote_gone, .close = remote_close, .ctx = r};

	if (!r)
		return -ENOMEM;
	r->connect = connect;
	r->ctx = ctx;
	r->fd = -1;
	return keys_over(&road, out);
}
