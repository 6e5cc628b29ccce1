/* SPDX-License-Identifier: Apache-2.0 */
/* place.c - folders, locks, the control socket of a team service; see place.h. */
#include "starter/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES 60 /* of 50 ms: one that was killed may be dying */
#define BACKLOG    128

/* ---- folders ------------------------------------------------------------ */

/* The folders above @path, 0755 where they are missing. */
static int make_parents(const char *path, struct err *e)
{
	char *copy = strdup(path);
	int r = copy ? 0 : err_errno(e, ENOMEM, "%s", path);

	for (char *p = copy; r == 0 && (p = strchr(p + 1, '/')) != NULL;) {
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			r = err_errno(e, errno, "cannot make the folder %s", copy);
		*p = '/';
	}
	free(copy);
	return r;
}

/* Return: a descriptor of the folder, made, of @uid and @mode; it may have been @before's. */
static int make_dir_of(
	const char *path, mode_t mode, uid_t uid, gid_t gid, uid_t before, struct err *e)
{
	struct stat st = {0};
	int fd = -1;
	int r = make_parents(path, e);

	if (r < 0)
		return r;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_errno(e, errno, "cannot make the folder %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno, "%s", path);
	if (fstat(fd, &st) < 0)
		r = err_errno(e, errno, "%s", path);
	else if (st.st_uid != uid && st.st_uid != before && st.st_uid != 0)
		r = err_set(e, EPERM, "%s belongs to uid %u, not to %s: chown -R %u:%u %s", path,
			(unsigned)st.st_uid, uid ? "who is to use it" : "root", (unsigned)uid,
			(unsigned)gid, path);
	else if (fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0)
		r = err_errno(e, errno, "%s", path);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

static int make_dir(const char *path, mode_t mode, uid_t uid, gid_t gid, struct err *e)
{
	return make_dir_of(path, mode, uid, gid, uid, e);
}

static int make_state(struct place *p, struct err *e)
{
	static const char *const below[] = {"cases", "log"};
	const struct config *c = p->config;
	char path[4096];

	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
		int fd = -1;

		snprintf(path, sizeof(path), "%s/%s", c->state_dir, below[i]);
		fd = make_dir(path, 0700, c->uid, c->gid, e);
		if (fd < 0)
			return fd;
		close(fd);
	}
	return 0;
}

int place_keys(const struct config *c, struct err *e)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/keys", c->state_dir);
	return make_dir(path, 0700, c->keyd_uid, c->keyd_uid, e);
}

/* Whether the service will get to its state: the first folder on the way that refuses. */
static int check_reach(const struct config *c, struct err *e)
{
	char path[4096];
	int r = 0;

	snprintf(path, sizeof(path), "%s/log/", c->state_dir);
	setfsgid(c->gid);
	setfsuid(c->uid);
	for (char *p = path; r == 0 && (p = strchr(p + 1, '/')) != NULL;) {
		int fd = -1;

		*p = '\0';
		fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			r = -errno;
		else
			close(fd);
		if (r == 0)
			*p = '/';
	}
	setfsuid(0);
	setfsgid(0);
	if (r < 0) {
		*strrchr(path, '/') = '\0';
		err_set(e, -r, "state_dir = %s: the user %s cannot reach it (%s): chmod o+x %s",
			c->state_dir, c->user, strerror(-r), path[0] ? path : "/");
	}
	return r;
}

/* ---- locks -------------------------------------------------------------- */

static int lock(int fd, const char *key, const char *path, struct err *e)
{
	const struct timespec pause = {.tv_nsec = 50000000};

	for (int try = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; try++) {
		if (errno != EWOULDBLOCK)
			return err_errno(e, errno, "%s = %s: cannot be locked", key, path);
		if (try == LOCK_TRIES)
			return err_set(e, EBUSY,
				"%s = %s: is in use: evidencefsd is running there already", key,
				path);
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* ---- the control socket ------------------------------------------------- */

static int address_of(const char *path, struct sockaddr_un *a, struct err *e)
{
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(a->sun_path))
		return err_set(e, ENAMETOOLONG, "socket = %s: more than %zu bytes", path,
			sizeof(a->sun_path) - 1);
	memcpy(a->sun_path, path, strlen(path));
	return 0;
}

/* One that nobody answers is left from before. */
static int remove_stale(const char *path, const struct sockaddr_un *a, struct err *e)
{
	struct stat st = {0};
	int fd = -1;
	int r = 0;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(e, errno, "socket = %s", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, EEXIST, "socket = %s: is in the way, and not a socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(e, errno, "socket");
	if (connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0 || errno == EAGAIN)
		r = err_set(e, EBUSY, "socket = %s: is in use: somebody answers there", path);
	else if (errno != ECONNREFUSED)
		r = err_errno(e, errno, "socket = %s: is in the way", path);
	else if (unlink(path) < 0 && errno != ENOENT)
		r = err_errno(e, errno, "socket = %s: cannot be removed", path);
	close(fd);
	return r;
}

static int listen_at(struct place *p, struct err *e)
{
	const char *path = p->config->socket;
	struct sockaddr_un a;
	mode_t mask = 0;
	int fd = -1;
	int r = address_of(path, &a, e);

	if (r == 0)
		r = make_parents(path, e);
	if (r == 0)
		r = remove_stale(path, &a, e);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(e, errno, "socket");
	mask = umask(0111);
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
		r = err_errno(e, errno, "socket = %s: cannot be made", path);
	umask(mask);
	if (r == 0 && listen(fd, BACKLOG) < 0)
		r = err_errno(e, errno, "socket = %s", path);
	if (r < 0) {
		close(fd);
		return r;
	}
	p->socket = fd;
	p->own_socket = true;
	return 0;
}

int place_open(struct place *p, const struct config *c, int listening, struct err *e)
{
	int r = 0;

	*p = (struct place){.config = c, .state = -1, .mounts = -1, .socket = listening};
	/* sticky: the service makes files there, and cannot move the keys away */
	p->state = make_dir_of(c->state_dir, 01771, 0, c->gid, c->uid, e);
	r = p->state < 0 ? p->state : lock(p->state, "state_dir", c->state_dir, e);
	if (r == 0)
		r = make_state(p, e);
	if (r == 0)
		r = check_reach(c, e);
	if (r == 0) {
		p->mounts = make_dir(c->mount_root, 0711, 0, 0, e);
		r = p->mounts < 0 ? p->mounts : lock(p->mounts, "mount_root", c->mount_root, e);
	}
	if (r == 0 && p->socket < 0)
		r = listen_at(p, e);
	if (r < 0)
		place_close(p);
	return r;
}

void place_close(struct place *p)
{
	if (p->own_socket)
		unlink(p->config->socket);
	if (p->socket >= 0)
		close(p->socket);
	if (p->mounts >= 0)
		close(p->mounts);
	if (p->state >= 0)
		close(p->state);
	*p = (struct place){.state = -1, .mounts = -1, .socket = -1};
}
