/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_follow.c - query.db is kept up with the log, by a thread that comes last
 *
 * It adds what is synced. Nothing waits for it: who asks adds himself what is missing.
 * Where the database cannot be used, questions are refused, and nothing else is touched.
 */
#include "control/service_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/now.h"
#include "base/thread.h"

#define NICE     19
#define LOOK_MS  250
#define AGAIN_MS 5000 /* after an error */

struct follower {
	pthread_mutex_t lock; /* over query and stop */
	pthread_cond_t wake;
	pthread_t thread;
	bool runs;
	bool stop;
	char *path;
	struct query *query;     /* NULL: could not be opened yet */
	char told[ERR_TEXT_MAX]; /* the error that was told last */
};

static void tell_dropped(struct query *q)
{
	char why[ERR_TEXT_MAX];

	query_dropped(q, why);
	if (why[0])
		fprintf(stderr, "evidencefsd: query.db is built again from the log: %s\n", why);
}

/* Called with the lock. */
static int open_query(struct service *s, struct err *e)
{
	struct follower *f = s->follower;

	if (!f->query) {
		int r = query_open(f->path, s->log_dir, &f->query, e);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The query database, open. */
static int get_query(struct service *s, struct query **out, struct err *e)
{
	struct follower *f = s->follower;
	int r = 0;

	if (!f || !s->log)
		return err_set(e, EIO, "the access log cannot be read");
	pthread_mutex_lock(&f->lock);
	r = open_query(s, e);
	pthread_mutex_unlock(&f->lock);
	if (r == 0)
		*out = f->query;
	return r;
}

struct telling {
	service_progress *progress;
	void *ctx;
};

static int tell_progress(void *ctx, uint64_t done, uint64_t total)
{
	const struct telling *t = ctx;

	return t->progress ? t->progress(t->ctx, "reading the access log", done, total) : 0;
}

int service_question(
	struct service *s, service_progress *progress, void *ctx, struct query **out, struct err *e)
{
	struct telling t = {progress, ctx};
	struct query *q = NULL;
	int r = get_query(s, &q, e);

	/* what can still be lost is not in it; but who asks was recorded, and synced with that */
	if (r == 0)
		r = query_follow(q, audit_safe(s->log), tell_progress, &t, e);
	if (r > 0)
		return err_set(e, EPIPE, "given up");
	if (r == 0)
		*out = q;
	return r;
}

/* ---- the thread ---------------------------------------------------------------------------- */

static void tell(struct follower *f, const struct err *e, int r)
{
	const char *text = r < 0 ? err_text(e, r) : "";

	if (strcmp(text, f->told) != 0 && text[0])
		fprintf(stderr, "evidencefsd: query.db does not follow the log: %s\n", text);
	snprintf(f->told, sizeof(f->told), "%s", text);
}

static int follow(struct service *s)
{
	struct follower *f = s->follower;
	struct query *q = NULL;
	struct err e = {.code = 0};
	int r = get_query(s, &q, &e);
	uint64_t safe = r == 0 ? audit_safe(s->log) : 0;

	while (r >= 0 && q && query_seq(q) < safe) {
		r = query_follow_some(q, safe, &e);
		pthread_mutex_lock(&f->lock);
		if (f->stop || r == 0)
			safe = 0;
		pthread_mutex_unlock(&f->lock);
	}
	if (q)
		tell_dropped(q);
	tell(f, &e, r);
	return r;
}

static void wait_ms(struct follower *f, long ms)
{
	struct timespec until = now_plus(CLOCK_MONOTONIC, ms * NOW_MS);

	pthread_mutex_lock(&f->lock);
	while (!f->stop && pthread_cond_timedwait(&f->wake, &f->lock, &until) == 0)
		;
	pthread_mutex_unlock(&f->lock);
}

static void *follow_main(void *arg)
{
	struct service *s = arg;
	struct follower *f = s->follower;
	bool stop = false;

	setpriority(PRIO_PROCESS, (id_t)gettid(), NICE); /* of this thread alone, on Linux */
	while (!stop) {
		wait_ms(f, follow(s) < 0 ? AGAIN_MS : LOOK_MS);
		pthread_mutex_lock(&f->lock);
		stop = f->stop;
		pthread_mutex_unlock(&f->lock);
	}
	return NULL;
}

/* ---- begin and end ----------------------------------------------------------------------------
 */

int service_follow_start(struct service *s, struct err *e)
{
	struct follower *f = calloc(1, sizeof(*f));
	int r = 0;

	if (!f)
		return err_errno(e, ENOMEM, "query.db");
	pthread_mutex_init(&f->lock, NULL);
	thread_cond_init(&f->wake);
	s->follower = f;
	if (asprintf(&f->path, "%s/query.db", s->start->config.state_dir) < 0)
		return err_errno(e, ENOMEM, "query.db");
	r = thread_start(&f->thread, follow_main, s);
	f->runs = r == 0;
	return r ? err_errno(e, r, "the thread that follows the log") : 0;
}

void service_follow_stop(struct service *s)
{
	struct follower *f = s->follower;

	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_broadcast(&f->wake);
	pthread_mutex_unlock(&f->lock);
	if (f->runs)
		pthread_join(f->thread, NULL);
	query_close(f->query);
	pthread_cond_destroy(&f->wake);
	pthread_mutex_destroy(&f->lock);
	free(f->path);
	free(f);
	s->follower = NULL;
}
