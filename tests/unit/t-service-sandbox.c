/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-service-sandbox.c - what the service must not do, and what it must, is tried inside
 *
 * One child per attempt, as root until it enters the sandbox: an attempt must
 * be refused and leave the process alive; what serving needs must work.
 */
#include "starter/service_sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/db.h"
#include "base/file.h"
#include "tap.h"
#include "worker/sandbox.h"

#define UID     65438
#define DONE    42
#define REFUSED 43
#define BROKEN  44

struct attempt {
	const char *name;
	long (*run)(void);
	bool files; /* landlock's to stop */
	int code;   /* errno it must give; 0: any */
};

static char dir[] = "/tmp/t-service-sandbox.XXXXXX";
static char state[128];
static char outside[128]; /* a file that everybody may read and write */

static long try_exec(void)
{
	char name[] = "/bin/true";
	char *argv[] = {name, NULL};
	char *env[] = {NULL};

	return execve(name, argv, env);
}

static long try_fork(void)
{
	long r = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (r == 0)
		_exit(0);
	return r;
}

static long try_vfork(void)
{
	long r = syscall(SYS_clone, CLONE_VM | SIGCHLD, 0, 0, 0, 0);

	if (r == 0)
		syscall(SYS_exit, 0);
	return r;
}

static long try_clone3(void)
{
	return syscall(SYS_clone3, NULL, 0);
}

static long try_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static long try_mount(void)
{
	return mount("x", state, "tmpfs", 0, NULL);
}

static long try_umount(void)
{
	return umount2(state, 0);
}

static long try_fsopen(void)
{
	return syscall(SYS_fsopen, "tmpfs", 0);
}

static long try_open_tree(void)
{
	return syscall(SYS_open_tree, AT_FDCWD, "/", 0);
}

static long try_unshare(void)
{
	return unshare(CLONE_NEWUSER);
}

static long try_setns(void)
{
	return setns(0, 0);
}

static long try_chroot(void)
{
	return chroot("/");
}

static long try_bpf(void)
{
	return syscall(SYS_bpf, 0, NULL, 0);
}

static long try_io_uring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL);
}

static long try_userfaultfd(void)
{
	return syscall(SYS_userfaultfd, 0);
}

static long try_keyctl(void)
{
	return syscall(SYS_keyctl, 0, 0, 0, 0, 0);
}

static long try_add_key(void)
{
	return syscall(SYS_add_key, "user", "x", "x", 1, -3);
}

static long try_module(void)
{
	return syscall(SYS_finit_module, 0, "", 0);
}

static long try_perf(void)
{
	return syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0);
}

static long try_inet(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long try_inet6(void)
{
	return socket(AF_INET6, SOCK_DGRAM, 0);
}

static long try_packet(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static long try_vsock(void)
{
	return socket(AF_VSOCK, SOCK_STREAM, 0);
}

static long try_netlink_audit(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 9);
}

static long try_setuid(void)
{
	return setresuid(0, 0, 0);
}

static long try_kill(void)
{
	return kill(getppid(), 0);
}

static long try_tgkill(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static long try_read_memory(void)
{
	char byte = 0;
	struct iovec v = {.iov_base = &byte, .iov_len = 1};

	return process_vm_readv(getppid(), &v, 1, &v, 1, 0);
}

static long try_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static long try_pdeathsig(void)
{
	return prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
}

static long try_write_exec(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0) == MAP_FAILED
		       ? -1
		       : 0;
}

static long try_make_exec(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? 0 : mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static long try_clock(void)
{
	struct timespec t = {.tv_sec = 1};

	return clock_settime(CLOCK_REALTIME, &t);
}

static long try_tty(void)
{
	char c = 'x';

	return ioctl(0, TIOCSTI, &c);
}

static long try_mknod(void)
{
	return mknod("x", S_IFIFO | 0600, 0);
}

static long try_limit_of_another(void)
{
	return syscall(SYS_prlimit64, getppid(), 7, NULL, NULL);
}

static long try_handle(void)
{
	return syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, O_RDONLY);
}

static long try_chown(void)
{
	return chown(state, UID, UID);
}

static long try_read_outside(void)
{
	return open(outside, O_RDONLY);
}

static long try_write_outside(void)
{
	return open(outside, O_WRONLY);
}

static long try_make_outside(void)
{
	return open("/tmp/t-service-sandbox.made", O_CREAT | O_WRONLY, 0600);
}

static long try_list_home(void)
{
	return open("/home", O_RDONLY | O_DIRECTORY);
}

static long try_write_etc(void)
{
	return open("/etc/passwd", O_WRONLY);
}

static long try_link_in(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/linked", state);
	return link(outside, path);
}

static long try_fifo_in_state(void)
{
	char path[256];
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(path, sizeof(path), "%s/sock", state);
	strcpy(a.sun_path, path);
	return bind(fd, (struct sockaddr *)&a, sizeof(a));
}

static const struct attempt attempts[] = {
	{"run a program", try_exec, false, EPERM},
	{"fork", try_fork, false, EPERM},
	{"a process that shares memory", try_vfork, false, EPERM},
	{"clone3", try_clone3, false, ENOSYS},
	{"ptrace", try_ptrace, false, EPERM},
	{"mount", try_mount, false, EPERM},
	{"umount", try_umount, false, EPERM},
	{"fsopen", try_fsopen, false, EPERM},
	{"open_tree", try_open_tree, false, EPERM},
	{"a user namespace", try_unshare, false, EPERM},
	{"setns", try_setns, false, EPERM},
	{"chroot", try_chroot, false, EPERM},
	{"bpf", try_bpf, false, EPERM},
	{"io_uring", try_io_uring, false, EPERM},
	{"userfaultfd", try_userfaultfd, false, EPERM},
	{"keyctl", try_keyctl, false, EPERM},
	{"add_key", try_add_key, false, EPERM},
	{"load a module", try_module, false, EPERM},
	{"perf", try_perf, false, EPERM},
	{"an internet socket", try_inet, false, EPERM},
	{"an internet socket, IPv6", try_inet6, false, EPERM},
	{"a packet socket", try_packet, false, EPERM},
	{"a vsock", try_vsock, false, EPERM},
	{"netlink but for routes", try_netlink_audit, false, EPERM},
	{"become root", try_setuid, false, EPERM},
	{"signal the starter", try_kill, false, EPERM},
	{"signal a thread of the starter", try_tgkill, false, EPERM},
	{"read the starter's memory", try_read_memory, false, EPERM},
	{"become dumpable", try_dumpable, false, EPERM},
	{"outlive the starter", try_pdeathsig, false, EPERM},
	{"map writable and executable", try_write_exec, false, EPERM},
	{"make executable", try_make_exec, false, EPERM},
	{"set the clock", try_clock, false, EPERM},
	{"type on a terminal", try_tty, false, EPERM},
	{"make a fifo", try_mknod, false, EPERM},
	{"limits of another", try_limit_of_another, false, EPERM},
	{"open by handle", try_handle, false, EPERM},
	{"chown", try_chown, false, EPERM},
	{"read what everybody may read", try_read_outside, true, EACCES},
	{"write what everybody may write", try_write_outside, true, EACCES},
	{"make a file in /tmp", try_make_outside, true, EACCES},
	{"list /home", try_list_home, true, EACCES},
	{"write /etc/passwd", try_write_etc, false, EACCES},
	{"link a file into the state", try_link_in, true, 0},
	{"make a socket in the state", try_fifo_in_state, true, EACCES},
};

static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 1;
}

static bool enter(void)
{
	const struct service_sandbox_opts o = {
		.uid = UID, .gid = UID, .parent = getppid(), .state_dir = state};
	unsigned landlock = 0;
	struct err e = {0};
	bool there = has_landlock(); /* inside, it cannot be asked */

	if (service_sandbox_enter(&o, &landlock, &e) == 0 && (landlock > 0) == there)
		return true;
	printf("# %s\n", e.text);
	fflush(stdout);
	return false;
}

static int status_of(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void one(const struct attempt *a)
{
	pid_t pid = fork();
	int s = 0;

	if (pid == 0) {
		long r = 0;

		if (!enter())
			_exit(BROKEN);
		errno = 0;
		r = a->run();
		if (r >= 0)
			_exit(DONE);
		_exit(a->code && errno != a->code ? 100 + errno : REFUSED);
	}
	s = status_of(pid);
	if (a->files && !has_landlock())
		skip("this kernel has no landlock");
	else if (!ok(s == REFUSED, "refused: %s", a->name))
		diag("exit status %d", s);
}

/* ---- what it needs ------------------------------------------------------ */

static void *thread_main(void *arg)
{
	*(int *)arg = getpwnam("root") ? 1 : 2;
	return NULL;
}

static int needs_threads(void)
{
	pthread_t t;
	int seen = 0;

	return pthread_create(&t, NULL, thread_main, &seen) || pthread_join(t, NULL) || seen != 1;
}

static int needs_database(void)
{
	char path[256];
	struct db *d = NULL;
	struct err e = {0};
	int r = 0;

	snprintf(path, sizeof(path), "%s/t.db", state);
	r = db_open(path, DB_WRITE, &d, &e);
	if (r == 0)
		r = db_exec(d,
			"CREATE TABLE t (a INTEGER);"
			"INSERT INTO t VALUES (1); CREATE INDEX i ON t (a); VACUUM;",
			&e);
	db_close(d);
	if (r < 0)
		printf("# %s\n", e.text);
	fflush(stdout);
	return r;
}

static int needs_files(void)
{
	char path[256];
	char other[256];
	struct err e = {0};
	char *text = NULL;
	int r = 0;

	snprintf(path, sizeof(path), "%s/a/b", state);
	r = file_make_dirs(path, &e);
	snprintf(other, sizeof(other), "%s/a/b/file", state);
	if (r == 0)
		r = file_write(other, "text", 4, &e);
	snprintf(path, sizeof(path), "%s/a/moved", state);
	if (r == 0)
		r = rename(other, path);
	if (r == 0)
		r = truncate(path, 2);
	if (r == 0)
		r = file_read(path, 10, &text, &e);
	r = r || strcmp(text, "te") != 0;
	free(text);
	snprintf(path, sizeof(path), "%s/a", state);
	return r || file_remove_tree(path, &e);
}

static int needs_proc(void)
{
	char *text = NULL;
	char path[64];
	int r = 0;

	/* of another user's process, as the gate does */
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)getppid());
	r = file_read(path, 4096, &text, NULL);
	free(text);
	if (r)
		return 1;
	r = file_read("/proc/self/stat", 4096, &text, NULL);
	free(text);
	if (r)
		return 2;
	return readlink("/proc/self/exe", path, sizeof(path)) > 0 ? 0 : 3;
}

static int needs_descriptors(void)
{
	sigset_t s;
	int ends[2] = {-1, -1};
	void *p = NULL;
	int fd = memfd_create("t", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, 4096) < 0)
		return 1;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED || munmap(p, 4096) < 0)
		return 2;
	if (eventfd(0, EFD_CLOEXEC) < 0 || timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC) < 0)
		return 3;
	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	if (pthread_sigmask(SIG_BLOCK, &s, NULL) || signalfd(-1, &s, SFD_CLOEXEC) < 0)
		return 4;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 || pipe(ends) < 0)
		return 5;
	if (poll(NULL, 0, 1) < 0 || raise(SIGUSR1) != 0)
		return 6;
	return open("/dev/null", O_RDWR) < 0 || open("/dev/urandom", O_RDONLY) < 0 ? 7 : 0;
}

static bool status_has(const char *line)
{
	char *text = NULL;
	bool has = file_read("/proc/self/status", 8192, &text, NULL) == 0 && strstr(text, line);

	free(text);
	return has;
}

static int is_nobody(void)
{
	if (!status_has("\nUid:\t65438\t65438\t65438\t65438\n") ||
		!status_has("\nGid:\t65438\t65438\t65438\t65438\n"))
		return 1;
	if (!status_has("\nGroups:\t \n") && !status_has("\nGroups:\t\n"))
		return 2;
	if (!status_has("\nCapPrm:\t0000000000000000\n") ||
		!status_has("\nCapEff:\t0000000000000000\n") ||
		!status_has("\nCapBnd:\t0000000000000000\n") ||
		!status_has("\nCapAmb:\t0000000000000000\n"))
		return 3;
	if (!status_has("\nNoNewPrivs:\t1\n") || !status_has("\nSeccomp:\t2\n"))
		return 4;
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 5;
}

static void inside(int (*run)(void), const char *name)
{
	pid_t pid = fork();

	if (pid == 0) {
		int r = enter() ? run() : BROKEN;

		_exit(r < 0 ? 99 : r);
	}
	is_int(status_of(pid), 0, name);
}

static void wrong_parent(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		const struct service_sandbox_opts o = {
			.uid = UID, .gid = UID, .parent = 1, .state_dir = state};
		unsigned landlock = 0;

		_exit(service_sandbox_enter(&o, &landlock, NULL) == -ESRCH ? 0 : 1);
	}
	is_int(status_of(pid), 0, "without its starter it does not begin");
}

static void prepare(void)
{
	int fd = -1;

	if (!mkdtemp(dir) || chmod(dir, 0711) < 0)
		bail_out("mkdtemp");
	snprintf(state, sizeof(state), "%s/state", dir);
	snprintf(outside, sizeof(outside), "%s/outside", dir);
	fd = open(outside, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
	if (fd < 0 || fchmod(fd, 0666) < 0 || fchown(fd, UID, UID) < 0 || mkdir(state, 0700) < 0 ||
		chown(state, UID, UID) < 0)
		bail_out("cannot prepare");
	close(fd);
}

int main(void)
{
	if (geteuid() != 0)
		return skip_all("needs root");
	alarm(120);
	prepare();
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
		one(&attempts[i]);
	inside(is_nobody, "its user, without groups and capabilities");
	inside(needs_threads, "it has threads, and finds users");
	inside(needs_database, "it keeps a database in the state");
	inside(needs_files, "it makes, renames, cuts, removes files there");
	inside(needs_proc, "it sees processes");
	inside(needs_descriptors, "memory, events, timers, signals, sockets");
	wrong_parent();
	file_remove_tree(dir, NULL);
	return done_testing();
}
