/* SPDX-License-Identifier: Apache-2.0 */
/* answer.c - the service's side of an answer; see answer.h. */
#include "control/answer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "control/wire.h"
#include "worker/wire.h" /* wire_now_ms() */

#define PROGRESS_MS 100

void answer_init(struct answer *r, int fd, int stall_ms)
{
	*r = (struct answer){.fd = fd, .stall_ms = stall_ms};
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void answer_release(struct answer *r)
{
	buf_release(&r->out);
}

struct buf *answer_row(struct answer *r)
{
	r->row = control_frame_begin(&r->out, CONTROL_ROW);
	return &r->out;
}

void answer_row_end(struct answer *r)
{
	int rc = control_frame_end(&r->out, r->row);

	if (rc && !r->failed)
		r->failed = rc;
}

__attribute__((format(printf, 3, 0))) static void put_line(
	struct answer *r, enum control_frame type, const char *fmt, va_list ap)
{
	char text[ERR_TEXT_MAX];
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	if (n > 0)
		control_text_put(&r->out, type, text,
			(size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

void answer_text(struct answer *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_line(r, CONTROL_TEXT, fmt, ap);
	va_end(ap);
}

void answer_note(struct answer *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_line(r, CONTROL_NOTE, fmt, ap);
	va_end(ap);
}

bool answer_full(const struct answer *r)
{
	return r->out.len >= ANSWER_BATCH;
}

/* Send what goes without waiting. Return: bytes left, or -EPIPE. */
static ssize_t push(struct answer *r)
{
	size_t done = 0;
	ssize_t n = 0;

	if (r->gone)
		return -EPIPE;
	while (done < r->out.len) {
		n = send(r->fd, r->out.data + done, r->out.len - done, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EINTR)
			break;
	}
	if (n < 0 && errno != EAGAIN) {
		r->gone = true;
		return -EPIPE;
	}
	if (done > 0) {
		r->out.len -= done;
		memmove(r->out.data, r->out.data + done, r->out.len);
	}
	return (ssize_t)r->out.len;
}

int answer_flush(struct answer *r)
{
	int64_t until = wire_now_ms() + r->stall_ms;
	ssize_t left = (ssize_t)r->out.len;

	if (r->fd < 0)
		return 0;
	while (left > 0) {
		struct pollfd p = {.fd = r->fd, .events = POLLOUT};
		ssize_t before = left;
		int64_t wait = until - wire_now_ms();

		left = push(r);
		if (left <= 0)
			break;
		if (left < before)
			until = wire_now_ms() + r->stall_ms;
		else if (wait <= 0)
			r->gone = true; /* it does not read */
		else
			poll(&p, 1, (int)wait);
	}
	if (r->gone)
		buf_reset(&r->out);
	return r->gone ? -EPIPE : 0;
}

/* The other end is closed: nothing can be read any more. What it sends is not looked at. */
static bool hung_up(const struct answer *r)
{
	struct pollfd p = {.fd = r->fd, .events = POLLRDHUP};

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

int answer_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct answer *r = ctx;
	int64_t now = wire_now_ms();

	if (r->fd < 0 || now - r->told_ms < PROGRESS_MS)
		return r->gone;
	r->told_ms = now;
	if (hung_up(r))
		r->gone = true;
	/* one that does not read is not told: its bar stands still, the work goes on */
	if (!r->gone && r->out.len == 0)
		control_progress_put(&r->out, what, done, total);
	push(r);
	return r->gone;
}

int answer_end(struct answer *r, int code, const struct err *e)
{
	if (code == 0 && r->failed)
		control_end_put(&r->out, -r->failed, "the answer is too large");
	else if (code == 0 && r->out.error)
		r->gone = true;
	else
		control_end_put(&r->out, code < 0 ? -code : 0, code < 0 ? err_text(e, code) : "");
	return answer_flush(r);
}
