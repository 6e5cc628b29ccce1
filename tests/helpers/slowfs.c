/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slowfs.c - a folder seen through slow storage, for tests of evidence that lies on such
 *
 *   slowfs SOURCE MOUNTPOINT CONTROL
 *
 * Shows the files of SOURCE, read-only, until it is unmounted. CONTROL is a file that says
 * before each read how that goes:
 *   delay MS    every read takes that long
 *   block NAME  a read of that file waits until CONTROL says something else; who is killed
 *               waits no more, as with NFS
 *   hold NAME   the same, but even the killed wait, as with sshfs
 * While a read waits there is a file CONTROL.waiting. Each read goes to this program:
 * nothing is cached.
 */
#define FUSE_USE_VERSION 314
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int source = -1;
static const char *control;

static const char *below(const char *path)
{
	return path[1] ? path + 1 : ".";
}

static void *slow_init(struct fuse_conn_info *conn, struct fuse_config *config)
{
	(void)conn;
	config->intr = 1;
	return NULL;
}

static int slow_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	(void)fi;
	return fstatat(source, below(path), st, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

static int slow_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t off,
	struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	int fd = openat(source, below(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e = NULL;

	(void)off, (void)fi, (void)flags;
	if (!d)
		return -errno;
	while ((e = readdir(d)))
		fill(buf, e->d_name, NULL, 0, 0);
	closedir(d);
	return 0;
}

static int slow_open(const char *path, struct fuse_file_info *fi)
{
	int fd = -1;

	if ((fi->flags & O_ACCMODE) != O_RDONLY)
		return -EROFS;
	fd = openat(source, below(path), O_RDONLY | O_CLOEXEC);
	fi->fh = (uint64_t)fd;
	fi->direct_io = 1;
	return fd < 0 ? -errno : 0;
}

/* What CONTROL says about a read of @name: milliseconds, or -1 wait, -2 wait in any case. */
static int verdict(const char *name)
{
	char word[16] = "";
	char what[256] = "";
	FILE *f = fopen(control, "re");
	int n = f ? fscanf(f, "%15s %255[^\n]", word, what) : 0;
	int ms = 0;

	if (f)
		fclose(f);
	if (n == 2 && strcmp(word, "delay") == 0)
		sscanf(what, "%d", &ms);
	else if (n == 2 && strcmp(what, name) == 0)
		ms = strcmp(word, "block") == 0 ? -1 : strcmp(word, "hold") == 0 ? -2 : 0;
	return ms;
}

static void pause_ms(int ms)
{
	const struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
}

static int slow_read(const char *path, char *buf, size_t n, off_t off, struct fuse_file_info *fi)
{
	int how = verdict(path + 1);
	char waiting[4096];
	ssize_t got = 0;

	snprintf(waiting, sizeof(waiting), "%s.waiting", control);
	for (bool said = false; how < 0; how = verdict(path + 1), said = true) {
		int fd = said ? -1 : open(waiting, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

		if (fd >= 0)
			close(fd);
		pause_ms(10);
		if (how == -1 && fuse_interrupted())
			return -EINTR;
	}
	pause_ms(how);
	got = pread((int)fi->fh, buf, n, off);
	return got < 0 ? -errno : (int)got;
}

static int slow_release(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	close((int)fi->fh);
	return 0;
}

static void wake(int sig)
{
	(void)sig;
}

int main(int argc, char **argv)
{
	static const struct fuse_operations ops = {.init = slow_init,
		.getattr = slow_getattr,
		.readdir = slow_readdir,
		.open = slow_open,
		.read = slow_read,
		.release = slow_release};
	char *args[] = {argv[0], (char[]){"-f"}, (char[]){"-o"}, (char[]){"ro,max_threads=200"},
		argc == 4 ? argv[2] : NULL, NULL};

	if (argc != 4) {
		fprintf(stderr, "usage: slowfs SOURCE MOUNTPOINT CONTROL\n");
		return 2;
	}
	source = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	control = realpath(argv[3], NULL); /* fuse_main() changes the folder */
	if (source < 0 || !control) {
		perror("slowfs");
		return 1;
	}
	signal(SIGUSR1, wake); /* what libfuse sends to a thread whose request is interrupted */
	return fuse_main(5, args, &ops, NULL);
}
