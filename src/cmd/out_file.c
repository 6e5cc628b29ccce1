/* SPDX-License-Identifier: Apache-2.0 */
/* out_file.c - a file that is whole or not there; see out_file.h. */
#include "cmd/out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

int out_file_open(struct out_file *f, const char *path, struct err *e)
{
	struct stat st;

	*f = (struct out_file){.fd = STDOUT_FILENO};
	if (!path)
		return 0;
	if (stat(path, &st) == 0 &&
		!S_ISREG(st.st_mode)) { /* a pipe, a device: nothing to replace */
		f->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		return f->fd < 0 ? err_errno(e, errno, "%s: cannot be written", path) : 0;
	}
	f->path = strdup(path);
	if (!f->path || asprintf(&f->part, "%s.part-%d", path, (int)getpid()) < 0) {
		free(f->path);
		*f = (struct out_file){.fd = -1};
		return err_errno(e, ENOMEM, "%s", path);
	}
	/* what stands in it is for who asked: others are let in by him */
	f->fd = open(f->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f->fd < 0) {
		int code = errno;

		free(f->path);
		free(f->part);
		return err_errno(e, code, "%s: cannot be written", path);
	}
	return 0;
}

int out_file_write(struct out_file *f, const void *p, size_t n, struct err *e)
{
	int r = file_write_all(f->fd, p, n);

	return r < 0 ? err_errno(e, -r, "%s: cannot be written",
			       f->path ? f->path : "where it was to go")
		     : 0;
}

int out_file_close(struct out_file *f, int r, struct err *e)
{
	if (!f->path && f->fd > STDERR_FILENO)
		close(f->fd);
	if (f->path) {
		if (close(f->fd) < 0 && r == 0)
			r = err_errno(e, errno, "%s: cannot be written", f->path);
		if (r == 0)
			r = file_commit(f->part, f->path, e);
		if (r)
			unlink(f->part);
	}
	free(f->path);
	free(f->part);
	*f = (struct out_file){.fd = -1};
	return r;
}
