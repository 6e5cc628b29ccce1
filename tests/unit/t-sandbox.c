/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-sandbox.c - each thing a worker must not do is tried inside the sandbox
 *
 * One child per attempt: it enters the sandbox, tries, and must be killed with
 * SIGSYS or be given an error. As root (if the test is) and as another user.
 */
#include "worker/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#define DONE    42 /* exit status: the attempt was not stopped */
#define REFUSED 7  /* it gave an error */
#define BROKEN  9  /* the sandbox could not be entered */
#define NOBODY  65534

struct place {
	int socket; /* may be written to */
	int peer;   /* another socket, connected */
	int image;  /* open for reading and writing: worse than in earnest */
	int memory; /* a memfd */
};

struct attempt {
	const char *name;
	long (*run)(const struct place *p);
	bool sanitizer; /* a sanitizer needs the call: allowed then */
};

static long try_open(const struct place *p)
{
	(void)p;
	return syscall(SYS_open, "/etc/passwd", O_RDONLY);
}

static long try_openat(const struct place *p)
{
	(void)p;
	return syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
}

static long try_socket(const struct place *p)
{
	(void)p;
	return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static long try_connect(const struct place *p)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(22)};

	return syscall(SYS_connect, p->peer, &a, sizeof(a));
}

static long try_sendmsg(const struct place *p)
{
	char byte = 0;
	struct iovec v = {.iov_base = &byte, .iov_len = 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

	return syscall(SYS_sendmsg, p->socket, &m, 0);
}

static long try_fork(const struct place *p)
{
	long r = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	(void)p;
	if (r == 0)
		_exit(0);
	return r;
}

static long try_exec(const struct place *p)
{
	char name[] = "/bin/true";
	char *argv[] = {name, NULL};
	char *env[] = {NULL};

	(void)p;
	return syscall(SYS_execve, name, argv, env);
}

static long try_ptrace(const struct place *p)
{
	(void)p;
	return syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
}

static long try_kill(const struct place *p)
{
	(void)p;
	return syscall(SYS_kill, syscall(SYS_getppid), 0);
}

static long try_mmap_exec(const struct place *p)
{
	(void)p;
	return syscall(
		SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long try_mprotect_exec(const struct place *p)
{
	static char page[8192];
	uintptr_t at = ((uintptr_t)page + 4095) & ~(uintptr_t)4095;

	(void)p;
	return syscall(SYS_mprotect, at, 4096, PROT_READ | PROT_EXEC);
}

static long try_write_image(const struct place *p)
{
	return syscall(SYS_write, p->image, "x", 1);
}

static long try_pwrite_image(const struct place *p)
{
	return syscall(SYS_pwrite64, p->image, "x", 1, 0);
}

static long try_truncate(const struct place *p)
{
	return syscall(SYS_ftruncate, p->memory, 0);
}

static long try_unlink(const struct place *p)
{
	(void)p;
	return syscall(SYS_unlink, "/tmp/evidencefs-no-such-file");
}

static long try_setuid(const struct place *p)
{
	(void)p;
	return syscall(SYS_setuid, 0);
}

static long try_prctl(const struct place *p)
{
	(void)p;
	return syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static long try_read_memory(const struct place *p)
{
	char byte = 0;
	struct iovec v = {.iov_base = &byte, .iov_len = 1};

	(void)p;
	return syscall(SYS_process_vm_readv, 1, &v, 1, &v, 1, 0);
}

static long try_io_uring(const struct place *p)
{
	char params[256] = {0};

	(void)p;
	return syscall(SYS_io_uring_setup, 1, params);
}

static long try_bpf(const struct place *p)
{
	(void)p;
	return syscall(SYS_bpf, 0, 0, 0);
}

static long try_chmod(const struct place *p)
{
	return syscall(SYS_fchmod, p->image, 0777);
}

static long try_dup_beyond(const struct place *p)
{
	return syscall(SYS_dup, p->image);
}

#if defined(__x86_64__)
/* The 32-bit table: getpid there is 20. */
static long try_other_abi(const struct place *p)
{
	long r = 20;

	(void)p;
	__asm__ volatile("int $0x80" : "+a"(r) : : "memory");
	return r;
}
#endif

static const struct attempt attempts[] = {
	{"open", try_open, false},
	{"openat of /etc/passwd", try_openat, false},
	{"socket", try_socket, false},
	{"connect", try_connect, false},
	{"sendmsg on its own socket", try_sendmsg, false},
	{"fork", try_fork, false},
	{"execve", try_exec, false},
	{"ptrace", try_ptrace, false},
	{"kill its parent", try_kill, false},
	{"mmap executable", try_mmap_exec, false},
	{"mprotect executable", try_mprotect_exec, true},
	{"write to the image", try_write_image, false},
	{"pwrite to the image", try_pwrite_image, false},
	{"ftruncate shared memory", try_truncate, false},
	{"unlink", try_unlink, false},
	{"setuid 0", try_setuid, false},
	{"prctl", try_prctl, false},
	{"read another's memory", try_read_memory, false},
	{"io_uring_setup", try_io_uring, false},
	{"bpf", try_bpf, false},
	{"fchmod the image", try_chmod, false},
	{"dup", try_dup_beyond, false},
#if defined(__x86_64__)
	{"a call by the 32-bit table", try_other_abi, false},
#endif
};

static bool enter(const struct place *p, bool as_user, struct sandbox_state *state)
{
	struct sandbox_opts o = {.uid = as_user ? 0 : SANDBOX_UID,
		.parent = getppid(),
		.memory_bytes = SANDBOX_MEMORY,
		.socket = p->socket};
	struct err e = {0};

	if (as_user && geteuid() == 0 &&
		(setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0))
		return false;
	return sandbox_enter(&o, state, &e) == 0;
}

static int wait_status(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void one(const struct place *p, const struct attempt *a, bool as_user, const char *who)
{
	pid_t pid = fork();
	int s = 0;

	if (pid == 0) {
		struct sandbox_state state = {0};

		if (!enter(p, as_user, &state))
			_exit(BROKEN);
		if (a->sanitizer && (state.applied & SANDBOX_RELAXED))
			_exit(REFUSED);
		_exit(a->run(p) < 0 ? REFUSED : DONE);
	}
	s = wait_status(pid);
	ok((WIFSIGNALED(s) && WTERMSIG(s) == SIGSYS) || (WIFEXITED(s) && WEXITSTATUS(s) == REFUSED),
		"%s: %s is stopped", who, a->name);
	if (WIFEXITED(s) && WEXITSTATUS(s) != REFUSED)
		diag("exit status %d", WEXITSTATUS(s));
}

/* What a worker needs goes on working. */
static int needed(const struct place *p)
{
	struct sandbox_state state = {0};
	struct timespec t;
	char bytes[16];
	char *big = NULL;

	if (!enter(p, false, &state))
		return BROKEN;
	big = malloc(100u << 20);
	if (!big)
		return 1;
	memset(big, 1, 100u << 20);
	free(big);
	if (!(state.applied & SANDBOX_RELAXED)) {
		void *volatile huge = malloc(SANDBOX_MEMORY);

		if (huge)
			return 2;
	}
	if (pread(p->image, bytes, sizeof(bytes), 0) < 1 || clock_gettime(CLOCK_MONOTONIC, &t) < 0)
		return 3;
	fputs("a library complains\n", stderr);
	if (write(p->socket, &state, sizeof(state)) != (ssize_t)sizeof(state))
		return 4;
	return read(p->socket, bytes, 1) == 0 ? 0 : 5; /* until the other end closes */
}

static bool status_has(pid_t pid, const char *line)
{
	char path[64];
	char text[4096];
	size_t n = 0;
	FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return strstr(text, line) != NULL;
}

static void lives(const struct place *shared)
{
	struct place p = *shared;
	struct sandbox_state state = {0};
	int ends[2] = {-1, -1};
	pid_t pid = 0;
	int s = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		bail_out("socketpair");
	p.socket = ends[1];
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		/* under a sanitizer it is not taken away, and may be a file: nothing may grow */
		if (SANDBOX_SANITIZER && dup2(open("/dev/null", O_WRONLY), STDERR_FILENO) < 0)
			_exit(6);
		_exit(needed(&p));
	}
	close(ends[1]);
	is_int(read(ends[0], &state, sizeof(state)), sizeof(state), "a worker can speak");
	ok(state.applied & SANDBOX_SECCOMP, "it says seccomp");
	ok(status_has(pid, "\nSeccomp:\t2\n"), "and the kernel says so");
	ok(status_has(pid, "\nNoNewPrivs:\t1\n"), "no new privileges");
	ok(status_has(pid, "\nCapEff:\t0000000000000000\n") || geteuid() != 0, "no capabilities");
	if (geteuid() == 0) {
		ok(state.applied & SANDBOX_USER, "it changed user");
		ok(status_has(pid, "\nUid:\t65430\t65430\t65430\t65430\n"), "uid 65430");
		ok(status_has(pid, "\nGid:\t65430\t65430\t65430\t65430\n"), "gid 65430");
		ok(status_has(pid, "\nGroups:\t \n") || status_has(pid, "\nGroups:\t\n"),
			"no groups");
	}
	diag("landlock ABI %u", state.landlock_abi);
	close(ends[0]);
	s = wait_status(pid);
	ok(WIFEXITED(s) && WEXITSTATUS(s) == 0, "it can compute, read, allocate within limits");
	if (!WIFEXITED(s) || WEXITSTATUS(s))
		diag("status %x", (unsigned)s);
}

/* A worker that never looks at its socket dies with whoever started it. */
static void dies_with_parent(const struct place *shared)
{
	int ends[2] = {-1, -1};
	char byte = 0;
	pid_t pid = 0;

	if (pipe(ends) < 0)
		bail_out("pipe");
	pid = fork();
	if (pid == 0) {
		struct place p = *shared;
		pid_t inner = fork();

		p.socket = ends[1];
		if (inner == 0) {
			struct sandbox_state state = {0};

			if (!enter(&p, false, &state) || write(ends[1], "x", 1) != 1)
				_exit(BROKEN);
			for (;;)
				__asm__ volatile("" ::: "memory");
		}
		close(ends[1]);
		if (read(ends[0], &byte, 1) != 1)
			_exit(1);
		_exit(0);
	}
	close(ends[1]);
	ok(wait_status(pid) == 0, "a parent starts a worker and ends");
	is_int(read(ends[0], &byte, 1), 0, "the worker, in an endless loop, is killed");
	close(ends[0]);
}

static void wrong_parent(const struct place *p)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct sandbox_opts o = {
			.parent = 1, .memory_bytes = SANDBOX_MEMORY, .socket = p->socket};
		struct sandbox_state state = {0};

		_exit(sandbox_enter(&o, &state, NULL) == -ESRCH ? 0 : 1);
	}
	ok(wait_status(pid) == 0, "a worker whose parent is gone does not begin");
}

/* A kernel without landlock, as far as this process can tell: its calls are not there. */
static bool hide_landlock(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = {.len = sizeof(f) / sizeof(f[0]), .filter = f};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) == 0;
}

static void without_landlock(const struct place *p)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct sandbox_state state = {0};

		if (!hide_landlock() || !enter(p, true, &state))
			_exit(BROKEN);
		_exit((state.applied & SANDBOX_LANDLOCK) || state.landlock_abi ? 1 : 0);
	}
	ok(wait_status(pid) == 0, "a kernel without landlock: it goes on and says so");
}

int main(void)
{
	char path[] = "/tmp/t-sandbox.XXXXXX";
	int ends[2] = {-1, -1};
	struct place p = {.socket = -1};

	alarm(120);
	p.image = mkstemp(path);
	unlink(path);
	p.memory = memfd_create("t-sandbox", MFD_CLOEXEC);
	if (p.image < 0 || p.memory < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 ||
		write(p.image, "image", 5) != 5)
		bail_out("cannot prepare");
	p.socket = ends[0];
	p.peer = ends[1];
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		if (geteuid() == 0)
			one(&p, &attempts[i], false, "started as root");
		one(&p, &attempts[i], true, "as a user");
	}
	lives(&p);
	dies_with_parent(&p);
	wrong_parent(&p);
	without_landlock(&p);
	return done_testing();
}
