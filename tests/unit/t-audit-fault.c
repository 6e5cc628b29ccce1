/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-audit-fault.c - the access log when something goes wrong: torn and damaged
 * files, a full disk, a disk that cannot sync, a process that is killed. What was
 * acknowledged is always there, and nothing is lost silently.
 */
#include "tap.h"

#include "audit-help.h"

#include "audit/record.h"
#include "base/thread.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

/* In place of libc's: a sync that fails when told to. */
static atomic_int sync_fault;
static atomic_int syncs;

int fdatasync(int fd)
{
	syncs++;
	if (sync_fault) {
		errno = sync_fault;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

struct told {
	atomic_int times;
	char last[256];
};

static void note_fault(void *context, const char *text)
{
	struct told *t = context;

	snprintf(t->last, sizeof(t->last), "%s", text);
	t->times++;
}

/* A log of OPEN, READ, OPEN (of eight units); its bytes, and where the last begins. */
static uint8_t *three_records(size_t *n, size_t *last)
{
	struct place at;
	struct audit_log *l = NULL;
	char exe[AUDIT_EXE_MAX + 1];
	uint8_t *bytes = NULL;

	memset(exe, 'x', sizeof(exe) - 1);
	exe[sizeof(exe) - 1] = '\0';
	place_make(&at);
	must_open(at.log, &l);
	if (append(l, event_open("/usr/bin/less")) || append(l, event_read(1, 0)) ||
		append(l, event_open(exe)))
		bail_out("append");
	audit_close(l);
	bytes = load_file(at.log, SEGMENT_ONE, n);
	*last = *n - 512;
	place_remove(&at);
	return bytes;
}

static bool is_kept(const char *top, const char *name, const uint8_t *p, size_t n)
{
	char dir[128];
	size_t got = 0;
	uint8_t *bytes = NULL;
	bool same = false;

	snprintf(dir, sizeof(dir), "%s/torn", top);
	bytes = load_file(dir, name, &got);
	same = got == n && memcmp(bytes, p, n) == 0;
	free(bytes);
	return same;
}

/* A log whose segment is [n] of @bytes: whole up to @end, @records before that. */
static bool torn_is_repaired(const uint8_t *bytes, size_t n, size_t end, int64_t records)
{
	struct place at;
	struct audit_log *l = NULL;
	struct audit_event ev = event_read(1, 9);
	struct err e = {.code = 0};
	char want[64];
	bool good = false;

	place_make(&at);
	store_file(at.log, SEGMENT_ONE, bytes, n);
	good = count_records(at.log, &e) == records;
	must_open(at.log, &l);
	snprintf(want, sizeof(want), SEGMENT_ONE "-at-%zu", end);
	good = good && audit_torn(l) && strcmp(audit_torn(l), want) == 0;
	good = good && is_kept(at.top, want, bytes + end, n - end);
	good = good && audit_size(l) == (uint64_t)records;
	good = good && audit_append(l, &ev) == 0 && ev.seq == (uint64_t)records + 1;
	audit_close(l);
	good = good && count_records(at.log, &e) == records + 1;
	place_remove(&at);
	return good;
}

/* Zeros behind the last record are nothing that was lost. */
static bool space_is_cut(const uint8_t *bytes, size_t n, size_t end, int64_t records)
{
	struct place at;
	struct audit_log *l = NULL;
	struct err e = {.code = 0};
	struct stat st = {.st_size = 0};
	char path[128];
	bool good = false;

	place_make(&at);
	store_file(at.log, SEGMENT_ONE, bytes, n);
	good = count_records(at.log, &e) == records;
	must_open(at.log, &l);
	good = good && !audit_torn(l) && audit_size(l) == (uint64_t)records;
	audit_close(l);
	snprintf(path, sizeof(path), "%s/" SEGMENT_ONE, at.log);
	good = good && stat(path, &st) == 0 && st.st_size == (off_t)end;
	place_remove(&at);
	return good;
}

/* A record of which what is stored last is not there: with space behind it, or not. */
static size_t begun_is_torn(uint8_t *bytes, size_t n, size_t last, size_t space)
{
	uint8_t was[RECORD_UNIT];
	size_t good = 0;

	memcpy(was, bytes + last, RECORD_UNIT);
	memset(bytes + last + RECORD_BEGUN, 0, 4);
	good += torn_is_repaired(bytes, n + space, last, 2);
	memset(bytes + last, 0, RECORD_UNIT);
	good += torn_is_repaired(bytes, n + space, last, 2);
	memcpy(bytes + last, was, RECORD_UNIT);
	return good;
}

static void test_torn(void)
{
	size_t n = 0;
	size_t last = 0;
	uint8_t *bytes = three_records(&n, &last);
	uint8_t *zeros = calloc(1, n + 8192);
	size_t good = 0;

	for (size_t cut = last + 1; cut < n; cut++)
		good += torn_is_repaired(bytes, cut, last, 2);
	is_int(good, (long long)(n - last - 1), "a record torn at any byte is cut off and kept");
	good = 0;
	for (size_t cut = 0; cut < 64; cut++)
		good += torn_is_repaired(bytes, cut, 0, 0);
	is_int(good, 64, "and a torn head");
	memcpy(zeros, bytes, n);
	ok(space_is_cut(zeros, n + 8192, n, 3),
		"zeros behind the last record are no more than space");
	is_int((long long)(begun_is_torn(zeros, n, last, 0) + begun_is_torn(zeros, n, last, 8192)),
		4, "a record that was begun is torn");
	memset(zeros, 0, n);
	ok(torn_is_repaired(zeros, n + 8192, 0, 0), "a segment of zeros is torn");
	free(zeros);
	free(bytes);
}

/* Twice torn at the same place: neither is lost. */
static void test_torn_twice(void)
{
	struct place at;
	struct audit_log *l = NULL;
	size_t n = 0;
	size_t last = 0;
	uint8_t *bytes = three_records(&n, &last);

	place_make(&at);
	for (size_t i = 1; i <= 3; i++) {
		store_file(at.log, SEGMENT_ONE, bytes, last + i);
		must_open(at.log, &l);
		audit_close(l);
	}
	ok(is_kept(at.top, SEGMENT_ONE "-at-384", bytes + last, 1) &&
			is_kept(at.top, SEGMENT_ONE "-at-384-2", bytes + last, 2) &&
			is_kept(at.top, SEGMENT_ONE "-at-384-3", bytes + last, 3),
		"torn again at the same offset: all are kept");
	free(bytes);
	place_remove(&at);
}

/* Of a log that is not sealed: what a reader says, and what a writer keeps. */
static void test_damaged(void)
{
	struct place at;
	struct audit_log *l = NULL;
	size_t n = 0;
	size_t last = 0;
	size_t good = 0;
	size_t kept = 0;
	uint8_t *bytes = three_records(&n, &last);

	for (size_t i = 0; i < last; i++) {
		size_t record = i < 64 ? 0 : i < 320 ? 64 : 320;
		char where[64];
		struct err e = {.code = 0};

		place_make(&at);
		bytes[i] ^= 0x41;
		store_file(at.log, SEGMENT_ONE, bytes, n);
		snprintf(where, sizeof(where), "offset %zu", record);
		good += count_records(at.log, &e) == -EBADMSG && strstr(e.text, where) &&
			strstr(e.text, SEGMENT_ONE);
		if (record > 0 && audit_open(at.log, &l, NULL) == 0) {
			snprintf(where, sizeof(where), SEGMENT_ONE "-at-%zu", record);
			kept += audit_size(l) == (record > 64) &&
				is_kept(at.top, where, bytes + record, n - record);
			audit_close(l);
		}
		bytes[i] ^= 0x41;
		place_remove(&at);
	}
	is_int(good, (long long)last, "damage at any byte is reported with segment and offset");
	is_int(kept, (long long)last - 64, "what is not sealed, and damaged, is kept and cut off");
	free(bytes);
}

/* What a checkpoint covers is never cut off. */
static void test_damaged_sealed(void)
{
	struct place at;
	struct audit_log *l = NULL;
	size_t n = 0;
	size_t untouched = 0;
	uint8_t *bytes = NULL;
	struct err e = {.code = 0};

	place_make(&at);
	must_open(at.log, &l);
	if (audit_seal(l, NULL, NULL, &e) || append(l, event_open("/usr/bin/less")) ||
		append(l, event_read(2, 0)))
		bail_out("no sealed log");
	audit_close(l);
	bytes = load_file(at.log, SEGMENT_ONE, &n);
	for (size_t i = 0; i <= n; i++) {
		size_t size = i < n ? n : n - 1; /* the last is cut short */
		size_t after = 0;
		uint8_t *left = NULL;

		bytes[i] ^= 0x41;
		store_file(at.log, SEGMENT_ONE, bytes, size);
		untouched += audit_open(at.log, &l, NULL) == -EBADMSG;
		left = load_file(at.log, SEGMENT_ONE, &after);
		untouched -= after != size || memcmp(left, bytes, size) != 0;
		free(left);
		bytes[i] ^= 0x41;
	}
	is_int(untouched, (long long)n + 1,
		"a log with damage in what is sealed is not continued, and not changed");
	store_file(at.log, SEGMENT_ONE, bytes, 0);
	is_int(audit_open(at.log, &l, NULL), -EBADMSG, "nor one that is empty now");
	free(bytes);
	place_remove(&at);
}

/* The last record whole but wrong: damage for a reader; the writer keeps it aside. */
static void test_damaged_last(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct err e = {.code = 0};
	size_t n = 0;
	size_t last = 0;
	uint8_t *bytes = three_records(&n, &last);

	place_make(&at);
	bytes[last + 100] ^= 1;
	store_file(at.log, SEGMENT_ONE, bytes, n);
	is_int(count_records(at.log, &e), -EBADMSG, "a damaged last record is reported");
	must_open(at.log, &l);
	ok(audit_torn(l) && is_kept(at.top, audit_torn(l), bytes + last, 512),
		"the writer keeps it in torn/");
	audit_close(l);
	free(bytes);
	place_remove(&at);
}

/* Append reads until one fails. Return: how many were acknowledged. */
static uint64_t append_until_failure(struct audit_log *l, int *rc)
{
	uint64_t n = 0;

	for (*rc = 0; *rc == 0; n += *rc == 0) {
		struct audit_event ev = n % 2 ? event_read(1, n) : event_open("/usr/bin/find");

		*rc = audit_append(l, &ev);
	}
	return n;
}

/* Append until it works again; within ten seconds. */
static bool append_until_success(struct audit_log *l, struct audit_event *ev)
{
	struct timespec pause = {.tv_nsec = 1000000};

	for (unsigned i = 0; i < 10000; i++) {
		if (audit_append(l, ev) == 0)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static void test_file_limit(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct told told = {.times = 0};
	struct audit_event ev = event_read(1, 1);
	struct rlimit limit;
	struct rlimit before;
	struct err e = {.code = 0};
	uint64_t n = 0;
	int rc = 0;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	place_make(&at);
	must_open(at.log, &l);
	audit_on_fault(l, note_fault, &told);
	limit = before;
	limit.rlim_cur = 10000 + 40; /* in the middle of a unit */
	setrlimit(RLIMIT_FSIZE, &limit);
	n = append_until_failure(l, &rc);
	is_int(rc, -EFBIG, "at the limit an append fails");
	rc = append(l, event_open("/bin/cat"));
	ok(rc == -EFBIG && audit_size(l) == n, "and again, and is not counted");
	is_int(count_records(at.log, &e), (long long)n, "a reader sees what was acknowledged");
	is_int(told.times, 1, "it was told once");
	diag("%s", told.last);
	setrlimit(RLIMIT_FSIZE, &before);
	ok(audit_append(l, &ev) == 0 && ev.seq == n + 1, "with space back it goes on");
	ok(told.times == 2 && strstr(told.last, "2 acts refused"), "and says so: %s", told.last);
	audit_close(l);
	is_int(count_records(at.log, &e), (long long)n + 1, "without a gap");
	place_remove(&at);
}

static void fill_disk(const char *dir, const char *name)
{
	char path[PATH_MAX];
	static const uint8_t page[4096];
	int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	while (fd >= 0 && write(fd, page, sizeof(page)) > 0)
		;
	close(fd);
}

/* Bytes on the disk that a file has behind what is in it. */
static long long allocated(const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct stat st = {.st_size = 0};
	size_t n = 0;
	uint8_t *bytes = load_file(dir, name, &n);

	while (n > 0 && bytes[n - 1] == 0)
		n--;
	free(bytes);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (stat(path, &st) < 0)
		bail_out(path);
	return (long long)st.st_blocks * 512 - (long long)n;
}

static void test_full_disk(void)
{
	struct audit_event act = {.type = AUDIT_REVOKE, .decision = AUDIT_ALLOWED};
	char text[AUDIT_TEXT_MAX];
	struct place at;
	struct audit_log *l = NULL;
	struct told told = {.times = 0};
	struct audit_event ev = event_open("/bin/cat");
	struct err e = {.code = 0};
	char ballast[128];
	uint64_t n = 0;
	int rc = 0;

	place_make(&at);
	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("t-audit", at.top, "tmpfs", 0, "size=4m") < 0) {
		skip("cannot mount a small file system");
		place_remove(&at);
		return;
	}
	must_open(at.log, &l);
	audit_on_fault(l, note_fault, &told);
	snprintf(ballast, sizeof(ballast), "%s/ballast", at.top);
	while (allocated(at.log, SEGMENT_ONE) < (1 << 20) - 4096)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	fill_disk(at.top, "ballast");
	n = append_until_failure(l, &rc);
	is_int(rc, -ENOSPC, "on a full disk an append fails");
	is_int(count_records(at.log, &e), (long long)n, "nothing of it can be read");
	is_int(told.times, 1, "it was told once");
	for (unsigned i = 0; i < 1000; i++, n++) {
		if (audit_append_act(l, &act) < 0)
			break;
	}
	ok(act.seq == n, "what must be recorded goes into the space that was taken ahead");
	ok(audit_fault(l, text) && strstr(text, "no space left"), "it is not well: %s", text);
	ok(allocated(at.log, SEGMENT_ONE) > (1 << 16), "of which there is more");
	unlink(ballast);
	while (audit_fault(l, text))
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	ok(audit_append(l, &ev) == 0 && ev.seq == n + 1, "with space back it goes on, by itself");
	n += 1 + append_until_failure(l, &rc);
	audit_close(l);
	is_int(rc, -ENOSPC, "until it is full again");
	ok(allocated(at.log, SEGMENT_ONE) < 8192, "nothing taken ahead is left when it is closed");
	is_int(count_records(at.log, &e), (long long)n, "all acknowledged are there");
	umount(at.top);
	place_remove(&at);
}

/* ---- stores that are refused by a signal -------------------------------------------------- */

/* A log whose records are stored, not written; @n: how many are there. Return: false: not here. */
static bool stored_log(struct place *at, struct audit_log **l, uint64_t *n)
{
	struct stat st = {.st_size = 0};
	char path[128];

	place_make(at);
	must_open(at->log, l);
	for (*n = 0; *n < 100; (*n)++)
		append(*l, event_read(1, *n));
	snprintf(path, sizeof(path), "%s/" SEGMENT_ONE, at->log);
	if (stat(path, &st) < 0 || truncate(path, 0) < 0)
		bail_out(path);
	if (st.st_size % 4096 == 0)
		return true;
	audit_close(*l);
	place_remove(at);
	return false;
}

static void *append_one(void *arg)
{
	struct audit_event ev = event_read(1, 1);

	return audit_append(arg, &ev) == 0 ? arg : NULL;
}

/* What SIGBUS of anything but the log does. Return: a status of wait(2). */
static int touch_nothing(const char *top)
{
	char path[128];
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = -1;
		volatile char *p = NULL;
		struct rlimit none = {.rlim_cur = 0};

		setrlimit(RLIMIT_CORE, &none);
		snprintf(path, sizeof(path), "%s/empty", top);
		fd = open(path, O_RDWR | O_CREAT, 0600);
		p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
		_exit(p[0]);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void test_refused_stores(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct rlimit before;
	struct rlimit limit;
	pthread_t thread;
	void *done = NULL;
	uint64_t n = 0;
	int status = 0;

	if (!stored_log(&at, &l, &n)) {
		skip("this file system is not stored into");
		return;
	}
	/* of a thread that takes no signals */
	if (thread_start(&thread, append_one, l) || pthread_join(thread, &done))
		bail_out("no thread");
	ok(done == l && audit_size(l) == n + 1, "a store that is refused is a write");
	ok(append(l, event_read(1, 2)) == 0, "and so are all that come");
	status = touch_nothing(at.top);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS, "other faults end the process");
	audit_close(l);
	place_remove(&at);
	stored_log(&at, &l, &n);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 4096;
	setrlimit(RLIMIT_FSIZE, &limit);
	is_int(append(l, event_read(1, 1)), -EFBIG,
		"where it cannot be written, it is not recorded");
	is_int((long long)audit_size(l), (long long)n, "nor counted");
	setrlimit(RLIMIT_FSIZE, &before);
	audit_close(l);
	place_remove(&at);
}

static size_t count_segments(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *entry = NULL;
	size_t n = 0;

	while (d && (entry = readdir(d)))
		n += strncmp(entry->d_name, "log-", 4) == 0;
	if (d)
		closedir(d);
	return n;
}

/* Another thread tells: within ten seconds. */
static bool is_told(struct told *t, int times)
{
	struct timespec pause = {.tv_nsec = 1000000};

	for (unsigned i = 0; i < 10000 && t->times < times; i++)
		nanosleep(&pause, NULL);
	return t->times == times;
}

static void test_sync_fault(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct told told = {.times = 0};
	struct err e = {.code = 0};
	uint64_t n = 0;
	bool same = true;

	place_make(&at);
	must_open(at.log, &l);
	audit_on_fault(l, note_fault, &told);
	for (unsigned round = 1; round <= 3; round++) {
		struct audit_event ev = event_read(1, round);
		int rc = 0;

		sync_fault = EIO;
		n += append_until_failure(l, &rc);
		same = same && rc == -EIO && append(l, event_read(1, 0)) == -EIO;
		same = same && is_told(&told, (int)(2 * round - 1));
		same = same && count_records(at.log, &e) == (int64_t)n;
		sync_fault = 0;
		same = same && append_until_success(l, &ev) && ev.seq == ++n;
		same = same && is_told(&told, (int)(2 * round));
		same = same && count_segments(at.log) == round + 1;
	}
	ok(same, "after a failed sync nothing is taken until it works; then a new segment begins");
	diag("%llu records; %s", (unsigned long long)n, told.last);
	is_int(count_records(at.log, &e), (long long)n, "all acknowledged are there, in order");
	audit_close(l);
	must_open(at.log, &l);
	is_int(audit_size(l), (long long)n, "also when opened again");
	audit_close(l);
	place_remove(&at);
}

static void test_act(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct told told = {.times = 0};
	struct audit_event ev = {
		.type = AUDIT_GRANT, .decision = AUDIT_ALLOWED, .case_id = 3, .object = 9};
	struct err e = {.code = 0};
	int before = 0;

	place_make(&at);
	must_open(at.log, &l);
	audit_on_fault(l, note_fault, &told);
	before = syncs;
	ok(audit_append_act(l, &ev) == 0 && ev.seq == 1 && syncs > before,
		"an act is synced when it is appended");
	sync_fault = EIO;
	ev.seq = 0;
	is_int(audit_append_act(l, &ev), -EIO, "one that cannot be synced has failed");
	is_int((long long)ev.seq, 2, "though it was written, as its number tells");
	ev.seq = 0;
	ok(audit_append_act(l, &ev) == -EIO && ev.seq == 0, "the next is not even written");
	sync_fault = 0;
	ok(append_until_success(l, &ev) && ev.seq == 3, "until it works again");
	is_int(audit_append_act(l, &ev), 0, "then acts are taken again");
	audit_close(l);
	is_int(count_records(at.log, &e), 4, "and all are there");
	place_remove(&at);
}

#define ACTORS         8
#define ACTS_PER_ACTOR 50

static void *append_acts(void *log)
{
	for (unsigned i = 0; i < ACTS_PER_ACTOR; i++) {
		struct audit_event ev = {
			.type = AUDIT_MARK, .decision = AUDIT_ALLOWED, .object = 1};

		if (audit_append_act(log, &ev) < 0)
			return log;
	}
	return NULL;
}

static void test_acts_share(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct err e = {.code = 0};
	pthread_t threads[ACTORS];
	bool good = true;

	place_make(&at);
	must_open(at.log, &l);
	syncs = 0;
	for (size_t i = 0; i < ACTORS; i++)
		if (pthread_create(&threads[i], NULL, append_acts, l))
			bail_out("no thread");
	for (size_t i = 0; i < ACTORS; i++) {
		void *failed = NULL;

		pthread_join(threads[i], &failed);
		good = good && !failed;
	}
	ok(good, "acts of several threads");
	ok(syncs <= ACTORS * ACTS_PER_ACTOR, "share syncs: %d for %d", syncs,
		ACTORS * ACTS_PER_ACTOR);
	audit_close(l);
	is_int(count_records(at.log, &e), ACTORS * ACTS_PER_ACTOR, "all are there");
	place_remove(&at);
}

/* The head of a second segment torn: it is dropped, and made again later. */
static void test_torn_segment(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct audit_event ev = event_read(1, 0);
	struct err e = {.code = 0};

	place_make(&at);
	must_open(at.log, &l);
	append(l, event_open("/bin/cat"));
	audit_close(l);
	store_file(at.log, "log-00000000000000000002.seg", "EVFSLOG\n", 8);
	is_int(count_records(at.log, &e), 1, "a torn second segment is the end");
	must_open(at.log, &l);
	ok(audit_torn(l) && is_kept(at.top, audit_torn(l), (const uint8_t *)"EVFSLOG\n", 8) &&
			count_segments(at.log) == 1,
		"it is kept aside");
	ok(audit_append(l, &ev) == 0 && ev.seq == 2, "and the first one goes on");
	audit_close(l);
	store_file(at.log, "log-00000000000000000005.seg", "EVFSLOG\n", 8);
	is_int(count_records(at.log, &e), -EBADMSG, "one that does not follow tells of a gap");
	must_open(at.log, &l);
	ok(audit_torn(l) && is_kept(at.top, audit_torn(l), (const uint8_t *)"EVFSLOG\n", 8) &&
			audit_size(l) == 2 && count_segments(at.log) == 1,
		"the writer keeps it aside");
	audit_close(l);
	place_remove(&at);
}

/* Killed while it appends: what it had been told is there, is there. */
static void test_killed(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct err e = {.code = 0};
	atomic_ullong *acknowledged = mmap(NULL, sizeof(*acknowledged), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t told = 0;

	place_make(&at);
	for (unsigned round = 1; round <= 5; round++) {
		pid_t child = fork();

		if (child == 0) {
			must_open(at.log, &l);
			for (;;) {
				struct audit_event ev = event_open("/usr/bin/grep");

				if (audit_append(l, &ev) < 0)
					_exit(1);
				*acknowledged = ev.seq;
			}
		}
		while (*acknowledged < round * 20000 && waitpid(child, NULL, WNOHANG) == 0)
			sched_yield();
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		told = *acknowledged;
		must_open(at.log, &l);
		ok(audit_size(l) >= told && audit_size(l) <= told + 1 && told >= round * 20000,
			"killed: all %llu acknowledged records are there",
			(unsigned long long)told);
		audit_close(l);
	}
	is_int(count_records(at.log, &e) >= (int64_t)told, 1, "and can be read");
	munmap(acknowledged, sizeof(*acknowledged));
	place_remove(&at);
}

/* With strict, what discloses is synced before its append returns; a lookup does not wait. */
static void test_strict(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct audit_event ev = event_open("/bin/cat");
	int before = 0;
	unsigned waited = 0;

	place_make(&at);
	must_open(at.log, &l);
	audit_strict(l, true);
	for (unsigned i = 0; i < 20; i++) {
		before = syncs;
		ev = i ? event_read(1, i) : event_open("/bin/cat");
		waited += audit_append(l, &ev) == 0 && syncs > before && audit_safe(l) >= ev.seq;
	}
	is_int(waited, 20, "strict: opens and reads are synced before their replies");
	sync_fault = EIO;
	ev = event_read(1, 99);
	is_int(audit_append(l, &ev), -EIO, "where that fails, nothing may be served");
	sync_fault = 0;
	audit_close(l);
	place_remove(&at);
}

int main(void)
{
	test_strict();
	/* What audit_open() says of torn ends is tested by audit_torn(). */
	if (!freopen("/dev/null", "w", stderr))
		bail_out("/dev/null");
	test_torn();
	test_torn_twice();
	test_torn_segment();
	test_damaged();
	test_damaged_sealed();
	test_damaged_last();
	test_file_limit();
	test_sync_fault();
	test_act();
	test_acts_share();
	test_killed();
	test_full_disk();
	test_refused_stores();
	return done_testing();
}
