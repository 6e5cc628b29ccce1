/* SPDX-License-Identifier: Apache-2.0 */
/* t-store.c - the catalog's file: what goes in comes out, in order, and is there to stay. */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act-help.h"
#include "base/db.h"
#include "store-help.h"

static void test_new(const struct place *at)
{
	struct store *s = NULL;
	struct err e = {.code = 0};
	struct stat st;
	char path[160];

	is_int(store_open(at->db, &s, &e), 0, "a catalog is made where there is none");
	ok(stat(at->db, &st) == 0 && (st.st_mode & 07777) == 0600, "mode 0600");
	is_int(entries(at->top), 1, "and nothing beside it");
	is_int(store_last(s), 0, "it has no act");
	is_int(count_acts(s, &e), 0, "none at all");
	store_close(s);
	store_close(NULL);
	snprintf(path, sizeof(path), "%s/none/catalog.db", at->top);
	s = NULL;
	is_int(store_open(path, &s, &e), -ENOENT, "not where there is no folder");
	ok(!s && strstr(e.text, path), "the report names it: %s", e.text);
}

struct compare {
	const struct act *want;
	size_t n;
	size_t same;
};

static int compare_one(void *ctx, const struct act *a)
{
	struct compare *c = ctx;

	if (c->n > 0 && act_same(a, c->want))
		c->same++;
	else
		diag("act %llu differs", (unsigned long long)a->seq);
	c->want++;
	c->n--;
	return 0;
}

/* How many of [n] acts are there, in order and as they were; -errno. */
static int64_t same_acts(struct store *s, const struct act *want, size_t n)
{
	struct compare c = {.want = want, .n = n};
	struct err e = {.code = 0};
	int rc = store_each(s, TIME_NEVER, compare_one, &c, &e);

	if (rc < 0)
		diag("%s", e.text);
	return rc < 0 ? rc : (int64_t)(c.n == 0 ? c.same : 0);
}

/* Every byte a text can have. */
static char *all_bytes(void)
{
	char *text = malloc(256);

	if (!text)
		bail_out("no memory");
	for (unsigned i = 1; i < 256; i++)
		text[i - 1] = (char)i;
	text[255] = '\0';
	return text;
}

static char *long_text(size_t n)
{
	char *text = malloc(n + 1);

	if (!text)
		bail_out("no memory");
	memset(text, '\'', n);
	text[n] = '\0';
	return text;
}

static void test_round_trip(const struct place *at)
{
	struct act acts[ACT_KIND_MAX + 3];
	const size_t n = sizeof(acts) / sizeof(*acts);
	struct store *s = must_open(at);
	struct err e = {.code = 0};
	size_t put = 0;

	for (size_t i = 0; i < ACT_KIND_MAX; i++) {
		acts[i] = act_full((enum act_kind)(i + 1));
		acts[i].case_id = i == 0 ? INT64_MAX : i;
		acts[i].object -= i;
	}
	acts[n - 3] = (struct act){.kind = ACT_CASE_CLOSE, .until_ns = INT64_MIN};
	acts[n - 2] = (struct act){.kind = ACT_RELEASE, .reason = all_bytes(), .name = own("")};
	acts[n - 1] = (struct act){.kind = ACT_VERIFY, .path = long_text(1000000), .boot_id = "'"};
	for (size_t i = 0; i < n; i++) {
		acts[i].seq = i == n - 1 ? INT64_MAX : 10 + i * 3;
		acts[i].ns = i < 3 ? INT64_MIN : (int64_t)i;
		put += store_append(s, &acts[i], &e) == 0;
	}
	is_int(put, (long long)n, "acts of each kind are taken");
	is_int(same_acts(s, acts, n), (long long)n, "and come back with every byte");
	ok(store_last(s) == INT64_MAX, "the last is known");
	store_close(s);
	s = must_open(at);
	is_int(same_acts(s, acts, n), (long long)n, "also when opened again");
	ok(store_last(s) == INT64_MAX, "the last too");
	store_close(s);
	for (size_t i = 0; i < n; i++)
		act_release(&acts[i]);
}

static void test_refused(const struct place *at)
{
	struct store *s = must_open(at);
	struct act a = act_small(5, ACT_GRANT, 7);
	struct act bad = a;
	struct err e = {.code = 0};

	is_int(store_append(s, &a, &e), 0, "an act");
	is_int(store_append(s, &a, &e), -EEXIST, "is not taken twice");
	bad.seq = 4;
	bad.object = 8;
	is_int(store_append(s, &bad, NULL), -EEXIST, "nor one before it");
	bad = act_small(6, ACT_EXCLUDE, 7);
	err_clear(&e);
	is_int(store_append(s, &bad, &e), -EEXIST, "nor one that begins what is there");
	ok(strstr(e.text, "not new"), "and told: %s", e.text);
	bad = act_small(6, ACT_CASE_CREATE, 0);
	is_int(store_append(s, &bad, NULL), -EINVAL, "one that begins nothing");
	bad = act_small(6, ACT_REVOKE, 7);
	bad.ns = a.ns - 1;
	is_int(store_append(s, &bad, NULL), -EINVAL, "one of an earlier time");
	bad = act_small(6, (enum act_kind)(ACT_KIND_MAX + 1), 0);
	is_int(store_append(s, &bad, NULL), -EINVAL, "one of no kind");
	bad = act_small((uint64_t)INT64_MAX + 1, ACT_VERIFY, 7);
	is_int(store_append(s, &bad, NULL), -EINVAL, "a number that no record has");
	bad = act_small(6, ACT_VERIFY, 7);
	memset(bad.boot_id, 'x', sizeof(bad.boot_id));
	is_int(store_append(s, &bad, NULL), -EINVAL, "a boot's id without end");
	is_int(count_acts(s, &e), 1, "none of these is there");
	bad = act_small(6, ACT_REVOKE, 7);
	is_int(store_append(s, &bad, NULL), 0, "what ends it is taken");
	store_close(s);
}

static void test_objects(const struct place *at)
{
	struct store *s = must_open(at);
	struct act a = act_small(1, ACT_ADD, 0);
	uint64_t next = store_next_object(s);

	is_int(next, 1, "the first number is 1");
	is_int(store_next_object(s), 2, "the next 2, though 1 was not used");
	store_close(s);
	s = must_open(at);
	is_int(store_next_object(s), 3, "and no number again after a restart");
	a.object = 100;
	is_int(store_append(s, &a, NULL), 0, "one that was chosen otherwise");
	is_int(store_next_object(s), 101, "is not given again");
	store_close(s);
	s = must_open(at);
	is_int(store_next_object(s), 102, "either");
	store_close(s);
}

static int stop_at_three(void *ctx, const struct act *a)
{
	int *seen = ctx;

	(void)a;
	return ++*seen == 3 ? -EPERM : 0;
}

static void test_times(const struct place *at)
{
	struct store *s = must_open(at);
	struct act acts[50];
	struct err e = {.code = 0};
	size_t good = 0;
	int seen = 0;

	for (size_t i = 0; i < 50; i++) {
		acts[i] = act_small(i + 1, ACT_GRANT, i + 1);
		acts[i].ns = 1000 + (int64_t)(i / 3) * 10; /* three at a time */
		if (store_append(s, &acts[i], &e) < 0)
			bail_out(e.text);
	}
	for (int64_t t = 990; t < 1200; t++) {
		int64_t want = 0;

		while (want < 50 && acts[want].ns <= t)
			want++;
		good += count_until(s, t, &e) == want;
	}
	is_int(good, 210, "at any time there are those before it, and no more");
	is_int(count_until(s, INT64_MIN, &e), 0, "at no time none");
	is_int(count_until(s, TIME_NEVER, &e), 50, "in the end all");
	is_int(store_each(s, TIME_NEVER, stop_at_three, &seen, &e), -EPERM,
		"who looks at them can end that");
	ok(seen == 3 && e.code == 0, "at once, and it is no fault of the catalog");
	store_close(s);
}

static void test_clocks(const struct place *at)
{
	struct store *s = must_open(at);
	struct store_boot b = {.boot_id = "one", .real_ns = -5, .boot_ns = INT64_MAX};
	struct store_boot got = {.real_ns = 1};
	struct act a = act_small(1, ACT_VERIFY, 1);
	struct err e = {.code = 0};
	int64_t ns = -1;

	ok(store_highest_time(s, &ns, &e) == 0 && ns == 0, "no time was seen");
	is_int(store_boot(s, "one", &got, &e), -ENOENT, "nor a boot");
	is_int(got.real_ns, 1, "and nothing is given");
	is_int(store_boot_add(s, &b, &e), 0, "a boot is kept");
	b.real_ns = 7;
	is_int(store_boot_add(s, &b, NULL), -EEXIST, "once");
	is_int(store_raise_time(s, 500, NULL), 0, "a time is kept");
	is_int(store_raise_time(s, 400, NULL), 0, "a lower one");
	store_close(s);
	s = must_open(at);
	ok(store_highest_time(s, &ns, NULL) == 0 && ns == 500, "does not take its place");
	ok(store_boot(s, "one", &got, NULL) == 0 && got.real_ns == -5 && got.boot_ns == INT64_MAX &&
			strcmp(got.boot_id, "one") == 0,
		"the boot is known by its first sight");
	a.ns = 600;
	is_int(store_append(s, &a, NULL), 0, "an act of a later time");
	ok(store_highest_time(s, &ns, NULL) == 0 && ns == 600, "counts too");
	store_close(s);
}

/* What somebody else's SQL can do to acts, by accident. */
static void test_triggers(const struct place *at)
{
	static const char *const bad[] = {"UPDATE acts SET rights=511", "DELETE FROM acts",
		"UPDATE acts SET seq=3 WHERE seq=2",
		"INSERT OR REPLACE INTO acts SELECT * FROM acts WHERE seq=1",
		"INSERT INTO acts SELECT 9, secret, ns, boot_ns, boot_id, by_uid, by_name, kind, "
		"case_id, "
		"object, who_kind, who_typed, who_name, who_id, name, title, reason, path, rights, "
		"future, from_ns, until_ns, covers, image, dir, types, digest, md5, sha1, sha256, "
		"totals, mismatch_accepted, matched, idle_days, trace, inode, "
		"mark_state, mark_origin, with_members, basis, text, sum FROM acts WHERE seq=2",
		"UPDATE OR IGNORE acts SET rights=511 WHERE seq=1"};
	const size_t n = sizeof(bad) / sizeof(*bad);
	struct store *s = must_open(at);
	struct act acts[2] = {act_small(1, ACT_CASE_CREATE, 1), act_small(2, ACT_GRANT, 2)};
	struct db *d = NULL;
	struct err e = {.code = 0};
	size_t refused = 0;

	if (store_append(s, &acts[0], &e) || store_append(s, &acts[1], &e))
		bail_out(e.text);
	store_close(s);
	if (db_open(at->db, DB_OWN, &d, &e))
		bail_out(e.text);
	for (size_t i = 0; i < n; i++) {
		int rc = db_exec(d, bad[i], NULL);

		refused += rc == -EEXIST;
		if (rc != -EEXIST)
			diag("%d: %s", rc, bad[i]);
	}
	db_close(d);
	is_int(refused, (long long)n, "acts are not changed, removed or replaced");
	s = must_open(at);
	is_int(same_acts(s, acts, 2), 2, "they are as they were");
	store_close(s);
}

#define THREADS    6
#define PER_THREAD 300

struct job {
	struct store *s;
	uint64_t *seq; /* shared */
	uint64_t made;
	uint64_t objects_sum;
	bool failed;
};

/* Numbers are drawn by all; who comes late with one draws another. */
static void *append_many(void *arg)
{
	struct job *j = arg;

	for (unsigned i = 0; i < PER_THREAD && !j->failed; i++) {
		uint64_t object = store_next_object(j->s);
		int rc = -EEXIST;

		while (rc == -EEXIST) {
			struct act a = act_small(
				__atomic_add_fetch(j->seq, 1, __ATOMIC_RELAXED), ACT_GRANT, object);

			a.ns = 1;
			rc = store_append(j->s, &a, NULL);
		}
		j->failed = rc < 0 || store_raise_time(j->s, i, NULL) < 0;
		j->made += !j->failed;
		j->objects_sum += object;
	}
	return NULL;
}

static int sum_objects(void *ctx, const struct act *a)
{
	*(uint64_t *)ctx += a->object;
	return 0;
}

static void test_threads(const struct place *at)
{
	struct store *s = must_open(at);
	struct job jobs[THREADS];
	pthread_t threads[THREADS];
	struct err e = {.code = 0};
	uint64_t seq = 0;
	uint64_t made = 0;
	uint64_t objects = 0;
	uint64_t found = 0;

	for (size_t i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){.s = s, .seq = &seq};
		if (pthread_create(&threads[i], NULL, append_many, &jobs[i]))
			bail_out("no thread");
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		made += jobs[i].made;
		objects += jobs[i].objects_sum;
	}
	is_int(made, THREADS * PER_THREAD, "threads append what they have to");
	is_int(count_acts(s, &e), THREADS * PER_THREAD, "nothing of it is lost");
	ok(store_each(s, TIME_NEVER, sum_objects, &found, &e) == 0 && found == objects &&
			found == (uint64_t)THREADS * PER_THREAD * (THREADS * PER_THREAD + 1) / 2,
		"every number was given once");
	store_close(s);
}

int main(void)
{
	static void (*const tests[])(const struct place *) = {test_new, test_round_trip,
		test_refused, test_objects, test_times, test_clocks, test_triggers, test_threads};

	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		struct place at;

		place_make(&at);
		tests[i](&at);
		place_remove(&at);
	}
	return done_testing();
}
