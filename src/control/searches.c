/* SPDX-License-Identifier: Apache-2.0 */
/* searches.c - what is left of withheld contents in free space; see searches.h. */
#include "control/searches.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/now.h"
#include "base/thread.h"
#include "serve/remnants.h"

#define AGAIN_S 2 /* after a search that could not be made */
#define END_S   3 /* waited for at the end */

enum state { WANTED, KNOWN };

/* One contents in one piece of evidence. */
struct searched {
	struct evidence *ev;
	struct road_needle needle;
	enum state state;
	struct road_remnant *v;
	size_t n;
};

struct searches {
	pthread_mutex_t lock; /* over what follows */
	pthread_cond_t work;
	pthread_cond_t ended;
	struct searched *v; /* in order of evidence and contents */
	size_t n, cap;
	size_t wanted; /* entries that are not known */
	uint64_t done;
	_Atomic bool stop;
	pthread_t thread;
};

static int compare(const void *a, const void *b)
{
	const struct searched *x = a;
	const struct searched *y = b;

	if (x->ev != y->ev)
		return (uintptr_t)x->ev < (uintptr_t)y->ev ? -1 : 1;
	return road_needle_order(&x->needle, &y->needle);
}

static struct searched *find(
	struct searches *s, size_t n, struct evidence *ev, const struct road_needle *needle)
{
	const struct searched key = {.ev = ev, .needle = *needle};

	return n ? bsearch(&key, s->v, n, sizeof(key), compare) : NULL;
}

/* ---- the thread --------------------------------------------------------------------------- */

/* What is looked for at once: all that is wanted of one piece of evidence. */
struct job {
	struct evidence *ev;
	struct remnant_source *sources;
	struct road_needle *needles;
	size_t n;
};

/* With the lock. Return: false: there is nothing to do, or no memory for it. */
static bool take_job(struct searches *s, struct job *j)
{
	*j = (struct job){.ev = NULL};
	j->sources = calloc(s->wanted + 1, sizeof(*j->sources));
	j->needles = calloc(s->wanted + 1, sizeof(*j->needles));
	for (size_t i = 0; j->sources && j->needles && i < s->n; i++) {
		const struct searched *e = &s->v[i];

		if (e->state != WANTED || (j->ev && e->ev != j->ev))
			continue;
		j->ev = e->ev;
		j->needles[j->n] = e->needle;
		j->sources[j->n++] =
			(struct remnant_source){e->needle.ev, e->needle.trace, e->needle.kind};
	}
	return j->n > 0;
}

static int by_source(const void *a, const void *b)
{
	const struct remnant *x = a;
	const struct remnant *y = b;

	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return (x->begin > y->begin) - (x->begin < y->begin);
}

/* [@n] of one source, in order of places. */
static int keep(struct searches *s, const struct job *j, size_t source, const struct remnant *found,
	size_t n)
{
	struct searched *e = find(s, s->n, j->ev, &j->needles[source]);
	struct road_remnant *v = NULL;

	if (!e)
		return -ENOMEM;
	if (e->state == KNOWN)
		return 0;
	v = calloc(n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		v[i] = (struct road_remnant){found[i].begin, found[i].end - 1, found[i].shared};
	e->v = v;
	e->n = n;
	e->state = KNOWN;
	s->wanted--;
	return 0;
}

/* Called with the lock, and let go of while the media is read. */
static int run_job(struct searches *s, const struct job *j)
{
	struct remnants found = {NULL, 0, 0};
	size_t at = 0;
	int r = 0;

	pthread_mutex_unlock(&s->lock);
	r = remnants_find(j->ev, j->sources, j->n, &s->stop, &found);
	if (found.n > 0)
		qsort(found.v, found.n, sizeof(*found.v), by_source);
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; r == 0 && i < j->n; i++) {
		size_t first = at;

		while (at < found.n && found.v[at].source == i)
			at++;
		r = keep(s, j, i, found.v ? found.v + first : NULL, at - first);
	}
	free(found.v);
	return r;
}

static void pause_after_fault(struct searches *s)
{
	struct timespec until = now_plus(CLOCK_MONOTONIC, AGAIN_S * NOW_SECOND);

	while (!s->stop && pthread_cond_timedwait(&s->work, &s->lock, &until) == 0)
		;
}

static void *search_main(void *arg)
{
	struct searches *s = arg;

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		struct job j;
		bool some = s->wanted > 0;
		int r = 0;

		if (!some) {
			pthread_cond_wait(&s->work, &s->lock);
			continue;
		}
		r = take_job(s, &j) ? run_job(s, &j) : -ENOMEM;
		free(j.sources);
		free(j.needles);
		s->done++;
		pthread_cond_broadcast(&s->ended);
		if (r)
			pause_after_fault(s);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int searches_new(struct searches **out)
{
	struct searches *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	thread_cond_init(&s->work);
	thread_cond_init(&s->ended);
	r = thread_start(&s->thread, search_main, s);
	if (r) {
		free(s);
		return -r;
	}
	*out = s;
	return 0;
}

bool searches_free(struct searches *s)
{
	struct timespec until;

	if (!s)
		return true;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->work);
	pthread_mutex_unlock(&s->lock);
	until = now_plus(CLOCK_REALTIME, END_S * NOW_SECOND);
	if (pthread_timedjoin_np(s->thread, NULL, &until))
		return false;
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i].v);
	free(s->v);
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->ended);
	pthread_mutex_destroy(&s->lock);
	free(s);
	return true;
}

/* ---- asking -----------------------------------------------------------------------------------
 */

/* With the lock. All of them have an entry then, in order. */
static int enter(struct searches *s, struct evidence *ev, const struct road_needle *v, size_t n)
{
	size_t sorted = s->n;
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		if (find(s, sorted, ev, &v[i]))
			continue;
		r = array_room(&s->v, sizeof(*s->v), s->n, &s->cap);
		if (r)
			break;
		s->v[s->n++] = (struct searched){.ev = ev, .needle = v[i], .state = WANTED};
		s->wanted++;
	}
	if (s->n > sorted) {
		qsort(s->v, s->n, sizeof(*s->v), compare);
		pthread_cond_signal(&s->work);
	}
	return r;
}

static int by_first(const void *a, const void *b)
{
	const struct road_remnant *x = a;
	const struct road_remnant *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

int searches_find(void *ctx, struct evidence *ev, const struct road_needle *v, size_t n,
	struct road_remnant **out, size_t *out_n)
{
	struct searches *s = ctx;
	struct road_remnant *found = NULL;
	size_t room = 0;
	size_t many = 0;
	int r = 0;

	pthread_mutex_lock(&s->lock);
	r = enter(s, ev, v, n);
	r = r ? r : 1;
	for (size_t i = 0; r == 1 && i < n; i++) {
		const struct searched *e = find(s, s->n, ev, &v[i]);

		r = e && e->state == KNOWN;
		room += e ? e->n : 0;
	}
	if (r == 1) {
		found = calloc(room + 1, sizeof(*found));
		r = found ? 1 : -ENOMEM;
	}
	for (size_t i = 0; r == 1 && i < n; i++) {
		const struct searched *e = find(s, s->n, ev, &v[i]);

		memcpy(found + many, e->v, e->n * sizeof(*found));
		many += e->n;
	}
	pthread_mutex_unlock(&s->lock);
	if (r != 1)
		return r;
	if (many > 0)
		qsort(found, many, sizeof(*found), by_first);
	*out = found;
	*out_n = many;
	return 1;
}

void searches_wait(struct searches *s, unsigned ms)
{
	struct timespec until = now_plus(CLOCK_MONOTONIC, ms * NOW_MS);

	pthread_mutex_lock(&s->lock);
	while (s->wanted > 0 && pthread_cond_timedwait(&s->ended, &s->lock, &until) == 0)
		;
	pthread_mutex_unlock(&s->lock);
}

uint64_t searches_done(struct searches *s)
{
	uint64_t done = 0;

	pthread_mutex_lock(&s->lock);
	done = s->done;
	pthread_mutex_unlock(&s->lock);
	return done;
}
