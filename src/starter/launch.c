/* SPDX-License-Identifier: Apache-2.0 */
/* launch.c - start a program of ours in a child process; see launch.h. */
#include "starter/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIRST_FD 3

/*
 * From here to the end of the program the child of a process with threads runs:
 * only what is safe in a signal handler. System calls by number: those of libc
 * would want all threads to change user.
 */

static bool become(uid_t uid)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};

	return uid == 0 || (syscall(SYS_setgroups, 0, NULL) == 0 &&
				   syscall(SYS_setresgid, uid, uid, uid) == 0 &&
				   syscall(SYS_setresuid, uid, uid, uid) == 0 &&
				   syscall(SYS_capset, &head, none) == 0);
}

/* Put the descriptors in their places, by way of places where none is in the way. */
static bool place_fds(const struct launch *l, int *program)
{
	int high[LAUNCH_FDS];

	for (int i = 0; i < LAUNCH_FDS; i++) {
		high[i] = -1;
		if (l->fds[i] < 0)
			continue;
		high[i] = fcntl(l->fds[i], F_DUPFD_CLOEXEC, FIRST_FD + LAUNCH_FDS + 1);
		if (high[i] < 0)
			return false;
	}
	*program = fcntl(l->program, F_DUPFD_CLOEXEC, FIRST_FD + LAUNCH_FDS + 1);
	for (int i = 0; i < LAUNCH_FDS; i++) {
		if (high[i] >= 0 && dup2(high[i], FIRST_FD + i) < 0)
			return false;
	}
	return *program >= 0;
}

static void default_signals(void)
{
	struct sigaction usual = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		sigaction(s, &usual, NULL); /* of some it cannot be said */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

__attribute__((noreturn)) static void child(const struct launch *l, pid_t parent)
{
	int program = -1;

	default_signals();
	setpgid(0, 0);
	if (l->dir >= 0 && fchdir(l->dir) < 0)
		_exit(127);
	if (!place_fds(l, &program) || !become(l->uid))
		_exit(127);
	/* the program says so again: running it as another user takes it back */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(127);
	syscall(SYS_execveat, program, "", l->argv, l->env, AT_EMPTY_PATH);
	_exit(127);
}

int launch(const struct launch *l, pid_t *pid)
{
	pid_t parent = getpid();
	pid_t p = fork();

	if (p < 0)
		return -errno;
	if (p == 0)
		child(l, parent);
	*pid = p;
	return 0;
}

int launch_program(const char *path, struct err *e)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	return fd < 0 ? err_errno(e, errno, "%s: cannot be run", path) : fd;
}
