/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-channel.c - a real starter, and a stand-in for the service behind it
 *
 * The stand-in is this program again, started by the starter: in the service's
 * sandbox, it does over its channel what the test says through the control
 * socket, a line for each connection, and answers with a line. What it mounts
 * it serves just enough of for `stat`.
 */
#include "starter/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "starter/message.h"
#include "starter/service_sandbox.h"
#include "starter/starter.h"
#include "worker/client.h"

#include "tap.h"

#define SERVICE_UID 65436
#define WORKER_UID  65437
#define LINE        8192
#define SEGMENTS    1500
#define KILLS       50

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ==== the stand-in ======================================================= */

struct stand_in {
	struct channel *channel;
	struct channel_start start;
	int64_t began_ms;
};

static struct stand_in self;

/* A FUSE server of the root folder's attributes. */
static void *serve_root(void *arg)
{
	int fd = (int)(intptr_t)arg;
	static __thread uint8_t q[8192];
	ssize_t n = 0;

	while ((n = read(fd, q, sizeof(q))) >= 40) {
		struct cur c = cur_of(q, (size_t)n);
		struct buf b = BUF_INIT;
		uint32_t op = 0;
		uint64_t unique = 0;

		cur_u32(&c);
		op = cur_u32(&c);
		unique = cur_u64(&c);
		buf_put_u32(&b, op == 3 ? 16 + 104 : 16);
		buf_put_u32(&b, op == 3 ? 0 : (uint32_t)-ENOSYS);
		buf_put_u64(&b, unique);
		if (op == 3) { /* GETATTR: valid, then ino, size, blocks, times, mode ... */
			uint8_t attr[104] = {0};

			attr[16] = 1;
			attr[76] = 0x40; /* 040555 */
			attr[77] = 0x41;
			attr[80] = 2;
			buf_put(&b, attr, sizeof(attr));
		}
		if (op != 2 && op != 42 && write(fd, b.data, b.len) < 0)
			n = -1;
		buf_release(&b);
	}
	return NULL;
}

/* The kernel's INIT, which the starter read, is answered. */
static bool answer_init(const struct channel_session *s)
{
	struct cur c = cur_of(s->init, s->init_len);
	struct buf b = BUF_INIT;
	bool well = false;

	cur_u64(&c);
	buf_put_u32(&b, 16 + 64);
	buf_put_u32(&b, 0);
	buf_put_u64(&b, cur_u64(&c));
	buf_put_u32(&b, 7);
	buf_put_u32(&b, 31);
	for (int i = 0; i < 3; i++)
		buf_put_u32(&b, 0);
	buf_put_u32(&b, 4096);
	for (int i = 0; i < 10; i++)
		buf_put_u32(&b, 0);
	well = s->init_len >= 104 && write(s->fuse_fd, b.data, b.len) == (ssize_t)b.len;
	buf_release(&b);
	return well;
}

static void serve_session(const struct channel_session *s)
{
	pthread_t t;

	if (pthread_create(&t, NULL, serve_root, (void *)(intptr_t)s->fuse_fd) == 0)
		pthread_detach(t);
}

static void do_mount(const char *args, char *out)
{
	struct channel_session s;
	struct err e = {0};
	unsigned uid = 0;
	unsigned gid = 0;
	char name[256] = "";
	struct stat st;

	sscanf(args, "%u %u %255s", &uid, &gid, name);
	if (channel_mount(self.channel, uid, gid, name, &s, &e) < 0) {
		snprintf(out, LINE, "error %d %s", e.code, e.text);
	} else if (fstat(s.table_fd, &st) < 0 || st.st_size != 0 ||
		   ftruncate(s.table_fd, 4096) < 0 || pwrite(s.table_fd, "mark", 4, 0) != 4) {
		snprintf(out, LINE, "error 0 the table");
	} else if (!answer_init(&s)) {
		snprintf(out, LINE, "error %d INIT of %zu bytes", errno, s.init_len);
	} else {
		serve_session(&s);
		snprintf(out, LINE, "ok %s %d", s.mountpoint, s.begun);
	}
}

static void do_image(const char *path, char *out)
{
	struct image_files f = {.n = 0};
	struct err e = {0};
	uint64_t size = 0;
	size_t good = 0;

	if (channel_image(self.channel, path, &f, &e) < 0) {
		snprintf(out, LINE, "error %d %s", e.code, e.text);
		return;
	}
	for (size_t i = 0; i < f.n; i++) {
		char want[32] = "";
		char got[32] = "";

		snprintf(want, sizeof(want), "segment %zu", i + 1);
		size += f.v[i].size;
		good += pread(f.v[i].fd, got, strlen(want), 0) > 0 && !strcmp(got, want) &&
			(fcntl(f.v[i].fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
	}
	snprintf(out, LINE, "ok %d %zu %llu %zu %s", (int)f.format, f.n, (unsigned long long)size,
		good, f.v[0].path);
	image_files_close(&f);
}

/* A worker looks at an image and is ended. */
static void do_scan(const char *path, char *out)
{
	struct image_files f = {.n = 0};
	struct workers_opts o = {.spawner = channel_spawner(self.channel),
		.uid = self.start.config.worker_uid,
		.count = 1};
	struct workers *w = NULL;
	struct scan s = {.n = 0};
	struct err e = {0};
	char sandbox[256] = "";
	int r = channel_image(self.channel, path, &f, &e);

	if (r == 0)
		r = workers_new(&f, &o, &w, &e);
	if (r == 0)
		r = workers_scan(w, &s, &e);
	if (r < 0) {
		snprintf(out, LINE, "error %d %s", -r, e.text);
	} else {
		workers_sandbox(w, sandbox, sizeof(sandbox));
		snprintf(out, LINE, "ok %llu %zu %s", (unsigned long long)s.media_size, s.n,
			sandbox);
	}
	scan_release(&s);
	workers_free(w);
	image_files_close(&f);
}

/* Workers that are started and never spoken to. */
static void do_run(const char *args, char *out)
{
	int n = atoi(args);
	size_t at = 0;

	for (int i = 0; i < n; i++) {
		int ends[2] = {-1, -1};
		pid_t pid = 0;
		int r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);

		if (r == 0)
			r = spawner_run(channel_spawner(self.channel), NULL, ends[1], &pid);
		close(ends[1]); /* the other end stays: the worker waits */
		at += (size_t)snprintf(out + at, LINE - at, "%d ", r < 0 ? r : (int)pid);
	}
}

static void do_reap(const char *args, char *out)
{
	int status = -1;
	int r = spawner_reap(channel_spawner(self.channel), atoi(args), &status);

	snprintf(out, LINE, "%d %d", r, status);
}

static void do_exe(const char *args, char *out)
{
	char exe[4096] = "";
	struct audit_exe_file file = {.inode = 0};
	int pid = 0;
	unsigned long long start = 0;
	int r = 0;

	sscanf(args, "%d %llu", &pid, &start);
	r = channel_exe(self.channel, pid, start, exe, sizeof(exe), &file);
	snprintf(
		out, LINE, "%d %s%s%llu", r, exe, r < 0 ? "" : " ", (unsigned long long)file.inode);
}

/* Something that no service says, in hex. */
static void do_raw(const char *args, char *out)
{
	uint8_t bytes[256];
	size_t n = 0;
	unsigned byte = 0;

	for (; n < sizeof(bytes) && sscanf(args + 2 * n, "%2x", &byte) == 1; n++)
		bytes[n] = (uint8_t)byte;
	if (send(MESSAGE_FD, bytes, n, MSG_NOSIGNAL) < 0)
		snprintf(out, LINE, "error %d", errno);
	else
		snprintf(out, LINE, "sent");
}

static void do_who(char *out)
{
	size_t at = 0;

	at += (size_t)snprintf(out, LINE, "%d %u %lld %zu", (int)getpid(), self.start.restarts,
		(long long)(now_ms() - self.began_ms), self.start.sessions_n);
	for (size_t i = 0; i < self.start.sessions_n; i++) {
		struct channel_session *s = &self.start.sessions[i];
		struct pollfd f = {.fd = s->fuse_fd, .events = POLLOUT};
		char mark[5] = "";
		bool alive = poll(&f, 1, 0) == 1 && !(f.revents & (POLLERR | POLLHUP));

		if (pread(s->table_fd, mark, 4, 0) != 4)
			strcpy(mark, "none");
		at += (size_t)snprintf(out + at, LINE - at, " %u:%s:%s:%s:%d:%d", (unsigned)s->uid,
			s->name, mark, alive ? "alive" : "dead", s->begun, s->init_len >= 104);
	}
}

static void do_command(char *line, char *out)
{
	char *args = strchr(line, ' ');
	struct err e = {0};

	if (args)
		*args++ = '\0';
	else
		args = line + strlen(line);
	if (!strcmp(line, "who"))
		do_who(out);
	else if (!strcmp(line, "image"))
		do_image(args, out);
	else if (!strcmp(line, "scan"))
		do_scan(args, out);
	else if (!strcmp(line, "mount"))
		do_mount(args, out);
	else if (!strcmp(line, "begun"))
		snprintf(out, LINE, "%d", channel_begun(self.channel, (uid_t)atoi(args)));
	else if (!strcmp(line, "unmount"))
		snprintf(out, LINE, "%d %s", channel_unmount(self.channel, (uid_t)atoi(args), &e),
			e.text);
	else if (!strcmp(line, "exe"))
		do_exe(args, out);
	else if (!strcmp(line, "run"))
		do_run(args, out);
	else if (!strcmp(line, "reap"))
		do_reap(args, out);
	else if (!strcmp(line, "raw"))
		do_raw(args, out);
	else
		snprintf(out, LINE, "what?");
}

static void *connection_main(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char *line = calloc(1, LINE);
	char *out = calloc(1, LINE);
	ssize_t n = line ? read(fd, line, LINE - 1) : -1;

	if (n > 0 && out) {
		do_command(line, out);
		n = write(fd, out, strlen(out));
	}
	close(fd);
	free(line);
	free(out);
	return NULL;
}

static void *listen_main(void *arg)
{
	int fd = -1;

	(void)arg;
	while ((fd = accept4(self.start.listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		pthread_t t;

		if (pthread_create(&t, NULL, connection_main, (void *)(intptr_t)fd) == 0)
			pthread_detach(t);
	}
	return NULL;
}

static int stand_in_main(void)
{
	struct service_sandbox_opts o;
	struct err e = {0};
	unsigned landlock = 0;
	pthread_t t;

	self.began_ms = now_ms();
	if (channel_open(MESSAGE_FD, &self.channel, &self.start, &e) < 0)
		return 3;
	o = (struct service_sandbox_opts){.uid = self.start.config.uid,
		.gid = self.start.config.gid,
		.parent = channel_starter(self.channel),
		.state_dir = self.start.config.state_dir};
	if (service_sandbox_enter(&o, &landlock, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		return 4;
	}
	for (size_t i = 0; i < self.start.sessions_n; i++) {
		if (!self.start.sessions[i].begun)
			answer_init(&self.start.sessions[i]);
		serve_session(&self.start.sessions[i]);
	}
	if (pthread_create(&t, NULL, listen_main, NULL) || channel_ready(self.channel) < 0)
		return 5;
	_exit(channel_wait(self.channel) ? 0 : 6);
}

/* ==== the test =========================================================== */

struct place {
	char dir[64];
	char socket[128];
	char mounts[128];
	char image[128];
	struct config config;
	const char *program;
	struct passwd *user; /* somebody else */
	char mountpoint[512];
	int notify; /* systemd's end; -1 */
	int notify_fds[16];
	char notify_names[16][64];
	size_t notify_n;
};

static void set(char **key, const char *value)
{
	free(*key);
	*key = strdup(value);
}

static void prepare(struct place *p, const char *program)
{
	char worker[16];
	char state[128];

	*p = (struct place){.program = program, .notify = -1};
	strcpy(p->dir, "/tmp/t-channel.XXXXXX");
	if (!mkdtemp(p->dir) || chmod(p->dir, 0711) < 0 || config_defaults(&p->config) < 0)
		bail_out("cannot prepare");
	snprintf(state, sizeof(state), "%s/state", p->dir);
	snprintf(p->socket, sizeof(p->socket), "%s/run/control.sock", p->dir);
	snprintf(p->mounts, sizeof(p->mounts), "%s/mounts", p->dir);
	snprintf(p->image, sizeof(p->image), "%s/image.0001", p->dir);
	snprintf(worker, sizeof(worker), "%d", WORKER_UID);
	set(&p->config.state_dir, state);
	set(&p->config.mount_root, p->mounts);
	set(&p->config.socket, p->socket);
	set(&p->config.user, "65436");
	set(&p->config.worker_user, worker);
	if (config_resolve(&p->config, NULL) < 0)
		bail_out("config_resolve");
	p->user = getpwnam("nobody");
	if (p->user)
		snprintf(
			p->mountpoint, sizeof(p->mountpoint), "%s/%s", p->mounts, p->user->pw_name);
}

static void make_segments(const struct place *p)
{
	for (int i = 1; i <= SEGMENTS; i++) {
		char path[256];
		char text[64];
		int n = snprintf(text, sizeof(text), "segment %d\n", i);
		int fd = -1;

		snprintf(path, sizeof(path), "%s/image.%04d", p->dir, i);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0 || write(fd, text, (size_t)n) != n)
			bail_out("cannot write segments");
		close(fd);
	}
}

/* Be the starter. */
__attribute__((noreturn)) static void run_starter(const struct place *p)
{
	static char mode[] = "--stand-in";
	char worker[512];
	char name[] = "t-channel";
	char *argv[] = {name, mode, NULL};
	const char *build = getenv("EVIDENCEFS_BUILD");
	/* the stand-in keeps no log: nobody listens where keys would be */
	const struct starter_opts o = {.config = &p->config,
		.keyd = "/nonexistent",
		.service_argv = argv,
		.worker = worker};
	struct starter *s = NULL;
	struct err e = {0};
	int r = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(worker, sizeof(worker), "%s/evidencefs-worker", build ? build : ".");
	r = starter_open(&o, &s, &e);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* again: it looked through another user's eyes */
	if (r == 0)
		r = starter_run(s, &e);
	if (r < 0)
		fprintf(stderr, "starter: %s\n", e.text);
	starter_close(s);
	_exit(r < 0 ? -r : 0);
}

/* The starter's process: this one's child, killed with it. */
static pid_t begin(const struct place *p)
{
	pid_t pid = fork();

	if (pid == 0)
		run_starter(p);
	return pid;
}

/* Say @line to the service that runs, or the next one that does. Return: its answer. */
__attribute__((format(printf, 2, 3))) static const char *ask(
	const struct place *p, const char *fmt, ...)
{
	static char out[LINE];
	char line[LINE];
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int64_t until = now_ms() + 20000;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	strcpy(a.sun_path, p->socket);
	while (now_ms() < until) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ssize_t n = -1;

		if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
			send(fd, line, strlen(line), MSG_NOSIGNAL) > 0)
			n = recv(fd, out, sizeof(out) - 1, 0);
		close(fd);
		if (n > 0) {
			out[n] = '\0';
			return out;
		}
		poll(NULL, 0, 5); /* the socket, or a service, is not there yet */
	}
	strcpy(out, "no answer");
	return out;
}

static int end(pid_t pid, int sig)
{
	int status = -1;

	kill(pid, sig);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static bool is_mounted(const char *path)
{
	char *text = NULL;
	char want[600];
	bool found = false;

	snprintf(want, sizeof(want), " %s ", path);
	if (file_read("/proc/self/mountinfo", 1 << 20, &text, NULL) == 0)
		found = strstr(text, want) != NULL;
	free(text);
	return found;
}

static bool is_gone(pid_t pid)
{
	int64_t until = now_ms() + 10000;

	while (kill(pid, 0) == 0 && now_ms() < until)
		poll(NULL, 0, 5);
	return kill(pid, 0) < 0 && errno == ESRCH;
}

static int starter_status(const struct place *p)
{
	return end(begin(p), 0);
}

/* ---- what it makes, and who may be beside it ---------------------------- */

static void test_folders(const struct place *p)
{
	static const char *const below[] = {"cases", "log"};
	struct stat st = {0};
	char path[256];

	ok(stat(p->config.state_dir, &st) == 0 && st.st_uid == 0 && st.st_gid == SERVICE_UID &&
			(st.st_mode & 07777) == 01771,
		"the state is root's, 01771, of the service's group");
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", p->config.state_dir, below[i]);
		ok(stat(path, &st) == 0 && st.st_uid == SERVICE_UID && (st.st_mode & 07777) == 0700,
			"%s is the service's, 0700", below[i]);
	}
	ok(stat(p->mounts, &st) == 0 && st.st_uid == 0 && (st.st_mode & 07777) == 0711,
		"the folder of mounts is root's, 0711");
	ok(stat(p->socket, &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0666,
		"the control socket is for everybody");
}

static void test_second_start(const struct place *p)
{
	struct place q = *p;
	char other[256];

	is_int(WEXITSTATUS(starter_status(p)), EBUSY,
		"a second start on a state in use is refused");
	snprintf(other, sizeof(other), "%s/state2", p->dir);
	q.config.state_dir = other;
	is_int(WEXITSTATUS(starter_status(&q)), EBUSY, "so is one on its mounts");
	snprintf(other, sizeof(other), "%s/state3", p->dir);
	q.config.mount_root = strdup(other);
	snprintf(other, sizeof(other), "%s/state2", p->dir);
	is_int(WEXITSTATUS(starter_status(&q)), EBUSY, "and one on its socket");
	free(q.config.mount_root);
	ok(strncmp(ask(p, "who"), "no answer", 9) != 0, "the first goes on");
}

/* ---- images ------------------------------------------------------------- */

static void test_images(const struct place *p)
{
	char want[512];
	size_t bytes = 0;

	for (int i = 1; i <= SEGMENTS; i++)
		bytes += (size_t)snprintf(NULL, 0, "segment %d\n", i);
	snprintf(want, sizeof(want), "ok 1 %d %zu %d %s", SEGMENTS, bytes, SEGMENTS, p->image);
	is_str(ask(p, "image %s", p->image), want,
		"an image of many segments, 0600 root's, is opened");
	ok(strstr(ask(p, "image %s/none.001", p->dir), "no such file") != NULL,
		"one that is not there");
	ok(strncmp(ask(p, "image image.0001"), "error 22", 8) == 0, "a relative path is refused");
	ok(strstr(ask(p, "image /proc/1/mem"), "the kernel's own making") != NULL ||
			strncmp(ask(p, "image /proc/1/mem"), "error", 5) == 0,
		"memory of a process is no image");
	ok(strncmp(ask(p, "image /proc/kallsyms"), "error", 5) == 0, "nor what /proc makes up");
	ok(strncmp(ask(p, "image /tmp"), "error 21", 8) == 0, "nor a folder");
}

/* ---- a medium that does not answer -------------------------------------- */

/* A file system that answers nobody, as one on a network that is gone. */
static int hang(const char *at)
{
	char data[128];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	snprintf(data, sizeof(data), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	mkdir(at, 0700);
	if (fd < 0 || mount("t-channel", at, "fuse.t-channel", MS_NODEV | MS_NOSUID, data) < 0)
		bail_out("cannot mount");
	return fd;
}

static void test_slow(const struct place *p)
{
	char at[256];
	char bytes[8192];
	pid_t slow = 0;
	int status = 0;
	int fd = -1;

	snprintf(at, sizeof(at), "%s/hang", p->dir);
	fd = hang(at);
	ok(read(fd, bytes, sizeof(bytes)) > 40, "a medium that does not answer");
	slow = fork();
	if (slow == 0) {
		close(fd);
		_exit(strncmp(ask(p, "image %s/x", at), "error", 5) == 0 ? 7 : 1);
	}
	ok(strncmp(ask(p, "image %s", p->image), "ok", 2) == 0, "others are opened meanwhile");
	is_str(ask(p, "exe 0 0"), "-3 0", "and what is quick is answered");
	is_int(waitpid(slow, &status, WNOHANG), 0, "it is still waited for");
	umount2(at, MNT_DETACH);
	close(fd);
	while (waitpid(slow, &status, 0) < 0 && errno == EINTR)
		;
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 7, "until the medium is gone");
}

/* ---- mounts ------------------------------------------------------------- */

/* As the session's user: Return: errno of stat(), 0. */
static int stat_as(const struct passwd *u, const char *path)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		struct stat st;

		alarm(20);
		if (setresgid(u->pw_gid, u->pw_gid, u->pw_gid) < 0 ||
			setresuid(u->pw_uid, u->pw_uid, u->pw_uid) < 0)
			_exit(255);
		_exit(stat(path, &st) < 0 ? errno : S_ISDIR(st.st_mode) ? 0 : 254);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 253;
}

static void test_mount(const struct place *p)
{
	const struct passwd *u = p->user;
	char want[600];
	struct stat st;

	ok(strncmp(ask(p, "mount 0 0 root"), "error 1 ", 8) == 0, "root gets no session");
	ok(strncmp(ask(p, "mount %d %d x", SERVICE_UID, SERVICE_UID), "error 1 ", 8) == 0,
		"nor does the service");
	ok(strncmp(ask(p, "mount 4000000001 0 x"), "error 2 ", 8) == 0,
		"nor a number without a name");
	ok(strncmp(ask(p, "mount %u %u ../x", u->pw_uid, u->pw_gid), "error 1 ", 8) == 0,
		"nobody under another name");
	ok(strncmp(ask(p, "mount %u 0 %s", u->pw_uid, u->pw_name), "error 1 ", 8) == 0,
		"nor under another group");
	snprintf(want, sizeof(want), "ok %s 0", p->mountpoint);
	is_str(ask(p, "mount %u %u %s", u->pw_uid, u->pw_gid, u->pw_name), want, "a user does");
	ok(is_mounted(p->mountpoint), "it is mounted");
	is_int(stat_as(u, p->mountpoint), 0, "the user enters it");
	ok(stat(p->mountpoint, &st) < 0 && errno == EACCES, "root does not");
	ok(strncmp(ask(p, "mount %u %u %s", u->pw_uid, u->pw_gid, u->pw_name), "error 16", 8) == 0,
		"no second one for the same user");
	is_str(ask(p, "begun %u", u->pw_uid), "0", "its INIT was answered");
	is_str(ask(p, "begun 12345"), "-2", "one of nobody was not");
}

static void test_unmount(const struct place *p)
{
	const struct passwd *u = p->user;
	struct stat st;

	is_str(ask(p, "unmount %u", u->pw_uid), "0 ", "it is unmounted");
	ok(!is_mounted(p->mountpoint), "it is gone");
	ok(lstat(p->mountpoint, &st) < 0, "with its mount point");
	ok(strncmp(ask(p, "unmount %u", u->pw_uid), "-2 ", 3) == 0,
		"there is nothing more to unmount");
	mkdir(p->mountpoint, 0700);
	if (mount("t-channel", p->mountpoint, "tmpfs", 0, "size=4k") < 0)
		skip("no tmpfs here");
	else
		ok(strncmp(ask(p, "mount %u %u %s", u->pw_uid, u->pw_gid, u->pw_name), "error 16",
			   8) == 0,
			"where something else is mounted, nothing is");
	umount(p->mountpoint);
	ok(strncmp(ask(p, "mount %u %u %s", u->pw_uid, u->pw_gid, u->pw_name), "ok", 2) == 0,
		"mounted again");
}

/* ---- processes ---------------------------------------------------------- */

static unsigned long long start_time(pid_t pid)
{
	char path[64];
	char *text = NULL;
	char *at = NULL;
	unsigned long long start = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (file_read(path, 4096, &text, NULL) < 0)
		return 0;
	at = strrchr(text, ')');
	for (int i = 2; at && i < 22; i++)
		at = strchr(at + 1, ' ');
	if (at)
		start = strtoull(at + 1, NULL, 10);
	free(text);
	return start;
}

static void test_exe(const struct place *p)
{
	unsigned long long start = start_time(getpid());
	char want[600];
	struct stat st;

	if (stat("/proc/self/exe", &st) < 0)
		bail_out("/proc/self/exe");
	snprintf(want, sizeof(want), "%zu %s %llu", strlen(p->program), p->program,
		(unsigned long long)st.st_ino);
	is_str(ask(p, "exe %d %llu", (int)getpid(), start), want,
		"the program that a process runs");
	is_str(ask(p, "exe %d %llu", (int)getpid(), start + 1), "-3 0", "not that of another time");
	is_str(ask(p, "exe 0 0"), "-3 0", "nor of no process");
}

/* Once the worker's program runs. */
static unsigned uid_of(pid_t pid)
{
	int64_t until = now_ms() + 10000;
	unsigned uid = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	while (uid == 0 && now_ms() < until) {
		char *text = NULL;
		char *at = NULL;

		if (file_read(path, 8192, &text, NULL) == 0)
			at = strstr(text, "\nUid:\t");
		if (at)
			uid = (unsigned)strtoul(at + 6, NULL, 10);
		free(text);
		poll(NULL, 0, 5);
	}
	return uid;
}

static void test_workers(const struct place *p)
{
	char answer[LINE];
	char want[64];
	int a = 0;
	int b = 0;
	int r = 0;
	int status = 0;

	snprintf(answer, sizeof(answer), "%s", ask(p, "scan %s", p->image));
	ok(strncmp(answer, "ok ", 3) == 0, "a worker scans an image");
	snprintf(want, sizeof(want), "uid %d", WORKER_UID);
	ok(strstr(answer, want) != NULL, "as the workers' user");
	diag("%s", answer);
	ok(sscanf(ask(p, "run 2"), "%d %d", &a, &b) == 2 && a > 0 && b > 0, "two workers run");
	is_int(uid_of(a), WORKER_UID, "under the workers' uid");
	ok(sscanf(ask(p, "reap %d", a), "%d %d", &r, &status) == 2 && r == 0 &&
			WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		"one is killed and reaped");
	ok(is_gone(a), "it is gone");
	is_str(ask(p, "reap %d", a), "-10 -1", "not twice");
	is_str(ask(p, "reap %d", (int)getpid()), "-10 -1", "nobody else is");
	kill(b, SIGTERM);
	ok(sscanf(ask(p, "reap %d", b), "%d %d", &r, &status) == 2 && r == 0 &&
			WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM,
		"how it ended is told");
}

/* ---- the service dies --------------------------------------------------- */

struct who {
	int pid;
	unsigned restarts;
	long long age_ms;
	size_t sessions;
	char rest[512];
};

static struct who who(const struct place *p)
{
	struct who w = {.pid = 0};

	sscanf(ask(p, "who"), "%d %u %lld %zu %511[^\n]", &w.pid, &w.restarts, &w.age_ms,
		&w.sessions, w.rest);
	return w;
}

/* Old enough for the next to be started at once. */
static struct who grown(const struct place *p)
{
	struct who w = who(p);

	while (w.pid > 0 && w.age_ms < 120) {
		poll(NULL, 0, 10);
		w = who(p);
	}
	return w;
}

static void test_kills(const struct place *p)
{
	struct who before = grown(p);
	unsigned first = before.restarts;
	int worker = atoi(ask(p, "run 1"));
	char want[512];
	unsigned good = 0;

	ask(p, "begun %u", p->user->pw_uid);
	snprintf(want, sizeof(want), "%u:%s:mark:alive:1:1", (unsigned)p->user->pw_uid,
		p->user->pw_name);
	for (int i = 0; i < KILLS; i++) {
		struct who w;

		kill(before.pid, SIGKILL);
		w = grown(p);
		good += w.pid > 0 && w.pid != before.pid && w.sessions == 1 &&
			!strcmp(w.rest, want);
		before = w;
	}
	is_int(good, KILLS, "killed 50 times: the next has the session and its descriptors");
	is_int(before.restarts - first, KILLS, "and no other was between");
	ok(is_gone(worker), "its workers died with it");
	is_int(stat_as(p->user, p->mountpoint), 0, "the user enters the mount as ever");
}

static void test_nonsense(const struct place *p)
{
	static const char *const said[] = {"01", "6300010000000000", "010000000000016100",
		"0300010000", "03000100000001", "06000100000000", "0700010000000100000000"};
	unsigned ended = 0;
	size_t n = sizeof(said) / sizeof(said[0]);

	for (size_t i = 0; i < n; i++) {
		struct who w = grown(p);

		ask(p, "raw %s", said[i]);
		ended += is_gone(w.pid);
	}
	is_int(ended, n, "a service that asks for nonsense is ended");
	ok(who(p).sessions == 1, "and another goes on");
}

/* ---- ends --------------------------------------------------------------- */

static void test_sigterm(const struct place *p, pid_t starter)
{
	struct who w = who(p);
	int worker = atoi(ask(p, "run 1"));
	struct stat st;

	is_int(end(starter, SIGTERM), 0, "SIGTERM: the starter exits 0");
	ok(!is_mounted(p->mountpoint), "nothing is mounted");
	ok(is_gone(w.pid), "the service is gone");
	ok(is_gone(worker), "its worker is");
	ok(lstat(p->socket, &st) < 0 && errno == ENOENT, "the socket is");
}

static void test_sigkill(const struct place *p)
{
	const struct passwd *u = p->user;
	pid_t starter = begin(p);
	struct who w = who(p);
	int worker = atoi(ask(p, "run 1"));

	ask(p, "mount %u %u %s", u->pw_uid, u->pw_gid, u->pw_name);
	end(starter, SIGKILL);
	ok(is_gone(w.pid) && is_gone(worker), "killed, the starter takes all others with it");
	ok(is_mounted(p->mountpoint), "a stale mount is left");
	starter = begin(p);
	w = who(p);
	ok(w.pid > 0 && w.sessions == 0 && !is_mounted(p->mountpoint),
		"the next takes it and the stale socket away");
	ok(strncmp(ask(p, "mount %u %u %s", u->pw_uid, u->pw_gid, u->pw_name), "ok", 2) == 0,
		"and mounts there");
	is_int(end(starter, SIGINT), 0, "SIGINT ends it too");
	ok(!is_mounted(p->mountpoint), "without a mount");
}

/* ---- systemd ------------------------------------------------------------ */

static void listen_as_systemd(struct place *p)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/notify", p->dir);
	p->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(p->notify, (struct sockaddr *)&a, sizeof(a)) < 0)
		bail_out("bind");
	setenv("NOTIFY_SOCKET", a.sun_path, 1);
}

/* Take what is told until @line comes. Return: whether it came. */
static bool is_told(struct place *p, const char *line)
{
	struct pollfd f = {.fd = p->notify, .events = POLLIN};

	while (poll(&f, 1, 10000) == 1) {
		char text[512] = "";
		union {
			char bytes[CMSG_SPACE(sizeof(int))];
			struct cmsghdr align;
		} control;
		struct iovec v = {.iov_base = text, .iov_len = sizeof(text) - 1};
		struct msghdr m = {.msg_iov = &v,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control)};
		struct cmsghdr *c = NULL;

		if (recvmsg(p->notify, &m, MSG_CMSG_CLOEXEC) < 0)
			return false;
		c = CMSG_FIRSTHDR(&m);
		if (c && strncmp(text, "FDSTORE=1\nFDNAME=", 17) == 0 && p->notify_n < 16) {
			memcpy(&p->notify_fds[p->notify_n], CMSG_DATA(c), sizeof(int));
			strcpy(p->notify_names[p->notify_n++], text + 17);
		}
		if (strcmp(text, line) == 0)
			return true;
	}
	return false;
}

/* Start it as systemd does: with what was stored at descriptors 3, 4, ... */
static pid_t begin_again(struct place *p)
{
	pid_t pid = fork();

	if (pid == 0) {
		char text[64];
		char names[1024] = "";
		int high[16];

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (size_t i = 0; i < p->notify_n; i++) {
			high[i] = fcntl(p->notify_fds[i], F_DUPFD, 100);
			strcat(strcat(names, i ? ":" : ""), p->notify_names[i]);
		}
		for (size_t i = 0; i < p->notify_n; i++)
			dup2(high[i], 3 + (int)i);
		close_range(3 + (unsigned)p->notify_n, ~0u, 0);
		snprintf(text, sizeof(text), "%zu", p->notify_n);
		setenv("LISTEN_FDS", text, 1);
		setenv("LISTEN_FDNAMES", names, 1);
		snprintf(text, sizeof(text), "%d", (int)getpid());
		setenv("LISTEN_PID", text, 1);
		run_starter(p); /* begin() would fork again */
	}
	return pid;
}

static void test_systemd(struct place *p)
{
	const struct passwd *u = p->user;
	pid_t starter = 0;
	char want[512];
	struct who w;

	listen_as_systemd(p);
	starter = begin(p);
	ok(is_told(p, "READY=1"), "systemd is told when the service is ready");
	ask(p, "mount %u %u %s", u->pw_uid, u->pw_gid, u->pw_name);
	ask(p, "begun %u", u->pw_uid);
	snprintf(want, sizeof(want), "FDSTORE=1\nFDNAME=%u-meta", (unsigned)u->pw_uid);
	ok(is_told(p, want) && p->notify_n == 3, "and given the session's descriptors");
	end(starter, SIGKILL);
	starter = begin_again(p);
	for (size_t i = 0; i < p->notify_n; i++)
		close(p->notify_fds[i]);
	w = who(p);
	snprintf(want, sizeof(want), "%u:%s:mark:alive:1:1", (unsigned)u->pw_uid, u->pw_name);
	is_str(w.rest, want, "a starter that comes back has the session, begun");
	is_int(stat_as(u, p->mountpoint), 0, "the user enters the mount as before");
	is_int(end(starter, SIGTERM), 0, "SIGTERM ends it");
	snprintf(want, sizeof(want), "FDSTOREREMOVE=1\nFDNAME=%u-meta", (unsigned)u->pw_uid);
	ok(is_told(p, want), "and systemd is told to forget");
	unsetenv("NOTIFY_SOCKET");
	close(p->notify);
}

int main(int argc, char **argv)
{
	char program[4096];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	struct place p;
	pid_t starter = 0;

	if (argc == 2 && !strcmp(argv[1], "--stand-in"))
		return stand_in_main();
	if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) < 0)
		return skip_all("needs root and /dev/fuse");
	program[n < 0 ? 0 : n] = '\0';
	alarm(240);
	prepare(&p, program);
	if (!p.user)
		return skip_all("there is no user nobody");
	make_segments(&p);
	starter = begin(&p);
	ok(who(&p).pid > 0, "a service runs");
	test_folders(&p);
	test_second_start(&p);
	test_images(&p);
	test_slow(&p);
	test_mount(&p);
	test_unmount(&p);
	test_exe(&p);
	test_workers(&p);
	test_kills(&p);
	test_nonsense(&p);
	test_sigterm(&p, starter);
	test_sigkill(&p);
	test_systemd(&p);
	config_release(&p.config);
	file_remove_tree(p.dir, NULL);
	return done_testing();
}
