/* SPDX-License-Identifier: Apache-2.0 */
/* reads.c - reads under way; see reads.h. */
#include "mount/reads.h"
#include "base/now.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 1000 /* a read that lasts longer is looked after */

/* Jobs in the order they came: those with a thread, and those that wait for one. */
struct line {
	struct read_job *first;
	struct read_job *last;
};

struct reads {
	struct handles *handles;
	unsigned each;
	unsigned all;
	pthread_mutex_t lock;  /* over what follows */
	pthread_cond_t begun;  /* after nothing was under way */
	pthread_cond_t ending; /* reads_over() */
	bool over;
	struct line running;
	struct line waiting;
	unsigned threads;
	unsigned at[NODE_SLOTS]; /* threads */
};

static void line_add(struct line *l, struct read_job *j)
{
	j->prev = l->last;
	j->next = NULL;
	if (l->last)
		l->last->next = j;
	else
		l->first = j;
	l->last = j;
}

static void line_remove(struct line *l, struct read_job *j)
{
	if (j->prev)
		j->prev->next = j->next;
	else
		l->first = j->next;
	if (j->next)
		j->next->prev = j->prev;
	else
		l->last = j->prev;
}

struct reads *reads_new(struct handles *handles, unsigned each, unsigned all)
{
	struct reads *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->handles = handles;
	r->each = each;
	r->all = all;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->begun, NULL);
	thread_cond_init(&r->ending);
	return r;
}

void reads_free(struct reads *r)
{
	if (!r)
		return;
	pthread_cond_destroy(&r->ending);
	pthread_cond_destroy(&r->begun);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static unsigned slot_of(const struct read_job *j)
{
	return j->handle->kept->slot;
}

/* Whether there is a thread for it. With the lock held. */
static bool may_run(const struct reads *r, const struct read_job *j)
{
	return r->threads < r->all && r->at[slot_of(j)] < r->each;
}

static void run(struct reads *r, struct read_job *j)
{
	if (!r->running.first)
		pthread_cond_signal(&r->begun);
	r->threads++;
	r->at[slot_of(j)]++;
	line_add(&r->running, j);
}

static int queue(struct reads *r, const struct read_job *j)
{
	struct read_job *copy = malloc(sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	*copy = *j;
	copy->queued = true;
	line_add(&r->waiting, copy);
	return 0;
}

static void begin(struct read_job *j, bool claimed)
{
	j->queued = false;
	j->claimed = claimed;
	j->begun_ms = now_ms(CLOCK_MONOTONIC_COARSE);
}

int reads_begin(struct reads *r, struct read_job *j)
{
	int go = 1;

	begin(j, false);
	pthread_mutex_lock(&r->lock);
	if (may_run(r, j))
		run(r, j);
	else
		go = queue(r, j);
	pthread_mutex_unlock(&r->lock);
	return go;
}

bool reads_try(struct reads *r, struct read_job *j)
{
	bool go = false;

	begin(j, true);
	pthread_mutex_lock(&r->lock);
	go = may_run(r, j);
	if (go)
		run(r, j);
	pthread_mutex_unlock(&r->lock);
	return go;
}

bool reads_claim(struct reads *r, struct read_job *j)
{
	bool mine = false;

	pthread_mutex_lock(&r->lock);
	mine = !j->claimed;
	j->claimed = true;
	pthread_mutex_unlock(&r->lock);
	return mine;
}

static void job_free(struct reads *r, struct read_job *j)
{
	handle_put(r->handles, j->handle);
	if (j->queued)
		free(j);
}

struct read_job *reads_end(struct reads *r, struct read_job *j)
{
	struct read_job *next = NULL;

	pthread_mutex_lock(&r->lock);
	line_remove(&r->running, j);
	r->threads--;
	r->at[slot_of(j)]--;
	for (next = r->waiting.first; next && !may_run(r, next); next = next->next)
		;
	if (next) {
		line_remove(&r->waiting, next);
		run(r, next);
	}
	pthread_mutex_unlock(&r->lock);
	job_free(r, j);
	return next;
}

/* Whether the thread that asked has been sent SIGKILL, or a signal that ends it as surely. */
static bool is_being_killed(pid_t thread)
{
	char path[48];
	char text[4096];
	const char *at = NULL;
	uint64_t pending = 0;
	ssize_t n = 0;
	int fd = -1;

	if (thread <= 0) /* of another pid namespace */
		return false;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)thread);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, "\nSigPnd:");
	return at && sscanf(at, "\nSigPnd: %" SCNx64, &pending) == 1 &&
	       (pending & (UINT64_C(1) << (SIGKILL - 1)));
}

bool reads_is_abandoned(const struct read_job *j)
{
	return j->begun_ms < now_ms(CLOCK_MONOTONIC_COARSE) - PATIENCE_MS &&
	       is_being_killed(j->who.pid);
}

void reads_answer(struct reads *r, bool (*fn)(void *ctx, const struct read_job *j), void *ctx)
{
	struct read_job *next = NULL;

	pthread_mutex_lock(&r->lock);
	/* under the lock: the thread of a running one must not take it away meanwhile */
	for (struct read_job *j = r->running.first; j; j = j->next)
		j->claimed = j->claimed || fn(ctx, j);
	for (struct read_job *j = r->waiting.first; j; j = next) {
		next = j->next;
		if (fn(ctx, j)) {
			line_remove(&r->waiting, j);
			job_free(r, j);
		}
	}
	pthread_mutex_unlock(&r->lock);
}

bool reads_wait(struct reads *r)
{
	struct timespec until;
	bool over = false;

	pthread_mutex_lock(&r->lock);
	while (!r->over && !r->running.first)
		pthread_cond_wait(&r->begun, &r->lock);
	until = now_plus(CLOCK_MONOTONIC, NOW_SECOND);
	while (!r->over && pthread_cond_timedwait(&r->ending, &r->lock, &until) == 0)
		;
	over = r->over;
	pthread_mutex_unlock(&r->lock);
	return !over;
}

void reads_over(struct reads *r)
{
	pthread_mutex_lock(&r->lock);
	r->over = true;
	pthread_cond_signal(&r->begun);
	pthread_cond_signal(&r->ending);
	pthread_mutex_unlock(&r->lock);
}

void reads_stop(struct reads *r)
{
	pthread_mutex_lock(&r->lock);
}
