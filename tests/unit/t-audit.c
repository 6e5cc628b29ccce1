/* SPDX-License-Identifier: Apache-2.0 */
/* t-audit.c - the access log while all is well: what goes in comes out, in order. */
#include "tap.h"

#include "audit-help.h"

#include <pthread.h>
#include <time.h>

#include "audit/record.h"
#include "audit/segment.h"

#define THREADS    4
#define PER_THREAD 100000

static bool same_event(const struct audit_event *a, const struct audit_event *b)
{
	return a->seq == b->seq && a->time_ns == b->time_ns && a->type == b->type &&
	       a->decision == b->decision && a->uid == b->uid && a->gid == b->gid &&
	       a->loginuid == b->loginuid && a->pid == b->pid &&
	       a->process_start == b->process_start && strcmp(a->exe, b->exe) == 0 &&
	       memcmp(a->evidence, b->evidence, AUDIT_EVIDENCE_ID) == 0 && a->trace == b->trace &&
	       a->case_id == b->case_id && a->object == b->object && a->grant == b->grant &&
	       a->policy == b->policy && a->open_seq == b->open_seq && a->offset == b->offset &&
	       a->length == b->length && a->result == b->result && a->fault == b->fault &&
	       memcmp(a->nonce, b->nonce, AUDIT_NONCE) == 0 &&
	       memcmp(a->commitment, b->commitment, AUDIT_COMMITMENT) == 0;
}

/* An event that has all it may have: extreme values in every field. */
static struct audit_event full_event(unsigned type, unsigned decision, size_t exe_length)
{
	struct audit_event ev = {.type = type,
		.decision = decision,
		.uid = 0xfffffffe,
		.gid = 0x80000001,
		.loginuid = 1000,
		.pid = 0x7fffffff,
		.process_start = UINT64_MAX,
		.trace = UINT64_MAX - 1,
		.case_id = UINT64_MAX - 2,
		.object = UINT64_MAX - 3,
		.grant = UINT64_MAX - 4,
		.policy = UINT64_MAX - 5,
		.open_seq = 0x0102030405060708,
		.offset = INT64_MAX,
		.length = UINT64_MAX,
		.result = -EIO};

	memset(ev.exe, '/', exe_length);
	for (size_t i = 0; i < AUDIT_EVIDENCE_ID; i++)
		ev.evidence[i] = (uint8_t)(i + 1);
	if ((type == AUDIT_READ || type == AUDIT_CLOSE) && decision == AUDIT_ALLOWED) {
		ev.gid = 0;
		ev.loginuid = AUDIT_NO_LOGINUID;
		ev.process_start = 0;
		ev.trace = 0;
		ev.case_id = ev.object = ev.grant = ev.policy = 0;
		ev.exe[0] = '\0';
		ev.length = UINT32_MAX;
		ev.result = INT32_MIN;
		memset(ev.evidence, 0, AUDIT_EVIDENCE_ID);
	} else {
		memset(ev.commitment, 0xc3, AUDIT_COMMITMENT);
	}
	ev.fault = type == AUDIT_READ;
	return ev;
}

static void test_round_trip(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct audit_reader *r = NULL;
	struct audit_event put[AUDIT_TYPE_MAX * 3];
	struct audit_event got;
	struct err e = {.code = 0};
	size_t n = 0;
	size_t same = 0;

	place_make(&at);
	must_open(at.log, &l);
	is_int(audit_size(l), 0, "a new log is empty");
	is_int(count_records(at.log, &e), 0, "and can be read");
	for (unsigned t = AUDIT_START; t <= AUDIT_CHECKPOINT; t++)
		for (unsigned d = AUDIT_ALLOWED; d <= AUDIT_DENIED; d++, n++) {
			put[n] = full_event(t, d, (n * 11) % (AUDIT_EXE_MAX + 1));
			if (audit_append(l, &put[n]) < 0 || put[n].seq != n + 1)
				ok(false, "append of type %u decision %u", t, d);
		}
	is_int(audit_size(l), (long long)n, "every type and decision is appended");
	if (audit_reader_open(at.log, &r, &e) < 0)
		bail_out(e.text);
	while (same < n && audit_reader_next(r, &got, &e) == 1 && same_event(&got, &put[same]))
		same++;
	is_int(same, (long long)n, "and read back as it was, while the log is open");
	is_int(audit_reader_next(r, &got, &e), 0, "then the end");
	is_int(append(l, event_open("/bin/cat")), 0, "one more");
	is_int(audit_reader_next(r, &got, &e), 1, "the same reader sees it");
	is_str(got.exe, "/bin/cat", "with its executable");
	audit_reader_close(r);
	audit_close(l);
	place_remove(&at);
}

static void test_refused(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct audit_log *second = NULL;
	struct audit_event ev = event_open("/bin/cat");
	struct err e = {.code = 0};

	place_make(&at);
	must_open(at.log, &l);
	is_int(audit_open(at.log, &second, &e), -EBUSY, "a second writer is refused");
	ok(!second && e.code == EBUSY, "with a report");
	ev.type = AUDIT_TYPE_MAX + 1;
	is_int(audit_append(l, &ev), -EINVAL, "an unknown type is refused");
	ev.type = AUDIT_EPOCH;
	is_int(audit_append(l, &ev), -EINVAL, "one that only the log itself writes too");
	ev = event_read(1, 0);
	ev.length = (uint64_t)UINT32_MAX + 1;
	is_int(audit_append(l, &ev), -EINVAL, "and a read of 4 GiB");
	ev = event_open("/bin/cat");
	ev.type = AUDIT_OPEN;
	ev.decision = 0;
	is_int(audit_append(l, &ev), -EINVAL, "an unknown decision is refused");
	ev.decision = AUDIT_DENIED;
	memset(ev.exe, 'x', sizeof(ev.exe));
	is_int(audit_append(l, &ev), -EINVAL, "an executable without end is refused");
	is_int(audit_size(l), 0, "none of these was appended");
	audit_close(l);
	audit_close(NULL);
	err_clear(&e);
	is_int(audit_open("/nonexistent/log", &l, &e), -ENOENT, "no parent directory");
	ok(strstr(e.text, "/nonexistent/log"), "the report names it: %s", e.text);
	place_remove(&at);
}

static void test_reopen(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct err e = {.code = 0};
	struct stat st;
	char path[PATH_MAX];
	bool counted = true;

	place_make(&at);
	for (unsigned i = 1; i <= 5; i++) {
		struct audit_event ev = event_read(1, i);

		must_open(at.log, &l);
		counted = counted && audit_append(l, &ev) == 0 && ev.seq == i && !audit_torn(l);
		audit_close(l);
	}
	ok(counted, "numbers go on after each opening");
	is_int(count_records(at.log, &e), 5, "all are there");
	snprintf(path, sizeof(path), "%s/%s", at.log, SEGMENT_ONE);
	ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600, "a segment is mode 0600");
	is_int(st.st_size, 6 * 64, "a head and five units");
	ok(stat(at.log, &st) == 0 && (st.st_mode & 07777) == 0700, "its directory 0700");
	place_remove(&at);
}

/* A log whose last record is of a time to come. */
static void test_time(void)
{
	struct place at;
	struct audit_log *l = NULL;
	uint8_t bytes[RECORD_UNIT + RECORD_BYTES_MAX];
	struct record_head head = {.version = RECORD_VERSION, .first_seq = 1, .time_ns = 1000};
	struct audit_event ev = event_read(1, 0);
	const int64_t future = (int64_t)9000000000 * 1000000000;
	int size = 0;

	place_make(&at);
	ev.seq = 1;
	ev.time_ns = future;
	record_head_encode(&head, bytes);
	size = record_encode(&ev, RECORD_VERSION, bytes + RECORD_UNIT);
	store_file(at.log, SEGMENT_ONE, bytes, RECORD_UNIT + (size_t)size);
	must_open(at.log, &l);
	ok(audit_append(l, &ev) == 0 && ev.seq == 2, "a log that ends in the future goes on");
	is_int(ev.time_ns, future, "and its time does not fall back");
	audit_close(l);
	head.time_ns = future + 5;
	record_head_encode(&head, bytes);
	store_file(at.log, SEGMENT_ONE, bytes, RECORD_UNIT);
	must_open(at.log, &l);
	ok(audit_append(l, &ev) == 0 && ev.time_ns == future + 5, "nor below that of the head");
	audit_close(l);
	place_remove(&at);
}

/* A log as version 1 wrote it: an OPEN by /usr/bin/less, and a READ. */
static const uint8_t version_1[] = {
	0x45,
	0x56,
	0x46,
	0x53,
	0x4c,
	0x4f,
	0x47,
	0x0a,
	0x01,
	0x00,
	0x00,
	0x00,
	0x40,
	0x00,
	0x00,
	0x00,
	0x00,
	0x11,
	0x22,
	0x33,
	0x44,
	0x55,
	0x66,
	0x77,
	0x88,
	0x99,
	0xaa,
	0xbb,
	0xcc,
	0xdd,
	0xee,
	0xff,
	0x01,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x2a,
	0x36,
	0xfe,
	0x9c,
	0x97,
	0x17,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x17,
	0xad,
	0xa3,
	0x92,
	0x9a,
	0xdf,
	0x83,
	0x87,
	0x03,
	0x02,
	0x01,
	0x00,
	0x01,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x01,
	0x00,
	0x2a,
	0x36,
	0xfe,
	0x9c,
	0x97,
	0x17,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0xe8,
	0x03,
	0x00,
	0x00,
	0x67,
	0x12,
	0x00,
	0x00,
	0x64,
	0x00,
	0x00,
	0x00,
	0xe9,
	0x03,
	0x00,
	0x00,
	0x15,
	0xcd,
	0x5b,
	0x07,
	0x00,
	0x00,
	0x00,
	0x00,
	0xab,
	0xab,
	0xab,
	0xab,
	0xab,
	0xab,
	0xab,
	0xab,
	0xab,
	0xab,
	0xab,
	0xab,
	0xab,
	0xab,
	0xab,
	0xab,
	0x4d,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x0d,
	0x00,
	0x2f,
	0x75,
	0x73,
	0x72,
	0x2f,
	0x62,
	0x69,
	0x6e,
	0x2f,
	0x6c,
	0x65,
	0x73,
	0x73,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x4f,
	0x15,
	0xaf,
	0xa5,
	0x04,
	0x01,
	0x01,
	0x00,
	0x02,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x02,
	0x00,
	0x2a,
	0x36,
	0xfe,
	0x9c,
	0x97,
	0x17,
	0x01,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x10,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x10,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0xa0,
	0x0f,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0xe8,
	0x03,
	0x00,
	0x00,
	0x67,
	0x12,
	0x00,
	0x00,
};

static bool segment_is(const char *dir, const char *name, const void *p, size_t n)
{
	size_t got = 0;
	uint8_t *bytes = load_file(dir, name, &got);
	bool same = got == n && memcmp(bytes, p, n) == 0;

	free(bytes);
	return same;
}

static void look_version_1(const char *dir, bool continued)
{
	struct audit_reader *r = NULL;
	struct audit_event ev;
	struct err e = {.code = 0};

	if (audit_reader_open(dir, &r, &e) < 0)
		bail_out(e.text);
	ok(audit_reader_next(r, &ev, &e) == 1 && ev.seq == 1 && ev.type == AUDIT_OPEN &&
			ev.uid == 1000 && ev.loginuid == 1001 && ev.trace == 77 &&
			ev.process_start == 123456789 && ev.evidence[15] == 0xab,
		"its open is read");
	is_str(ev.exe, "/usr/bin/less", "with its executable");
	ok(ev.case_id == 0 && ev.object == 0 && ev.grant == 0 && ev.policy == 0,
		"what it does not have is 0");
	ok(audit_reader_next(r, &ev, &e) == 1 && ev.open_seq == 1 && ev.offset == 4096 &&
			ev.result == 4000,
		"and its read");
	is_int(audit_reader_next(r, &ev, &e), continued,
		continued ? "and what came later" : "no more");
	if (continued)
		ok(ev.seq == 3 && ev.grant == 5 && ev.policy == 6, "with the new fields");
	audit_reader_close(r);
}

static void test_version_1(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct audit_event ev = event_open("/bin/cat");

	place_make(&at);
	store_file(at.log, SEGMENT_ONE, version_1, sizeof(version_1));
	look_version_1(at.log, false);
	must_open(at.log, &l);
	is_int(audit_size(l), 2, "a log of version 1 is opened");
	ev.grant = 5;
	ev.policy = 6;
	ok(audit_append(l, &ev) == 0 && ev.seq == 3, "and goes on");
	audit_close(l);
	ok(segment_is(at.log, SEGMENT_ONE, version_1, sizeof(version_1)),
		"its old segment stays as it was");
	look_version_1(at.log, true);
	must_open(at.log, &l);
	ok(audit_append_act(l, &ev) == 0 && ev.seq == 4, "opened again it goes on in the new one");
	audit_close(l);
	place_remove(&at);
}

/* A last segment of version 1 without a record. */
static void test_version_1_empty(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct audit_event ev = event_open("/bin/cat");
	struct record_head head;
	struct err e = {.code = 0};
	size_t n = 0;
	uint8_t *bytes = NULL;

	place_make(&at);
	store_file(at.log, SEGMENT_ONE, version_1, RECORD_UNIT);
	must_open(at.log, &l);
	ok(audit_append(l, &ev) == 0 && ev.seq == 1, "an empty log of version 1 goes on");
	audit_close(l);
	is_int(count_records(at.log, &e), 1, "and is read");
	bytes = load_file(at.log, SEGMENT_ONE, &n);
	ok(record_head_decode(bytes, &head) == 0 && head.version == RECORD_VERSION &&
			memcmp(head.log_id, version_1 + 16, RECORD_LOG_ID) == 0,
		"its segment is now of this version, and of the same log");
	free(bytes);
	place_remove(&at);
}

/* Versions that are not: a later one; an older one behind a newer one; a type of ours in 1. */
static void test_versions_refused(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct audit_event ev = event_open("/bin/cat");
	struct record_head head = {.version = RECORD_VERSION + 1, .first_seq = 1};
	struct err e = {.code = 0};
	uint8_t bytes[RECORD_BYTES_MAX];

	place_make(&at);
	record_head_encode(&head, bytes);
	store_file(at.log, SEGMENT_ONE, bytes, RECORD_UNIT);
	is_int(count_records(at.log, &e), -ENOTSUP, "a later version is refused");
	is_int(audit_open(at.log, &l, NULL), -ENOTSUP, "by the writer too");
	ok(segment_is(at.log, SEGMENT_ONE, bytes, RECORD_UNIT), "and left as it is");
	place_remove(&at);
	place_make(&at);
	must_open(at.log, &l);
	append(l, ev);
	audit_close(l);
	head = (struct record_head){.version = 1, .first_seq = 2, .time_ns = INT64_MAX};
	{
		size_t n = 0;
		uint8_t *first = load_file(at.log, SEGMENT_ONE, &n);
		struct record_head own;

		if (record_head_decode(first, &own))
			bail_out("no head");
		memcpy(head.log_id, own.log_id, RECORD_LOG_ID);
		free(first);
	}
	record_head_encode(&head, bytes);
	store_file(at.log, "log-00000000000000000002.seg", bytes, RECORD_UNIT);
	err_clear(&e);
	is_int(count_records(at.log, &e), -EBADMSG, "an older version behind a newer is refused");
	ok(strstr(e.text, "older version"), "and told: %s", e.text);
	place_remove(&at);
	ev.seq = 1;
	ev.type = AUDIT_GRANT;
	is_int(record_encode(&ev, 1, bytes), -EINVAL, "version 1 has no acts");
	ok(record_encode(&ev, 2, bytes) > 0 &&
			record_decode(bytes, sizeof(bytes), 1, &ev) == -EBADMSG,
		"and takes no record that has");
}

struct job {
	struct audit_log *log;
	uint64_t done;
};

static void *append_many(void *arg)
{
	struct job *j = arg;
	uint64_t last = 0;

	for (unsigned i = 0; i < PER_THREAD; i++) {
		struct audit_event ev = event_read(1, i);

		if (audit_append(j->log, &ev) < 0 || ev.seq <= last)
			break;
		last = ev.seq;
		j->done++;
	}
	return NULL;
}

static void test_threads(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct audit_reader *r = NULL;
	struct audit_event ev;
	struct err e = {.code = 0};
	struct job jobs[THREADS];
	pthread_t threads[THREADS];
	uint64_t seen = 0;
	int64_t before = 0;
	bool ordered = true;
	int rc = 0;

	place_make(&at);
	must_open(at.log, &l);
	for (size_t i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){.log = l};
		if (pthread_create(&threads[i], NULL, append_many, &jobs[i]))
			bail_out("no thread");
	}
	if (audit_reader_open(at.log, &r, &e) < 0)
		bail_out(e.text);
	while (seen < THREADS * PER_THREAD && (rc = audit_reader_next(r, &ev, &e)) >= 0) {
		if (rc == 0)
			continue;
		ordered = ordered && ev.seq == ++seen && ev.time_ns >= before;
		before = ev.time_ns;
		if (seen % 50000 == 0 && audit_size(l) < seen)
			ordered = false;
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		is_int(jobs[i].done, PER_THREAD, "a thread appended all of its own");
	}
	ok(rc >= 0, "a reader follows meanwhile: %s", err_text(&e, rc));
	ok(ordered && seen == THREADS * PER_THREAD, "no gap, and time never falls");
	is_int(audit_size(l), THREADS * PER_THREAD, "all are counted");
	audit_reader_close(r);
	audit_close(l);
	place_remove(&at);
}

/* A log of three segments, with one of them away. */
static void test_missing(const char *dir, int dirfd, const uint64_t *firsts)
{
	struct audit_log *l = NULL;
	struct err e = {.code = 0};
	char name[SEGMENT_NAME_MAX];
	char other[SEGMENT_NAME_MAX];

	renameat(dirfd, segment_name(firsts[1], name), dirfd, "away");
	is_int(count_records(dir, &e), -EBADMSG, "a missing segment is found");
	ok(strstr(e.text, "missing"), "and reported: %s", e.text);
	err_clear(&e);
	renameat(dirfd, segment_name(firsts[2], other), dirfd, segment_name(firsts[1], name));
	is_int(count_records(dir, &e), -EBADMSG, "one in the place of another is found");
	renameat(dirfd, name, dirfd, other);
	renameat(dirfd, "away", dirfd, name);
	renameat(dirfd, SEGMENT_ONE, dirfd, "away");
	err_clear(&e);
	is_int(count_records(dir, &e), -EBADMSG, "a missing first one is found");
	err_clear(&e);
	is_int(audit_open(dir, &l, &e), -EBADMSG, "by the writer too");
}

/* Records of seven units fill a segment soon; the last does not fit exactly. */
static void test_segments(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct audit_event ev = {.type = 0};
	struct err e = {.code = 0};
	char exe[AUDIT_EXE_MAX + 1];
	const uint64_t total = 400000;
	uint64_t *firsts = NULL;
	size_t n = 0;
	size_t bytes = 0;
	int dirfd = -1;
	int rc = 0;

	memset(exe, 'e', sizeof(exe) - 1);
	exe[sizeof(exe) - 1] = '\0';
	place_make(&at);
	must_open(at.log, &l);
	for (uint64_t i = 0; i < total && rc == 0; i++) {
		ev = event_open(exe);
		rc = audit_append(l, &ev);
	}
	ok(rc == 0 && ev.seq == total, "more than a segment holds is appended");
	audit_close(l);
	dirfd = open(at.log, O_RDONLY | O_DIRECTORY);
	if (segment_list(dirfd, &firsts, &n, &e) < 0)
		bail_out(e.text);
	is_int(n, 3, "in three segments");
	is_int(firsts[1], 1 + (SEGMENT_BYTES_MAX - 64) / 448, "each as full as it can be");
	free(load_file(at.log, SEGMENT_ONE, &bytes));
	ok(bytes <= SEGMENT_BYTES_MAX, "and not larger than allowed");
	is_int(count_records(at.log, &e), (long long)total, "and read in order");
	must_open(at.log, &l);
	ok(audit_append(l, &ev) == 0 && ev.seq == total + 1, "the last one goes on");
	audit_close(l);
	test_missing(at.log, dirfd, firsts);
	free(firsts);
	close(dirfd);
	place_remove(&at);
}

static void test_speed(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct timespec from;
	struct timespec to;
	const unsigned n = 300000;
	double seconds = 0;
	int rc = 0;

	place_make(&at);
	must_open(at.log, &l);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (unsigned i = 0; i < n && rc == 0; i++)
		rc = append(l, event_read(1, i));
	clock_gettime(CLOCK_MONOTONIC, &to);
	seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	ok(rc == 0, "one thread appends %u records", n);
	diag("%.0f records a second into %s", n / seconds, at.top);
	audit_close(l);
	clock_gettime(CLOCK_MONOTONIC, &from);
	must_open(at.log, &l);
	clock_gettime(CLOCK_MONOTONIC, &to);
	seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	diag("opened again in %.1f ms", seconds * 1000);
	audit_close(l);
	place_remove(&at);
}

int main(void)
{
	is_str(audit_type_name(AUDIT_READLINK), "readlink", "types have names");
	is_str(audit_type_name(AUDIT_QUERY), "query", "the last one too");
	is_str(audit_type_name(AUDIT_TYPE_MAX + 1), "?", "others do not");
	is_str(audit_decision_name(AUDIT_HIDDEN), "hidden", "decisions have names");
	test_round_trip();
	test_refused();
	test_reopen();
	test_time();
	test_version_1();
	test_version_1_empty();
	test_versions_refused();
	test_threads();
	test_segments();
	test_speed();
	return done_testing();
}
