/* SPDX-License-Identifier: Apache-2.0 */
/* process.c - what /proc says of who asks; see process.h. */
#include "mount/process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLOTS   64         /* two descriptors each */
#define TOLD_NS 1000000000 /* how long the hook is believed */

/* One process, by descriptors that go stale with it. */
struct slot {
	pthread_mutex_t lock;
	pid_t pid; /* 0: none */
	uint64_t start;
	int dir;
	int loginuid;
	/* told by the hook */
	char comm[32];
	char exe[AUDIT_EXE_MAX + 1];
	int64_t told_ns; /* CLOCK_MONOTONIC; 0: not */
};

struct process_cache {
	process_exe_fn *exe;
	void *ctx;
	struct slot slot[SLOTS];
};

struct process_cache *process_cache_new(process_exe_fn *exe, void *ctx)
{
	struct process_cache *c = calloc(1, sizeof(*c));

	if (c) {
		c->exe = exe;
		c->ctx = ctx;
	}
	for (size_t i = 0; c && i < SLOTS; i++) {
		pthread_mutex_init(&c->slot[i].lock, NULL);
		c->slot[i].dir = c->slot[i].loginuid = -1;
	}
	return c;
}

static void forget(struct slot *s)
{
	if (s->dir >= 0)
		close(s->dir);
	if (s->loginuid >= 0)
		close(s->loginuid);
	s->dir = s->loginuid = -1;
	s->pid = 0;
	s->told_ns = 0;
}

void process_cache_free(struct process_cache *c)
{
	for (size_t i = 0; c && i < SLOTS; i++) {
		forget(&c->slot[i]);
		pthread_mutex_destroy(&c->slot[i].lock);
	}
	free(c);
}

/* Field 22 of stat, counted behind the last ')': a name may hold anything. */
static uint64_t start_of(const char *stat)
{
	const char *p = strrchr(stat, ')');

	for (unsigned field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

static void read_text(int dir, const char *name, char *text, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
}

static uint64_t read_start(int dir)
{
	char text[1024];

	read_text(dir, "stat", text, sizeof(text));
	return start_of(text);
}

static void meet(struct slot *s, pid_t pid)
{
	char path[32];

	forget(s);
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return;
	s->pid = pid;
	s->start = read_start(s->dir);
	s->loginuid = openat(s->dir, "loginuid", O_RDONLY | O_CLOEXEC);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* /proc does not name the program: who may look is asked, at most once a second. */
static void ask_exe(const struct process_cache *c, struct slot *s, char *exe, size_t size)
{
	char comm[sizeof(s->comm)];
	int64_t now = now_ns();
	int n = 0;

	read_text(s->dir, "comm", comm, sizeof(comm));
	if (s->told_ns == 0 || now - s->told_ns > TOLD_NS || strcmp(comm, s->comm) != 0) {
		n = c->exe(c->ctx, s->pid, s->start, s->exe, sizeof(s->exe) - 1);
		s->exe[n > 0 ? (size_t)n < sizeof(s->exe) ? (size_t)n : sizeof(s->exe) - 1 : 0] =
			'\0';
		s->told_ns = n > 0 ? now : 0;
		memcpy(s->comm, comm, sizeof(comm));
	}
	snprintf(exe, size, "%s", s->exe);
}

/* Return: whether the process is known to be there still. */
static bool tell(const struct process_cache *c, struct slot *s, struct audit_event *ev)
{
	char text[16];
	ssize_t n = 0;
	bool there = false;

	if (s->pid == 0)
		return false;
	ev->process_start = s->start;
	n = readlinkat(s->dir, "exe", ev->exe, sizeof(ev->exe) - 1);
	if (n < 0 && errno == EACCES && c && c->exe)
		ask_exe(c, s, ev->exe, sizeof(ev->exe));
	else
		ev->exe[n > 0 ? n : 0] = '\0';
	n = pread(s->loginuid, text, sizeof(text) - 1, 0);
	there = n > 0; /* else ESRCH, or a kernel that does not keep it */
	if (there) {
		text[n] = '\0';
		ev->loginuid = (uint32_t)strtoul(text, NULL, 10);
	}
	return there;
}

void process_describe(struct process_cache *c, pid_t pid, struct audit_event *ev)
{
	struct slot once = {.dir = -1, .loginuid = -1};
	struct slot *s = c && pid > 0 ? &c->slot[pid % SLOTS] : NULL;

	if (pid <= 0)
		return;
	if (s && pthread_mutex_trylock(&s->lock) == 0) {
		if (s->pid != pid || !tell(c, s, ev)) {
			meet(s, pid);
			ev->process_start = 0;
			ev->exe[0] = '\0';
			tell(c, s, ev);
		}
		pthread_mutex_unlock(&s->lock);
		return;
	}
	meet(&once, pid);
	tell(c, &once, ev);
	forget(&once);
}
