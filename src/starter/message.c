/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - packets between the starter and the service; see message.h. */
#include "starter/message.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void message_begin(struct buf *b, enum message_type type, uint32_t id)
{
	buf_reset(b);
	buf_put_u16(b, (uint16_t)type);
	buf_put_u32(b, id);
}

/* Return: 0 there is room, or an end that send() will tell of. */
static int wait_for_room(int sock)
{
	struct pollfd f = {.fd = sock, .events = POLLOUT};
	int n = 0;

	do
		n = poll(&f, 1, MESSAGE_WAIT_MS);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n == 0 ? -ETIMEDOUT : 0;
}

int message_send(int sock, const struct buf *b, const int *fds, size_t n)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * MESSAGE_FDS)];
		struct cmsghdr align;
	} control = {.bytes = {0}};
	struct iovec v = {.iov_base = b->data, .iov_len = b->len};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	ssize_t sent = -1;

	if (b->error)
		return b->error;
	if (b->len > MESSAGE_MAX || n > MESSAGE_FDS)
		return -EMSGSIZE;
	if (n > 0) {
		struct cmsghdr *c = &control.align;

		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
	}
	for (;;) {
		int r = 0;

		sent = sendmsg(sock, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent >= 0)
			return 0;
		if (errno == EAGAIN)
			r = wait_for_room(sock);
		else if (errno != EINTR)
			r = errno == ECONNRESET ? -EPIPE : -errno;
		if (r < 0)
			return r;
	}
}

int message_fail(int sock, uint32_t id, int r, const char *text)
{
	struct buf b = BUF_INIT;
	int sent = 0;

	message_begin(&b, MESSAGE_FAIL, id);
	buf_put_u16(&b, (uint16_t)-r);
	buf_put_blob(&b, text, strlen(text));
	sent = message_send(sock, &b, NULL, 0);
	buf_release(&b);
	return sent;
}

static void take_fds(struct msghdr *h, struct message *m)
{
	m->lost_fds = (h->msg_flags & MSG_CTRUNC) != 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		size_t n = 0;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n && m->n_fds < MESSAGE_FDS; i++)
			memcpy(&m->fds[m->n_fds++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
}

int message_recv(int sock, uint8_t *memory, struct message *m, bool wait)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * MESSAGE_FDS)];
		struct cmsghdr align;
	} control;
	struct iovec v = {.iov_base = memory, .iov_len = MESSAGE_MAX};
	struct msghdr h = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control)};
	ssize_t n = 0;

	do
		n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	m->n_fds = 0;
	take_fds(&h, m);
	if (n < MESSAGE_HEADER || (h.msg_flags & MSG_TRUNC)) {
		message_close_fds(m);
		return n == 0 ? -EPIPE : -EPROTO;
	}
	m->payload = cur_of(memory, (size_t)n);
	m->type = cur_u16(&m->payload);
	m->id = cur_u32(&m->payload);
	return 0;
}

int message_take_fd(struct message *m, size_t i)
{
	int fd = -1;

	if (i >= m->n_fds)
		return -1;
	fd = m->fds[i];
	m->fds[i] = -1;
	return fd;
}

void message_close_fds(struct message *m)
{
	for (size_t i = 0; i < m->n_fds; i++) {
		if (m->fds[i] >= 0)
			close(m->fds[i]);
	}
	m->n_fds = 0;
}

int message_text(struct cur *c, char *out, size_t size)
{
	size_t n = 0;
	const uint8_t *p = cur_blob(c, &n);

	if (c->bad || n >= size || (n > 0 && memchr(p, '\0', n)))
		return -EPROTO;
	if (n > 0)
		memcpy(out, p, n);
	out[n] = '\0';
	return 0;
}

void message_put_session(struct buf *b, const struct channel_session *s)
{
	buf_put_u32(b, s->uid);
	buf_put_u32(b, s->gid);
	buf_put_blob(b, s->name, strlen(s->name));
	buf_put_blob(b, s->mountpoint, strlen(s->mountpoint));
	buf_put_blob(b, s->init, s->init_len);
	buf_put_u8(b, s->begun);
}

int message_session(struct cur *c, struct channel_session *s)
{
	const uint8_t *init = NULL;
	int r = 0;

	*s = (struct channel_session){.fuse_fd = -1, .table_fd = -1};
	s->uid = cur_u32(c);
	s->gid = cur_u32(c);
	r = message_text(c, s->name, sizeof(s->name));
	if (r == 0)
		r = message_text(c, s->mountpoint, sizeof(s->mountpoint));
	init = cur_blob(c, &s->init_len);
	s->begun = cur_u8(c) != 0;
	if (r < 0 || c->bad || s->init_len > sizeof(s->init)) {
		s->init_len = 0;
		return -EPROTO;
	}
	if (s->init_len > 0)
		memcpy(s->init, init, s->init_len);
	return 0;
}
