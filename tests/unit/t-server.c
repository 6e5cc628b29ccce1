/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-server.c - the control socket among clients that ask, and clients that do harm
 *
 * commands_run() is a stand-in: "echo" answers with its arguments, "much" with more
 * than a socket holds, "long" works until the client is gone, "wait" until let go.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/client.h"
#include "control/commands.h"
#include "control/row.h"
#include "control/server.h"
#include "tap.h"
#include "worker/wire.h"

#define MUCH (64u * 1024)

static struct stand_in {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned waiting; /* in "wait" */
	bool let_go;
	unsigned working;  /* "long" that began */
	unsigned given_up; /* "long" that saw its client go */
	unsigned unread;   /* "much" that was not taken */
} in = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static char path[64];

static void count(unsigned *what)
{
	pthread_mutex_lock(&in.lock);
	(*what)++;
	pthread_cond_broadcast(&in.changed);
	pthread_mutex_unlock(&in.lock);
}

static unsigned look(const unsigned *what)
{
	unsigned v = 0;

	pthread_mutex_lock(&in.lock);
	v = *what;
	pthread_mutex_unlock(&in.lock);
	return v;
}

static bool comes_to(const unsigned *what, unsigned want)
{
	int64_t until = wire_now_ms() + 10000;

	while (look(what) < want && wire_now_ms() < until)
		poll(NULL, 0, 5);
	return look(what) >= want;
}

static int run_echo(uid_t uid, const struct control_request *q, struct answer *answer)
{
	struct buf *row = answer_row(answer);

	row_u64(row, "uid", uid);
	for (size_t i = 0; i < q->n; i++)
		row_str(row, q->args[i].name, q->args[i].value);
	answer_row_end(answer);
	answer_note(answer, "a note");
	return 0;
}

static int run_much(struct answer *answer)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < MUCH; i++) {
		struct buf *row = answer_row(answer);

		row_u64(row, "i", i);
		row_str(row, "text", "some text that takes some room in a socket, again and again");
		answer_row_end(answer);
		r = answer_full(answer) ? answer_flush(answer) : 0;
	}
	if (r)
		count(&in.unread);
	return r;
}

static int run_wait(void)
{
	count(&in.waiting);
	pthread_mutex_lock(&in.lock);
	while (!in.let_go)
		pthread_cond_wait(&in.changed, &in.lock);
	in.waiting--;
	pthread_mutex_unlock(&in.lock);
	return 0;
}

int commands_run(struct service *s, uid_t uid, pid_t pid, const struct control_request *q,
	struct answer *answer, struct err *e)
{
	(void)s;
	(void)pid;
	if (!strcmp(q->command, "echo"))
		return run_echo(uid, q, answer);
	if (!strcmp(q->command, "much"))
		return run_much(answer);
	if (!strcmp(q->command, "wait"))
		return run_wait();
	if (!strcmp(q->command, "long")) {
		count(&in.working);
		for (uint64_t i = 0; !answer_progress(answer, "working", i, 0); i++)
			poll(NULL, 0, 1);
		count(&in.given_up);
		return -EINTR;
	}
	return err_set(e, EPERM, "%s: not for you", q->command);
}

/* ---- clients --------------------------------------------------------------------------- */

static int dial(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof(a)))
		bail_out("cannot connect");
	return fd;
}

/* Whether the other end closes, within ten seconds, whatever it says before. */
static bool is_closed(int fd)
{
	char b[4096];
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (poll(&p, 1, 10000) > 0) {
		ssize_t n = recv(fd, b, sizeof(b), 0);

		if (n <= 0)
			return n == 0 || errno == ECONNRESET;
	}
	return false;
}

struct heard {
	unsigned rows;
	unsigned notes;
	uint64_t uid;
	char text[64];
};

static void on_row(void *ctx, const struct row *r)
{
	struct heard *h = ctx;
	const struct row_field *uid = row_get(r, "uid");
	const struct row_field *text = row_get(r, "text");

	h->rows++;
	h->uid = uid ? uid->v.u : 0;
	if (text)
		snprintf(h->text, sizeof(h->text), "%.*s", (int)cur_left(&text->v.bytes),
			(const char *)text->v.bytes.p);
}

static void on_note(void *ctx, const char *p, size_t n)
{
	(void)p;
	(void)n;
	((struct heard *)ctx)->notes++;
}

static int ask(const char *command, struct heard *h, struct err *e)
{
	const struct control_arg args[] = {{"text", "hello"}};
	const struct client_sink sink = {.row = on_row, .note = on_note, .ctx = h};

	*h = (struct heard){.rows = 0};
	*e = (struct err){0};
	return client_ask(path, command, args, 1, &sink, e);
}

static bool works(void)
{
	struct heard h;
	struct err e;

	return ask("echo", &h, &e) == 0 && h.rows == 1 && !strcmp(h.text, "hello");
}

static int send_request(const char *command)
{
	struct buf b = BUF_INIT;
	int fd = dial();

	control_request_put(&b, command, NULL, 0, NULL);
	if (send(fd, b.data, b.len, MSG_NOSIGNAL) != (ssize_t)b.len)
		bail_out("cannot send");
	buf_release(&b);
	return fd;
}

/* ---- tests -------------------------------------------------------------------------------- */

static struct server *serve(int *listen_fd, const struct server_limits *l)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct server *s = NULL;

	snprintf(path, sizeof(path), "/tmp/t-server.%d", (int)getpid());
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	unlink(path);
	*listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*listen_fd < 0 || bind(*listen_fd, (const struct sockaddr *)&a, sizeof(a)) ||
		listen(*listen_fd, 64))
		bail_out("cannot listen");
	if (server_new(*listen_fd, NULL, l, &s, NULL))
		bail_out("no server");
	return s;
}

static void test_asking(void)
{
	struct heard h;
	struct err e;

	is_int(ask("echo", &h, &e), 0, "a request is answered");
	is_int(h.rows, 1, "with a row");
	is_int(h.notes, 1, "and a note");
	is_str(h.text, "hello", "that says what was asked");
	is_int((long long)h.uid, getuid(), "and who asked, as the kernel says");
	is_int(ask("no-such", &h, &e), -EPERM, "a refusal comes back");
	is_str(e.text, "no-such: not for you", "with its words");
	is_int(ask("much", &h, &e), 0, "an answer larger than the socket holds");
	is_int(h.rows, MUCH, "comes whole");
}

static void test_garbage(void)
{
	static const struct {
		const char *what;
		const char *bytes;
		size_t n;
	} v[] = {
		{"another protocol", "GET / HTTP/1.1\r\n\r\n", 18},
		{"zeros", "\0\0\0\0\0\0", 6},
		{"a huge length", "\377\377\377\177\001\000", 6},
		{"just above the limit", "\001\000\004\000\001\000", 6},
		{"another type", "\001\000\000\000\006\000x", 7},
		{"a request of one byte", "\001\000\000\000\001\000x", 7},
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		int fd = dial();

		ok(send(fd, v[i].bytes, v[i].n, MSG_NOSIGNAL) == (ssize_t)v[i].n && is_closed(fd),
			"%s: closed", v[i].what);
		close(fd);
		ok(works(), "%s: others are served", v[i].what);
	}
}

static void test_silence(void)
{
	int fd = dial();
	int half = dial();
	int64_t begun = wire_now_ms();

	ok(send(half, "\020\000\000", 3, MSG_NOSIGNAL) == 3, "half a head");
	ok(works(), "others are served meanwhile");
	ok(is_closed(fd), "who says nothing is closed");
	ok(is_closed(half), "who says half is closed");
	ok(wire_now_ms() - begun < 9000, "in time");
	close(fd);
	close(half);
	ok(works(), "others are served");
}

static void test_drip(void)
{
	int fd = dial();
	unsigned sent = 0;
	struct buf b = BUF_INIT;

	control_request_put(&b, "echo", NULL, 0, NULL);
	/* a byte now and then does not make it last: the whole request has one deadline */
	while (sent + 1 < b.len && send(fd, b.data + sent, 1, MSG_NOSIGNAL) == 1) {
		sent++;
		poll(NULL, 0, 100);
	}
	ok(is_closed(fd), "who sends a byte now and then is closed");
	close(fd);
	buf_release(&b);
}

static void test_no_reader(void)
{
	int fd = send_request("much");

	ok(comes_to(&in.unread, 1), "an answer that nobody reads is given up");
	ok(works(), "others are served");
	close(fd);
	fd = send_request("much");
	close(fd);
	ok(comes_to(&in.unread, 2), "so is one whose client is gone");
}

static void test_gone(void)
{
	int fd = send_request("long");

	ok(works(), "others are served while long work goes on");
	close(fd);
	ok(comes_to(&in.given_up, 1), "a client that goes ends its long work");
}

static void let_go(bool v)
{
	pthread_mutex_lock(&in.lock);
	in.let_go = v;
	pthread_cond_broadcast(&in.changed);
	pthread_mutex_unlock(&in.lock);
}

/* The @n-th request that waits. What went before it may have its place for a moment still: it is
 * asked again where it is turned away. */
static int send_waiting(unsigned n)
{
	const int64_t until = wire_now_ms() + 10000;
	struct pollfd p = {.fd = send_request("wait"), .events = POLLIN};

	while (look(&in.waiting) < n && wire_now_ms() < until) {
		if (poll(&p, 1, 5) == 0)
			continue;
		close(p.fd);
		p.fd = send_request("wait");
	}
	return p.fd;
}

static void test_too_many(unsigned limit)
{
	int fds[8];
	struct heard h;
	struct err e;
	int64_t until = 0;

	for (unsigned i = 0; i < limit; i++)
		fds[i] = send_waiting(i + 1);
	ok(comes_to(&in.waiting, limit), "as many as are allowed are served at once");
	is_int(ask("echo", &h, &e), -EAGAIN, "one more is turned away");
	ok(strstr(e.text, "try again") != NULL, "and told so");
	let_go(true);
	for (unsigned i = 0; i < limit; i++) {
		ok(is_closed(fds[i]), "number %u is answered", i);
		close(fds[i]);
	}
	until = wire_now_ms() + 10000;
	while (!works() && wire_now_ms() < until)
		poll(NULL, 0, 10);
	ok(works(), "then there is room again");
	let_go(false);
}

int main(void)
{
	const struct server_limits limits = {
		.connections = 8, .per_uid = 4, .request_ms = 700, .stall_ms = 300};
	struct server *s = NULL;
	struct heard h;
	struct err e;
	int listen_fd = -1;
	int fd = -1;

	s = serve(&listen_fd, &limits);
	test_asking();
	test_garbage();
	test_silence();
	test_drip();
	test_no_reader();
	test_gone();
	test_too_many(4);
	fd = send_request("long");
	ok(comes_to(&in.working, 2), "long work begins");
	server_free(s);
	ok(look(&in.given_up) == 2, "the end of the server ends long work, and waits for it");
	ok(is_closed(fd), "and its connection");
	close(fd);
	server_free(NULL);
	close(listen_fd);
	is_int(ask("echo", &h, &e), -ECONNREFUSED, "without a server, asking fails");
	ok(strstr(e.text, "not running") != NULL, "and says why");
	unlink(path);
	is_int(ask("echo", &h, &e), -ENOENT, "without a socket, too");
	return done_testing();
}
