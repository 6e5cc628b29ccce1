/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox.c - what the process with the keys puts itself under; see sandbox.h. */
#include "keyd/sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <malloc.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "worker/sandbox.h" /* SANDBOX_SANITIZER */

#define RELAXED    SANDBOX_SANITIZER
#define HEAP_BYTES (1 << 20)

/* Root's memory was locked; from here on it is another's. */
static int drop(uid_t uid, struct err *e)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};

	for (int cap = 0; geteuid() == 0 && cap < 64 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0;
		cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return err_errno(e, errno, "cannot give up capability %d", cap);
	if (geteuid() == 0 && (uid == 0 || syscall(SYS_setgroups, 0, NULL) < 0 ||
				      setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0))
		return err_errno(e, errno, "cannot become uid %u", (unsigned)uid);
	if (getuid() == 0 || geteuid() == 0 || setresuid(0, 0, 0) == 0)
		return err_set(e, EPERM, "must not run as root: it has a user of its own");
	if (syscall(SYS_capset, &head, none) < 0)
		return err_errno(e, errno, "cannot drop capabilities");
	return 0;
}

/* The keys are nowhere but in this memory. */
static int hide_memory(struct err *e)
{
	const struct rlimit none = {0, 0};
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	void *room = NULL;

	/* what it will need is there before: more may not be lockable by who it becomes */
	mallopt(M_TRIM_THRESHOLD, HEAP_BYTES * 2);
	mallopt(M_MMAP_MAX, 0);
	room = malloc(HEAP_BYTES);
	free(room);
	setrlimit(RLIMIT_MEMLOCK, &all); /* where it may not be raised, what there is must do */
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
		return err_errno(e, errno, "cannot forbid core dumps");
	if (!RELAXED && mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		return err_errno(e, errno,
			"cannot lock its memory; it needs LimitMEMLOCK=infinity, or is started by "
			"evidencefsd");
	return 0;
}

static const int calls[] = {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(pread64), SCMP_SYS(pwrite64),
	SCMP_SYS(recvmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(accept4), SCMP_SYS(poll),
	SCMP_SYS(ppoll), SCMP_SYS(close), SCMP_SYS(getsockopt), SCMP_SYS(fcntl), SCMP_SYS(openat),
	SCMP_SYS(unlinkat), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(fsync),
	SCMP_SYS(fdatasync), SCMP_SYS(newfstatat), SCMP_SYS(fstat), SCMP_SYS(munmap),
	SCMP_SYS(mremap), SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(restart_syscall)};

static const int sanitizer_calls[] = {SCMP_SYS(sigaltstack), SCMP_SYS(rt_sigaction),
	SCMP_SYS(tgkill), SCMP_SYS(sched_yield), SCMP_SYS(readlink), SCMP_SYS(lseek),
	SCMP_SYS(prlimit64), SCMP_SYS(getrlimit), SCMP_SYS(mprotect), SCMP_SYS(prctl),
	SCMP_SYS(clone), SCMP_SYS(ptrace), SCMP_SYS(wait4)};

static int allow(scmp_filter_ctx f, const int *list, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, list[i], 0);
	return r;
}

static int filter(struct err *e)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = 0;

	if (!f)
		return err_set(e, ENOMEM, "no memory for the system call filter");
	r = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = allow(f, calls, sizeof(calls) / sizeof(*calls));
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0 && !RELAXED)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0 && RELAXED)
		r = allow(f, sanitizer_calls, sizeof(sanitizer_calls) / sizeof(*sanitizer_calls));
	if (r == 0)
		r = seccomp_load(f);
	seccomp_release(f);
	return r < 0 ? err_errno(e, -r, "cannot load the system call filter") : 0;
}

int keyd_sandbox_enter(pid_t parent, uid_t uid, struct err *e)
{
	int r = hide_memory(e);

	if (r == 0)
		r = drop(uid, e);
	if (r == 0 && prctl(PR_SET_DUMPABLE, 0) < 0)
		r = err_errno(e, errno, "cannot forbid core dumps");
	if (r < 0)
		return r;
	if (parent && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
		return err_set(e, ESRCH, "who started it is gone");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(e, errno, "cannot give up new privileges");
	return filter(e);
}
