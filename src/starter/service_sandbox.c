/* SPDX-License-Identifier: Apache-2.0 */
/* service_sandbox.c - what the service puts itself under; see service_sandbox.h. */
#include "starter/service_sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "worker/sandbox.h" /* SANDBOX_SANITIZER */

#define RELAXED SANDBOX_SANITIZER

/* ---- user and capabilities ---------------------------------------------- */

/* The bounding set must go before the right to change it does. */
static int drop_bounding_set(struct err *e)
{
	for (int cap = 0; cap < 64 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return err_errno(e, errno, "service: cannot give up capability %d", cap);
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_errno(e, errno, "service: cannot give up ambient capabilities");
	return 0;
}

static int become(uid_t uid, gid_t gid, struct err *e)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};
	int r = 0;

	if (uid == 0 || gid == 0)
		return err_set(e, EINVAL, "service: must not be root");
	r = drop_bounding_set(e);
	if (r < 0)
		return r;
	if (syscall(SYS_setgroups, 0, NULL) < 0)
		return err_errno(e, errno, "service: cannot drop its groups");
	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return err_errno(e, errno, "service: cannot become uid %u", (unsigned)uid);
	if (syscall(SYS_capset, &head, none) < 0)
		return err_errno(e, errno, "service: cannot drop capabilities");
	if (setresuid(0, 0, 0) == 0)
		return err_set(e, EPERM, "service: could become root again");
	return 0;
}

/* ---- landlock: files ---------------------------------------------------- */

/* The ruleset of ABI 6 and its rights, which older headers lack. */
struct ruleset {
	uint64_t fs;
	uint64_t net;    /* from ABI 4 */
	uint64_t scoped; /* from ABI 6 */
};

#define FS_ABI_1   ((1ull << 13) - 1) /* EXECUTE to MAKE_SYM */
#define FS_REFER   (1ull << 13)       /* ABI 2 */
#define FS_TRUNC   (1ull << 14)       /* ABI 3 */
#define FS_IOCTL   (1ull << 15)       /* ABI 5 */
#define NET_ABI_4  3ull               /* BIND_TCP, CONNECT_TCP */
#define SCOPE_ABI6 3ull               /* ABSTRACT_UNIX_SOCKET, SIGNAL */
#define FS_READ    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                                                   \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                           \
		LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                     \
		LANDLOCK_ACCESS_FS_MAKE_REG | FS_REFER | FS_TRUNC)

/* What naming users and writing messages needs, and how much memory may be used. What is not
 * there is left out. */
static const char *const readable[] = {"/etc", "/usr", "/lib", "/lib64", "/bin", "/sbin", "/proc",
	"/sys/fs/cgroup", "/run", "/var/lib/sss", "/var/lib/extrausers", "/dev/null",
	"/dev/urandom", "/dev/log"};

static uint64_t handled_fs(long abi)
{
	return FS_ABI_1 | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNC : 0) |
	       (abi >= 5 ? FS_IOCTL : 0);
}

static int allow_path(int ruleset, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr a = {.allowed_access = rights};
	struct stat st = {0};
	int fd = open(path, O_PATH | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode)) /* a file has no rights of folders */
		a.allowed_access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
	a.parent_fd = fd;
	if (a.allowed_access &&
		syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &a, 0) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int restrict_files(const char *state_dir, unsigned *out, struct err *e)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset set = {.fs = handled_fs(abi)};
	size_t size = abi >= 6 ? sizeof(set) : abi >= 4 ? 16 : 8;
	int fd = -1;
	int r = 0;

	*out = 0;
	if (abi < 1)
		return 0;
	set.net = abi >= 4 ? NET_ABI_4 : 0;
	set.scoped = abi >= 6 ? SCOPE_ABI6 : 0;
	fd = (int)syscall(SYS_landlock_create_ruleset, &set, size, 0);
	if (fd < 0)
		return err_errno(e, errno, "service: landlock");
	r = allow_path(fd, state_dir, (FS_READ | FS_WRITE) & set.fs);
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]) && r == 0; i++)
		r = allow_path(fd, readable[i], FS_READ);
	if (r == 0)
		r = allow_path(fd, "/dev/null", FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE);
	if (r == 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		r = -errno;
	close(fd);
	if (r < 0)
		return err_errno(e, -r, "service: landlock");
	*out = (unsigned)abi;
	return 0;
}

/* ---- seccomp: calls ----------------------------------------------------- */

/* Plainly allowed: what libc, threads, SQLite, libfuse's loop and NSS need. */
static const int plain[] = {
	/* descriptors */
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64),
	SCMP_SYS(pwrite64), SCMP_SYS(preadv), SCMP_SYS(pwritev), SCMP_SYS(preadv2),
	SCMP_SYS(pwritev2), SCMP_SYS(lseek), SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(dup),
	SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(fcntl), SCMP_SYS(flock), SCMP_SYS(pipe),
	SCMP_SYS(pipe2), SCMP_SYS(splice), SCMP_SYS(vmsplice), SCMP_SYS(tee), SCMP_SYS(sendfile),
	SCMP_SYS(copy_file_range), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select),
	SCMP_SYS(pselect6), SCMP_SYS(epoll_create), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(eventfd2),
	SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_gettime),
	SCMP_SYS(signalfd4), SCMP_SYS(memfd_create), SCMP_SYS(inotify_init1),
	SCMP_SYS(inotify_add_watch), SCMP_SYS(inotify_rm_watch),
	/* files: which, is landlock's to say */
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(creat), SCMP_SYS(stat),
	SCMP_SYS(lstat), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(statfs),
	SCMP_SYS(fstatfs), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
	SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(getcwd),
	SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rmdir), SCMP_SYS(rename), SCMP_SYS(renameat),
	SCMP_SYS(renameat2), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(link), SCMP_SYS(linkat),
	SCMP_SYS(chmod), SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(umask), SCMP_SYS(utimensat),
	SCMP_SYS(ftruncate), SCMP_SYS(truncate), SCMP_SYS(fallocate), SCMP_SYS(fsync),
	SCMP_SYS(fdatasync), SCMP_SYS(sync_file_range), SCMP_SYS(syncfs), SCMP_SYS(fadvise64),
	SCMP_SYS(readahead), SCMP_SYS(chdir), SCMP_SYS(fchdir),
	/* memory */
	SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mincore),
	SCMP_SYS(msync), SCMP_SYS(mlock), SCMP_SYS(munlock),
	/* threads */
	SCMP_SYS(futex), SCMP_SYS(futex_waitv), SCMP_SYS(set_robust_list),
	SCMP_SYS(get_robust_list), SCMP_SYS(rseq), SCMP_SYS(set_tid_address), SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler),
	SCMP_SYS(sched_get_priority_max), SCMP_SYS(sched_get_priority_min), SCMP_SYS(getpriority),
	SCMP_SYS(setpriority), SCMP_SYS(membarrier), SCMP_SYS(getcpu), SCMP_SYS(gettid),
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(restart_syscall),
	/* itself */
	SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
	SCMP_SYS(getegid), SCMP_SYS(getresuid), SCMP_SYS(getresgid), SCMP_SYS(getgroups),
	SCMP_SYS(getsid), SCMP_SYS(getpgid), SCMP_SYS(getpgrp), SCMP_SYS(getrlimit),
	SCMP_SYS(getrusage), SCMP_SYS(capget), SCMP_SYS(uname), SCMP_SYS(sysinfo),
	SCMP_SYS(getrandom), SCMP_SYS(times),
	/* signals and time */
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigpending), SCMP_SYS(rt_sigtimedwait), SCMP_SYS(rt_sigsuspend),
	SCMP_SYS(sigaltstack), SCMP_SYS(pause), SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(time),
	SCMP_SYS(timer_create), SCMP_SYS(timer_settime), SCMP_SYS(timer_delete),
	/* sockets, but for making them */
	SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(sendto),
	SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
	SCMP_SYS(recvmmsg), SCMP_SYS(shutdown), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt), SCMP_SYS(setsockopt)};

/* Allowed with one value of one argument. */
static const struct {
	int call;
	unsigned argument;
	scmp_datum_t value;
} valued[] = {
	{SCMP_SYS(socket), 0, AF_UNIX}, {SCMP_SYS(socketpair), 0, AF_UNIX},
	{SCMP_SYS(prctl), 0, PR_SET_NAME}, {SCMP_SYS(prctl), 0, PR_GET_NAME},
	{SCMP_SYS(prctl), 0, PR_GET_DUMPABLE}, {SCMP_SYS(prctl), 0, PR_CAPBSET_READ},
	{SCMP_SYS(prctl), 0, PR_SET_VMA},
	{SCMP_SYS(prlimit64), 0, 0}, /* itself; and what is raised needs a capability */
	{SCMP_SYS(ioctl), 1, TCGETS}, {SCMP_SYS(ioctl), 1, TIOCGWINSZ},
	{SCMP_SYS(ioctl), 1, FIONREAD}, {SCMP_SYS(ioctl), 1, FIONBIO},
	{SCMP_SYS(ioctl), 1, FIOCLEX}, {SCMP_SYS(ioctl), 1, 0x8004e500u}, /* FUSE_DEV_IOC_CLONE */
};

#define LIST(a) (sizeof(a) / sizeof((a)[0]))

static int allow_lists(scmp_filter_ctx f)
{
	int r = 0;

	for (size_t i = 0; i < LIST(plain) && r == 0; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, plain[i], 0);
	for (size_t i = 0; i < LIST(valued) && r == 0; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, valued[i].call, 1,
			SCMP_CMP(valued[i].argument, SCMP_CMP_MASKED_EQ, 0xffffffffu,
				valued[i].value));
	return r;
}

/* Threads but no processes; how clone3 is asked cannot be seen: libc then uses clone. */
static int allow_threads(scmp_filter_ctx f)
{
	const scmp_datum_t thread = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND;
	const scmp_datum_t spaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
				    CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;
	int r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		SCMP_A0(SCMP_CMP_MASKED_EQ, thread | spaces, thread));

	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* to itself: abort(), pthread_kill() */
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	return r;
}

/* Nothing is writable and executable at once; libraries of NSS may be loaded. */
static int allow_mapping(scmp_filter_ctx f)
{
	int r = seccomp_rule_add(
		f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC));
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* whoever asks for a netlink socket wants to know of addresses */
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
			SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0),
			SCMP_A2(SCMP_CMP_EQ, NETLINK_ROUTE, 0));
	return r;
}

/* What a sanitizer needs beside that, to print its report. */
static int allow_sanitizer(scmp_filter_ctx f)
{
	static const int calls[] = {SCMP_SYS(personality), SCMP_SYS(sched_setaffinity)};
	int r = 0;

	for (size_t i = 0; i < LIST(calls) && r == 0; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
	return r;
}

static int filter_calls(struct err *e)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = 0;

	if (!f)
		return err_set(e, ENOMEM, "service: no memory for the system call filter");
	r = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree: reads are many */
	if (r == 0)
		r = allow_lists(f);
	if (r == 0)
		r = allow_threads(f);
	if (r == 0)
		r = allow_mapping(f);
	if (r == 0 && RELAXED)
		r = allow_sanitizer(f);
	if (r == 0)
		r = seccomp_load(f);
	seccomp_release(f);
	return r < 0 ? err_errno(e, -r, "service: cannot load the system call filter") : 0;
}

int service_sandbox_enter(
	const struct service_sandbox_opts *o, unsigned *landlock_abi, struct err *e)
{
	int r = become(o->uid, o->gid, e);

	if (r < 0)
		return r;
	/* After the change of user, which takes both back. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_errno(e, errno, "service: cannot tie itself to the starter");
	if (getppid() != o->parent)
		return err_set(e, ESRCH, "service: the starter is gone");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(e, errno, "service: cannot give up new privileges");
	r = restrict_files(o->state_dir, landlock_abi, e);
	return r < 0 ? r : filter_calls(e);
}
