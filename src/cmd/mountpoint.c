/* SPDX-License-Identifier: Apache-2.0 */
/* mountpoint.c - what stands at a mount point; see mountpoint.h. */
#include "cmd/mountpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUR_TYPE "fuse.evidencefs"

int mountpoint_path(const char *given, char **out, struct err *e)
{
	char *parent = NULL;
	char *copy = NULL;
	char *slash = NULL;
	int r = 0;

	*out = realpath(given, NULL);
	if (*out)
		return 0;
	if (errno != ENOTCONN && errno != EACCES)
		return err_errno(e, errno, "%s", given);
	/* a dead mount: resolve the folder it stands in */
	copy = strdup(given);
	while (copy && strlen(copy) > 1 && copy[strlen(copy) - 1] == '/')
		copy[strlen(copy) - 1] = '\0';
	slash = copy ? strrchr(copy, '/') : NULL;
	if (slash)
		*slash = '\0';
	parent = copy ? realpath(slash ? (copy[0] ? copy : "/") : ".", NULL) : NULL;
	if (!parent)
		r = err_errno(e, errno, "%s", given);
	else if (asprintf(out, "%s/%s", strcmp(parent, "/") ? parent : "",
			 slash ? slash + 1 : copy) < 0)
		r = err_errno(e, ENOMEM, "%s", given);
	free(parent);
	free(copy);
	return r;
}

/* mountinfo writes space, tab, newline and backslash as \ooo. */
static void unescape(char *s)
{
	char *out = s;

	while (*s) {
		unsigned v = 0;

		if (s[0] == '\\' && sscanf(s + 1, "%3o", &v) == 1) {
			*out++ = (char)v;
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

/* One line of mountinfo: where it is mounted (field 5) and of which type (behind " - "). */
static bool parse_line(char *line, char **where, char type[64])
{
	const char *dash = strstr(line, " - ");
	char *p = line;

	if (!dash || sscanf(dash, " - %63s", type) != 1)
		return false;
	for (unsigned field = 1; p && field < 5; field++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	if (!p || !strchr(p, ' '))
		return false;
	*strchr(p, ' ') = '\0';
	unescape(p);
	*where = p;
	return true;
}

int mountpoint_type(const char *path, char type[64], struct err *e)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t cap = 0;

	type[0] = '\0';
	if (!f)
		return err_errno(e, errno, "/proc/self/mountinfo");
	while (getline(&line, &cap, f) > 0) {
		char *where = NULL;
		char t[64];

		/* of several at one place the last is on top */
		if (parse_line(line, &where, t) && !strcmp(where, path))
			memcpy(type, t, sizeof(t));
	}
	free(line);
	fclose(f);
	return 0;
}

bool mountpoint_is_ours(const char *type)
{
	return !strcmp(type, OUR_TYPE);
}

static int check_fuse(struct err *e)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return err_set(e, errno,
			"there is no /dev/fuse: load the kernel's module (modprobe fuse), or "
			"give the container the device");
	if (errno == EACCES || errno == EPERM)
		return err_set(e, errno,
			"/dev/fuse may not be opened by this user: an administrator can "
			"allow it (chmod 0666 /dev/fuse, Debian's usual mode)");
	return err_errno(e, errno, "/dev/fuse");
}

static int check_helper(struct err *e)
{
	const char *path = getenv("PATH");
	char *copy = strdup(path ? path : "/usr/bin:/bin");
	char *save = NULL;
	bool found = false;

	if (!copy)
		return err_errno(e, ENOMEM, "PATH");
	for (char *dir = strtok_r(copy, ":", &save); dir && !found;
		dir = strtok_r(NULL, ":", &save)) {
		char *file = NULL;

		if (asprintf(&file, "%s/fusermount3", dir) >= 0) {
			found = access(file, X_OK) == 0;
			free(file);
		}
	}
	free(copy);
	return found ? 0
		     : err_set(e, ENOENT,
			       "fusermount3 is missing, which mounts for ordinary users: install "
			       "the package fuse3");
}

static int check_empty(const char *path, struct err *e)
{
	DIR *d = opendir(path);
	struct dirent *entry = NULL;
	bool empty = true;

	if (!d)
		return err_errno(e, errno, "cannot use %s as mount point", path);
	while ((entry = readdir(d)))
		empty = empty && (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."));
	closedir(d);
	return empty ? 0
		     : err_set(e, ENOTEMPTY, "%s is not empty: name an empty folder as mount point",
			       path);
}

int mountpoint_check(const char *path, struct err *e)
{
	struct stat st;
	char type[64];
	int r = mountpoint_type(path, type, e);

	if (r)
		return r;
	if (type[0])
		return err_set(e, EBUSY, "%s has something mounted already (%s); %s%s", path, type,
			mountpoint_is_ours(type) ? "run: evidencefs unmount "
						 : "name another folder",
			mountpoint_is_ours(type) ? path : "");
	if (stat(path, &st))
		return err_errno(e, errno, "cannot use %s as mount point", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ENOTDIR,
			"%s is not a folder: name an empty folder as mount point", path);
	r = check_empty(path, e);
	if (r == 0)
		r = check_fuse(e);
	if (r == 0 && geteuid() != 0)
		r = check_helper(e);
	return r;
}
