/* SPDX-License-Identifier: Apache-2.0 */
/* keyd.c - evidencefs-keyd, as the starter sees it; see keyd.h. */
#include "starter/keyd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keyd/remote.h"
#include "starter/launch.h"
#include "starter/place.h"
#include "worker/spawn.h"

#define PROGRAM   "evidencefs-keyd"
#define QUICK_MS  100
#define PAUSE_MAX 1000
#define END_MS    5000 /* to write and sync a key */

void keyd_child_init(struct keyd_child *k)
{
	*k = (struct keyd_child){.program = -1, .listener = -1, .dir = -1};
}

void keyd_child_close(struct keyd_child *k)
{
	const int fds[] = {k->program, k->listener, k->dir};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	keyd_child_init(k);
}

/* Somewhere that the kernel chooses: who connects is looked at. */
static int make_listener(struct keyd_child *k, struct err *e)
{
	const struct sockaddr_un any = {.sun_family = AF_UNIX};

	k->at_n = sizeof(k->at);
	k->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (k->listener < 0 ||
		bind(k->listener, (const struct sockaddr *)&any, sizeof(any.sun_family)) < 0 ||
		listen(k->listener, 8) < 0 ||
		getsockname(k->listener, (struct sockaddr *)&k->at, &k->at_n) < 0)
		return err_errno(e, errno, "the socket of " PROGRAM);
	return 0;
}

int keyd_child_open(struct keyd_child *k, const struct config *c, const char *path, struct err *e)
{
	char *program = NULL;
	int r = 0;

	if (path) {
		k->at.sun_family = AF_UNIX;
		if (strlen(path) >= sizeof(k->at.sun_path))
			return err_set(e, ENAMETOOLONG, "--keyd %s", path);
		strcpy(k->at.sun_path, path);
		k->at_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
		return 0;
	}
	k->uid = c->keyd_uid;
	program = spawner_beside(PROGRAM);
	if (!program)
		return err_set(e, ENOENT,
			PROGRAM ": no such program, or it cannot be run; it belongs beside "
				"evidencefsd: install evidencefs again, or build it (make)");
	k->program = r = launch_program(program, e);
	free(program);
	if (r >= 0)
		k->dir = r = place_keys(c, e);
	return r < 0 ? r : make_listener(k, e);
}

static int begin(struct keyd_child *k)
{
	static char name[] = PROGRAM;
	static char tz[] = "TZ=UTC0";
	char parent[64];
	char uid[64];
	char *const argv[] = {name, NULL};
	char *env[] = {tz, parent, uid, NULL, NULL, NULL};
	size_t n = 3;
	const struct launch l = {.program = k->program,
		.argv = argv,
		.env = env,
		.dir = -1,
		.fds = {k->listener, k->dir}};

	snprintf(parent, sizeof(parent), REMOTE_PARENT "=%d", (int)getpid());
	snprintf(uid, sizeof(uid), REMOTE_UID "=%u", (unsigned)k->uid);
	for (char **p = environ; *p && n < 5; p++)
		if (strncmp(*p, "ASAN_OPTIONS=", 13) == 0 || strncmp(*p, "UBSAN_OPTIONS=", 14) == 0)
			env[n++] = *p;
	return launch(&l, &k->pid);
}

int64_t keyd_child_due(const struct keyd_child *k)
{
	return k->program < 0 || k->pid > 0 ? INT64_MAX : k->begin_at_ms;
}

static void plan_next(struct keyd_child *k, int64_t now_ms)
{
	int64_t pause = 0;

	k->quick = now_ms - k->began_ms < QUICK_MS ? k->quick + 1 : 0;
	if (k->quick > 0)
		pause = k->quick > 6 ? PAUSE_MAX : INT64_C(10) << k->quick;
	k->begin_at_ms = now_ms + pause;
}

void keyd_child_step(struct keyd_child *k, int64_t now_ms)
{
	int r = 0;

	if (now_ms < keyd_child_due(k))
		return;
	k->began_ms = now_ms;
	r = begin(k);
	if (r == 0)
		return;
	k->pid = 0;
	fprintf(stderr, "evidencefsd: " PROGRAM " cannot be started: %s\n", strerror(-r));
	plan_next(k, now_ms);
}

void keyd_child_collect(struct keyd_child *k, int64_t now_ms)
{
	int status = 0;

	if (k->pid <= 0 || waitpid(k->pid, &status, WNOHANG) != k->pid)
		return;
	k->pid = 0;
	fprintf(stderr, "evidencefsd: " PROGRAM " died (%s %d); the key of the log went with it\n",
		WIFSIGNALED(status) ? "signal" : "status",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	plan_next(k, now_ms);
}

void keyd_child_stop(struct keyd_child *k)
{
	int status = 0;

	if (k->pid <= 0)
		return;
	kill(k->pid, SIGTERM);
	for (int ms = 0; ms < END_MS; ms += 10) {
		if (waitpid(k->pid, &status, WNOHANG) == k->pid) {
			k->pid = 0;
			return;
		}
		poll(NULL, 0, 10);
	}
	kill(k->pid, SIGKILL);
	waitpid(k->pid, &status, 0);
	k->pid = 0;
}

int keyd_child_connect(const struct keyd_child *k)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&k->at, k->at_n) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}
