/* SPDX-License-Identifier: Apache-2.0 */
/* process.c - what /proc says of who asks; see process.h. */
#include "mount/process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/now.h"

#define SLOTS      64         /* two descriptors each */
#define TOLD_NS    1000000000 /* how long the hook, and groups and cgroup, are believed */
#define STATUS_MAX 16384      /* of /proc/PID/status: more than a thousand groups */
#define CGROUPS    "/sys/fs/cgroup"
#define CGROUP2_ID 0x63677270 /* statfs(2): cgroup2 */

/* What changes seldom. */
struct belongs {
	int64_t read_ns; /* CLOCK_MONOTONIC; 0: not */
	uint32_t process;
	uint32_t login_session;
	uint64_t cgroup;
	bool groups_known;
	uint16_t groups_n;
	uint32_t groups[AUDIT_GROUPS_MAX];
};

/* One process, by descriptors that go stale with it. */
struct slot {
	pthread_mutex_t lock;
	pid_t pid; /* 0: none */
	uint64_t start;
	int dir;
	int loginuid;
	struct belongs belongs;
	/* the program, as it was told last */
	char comm[32]; /* by the hook, when it was called so; "" by /proc */
	char exe[AUDIT_EXE_MAX + 1];
	struct audit_exe_file file;
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
	s->belongs.read_ns = 0;
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

/* ---- what changes seldom ------------------------------------------------------------ */

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The line of the groups, whole; each is named once, the lowest are kept. */
static void take_groups(const char *line, struct belongs *b)
{
	uint32_t all[STATUS_MAX / 2];
	size_t n = 0;
	size_t kept = 0;

	for (;;) {
		char *end = NULL;
		unsigned long v = strtoul(line, &end, 10);

		if (end == line)
			break;
		all[n++] = (uint32_t)v;
		line = end;
	}
	qsort(all, n, sizeof(*all), compare_u32);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || all[i] != all[i - 1])
			all[kept++] = all[i];
	b->groups_known = true;
	b->groups_n = (uint16_t)kept;
	memcpy(b->groups, all, (kept < AUDIT_GROUPS_MAX ? kept : AUDIT_GROUPS_MAX) * sizeof(*all));
}

static void read_status(int dir, struct belongs *b)
{
	char text[STATUS_MAX];
	const char *line = NULL;
	char *end = NULL;

	read_text(dir, "status", text, sizeof(text));
	line = strstr(text, "\nTgid:");
	if (line)
		b->process = (uint32_t)strtoul(line + 6, NULL, 10);
	line = strstr(text, "\nGroups:");
	end = line ? strchr(line + 1, '\n') : NULL;
	if (!end)
		return;
	*end = '\0';
	take_groups(line + 8, b);
}

/* The id of a cgroup is the number of its inode. */
static void read_cgroup(int dir, struct belongs *b)
{
	char text[4096];
	char path[sizeof(CGROUPS) + sizeof(text)];
	struct statfs fs;
	struct stat st;
	const char *line = text;

	read_text(dir, "cgroup", text, sizeof(text));
	while (line && strncmp(line, "0::/", 4) != 0) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line)
		return;
	snprintf(path, sizeof(path), CGROUPS "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
	if (!strstr(path, "/..") && statfs(path, &fs) == 0 &&
		(unsigned long)fs.f_type == CGROUP2_ID && stat(path, &st) == 0)
		b->cgroup = st.st_ino;
}

static void read_belongs(struct slot *s)
{
	struct belongs b = {.read_ns = now_ns(CLOCK_MONOTONIC)};
	char text[16];

	if (s->belongs.read_ns && b.read_ns - s->belongs.read_ns < TOLD_NS)
		return;
	read_text(s->dir, "sessionid", text, sizeof(text));
	b.login_session = (uint32_t)strtoul(text, NULL, 10);
	if (b.login_session == UINT32_MAX)
		b.login_session = 0;
	read_status(s->dir, &b);
	read_cgroup(s->dir, &b);
	s->belongs = b;
}

static void tell_belongs(struct slot *s, struct audit_event *ev)
{
	read_belongs(s);
	ev->process = s->belongs.process;
	ev->login_session = s->belongs.login_session;
	ev->cgroup = s->belongs.cgroup;
	ev->groups_known = s->belongs.groups_known;
	ev->groups_n = s->belongs.groups_n;
	memcpy(ev->groups, s->belongs.groups, sizeof(ev->groups));
}

/* ---- the program --------------------------------------------------------------------- */

/* /proc does not name the program: who may look is asked, at most once a second. */
static void ask_exe(const struct process_cache *c, struct slot *s, char *exe, size_t size,
	struct audit_exe_file *file)
{
	char comm[sizeof(s->comm)];
	int64_t now = now_ns(CLOCK_MONOTONIC);
	int n = 0;

	read_text(s->dir, "comm", comm, sizeof(comm));
	if (s->told_ns == 0 || now - s->told_ns > TOLD_NS || strcmp(comm, s->comm) != 0) {
		n = c->exe(c->ctx, s->pid, s->start, s->exe, sizeof(s->exe) - 1, &s->file);
		s->exe[n > 0 ? (size_t)n < sizeof(s->exe) ? (size_t)n : sizeof(s->exe) - 1 : 0] =
			'\0';
		s->told_ns = n > 0 ? now : 0;
		memcpy(s->comm, comm, sizeof(comm));
	}
	snprintf(exe, size, "%s", s->exe);
	*file = s->told_ns ? s->file : (struct audit_exe_file){.inode = 0};
}

void process_exe_file(int dir, struct audit_exe_file *out)
{
	struct stat st;

	if (fstatat(dir, "exe", &st, 0) < 0)
		return;
	*out = (struct audit_exe_file){.major = major(st.st_dev),
		.minor = minor(st.st_dev),
		.inode = st.st_ino,
		.ctime_ns = st.st_ctim.tv_sec * INT64_C(1000000000) + st.st_ctim.tv_nsec};
}

static bool is_same_file(const struct audit_exe_file *a, const struct audit_exe_file *b)
{
	return a->inode == b->inode && a->major == b->major && a->minor == b->minor &&
	       a->ctime_ns == b->ctime_ns;
}

/*
 * Which file it is, is asked each time: only that tells of another program. The path costs more
 * than twice as much, and is read anew with another file, and once a second. In between the same
 * file, unchanged (to rename or unlink it is a change), may have run again by another of its
 * names: it is told by one that this process ran it by less than a second ago. The file is asked
 * for before the path: when the program changes in between, the next record notices.
 */
static void tell_program(const struct process_cache *c, struct slot *s, struct audit_event *ev)
{
	struct audit_exe_file file = {.inode = 0};
	int64_t now = now_ns(CLOCK_MONOTONIC);
	ssize_t n = 0;

	process_exe_file(s->dir, &file);
	if (file.inode == 0 || s->comm[0] || s->told_ns == 0 || now - s->told_ns > TOLD_NS ||
		!is_same_file(&file, &s->file)) {
		n = readlinkat(s->dir, "exe", s->exe, sizeof(s->exe) - 1);
		if (n < 0 && errno == EACCES && c && c->exe) {
			ask_exe(c, s, ev->exe, sizeof(ev->exe), &ev->exe_file);
			return;
		}
		s->exe[n > 0 ? n : 0] = '\0';
		s->comm[0] = '\0';
		s->file = n > 0 ? file : (struct audit_exe_file){.inode = 0};
		s->told_ns = n > 0 ? now : 0;
	}
	memcpy(ev->exe, s->exe, sizeof(ev->exe));
	ev->exe_file = s->file;
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
	tell_program(c, s, ev);
	tell_belongs(s, ev);
	n = pread(s->loginuid, text, sizeof(text) - 1, 0);
	there = n > 0; /* else ESRCH, or a kernel that does not keep it */
	if (there) {
		text[n] = '\0';
		ev->loginuid = (uint32_t)strtoul(text, NULL, 10);
	}
	return there;
}

/* What was said of a process that is gone. */
static void forget_told(struct audit_event *ev)
{
	ev->process_start = 0;
	ev->exe[0] = '\0';
	ev->exe_file = (struct audit_exe_file){.inode = 0};
	ev->process = ev->login_session = 0;
	ev->cgroup = 0;
	ev->groups_known = false;
	ev->groups_n = 0;
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
			forget_told(ev);
			tell(c, s, ev);
		}
		pthread_mutex_unlock(&s->lock);
		return;
	}
	meet(&once, pid);
	tell(c, &once, ev);
	forget(&once);
}
