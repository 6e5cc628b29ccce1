/* SPDX-License-Identifier: Apache-2.0 */
/* daemon.c - go on in the background; see daemon.h. */
#include "cmd/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

/* Until nobody writes any more. */
__attribute__((noreturn)) static void run_logger(int from)
{
	static const char name[] = "evidencefsd: ";
	char *line = NULL;
	size_t size = 0;
	FILE *f = fdopen(from, "r");

	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	openlog("evidencefsd", 0, LOG_DAEMON);
	while (f && getline(&line, &size, f) >= 0) {
		const char *text =
			strncmp(line, name, sizeof(name) - 1) ? line : line + sizeof(name) - 1;

		line[strcspn(line, "\n")] = '\0';
		syslog(LOG_NOTICE, "%s", text);
	}
	_exit(0);
}

static int begin_logger(void)
{
	int ends[2] = {-1, -1};
	pid_t pid = 0;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		/* none of the locks, nor of the sockets */
		if (dup2(ends[0], 3) < 0)
			_exit(1);
		close_range(4, ~0u, 0);
		dup2(STDIN_FILENO, STDERR_FILENO);
		run_logger(3);
	}
	close(ends[0]);
	if (pid < 0 || dup2(ends[1], STDERR_FILENO) < 0) {
		close(ends[1]);
		return -errno;
	}
	close(ends[1]);
	return 0;
}

/* In the foreground: until the one behind is ready, or has ended. */
__attribute__((noreturn)) static void wait_for_ready(int from, pid_t pid)
{
	char byte = 0;
	ssize_t n = 0;

	do
		n = read(from, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1) {
		waitpid(pid, NULL, 0);
		fputs("evidencefsd: ended before it was ready; the system log says why\n", stderr);
	}
	_exit(n == 1 ? 0 : 1);
}

int daemon_begin(int *ready, struct err *e)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int ends[2] = {-1, -1};
	pid_t pid = 0;
	int r = 0;

	if (null < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(e, errno, "cannot go to the background");
	pid = fork();
	if (pid < 0)
		return err_errno(e, errno, "cannot go to the background");
	if (pid > 0) {
		close(ends[1]);
		wait_for_ready(ends[0], pid);
	}
	close(ends[0]);
	setsid();
	if (chdir("/") < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return err_errno(e, errno, "cannot go to the background");
	close(null);
	r = begin_logger();
	if (r < 0)
		return err_errno(e, -r, "cannot write to the system log");
	*ready = ends[1];
	return 0;
}
