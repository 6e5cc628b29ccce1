/* SPDX-License-Identifier: Apache-2.0 */
/* t-audit.c - the access log while all is well: what goes in comes out, in order. */
#include "tap.h"

#include "audit-help.h"

#include <pthread.h>
#include <time.h>

#include "audit/log_private.h"
#include "audit/record.h"
#include "audit/segment.h"
#include "audit/unxz.h"
#include "base/crc32c.h"

#define THREADS    4
#define PER_THREAD 100000

static bool same_groups(const struct audit_event *a, const struct audit_event *b)
{
	for (unsigned i = 0; i < a->groups_n && i < AUDIT_GROUPS_MAX; i++)
		if (a->groups[i] != b->groups[i])
			return false;
	return true;
}

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
	       a->process == b->process && a->login_session == b->login_session &&
	       a->cgroup == b->cgroup && a->session == b->session &&
	       a->exe_file.major == b->exe_file.major && a->exe_file.minor == b->exe_file.minor &&
	       a->exe_file.inode == b->exe_file.inode &&
	       a->exe_file.ctime_ns == b->exe_file.ctime_ns && a->groups_known == b->groups_known &&
	       a->groups_n == b->groups_n && same_groups(a, b) &&
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
		ev.process = UINT32_MAX;
		ev.login_session = UINT32_MAX - 1;
		ev.cgroup = UINT64_MAX - 6;
		ev.session = UINT64_MAX - 7;
		ev.exe_file = (struct audit_exe_file){
			UINT32_MAX - 2, UINT32_MAX - 3, UINT64_MAX - 8, INT64_MIN};
		ev.groups_known = exe_length % 3 != 0;
		ev.groups_n = (uint16_t)(!ev.groups_known ? 0
					 : exe_length % 5 ? exe_length % 37
							  : 65534);
		for (unsigned i = 0; i < AUDIT_GROUPS_MAX; i++)
			ev.groups[i] = UINT32_MAX - AUDIT_GROUPS_MAX + i;
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
	for (unsigned t = AUDIT_START; t <= AUDIT_RETENTION; t++)
		for (unsigned d = AUDIT_ALLOWED; d <= AUDIT_DENIED && !record_is_seal(t);
			d++, n++) {
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
	ev.type = AUDIT_HASHES;
	is_int(audit_append(l, &ev), -EINVAL, "and what stands in the place of others");
	ev = event_open("/bin/cat");
	ev.groups_known = true;
	ev.groups_n = 2;
	ev.groups[0] = ev.groups[1] = 5;
	is_int(audit_append(l, &ev), -EINVAL, "groups that do not ascend are refused");
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
	struct record_head head = {.first_seq = 1, .time_ns = 1000};
	struct audit_event ev = event_read(1, 0);
	const int64_t future = (int64_t)9000000000 * 1000000000;
	int size = 0;

	place_make(&at);
	ev.seq = 1;
	ev.time_ns = future;
	record_head_encode(&head, bytes);
	size = record_encode(&ev, bytes + RECORD_UNIT);
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

/* Another version is refused, and what it is in left alone. */
static void test_versions_refused(void)
{
	struct place at;
	struct audit_log *l = NULL;
	uint8_t bytes[RECORD_UNIT];
	size_t n = 0;
	struct err e = {.code = 0};
	struct record_head head = {.first_seq = 1};

	for (uint8_t version = 0; version <= RECORD_VERSION + 1; version++) {
		uint8_t *file = NULL;
		uint32_t crc = 0;

		if (version == RECORD_VERSION)
			continue;
		place_make(&at);
		record_head_encode(&head, bytes);
		bytes[8] = version;
		crc = crc32c(0, bytes, 60);
		for (unsigned i = 0; i < 4; i++)
			bytes[60 + i] = (uint8_t)(crc >> 8 * i);
		store_file(at.log, SEGMENT_ONE, bytes, RECORD_UNIT);
		ok(count_records(at.log, &e) == -ENOTSUP, "version %u is refused", version);
		is_int(audit_open(at.log, &l, &e), -ENOTSUP, "also by who wants to write");
		file = load_file(at.log, SEGMENT_ONE, &n);
		ok(n == RECORD_UNIT && memcmp(file, bytes, n) == 0, "and left as it is");
		free(file);
		place_remove(&at);
	}
}

/* A segment that was compressed is read as it was; it cannot be the last that is written. */
static void test_compressed(void)
{
	struct place at;
	struct audit_log *l = NULL;
	uint8_t *file = NULL;
	uint8_t *packed = NULL;
	uint8_t *again = NULL;
	size_t n = 0;
	size_t packed_n = 0;
	size_t again_n = 0;
	struct err e = {.code = 0};

	place_make(&at);
	must_open(at.log, &l);
	for (unsigned i = 0; i < 1000; i++)
		append(l, i ? event_read(1, i * 4096) : event_open("/bin/cat"));
	audit_close(l);
	file = load_file(at.log, SEGMENT_ONE, &n);
	pack_file(at.log, SEGMENT_ONE);
	packed = load_file(at.log, SEGMENT_ONE, &packed_n);
	ok(packed_n < n / 2, "from %zu to %zu bytes", n, packed_n);
	is_int(unxz(packed, packed_n, n, &again, &again_n), 0, "and uncompressed");
	ok(again_n == n && memcmp(again, file, n) == 0, "to the same bytes");
	is_int(unxz(packed, packed_n, n - 1, &again, &again_n), -EBADMSG, "not more than may be");
	is_int(unxz(packed, packed_n - 1, n, &again, &again_n), -EBADMSG, "not a part");
	is_int(count_records(at.log, &e), 1000, "it is read like any other");
	is_int(audit_open(at.log, &l, &e), -EBADMSG, "but nothing is written behind it");
	packed[packed_n / 2] ^= 1;
	store_file(at.log, SEGMENT_ONE, packed, packed_n);
	ok(count_records(at.log, &e) == -EBADMSG, "a byte changed is noticed: %s", e.text);
	free(file);
	free(packed);
	free(again);
	place_remove(&at);
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
		struct audit_event ev = i % 50 ? event_read(1, i) : event_open("/usr/bin/less");

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
	audit_segment_size(l, 300000); /* so that there are many */
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

/* Records of eight units fill a segment soon; the last does not fit exactly. */
static void test_segments(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct audit_event ev = {.type = 0};
	struct err e = {.code = 0};
	char exe[AUDIT_EXE_MAX + 1];
	const uint64_t total = 350000;
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
	is_int(firsts[1], 1 + (SEGMENT_BYTES_MAX - LOG_RESERVE - 64) / 512,
		"each as full as it can be with a reserve");
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
	test_versions_refused();
	test_compressed();
	test_threads();
	test_segments();
	test_speed();
	return done_testing();
}
