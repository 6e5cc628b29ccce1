/* SPDX-License-Identifier: Apache-2.0 */
/* wire.c - frames over the socket between the service and a worker; see wire.h. */
#include "worker/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/now.h"

#define READ_AHEAD (256 * 1024) /* bytes asked for at once */
#define TICK_MS    100          /* how often a deadline is looked at */
#define FDS_FRAME  (WIRE_HEADER + 4)

void wire_init(struct wire *w, int fd, bool service)
{
	const struct timeval tick = {.tv_usec = TICK_MS * 1000};

	*w = (struct wire){.fd = fd, .service = service, .exact = !service};
	if (service) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof(tick));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tick, sizeof(tick));
	}
}

void wire_release(struct wire *w)
{
	if (w->fd >= 0)
		close(w->fd);
	buf_release(&w->in);
	buf_release(&w->out);
	w->fd = -1;
}

int64_t wire_now_ms(void)
{
	return now_ms(CLOCK_MONOTONIC);
}

int wire_parse(const uint8_t *p, size_t n, size_t max, struct frame *f, size_t *used)
{
	struct cur c = cur_of(p, n);
	uint32_t len = 0;
	uint16_t type = 0;

	*used = WIRE_HEADER;
	if (n < WIRE_HEADER)
		return 0;
	len = cur_u32(&c);
	type = cur_u16(&c);
	if (len > max || len > WIRE_FRAME_MAX)
		return -EPROTO;
	*used = WIRE_HEADER + (size_t)len;
	if (cur_left(&c) < len)
		return 0;
	f->type = type;
	f->payload = cur_of(c.p, len);
	return 1;
}

/* Whether errno means only that nothing happened for a tick. */
static bool goes_on(const struct wire *w)
{
	return errno == EINTR || (w->service && errno == EAGAIN);
}

static bool told_to_end(const struct wire *w)
{
	return w->tick && w->tick(w->tick_ctx) != 0;
}

/* Read once, at least one byte. */
static int fill(struct wire *w, size_t want, int64_t deadline_ms)
{
	size_t room = want > READ_AHEAD || w->exact ? want : READ_AHEAD;

	if (buf_reserve(&w->in, room))
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(w->fd, w->in.data + w->in.len, room);

		if (n > 0) {
			w->in.len += (size_t)n;
			return told_to_end(w) ? -EINTR : 0;
		}
		if (n == 0)
			return -EPIPE;
		if (!goes_on(w))
			return -EPIPE;
		if (told_to_end(w))
			return -EINTR;
		if (w->service && wire_now_ms() >= deadline_ms)
			return -ETIMEDOUT;
	}
}

/* Move what is unread to the front; give memory back that one large frame took. */
static void compact(struct wire *w)
{
	size_t left = w->in.len - w->in_pos;

	if (left == 0 && w->in.cap > 4 * READ_AHEAD)
		buf_release(&w->in);
	else if (left > 0)
		memmove(w->in.data, w->in.data + w->in_pos, left);
	w->in.len = left;
	w->in_pos = 0;
}

int wire_recv(struct wire *w, size_t max, int64_t deadline_ms, struct frame *f)
{
	for (;;) {
		size_t have = w->in.len - w->in_pos;
		size_t used = 0;
		const uint8_t *at = have > 0 ? w->in.data + w->in_pos : NULL;
		int r = wire_parse(at, have, max, f, &used);

		if (r > 0)
			w->in_pos += used;
		if (r != 0)
			return r < 0 ? r : 0;
		if (w->in_pos > 0)
			compact(w);
		r = fill(w, used - have, deadline_ms);
		if (r < 0)
			return r;
	}
}

bool wire_pending(const struct wire *w)
{
	return w->in.len > w->in_pos;
}

struct buf *wire_begin(struct wire *w, enum wire_type type)
{
	w->frame = w->out.len;
	buf_put_u32(&w->out, 0);
	buf_put_u16(&w->out, (uint16_t)type);
	return &w->out;
}

int wire_end(struct wire *w)
{
	struct buf *b = &w->out;
	size_t len = 0;

	if (b->error || b->len - w->frame - WIRE_HEADER > WIRE_FRAME_MAX) {
		int r = b->error ? b->error : -EMSGSIZE;

		b->len = w->frame;
		b->error = 0;
		return r;
	}
	len = b->len - w->frame - WIRE_HEADER;
	for (unsigned i = 0; i < 4; i++)
		b->data[w->frame + i] = (uint8_t)(len >> (8 * i));
	return b->len >= WIRE_BATCH && !w->service ? wire_flush(w, 0) : 0;
}

int wire_flush(struct wire *w, int64_t deadline_ms)
{
	size_t done = 0;

	while (done < w->out.len) {
		const uint8_t *p = w->out.data + done;
		size_t left = w->out.len - done;
		ssize_t n = w->service ? send(w->fd, p, left, MSG_NOSIGNAL) : write(w->fd, p, left);

		if (n >= 0)
			done += (size_t)n;
		else if (!goes_on(w))
			return -EPIPE;
		else if (told_to_end(w))
			return -EINTR;
		else if (w->service && wire_now_ms() >= deadline_ms)
			return -ETIMEDOUT;
	}
	if (w->out.cap > 4 * READ_AHEAD)
		buf_release(&w->out);
	buf_reset(&w->out);
	return 0;
}

union fds_control {
	char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
	struct cmsghdr align;
};

int wire_send_fds(struct wire *w, const int *fds, size_t n, int64_t deadline_ms)
{
	uint8_t bytes[FDS_FRAME] = {4, 0, 0, 0, WIRE_FDS, 0, (uint8_t)n, 0, 0, 0};
	union fds_control control = {.bytes = {0}};
	struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes};
	struct cmsghdr *c = NULL;

	m.msg_controllen = CMSG_SPACE(sizeof(int) * n);
	c = CMSG_FIRSTHDR(&m);
	if (n > WIRE_FDS_MAX || !c)
		return -EINVAL;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * n);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
	for (;;) {
		ssize_t r = sendmsg(w->fd, &m, MSG_NOSIGNAL);

		if (r == FDS_FRAME)
			return 0;
		if (r >= 0)
			return -EPIPE;
		if (!goes_on(w))
			return errno == ECONNRESET ? -EPIPE : -errno;
		if (wire_now_ms() >= deadline_ms)
			return -ETIMEDOUT;
	}
}

int wire_recv_fds(struct wire *w, int *fds, size_t max)
{
	uint8_t bytes[FDS_FRAME] = {0};
	union fds_control control = {.bytes = {0}};
	struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes};
	struct cmsghdr *c = NULL;
	struct frame f = {0};
	size_t used = 0;
	size_t n = 0;
	ssize_t r = 0;

	m.msg_controllen = sizeof(control.bytes);
	do
		r = recvmsg(w->fd, &m, MSG_CMSG_CLOEXEC);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		return -EPIPE;
	c = CMSG_FIRSTHDR(&m);
	if (wire_parse(bytes, (size_t)r, 4, &f, &used) != 1 || f.type != WIRE_FDS || !c ||
		c->cmsg_type != SCM_RIGHTS || (m.msg_flags & MSG_CTRUNC))
		return -EPROTO;
	n = cur_u32(&f.payload);
	if (n == 0 || n > max || c->cmsg_len != CMSG_LEN(sizeof(int) * n))
		return -EPROTO;
	memcpy(fds, CMSG_DATA(c), sizeof(int) * n);
	return (int)n;
}
