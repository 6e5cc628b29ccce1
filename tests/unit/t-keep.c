/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-keep.c - closed segments are compressed behind, and whatever moment that ends at,
 * or fails at, the log holds: by both verifiers, and for who goes on writing
 */
#include "tap.h"

#include "audit-help.h"

#include <dirent.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "audit/keep.h"
#include "audit/query.h"
#include "audit/record.h"
#include "audit/unxz.h"
#include "audit/verify.h"
#include "base/now.h"
#include "base/thread.h"

static const struct audit_keep compressing = {.compress = true};

#define SMALL 65536 /* bytes of a segment */

/* In place of libc's: the n-th call of these ends the process, or fails. */
static struct {
	int at;      /* which call; 0: none */
	int seen;    /* calls so far */
	bool dies;   /* else it fails with */
	int failure; /* this */
} fault;

/* Return: whether this call is the one that fails. */
static bool is_fault(void)
{
	if (fault.at == 0 || ++fault.seen != fault.at)
		return false;
	if (fault.dies)
		_exit(77);
	errno = fault.failure;
	return true;
}

int renameat(int a, const char *from, int b, const char *to)
{
	return is_fault() ? -1 : (int)syscall(SYS_renameat2, a, from, b, to, 0);
}

int fsync(int fd)
{
	return is_fault() ? -1 : (int)syscall(SYS_fsync, fd);
}

ssize_t write(int fd, const void *p, size_t n)
{
	return is_fault() ? -1 : syscall(SYS_write, fd, p, n);
}

static void open_small(const char *dir, struct audit_log **l)
{
	struct err e = {.code = 0};

	must_open(dir, l);
	audit_segment_size(*l, SMALL);
	if (audit_seal(*l, NULL, NULL, &e) < 0)
		bail_out(e.text);
}

static void put(struct audit_log *l, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (append(l, i % 50 ? event_read(1, i) : event_open("/bin/cat")) < 0)
			bail_out("append");
	}
}

static void ignore_fault(void *context, const char *text)
{
	snprintf(context, 256, "%s", text);
}

static bool is_packed(const char *dir, const char *name)
{
	uint8_t magic[UNXZ_MAGIC] = {0};
	char path[PATH_MAX];
	int fd = -1;
	bool is = false;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	is = fd >= 0 && read(fd, magic, sizeof(magic)) == sizeof(magic) &&
	     unxz_is(magic, sizeof(magic));
	if (fd >= 0)
		close(fd);
	return is;
}

/* Segments, and how many of them are compressed. */
static size_t segments(const char *dir, size_t *packed)
{
	DIR *d = opendir(dir);
	const struct dirent *entry = NULL;
	size_t n = 0;

	*packed = 0;
	while (d && (entry = readdir(d))) {
		if (strncmp(entry->d_name, "log-", 4) != 0)
			continue;
		n++;
		*packed += is_packed(dir, entry->d_name);
	}
	if (d)
		closedir(d);
	return n;
}

/* Wait until all but the last are, or something was said. */
static bool all_packed_or(const char *dir, const char *told)
{
	for (unsigned i = 0; i < 6000 && !told[0]; i++) {
		size_t packed = 0;
		size_t n = segments(dir, &packed);

		if (n > 1 && packed == n - 1)
			return true;
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	}
	return false;
}

static bool all_packed(const char *dir)
{
	return all_packed_or(dir, "");
}

static void is_intact(const char *dir, const char *name)
{
	const struct verify_opts o = {.anchors_n = 0};
	struct err e = {.code = 0};

	if (!is_int(audit_verify(dir, &o, &e), 3, name))
		diag("%s", e.text);
}

static void by_the_other(const char *dir, const char *name)
{
	const char *source = getenv("EVIDENCEFS_SOURCE");
	char command[3 * PATH_MAX];
	int rc = 0;

	snprintf(command, sizeof(command), "%s/tools/evidencefs-verify %s >/dev/null 2>&1",
		source ? source : ".", dir);
	rc = system(command);
	if (rc == -1 || WEXITSTATUS(rc) == 127 || WEXITSTATUS(rc) == 126)
		skip("tools/evidencefs-verify cannot be run here");
	else
		is_int(WEXITSTATUS(rc), 3, name);
}

/* A log of several closed segments that nobody compressed. */
static void plain_log(struct place *at, unsigned n)
{
	struct audit_log *l = NULL;

	place_make(at);
	open_small(at->log, &l);
	put(l, n);
	audit_close(l);
}

static void test_behind(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct err e = {.code = 0};
	size_t packed = 0;
	size_t n = 0;

	plain_log(&at, 5000);
	n = segments(at.log, &packed);
	ok(n > 4 && packed == 0, "a log of %zu segments", n);
	open_small(at.log, &l);
	is_int(audit_keep(l, &compressing, &e), 0, "what is there already");
	ok(all_packed(at.log), "is compressed, but for the last");
	put(l, 5000);
	ok(all_packed(at.log) && segments(at.log, &packed) > n + 2, "and what comes");
	is_intact(at.log, "it holds while it is written");
	audit_close(l);
	is_intact(at.log, "and when it is closed");
	by_the_other(at.log, "by the other verifier too");
	open_small(at.log, &l);
	put(l, 10);
	audit_close(l);
	is_intact(at.log, "it can be gone on with");
	place_remove(&at);
}

/* Nothing is compressed while what stands behind it may still be lost. */
static void test_last(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct err e = {.code = 0};
	size_t packed = 0;

	place_make(&at);
	open_small(at.log, &l);
	audit_keep(l, &compressing, &e);
	put(l, 100);
	audit_close(l);
	is_int((long long)segments(at.log, &packed), 1, "one segment");
	is_int((long long)packed, 0, "is the last, and stays as it is");
	place_remove(&at);
}

#define BUSY_RECORDS 100 /* at a time: twice as many as are few in a tenth of a second */

/* Appends on and on, as the log of busy readers does. */
struct busy {
	struct audit_log *log;
	long pause_ns; /* from one time to the next */
	pthread_t thread;
	_Atomic bool begun;
	_Atomic bool stop;
	_Atomic int64_t gap_ns; /* the longest from the end of one to that of the next */
};

static void *be_busy(void *arg)
{
	struct busy *b = arg;
	int64_t last = now_ns(CLOCK_MONOTONIC);
	bool stop = false;

	while (!stop) {
		int64_t now = 0;

		stop = b->stop;
		put(b->log, BUSY_RECORDS);
		now = now_ns(CLOCK_MONOTONIC);
		if (now - last > b->gap_ns)
			b->gap_ns = now - last;
		last = now;
		b->begun = true;
		nanosleep(&(struct timespec){.tv_nsec = b->pause_ns}, NULL);
	}
	return NULL;
}

/* A log of some closed segments, to which much is appended while it is tidied. */
static void begin_busy(struct place *at, struct busy *b, long pause_ns)
{
	struct err e = {.code = 0};

	*b = (struct busy){.pause_ns = pause_ns};
	plain_log(at, 2000);
	open_small(at->log, &b->log);
	if (thread_start(&b->thread, be_busy, b))
		bail_out("no thread");
	while (!b->begun)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	audit_keep(b->log, &compressing, &e);
}

static void end_busy(struct place *at, struct busy *b)
{
	b->stop = true;
	pthread_join(b->thread, NULL);
	ok(all_packed(at->log), "all are compressed when it is quiet");
	audit_close(b->log);
	is_intact(at->log, "the log holds");
	place_remove(at);
}

/* Half a second in which nothing may be compressed. Return: whether it can be told: not where
 * the machine left no time to be busy in. */
static bool busy_leaves(size_t *packed)
{
	struct busy b;
	struct place at;

	begin_busy(&at, &b, 20000000);
	nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
	segments(at.log, packed);
	end_busy(&at, &b);
	return b.gap_ns < 40000000; /* one time at least is within each tenth of a second */
}

/* Who reads comes first, up to a number of segments. */
static void test_busy(void)
{
	struct busy b;
	struct place at;
	size_t packed = 0;
	bool told = false;

	for (unsigned i = 0; i < 20 && !(told = busy_leaves(&packed)); i++)
		;
	if (told)
		is_int((long long)packed, 0, "nothing is compressed while many records come");
	else
		skip("this machine is never busy for half a second without a pause");
	begin_busy(&at, &b, 2000000);
	for (unsigned i = 0; i < 6000 && segments(at.log, &packed) && packed == 0; i++)
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	ok(packed > 0, "but many segments do not wait");
	end_busy(&at, &b);
}

/* Readers of all kinds. */
static void test_readers(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct audit_reader *r = NULL;
	struct audit_event ev;
	struct query *q = NULL;
	struct err e = {.code = 0};
	char path[PATH_MAX];
	uint64_t size = 0;

	plain_log(&at, 5000);
	open_small(at.log, &l);
	size = audit_size(l);
	audit_keep(l, &compressing, &e);
	is_int(audit_reader_open(at.log, &r, &e), 0, "a reader");
	for (unsigned i = 0; i < 500; i++)
		audit_reader_next(r, &ev, &e);
	ok(all_packed(at.log), "under which all is compressed");
	while (audit_reader_next(r, &ev, &e) == 1)
		;
	ok(ev.seq >= size, "goes on to the end: %llu", (unsigned long long)ev.seq);
	audit_reader_close(r);
	is_int(audit_reader_open(at.log, &r, &e), 0, "another");
	is_int(audit_reader_seek(r, 1500, &e), 0, "can seek");
	ok(audit_reader_next(r, &ev, &e) == 1 && ev.seq == 1500, "to a record");
	audit_reader_close(r);
	snprintf(path, sizeof(path), "%s/query.db", at.top);
	is_int(query_open(path, at.log, &q, &e), 0, "a database of queries");
	is_int(query_follow(q, UINT64_MAX, NULL, NULL, &e), 0, "is made of it");
	query_close(q);
	audit_close(l);
	place_remove(&at);
}

/* What a process leaves behind that is ended at call @at of those above. Return: whether it was. */
static bool die_at(const char *dir, int at)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		struct audit_log *l = NULL;
		struct err e = {.code = 0};

		open_small(dir, &l);
		fault.at = at;
		fault.dies = true;
		audit_keep(l, &compressing, &e);
		_exit(all_packed(dir) ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status) == 77;
}

static void test_killed(void)
{
	unsigned ends = 0;

	for (int i = 1; i < 60; i++) {
		const struct verify_opts o = {.anchors_n = 0};
		struct place at;
		struct audit_log *l = NULL;
		struct err e = {.code = 0};
		bool died = false;

		plain_log(&at, 2500);
		died = die_at(at.log, i);
		if (audit_verify(at.log, &o, &e) != VERDICT_INTACT) {
			ok(false, "ended at call %d: %s", i, e.text);
			break;
		}
		open_small(at.log, &l);
		audit_keep(l, &compressing, &e);
		put(l, 10);
		if (!all_packed(at.log)) {
			ok(false, "ended at call %d: not compressed afterwards", i);
			break;
		}
		audit_close(l);
		if (audit_verify(at.log, &o, &e) != VERDICT_INTACT) {
			ok(false, "ended at call %d, and gone on with: %s", i, e.text);
			break;
		}
		place_remove(&at);
		if (!died)
			break;
		ends++;
	}
	ok(ends > 5, "ended at each of %u calls, the log holds", ends);
}

static void test_fails(void)
{
	unsigned failures = 0;

	for (int i = 1; i < 60; i++) {
		const struct verify_opts o = {.anchors_n = 0};
		struct place at;
		struct audit_log *l = NULL;
		struct err e = {.code = 0};
		char told[256] = "";
		char path[PATH_MAX];

		plain_log(&at, 1500);
		open_small(at.log, &l);
		audit_on_fault(l, ignore_fault, told);
		fault = (__typeof__(fault)){.at = i, .failure = ENOSPC};
		audit_keep(l, &compressing, &e);
		all_packed_or(at.log, told);
		fault.at = 0;
		put(l, 10);
		audit_close(l);
		snprintf(path, sizeof(path), "%s/segment.new", at.top);
		if (audit_verify(at.log, &o, &e) != VERDICT_INTACT || access(path, F_OK) == 0) {
			ok(false, "call %d failed: %s", i, e.text);
			break;
		}
		place_remove(&at);
		if (!told[0])
			break;
		failures++;
	}
	ok(failures > 3, "each of %u calls failed: the log holds, and it is said", failures);
}

/* ---- retention --------------------------------------------------------------------------- */

/* A log of which accesses and acts alternate; a checkpoint over all of it is known outside. */
static void kept_log(struct place *at, unsigned n, bool known)
{
	struct audit_log *l = NULL;
	char text[AUDIT_TEXT_MAX] = "";
	struct audit_event out = {.type = AUDIT_CHECKPOINT, .decision = AUDIT_ALLOWED};

	place_make(at);
	open_small(at->log, &l);
	for (unsigned i = 0; i < n; i += 500) {
		struct audit_event act = event_open("/bin/evidencefs");

		put(l, 499);
		act.type = AUDIT_GRANT;
		act.length = 9;
		append(l, act);
	}
	while ((out.length = audit_checkpoint(l, text)) < n)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	if (known)
		append(l, out);
	audit_close(l);
}

struct content {
	uint64_t full[AUDIT_TYPE_MAX + 1]; /* records of each type */
	uint64_t hashes;                   /* records of which only the hash is there */
	uint64_t object;                   /* of the last RETENTION */
};

static struct content content_of(const char *dir)
{
	struct content c = {.hashes = 0};
	struct audit_reader *r = NULL;
	struct audit_event ev;
	struct err e = {.code = 0};

	if (audit_reader_open(dir, &r, &e) < 0)
		bail_out(e.text);
	while (audit_reader_next(r, &ev, &e) == 1) {
		c.full[ev.type]++;
		if (ev.type == AUDIT_HASHES)
			c.hashes += ev.length;
		if (ev.type == AUDIT_RETENTION)
			c.object = ev.object;
	}
	audit_reader_close(r);
	return c;
}

static const struct audit_keep letting_go = {.compress = true, .retention_ns = 1};

/* Open the log with that policy until something is said, and close it. */
static void keep_until_told(const char *dir, char told[static 256])
{
	struct audit_log *l = NULL;
	struct err e = {.code = 0};

	told[0] = '\0';
	open_small(dir, &l);
	audit_on_fault(l, ignore_fault, told);
	if (audit_keep(l, &letting_go, &e) < 0)
		bail_out(e.text);
	for (unsigned i = 0; i < 6000 && !told[0]; i++)
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	audit_on_fault(l, NULL, NULL);
	audit_close(l);
}

static void test_retention(void)
{
	struct place at;
	struct content before;
	struct content after;
	struct audit_log *l = NULL;
	char told[256];

	kept_log(&at, 6000, true);
	before = content_of(at.log);
	keep_until_told(at.log, told);
	ok(strstr(told, "are deleted, as the policy says"), "told: %s", told);
	after = content_of(at.log);
	ok(after.object > 5000, "accesses up to %llu go", (unsigned long long)after.object);
	ok(after.full[AUDIT_READ] + after.full[AUDIT_OPEN] < 1000 && after.hashes > 4500,
		"only hashes of them are there (%llu)", (unsigned long long)after.hashes);
	ok(after.full[AUDIT_GRANT] == before.full[AUDIT_GRANT] &&
			after.full[AUDIT_EPOCH] >= before.full[AUDIT_EPOCH],
		"acts and keys stay");
	is_int((long long)(after.hashes + after.full[AUDIT_READ] + after.full[AUDIT_OPEN]),
		(long long)(before.full[AUDIT_READ] + before.full[AUDIT_OPEN]), "none is lost");
	is_int((long long)after.full[AUDIT_RETENTION], 1, "one record says so");
	is_intact(at.log, "the log holds");
	by_the_other(at.log, "by the other verifier, too");
	open_small(at.log, &l);
	put(l, 10);
	audit_close(l);
	is_intact(at.log, "it can be gone on with");
	place_remove(&at);
}

static void test_unknown_stays(void)
{
	struct place at;
	struct content before;
	struct content after;
	char told[256];

	kept_log(&at, 3000, false);
	before = content_of(at.log);
	keep_until_told(at.log, told);
	ok(strstr(told, "no checkpoint behind them is known outside"), "told: %s", told);
	after = content_of(at.log);
	ok(after.full[AUDIT_READ] == before.full[AUDIT_READ] && after.hashes == 0 &&
			after.full[AUDIT_RETENTION] == 0,
		"what nobody outside could prove stays");
	place_remove(&at);
}

/* A record that was changed is no more thrown away than anything behind it. */
static void test_tampered_stays(void)
{
	struct place at;
	struct audit_event ev;
	uint8_t *bytes = NULL;
	size_t n = 0;
	char told[256];

	kept_log(&at, 3000, true);
	bytes = load_file(at.log, SEGMENT_ONE, &n);
	for (size_t k = RECORD_UNIT;;) {
		int size = record_decode(bytes + k, n - k, &ev);

		if (size <= 0)
			bail_out("no record");
		if (ev.type == AUDIT_READ) {
			ev.uid ^= 1;
			record_encode(&ev, bytes + k);
			break;
		}
		k += (size_t)size;
	}
	store_file(at.log, SEGMENT_ONE, bytes, n);
	keep_until_told(at.log, told);
	ok(strstr(told, "nothing more is deleted") && strstr(told, "not those of their checkpoint"),
		"told: %s", told);
	is_int((long long)content_of(at.log).hashes, 0, "nothing went");
	free(bytes);
	place_remove(&at);
}

/* Ended at each call that changes a file, between the record and the last segment. */
static void test_retention_killed(void)
{
	unsigned ends = 0;

	for (int i = 1; i < 60; i++) {
		const struct verify_opts o = {.anchors_n = 0};
		struct place at;
		struct err e = {.code = 0};
		char told[256];
		pid_t pid = -1;
		int status = 0;

		kept_log(&at, 2500, true);
		pid = fork();
		if (pid == 0) {
			struct audit_log *l = NULL;

			open_small(at.log, &l);
			audit_on_fault(l, ignore_fault, told);
			fault = (__typeof__(fault)){.at = i, .dies = true};
			told[0] = '\0';
			audit_keep(l, &letting_go, &e);
			for (unsigned k = 0; k < 6000 && !told[0]; k++)
				nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		if (audit_verify(at.log, &o, &e) != VERDICT_INTACT) {
			ok(false, "ended at call %d: %s", i, e.text);
			break;
		}
		/* it may have been ended right before it said so */
		if (content_of(at.log).hashes < 1900)
			keep_until_told(at.log, told);
		if (audit_verify(at.log, &o, &e) != VERDICT_INTACT ||
			content_of(at.log).hashes < 1900) {
			ok(false, "ended at call %d, and gone on with: %s; %s", i, e.text, told);
			break;
		}
		place_remove(&at);
		if (WEXITSTATUS(status) != 77)
			break;
		ends++;
	}
	ok(ends > 5, "ended at each of %u calls, the log holds and is gone on with", ends);
}

int main(void)
{
	test_behind();
	test_last();
	test_busy();
	test_readers();
	test_killed();
	test_fails();
	test_retention();
	test_unknown_stays();
	test_tampered_stays();
	test_retention_killed();
	return done_testing();
}
