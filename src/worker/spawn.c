/* SPDX-License-Identifier: Apache-2.0 */
/* spawn.c - starts worker processes from one thread; see spawn.h. */
#include "worker/spawn.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/wire.h"

#ifndef PKGLIBEXECDIR
#define PKGLIBEXECDIR "/usr/libexec/evidencefs"
#endif
#define PROGRAM     "evidencefs-worker"
#define PATH_BYTES  4096
#define STACK_BYTES (256 * 1024)
#define REAP_MS     2000

struct order {
	const char *program;
	int sock;
	int result; /* 1: not done */
	pid_t pid;
	struct order *next;
};

struct spawner {
	pthread_mutex_t lock;
	pthread_cond_t ordered;
	pthread_cond_t done;
	pthread_t thread;
	bool running;
	bool stop;
	struct order *orders;
	bool over; /* somebody else, by ops */
	struct spawner_ops ops;
};

/* Beside the running program, else where it is installed. Caller frees. */
char *spawner_beside(const char *program)
{
	char path[PATH_BYTES + NAME_MAX + 1];
	ssize_t n = readlink("/proc/self/exe", path, PATH_BYTES - 1);

	if (n > 0) {
		path[n] = '\0';
		snprintf(strrchr(path, '/') + 1, NAME_MAX, "%s", program);
		if (access(path, X_OK) == 0)
			return strdup(path);
	}
	snprintf(path, sizeof(path), PKGLIBEXECDIR "/%s", program);
	return access(path, X_OK) == 0 ? strdup(path) : NULL;
}

char *spawner_program(const char *given)
{
	if (given)
		return access(given, X_OK) == 0 ? strdup(given) : NULL;
	return spawner_beside(PROGRAM);
}

static int start(const char *program, int sock, pid_t *pid)
{
	char tz[] = "TZ=UTC0";
	char locale[] = "LC_ALL=C";
	char *env[] = {tz, locale, NULL};
	char name[] = "evidencefs-worker";
	char *argv[] = {name, NULL};
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t none;
	sigset_t all;
	int r = 0;

	sigemptyset(&none);
	sigfillset(&all);
	r = posix_spawn_file_actions_init(&fa);
	if (r)
		return -r;
	r = posix_spawnattr_init(&at);
	if (r == 0) {
		posix_spawnattr_setsigmask(&at, &none);
		posix_spawnattr_setsigdefault(&at, &all);
		posix_spawnattr_setpgroup(&at, 0);
		posix_spawnattr_setflags(&at,
			POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
		r = posix_spawn_file_actions_adddup2(&fa, sock, WIRE_FD);
		if (r == 0)
			r = posix_spawn(pid, program, &fa, &at, argv, env);
		posix_spawnattr_destroy(&at);
	}
	posix_spawn_file_actions_destroy(&fa);
	return -r;
}

static void *spawner_main(void *arg)
{
	struct spawner *s = arg;

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		struct order *o = s->orders;

		if (!o) {
			pthread_cond_wait(&s->ordered, &s->lock);
			continue;
		}
		s->orders = o->next;
		pthread_mutex_unlock(&s->lock);
		pid_t pid = -1;
		int r = start(o->program, o->sock, &pid);

		pthread_mutex_lock(&s->lock);
		o->pid = pid;
		o->result = r;
		pthread_cond_broadcast(&s->done);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* Signals are for the service's other threads. */
static int begin_thread(struct spawner *s)
{
	pthread_attr_t at;
	sigset_t all;
	sigset_t old;
	int r = pthread_attr_init(&at);

	if (r)
		return -r;
	pthread_attr_setstacksize(&at, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&s->thread, &at, spawner_main, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&at);
	s->running = r == 0;
	return -r;
}

static struct spawner *make(void)
{
	struct spawner *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->ordered, NULL);
	pthread_cond_init(&s->done, NULL);
	return s;
}

int spawner_over(const struct spawner_ops *ops, struct spawner **out)
{
	struct spawner *s = make();

	if (!s)
		return -ENOMEM;
	s->over = true;
	s->ops = *ops;
	*out = s;
	return 0;
}

int spawner_new(struct spawner **out)
{
	struct spawner *s = make();
	int r = 0;

	if (!s)
		return -ENOMEM;
	r = begin_thread(s);
	if (r) {
		spawner_free(s);
		return r;
	}
	*out = s;
	return 0;
}

void spawner_free(struct spawner *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->ordered);
	pthread_mutex_unlock(&s->lock);
	if (s->running)
		pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->ordered);
	pthread_cond_destroy(&s->done);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

int spawner_run(struct spawner *s, const char *program, int sock, pid_t *pid)
{
	struct order o = {.program = program, .sock = sock, .result = 1};

	if (s->over)
		return s->ops.run(s->ops.ctx, sock, pid);
	pthread_mutex_lock(&s->lock);
	o.next = s->orders;
	s->orders = &o;
	pthread_cond_signal(&s->ordered);
	while (o.result == 1)
		pthread_cond_wait(&s->done, &s->lock);
	pthread_mutex_unlock(&s->lock);
	if (o.result == 0)
		*pid = o.pid;
	return o.result;
}

/* Whether it has ended within REAP_MS: within a read some storage lets nobody be killed. */
static bool has_ended(pid_t pid)
{
	struct pollfd f = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
	int r = 1;

	if (f.fd < 0)
		return true; /* not to be seen: waited for */
	do
		r = poll(&f, 1, REAP_MS);
	while (r < 0 && errno == EINTR);
	close(f.fd);
	return r != 0;
}

int spawner_reap(struct spawner *s, pid_t pid, int *status)
{
	pid_t r = 0;

	if (s->over)
		return s->ops.reap(s->ops.ctx, pid, status);
	kill(pid, SIGKILL);
	if (!has_ended(pid))
		return -ETIMEDOUT;
	do
		r = waitpid(pid, status, 0);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

pid_t spawner_parent(const struct spawner *s)
{
	return s->over ? s->ops.parent : getpid();
}
