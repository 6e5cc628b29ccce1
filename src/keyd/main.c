/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - evidencefs-keyd: a keyholder behind a socket, in a process of its own
 *
 * See docs/PROTOCOL.keyd.md. One connection at a time; one thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/keyholder.h"
#include "audit/signer.h"
#include "keyd/remote.h"
#include "keyd/sandbox.h"

struct keyd {
	struct keyholder *holder;
	int signals;
	int peer; /* -1: none */
	struct buf answer;
};

static int fail(const char *what, const struct err *e, int r)
{
	fprintf(stderr, "evidencefs-keyd: %s%s%s\n", what, what[0] ? ": " : "", err_text(e, r));
	return 1;
}

/* Descriptor 4 by hand; under systemd the directory of the unit's state. */
static int open_dir(uid_t uid, struct err *e)
{
	const char *dir = getenv("STATE_DIRECTORY");
	struct stat st;
	int fd = REMOTE_DIR;

	if (dir)
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, errno, "%s", dir ? dir : "its directory");
	if (!S_ISDIR(st.st_mode) || st.st_uid != uid || (st.st_mode & 077))
		return err_set(e, EPERM,
			"%s: must be a directory of uid %u alone: chown %u, chmod 0700",
			dir ? dir : "its directory", (unsigned)uid, (unsigned)uid);
	return fd;
}

/* What libcrypto loads and keeps is loaded before the filter: a key is made and thrown away. */
static int warm_up(struct err *e)
{
	const uint8_t zeros[RECORD_ROOT] = {0};
	struct signer *s = NULL;
	struct note note;
	int r = signer_blank(zeros, &s);

	if (r == 0)
		r = signer_make(s);
	if (r == 0)
		r = signer_checkpoint(s, 1, zeros, &note);
	signer_free(s);
	return r < 0 ? err_errno(e, -r, "libcrypto") : 0;
}

static uint32_t number_of(const char *name)
{
	const char *text = getenv(name);

	return text ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

static int catch_signals(struct err *e)
{
	sigset_t set;
	int fd = -1;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? err_errno(e, errno, "signalfd") : fd;
}

static bool listens(int fd)
{
	int on = 0;
	int type = 0;
	socklen_t n = sizeof(on);
	socklen_t k = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) == 0 && on &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &k) == 0 && type == SOCK_SEQPACKET;
}

static void hang_up(struct keyd *k)
{
	if (k->peer >= 0)
		close(k->peer);
	k->peer = -1;
	keyholder_hang_up(k->holder);
}

/* Root only: the starter, who hands the connection on. */
static void let_in(struct keyd *k)
{
	int fd = accept4(REMOTE_LISTEN, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred who = {.uid = (uid_t)-1};
	socklen_t n = sizeof(who);

	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0 || who.uid != 0) {
		close(fd);
		return;
	}
	hang_up(k);
	k->peer = fd;
}

static void answer(struct keyd *k)
{
	uint8_t p[KEYHOLDER_MAX + 1];
	ssize_t n = recv(k->peer, p, sizeof(p), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || n > KEYHOLDER_MAX ||
		keyholder_answer(k->holder, p, (size_t)n, &k->answer) < 0 ||
		send(k->peer, k->answer.data, k->answer.len, MSG_NOSIGNAL) !=
			(ssize_t)k->answer.len)
		hang_up(k);
}

/* Until it is asked to end. */
static void serve(struct keyd *k)
{
	for (;;) {
		struct pollfd f[3] = {{.fd = k->signals, .events = POLLIN},
			{.fd = REMOTE_LISTEN, .events = POLLIN}, {.fd = k->peer, .events = POLLIN}};
		struct signalfd_siginfo i;

		if (poll(f, 3, -1) < 0)
			continue;
		if (f[2].revents)
			answer(k);
		if (f[1].revents)
			let_in(k);
		if (f[0].revents && read(k->signals, &i, sizeof(i)) == (ssize_t)sizeof(i) &&
			(i.ssi_signo == SIGTERM || i.ssi_signo == SIGINT))
			return;
	}
}

int main(void)
{
	struct keyd k = {.peer = -1, .answer = BUF_INIT};
	struct err e = {.code = 0};
	const uid_t uid = geteuid() == 0 ? number_of(REMOTE_UID) : geteuid();
	int dir = -1;
	int r = 0;

	if (!listens(REMOTE_LISTEN)) {
		fputs("evidencefs-keyd: holds the keys of the access log for evidencefsd, which "
		      "starts it, or systemd does; it is not for use by hand\n",
			stderr);
		return 2;
	}
	k.signals = r = catch_signals(&e);
	if (r >= 0)
		dir = r = open_dir(uid, &e);
	if (r >= 0)
		r = warm_up(&e);
	/* before there is a key in memory */
	if (r >= 0)
		r = keyd_sandbox_enter((pid_t)number_of(REMOTE_PARENT), uid, &e);
	if (r >= 0)
		r = keyholder_open(dir, &k.holder, &e);
	if (r < 0)
		return fail("", &e, r);
	serve(&k);
	hang_up(&k);
	r = keyholder_close(k.holder, &e);
	buf_release(&k.answer);
	return r < 0 ? fail("the key is lost", &e, r) : 0;
}
