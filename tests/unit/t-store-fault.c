/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-store-fault.c - the catalog's file when something goes wrong: killed in the middle, no
 * space, locked, damaged, of another version. What was answered is there, and what is not
 * sound is refused in words that help.
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act-help.h"
#include "base/db.h"
#include "store-help.h"

static uint8_t *load_file(const char *path, size_t *n)
{
	struct stat st = {.st_size = 0};
	uint8_t *data = NULL;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &st) < 0)
		bail_out(path);
	data = malloc((size_t)st.st_size + 1);
	if (!data || read(fd, data, (size_t)st.st_size) != (ssize_t)st.st_size)
		bail_out(path);
	close(fd);
	*n = (size_t)st.st_size;
	return data;
}

static void store_file(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		bail_out(path);
	close(fd);
}

static bool file_is(const char *path, const uint8_t *p, size_t n)
{
	size_t got = 0;
	uint8_t *data = load_file(path, &got);
	bool same = got == n && memcmp(data, p, n) == 0;

	free(data);
	return same;
}

/* A catalog with acts 1 to @n, closed; its bytes. */
static uint8_t *make_acts(const struct place *at, uint64_t n, size_t *bytes)
{
	struct store *s = must_open(at);
	struct err e = {.code = 0};

	for (uint64_t i = 1; i <= n; i++) {
		struct act a = act_small(i, i % 2 ? ACT_GRANT : ACT_REVOKE, i);

		if (store_append(s, &a, &e) < 0)
			bail_out(e.text);
	}
	store_close(s);
	return load_file(at->db, bytes);
}

/* ---- killed ------------------------------------------------------------------------- */

static int check_small(void *ctx, const struct act *a)
{
	uint64_t *seq = ctx;
	struct act want = act_small(*seq + 1, ACT_GRANT, *seq + 1);

	++*seq;
	return act_same(a, &want) ? 0 : -ECANCELED;
}

static void append_for_ever(const struct place *at, atomic_ullong *acknowledged)
{
	struct store *s = must_open(at);

	for (uint64_t i = store_last(s) + 1;; i++) {
		struct act a = act_small(i, ACT_GRANT, i);

		if (store_append(s, &a, NULL) < 0)
			_exit(1);
		*acknowledged = i;
	}
}

static void test_killed(const struct place *at)
{
	atomic_ullong *acknowledged = mmap(NULL, sizeof(*acknowledged), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct err e = {.code = 0};
	const unsigned rounds = 40;
	unsigned good = 0;
	unsigned journals = 0;
	uint64_t told = 0;

	for (unsigned round = 1; round <= rounds; round++) {
		struct store *s = NULL;
		char journal[128];
		struct stat st;
		uint64_t seen = 0;
		pid_t child = fork();

		if (child == 0)
			append_for_ever(at, acknowledged);
		while (*acknowledged < told + 5 + round * 7 % 40 &&
			waitpid(child, NULL, WNOHANG) == 0)
			sched_yield();
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		told = *acknowledged;
		snprintf(journal, sizeof(journal), "%s-journal", at->db);
		journals += stat(journal, &st) == 0 && st.st_size > 0;
		s = must_open(at);
		good += store_each(s, TIME_NEVER, check_small, &seen, &e) == 0 && seen >= told &&
			seen <= told + 1 && store_last(s) == seen;
		store_close(s);
	}
	is_int(good, rounds, "killed: each act that was answered is there, and whole");
	diag("%llu acts; %u times within one", (unsigned long long)told, journals);
	munmap(acknowledged, sizeof(*acknowledged));
}

/* ---- locked ------------------------------------------------------------------------- */

static void test_locked(const struct place *at)
{
	struct store *s = must_open(at);
	struct store *second = NULL;
	struct act a = act_small(1, ACT_GRANT, 1);
	struct err e = {.code = 0};
	int status = 0;
	pid_t child = fork();

	if (child == 0)
		_exit(store_open(at->db, &second, NULL) == -EBUSY ? 0 : 1);
	waitpid(child, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "another process is refused");
	is_int(store_open(at->db, &second, &e), -EBUSY, "and the same one");
	ok(!second && strstr(e.text, at->db) && strstr(e.text, "another process"), "told: %s",
		e.text);
	is_int(store_append(s, &a, NULL), 0, "who has it goes on");
	store_close(s);
	s = must_open(at);
	is_int(count_acts(s, NULL), 1, "and when it is closed it can be opened");
	store_close(s);
}

/* ---- damaged ------------------------------------------------------------------------ */

/* As make_acts() made them. */
static int look_one(void *ctx, const struct act *a)
{
	uint64_t *seen = ctx;
	uint64_t seq = ++*seen;
	struct act want = act_small(seq, seq % 2 ? ACT_GRANT : ACT_REVOKE, seq);

	return act_same(a, &want) ? 0 : -ECANCELED;
}

/* Open and look at all. Return: 0 all [n] acts are as they were; -ECANCELED they differ; the
 * error of the store. */
static int look_at(const struct place *at, uint64_t n, struct err *e)
{
	struct store *s = NULL;
	uint64_t seen = 0;
	int rc = store_open(at->db, &s, e);

	if (rc == 0)
		rc = store_each(s, TIME_NEVER, look_one, &seen, e);
	store_close(s);
	return rc == 0 && seen != n ? -ECANCELED : rc;
}

/* One byte of the file is another: the acts are refused or as they were, nothing between. */
static void test_flipped(const struct place *at)
{
	size_t n = 0;
	uint8_t *bytes = make_acts(at, 40, &n);
	size_t lies = 0;
	size_t refused = 0;
	size_t other = 0;
	size_t tried = 0;

	for (size_t i = 0; i < n; i += i < 128 ? 1 : 23) {
		struct err e = {.code = 0};
		int rc = 0;

		bytes[i] ^= 0x11;
		store_file(at->db, bytes, n);
		bytes[i] ^= 0x11;
		rc = look_at(at, 40, &e);
		tried++;
		lies += rc == -ECANCELED;
		refused += rc == -EBADMSG;
		/* bytes 60 to 63 of an SQLite file are its user version: a later format has one */
		if (rc != 0 && rc != -EBADMSG && !(rc == -ENOTSUP && i / 4 == 15)) {
			diag("byte %zu: %d: %s", i, rc, e.text);
			other++;
		}
	}
	is_int(lies, 0, "no flipped byte changes an act unseen");
	ok(refused > 0, "%zu of %zu are refused as damage, the others touch nothing", refused,
		tried);
	is_int(other, 0, "none is taken for anything else");
	free(bytes);
}

static void test_truncated(const struct place *at)
{
	size_t n = 0;
	uint8_t *bytes = make_acts(at, 200, &n);
	size_t good = 0;
	size_t tried = 0;
	struct err e = {.code = 0};

	for (size_t cut = 0; cut < n; cut += cut % 4096 == 0 ? 1000 : 4096 - cut % 4096) {
		err_clear(&e);
		store_file(at->db, bytes, cut);
		tried++;
		if (look_at(at, 200, &e) == -EBADMSG && file_is(at->db, bytes, cut))
			good++;
		else
			diag("cut at %zu: %s", cut, e.text);
	}
	is_int(good, (long long)tried, "cut anywhere, also to nothing: refused, and left as it is");
	store_file(at->db, "It was a dark and stormy night, and no catalog at all.", 54);
	err_clear(&e);
	is_int(look_at(at, 0, &e), -EBADMSG, "a file that is no database");
	ok(strstr(e.text, at->db) && strstr(e.text, "put back a copy"), "told: %s", e.text);
	free(bytes);
}

static void run_sql(const char *path, enum db_mode mode, const char *sql)
{
	struct db *d = NULL;
	struct err e = {.code = 0};

	if (db_open(path, mode, &d, &e) || db_exec(d, sql, &e))
		bail_out(e.text);
	db_close(d);
}

static void test_other_database(const struct place *at)
{
	struct err e = {.code = 0};
	uint8_t *bytes = NULL;
	size_t n = 0;

	run_sql(at->db, DB_BUILD, "CREATE TABLE acts(seq INTEGER PRIMARY KEY)");
	bytes = load_file(at->db, &n);
	is_int(look_at(at, 0, &e), -EBADMSG, "a database that is no catalog is refused");
	ok(file_is(at->db, bytes, n), "and left as it is");
	free(bytes);
	unlink(at->db);
	free(make_acts(at, 3, &n));
	run_sql(at->db, DB_OWN, "DROP TABLE acts");
	is_int(look_at(at, 0, NULL), -EBADMSG, "a catalog without its acts too");
}

static void test_journal_alone(const struct place *at)
{
	struct err e = {.code = 0};
	char journal[128];

	snprintf(journal, sizeof(journal), "%s-journal", at->db);
	store_file(journal, "whatever", 8);
	is_int(look_at(at, 0, &e), -EBADMSG, "no catalog is made beside the journal of another");
	ok(strstr(e.text, "journal") && entries(at->top) == 1, "told: %s", e.text);
	store_file(journal, "", 0);
	is_int(look_at(at, 0, NULL), 0, "but beside an empty one");
}

/* Somebody who takes care to edit the database, and forgets the sum. */
static void test_edited(const struct place *at)
{
	size_t n = 0;

	free(make_acts(at, 10, &n));
	run_sql(at->db, DB_OWN, "DROP TRIGGER acts_update; UPDATE acts SET rights=511 WHERE seq=5");
	is_int(look_at(at, 10, NULL), -EBADMSG, "an act that was edited is found by its sum");
}

/* ---- versions ----------------------------------------------------------------------- */

static void test_newer(const struct place *at)
{
	struct err e = {.code = 0};
	uint8_t *bytes = NULL;
	size_t n = 0;

	free(make_acts(at, 3, &n));
	run_sql(at->db, DB_OWN, "UPDATE meta SET value=value+1 WHERE key='version'");
	bytes = load_file(at->db, &n);
	is_int(look_at(at, 3, &e), -ENOTSUP, "a catalog of a later version is refused");
	ok(strstr(e.text, "version 2"), "told: %s", e.text);
	ok(file_is(at->db, bytes, n), "and left as it is");
	free(bytes);
}

/* Version 0, which has only its version (docs/FORMAT.catalog.md). */
static void make_version_0(const struct place *at)
{
	run_sql(at->db, DB_BUILD,
		"PRAGMA application_id=0x45564653;"
		"CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, "
		"WITHOUT ROWID; INSERT INTO meta VALUES('version', 0)");
}

static int64_t version_of(const char *path)
{
	struct db *d = NULL;
	struct db_stmt *q = NULL;
	int64_t version = -1;

	if (db_open(path, DB_READ, &d, NULL) ||
		db_prepare(d, "SELECT value FROM meta WHERE key='version'", &q, NULL))
		bail_out(path);
	if (db_step(q, NULL) == 1)
		version = db_int(q, 0);
	db_stmt_free(q);
	db_close(d);
	return version;
}

static void test_older(const struct place *at)
{
	char backup[128];
	struct stat st;
	size_t n = 0;

	make_version_0(at);
	free(make_acts(at, 3, &n));
	is_int(version_of(at->db), STORE_VERSION, "an older catalog is brought up to date");
	is_int(look_at(at, 3, NULL), 0, "and takes acts");
	snprintf(backup, sizeof(backup), "%s.v0-backup", at->db);
	is_int(version_of(backup), 0, "as it was it is kept");
	ok(stat(backup, &st) == 0 && (st.st_mode & 07777) == 0600, "for its owner alone");
	ok(entries(at->top) <= 3, "and nothing else is left behind");
}

/* ---- no space ----------------------------------------------------------------------- */

static void limit_files(rlim_t n)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = n ? n : limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit);
}

/* Append grants until one is refused. Return: how many were taken. */
static uint64_t append_until_failure(struct store *s, int *rc, struct err *e)
{
	uint64_t n = 0;

	for (*rc = 0; *rc == 0; n += *rc == 0) {
		uint64_t seq = store_last(s) + 1;
		struct act a = act_small(seq, ACT_GRANT, seq);

		*rc = store_append(s, &a, e);
	}
	return n;
}

static void test_file_limit(const struct place *at)
{
	struct store *s = must_open(at);
	struct err e = {.code = 0};
	uint64_t n = 0;
	uint64_t seen = 0;
	int rc = 0;

	limit_files(100000);
	n = append_until_failure(s, &rc, &e);
	is_int(rc, -ENOSPC, "at the limit of a file an act is refused");
	ok(n > 10 && strstr(e.text, "space") && strstr(e.text, at->db), "told after %llu: %s",
		(unsigned long long)n, e.text);
	is_int(count_acts(s, NULL), (long long)n, "those before it are there, it is not");
	n += append_until_failure(s, &rc, NULL);
	is_int(rc, -ENOSPC, "nor the next");
	limit_files(0);
	rc = store_next_object(s) == n + 1 ? 0 : -1;
	is_int(rc, 0, "with space back it goes on");
	store_close(s);
	s = must_open(at);
	ok(store_each(s, TIME_NEVER, check_small, &seen, &e) == 0 && seen == n,
		"all that were taken are there");
	store_close(s);
}

static void test_no_space_to_begin(const struct place *at)
{
	struct store *s = NULL;
	struct err e = {.code = 0};
	uint8_t *bytes = NULL;
	size_t n = 0;

	limit_files(8192);
	is_int(store_open(at->db, &s, &e), -ENOSPC, "no space for a new catalog");
	limit_files(0);
	ok(!s && entries(at->top) == 0, "nothing is left of it");
	make_version_0(at);
	bytes = load_file(at->db, &n);
	limit_files(n + 4096);
	is_int(store_open(at->db, &s, NULL), -ENOSPC, "none to bring an older one up to date");
	limit_files(0);
	is_int(version_of(at->db), 0, "which stays what it was");
	free(bytes);
	is_int(look_at(at, 0, &e), 0, "until there is");
}

static void fill_disk(const char *path)
{
	static const uint8_t page[4096];
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	while (fd >= 0 && write(fd, page, sizeof(page)) > 0)
		;
	close(fd);
}

static void test_full_disk(const struct place *at)
{
	struct store *s = NULL;
	struct err e = {.code = 0};
	char ballast[96];
	uint64_t n = 0;
	int rc = 0;

	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("t-store", at->top, "tmpfs", 0, "size=256k") < 0) {
		skip("cannot mount a small file system");
		return;
	}
	s = must_open(at);
	snprintf(ballast, sizeof(ballast), "%s/ballast", at->top);
	n = append_until_failure(s, &rc, NULL);
	is_int(rc, -ENOSPC, "on a full disk an act is refused");
	is_int(count_acts(s, NULL), (long long)n, "those before it are there, it is not");
	fill_disk(ballast);
	is_int(store_next_object(s), 0, "no number is given that cannot be kept");
	store_close(s);
	is_int(look_at(at, 0, &e) == -ECANCELED, 1, "it can still be opened and read");
	unlink(ballast);
	s = must_open(at);
	is_int(count_acts(s, NULL), (long long)n, "with space back all are there");
	ok(store_next_object(s) == n + 1, "and it goes on");
	store_close(s);
	umount(at->top);
}

int main(void)
{
	static void (*const tests[])(const struct place *) = {test_killed, test_locked,
		test_flipped, test_truncated, test_other_database, test_journal_alone, test_edited,
		test_newer, test_older, test_file_limit, test_no_space_to_begin, test_full_disk};

	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		struct place at;

		place_make(&at);
		tests[i](&at);
		place_remove(&at);
	}
	return done_testing();
}
