/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c - the threads that serve a session; see loop.h. */
#include "mount/loop.h"

#include <errno.h>
#include <limits.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/now.h"
#include "base/thread.h"
#include "mount/awake.h"
#include "mount/fuse.h"

#define STANDBY_MAX 8       /* threads that wait to be called; others end */
#define FETCHERS    4       /* that wait for requests together, while reads fetch */
#define LOOK_OUT_NS 50000   /* for the next request, before a thread sleeps */
#define MISSES_MAX  6       /* in a row count: then it looks out once in 65 times */
#define SAME_MIN    8       /* requests in a row of one thread: then it is alone */
#define TICK_NS     5000000 /* at one request for so long: it waits for something */
#define TICKS_MAX   20      /* without a request, until nobody watches */
#define BUSY_MIN    2       /* requests in a tick: processors are to be awake */
#define BUSY_TICKS  4       /* they are, after the last such tick */

enum use { UNUSED, RUNNING, ENDED };

struct server {
	struct loop *loop;
	pthread_t thread;
	enum use use; /* under the lock */
	struct fuse_buf buf;
	_Atomic bool answering;
	_Atomic bool aside;     /* not counted as active; set under the lock */
	_Atomic uint64_t taken; /* requests */
	uint64_t seen;          /* the watcher's: taken at the last tick */
	unsigned misses;        /* its own, as is the next: looked out for nothing, in a row */
	unsigned skips;         /* times not to look out */
};

struct loop {
	struct fuse_session *fuse;
	unsigned together;       /* that may answer at once, beside those aside */
	bool looks_out;          /* there is another processor for who asks */
	int unmounted;           /* an eventfd: readable from then on */
	_Atomic bool unwatched;  /* the watcher sleeps */
	_Atomic unsigned active; /* waiting for a request, or answering; changed under the lock */
	_Atomic unsigned asides; /* answering beside them, while they fetch; likewise */
	_Atomic uint32_t asker;  /* thread of the last request */
	_Atomic unsigned same;   /* how many in a row came from it */
	pthread_mutex_t lock;    /* over what follows */
	pthread_cond_t called_for;
	pthread_cond_t watch;
	unsigned standby; /* wait to be called */
	unsigned called;  /* of them, and active already */
	bool stop;
	bool watched; /* the watcher is to be joined */
	pthread_t watcher;
	struct awake *awake; /* borrowed; NULL: without */
	unsigned busy; /* the watcher's: ticks for which processors stay awake; 0: they sleep */
	unsigned size;
	unsigned high; /* servers before it were in use */
	struct server server[];
};

static _Thread_local struct server *self;

static bool is_pending(const struct loop *l)
{
	struct pollfd p = {.fd = fuse_session_fd(l->fuse), .events = POLLIN};

	return poll(&p, 1, 0) != 0;
}

static void *serve(void *arg);

/* A thread more, if there is room. With the lock held. */
static int grow(struct loop *l)
{
	for (unsigned i = 0; i < l->size; i++) {
		struct server *me = &l->server[i];

		if (me->use == RUNNING)
			continue;
		if (me->use == ENDED)
			pthread_join(me->thread, NULL);
		me->loop = l;
		me->use = UNUSED;
		atomic_store(&me->aside, false);
		if (thread_start(&me->thread, serve, me))
			return -EAGAIN;
		me->use = RUNNING;
		if (i >= l->high)
			l->high = i + 1;
		return 0;
	}
	return -EAGAIN;
}

/* One more answers. With the lock held. */
static int call(struct loop *l)
{
	if (l->standby > l->called) {
		l->called++;
		pthread_cond_signal(&l->called_for);
	} else if (grow(l)) {
		return -EAGAIN; /* whoever has answered next goes on */
	}
	l->active++;
	return 0;
}

/* With the lock held: somebody else answers meanwhile. */
static void put_aside(struct server *me)
{
	struct loop *l = me->loop;

	if (atomic_exchange(&me->aside, true))
		return;
	l->asides++;
	if (--l->active == 0 && !l->stop)
		call(l);
}

void loop_step_aside(void)
{
	struct server *me = self;

	if (!me || atomic_load(&me->aside))
		return;
	pthread_mutex_lock(&me->loop->lock);
	put_aside(me);
	pthread_mutex_unlock(&me->loop->lock);
}

/* ---- one thread -------------------------------------------------------------------------- */

/* Who asks, of a request that was received. */
static void note_asker(struct server *me)
{
	struct loop *l = me->loop;
	const struct fuse_in_header *in = me->buf.mem;

	/* pid 0: the kernel's own, FORGET and RELEASE */
	if (me->buf.flags & FUSE_BUF_IS_FD || me->buf.size < sizeof(*in) || in->pid == 0)
		return;
	l->same = in->pid == l->asker ? l->same + 1 : 0;
	l->asker = in->pid;
}

/* To wake a thread, and the processor that went to sleep with it, takes longer than many an
 * answer: so a thread that answers alone looks out for a moment for the next request. Where none
 * comes so soon it does so ever more rarely; where several threads read and wait for what is
 * fetched, not at all: they need the processors. */
static void look_out(struct server *me)
{
	const struct loop *l = me->loop;
	int64_t until = 0;
	bool came = false;

	if (!l->looks_out || atomic_load(&l->active) > 1 ||
		(atomic_load(&l->asides) > 0 && atomic_load(&l->same) < SAME_MIN))
		return;
	if (me->skips > 0) {
		me->skips--;
		return;
	}
	until = now_ns(CLOCK_MONOTONIC) + LOOK_OUT_NS;
	while (!(came = is_pending(l)) && now_ns(CLOCK_MONOTONIC) < until)
		;
	me->misses = came ? 0 : me->misses < MISSES_MAX ? me->misses + 1 : MISSES_MAX;
	me->skips = came ? 0 : 1U << me->misses;
}

static int receive(struct server *me)
{
	int n = 0;

	look_out(me);
	do {
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
		n = fuse_session_receive_buf(me->loop->fuse, &me->buf);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	} while (n == -EINTR || n == -EAGAIN);
	if (n > 0)
		note_asker(me);
	return n;
}

static void begin_answer(struct server *me)
{
	struct loop *l = me->loop;

	atomic_fetch_add(&me->taken, 1);
	atomic_store(&me->answering, true);
	if (atomic_load(&l->unwatched)) {
		pthread_mutex_lock(&l->lock);
		pthread_cond_signal(&l->watch);
		pthread_mutex_unlock(&l->lock);
	}
	if (atomic_load(&l->active) < l->together && is_pending(l)) {
		pthread_mutex_lock(&l->lock);
		if (l->active < l->together && !l->stop)
			call(l);
		pthread_mutex_unlock(&l->lock);
	}
}

/* Return: whether this thread waits for the next request, too. */
static bool end_answer(struct server *me)
{
	struct loop *l = me->loop;
	unsigned active = atomic_load(&l->active);
	unsigned room = 1;
	bool stays = true;

	atomic_store(&me->answering, false);
	if (!atomic_load(&me->aside) && (active == 1 || (active <= l->together && is_pending(l))))
		return true;
	pthread_mutex_lock(&l->lock);
	if (atomic_exchange(&me->aside, false)) {
		l->asides--;
		/* where one read fetches the next does: then nobody has to be called */
		l->active++;
		room = FETCHERS;
	}
	stays = !l->stop && l->active <= room;
	if (!stays)
		l->active--;
	pthread_mutex_unlock(&l->lock);
	return stays;
}

/* Return: false: the thread is to end. */
static bool stand_by(struct server *me)
{
	struct loop *l = me->loop;
	bool goes_on = false;

	pthread_mutex_lock(&l->lock);
	if (l->standby < STANDBY_MAX) {
		l->standby++;
		while (l->called == 0 && !l->stop)
			pthread_cond_wait(&l->called_for, &l->lock);
		l->standby--;
		goes_on = !l->stop;
		l->called -= goes_on;
	}
	if (!goes_on && !l->stop)
		me->use = ENDED;
	pthread_mutex_unlock(&l->lock);
	return goes_on;
}

static void *serve(void *arg)
{
	struct server *me = arg;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	self = me;
	do {
		do {
			if (receive(me) <= 0) { /* joined by who stops the loop */
				fuse_session_exit(me->loop->fuse);
				eventfd_write(me->loop->unmounted, 1);
				return NULL;
			}
			begin_answer(me);
			fuse_session_process_buf(me->loop->fuse, &me->buf);
		} while (end_answer(me));
	} while (stand_by(me));
	return NULL;
}

/* ---- who watches --------------------------------------------------------------------------- */

/* @n: requests in the tick that ends. Processors are to be awake, or need not be any more. */
static void note_busy(struct loop *l, uint64_t n)
{
	unsigned before = l->busy;

	if (n >= BUSY_MIN)
		l->busy = BUSY_TICKS;
	else if (l->busy > 0)
		l->busy--;
	if ((before > 0) != (l->busy > 0))
		awake_ask(l->awake, l->busy > 0);
}

/* Return: whether anything has happened since the last tick. With the lock held. */
static bool look_at_all(struct loop *l)
{
	uint64_t requests = 0;
	bool any = false;

	for (unsigned i = 0; i < l->high; i++) {
		struct server *s = &l->server[i];
		uint64_t taken = atomic_load(&s->taken);
		bool answering = atomic_load(&s->answering);

		if (answering && taken == s->seen && s->use == RUNNING)
			put_aside(s);
		any = any || taken != s->seen || (answering && !atomic_load(&s->aside));
		requests += taken - s->seen;
		s->seen = taken;
	}
	note_busy(l, requests);
	/* it could not be called before */
	if (l->active == 0)
		any = call(l) != 0 || any;
	return any;
}

static void *watch(void *arg)
{
	struct loop *l = arg;
	unsigned ticks = 0;

	pthread_mutex_lock(&l->lock);
	while (!l->stop) {
		const struct timespec until = now_plus(CLOCK_MONOTONIC, TICK_NS);

		/* said first: what begins after it is looked for wakes this thread */
		atomic_store(&l->unwatched, ticks >= TICKS_MAX);
		ticks = look_at_all(l) ? 0 : ticks + 1;
		if (ticks <= TICKS_MAX) {
			pthread_cond_timedwait(&l->watch, &l->lock, &until);
			continue;
		}
		if (!l->stop)
			pthread_cond_wait(&l->watch, &l->lock);
		ticks = 0;
	}
	if (l->busy > 0)
		awake_ask(l->awake, false);
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* ---- all of them ----------------------------------------------------------------------------- */

int loop_start(struct fuse_session *fuse, unsigned threads, struct awake *awake, struct loop **out)
{
	struct loop *l = calloc(1, sizeof(*l) + threads * sizeof(l->server[0]));
	const unsigned cpus = thread_cpus(UINT_MAX);
	int r = 0;

	if (!l)
		return -ENOMEM;
	l->fuse = fuse;
	l->unmounted = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->unmounted < 0) {
		r = -errno;
		free(l);
		return r;
	}
	l->awake = awake;
	l->size = threads;
	l->looks_out = cpus > 1;
	l->together = cpus > 3 ? cpus / 2 : 1;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->called_for, NULL);
	thread_cond_init(&l->watch);
	pthread_mutex_lock(&l->lock);
	r = call(l);
	pthread_mutex_unlock(&l->lock);
	if (r == 0) {
		r = -thread_start(&l->watcher, watch, l);
		l->watched = r == 0;
	}
	if (r) {
		loop_stop(l);
		return r;
	}
	*out = l;
	return 0;
}

int loop_wait(struct loop *l, const sigset_t *signals)
{
	struct pollfd p[2] = {{.fd = l->unmounted, .events = POLLIN}, {.events = POLLIN}};

	p[1].fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (p[1].fd < 0)
		return -errno;
	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	fuse_session_exit(l->fuse);
	close(p[1].fd);
	return 0;
}

/* Return: whether it is gone. Asked again and again: the thread sanitizer of GCC 12 does not know
 * pthread_clockjoin_np(). */
static bool join(struct server *s, int64_t until_ns)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	bool gone = s->use == UNUSED;

	while (!gone && !(gone = pthread_tryjoin_np(s->thread, NULL) == 0) &&
		now_ns(CLOCK_MONOTONIC) < until_ns)
		nanosleep(&pause, NULL);
	if (gone)
		s->use = UNUSED;
	return gone;
}

bool loop_stop(struct loop *l)
{
	int64_t until_ns = 0;
	bool gone = true;

	if (!l)
		return true;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_broadcast(&l->called_for);
	pthread_cond_signal(&l->watch);
	for (unsigned i = 0; i < l->high; i++) {
		if (l->server[i].use == RUNNING)
			pthread_cancel(l->server[i].thread);
	}
	pthread_mutex_unlock(&l->lock);
	if (l->watched)
		pthread_join(l->watcher, NULL);
	l->watched = false;
	until_ns = now_ns(CLOCK_MONOTONIC) + LOOP_END_MS * NOW_MS;
	for (unsigned i = 0; i < l->high; i++)
		gone = join(&l->server[i], until_ns) && gone;
	if (!gone)
		return false;
	for (unsigned i = 0; i < l->high; i++)
		free(l->server[i].buf.mem);
	close(l->unmounted);
	pthread_cond_destroy(&l->watch);
	pthread_cond_destroy(&l->called_for);
	pthread_mutex_destroy(&l->lock);
	free(l);
	return true;
}
