/* SPDX-License-Identifier: Apache-2.0 */
/* mounts.c - FUSE mounts as root makes and ends them; see mounts.h. */
#include "starter/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

#define TYPE     "fuse.evidencefs"
#define INIT_MS  10000
#define READ_MIN 8192 /* the kernel hands nothing to a smaller read */
#define OP_INIT  26u  /* include/uapi/linux/fuse.h */

/* ---- what is mounted ---------------------------------------------------- */

static bool is_octal(const char *p)
{
	return p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' &&
	       p[2] <= '7';
}

/* /proc/self/mountinfo writes blanks and backslashes as \ooo. In place. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (*s == '\\' && is_octal(s + 1)) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* One line: "ID PARENT DEV ROOT POINT OPTIONS [OPTIONAL]... - TYPE SOURCE OPTIONS". */
static bool parse_line(char *line, char **point, char **type)
{
	char *save = NULL;
	char *word = strtok_r(line, " \n", &save);

	for (int i = 0; i < 4 && word; i++)
		word = strtok_r(NULL, " \n", &save);
	*point = word;
	while (word && strcmp(word, "-") != 0)
		word = strtok_r(NULL, " \n", &save);
	*type = word ? strtok_r(NULL, " \n", &save) : NULL;
	if (*point)
		unescape(*point);
	return *point && *type;
}

/* Calls @fn for all mounts; its answer that is not 0 ends it. */
static int each_mount(int (*fn)(void *ctx, const char *point, const char *type), void *ctx)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;
	int r = f ? 0 : -errno;

	while (r == 0 && f && getline(&line, &size, f) >= 0) {
		char *point = NULL;
		char *type = NULL;

		if (parse_line(line, &point, &type))
			r = fn(ctx, point, type);
	}
	if (r == 0 && f && ferror(f))
		r = -EIO;
	free(line);
	if (f)
		fclose(f);
	return r;
}

struct below {
	const char *root;
	char **v;
	size_t n;
};

static int collect(void *ctx, const char *point, const char *type)
{
	struct below *b = ctx;
	size_t n = strlen(b->root);
	char **v = NULL;

	if (strcmp(type, TYPE) != 0 || strncmp(point, b->root, n) != 0 || point[n] != '/' ||
		strchr(point + n + 1, '/'))
		return 0;
	v = realloc(b->v, (b->n + 1) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	b->v = v;
	b->v[b->n] = strdup(point);
	return b->v[b->n++] ? 0 : -ENOMEM;
}

int mounts_each(const char *root, int (*fn)(void *ctx, const char *mountpoint), void *ctx)
{
	struct below b = {.root = root};
	int r = each_mount(collect, &b);

	for (size_t i = 0; i < b.n; i++) {
		if (r == 0)
			r = fn(ctx, b.v[i]);
		free(b.v[i]);
	}
	free(b.v);
	return r;
}

/* What is mounted topmost at a place. */
struct top {
	const char *point;
	bool any;
	bool ours;
};

static int see(void *ctx, const char *point, const char *type)
{
	struct top *t = ctx;

	if (strcmp(point, t->point) == 0) {
		t->any = true;
		t->ours = strcmp(type, TYPE) == 0;
	}
	return 0;
}

/* ---- mount and unmount -------------------------------------------------- */

static int make_point(const char *path, struct err *e)
{
	struct stat st = {0};

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_errno(e, errno, "%s: cannot be made", path);
	if (lstat(path, &st) < 0)
		return err_errno(e, errno, "%s", path);
	if (!S_ISDIR(st.st_mode) || st.st_uid != 0)
		return err_set(e, EBUSY, "%s: is in the way: not a folder of root's", path);
	if (chmod(path, 0700) < 0)
		return err_errno(e, errno, "%s", path);
	return 0;
}

/* Mounts of ours that nobody keeps go; others stay. */
static int clear_point(const char *path, struct err *e)
{
	for (;;) {
		struct top t = {.point = path};
		int r = each_mount(see, &t);

		if (r < 0)
			return err_errno(e, -r, "/proc/self/mountinfo");
		if (!t.any)
			return 0;
		if (!t.ours)
			return err_set(e, EBUSY, "%s: something else is mounted there", path);
		if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			return err_errno(e, errno, "%s: cannot be unmounted", path);
	}
}

static int read_init(int fd, struct channel_session *s, struct err *e)
{
	uint8_t request[READ_MIN];
	struct pollfd f = {.fd = fd, .events = POLLIN};
	struct cur c;
	ssize_t n = 0;

	if (poll(&f, 1, INIT_MS) != 1)
		return err_set(e, ETIMEDOUT, "%s: the kernel sent no INIT", s->mountpoint);
	n = read(fd, request, sizeof(request));
	if (n < 0)
		return err_errno(e, errno, "%s: the kernel's INIT cannot be read", s->mountpoint);
	c = cur_of(request, (size_t)n);
	cur_u32(&c);
	if (cur_u32(&c) != OP_INIT || c.bad || (size_t)n > sizeof(s->init))
		return err_set(e, EPROTO, "%s: the kernel sent no INIT", s->mountpoint);
	memcpy(s->init, request, (size_t)n);
	s->init_len = (size_t)n;
	return 0;
}

int mounts_attach(struct channel_session *s, struct err *e)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY;
	char data[128];
	int fd = -1;
	int r = clear_point(s->mountpoint, e);

	if (r == 0)
		r = make_point(s->mountpoint, e);
	if (r < 0)
		return r;
	fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno, "/dev/fuse (is the kernel's module fuse there?)");
	snprintf(data, sizeof(data),
		"fd=%d,rootmode=40000,user_id=%u,group_id=%u,default_permissions", fd,
		(unsigned)s->uid, (unsigned)s->gid);
	if (mount("evidencefs", s->mountpoint, TYPE, flags, data) < 0) {
		r = err_errno(e, errno, "%s: cannot be mounted", s->mountpoint);
		close(fd);
		rmdir(s->mountpoint);
		return r;
	}
	r = read_init(fd, s, e);
	if (r < 0) {
		close(fd);
		mounts_detach(s->mountpoint, NULL);
		return r;
	}
	s->fuse_fd = fd;
	return 0;
}

int mounts_detach(const char *mountpoint, struct err *e)
{
	int r = umount2(mountpoint, UMOUNT_NOFOLLOW);

	if (r < 0 && errno == EBUSY)
		r = umount2(mountpoint, UMOUNT_NOFOLLOW | MNT_DETACH);
	/* somebody else, root, unmounted it: that is what was wanted */
	if (r < 0 && errno != EINVAL && errno != ENOENT)
		return err_errno(e, errno, "%s: cannot be unmounted", mountpoint);
	rmdir(mountpoint);
	return 0;
}
