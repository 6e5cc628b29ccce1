/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-seal.c - the seal of the access log: made while records come, taken up again,
 * verified, and broken by whoever changes anything it covers
 */
#include "tap.h"

#include "audit-help.h"

#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "audit/heads.h"
#include "audit/record.h"
#include "audit/signer.h"
#include "audit/tree.h"
#include "audit/verify.h"
#include "base/crc32c.h"

#define MANY 2000000

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What this thread itself has used. */
static double used(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must_seal(const char *dir, struct audit_log **l)
{
	struct err e = {.code = 0};

	must_open(dir, l);
	if (audit_seal(*l, NULL, NULL, &e))
		bail_out(e.text);
}

static void must_append(struct audit_log *l, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (append(l, i % 50 ? event_read(1, i) : event_open("/bin/cat")))
			bail_out("append");
}

static enum verdict verdict_of(const char *dir, const char *anchor, struct err *e)
{
	const struct verify_text a = {"anchor", anchor};
	const struct verify_opts o = {.anchors = &a, .anchors_n = anchor ? 1 : 0};

	err_clear(e);
	return audit_verify(dir, &o, e);
}

static void is_verdict(const char *dir, const char *anchor, int want, const char *name)
{
	struct err e = {.code = 0};

	if (!is_int(verdict_of(dir, anchor, &e), want, name) || want == VERDICT_TAMPERED)
		diag("%s", e.text);
}

static void test_clean(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct err e = {.code = 0};
	char anchor[AUDIT_TEXT_MAX] = "";
	char newest[AUDIT_TEXT_MAX] = "";
	uint64_t size = 0;

	place_make(&at);
	must_seal(at.log, &l);
	is_int(audit_checkpoint(l, anchor), 0, "an empty log has no checkpoint");
	audit_close(l);
	is_verdict(at.log, NULL, 3, "it is intact");
	for (unsigned i = 0; i < 3; i++) {
		must_seal(at.log, &l);
		must_append(l, 100);
		audit_close(l);
		is_verdict(at.log, NULL, 3, "after a clean stop: intact");
		ok(audit_newest(at.log, newest, &e) > 0, "there is a checkpoint");
		sscanf(newest, "%*s %" SCNu64, &size);
		is_int(size, count_records(at.log, &e), "it covers every record");
		if (i == 1)
			memcpy(anchor, newest, sizeof(anchor));
	}
	is_verdict(at.log, anchor, 0, "complete up to an anchor");
	place_remove(&at);
}

/* A log that is used for two seconds: a checkpoint each second. */
static void test_pace(void)
{
	struct place at;
	struct audit_log *l = NULL;
	char text[AUDIT_TEXT_MAX];
	double begun = 0;
	uint64_t size = 0;
	uint64_t idle = 0;

	place_make(&at);
	must_seal(at.log, &l);
	must_append(l, 10);
	begun = seconds();
	while (audit_checkpoint(l, text) < 11 && seconds() < begun + 5)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	ok(audit_checkpoint(l, text) == 11 && seconds() < begun + 1.1,
		"sealed within a second: %.2f", seconds() - begun);
	begun = seconds();
	while (seconds() < begun + 2.2) /* that nothing comes can only be waited for */
		nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	size = audit_size(l);
	idle = audit_checkpoint(l, text);
	is_int(size, 12, "after them, and the device's key before them, an EPOCH followed");
	is_int(idle, 11, "which alone is no reason for a checkpoint");
	audit_close(l);
	is_verdict(at.log, NULL, 3, "intact");
	place_remove(&at);
}

static void test_speed(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct err e = {.code = 0};
	char text[AUDIT_TEXT_MAX];
	double begun = 0;
	double appended = 0;
	double cpu = 0;
	double closed = 0;

	for (int sealed = 0; sealed < 2; sealed++) {
		place_make(&at);
		must_open(at.log, &l);
		if (sealed && audit_seal(l, NULL, NULL, &e))
			bail_out(e.text);
		begun = seconds();
		cpu = used();
		for (unsigned i = 0; i < MANY; i++)
			append(l, event_read(1, i));
		cpu = used() - cpu;
		appended = seconds();
		audit_close(l);
		closed = seconds();
		diag("%s: %.0f records a second appended, %.0f with the rest of the seal",
			sealed ? "sealed" : "not sealed", MANY / (appended - begun),
			MANY / (closed - begun));
		diag("the appending thread: %.0f ns a record", cpu / MANY * 1e9);
		if (sealed) {
			begun = seconds();
			is_int(verdict_of(at.log, NULL, &e), 3, "all of it verifies");
			diag("%.0f records a second verified", MANY / (seconds() - begun));
			audit_newest(at.log, text, &e);
			begun = seconds();
			must_seal(at.log, &l);
			diag("taken up again in %.1f ms", (seconds() - begun) * 1e3);
			audit_close(l);
		}
		place_remove(&at);
	}
}

/* ---- an end by SIGKILL ---------------------------------------------------------------------- */

/* A process that seals a log and is killed; before that a checkpoint was made. */
static void killed_writer(const char *dir, unsigned records)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		struct audit_log *l = NULL;
		char text[AUDIT_TEXT_MAX];
		uint64_t size = 0;

		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		must_seal(dir, &l);
		must_append(l, records);
		size = audit_size(l);
		while (audit_checkpoint(l, text) < size)
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		must_append(l, 7);
		kill(getpid(), SIGKILL);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		bail_out("the writer was not killed");
}

static void quiet(void *context, const char *text)
{
	snprintf(context, 256, "%.255s", text);
}

static void test_killed(void)
{
	struct place at;
	struct audit_log *l = NULL;
	struct err e = {.code = 0};
	char told[256] = "";
	char anchor[AUDIT_TEXT_MAX] = "";
	char before[AUDIT_TEXT_MAX] = "";

	place_make(&at);
	killed_writer(at.log, 30);
	is_verdict(at.log, NULL, 3, "killed: intact");
	ok(audit_newest(at.log, before, &e) > 0, "with a checkpoint");
	must_open(at.log, &l);
	audit_on_fault(l, quiet, told);
	ok(audit_seal(l, NULL, NULL, &e) == 0 && strstr(told, "up to record 31") &&
			strstr(told, ", endorsed by the device"),
		"told when it is taken up: %s", told);
	must_append(l, 5);
	audit_close(l);
	audit_newest(at.log, anchor, &e);
	is_verdict(at.log, NULL, 3, "taken up after that: the same answer");
	is_verdict(at.log, anchor, 0, "complete up to a new anchor");
	is_verdict(at.log, before, 0, "and to one from before");
	place_remove(&at);
}

/* ---- tampering ------------------------------------------------------------------------------- */

#define SEGMENTS 3

/* A log in memory: its records, as one run of bytes, and its files beside them. */
struct image {
	uint8_t head[RECORD_UNIT];
	uint8_t *bytes; /* of all records */
	size_t n;
	size_t cut[SEGMENTS + 1]; /* where its segments begin and end, in bytes */
	char *checkpoints;        /* NULL: the file is not there */
	size_t checkpoints_n;
	char origin[NOTE_MAX]; /* "" not there */
	bool gone[SEGMENTS];   /* segments that are not there */
};

struct at {
	size_t off;
	size_t size;
	struct audit_event ev;
};

/* Where record @seq stands. */
static struct at find(const struct image *m, uint64_t seq)
{
	struct at at = {.off = 0};
	int size = 0;

	for (size_t off = 0; off < m->n; off += (size_t)size) {
		size = record_decode(m->bytes + off, m->n - off, &at.ev);
		if (size <= 0)
			bail_out("no record");
		if (at.ev.seq == seq) {
			at.off = off;
			at.size = (size_t)size;
			return at;
		}
	}
	bail_out("no such record");
}

static uint64_t count(const struct image *m)
{
	struct audit_event ev;
	uint64_t n = 0;
	int size = 0;

	for (size_t off = 0; off < m->n; off += (size_t)size, n++)
		size = record_decode(m->bytes + off, m->n - off, &ev);
	return n;
}

static void set_sum(uint8_t *p)
{
	uint32_t crc = crc32c(0, p + 4, (size_t)p[5] * RECORD_UNIT - 4);

	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(crc >> 8 * i);
}

/* What makes a change invisible to anything but the seal: numbers in order, sums right. */
static void mend(struct image *m)
{
	uint64_t seq = 1;

	for (size_t off = 0; off < m->n; off += (size_t)m->bytes[off + 5] * RECORD_UNIT, seq++) {
		for (unsigned i = 0; i < 8; i++)
			m->bytes[off + 8 + i] = (uint8_t)(seq >> 8 * i);
		set_sum(m->bytes + off);
	}
}

static void image_load(const char *dir, struct image *m)
{
	size_t n = 0;
	uint8_t *file = load_file(dir, SEGMENT_ONE, &n);
	char *key = NULL;

	*m = (struct image){.n = n - RECORD_UNIT};
	memcpy(m->head, file, RECORD_UNIT);
	m->bytes = malloc(n + 65536);
	memcpy(m->bytes, file + RECORD_UNIT, m->n);
	free(file);
	m->checkpoints = (char *)load_file(dir, HEADS_FILE, &m->checkpoints_n);
	key = (char *)load_file(dir, "origin.pub", &n);
	memcpy(m->origin, key, n);
	m->origin[n] = '\0';
	free(key);
	m->cut[1] = find(m, count(m) / 3).off;
	m->cut[2] = find(m, count(m) * 2 / 3).off;
	m->cut[3] = m->n;
}

static struct image image_copy(const struct image *m)
{
	struct image c = *m;

	c.bytes = malloc(m->n + 65536);
	memcpy(c.bytes, m->bytes, m->n);
	c.checkpoints = malloc(m->checkpoints_n + 1);
	memcpy(c.checkpoints, m->checkpoints, m->checkpoints_n);
	return c;
}

static void image_free(struct image *m)
{
	free(m->bytes);
	free(m->checkpoints);
}

/* Segments begin with the record that follows, whatever was changed: each is named after
 * the number its first record has. */
static void image_store(const struct image *m, const char *dir)
{
	for (unsigned i = 0; i < SEGMENTS; i++) {
		struct record_head head;
		uint8_t *file = malloc(m->n + RECORD_UNIT);
		char name[64];
		size_t n = m->cut[i + 1] - m->cut[i];
		const uint8_t *p = m->bytes + m->cut[i];

		if (record_head_decode(m->head, &head))
			bail_out("no head");
		head.first_seq = 0;
		head.time_ns = 0;
		for (unsigned k = 0; k < 8; k++) {
			head.first_seq |= (uint64_t)p[8 + k] << 8 * k;
			head.time_ns |= (int64_t)((uint64_t)p[16 + k] << 8 * k);
		}
		record_head_encode(&head, file);
		memcpy(file + RECORD_UNIT, p, n);
		snprintf(name, sizeof(name), "log-%020" PRIu64 ".seg", head.first_seq);
		if (!m->gone[i] && n > 0)
			store_file(dir, name, file, n + RECORD_UNIT);
		free(file);
	}
	if (m->checkpoints)
		store_file(dir, HEADS_FILE, m->checkpoints, m->checkpoints_n);
	if (m->origin[0])
		store_file(dir, "origin.pub", m->origin, strlen(m->origin));
}

/* What the other verifier says; -1 it cannot be run here. */
static int other_verdict(const char *dir, const char *key, const char *anchor)
{
	const char *srcdir = getenv("srcdir");
	char command[1024];
	int status = 0;

	snprintf(command, sizeof(command),
		"exec python3 %s/tools/evidencefs-verify %s %s %s %s %s >/dev/null 2>&1",
		srcdir ? srcdir : ".", key ? "--key" : "", key ? key : "", anchor ? "--anchor" : "",
		anchor ? anchor : "", dir);
	status = system(command); /* NOLINT: a test's own words */
	return WIFEXITED(status) && WEXITSTATUS(status) < 100 ? WEXITSTATUS(status) : -1;
}

static bool other_is_there;
static char good_key[NOTE_MAX];
static char good_anchor[NOTE_MAX];

/* Both verifiers say @want of @m. */
static bool says(const struct image *m, bool key, bool anchor, int want, bool both)
{
	struct place at;
	char file[2][128];
	const struct verify_text a = {"anchor", good_anchor};
	const struct verify_opts o = {
		.key = {"key", key ? good_key : NULL}, .anchors = &a, .anchors_n = anchor};
	struct err e = {.code = 0};
	int got = 0;
	int other = want;

	place_make(&at);
	snprintf(file[0], sizeof(file[0]), "%s/key", at.top);
	snprintf(file[1], sizeof(file[1]), "%s/anchor", at.top);
	mkdir(at.log, 0700);
	image_store(m, at.log);
	store_file(at.top, "key", good_key, strlen(good_key));
	store_file(at.top, "anchor", good_anchor, strlen(good_anchor));
	got = (int)audit_verify(at.log, &o, &e);
	if (both && other_is_there)
		other = other_verdict(at.log, key ? file[0] : NULL, anchor ? file[1] : NULL);
	if (got != want || other != want)
		diag("got %d, the other %d, want %d: %s", got, other, want, e.text);
	place_remove(&at);
	return got == want && other == want;
}

/* A log of four runs, one of which was killed: nine checkpoints or so. */
static void make_log(const char *dir)
{
	struct audit_log *l = NULL;
	struct err e = {.code = 0};
	char told[256];

	for (unsigned i = 0; i < 4; i++) {
		if (i == 1) {
			killed_writer(dir, 20);
			continue;
		}
		must_open(dir, &l);
		audit_on_fault(l, quiet, told);
		if (audit_seal(l, NULL, NULL, &e))
			bail_out(e.text);
		must_append(l, 15);
		audit_close(l);
		if (i == 2)
			audit_newest(dir, good_anchor, &e);
	}
}

/* Every byte of every record, its sum made right again; and as it is. */
static void test_bytes(const struct image *m)
{
	size_t good = 0;
	size_t tried = 0;

	for (size_t i = 0; i < m->n; i += 5) {
		struct image c = image_copy(m);
		struct at at = {.off = 0};

		for (uint64_t seq = 1; at.off + at.size <= i; seq++)
			at = find(m, seq);
		c.bytes[i] ^= 0x10;
		if (c.bytes[at.off + 5] == m->bytes[at.off + 5] && i >= at.off + 4)
			set_sum(c.bytes + at.off);
		good += says(&c, false, false, 1, i % 500 == 0);
		tried++;
		image_free(&c);
	}
	is_int(good, (long long)tried,
		"a changed byte in any record is found, with its sum mended");
	good = tried = 0;
	for (size_t i = 0; i < m->checkpoints_n; i++) {
		struct image c = image_copy(m);

		c.checkpoints[i] ^= 0x01;
		good += says(&c, false, false, 1, i % 97 == 0);
		tried++;
		image_free(&c);
	}
	is_int(good, (long long)tried, "and in any checkpoint");
	good = tried = 0;
	for (size_t i = 0; m->origin[i]; i++) {
		struct image c = image_copy(m);

		c.origin[i] ^= 0x01;
		good += says(&c, false, false, 1, i % 40 == 0) && says(&c, true, false, 1, false);
		tried++;
		image_free(&c);
	}
	is_int(good, (long long)tried, "and in the origin key");
}

/* Take [n] bytes at @off out, and put others in their place. */
static void replace(struct image *m, size_t off, size_t n, const uint8_t *p, size_t with)
{
	memmove(m->bytes + off + with, m->bytes + off + n, m->n - off - n);
	if (with)
		memcpy(m->bytes + off, p, with);
	m->n = m->n - n + with;
	for (unsigned i = 1; i <= SEGMENTS; i++)
		if (m->cut[i] >= off + n)
			m->cut[i] = m->cut[i] - n + with;
		else if (m->cut[i] > off)
			m->cut[i] = off + with;
}

static void test_records(const struct image *m, const struct image *other)
{
	uint64_t n = count(m);
	size_t good = 0;
	size_t swapped = 0;
	size_t doubled = 0;
	size_t spliced = 0;

	for (uint64_t seq = 1; seq <= n; seq++) {
		struct at at = find(m, seq);
		struct at next = find(m, seq < n ? seq + 1 : 1);
		struct at alien = find(other, seq % count(other) + 1);
		struct image c = image_copy(m);
		bool both = seq % 30 == 1 || seq == n;

		replace(&c, at.off, at.size, NULL, 0);
		mend(&c);
		good += says(&c, false, false, 1, both);
		image_free(&c);
		c = image_copy(m);
		replace(&c, at.off, 0, m->bytes + at.off, at.size);
		mend(&c);
		doubled += says(&c, false, false, 1, both);
		image_free(&c);
		c = image_copy(m);
		replace(&c, at.off, at.size, other->bytes + alien.off, alien.size);
		mend(&c);
		spliced += says(&c, false, false, 1, both);
		image_free(&c);
		c = image_copy(m);
		replace(&c, at.off, at.size, m->bytes + next.off, next.size);
		replace(&c, (seq < n ? at.off + next.size : 0), next.size, m->bytes + at.off,
			at.size);
		mend(&c);
		swapped += says(&c, false, false, 1, both);
		image_free(&c);
	}
	is_int(good, (long long)n, "any record taken out, the others renumbered");
	is_int(doubled, (long long)n, "any record twice");
	is_int(spliced, (long long)n, "any record of another log in its place");
	is_int(swapped, (long long)n, "any two neighbours changed over");
}

/* Length of the checkpoint that begins at @off. */
static size_t note_at(const struct image *m, size_t off)
{
	char *end = m->checkpoints + off;

	for (unsigned i = 0; i < 5; i++)
		end = (char *)memchr(end, '\n', m->checkpoints_n) + 1;
	return (size_t)(end - (m->checkpoints + off));
}

static void test_files(const struct image *m)
{
	size_t n = 0;
	size_t good = 0;
	struct image c;

	for (unsigned i = 0; i < SEGMENTS; i++) {
		c = image_copy(m);
		c.gone[i] = true;
		good += says(&c, false, false, 1, true);
		image_free(&c);
	}
	is_int(good, SEGMENTS, "a segment removed");
	good = 0;
	/* the last one may be missing: nothing tells that from an end by SIGKILL but an anchor */
	for (size_t off = 0; off + note_at(m, off) < m->checkpoints_n; n++) {
		size_t length = note_at(m, off);

		c = image_copy(m);
		memmove(c.checkpoints + off, c.checkpoints + off + length,
			c.checkpoints_n - off - length);
		c.checkpoints_n -= length;
		good += says(&c, false, false, 1, true);
		image_free(&c);
		off += length;
	}
	ok(n > 4 && good == n, "any of %zu checkpoints removed but the last", n);
	c = image_copy(m);
	free(c.checkpoints);
	c.checkpoints = NULL;
	ok(says(&c, false, false, 1, true), "all of them");
	image_free(&c);
	c = image_copy(m);
	c.origin[0] = '\0';
	ok(says(&c, false, false, 1, true), "the origin key removed");
	ok(says(&c, true, true, 0, true), "which one kept elsewhere makes good");
	image_free(&c);
	c = image_copy(m);
	c.checkpoints_n -= 20;
	ok(says(&c, false, false, 3, true), "a torn checkpoint at the end is no tampering");
	image_free(&c);
	c = image_copy(m);
	memset(c.bytes + c.n, 0x55, 30);
	c.n += 30;
	c.cut[SEGMENTS] = c.n;
	ok(says(&c, false, true, 0, true), "nor is a torn record");
	image_free(&c);
}

/* An earlier state of the log, as it was: only an anchor tells. */
static void test_rollback(const struct image *m)
{
	struct image c = image_copy(m);
	struct note note;
	size_t off = note_at(m, 0);
	struct at end;

	off += note_at(m, off);
	note_decode("", "", 0, false, &note);
	sscanf(strchr(m->checkpoints + off - note_at(m, 0), '\n'), "%" SCNu64, &note.size);
	end = find(m, note.size);
	c.checkpoints_n = off;
	c.n = end.off + end.size;
	for (unsigned i = 1; i <= SEGMENTS; i++)
		c.cut[i] = c.cut[i] < c.n && i < SEGMENTS ? c.cut[i] : c.n;
	ok(says(&c, false, false, 3, true), "a rollback looks whole");
	ok(says(&c, false, true, 1, true), "but is behind the anchor");
	image_free(&c);
}

/* The thief: everything made anew and signed with the newest key, which waits on the disk. */
static void sign_again(struct image *m, struct signer *s, const uint8_t *log_id)
{
	struct tree tree = {.size = 0};
	char name[NOTE_NAME_MAX];
	char text[NOTE_MAX];
	struct note note;
	size_t at = 0;
	int length = 0;

	note_name(log_id, name);
	length = note_decode(name, m->checkpoints, m->checkpoints_n, false, &note);
	for (size_t off = 0; off < m->n; off += (size_t)m->bytes[off + 5] * RECORD_UNIT) {
		uint8_t leaf[TREE_HASH];
		uint8_t *p = m->bytes + off;

		if (p[4] == AUDIT_EPOCH)
			/* the root that the checkpoint before it has now */
			memcpy(p + 80, note.root, TREE_HASH);
		set_sum(p);
		tree_leaf(p, (size_t)p[5] * RECORD_UNIT, leaf);
		tree_add(&tree, leaf, NULL);
		if (at >= m->checkpoints_n || tree.size != note.size)
			continue;
		tree_root(&tree, note.root, NULL);
		if (signer_checkpoint(s, note.size, note.root, &note))
			bail_out("sign");
		note_encode(name, &note, text);
		memcpy(m->checkpoints + at, text, (size_t)length);
		at += (size_t)length;
		if (at < m->checkpoints_n) {
			struct note next;

			length = note_decode(
				name, m->checkpoints + at, m->checkpoints_n - at, false, &next);
			note.size = next.size;
		}
	}
}

static void test_thief(const char *top, const struct image *m)
{
	struct image c = image_copy(m);
	const uint8_t zeros[8 + RECORD_ROOT] = {0};
	struct record_head head;
	struct signer *s = NULL;
	int fd = -1;
	struct err e = {.code = 0};
	char keys[128];
	char name[NOTE_NAME_MAX];
	int dirfd = -1;

	snprintf(keys, sizeof(keys), "%s/keys", top);
	dirfd = open(keys, O_RDONLY | O_DIRECTORY);
	record_head_decode(m->head, &head);
	note_name(head.log_id, name);
	/* he is not bound by what was signed before: that stands behind the key */
	fd = openat(dirfd, "log.key", O_WRONLY);
	if (fd < 0 || pwrite(fd, zeros, sizeof(zeros), RECORD_LOG_ID + RECORD_KEY) != sizeof(zeros))
		bail_out("no key was left at the stop");
	close(fd);
	if (signer_blank(head.log_id, &s) || signer_take(s, dirfd, &e))
		bail_out(e.text);
	ok(faccessat(dirfd, "log.key", F_OK, 0) < 0, "a key is removed when it is taken");
	c.bytes[find(m, 3).off + 60] ^= 1; /* another thread asked */
	sign_again(&c, s, head.log_id);
	ok(says(&c, false, false, 1, true), "all signed again with the newest key: found");
	note_key_encode(name, signer_key(s), c.origin);
	ok(says(&c, false, false, 1, true), "even with that as origin key");
	ok(says(&c, true, false, 1, true), "and by the one kept elsewhere");
	image_free(&c);
	signer_free(s);
	close(dirfd);
}

/*
 * Why an EPOCH signs tree size and root with the next key: were it the next key alone, its
 * signature would hold for any history before it.
 */
static void test_alone(void)
{
	const uint8_t log_id[RECORD_LOG_ID] = {1};
	const uint8_t root[RECORD_ROOT] = {7};
	struct signer *first = NULL;
	struct signer *second = NULL;
	struct record_seal alone = {.size = 0};
	struct record_seal epoch;
	struct note note;
	uint8_t first_key[RECORD_KEY];

	if (signer_blank(log_id, &first) || signer_make(first) || signer_blank(log_id, &second) ||
		signer_make(second) || signer_checkpoint(first, 5, root, &note))
		bail_out("signer");
	memcpy(first_key, signer_key(first), RECORD_KEY);
	/* the next key and nothing else, as a DEVICE has it */
	signer_vouch(first, AUDIT_DEVICE, log_id, signer_key(second), &alone);
	signer_epoch(first, &epoch);
	signer_free(first);
	/* the thief of the second key rewrites the five records and signs their new root */
	note.root[0] ^= 1;
	ok(signer_checkpoint(second, 5, note.root, &note) == 0, "he signs another history");
	ok(signer_seal_checks(AUDIT_DEVICE, log_id, &alone, first_key),
		"a signature over the next key alone goes on vouching for him");
	memcpy(epoch.root, note.root, RECORD_ROOT);
	ok(!signer_seal_checks(AUDIT_EPOCH, log_id, &epoch, first_key),
		"an EPOCH does not: it signed the root that was");
	signer_free(second);
}

/* ---- records of the seal's own, and hashes --------------------------------------------- */

/* A record behind the end, as nobody has sealed it yet. */
static struct image with_record(const struct image *m, const uint8_t *p, int n)
{
	struct image c = image_copy(m);

	if (n <= 0)
		bail_out("no record");
	replace(&c, c.n, 0, p, (size_t)n);
	return c;
}

/* @seal as the next record, by its encoder; what both verifiers say of it. */
static void is_seal(const struct image *m, enum audit_type type, const struct record_seal *seal,
	int want, const char *name)
{
	const struct at last = find(m, count(m));
	struct audit_event ev = {.type = type, .seq = last.ev.seq + 1, .time_ns = last.ev.time_ns};
	uint8_t bytes[RECORD_BYTES_MAX];
	struct image c = with_record(m, bytes, record_seal_encode(&ev, seal, bytes));

	ok(says(&c, false, false, want, true), "%s", name);
	image_free(&c);
}

static struct at find_type(const struct image *m, enum audit_type type)
{
	struct at at = {.off = 0};

	for (; at.off < m->n; at.off += at.size) {
		int size = record_decode(m->bytes + at.off, m->n - at.off, &at.ev);

		if (size <= 0)
			break;
		at.size = (size_t)size;
		if (at.ev.type == type)
			return at;
	}
	bail_out("no record of that type");
}

/* What the seal's own records say behind the last checkpoint, where only they vouch for it. */
static void test_vouchers(const struct image *m)
{
	struct record_head head;
	struct record_seal breach;
	struct record_seal seal = {.size = 0};
	struct record_seal bad;
	struct signer *stranger = NULL;
	const struct at at = find_type(m, AUDIT_DISCONTINUITY);

	if (record_head_decode(m->head, &head) || signer_blank(head.log_id, &stranger) ||
		signer_make(stranger))
		bail_out("signer");
	record_seal_decode(m->bytes + at.off, &breach);
	signer_vouch(stranger, AUDIT_DEVICE, head.log_id, signer_key(stranger), &seal);
	is_seal(m, AUDIT_DEVICE, &seal, 1, "a device's key that a stranger named");
	seal = (struct record_seal){.size = at.ev.seq, .role = RECORD_BY_OWNER};
	memcpy(seal.root, breach.next, RECORD_KEY);
	signer_vouch(stranger, AUDIT_ENDORSEMENT, head.log_id, signer_key(stranger), &seal);
	is_seal(m, AUDIT_ENDORSEMENT, &seal, 3, "somebody endorses as an owner: told with his key");
	bad = seal;
	bad.signature[20] ^= 1;
	is_seal(m, AUDIT_ENDORSEMENT, &bad, 1, "but not with another signature");
	bad = seal;
	bad.role = RECORD_BY_AUDITOR;
	is_seal(m, AUDIT_ENDORSEMENT, &bad, 1, "nor in another role than he signed");
	bad = seal;
	bad.next[5] ^= 1;
	is_seal(m, AUDIT_ENDORSEMENT, &bad, 1, "nor under another key");
	seal.role = RECORD_BY_DEVICE;
	signer_vouch(stranger, AUDIT_ENDORSEMENT, head.log_id, signer_key(stranger), &seal);
	is_seal(m, AUDIT_ENDORSEMENT, &seal, 1, "as the device: it is not its key");
	seal.role = RECORD_BY_OWNER;
	seal.size = at.ev.seq - 1;
	signer_vouch(stranger, AUDIT_ENDORSEMENT, head.log_id, signer_key(stranger), &seal);
	is_seal(m, AUDIT_ENDORSEMENT, &seal, 1, "of a record that is no discontinuity");
	seal.size = at.ev.seq;
	seal.root[0] ^= 1;
	signer_vouch(stranger, AUDIT_ENDORSEMENT, head.log_id, signer_key(stranger), &seal);
	is_seal(m, AUDIT_ENDORSEMENT, &seal, 1, "of a key that did not come with it");
	signer_free(stranger);
}

/* 2^@level records from @seq on by their hash, in @c. */
static void hash_records(struct image *c, uint64_t seq, unsigned level)
{
	const struct at first = find(c, seq);
	struct audit_event ev = {.seq = seq, .time_ns = first.ev.time_ns};
	struct tree t = {.size = 0};
	uint8_t root[TREE_HASH];
	uint8_t bytes[RECORD_BYTES_MAX];
	size_t n = 0;
	int size = 0;

	for (uint64_t i = 0; i < UINT64_C(1) << level; i++) {
		const struct at at = find(c, seq + i);

		tree_leaf(c->bytes + at.off, at.size, root);
		tree_add(&t, root, NULL);
		n += at.size;
	}
	tree_root(&t, root, NULL);
	if (seq > 1)
		ev.time_ns = find(c, seq - 1).ev.time_ns;
	size = record_hashes_encode(&ev, level, root, bytes);
	if (size < 0)
		bail_out("hashes");
	replace(c, first.off, n, bytes, (size_t)size);
}

/* Hashed records @seq on; then one byte changed at @at of that record (0: none). */
static void is_hashed(
	const struct image *m, uint64_t seq, unsigned level, size_t at, int want, const char *name)
{
	struct image c = image_copy(m);
	const size_t off = find(m, seq).off;

	hash_records(&c, seq, level);
	if (at) {
		c.bytes[off + at] ^= 1;
		set_sum(c.bytes + off);
	}
	ok(says(&c, false, false, want, true), "%s", name);
	image_free(&c);
}

/* A log in which accesses up to record @object may be hashes, since the checkpoint at its end. */
static void make_retained(const char *dir, uint64_t object)
{
	struct audit_log *l = NULL;
	struct audit_event ev = {
		.type = AUDIT_RETENTION, .decision = AUDIT_ALLOWED, .object = object};

	must_seal(dir, &l);
	must_append(l, 40);
	if (object)
		append(l, ev);
	must_append(l, 9);
	audit_close(l);
}

static void test_hashes(void)
{
	struct place at[2];
	struct image m;
	struct image none;
	struct image c;
	struct audit_event ev = {.type = AUDIT_RETENTION, .decision = AUDIT_ALLOWED};
	uint8_t bytes[RECORD_BYTES_MAX];
	struct at said;
	size_t off = 0;

	place_make(&at[0]);
	place_make(&at[1]);
	make_retained(at[0].log, 24);
	make_retained(at[1].log, 0);
	image_load(at[0].log, &m);
	image_load(at[1].log, &none);
	ok(says(&m, false, false, 3, true), "a log of which accesses may be deleted");
	is_hashed(&m, 9, 3, 0, 3, "eight of them by their hash");
	is_hashed(&m, 9, 3, 40, 1, "not by another one");
	is_hashed(&m, 9, 3, 7, 1, "nor as more or fewer of them");
	is_hashed(&m, 9, 3, 8, 1, "nor of another number");
	is_hashed(&m, 9, 3, 24, 1, "nor with a nonce");
	is_hashed(&m, 25, 2, 0, 1, "nor what the policy does not let go");
	is_hashed(&none, 9, 3, 0, 1, "nor where no record says so");
	said = find_type(&m, AUDIT_RETENTION);
	c = image_copy(&m);
	hash_records(&c, 25, 2);
	off = find_type(&c, AUDIT_RETENTION).off;
	c.bytes[off + 120] = 40; /* its object */
	set_sum(c.bytes + off);
	ok(says(&c, false, false, 1, true), "nor where it was made to say more");
	image_free(&c);
	/* one that nobody sealed allows nothing */
	ev.object = 40;
	ev.loginuid = AUDIT_NO_LOGINUID;
	ev.seq = count(&none) + 1;
	ev.time_ns = find(&none, count(&none)).ev.time_ns;
	c = with_record(&none, bytes, record_encode(&ev, bytes));
	ok(says(&c, false, false, 3, true), "one behind the last checkpoint is not sealed");
	hash_records(&c, 9, 3);
	ok(says(&c, false, false, 1, true), "and lets nothing go yet");
	image_free(&c);
	ok(said.ev.object == 24, "all this by a record of the log");
	image_free(&m);
	image_free(&none);
	place_remove(&at[0]);
	place_remove(&at[1]);
}

static void test_tampering(void)
{
	struct place at;
	struct place at2;
	struct image m;
	struct image other;

	place_make(&at);
	place_make(&at2);
	make_log(at2.log);
	image_load(at2.log, &other);
	make_log(at.log);
	image_load(at.log, &m);
	memcpy(good_key, m.origin, sizeof(good_key));
	other_is_there = other_verdict(at.log, NULL, NULL) == 3;
	if (!other_is_there)
		skip("tools/evidencefs-verify cannot be run here, or does not agree");
	ok(says(&m, false, false, 3, true) && says(&m, true, false, 3, true) &&
			says(&m, false, true, 0, true) && says(&m, true, true, 0, true),
		"a log as it was, in three segments");
	ok(says(&other, false, true, 1, true) && says(&other, true, false, 1, true),
		"another log in its place");
	test_files(&m);
	test_rollback(&m);
	test_records(&m, &other);
	test_bytes(&m);
	test_thief(at.top, &m);
	test_vouchers(&m);
	test_hashes();
	image_free(&m);
	image_free(&other);
	place_remove(&at);
	place_remove(&at2);
}

int main(void)
{
	test_clean();
	test_pace();
	test_killed();
	test_alone();
	test_tampering();
	test_speed();
	return done_testing();
}
