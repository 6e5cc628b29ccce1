/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_marks.c - what marks withhold, kept up to date
 *
 * Compiled for each case that has marks, and again only when these or its evidence
 * change. What could not be compiled withholds the whole case. What takes long is compiled
 * by the finder; until then what is marked is withheld by its place (policy/roads_hold.c).
 */
#include "control/service_private.h"

#include <errno.h>
#include <stdlib.h>

#include "control/personal.h"
#include "serve/hashes.h"

/* For the search of what is new: before an act, and after it. */
#define WAIT_MS       300u
#define WAIT_AFTER_MS 10000u

static struct evidence *open_evidence(void *ctx, const struct model_evidence *m)
{
	return service_open(ctx, m);
}

/* What a case's roads depend on. */
static struct marks_stamp stamp_of(struct service *s, uint64_t case_id)
{
	struct marks_stamp stamp = {.searched = searches_done(s->searches)};

	for (size_t i = 0; i < s->model.marks_n; i++)
		stamp.marks += s->model.marks[i].act.case_id == case_id;
	for (size_t i = 0; stamp.marks > 0 && i < s->model.evidence_n; i++) {
		const struct model_evidence *me = &s->model.evidence[i];
		struct evidence *ev = NULL;
		struct hashes_status h;

		if (me->case_id != case_id)
			continue;
		stamp.evidence++;
		ev = service_open(s, me);
		if (!ev || !ev->hashes)
			continue;
		hashes_status(ev->hashes, &h);
		stamp.hashed += h.traces_hashed + h.traces_unreadable;
	}
	return stamp;
}

static bool same_cause(const struct marks_stamp *a, const struct marks_stamp *b)
{
	return a->marks == b->marks && a->evidence == b->evidence;
}

/* Whether all is known, but perhaps of free space. */
static bool is_found(const struct case_marks *k, const struct marks_stamp *now)
{
	return k->roads && !k->roads->held && k->roads->missing == 0 &&
	       same_cause(&k->stamp, now) && k->stamp.hashed == now->hashed;
}

static bool is_current(const struct case_marks *k, const struct marks_stamp *now)
{
	return is_found(k, now) && (!k->roads->searching || k->stamp.searched == now->searched);
}

/* Whether nothing has changed but what is known of free space. */
static bool is_searched(const struct case_marks *k, const struct marks_stamp *now)
{
	return is_found(k, now) && k->roads->searching;
}

static struct case_marks *marks_of(struct service *s, uint64_t case_id)
{
	for (size_t i = 0; i < s->marks_n; i++) {
		if (s->marks[i].case_id == case_id)
			return &s->marks[i];
	}
	return NULL;
}

/* Called with `acting`: nobody else changes `marks` or the model. */
static struct case_marks *add_case(struct service *s, uint64_t case_id)
{
	struct case_marks *v = NULL;

	pthread_rwlock_wrlock(&s->lock);
	v = reallocarray(s->marks, s->marks_n + 1, sizeof(*v));
	if (v) {
		s->marks = v;
		v[s->marks_n++] = (struct case_marks){.case_id = case_id};
	} else {
		s->marks_lost = true;
	}
	pthread_rwlock_unlock(&s->lock);
	return v ? &s->marks[s->marks_n - 1] : NULL;
}

/* ---- compiling ------------------------------------------------------------------------------ */

static struct roads_opts opts_of(struct service *s, const struct view_sources *src)
{
	return (struct roads_opts){.src = src,
		.facts = s->facts,
		.copy_floor = s->start->config.copy_floor,
		.remnants = searches_find,
		.ctx = s->searches};
}

static void install(struct service *s, struct case_marks *k, struct roads *fresh,
	const struct marks_stamp *stamp)
{
	struct roads *old = NULL;

	pthread_rwlock_wrlock(&s->lock);
	old = k->roads;
	k->roads = fresh;
	k->stamp = *stamp;
	pthread_rwlock_unlock(&s->lock);
	roads_free(old);
}

/* In force until the finder has found the rest. Return: whether it is anything new. */
static bool hold(struct service *s, struct case_marks *k, const struct marks_stamp *stamp)
{
	const struct view_sources src = {.evidence = open_evidence, .ctx = s, .clock = s->clock};
	const struct roads_opts o = opts_of(s, &src);
	struct roads *fresh = NULL;
	int r = 0;

	r = roads_hold(&s->model, k->case_id, &o, k->roads, &fresh);
	if (r == 0)
		return false;
	install(s, k, r < 0 ? NULL : fresh, stamp);
	return true;
}

/* What the finder has found. */
static bool take_found(struct service *s)
{
	bool some = false;

	for (size_t i = 0; i < s->marks_n; i++) {
		struct marks_stamp stamp;
		struct roads *roads = NULL;

		if (!finder_take(s->finder, s->marks[i].case_id, &roads, &stamp))
			continue;
		install(s, &s->marks[i], roads, &stamp);
		some = true;
	}
	return some;
}

/* A case that has marks; one that has its first is as if there were none yet. */
static struct case_marks *case_of(struct service *s, uint64_t id)
{
	struct case_marks *k = marks_of(s, id);
	struct marks_stamp none = {.marks = 0};

	if (k)
		return k;
	k = add_case(s, id);
	if (!k)
		return NULL;
	for (size_t i = 0; i < s->model.evidence_n; i++)
		none.evidence += s->model.evidence[i].case_id == id;
	install(s, k, roads_none(&s->model, id), &none);
	return k;
}

/* Return: whether something new is in force. */
static bool refresh_case(struct service *s, uint64_t id, unsigned wait_ms)
{
	struct marks_stamp stamp = stamp_of(s, id);
	struct case_marks *k = stamp.marks > 0 ? case_of(s, id) : NULL;
	bool some = false;

	if (!k || is_current(k, &stamp))
		return false;
	if (!finder_is_asked(s->finder, id, &stamp)) {
		if (finder_ask(s->finder, &s->model, id, &stamp,
			    is_searched(k, &stamp) ? k->roads : NULL)) {
			install(s, k, NULL, &stamp);
			return true;
		}
		if (wait_ms > 0)
			finder_wait(s->finder, id, wait_ms);
	}
	some = take_found(s);
	if (same_cause(&k->stamp, &stamp))
		return some;
	return hold(s, k, &stamp) || some;
}

bool service_marks_refresh(struct service *s, unsigned wait_ms)
{
	bool some = false;

	for (size_t i = 0; s->finder && i < s->model.cases_n; i++) {
		uint64_t id = s->model.cases[i].id;

		/* of other evidence, which is not mounted */
		if (!s->own || id == personal_case(s->own))
			some = refresh_case(s, id, wait_ms) || some;
	}
	return some;
}

bool service_marks_again(const struct service *s)
{
	for (size_t i = 0; i < s->marks_n; i++) {
		const struct case_marks *k = &s->marks[i];

		if (!k->roads || k->roads->missing > 0 || k->roads->held ||
			(k->roads->searching && k->stamp.searched != searches_done(s->searches)))
			return true;
	}
	return s->marks_lost;
}

/* ---- behind the acts ------------------------------------------------------------------------ */

/* From the finder, which holds nothing: masks that were done without are made here too. */
static void on_found(void *ctx)
{
	struct service *s = ctx;
	struct view_masks *masks = s->own ? personal_masks(s->own) : viewers_masks(s->viewers);

	pthread_mutex_lock(&s->acting);
	if (!s->broken[0] && take_found(s))
		service_refresh(s);
	pthread_mutex_unlock(&s->acting);
	if (view_masks_make(masks) == 0)
		return;
	pthread_mutex_lock(&s->acting);
	service_refresh(s);
	pthread_mutex_unlock(&s->acting);
}

int service_finder_start(struct service *s, struct err *e)
{
	struct finder_opts o = {.evidence = open_evidence,
		.found = on_found,
		.ctx = s,
		.copy_floor = s->start->config.copy_floor};

	if (!s->searches && searches_new(&s->searches))
		return err_errno(e, ENOMEM, "the thread that looks for remnants");
	if (!s->facts)
		s->facts = roads_facts_new();
	o.searches = s->searches;
	o.facts = s->facts;
	if (!s->finder && (!s->facts || finder_new(&o, &s->finder)))
		return err_errno(e, ENOMEM, "the thread that finds what marks withhold");
	return 0;
}

void service_finder_stop(struct service *s)
{
	finder_free(s->finder);
	s->finder = NULL;
}

void service_marks_settled(struct service *s, unsigned ms)
{
	if (s->finder)
		finder_idle(s->finder, ms);
}

void service_marks_wait(struct service *s)
{
	bool searching = false;

	service_marks_settled(s, FINDER_ALWAYS);
	pthread_mutex_lock(&s->acting);
	for (size_t i = 0; i < s->marks_n; i++)
		searching = searching || (s->marks[i].roads && s->marks[i].roads->searching);
	pthread_mutex_unlock(&s->acting);
	if (!searching)
		return;
	searches_wait(s->searches, WAIT_AFTER_MS);
	pthread_mutex_lock(&s->acting);
	if (!s->broken[0] && service_marks_again(s) && service_marks_refresh(s, 0))
		service_refresh(s);
	pthread_mutex_unlock(&s->acting);
	service_marks_settled(s, FINDER_ALWAYS);
}

void service_marks_end(struct service *s)
{
	for (size_t i = 0; i < s->marks_n; i++)
		roads_free(s->marks[i].roads);
	free(s->marks);
	roads_facts_free(s->facts);
}

const struct withheld *service_withheld(void *ctx, const struct model_evidence *me)
{
	struct service *s = ctx;
	const struct case_marks *k = marks_of(s, me->case_id);

	if (!k)
		return s->marks_lost ? withheld_everything() : NULL;
	return k->roads ? roads_of(k->roads, me->id) : withheld_everything();
}

int service_view(struct service *s, const struct caller *c, struct view **out)
{
	const struct view_sources src = {.evidence = open_evidence,
		.ctx = s,
		.clock = s->clock,
		.withheld = service_withheld,
		.only_case = s->own ? personal_case(s->own) : 0};
	struct moment now = clock_now(s->clock);
	int r = 0;

	pthread_rwlock_rdlock(&s->lock);
	r = view_compile(&s->model, &c->who, &now, &src, out, NULL);
	pthread_rwlock_unlock(&s->lock);
	return r;
}

static void wait_for_search(void *ctx)
{
	searches_wait(ctx, WAIT_MS);
}

/* What is in force, where that is what is asked for. */
static struct roads *roads_in_force(struct service *s, uint64_t case_id)
{
	struct marks_stamp stamp = stamp_of(s, case_id);
	const struct case_marks *k = marks_of(s, case_id);

	return k && is_current(k, &stamp) ? roads_get(k->roads) : NULL;
}

int service_roads(struct service *s, uint64_t case_id, const struct act *const *more, size_t n,
	struct roads **out)
{
	const struct view_sources src = {.evidence = open_evidence, .ctx = s, .clock = s->clock};
	struct roads_opts o = opts_of(s, &src);
	struct finder_model copy;
	struct roads *roads = NULL;
	int r = 0;

	o.wait = wait_for_search;
	o.more = more;
	o.more_n = n;
	pthread_rwlock_rdlock(&s->lock);
	if (n == 0)
		roads = roads_in_force(s, case_id);
	r = roads ? 0 : finder_model_copy(&s->model, case_id, &copy);
	pthread_rwlock_unlock(&s->lock);
	if (r == 0 && !roads) {
		r = s->facts ? roads_compile(&copy.m, case_id, &o, &roads) : -ENOMEM;
		finder_model_release(&copy);
	}
	if (r == 0)
		*out = roads;
	return r;
}

bool service_is_withheld(struct service *s, uint64_t evidence, uint64_t trace)
{
	const struct model_evidence *me = NULL;
	bool is = false;

	pthread_rwlock_rdlock(&s->lock);
	me = model_evidence(&s->model, evidence);
	is = me && withheld_has(service_withheld(s, me), trace);
	pthread_rwlock_unlock(&s->lock);
	return is;
}
