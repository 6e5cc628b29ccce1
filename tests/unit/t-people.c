/* SPDX-License-Identifier: Apache-2.0 */
/* t-people.c - who is who, while NSS answers, changes its mind, fails, and says nothing */
#include "control/people.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tap.h"

#define SOON_MS 2000

/* What NSS is like. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t go = PTHREAD_COND_INITIALIZER;
static bool silent;       /* it does not answer */
static _Atomic int fault; /* it fails so; 0: it answers */
static _Atomic gid_t primary = 100;
static _Atomic unsigned asked;
static _Atomic unsigned changes;

static int nss_identity(uid_t uid, struct identity *out)
{
	struct identity i = {.uid = uid, .gid = primary, .groups_n = 1};

	asked++;
	pthread_mutex_lock(&lock);
	while (silent)
		pthread_cond_wait(&go, &lock);
	pthread_mutex_unlock(&lock);
	if (fault)
		return fault;
	if (uid == 404)
		return -ENOENT;
	i.name = strdup("bert");
	i.groups = calloc(1, sizeof(*i.groups));
	i.group_names = calloc(1, sizeof(*i.group_names));
	if (!i.name || !i.groups || !i.group_names)
		exit(99);
	i.groups[0] = i.gid;
	i.group_names[0] = strdup("staff");
	*out = i;
	return 0;
}

static int nss_members(const struct subject *s, uid_t **out, size_t *n)
{
	(void)s;
	*out = calloc(2, sizeof(**out));
	if (!*out)
		exit(99);
	(*out)[0] = 7;
	(*out)[1] = 8;
	*n = 2;
	return 0;
}

static void on_changed(void *ctx)
{
	(void)ctx;
	changes++;
}

static void set_silent(bool is)
{
	pthread_mutex_lock(&lock);
	silent = is;
	pthread_cond_broadcast(&go);
	pthread_mutex_unlock(&lock);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct people *begin(unsigned age_ms, unsigned first_ms)
{
	const struct people_source nss = {.identity = nss_identity,
		.members = nss_members,
		.age_ms = age_ms,
		.ask_ms = 20,
		.first_ms = first_ms};
	struct people *p = NULL;

	if (people_new(&nss, on_changed, NULL, &p, NULL))
		exit(99);
	return p;
}

/* Until he is said to be @gid, or -1: not known. */
static bool becomes(struct people *p, gid_t gid)
{
	int64_t until = now_ms() + SOON_MS;

	while (now_ms() < until) {
		struct identity i = {.uid = 1000};
		const struct timespec pause = {.tv_nsec = 5000000};
		int r = people_identity(p, 1000, &i);
		gid_t is = r == 0 ? i.gid : (gid_t)-1;

		identity_release(&i);
		if (is == gid)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static void test_answers(void)
{
	struct people *p = begin(0, 0);
	char staff[] = "staff";
	struct subject s = {.kind = SUBJECT_GROUP, .name = staff, .id = 100};
	struct subject none = {.kind = SUBJECT_NONE};
	struct identity i = {.uid = 1000};
	uid_t *uids = NULL;
	size_t n = 0;

	ok(people_identity(p, 1000, &i) == 0 && i.gid == 100 && !strcmp(i.name, "bert") &&
			i.groups_n == 1 && !strcmp(i.group_names[0], "staff"),
		"a user, with his group");
	identity_release(&i);
	ok(people_identity(p, 404, &i) == -ENOENT, "nobody of that number");
	ok(people_members(p, &s, &uids, &n) == 0 && n == 2 && uids[0] == 7 && uids[1] == 8,
		"members of a group");
	free(uids);
	ok(people_members(p, &none, &uids, &n) == -ENOENT, "nobody is meant");
	changes = 0;
	primary = 200;
	ok(becomes(p, 200) && changes > 0, "what NSS says otherwise is told");
	primary = 100;
	people_free(p);
	people_free(NULL);
}

static void test_fails(void)
{
	struct people *p = begin(400, 100);

	ok(becomes(p, 100), "known");
	fault = -EIO;
	ok(becomes(p, (gid_t)-1), "NSS fails: not known when the answer has become too old");
	ok(people_expired(p), "which is told");
	ok(!people_expired(p), "once");
	people_free(p);
	fault = 0;
}

static void test_silent(void)
{
	struct people *p = begin(400, 100);
	struct identity i = {.uid = 1000};
	int64_t begun = 0;
	int r = 0;

	ok(becomes(p, 100), "known");
	set_silent(true);
	begun = now_ms();
	for (unsigned before = asked; asked == before && now_ms() < begun + SOON_MS;)
		;
	begun = now_ms();
	r = people_identity(p, 1000, &i);
	ok(r == 0 && now_ms() - begun < 100, "NSS is silent: the last answer, at once");
	identity_release(&i);
	ok(becomes(p, (gid_t)-1), "until it has become too old");
	begun = now_ms();
	ok(people_identity(p, 1000, &i) == -EAGAIN && now_ms() - begun < 50,
		"and nobody waits for it then");
	ok(people_identity(p, 1001, &i) == -EAGAIN && now_ms() - begun < 1000,
		"somebody new is not waited for for ever");
	set_silent(false);
	ok(becomes(p, 100), "it answers again: known again");
	people_free(p);
}

int main(void)
{
	test_answers();
	test_fails();
	test_silent();
	return done_testing();
}
