/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-process.c - who asked: right the first time, from the cache, after an exec, after the
 * end of the process, and when its number is another's.
 */
#include "tap.h"

#include <errno.h>
#include <grp.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mount/process.h"

static struct audit_event describe(struct process_cache *c, pid_t pid)
{
	struct audit_event ev = {.loginuid = AUDIT_NO_LOGINUID};

	process_describe(c, pid, &ev);
	return ev;
}

static bool same(const struct audit_event *a, const struct audit_event *b)
{
	return a->process_start == b->process_start && a->loginuid == b->loginuid &&
	       !strcmp(a->exe, b->exe);
}

/*
 * A child that waits, then becomes `cat`, which waits too. @wanted: its number, or 0.
 * Return: its number, -1; closing *@go lets it become `cat`, closing *@end ends that.
 */
static pid_t child(pid_t wanted, int *go, int *end)
{
	struct clone_args args = {.exit_signal = SIGCHLD,
		.set_tid = wanted ? (uintptr_t)&wanted : 0,
		.set_tid_size = wanted ? 1 : 0};
	int gate[2];
	int input[2];
	pid_t pid = -1;
	char byte = 0;

	if (pipe(gate) || pipe(input))
		return -1;
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		close(gate[1]);
		close(input[1]);
		dup2(input[0], STDIN_FILENO);
		if (read(gate[0], &byte, 1) == 0)
			execlp("cat", "cat", (char *)NULL);
		_exit(1);
	}
	close(gate[0]);
	close(input[0]);
	*go = gate[1];
	*end = input[1];
	return pid;
}

static void read_link(pid_t pid, char exe[static 256])
{
	char link[32];
	ssize_t n = 0;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	n = readlink(link, exe, 255);
	exe[n > 0 ? n : 0] = '\0';
}

/* Asked all the while until it is: then the first answer names it. */
static bool is_cat(struct process_cache *c, pid_t pid, struct audit_event *ev)
{
	char exe[256] = "";

	for (unsigned i = 0; i < 5000; i++) {
		*ev = describe(c, pid);
		read_link(pid, exe);
		/* cat may be another name for a program of many */
		if (exe[0] && !strstr(exe, "t-process")) {
			*ev = describe(c, pid);
			return strcmp(ev->exe, exe) == 0;
		}
		usleep(1000);
	}
	return false;
}

/* The program of a process is renamed and removed while it runs: the next answer says so. */
static void test_renamed(struct process_cache *c)
{
	char dir[] = "/tmp/t-process-XXXXXX";
	char command[256];
	char exe[256];
	char one[64];
	char two[64];
	unsigned good = 0;
	pid_t pid = -1;

	if (!mkdtemp(dir))
		bail_out("no folder");
	snprintf(one, sizeof(one), "%s/one", dir);
	snprintf(two, sizeof(two), "%s/two", dir);
	snprintf(command, sizeof(command), "cp \"$(command -v sleep)\" %s", one);
	if (system(command) != 0)
		bail_out(command);
	pid = fork();
	if (pid == 0) {
		execl(one, "sleep", "1000", (char *)NULL);
		_exit(1);
	}
	for (unsigned i = 0; i < 5000 && (read_link(pid, exe), strcmp(exe, one) != 0); i++)
		usleep(1000);
	good += !strcmp(describe(c, pid).exe, one) && !strcmp(describe(c, pid).exe, one);
	good += rename(one, two) == 0 && !strcmp(describe(c, pid).exe, two);
	good += unlink(two) == 0 && (read_link(pid, exe), !strcmp(describe(c, pid).exe, exe)) &&
		strcmp(exe, two) != 0;
	is_int(good, 3, "a program that is renamed or removed while it runs is told anew at once");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	rmdir(dir);
}

/* Whether they are those that the kernel says, each once. */
static bool groups_are(const struct audit_event *ev)
{
	gid_t all[1024];
	int n = getgroups(1024, all);
	unsigned found = 0;

	for (unsigned i = 0; i < ev->groups_n && i < AUDIT_GROUPS_MAX; i++) {
		int k = 0;

		while (k < n && all[k] != ev->groups[i])
			k++;
		found += k < n && (i == 0 || ev->groups[i] > ev->groups[i - 1]);
	}
	return found == (ev->groups_n < AUDIT_GROUPS_MAX ? ev->groups_n : AUDIT_GROUPS_MAX) &&
	       (n <= 0 || ev->groups_n > 0) && ev->groups_n <= n;
}

/* What a shell says of it; 0: there is no cgroup2. */
static long long own_cgroup(void)
{
	FILE *f = popen("d=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)\n"
			"case $d in */..*) exit;; esac\n"
			"[ \"$(stat -fc %T \"$d\")\" = cgroup2fs ] && stat -c %i \"$d\"",
		"r");
	long long id = 0;

	if (!f || fscanf(f, "%lld", &id) != 1)
		id = 0;
	if (f)
		pclose(f);
	return id;
}

/* A child in many groups, of which the lowest are named and all are counted. */
static void test_groups(struct process_cache *c)
{
	gid_t many[100];
	int go[2];
	char byte = 0;
	pid_t pid = -1;
	struct audit_event ev;

	if (getuid() != 0 || pipe(go) < 0) {
		skip("groups can be set by root only");
		return;
	}
	for (unsigned i = 0; i < 100; i++)
		many[i] = 70000 + (i * 37) % 100;
	pid = fork();
	if (pid == 0) {
		if (setgroups(100, many) < 0 || write(go[1], "r", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	ok(read(go[0], &byte, 1) == 1, "a process in a hundred groups");
	ev = describe(c, pid);
	ok(ev.groups_known && ev.groups_n == 100 && ev.groups[0] == 70000 &&
			ev.groups[AUDIT_GROUPS_MAX - 1] == 70000 + AUDIT_GROUPS_MAX - 1,
		"all are counted, the lowest named in order");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(go[0]);
	close(go[1]);
}

static void test_self(struct process_cache *c)
{
	struct audit_event fresh = describe(NULL, getpid());
	struct audit_event first = describe(c, getpid());
	struct audit_event again = describe(c, getpid());
	char exe[256];
	struct stat st;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n > 0 ? n : 0] = '\0';
	is_str(first.exe, exe, "the executable");
	ok(first.process_start > 0, "the start time");
	is_int(first.process, getpid(), "the process");
	ok(stat("/proc/self/exe", &st) == 0 && first.exe_file.inode == st.st_ino &&
			first.exe_file.major == major(st.st_dev) &&
			first.exe_file.ctime_ns / 1000000000 == st.st_ctim.tv_sec,
		"which file the executable is");
	ok(first.groups_known && groups_are(&first), "its supplementary groups");
	is_int(first.cgroup, own_cgroup(), "its cgroup");
	ok(same(&fresh, &first) && same(&first, &again), "with and without the cache alike");
}

static void test_life(struct process_cache *c)
{
	struct audit_event ev;
	struct audit_event before;
	int go = -1;
	int end = -1;
	pid_t pid = child(0, &go, &end);
	pid_t second = -1;

	before = describe(c, pid);
	ok(strstr(before.exe, "t-process") != NULL, "a child that has not executed anything");
	close(go);
	ok(is_cat(c, pid, &ev), "after an exec the new program is named");
	ok(ev.process_start == before.process_start, "it is the same process");
	close(end);
	waitpid(pid, NULL, 0);
	before = describe(c, pid);
	ok(before.process_start == 0 && before.exe[0] == '\0',
		"a process that is gone has no name");

	usleep(50000); /* some clock ticks: it is told by its start */
	second = child(pid, &go, &end);
	if (second < 0) {
		skip("a process number cannot be chosen here");
		return;
	}
	before = describe(c, second);
	ok(second == pid && before.process_start > ev.process_start,
		"a number that is used again is another process");
	close(go);
	close(end);
	waitpid(second, NULL, 0);
}

/* As above, with nobody asking between the end of the one and the begin of the other. */
static void test_reuse(struct process_cache *c)
{
	struct audit_event first;
	struct audit_event second;
	int go = -1;
	int end = -1;
	pid_t pid = child(0, &go, &end);
	pid_t again = -1;

	close(go);
	is_cat(c, pid, &first);
	close(end);
	waitpid(pid, NULL, 0);
	usleep(50000);
	again = child(pid, &go, &end);
	if (again < 0) {
		skip("a process number cannot be chosen here");
		return;
	}
	second = describe(c, again);
	ok(strstr(second.exe, "t-process") && second.process_start > first.process_start,
		"nor is what the cache knew of the number before believed");
	close(go);
	close(end);
	waitpid(again, NULL, 0);
}

struct told {
	unsigned times;
};

static int tell_exe(void *ctx, pid_t pid, uint64_t start_time, char *out, size_t size,
	struct audit_exe_file *file)
{
	struct told *t = ctx;

	t->times++;
	file->inode = 4711;
	return start_time ? snprintf(out, size, "/told/%d", (int)pid) : -ESRCH;
}

/* Another user's program: /proc does not name it to this one. Return: its exit status. */
static int ask_of_another(pid_t pid)
{
	struct told told = {0};
	struct process_cache *c = NULL;
	struct audit_event ev = {.exe = ""};
	char want[32];
	char link[32];
	int wrong = 0;

	if (getuid() == 0 && (setgid(65534) || setuid(65534)))
		return 77;
	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	if (readlink(link, want, sizeof(want)) >= 0 || errno != EACCES)
		return 77;
	c = process_cache_new(tell_exe, &told);
	snprintf(want, sizeof(want), "/told/%d", (int)pid);
	for (unsigned i = 0; i < 100; i++) {
		ev = describe(c, pid);
		wrong += strcmp(ev.exe, want) != 0 || ev.exe_file.inode != 4711;
	}
	wrong += told.times == 0 || told.times > 3; /* once a second, on a slow machine */
	usleep(1100000);
	told.times = 0;
	describe(c, pid);
	wrong += told.times != 1;
	process_cache_free(c);
	return wrong != 0;
}

static void test_told(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(ask_of_another(1));
	waitpid(pid, &status, 0);
	if (WEXITSTATUS(status) == 77)
		skip("there is no process of another user");
	else
		is_int(status, 0, "what /proc refuses to tell is asked for, once a second");
}

int main(void)
{
	struct process_cache *c = process_cache_new(NULL, NULL);
	struct audit_event none = describe(c, 0);

	ok(none.process_start == 0 && none.exe[0] == '\0', "no process");
	test_self(c);
	test_groups(c);
	test_life(c);
	test_renamed(c);
	test_reuse(c);
	test_told();
	process_cache_free(c);
	process_cache_free(NULL);
	return done_testing();
}
