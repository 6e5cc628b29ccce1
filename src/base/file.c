/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - files and folders of the state; see file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int file_make_dirs(const char *path, struct err *e)
{
	char *copy = strdup(path);
	int r = 0;

	if (!copy)
		return err_errno(e, ENOMEM, "%s", path);
	for (char *p = copy + 1; r == 0; p++) {
		bool end = *p == '\0';

		if (*p != '/' && !end)
			continue;
		*p = '\0';
		if (mkdir(copy, 0700) && errno != EEXIST)
			r = err_errno(e, errno, "cannot make the folder %s", copy);
		if (end)
			break;
		*p = '/';
	}
	free(copy);
	return r;
}

int file_sync_parent(int dirfd)
{
	int fd = openat(dirfd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return r;
}

int file_dir_beside(int dirfd, const char *name, struct err *e)
{
	char path[PATH_MAX];
	int fd = -1;
	int r = 0;

	snprintf(path, sizeof(path), "../%s", name);
	if (mkdirat(dirfd, path, 0700) < 0 && errno != EEXIST)
		return err_errno(e, errno, "cannot make %s", path);
	r = file_sync_parent(dirfd);
	if (r < 0)
		return err_errno(e, -r, "cannot sync the folder of %s", path);
	fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? err_errno(e, errno, "cannot open %s", path) : fd;
}

static int sync_path(const char *path, int flags, struct err *e)
{
	int fd = open(path, flags | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return err_errno(e, errno, "%s", path);
	if (fsync(fd))
		r = err_errno(e, errno, "cannot sync %s", path);
	close(fd);
	return r;
}

static int sync_folder_of(const char *path, struct err *e)
{
	char *copy = strdup(path);
	char *slash = copy ? strrchr(copy, '/') : NULL;
	int r = 0;

	if (!copy)
		return err_errno(e, ENOMEM, "%s", path);
	if (slash)
		*slash = '\0';
	r = sync_path(slash && copy[0] ? copy : slash ? "/" : ".", O_RDONLY | O_DIRECTORY, e);
	free(copy);
	return r;
}

int file_commit(const char *from, const char *to, struct err *e)
{
	int r = sync_path(from, O_RDWR, e);

	if (r == 0 && rename(from, to))
		r = err_errno(e, errno, "cannot rename %s", from);
	return r ? r : sync_folder_of(to, e);
}

int file_write_all(int fd, const void *p, size_t n)
{
	const uint8_t *at = p;

	while (n > 0) {
		ssize_t done = write(fd, at, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		at += done;
		n -= (size_t)done;
	}
	return 0;
}

int file_write_at(int fd, const void *p, size_t n, uint64_t off)
{
	const uint8_t *at = p;

	while (n > 0) {
		ssize_t done = pwrite(fd, at, n, (off_t)off);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		at += done;
		n -= (size_t)done;
		off += (size_t)done;
	}
	return 0;
}

int file_write(const char *path, const void *p, size_t n, struct err *e)
{
	char *partial = NULL;
	int fd = -1;
	int r = 0;

	if (asprintf(&partial, "%s.partial", path) < 0)
		return err_errno(e, ENOMEM, "%s", path);
	fd = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		r = err_errno(e, errno, "cannot write %s", partial);
	if (r == 0) {
		r = file_write_all(fd, p, n);
		if (r)
			err_errno(e, -r, "cannot write %s", partial);
	}
	if (fd >= 0)
		close(fd);
	if (r == 0)
		r = file_commit(partial, path, e);
	if (r)
		unlink(partial);
	free(partial);
	return r;
}

int file_read(const char *path, size_t max, char **out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = malloc(max + 2);
	size_t n = 0;
	ssize_t got = 1;
	int r = 0;

	if (fd < 0)
		r = err_errno(e, errno, "%s", path);
	else if (!text)
		r = err_errno(e, ENOMEM, "%s", path);
	while (r == 0 && got > 0 && n <= max) {
		got = read(fd, text + n, max + 1 - n);
		if (got < 0)
			r = err_errno(e, errno, "%s", path);
		else
			n += (size_t)got;
	}
	if (fd >= 0)
		close(fd);
	if (r == 0 && n > max)
		r = err_errno(e, EFBIG, "%s", path);
	if (r) {
		free(text);
		return r;
	}
	text[n] = '\0';
	*out = text;
	return 0;
}

int file_lock(const char *path, int wait, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int r = 0;

	if (fd < 0)
		return err_errno(e, errno, "cannot open the lock %s", path);
	r = flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB));
	if (r == 0)
		return fd;
	r = errno == EWOULDBLOCK ? -EAGAIN : err_errno(e, errno, "cannot lock %s", path);
	close(fd);
	return r;
}

int file_remove_tree(const char *path, struct err *e)
{
	char *copy = strdup(path);
	char *paths[] = {copy, NULL};
	FTS *fts = copy ? fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
	FTSENT *f = NULL;
	int r = fts ? 0 : err_errno(e, errno, "%s", path);

	while (fts && r == 0 && (f = fts_read(fts)) != NULL) {
		if (f->fts_info == FTS_D)
			continue;
		if (remove(f->fts_accpath) && errno != ENOENT)
			r = err_errno(e, errno, "cannot remove %s", f->fts_path);
	}
	if (fts)
		fts_close(fts);
	free(copy);
	return r;
}

uint64_t file_tree_bytes(const char *path)
{
	char *copy = strdup(path);
	char *paths[] = {copy, NULL};
	FTS *fts = copy ? fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
	FTSENT *f = NULL;
	uint64_t total = 0;

	while (fts && (f = fts_read(fts)) != NULL) {
		if (f->fts_info == FTS_F)
			total += (uint64_t)f->fts_statp->st_blocks * 512;
	}
	if (fts)
		fts_close(fts);
	free(copy);
	return total;
}
