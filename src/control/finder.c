/* SPDX-License-Identifier: Apache-2.0 */
/* finder.c - the thread that finds what marks withhold; see finder.h. */
#include "control/finder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/now.h"
#include "base/thread.h"

/* For the search of what is new in free space: from the beginning of a compile. */
#define SEARCH_MS 250

enum state { ASKED, AT_WORK, FOUND };

/* One case. There is one of each at most, but for one at work that was given up. */
struct job {
	uint64_t case_id;
	struct marks_stamp stamp;
	struct finder_model m;
	struct finder *f;
	int64_t begun_ms;
	enum state state;
	struct roads *old; /* as in finder_ask() */
	struct roads *roads;
	_Atomic bool stop;
	struct job *next;
};

struct finder {
	struct finder_opts o;
	pthread_mutex_t lock; /* over what follows */
	pthread_cond_t work;
	pthread_cond_t idle;
	struct job *first;
	bool poked;
	bool busy; /* with a job, or in found() */
	bool stop;
	pthread_t thread;
	bool runs;
};

/* ---- what of a model is looked at --------------------------------------------------------- */

static void evidence_release(struct model_evidence *v)
{
	free(v->name);
	free(v->image);
	free(v->dir);
	free(v->types);
}

static char *copy_text(const char *text, int *r)
{
	char *c = text ? strdup(text) : NULL;

	if (text && !c)
		*r = -ENOMEM;
	return c;
}

static int copy_evidence(const struct model_evidence *from, struct model_evidence *to)
{
	int r = 0;

	*to = *from;
	to->name = copy_text(from->name, &r);
	to->image = copy_text(from->image, &r);
	to->dir = copy_text(from->dir, &r);
	to->types = copy_text(from->types, &r);
	return r;
}

int finder_model_copy(const struct model *m, uint64_t case_id, struct finder_model *out)
{
	struct model *to = &out->m;
	int r = 0;

	*out = (struct finder_model){.m = {.version = m->version}};
	to->marks = calloc(m->marks_n + 1, sizeof(*to->marks));
	to->evidence = calloc(m->evidence_n + 1, sizeof(*to->evidence));
	if (!to->marks || !to->evidence)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < m->marks_n; i++) {
		if (m->marks[i].act.case_id == case_id)
			to->marks[to->marks_n++] = m->marks[i];
	}
	for (size_t i = 0; r == 0 && i < m->evidence_n; i++) {
		if (m->evidence[i].case_id == case_id)
			r = copy_evidence(&m->evidence[i], &to->evidence[to->evidence_n++]);
	}
	if (r)
		finder_model_release(out);
	return r;
}

void finder_model_release(struct finder_model *c)
{
	for (size_t i = 0; i < c->m.evidence_n; i++)
		evidence_release(&c->m.evidence[i]);
	free(c->m.evidence);
	free(c->m.marks);
	*c = (struct finder_model){.m = {.version = 0}};
}

/* ---- the thread --------------------------------------------------------------------------- */

static void job_free(struct job *j)
{
	finder_model_release(&j->m);
	roads_free(j->old);
	roads_free(j->roads);
	free(j);
}

static void wait_for_search(void *ctx)
{
	const struct job *j = ctx;
	int64_t left = j->begun_ms + SEARCH_MS - now_ms(CLOCK_MONOTONIC);

	if (left > 0)
		searches_wait(j->f->o.searches, (unsigned)left);
}

static int find_remnants(void *ctx, struct evidence *ev, const struct road_needle *v, size_t n,
	struct road_remnant **out, size_t *out_n)
{
	const struct job *j = ctx;

	return searches_find(j->f->o.searches, ev, v, n, out, out_n);
}

/* Without the lock. */
static struct roads *find(struct job *j)
{
	const struct finder_opts *o = &j->f->o;
	const struct view_sources src = {.evidence = o->evidence, .ctx = o->ctx};
	const struct roads_opts opts = {.src = &src,
		.facts = o->facts,
		.copy_floor = o->copy_floor,
		.remnants = find_remnants,
		.wait = wait_for_search,
		.ctx = j,
		.stop = &j->stop};
	struct roads *roads = NULL;
	int r = 0;

	j->begun_ms = now_ms(CLOCK_MONOTONIC);
	r = j->old ? roads_searched(&j->m.m, &opts, j->old, &roads)
		   : roads_compile(&j->m.m, j->case_id, &opts, &roads);
	return r ? NULL : roads;
}

static struct job *next_job(const struct finder *f)
{
	struct job *j = f->first;

	while (j && j->state != ASKED)
		j = j->next;
	return j;
}

static void drop(struct finder *f, struct job *j)
{
	struct job **link = &f->first;

	while (*link != j)
		link = &(*link)->next;
	*link = j->next;
	job_free(j);
}

/* With the lock, which is let go meanwhile. Return: whether somebody wants what was found. */
static bool work(struct finder *f, struct job *j)
{
	struct roads *roads = NULL;
	bool wanted = false;

	j->state = AT_WORK;
	pthread_mutex_unlock(&f->lock);
	roads = find(j);
	pthread_mutex_lock(&f->lock);
	j->roads = roads;
	j->state = FOUND;
	wanted = !j->stop;
	if (!wanted)
		drop(f, j);
	pthread_cond_broadcast(&f->idle);
	return wanted;
}

static void *finder_main(void *arg)
{
	struct finder *f = arg;

	pthread_setname_np(pthread_self(), FINDER_NAME);
	pthread_mutex_lock(&f->lock);
	while (!f->stop) {
		struct job *j = next_job(f);
		bool tell = f->poked;

		if (!j && !tell) {
			f->busy = false;
			pthread_cond_broadcast(&f->idle);
			pthread_cond_wait(&f->work, &f->lock);
			continue;
		}
		f->busy = true;
		f->poked = false;
		if (j)
			tell = work(f, j) || tell;
		if (!tell || f->stop)
			continue;
		pthread_mutex_unlock(&f->lock);
		f->o.found(f->o.ctx);
		pthread_mutex_lock(&f->lock);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

/* ---- asking --------------------------------------------------------------------------------- */

static bool same_stamp(const struct marks_stamp *a, const struct marks_stamp *b)
{
	return a->marks == b->marks && a->evidence == b->evidence && a->hashed == b->hashed &&
	       a->searched == b->searched;
}

/* With the lock. The one that was asked for last. */
static struct job *job_of(const struct finder *f, uint64_t case_id)
{
	struct job *j = f->first;

	while (j && (j->case_id != case_id || j->stop))
		j = j->next;
	return j;
}

static void give_up(struct finder *f, struct job *j)
{
	if (j->state == AT_WORK)
		j->stop = true;
	else
		drop(f, j);
}

int finder_ask(struct finder *f, const struct model *m, uint64_t case_id,
	const struct marks_stamp *stamp, struct roads *old)
{
	struct job *j = calloc(1, sizeof(*j));
	struct job *before = NULL;
	int r = j ? finder_model_copy(m, case_id, &j->m) : -ENOMEM;

	if (r) {
		free(j);
		return r;
	}
	j->f = f;
	j->case_id = case_id;
	j->stamp = *stamp;
	j->old = roads_get(old);
	pthread_mutex_lock(&f->lock);
	before = job_of(f, case_id);
	if (before)
		give_up(f, before);
	j->next = f->first;
	f->first = j;
	pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->lock);
	return 0;
}

bool finder_is_asked(struct finder *f, uint64_t case_id, const struct marks_stamp *stamp)
{
	const struct job *j = NULL;
	bool is = false;

	pthread_mutex_lock(&f->lock);
	j = job_of(f, case_id);
	is = j && same_stamp(&j->stamp, stamp);
	pthread_mutex_unlock(&f->lock);
	return is;
}

void finder_poke(struct finder *f)
{
	pthread_mutex_lock(&f->lock);
	f->poked = true;
	pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->lock);
}

static bool is_found(const struct finder *f, uint64_t case_id)
{
	const struct job *j = job_of(f, case_id);

	return !j || j->state == FOUND;
}

static bool is_idle(const struct finder *f)
{
	return !f->busy && !f->poked && !next_job(f);
}

/* @case_id: 0: until it is idle. */
static void wait_until(struct finder *f, uint64_t case_id, unsigned ms)
{
	struct timespec until = now_plus(CLOCK_MONOTONIC, ms * NOW_MS);

	pthread_mutex_lock(&f->lock);
	while (!f->stop && !(case_id ? is_found(f, case_id) : is_idle(f))) {
		if (ms == FINDER_ALWAYS)
			pthread_cond_wait(&f->idle, &f->lock);
		else if (pthread_cond_timedwait(&f->idle, &f->lock, &until))
			break;
	}
	pthread_mutex_unlock(&f->lock);
}

void finder_wait(struct finder *f, uint64_t case_id, unsigned ms)
{
	wait_until(f, case_id, ms);
}

void finder_idle(struct finder *f, unsigned ms)
{
	wait_until(f, 0, ms);
}

int finder_take(struct finder *f, uint64_t case_id, struct roads **out, struct marks_stamp *stamp)
{
	struct job *j = NULL;
	bool found = false;

	pthread_mutex_lock(&f->lock);
	j = job_of(f, case_id);
	found = j && j->state == FOUND;
	if (found) {
		*out = j->roads;
		*stamp = j->stamp;
		j->roads = NULL;
		drop(f, j);
	}
	pthread_mutex_unlock(&f->lock);
	return found;
}

/* ---- begin and end -------------------------------------------------------------------------- */

int finder_new(const struct finder_opts *o, struct finder **out)
{
	struct finder *f = calloc(1, sizeof(*f));
	int r = 0;

	if (!f)
		return -ENOMEM;
	f->o = *o;
	pthread_mutex_init(&f->lock, NULL);
	thread_cond_init(&f->work);
	thread_cond_init(&f->idle);
	r = thread_start(&f->thread, finder_main, f);
	f->runs = r == 0;
	if (r) {
		finder_free(f);
		return -r;
	}
	*out = f;
	return 0;
}

void finder_free(struct finder *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	for (struct job *j = f->first; j; j = j->next)
		j->stop = true;
	pthread_cond_broadcast(&f->work);
	pthread_cond_broadcast(&f->idle);
	pthread_mutex_unlock(&f->lock);
	if (f->runs)
		pthread_join(f->thread, NULL);
	while (f->first)
		drop(f, f->first);
	pthread_cond_destroy(&f->idle);
	pthread_cond_destroy(&f->work);
	pthread_mutex_destroy(&f->lock);
	free(f);
}
