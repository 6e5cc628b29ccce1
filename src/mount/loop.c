/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c - the threads that serve a team's session; see loop.h. */
#include "mount/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/now.h"
#include "mount/fuse.h"

enum use { UNUSED, RUNNING, ENDED };

struct worker {
	struct loop *loop;
	pthread_t thread;
	enum use use;
	struct fuse_buf buf;
};

struct loop {
	struct fuse_session *fuse;
	pthread_mutex_t lock; /* over what follows */
	unsigned idle;        /* waiting for a request */
	bool stop;
	struct worker worker[LOOP_THREADS];
};

static void *serve(void *arg);

/* One more thread, if there is room. With the lock held. */
static int grow(struct loop *l)
{
	for (unsigned i = 0; i < LOOP_THREADS; i++) {
		struct worker *w = &l->worker[i];

		if (w->use == RUNNING)
			continue;
		if (w->use == ENDED)
			pthread_join(w->thread, NULL);
		w->loop = l;
		w->use = UNUSED;
		if (pthread_create(&w->thread, NULL, serve, w))
			return -EAGAIN;
		w->use = RUNNING;
		l->idle++;
		return 0;
	}
	return -EAGAIN;
}

/* Return: whether this thread goes on to wait. */
static bool begin_wait(struct worker *w, bool first)
{
	struct loop *l = w->loop;
	bool stay = true;

	pthread_mutex_lock(&l->lock);
	if (l->stop || (!first && l->idle >= LOOP_IDLE)) {
		w->use = ENDED;
		stay = false;
	} else if (!first) {
		l->idle++;
	}
	pthread_mutex_unlock(&l->lock);
	return stay;
}

/* A request has come: somebody must go on waiting for the next. */
static void end_wait(struct loop *l)
{
	pthread_mutex_lock(&l->lock);
	if (--l->idle == 0 && !l->stop)
		grow(l);
	pthread_mutex_unlock(&l->lock);
}

static int receive(struct worker *w)
{
	int n = 0;

	do {
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
		n = fuse_session_receive_buf(w->loop->fuse, &w->buf);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	} while (n == -EINTR || n == -EAGAIN);
	return n;
}

static void *serve(void *arg)
{
	struct worker *w = arg;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	for (bool first = true; begin_wait(w, first); first = false) {
		int n = receive(w);

		if (n <= 0)
			break; /* unmounted; the thread is joined by who stops the loop */
		end_wait(w->loop);
		fuse_session_process_buf(w->loop->fuse, &w->buf);
	}
	return NULL;
}

int loop_start(struct fuse_session *fuse, struct loop **out)
{
	struct loop *l = calloc(1, sizeof(*l));
	int r = 0;

	if (!l)
		return -ENOMEM;
	l->fuse = fuse;
	pthread_mutex_init(&l->lock, NULL);
	pthread_mutex_lock(&l->lock);
	r = grow(l);
	pthread_mutex_unlock(&l->lock);
	if (r) {
		loop_stop(l);
		return r;
	}
	*out = l;
	return 0;
}

/* Return: whether it is gone. */
static bool join(struct worker *w, const struct timespec *until)
{
	if (w->use != UNUSED && pthread_clockjoin_np(w->thread, NULL, CLOCK_MONOTONIC, until))
		return false;
	w->use = UNUSED;
	return true;
}

bool loop_stop(struct loop *l)
{
	struct timespec until;
	bool gone = true;

	if (!l)
		return true;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	for (unsigned i = 0; i < LOOP_THREADS; i++) {
		if (l->worker[i].use == RUNNING)
			pthread_cancel(l->worker[i].thread);
	}
	pthread_mutex_unlock(&l->lock);
	until = now_plus(CLOCK_MONOTONIC, LOOP_END_MS * NOW_MS);
	for (unsigned i = 0; i < LOOP_THREADS; i++)
		gone = join(&l->worker[i], &until) && gone;
	if (!gone)
		return false;
	for (unsigned i = 0; i < LOOP_THREADS; i++)
		free(l->worker[i].buf.mem);
	pthread_mutex_destroy(&l->lock);
	free(l);
	return true;
}
