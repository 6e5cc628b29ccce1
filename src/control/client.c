/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - ask the service one thing and take its answer; see client.h. */
#include "control/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "worker/wire.h" /* wire_parse() */

#define READ_BYTES (64 * 1024)

static int connect_to(const char *path, struct err *e)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = -1;
	int r = 0;

	if (strlen(path) >= sizeof(a.sun_path))
		return err_set(e, ENAMETOOLONG, "%s: too long for a socket's path", path);
	memcpy(a.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(e, errno, "socket");
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	r = errno;
	close(fd);
	if (r == ENOENT || r == ECONNREFUSED)
		return err_set(e, r,
			"the service is not running (%s: %s); is evidencefsd started, and is this "
			"its socket?",
			path, strerror(r));
	return err_errno(e, r, "cannot reach the service at %s", path);
}

/* A service that answers before it has read all (it turns us away) is heard out. */
static int send_all(int fd, const struct buf *b, struct err *e)
{
	size_t done = 0;

	while (done < b->len) {
		ssize_t n = send(fd, b->data + done, b->len - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EPIPE)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_errno(e, errno, "cannot ask the service");
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int on_row(const struct client_sink *sink, struct cur payload, struct err *e)
{
	struct row *row = malloc(sizeof(*row));
	int r = row ? row_parse(payload, row) : -ENOMEM;

	if (r)
		err_set(e, -r, "the service's answer cannot be understood");
	else if (sink->row)
		sink->row(sink->ctx, row);
	free(row);
	return r;
}

/* Return: 0 go on; 1 the end; -errno. */
static int on_frame(const struct client_sink *sink, const struct frame *f, struct err *e)
{
	const char *text = (const char *)f->payload.p;
	struct control_progress p;
	int r = 0;

	switch (f->type) {
	case CONTROL_ROW:
		return on_row(sink, f->payload, e);
	case CONTROL_TEXT:
		if (sink->text)
			sink->text(sink->ctx, text, cur_left(&f->payload));
		return 0;
	case CONTROL_NOTE:
		if (sink->note)
			sink->note(sink->ctx, text, cur_left(&f->payload));
		return 0;
	case CONTROL_PROGRESS:
		if (control_progress_parse(f->payload, &p) == 0 && sink->progress)
			sink->progress(sink->ctx, &p);
		return 0;
	case CONTROL_END:
		r = control_end_parse(f->payload, e);
		return r ? r : 1;
	default:
		return err_set(e, EPROTO, "the service's answer cannot be understood");
	}
}

static int read_more(int fd, struct buf *in, struct err *e)
{
	ssize_t n = 0;

	if (buf_reserve(in, READ_BYTES))
		return err_errno(e, ENOMEM, "answer");
	do
		n = read(fd, in->data + in->len, READ_BYTES);
	while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return err_set(e, EPROTO,
			"the service went away before it was done; ask again, and look at "
			"evidencefs status");
	if (n < 0)
		return err_errno(e, errno, "cannot hear the service");
	in->len += (size_t)n;
	return 0;
}

static int receive(int fd, const struct client_sink *sink, struct err *e)
{
	struct buf in = BUF_INIT;
	int r = 0;

	while (r == 0) {
		size_t at = 0;
		size_t used = 0;
		struct frame f;
		int got = 0;

		while (r == 0 && (got = wire_parse(in.data + at, in.len - at, CONTROL_FRAME_MAX, &f,
					  &used)) == 1) {
			at += used;
			r = on_frame(sink, &f, e);
		}
		if (got < 0)
			r = err_set(e, EPROTO, "the service's answer cannot be understood");
		if (at > 0) {
			in.len -= at;
			memmove(in.data, in.data + at, in.len);
		}
		if (r == 0)
			r = read_more(fd, &in, e);
	}
	buf_release(&in);
	return r == 1 ? 0 : r;
}

int client_ask(const char *path, const char *command, const struct control_arg *args, size_t n,
	const struct client_sink *sink, struct err *e)
{
	struct buf out = BUF_INIT;
	int fd = -1;
	int r = control_request_put(&out, command, args, n, e);

	if (r == 0)
		r = fd = connect_to(path, e);
	if (fd >= 0)
		r = send_all(fd, &out, e);
	if (fd >= 0 && r == 0)
		r = receive(fd, sink, e);
	if (fd >= 0)
		close(fd);
	buf_release(&out);
	return r;
}
