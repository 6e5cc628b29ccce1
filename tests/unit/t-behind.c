/* SPDX-License-Identifier: Apache-2.0 */
/* t-behind.c - records behind replies: what is kept is in the log or counted as lost. */
#include "tap.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "audit/behind.h"
#include "base/file.h"

static char dir[] = "/tmp/t-behind.XXXXXX";

struct found {
	uint64_t lookups;
	uint64_t traces; /* their sum */
	uint64_t lost;
	uint64_t losses;
};

static struct found read_log(const char *path)
{
	struct found f = {.lookups = 0};
	struct audit_reader *r = NULL;
	struct audit_event ev;
	struct err e = {.code = 0};

	if (audit_reader_open(path, &r, &e))
		bail_out(e.text);
	while (audit_reader_next(r, &ev, &e) == 1) {
		if (ev.type == AUDIT_LOOKUP) {
			f.lookups++;
			f.traces += ev.trace;
		} else if (ev.type == AUDIT_LOSS) {
			f.losses++;
			f.lost += (uint64_t)ev.result;
		}
	}
	audit_reader_close(r);
	return f;
}

static struct audit_log *begin(const char *name, char path[static 64])
{
	struct audit_log *l = NULL;
	struct err e = {.code = 0};

	snprintf(path, 64, "%s/%s", dir, name);
	if (audit_open(path, &l, &e))
		bail_out(e.text);
	return l;
}

static struct audit_event lookup(uint64_t trace)
{
	return (struct audit_event){.type = AUDIT_LOOKUP,
		.decision = AUDIT_HIDDEN,
		.loginuid = AUDIT_NO_LOGINUID,
		.trace = trace,
		.result = -ENOENT};
}

static void put(struct audit_behind *b, uint64_t trace, bool keep)
{
	const struct audit_event ev = lookup(trace);

	audit_behind_put(b, &ev, keep);
}

static void test_kept(void)
{
	char path[64];
	struct audit_log *l = begin("kept", path);
	struct audit_behind *b = NULL;
	struct found f;

	if (audit_behind_new(l, &b))
		bail_out("no thread");
	for (uint64_t i = 1; i <= 1000; i++)
		put(b, i, i % 2);
	audit_behind_flush(b);
	f = read_log(path);
	is_int((long long)f.lookups, 500, "what is to be kept is in the log after a flush");
	is_int((long long)f.traces, 250000, "and nothing else");
	is_int((long long)f.losses, 0, "nothing was lost");
	audit_behind_flush(b);
	put(b, 7, true);
	audit_behind_free(b);
	audit_close(l);
	is_int((long long)read_log(path).lookups, 501, "the last ones too");
}

struct crowd {
	struct audit_behind *b;
	uint64_t n;
};

static void *put_many(void *arg)
{
	struct crowd *c = arg;

	for (uint64_t i = 0; i < c->n; i++)
		put(c->b, 1, true);
	return NULL;
}

static void test_crowd(void)
{
	char path[64];
	struct audit_log *l = begin("crowd", path);
	struct crowd c = {.n = 20 * (uint64_t)AUDIT_BEHIND_MAX};
	pthread_t threads[4];
	struct found f;

	if (audit_behind_new(l, &c.b))
		bail_out("no thread");
	for (size_t i = 0; i < 4; i++) {
		if (pthread_create(&threads[i], NULL, put_many, &c))
			bail_out("no thread");
	}
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	audit_behind_free(c.b);
	audit_close(l);
	f = read_log(path);
	is_int((long long)(f.lookups + f.lost), (long long)(4 * c.n),
		"each is in the log, or lost");
	ok(f.lookups >= AUDIT_BEHIND_MAX, "%llu in the log", (unsigned long long)f.lookups);
	ok(f.losses > 0, "there were more than there is room for: %llu lost, in %llu records",
		(unsigned long long)f.lost, (unsigned long long)f.losses);
}

static void quiet(void *context, const char *text)
{
	(void)context;
	(void)text;
}

/* A log that cannot be written for a while. */
static void test_full(void)
{
	char path[64];
	struct audit_log *l = begin("full", path);
	struct audit_behind *b = NULL;
	struct rlimit before;
	struct rlimit none;
	struct found f;

	audit_on_fault(l, quiet, NULL);
	signal(SIGXFSZ, SIG_IGN);
	if (audit_behind_new(l, &b) || getrlimit(RLIMIT_FSIZE, &before))
		bail_out("no thread");
	none = before;
	none.rlim_cur = 64;
	if (setrlimit(RLIMIT_FSIZE, &none))
		bail_out("no limit");
	for (uint64_t i = 0; i < 10; i++)
		put(b, 1, true);
	audit_behind_flush(b);
	setrlimit(RLIMIT_FSIZE, &before);
	put(b, 1, true);
	audit_behind_free(b);
	audit_close(l);
	f = read_log(path);
	is_int((long long)f.lookups, 1, "what could not be written is not in the log");
	is_int((long long)f.lost, 10, "and is counted as lost once it can be written again");
}

int main(void)
{
	if (!mkdtemp(dir))
		bail_out("no folder for the test");
	test_kept();
	test_crowd();
	test_full();
	file_remove_tree(dir, NULL);
	return done_testing();
}
