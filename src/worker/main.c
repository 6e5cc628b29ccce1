/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - evidencefs-worker: parses one image for the service that started it
 *
 * Takes its descriptors from the socket it was given, locks itself in
 * (sandbox.h), and only then looks at the image (serve.h). Not for people:
 * started by hand it says so.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "container/container.h"
#include "text/text.h"
#include "worker/hello.h"
#include "worker/sandbox.h"
#include "worker/serve.h"
#include "worker/wire.h"

static bool is_socket(int fd)
{
	int domain = 0;
	socklen_t n = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == AF_UNIX;
}

/* Nothing of whoever started it stays open; 0 to 2 give and take nothing. */
static int close_others(void)
{
	int ends[2] = {-1, -1};

	if (close_range(WIRE_FD + 1, ~0u, 0) < 0 || pipe(ends) < 0)
		return -errno;
	if (dup2(ends[0], STDIN_FILENO) < 0 || dup2(ends[0], STDOUT_FILENO) < 0)
		return -errno;
	if (!SANDBOX_SANITIZER && dup2(ends[0], STDERR_FILENO) < 0)
		return -errno;
	return close_range(WIRE_FD + 1, ~0u, 0) < 0 ? -errno : 0;
}

static int receive_fds(struct wire *w, int *fds, size_t n)
{
	size_t have = 0;

	while (have < n) {
		int r = wire_recv_fds(w, fds + have, n - have);

		if (r < 0)
			return r;
		have += (size_t)r;
	}
	return 0;
}

/* The descriptors HELLO announces: segments, then the cache, which is mapped. */
static int receive_image(struct wire *w, struct hello *h, uint8_t **cache)
{
	size_t n = h->files.n + (h->slots > 0);
	struct rlimit l = {0};
	size_t bytes = 0;
	int *fds = calloc(n, sizeof(*fds));
	int r = fds ? 0 : -ENOMEM;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
	if (r == 0)
		r = receive_fds(w, fds, n);
	for (size_t i = 0; r == 0 && i < h->files.n; i++)
		h->files.v[i].fd = fds[i];
	if (r == 0 && h->slots > 0) {
		void *p = MAP_FAILED;

		if (!__builtin_mul_overflow((size_t)h->slots, h->slot_bytes, &bytes))
			p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fds[n - 1], 0);
		if (p == MAP_FAILED)
			r = -ENOMEM;
		else
			*cache = p;
		close(fds[n - 1]);
	}
	free(fds);
	return r;
}

static int send_ready(struct wire *w, const struct sandbox_state *s)
{
	struct buf *b = wire_begin(w, WIRE_READY);
	int r = 0;

	buf_put_u32(b, WIRE_VERSION);
	buf_put_u32(b, s->applied);
	buf_put_u32(b, s->landlock_abi);
	buf_put_u32(b, s->uid);
	r = wire_end(w);
	return r < 0 ? r : wire_flush(w, 0);
}

static void send_fail(struct wire *w, int r, const struct err *e)
{
	struct buf *b = wire_begin(w, WIRE_FAIL);

	buf_put_u16(b, (uint16_t)-r);
	buf_put_blob(b, err_text(e, r), strlen(err_text(e, r)));
	if (wire_end(w) == 0)
		wire_flush(w, 0);
}

static int work(struct wire *w, struct hello *h)
{
	struct serve s = {.wire = w, .hello = h};
	struct sandbox_opts o = {.socket = WIRE_FD, .memory_bytes = SANDBOX_MEMORY};
	struct sandbox_state state = {0};
	struct err e = {0};
	int r = receive_image(w, h, &s.cache);

	if (r < 0)
		return r;
	w->exact = false; /* no more descriptors come */
	container_prepare();
	text_prepare();
	tzset(); /* reads files, so now; the environment says UTC */
	o.uid = h->uid;
	o.parent = (pid_t)h->parent;
	o.memory_bytes += (size_t)h->slots * h->slot_bytes;
	r = sandbox_enter(&o, &state, &e);
	if (r < 0) {
		send_fail(w, r, &e);
		return r;
	}
	r = send_ready(w, &state);
	return r < 0 ? r : serve_run(&s);
}

int main(void)
{
	struct wire w;
	struct frame f = {0};
	struct hello h = {.files = {.n = 0}};
	int r = 0;

	if (!is_socket(WIRE_FD)) {
		fputs("evidencefs-worker: parses disk images for evidencefs and evidencefsd, which "
		      "start it; it is not for use by hand\n",
			stderr);
		return 2;
	}
	wire_init(&w, WIRE_FD, false);
	r = close_others();
	if (r == 0)
		r = wire_recv(&w, WIRE_FRAME_MAX, 0, &f);
	if (r == 0)
		r = f.type == WIRE_HELLO ? hello_decode(&f.payload, &h) : -EPROTO;
	if (r == 0)
		r = work(&w, &h);
	_exit(r < 0 ? 1 : 0); /* no handlers: the filter may forbid what they do */
}
