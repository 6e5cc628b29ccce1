/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-log.c - a log of as many records as wanted, and how long it takes to follow it
 *
 * Written by the log's own writer: twenty busy users who open files, read each in
 * eight reads and close it, and one (uid 64999) who does so a hundred times in all,
 * spread over the log. Then query.db beside it is built.
 *
 *	bench-log RECORDS STATE/mounts/ID
 *
 * STATE/mounts/ID: of a personal mount, not mounted; `evidencefs audit show --mount`
 * can then be asked and timed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/audit.h"
#include "audit/query.h"

#define USERS     20
#define RARE_UID  64999
#define RARE_MANY 100
#define READS     8

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void give_up(const char *what)
{
	fprintf(stderr, "bench-log: %s\n", what);
	exit(1);
}

static void put(struct audit_log *l, struct audit_event *ev)
{
	if (audit_append(l, ev) < 0)
		give_up("a record cannot be appended");
}

static void one_file(struct audit_log *l, uint32_t uid, uint64_t trace)
{
	struct audit_event open = {.type = AUDIT_OPEN,
		.decision = AUDIT_ALLOWED,
		.uid = uid,
		.gid = uid,
		.loginuid = uid,
		.pid = 4711,
		.process_start = 123456,
		.case_id = 1,
		.exe = "/usr/bin/cat",
		.trace = (UINT64_C(1) << 40) + trace % 1000000};
	struct audit_event ev = {.type = AUDIT_READ,
		.decision = AUDIT_ALLOWED,
		.uid = uid,
		.loginuid = AUDIT_NO_LOGINUID,
		.pid = 4711,
		.length = 4096,
		.result = 4096};

	open.evidence[0] = 1;
	put(l, &open);
	ev.open_seq = open.seq;
	for (unsigned i = 0; i < READS; i++) {
		ev.offset = i * UINT64_C(4096);
		put(l, &ev);
	}
	ev.type = AUDIT_CLOSE;
	ev.offset = ev.length = 0;
	ev.result = 0;
	put(l, &ev);
}

static void make(const char *dir, uint64_t records)
{
	struct audit_log *l = NULL;
	struct err e = {.code = 0};
	uint64_t files = records / (READS + 2);
	uint64_t every = files / RARE_MANY + 1;
	double begun = now();

	if (audit_open(dir, &l, &e) < 0)
		give_up(e.text);
	for (uint64_t i = 0; i < files; i++)
		one_file(l, i % every == every / 2 ? RARE_UID : 1000 + (uint32_t)(i % USERS), i);
	records = audit_size(l);
	audit_close(l);
	printf("%" PRIu64 " records written in %.1f s\n", records, now() - begun);
}

static void follow(const char *path, const char *log)
{
	struct query *q = NULL;
	struct err e = {.code = 0};
	double begun = now();

	if (query_open(path, log, &q, &e) < 0 || query_follow(q, UINT64_MAX, NULL, NULL, &e) < 0)
		give_up(e.text);
	printf("%" PRIu64 " records followed in %.1f s\n", query_seq(q), now() - begun);
	query_close(q);
}

int main(int argc, char **argv)
{
	char log[4096];
	char path[4096];

	if (argc != 3)
		give_up("usage: bench-log RECORDS STATE/mounts/ID");
	snprintf(log, sizeof(log), "%s/log", argv[2]);
	snprintf(path, sizeof(path), "%s/query.db", argv[2]);
	make(log, strtoull(argv[1], NULL, 10));
	follow(path, log);
	return 0;
}
