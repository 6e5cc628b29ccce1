/* SPDX-License-Identifier: Apache-2.0 */
/* ahead.c - reading ahead of whoever reads on and on; see ahead.h. */
#include "worker/ahead.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#define READERS      256
#define LATELY       256 /* reads of all, within which a run that goes on has gone on */
#define JOBS         64
#define HITS         2                 /* reads that went on, before anything is fetched */
#define NEAR_BYTES   (64 * 1024)       /* a read begins so near to where one ended: it goes on */
#define AHEAD_TIMES  4                 /* what was read, so much more of it is fetched at most */
#define WINDOW_BYTES (4 * 1024 * 1024) /* ahead of one reader at most */
#define JOB_BYTES    (512 * 1024)      /* one fetch */
#define EXPECT_JOB   8                 /* chunks of one fetch of what is expected */
#define THREADS_MAX  8

struct reader {
	uint64_t first; /* byte where it began */
	uint64_t next;  /* byte where its next read would begin */
	uint64_t edge;  /* byte where what it reads ends */
	uint64_t until; /* chunk up to which it was fetched for */
	uint64_t used;  /* tick of its last read; 0: no reader */
	unsigned hits;
	bool crossed; /* it went on behind an edge */
};

struct job {
	size_t n;
	uint64_t chunk[AHEAD_JOB];
};

struct ahead {
	struct ahead_opts o;
	uint64_t window; /* chunks */
	size_t job;      /* chunks of one fetch */
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct reader reader[READERS];
	uint64_t tick;
	struct job queue[JOBS];
	size_t head;
	size_t queued;
	bool stop;
	bool started;
	pthread_t thread[THREADS_MAX];
	unsigned n_threads;
};

static void *ahead_main(void *arg)
{
	struct ahead *a = arg;

	pthread_mutex_lock(&a->lock);
	while (!a->stop) {
		struct job j = {0};

		if (a->queued == 0) {
			pthread_cond_wait(&a->more, &a->lock);
			continue;
		}
		j = a->queue[a->head];
		a->head = (a->head + 1) % JOBS;
		a->queued--;
		pthread_mutex_unlock(&a->lock);
		a->o.fetch(a->o.ctx, j.chunk, j.n);
		pthread_mutex_lock(&a->lock);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

/* With the lock. What cannot be started is not there: reads go on without. */
static void start_threads(struct ahead *a)
{
	sigset_t all;
	sigset_t old;

	a->started = true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (a->n_threads < a->o.threads && a->n_threads < THREADS_MAX &&
		pthread_create(&a->thread[a->n_threads], NULL, ahead_main, a) == 0)
		a->n_threads++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* With the lock. A place in the queue, which is there. */
static struct job *add_job(struct ahead *a)
{
	struct job *j = &a->queue[(a->head + a->queued++) % JOBS];

	if (!a->started)
		start_threads(a);
	j->n = 0;
	pthread_cond_signal(&a->more);
	return j;
}

static void enqueue(struct ahead *a, struct reader *r, uint64_t to)
{
	while (r->until < to && a->queued < JOBS) {
		struct job *j = add_job(a);

		while (r->until < to && j->n < a->job)
			j->chunk[j->n++] = r->until++;
	}
}

void ahead_expect(struct ahead *a, const uint64_t *chunk, size_t n)
{
	size_t done = 0;

	if (n > a->window)
		n = (size_t)a->window;
	pthread_mutex_lock(&a->lock);
	while (done < n && a->queued < JOBS) {
		struct job *j = add_job(a);

		while (done < n && j->n < EXPECT_JOB)
			j->chunk[j->n++] = chunk[done++];
	}
	pthread_mutex_unlock(&a->lock);
}

/* Small files lie one behind the other, with gaps; several readers take them in turn. */
static bool goes_on(const struct reader *r, uint64_t off)
{
	return r->used && (off > r->next ? off - r->next : r->next - off) <= NEAR_BYTES;
}

/* @runs: how many have gone on lately. */
static struct reader *find(struct ahead *a, uint64_t off, unsigned *runs)
{
	struct reader *oldest = &a->reader[0];
	struct reader *found = NULL;

	*runs = 0;
	for (size_t i = 0; i < READERS; i++) {
		struct reader *r = &a->reader[i];

		*runs += r->hits >= HITS && a->tick - r->used < LATELY;
		if (!found && goes_on(r, off))
			found = r;
		if (r->used < oldest->used)
			oldest = r;
	}
	if (found)
		return found;
	*oldest = (struct reader){.first = off, .next = off, .edge = UINT64_MAX};
	return oldest;
}

/* Chunks that may be ahead of each of @runs. */
static uint64_t share_of(const struct ahead *a, unsigned runs)
{
	const uint64_t share = runs > 1 ? a->o.window_max / runs : a->o.window_max;

	return share > a->window ? a->window : share < 1 ? 1 : share;
}

/* The chunk up to which is to be fetched for it, which begins small and grows while it goes on. */
static uint64_t target(const struct ahead *a, const struct reader *r, uint64_t share)
{
	const uint64_t chunk = a->o.chunk_size;
	const uint64_t n = (r->next - r->first) * AHEAD_TIMES / chunk;
	uint64_t to = r->next / chunk + 1 + (n < share ? n : share);

	if (!r->crossed && to > (r->edge - 1) / chunk + 1)
		to = (r->edge - 1) / chunk + 1;
	return to < a->o.chunks ? to : a->o.chunks;
}

void ahead_note(struct ahead *a, uint64_t off, size_t len, uint64_t left)
{
	struct reader *r = NULL;
	unsigned runs = 0;
	uint64_t share = 0;
	uint64_t near = 0;
	uint64_t here = 0;
	uint64_t to = 0;

	pthread_mutex_lock(&a->lock);
	r = find(a, off, &runs);
	r->hits += r->used && off + len > r->next;
	r->crossed = r->crossed || off >= r->edge;
	r->used = ++a->tick;
	if (r->next < off + len)
		r->next = off + len;
	r->edge = left < UINT64_MAX - r->next ? off + len + left : UINT64_MAX;
	here = r->next / a->o.chunk_size;
	share = share_of(a, runs);
	to = target(a, r, share);
	if (r->until < here)
		r->until = here;
	near = share / 2 < a->job ? share / 2 : a->job;
	/* In pieces worth a request, or before it catches up. */
	if (r->hits >= HITS && r->until < to &&
		(to - r->until >= a->job || r->until - here <= near || to == a->o.chunks))
		enqueue(a, r, to);
	pthread_mutex_unlock(&a->lock);
}

int ahead_new(const struct ahead_opts *o, struct ahead **out)
{
	struct ahead *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->o = *o;
	a->window = WINDOW_BYTES / o->chunk_size;
	a->job = JOB_BYTES / o->chunk_size;
	if (a->window > o->window_max)
		a->window = o->window_max;
	if (a->window < 1)
		a->window = 1;
	if (a->job < 1)
		a->job = 1;
	if (a->job > AHEAD_JOB)
		a->job = AHEAD_JOB;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->more, NULL);
	*out = a;
	return 0;
}

void ahead_free(struct ahead *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_broadcast(&a->more);
	pthread_mutex_unlock(&a->lock);
	for (unsigned i = 0; i < a->n_threads; i++)
		pthread_join(a->thread[i], NULL);
	pthread_cond_destroy(&a->more);
	pthread_mutex_destroy(&a->lock);
	free(a);
}
