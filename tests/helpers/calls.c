/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls.c - what every call says of a name, for tests
 *
 *	calls DIR NAME
 * prints a line for each call and each way to write the name, "call: result errno".
 *	calls -t DIR N < NAMES
 * measures how long look-ups take. NAMES are lines "0 NAME" and "1 NAME", of two kinds.
 *	calls -w DIR N < NAMES
 * does so with kind 1 delayed by some microseconds: can it be told?
 *
 * Lines of two names are alike where no call tells one from the other: a name is written
 * as NAME. Calls that would change something are all expected to fail; who may not do them
 * at all (mount, swapon) is told so, whatever the name is.
 *
 * -t looks at pairs of one name of each kind, in an order drawn by lot, every name once.
 * It prints the share of pairs in which kind 1 took longer, in thousandths, the median of
 * the differences in nanoseconds, and the number of pairs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/acct.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <linux/openat2.h>

#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200
#endif
#ifndef FAN_REPORT_TARGET_FID
#define FAN_REPORT_TARGET_FID 0x1000
#endif
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE  2
#endif

/* ---- every call ----------------------------------------------------------------------- */

static const char *way; /* how the name is written */

/* The result of a call; what it opened is closed again. */
static void say(const char *call, long result)
{
	int error = result < 0 ? errno : 0;

	printf("%s %s: %d %d\n", way, call, result < 0 ? -1 : 0, error);
	if (result > 2 && strncmp(call, "open", 4) == 0)
		close((int)result);
}

static void opens(int at, const char *p)
{
	static const struct {
		const char *name;
		int flags;
	} flags[] = {{"rdonly", O_RDONLY}, {"wronly", O_WRONLY}, {"rdwr", O_RDWR},
		{"accmode", O_ACCMODE}, {"append", O_WRONLY | O_APPEND},
		{"trunc", O_RDONLY | O_TRUNC}, {"wtrunc", O_WRONLY | O_TRUNC},
		{"creat", O_RDONLY | O_CREAT}, {"wcreat", O_WRONLY | O_CREAT},
		{"excl", O_RDWR | O_CREAT | O_EXCL}, {"path", O_PATH},
		{"path-nofollow", O_PATH | O_NOFOLLOW}, {"path-dir", O_PATH | O_DIRECTORY},
		{"dir", O_RDONLY | O_DIRECTORY}, {"nofollow", O_RDONLY | O_NOFOLLOW},
		{"tmpfile", O_TMPFILE | O_RDWR}, {"direct", O_RDONLY | O_DIRECT},
		{"noatime", O_RDONLY | O_NOATIME}, {"nonblock", O_RDONLY | O_NONBLOCK},
		{"sync", O_RDONLY | O_SYNC}, {"dsync", O_RDONLY | O_DSYNC},
		{"async", O_RDONLY | O_ASYNC}, {"noctty", O_RDONLY | O_NOCTTY},
		{"all", O_RDWR | O_CREAT | O_TRUNC | O_APPEND}};
	char call[64];

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		snprintf(call, sizeof(call), "open %s", flags[i].name);
		say(call, openat(at, p, flags[i].flags | O_CLOEXEC, 0600));
	}
}

static void resolves(int at, const char *p)
{
	static const struct {
		const char *name;
		uint64_t resolve;
	} how[] = {{"beneath", RESOLVE_BENEATH}, {"in-root", RESOLVE_IN_ROOT},
		{"no-xdev", RESOLVE_NO_XDEV}, {"no-links", RESOLVE_NO_SYMLINKS},
		{"no-magic", RESOLVE_NO_MAGICLINKS}, {"cached", RESOLVE_CACHED}};
	char call[64];

	for (size_t i = 0; i < sizeof(how) / sizeof(*how); i++) {
		struct open_how h = {.flags = O_RDONLY | O_CLOEXEC, .resolve = how[i].resolve};

		snprintf(call, sizeof(call), "openat2 %s", how[i].name);
		say(call, syscall(SYS_openat2, at, p, &h, sizeof(h)));
		h.flags = O_PATH | O_CLOEXEC;
		snprintf(call, sizeof(call), "openat2 path %s", how[i].name);
		say(call, syscall(SYS_openat2, at, p, &h, sizeof(h)));
	}
}

static void looks(int at, const char *p)
{
	static const int modes[] = {F_OK, R_OK, W_OK, X_OK, R_OK | W_OK | X_OK};
	struct stat st;
	struct statx sx;
	char text[256];

	say("fstatat", fstatat(at, p, &st, 0));
	say("fstatat nofollow", fstatat(at, p, &st, AT_SYMLINK_NOFOLLOW));
	say("fstatat no automount", fstatat(at, p, &st, AT_NO_AUTOMOUNT));
	say("statx", statx(at, p, 0, STATX_ALL, &sx));
	say("statx sync", statx(at, p, AT_STATX_FORCE_SYNC, STATX_BTIME, &sx));
	say("statx dont sync", statx(at, p, AT_STATX_DONT_SYNC, STATX_INO, &sx));
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		snprintf(text, sizeof(text), "access %d", modes[i]);
		say(text, faccessat(at, p, modes[i], 0));
		snprintf(text, sizeof(text), "faccessat2 %d", modes[i]);
		say(text,
			syscall(SYS_faccessat2, at, p, modes[i], AT_EACCESS | AT_SYMLINK_NOFOLLOW));
	}
	say("readlink", readlinkat(at, p, text, sizeof(text)));
}

static void changes(int at, const char *p)
{
	const struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
	char there[32] = "there";

	say("mkdir", mkdirat(at, p, 0700));
	say("mknod fifo", mknodat(at, p, S_IFIFO | 0600, 0));
	say("mknod file", mknodat(at, p, S_IFREG | 0600, 0));
	say("mknod device", mknodat(at, p, S_IFCHR | 0600, 0x103));
	say("unlink", unlinkat(at, p, 0));
	say("rmdir", unlinkat(at, p, AT_REMOVEDIR));
	for (unsigned f = 0; f < 4; f++) {
		char call[64];

		snprintf(call, sizeof(call), "rename from %u", f);
		say(call, syscall(SYS_renameat2, at, p, at, there, f));
		snprintf(call, sizeof(call), "rename to %u", f);
		say(call, syscall(SYS_renameat2, at, there, at, p, f));
		snprintf(call, sizeof(call), "rename out %u", f);
		say(call, syscall(SYS_renameat2, at, p, AT_FDCWD, "/tmp/evidencefs-none", f));
	}
	say("link from", linkat(at, p, at, there, 0));
	say("link from follow", linkat(at, p, at, there, AT_SYMLINK_FOLLOW));
	say("link to", linkat(at, there, at, p, 0));
	say("symlink", symlinkat("x", at, p));
	say("chmod", fchmodat(at, p, 0777, 0));
	say("chown", fchownat(at, p, getuid(), getgid(), 0));
	say("lchown", fchownat(at, p, getuid(), getgid(), AT_SYMLINK_NOFOLLOW));
	say("utimens", utimensat(at, p, now, 0));
	say("utimens null", utimensat(at, p, NULL, AT_SYMLINK_NOFOLLOW));
}

/* Calls that take a path only: it is absolute, or relative to where we are. */
static void paths(const char *p)
{
	struct statvfs sv;
	struct statfs sf;
	char value[256];

	say("truncate", truncate(p, 0));
	say("statvfs", statvfs(p, &sv));
	say("statfs", statfs(p, &sf));
	say("getxattr", getxattr(p, "user.evidencefs.inode", value, sizeof(value)));
	say("getxattr size", getxattr(p, "user.evidencefs.sha256", NULL, 0));
	say("getxattr none", getxattr(p, "user.none", value, sizeof(value)));
	say("getxattr security", getxattr(p, "security.selinux", value, sizeof(value)));
	say("getxattr acl", getxattr(p, "system.posix_acl_access", value, sizeof(value)));
	say("lgetxattr", lgetxattr(p, "system.evidencefs.target", value, sizeof(value)));
	say("listxattr", listxattr(p, value, sizeof(value)));
	say("llistxattr", llistxattr(p, NULL, 0));
	say("setxattr", setxattr(p, "user.x", "y", 1, 0));
	say("setxattr create", setxattr(p, "user.evidencefs.inode", "y", 1, XATTR_CREATE));
	say("lsetxattr", lsetxattr(p, "user.x", "y", 1, XATTR_REPLACE));
	say("setxattr trusted", setxattr(p, "trusted.x", "y", 1, 0));
	say("removexattr", removexattr(p, "user.evidencefs.inode"));
	say("lremovexattr", lremovexattr(p, "user.x"));
	say("acct", acct(p));
	say("swapon", swapon(p, 0));
	say("swapoff", swapoff(p));
	say("chroot", chroot(p));
	say("umount", umount2(p, UMOUNT_NOFOLLOW));
	say("mount from", mount(p, "/tmp", NULL, MS_BIND, NULL));
	say("mount on", mount("/tmp", p, NULL, MS_BIND, NULL));
	say("pivot_root", syscall(SYS_pivot_root, p, p));
	say("open_tree", syscall(SYS_open_tree, AT_FDCWD, p, 1u /* clone */));
	say("open_tree look", syscall(SYS_open_tree, AT_FDCWD, p, 0u));
}

static void handles(int at, const char *p)
{
	static const int flags[] = {
		0, AT_SYMLINK_FOLLOW, AT_HANDLE_FID, AT_HANDLE_FID | AT_SYMLINK_FOLLOW};

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		char memory[sizeof(struct file_handle) + 128];
		struct file_handle *h = (struct file_handle *)(void *)memory;
		char call[64];
		int mount = 0;

		h->handle_bytes = 128;
		snprintf(call, sizeof(call), "name_to_handle_at %#x", (unsigned)flags[i]);
		say(call, name_to_handle_at(at, p, h, &mount, flags[i]));
		h->handle_bytes = 0;
		snprintf(call, sizeof(call), "name_to_handle_at size %#x", (unsigned)flags[i]);
		say(call, name_to_handle_at(at, p, h, &mount, flags[i]));
		h->handle_bytes = 8;
		h->handle_type = 1;
		say("open_by_handle_at", open_by_handle_at(at, h, O_RDONLY));
	}
}

static void watches(int at, const char *p)
{
	static const unsigned groups[] = {FAN_CLASS_NOTIF, FAN_CLASS_NOTIF | FAN_REPORT_FID,
		FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME,
		FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_REPORT_FID | FAN_REPORT_TARGET_FID};
	int n = inotify_init1(IN_CLOEXEC);

	say("inotify", inotify_add_watch(n, p, IN_ALL_EVENTS));
	say("inotify only dir", inotify_add_watch(n, p, IN_OPEN | IN_ONLYDIR));
	say("inotify dont follow", inotify_add_watch(n, p, IN_OPEN | IN_DONT_FOLLOW));
	close(n);
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		int f = fanotify_init(groups[i] | FAN_CLOEXEC, O_RDONLY);
		char call[64];

		snprintf(call, sizeof(call), "fanotify_init %zu", i);
		say(call, f < 0 ? -1 : 0);
		snprintf(call, sizeof(call), "fanotify_mark %zu", i);
		say(call, fanotify_mark(f, FAN_MARK_ADD, FAN_OPEN, at, p));
		snprintf(call, sizeof(call), "fanotify_mark dir %zu", i);
		say(call, fanotify_mark(f, FAN_MARK_ADD | FAN_MARK_ONLYDIR, FAN_OPEN, at, p));
		snprintf(call, sizeof(call), "fanotify_mark remove %zu", i);
		say(call, fanotify_mark(f, FAN_MARK_REMOVE, FAN_OPEN, at, p));
		if (f >= 0)
			close(f);
	}
}

/* Calls that would end this process, or move it, are made by another. */
static void in_child(const char *call, int (*fn)(int at, const char *p), int at, const char *p)
{
	int status = 0;
	pid_t child = 0;

	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(fn(at, p) == 0 ? 0 : errno);
	waitpid(child, &status, 0);
	printf("%s %s: %d\n", way, call, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static int do_exec(int at, const char *p)
{
	char *const argv[] = {(char *)(uintptr_t) "x", NULL};

	return execveat(at, p, argv, argv + 1, 0);
}

static int do_chdir(int at, const char *p)
{
	return fchdir(at) < 0 ? -1 : chdir(p);
}

static int with_socket(int at, const char *p, bool bound)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fchdir(at) < 0 || strlen(p) >= sizeof(a.sun_path)) {
		errno = EXFULL;
		return -1;
	}
	strcpy(a.sun_path, p);
	return bound ? bind(s, (struct sockaddr *)&a, sizeof(a))
		     : connect(s, (struct sockaddr *)&a, sizeof(a));
}

static int do_bind(int at, const char *p)
{
	return with_socket(at, p, true);
}

static int do_connect(int at, const char *p)
{
	return with_socket(at, p, false);
}

static void all(int at, const char *base, const char *p, const char *how)
{
	char path[4096];

	way = how;
	snprintf(path, sizeof(path), "%s/%s", base, p);
	looks(at, p);
	opens(at, p);
	resolves(at, p);
	changes(at, p);
	handles(at, p);
	paths(path);
	watches(at, path);
	in_child("exec", do_exec, at, p);
	in_child("chdir", do_chdir, at, p);
	in_child("bind", do_bind, at, p);
	in_child("connect", do_connect, at, p);
}

/* Of a directory that is open. */
static int every_call(const char *dir, const char *name)
{
	int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char text[4096];

	if (at < 0) {
		perror(dir);
		return 1;
	}
	all(at, dir, name, "NAME");
	snprintf(text, sizeof(text), "%s/", name);
	all(at, dir, text, "NAME/");
	snprintf(text, sizeof(text), "%s/.", name);
	all(at, dir, text, "NAME/.");
	snprintf(text, sizeof(text), "%s/..", name);
	all(at, dir, text, "NAME/..");
	snprintf(text, sizeof(text), "%s/below", name);
	all(at, dir, text, "NAME/below");
	snprintf(text, sizeof(text), "%s/below/deeper", name);
	all(at, dir, text, "NAME/below/deeper");
	snprintf(text, sizeof(text), "./%s", name);
	all(at, dir, text, "./NAME");
	snprintf(text, sizeof(text), "%s:stream", name);
	all(at, dir, text, "NAME:stream");
	close(at);
	return 0;
}

/* ---- waits ------------------------------------------------------------------------------ */

#define DELAY_NS 3000 /* of -w */

struct names {
	char **v;
	size_t n;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int64_t look(int at, const char *name, uint64_t delay_ns)
{
	struct stat st;
	uint64_t begin = now_ns();
	int r = fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW);
	uint64_t end = now_ns();

	if (r == 0 || errno != ENOENT) {
		fprintf(stderr, "%s: %s\n", name, r == 0 ? "is there" : strerror(errno));
		exit(1);
	}
	while (delay_ns && now_ns() < end + delay_ns)
		;
	return (int64_t)((delay_ns ? now_ns() : end) - begin);
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int waits(const char *dir, size_t n, bool delayed)
{
	struct names kinds[2] = {{calloc(n, sizeof(char *)), 0}, {calloc(n, sizeof(char *)), 0}};
	int64_t *differences = calloc(n, sizeof(*differences));
	int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char line[512];
	size_t longer = 0;

	while (fgets(line, sizeof(line), stdin)) {
		struct names *k = &kinds[line[0] == '1'];

		line[strcspn(line, "\n")] = '\0';
		if (k->n < n)
			k->v[k->n++] = strdup(line + 2);
	}
	if (at < 0 || kinds[0].n < n || kinds[1].n < n) {
		fprintf(stderr, "%s: not as many names, or no such folder\n", dir);
		return 1;
	}
	srandom((unsigned)now_ns());
	for (size_t i = 0; i < n; i++) {
		bool first = random() & 0x10000;
		int64_t took[2] = {0, 0};

		took[first] = look(at, kinds[first].v[i], delayed && first ? DELAY_NS : 0);
		took[!first] = look(at, kinds[!first].v[i], delayed && !first ? DELAY_NS : 0);
		differences[i] = took[1] - took[0];
		longer += took[1] > took[0];
	}
	qsort(differences, n, sizeof(*differences), by_value);
	printf("%zu %lld %zu\n", longer * 1000 / n, (long long)differences[n / 2], n);
	for (size_t i = 0; i < n; i++) {
		free(kinds[0].v[i]);
		free(kinds[1].v[i]);
	}
	free(kinds[0].v);
	free(kinds[1].v);
	free(differences);
	close(at);
	return 0;
}

int main(int argc, char **argv)
{
	if (getuid() == 0) {
		fprintf(stderr, "calls: root's calls could succeed\n");
		return 2;
	}
	if (argc == 4 && (!strcmp(argv[1], "-t") || !strcmp(argv[1], "-w")))
		return waits(argv[2], strtoul(argv[3], NULL, 10), argv[1][1] == 'w');
	if (argc == 3)
		return every_call(argv[1], argv[2]);
	fprintf(stderr, "usage: calls DIR NAME | calls -t|-w DIR N\n");
	return 2;
}
