/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox.c - what a worker puts itself under; see sandbox.h. */
#include "worker/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RELAXED SANDBOX_SANITIZER

/* The ruleset of landlock ABI 6 and its rights, which older headers lack. */
struct ruleset {
	uint64_t fs;
	uint64_t net;    /* from ABI 4 */
	uint64_t scoped; /* from ABI 6 */
};

#define FS_ABI_1   ((1ull << 13) - 1) /* EXECUTE to MAKE_SYM */
#define FS_ABI_2   (1ull << 13)       /* REFER */
#define FS_ABI_3   (1ull << 14)       /* TRUNCATE */
#define FS_ABI_5   (1ull << 15)       /* IOCTL_DEV */
#define NET_ABI_4  3ull               /* BIND_TCP, CONNECT_TCP */
#define SCOPE_ABI6 3ull               /* ABSTRACT_UNIX_SOCKET, SIGNAL */

static int drop_capabilities(struct err *e)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};

	if (syscall(SYS_capset, &head, none) < 0)
		return err_errno(e, errno, "worker: cannot drop capabilities");
	return 0;
}

/* Become @uid if root. A user namespace may not map it: then only capabilities go. */
static int drop_user(uid_t uid, struct sandbox_state *state, struct err *e)
{
	if (geteuid() != 0 || uid == 0)
		return 0;
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return err_errno(e, errno, "worker: cannot drop its groups");
	if (setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0)
		state->applied |= SANDBOX_USER;
	else if (errno != EINVAL && errno != EPERM)
		return err_errno(e, errno, "worker: cannot become uid %u", (unsigned)uid);
	return drop_capabilities(e);
}

static int set_limit(int what, rlim_t value)
{
	struct rlimit l = {.rlim_cur = value, .rlim_max = value};

	return setrlimit((__rlimit_resource_t)what, &l);
}

static int limit(const struct sandbox_opts *o, struct err *e)
{
	/* NOFILE 0 leaves what is open and allows no more. */
	if ((!RELAXED && set_limit(RLIMIT_AS, o->memory_bytes) < 0) ||
		set_limit(RLIMIT_NOFILE, 0) < 0 || set_limit(RLIMIT_NPROC, 0) < 0 ||
		set_limit(RLIMIT_CORE, 0) < 0 || set_limit(RLIMIT_FSIZE, 0) < 0)
		return err_errno(e, errno, "worker: cannot set its limits");
	return 0;
}

/* Handle every right the kernel knows, allow none. Without landlock: go on. */
static void forbid_paths(struct sandbox_state *state)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset r = {.fs = FS_ABI_1};
	size_t size = abi >= 6 ? sizeof(r) : abi >= 4 ? 16 : 8;
	int fd = -1;

	if (abi < 1)
		return;
	r.fs |= (abi >= 2 ? FS_ABI_2 : 0) | (abi >= 3 ? FS_ABI_3 : 0) | (abi >= 5 ? FS_ABI_5 : 0);
	r.net = abi >= 4 ? NET_ABI_4 : 0;
	r.scoped = abi >= 6 ? SCOPE_ABI6 : 0;
	fd = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
	if (fd < 0)
		return;
	if (syscall(SYS_landlock_restrict_self, fd, 0) == 0) {
		state->applied |= SANDBOX_LANDLOCK;
		state->landlock_abi = (uint32_t)abi;
	}
	close(fd);
}

static int allow(scmp_filter_ctx f, const int *calls, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
	return r;
}

/* What parsing needs, and no more: see docs/PROTOCOL.worker.md. */
static int allow_parsing(scmp_filter_ctx f, int socket)
{
	static const int calls[] = {SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(munmap),
		SCMP_SYS(mremap), SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(futex),
		SCMP_SYS(sysinfo), SCMP_SYS(clock_gettime), SCMP_SYS(getrandom),
		SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(exit),
		SCMP_SYS(exit_group)};
	int r = allow(f, calls, sizeof(calls) / sizeof(calls[0]));

	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* A library that prints a warning is told no, it need not die of it. */
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)socket, 0));
	if (r == 0 && !RELAXED)
		r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EBADF), SCMP_SYS(write), 1,
			SCMP_A0(SCMP_CMP_NE, (scmp_datum_t)socket, 0));
	/* Nor need one that looks for a character set which nobody has heard of. */
	if (r == 0 && !RELAXED)
		r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 0);
	return r;
}

/* What a sanitizer needs to map its shadow and to print its report. */
static int allow_sanitizer(scmp_filter_ctx f)
{
	static const int calls[] = {SCMP_SYS(mprotect), SCMP_SYS(sigaltstack),
		SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(gettid),
		SCMP_SYS(getpid), SCMP_SYS(tgkill), SCMP_SYS(sched_yield), SCMP_SYS(openat),
		SCMP_SYS(readlink), SCMP_SYS(newfstatat), SCMP_SYS(close), SCMP_SYS(lseek),
		SCMP_SYS(getrlimit), SCMP_SYS(prlimit64)};
	int r = allow(f, calls, sizeof(calls) / sizeof(calls[0]));

	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
			SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO, 0));
	return r;
}

static int filter_calls(int socket, struct err *e)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = 0;

	if (!f)
		return err_set(e, ENOMEM, "worker: no memory for the system call filter");
	r = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = allow_parsing(f, socket);
	if (r == 0 && RELAXED)
		r = allow_sanitizer(f);
	if (r == 0)
		r = seccomp_load(f);
	seccomp_release(f);
	if (r < 0)
		return err_errno(e, -r, "worker: cannot load the system call filter");
	return 0;
}

int sandbox_enter(const struct sandbox_opts *o, struct sandbox_state *state, struct err *e)
{
	struct sandbox_state s = {.applied = RELAXED ? SANDBOX_RELAXED : 0};
	int r = drop_user(o->uid, &s, e);

	if (r < 0)
		return r;
	/* After the change of user, which takes both back. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_errno(e, errno, "worker: cannot tie itself to the service");
	if (o->parent && getppid() != o->parent)
		return err_set(e, ESRCH, "worker: the service that started it is gone");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(e, errno, "worker: cannot give up new privileges");
	s.applied |= SANDBOX_NO_NEW_PRIVS;
	forbid_paths(&s);
	s.uid = geteuid();
	r = limit(o, e);
	if (r < 0)
		return r;
	s.applied |= SANDBOX_LIMITS;
	r = filter_calls(o->socket, e);
	if (r < 0)
		return r;
	s.applied |= SANDBOX_SECCOMP;
	*state = s;
	return 0;
}
