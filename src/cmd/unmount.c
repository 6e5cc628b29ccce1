/* SPDX-License-Identifier: Apache-2.0 */
/* unmount.c - `evidencefs unmount`: end a mount and wait until its process is gone. */
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "cmd/mountpoint.h"

#define GONE_TRIES    600 /* times GONE_WAIT_NS: one minute */
#define GONE_WAIT_NS  100000000L
#define SESSION_XATTR "user.evidencefs.session"

extern char **environ;

static int in_use(const char *path, struct err *e)
{
	return err_set(e, EBUSY,
		"%s is in use: leave the folder and close what is open in it (fuser -vm %s tells), "
		"then "
		"try again",
		path, path);
}

/* An ordinary user's mount is ended by the helper that made it. */
static int unmount_as_user(const char *path, struct err *e)
{
	char *argv[] = {(char[]){"fusermount3"}, (char[]){"-u"}, (char[]){"-q"}, NULL, NULL};
	char *copy = strdup(path);
	pid_t pid = 0;
	int status = 0;
	int r = 0;

	argv[3] = copy;
	r = copy ? posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) : ENOMEM;
	free(copy);
	if (r)
		return err_errno(e, r, "fusermount3");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : in_use(path, e);
}

static int unmount(const char *path, struct err *e)
{
	if (geteuid() != 0)
		return unmount_as_user(path, e);
	if (umount2(path, UMOUNT_NOFOLLOW) == 0)
		return 0;
	return errno == EBUSY ? in_use(path, e) : err_errno(e, errno, "cannot unmount %s", path);
}

/* The process behind a mount holds a lock below the state until it ends. */
static int wait_until_gone(const char *session, struct err *e)
{
	const struct timespec pause = {0, GONE_WAIT_NS};
	char *lock = NULL;
	int fd = -EAGAIN;

	if (!session[0])
		return 0;
	if (asprintf(&lock, "%s/lock", session) < 0)
		return err_errno(e, ENOMEM, "unmount");
	for (unsigned i = 0; fd == -EAGAIN && i < GONE_TRIES; i++) {
		fd = file_lock(lock, 0, NULL);
		if (fd == -EAGAIN)
			nanosleep(&pause, NULL);
	}
	free(lock);
	if (fd >= 0)
		close(fd);
	return fd == -EAGAIN ? err_set(e, ETIMEDOUT, "unmounted, but its process has not ended yet")
			     : 0;
}

static int end_mount(const char *given, struct err *e)
{
	char session[4096] = "";
	char type[64];
	char *path = NULL;
	ssize_t n = 0;
	int r = mountpoint_path(given, &path, e);

	if (r == 0)
		r = mountpoint_type(path, type, e);
	if (r == 0 && !mountpoint_is_ours(type))
		r = err_set(e, EINVAL, "%s is not a mount of evidencefs", path);
	if (r == 0) {
		n = getxattr(path, SESSION_XATTR, session, sizeof(session) - 1);
		session[n > 0 ? n : 0] = '\0';
		r = unmount(path, e);
	}
	if (r == 0)
		r = wait_until_gone(session, e);
	free(path);
	return r;
}

int cmd_unmount(const struct command *c, int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct err e = {0};
	int o = 0;
	int r = 0;

	opterr = 0;
	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'h')
			return cmd_help(c);
		return cmd_usage(c, "%s: not an option of unmount", argv[optind - 1]);
	}
	if (argc - optind != 1)
		return cmd_usage(c, "unmount needs one mount point");
	r = end_mount(argv[optind], &e);
	return r ? cmd_fail(&e, r) : 0;
}
