/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_marks.c - what marks withhold, kept up to date
 *
 * Compiled for each case that has marks, and again only when these or its evidence
 * change. What could not be compiled withholds the whole case.
 */
#include "control/service_private.h"

#include <errno.h>
#include <stdlib.h>

#include "serve/hashes.h"

/* For the search of what is new: before an act, while requests wait for it, and after it. */
#define WAIT_MS       500u
#define WAIT_HELD_MS  300u
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

static bool is_current(const struct case_marks *k, const struct marks_stamp *now)
{
	return k->roads && k->roads->missing == 0 &&
	       (!k->roads->searching || k->stamp.searched == now->searched) &&
	       k->stamp.marks == now->marks && k->stamp.evidence == now->evidence &&
	       k->stamp.hashed == now->hashed;
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

static int compile(struct service *s, uint64_t case_id, const struct act *const *more, size_t n,
	unsigned wait_ms, struct roads **out)
{
	const struct view_sources src = {.evidence = open_evidence, .ctx = s, .clock = s->clock};
	const struct roads_opts o = {.src = &src,
		.facts = s->facts,
		.copy_floor = s->start->config.copy_floor,
		.more = more,
		.more_n = n,
		.remnants = searches_find,
		.ctx = s->searches};
	int r = s->facts ? roads_compile(&s->model, case_id, &o, out) : -ENOMEM;

	if (r || !(*out)->searching)
		return r;
	/* of an image that is not large, at once; else its byte streams are withheld until then */
	searches_wait(s->searches, wait_ms);
	roads_free(*out);
	*out = NULL;
	return roads_compile(&s->model, case_id, &o, out);
}

static void renew(struct service *s, struct case_marks *k, const struct marks_stamp *stamp)
{
	struct roads *fresh = NULL;
	struct roads *old = NULL;

	if (compile(s, k->case_id, NULL, 0, k->roads ? WAIT_HELD_MS : 0, &fresh))
		fresh = NULL; /* then everything is withheld */
	pthread_rwlock_wrlock(&s->lock);
	old = k->roads;
	k->roads = fresh;
	k->stamp = *stamp;
	pthread_rwlock_unlock(&s->lock);
	roads_free(old);
}

void service_marks_refresh(struct service *s)
{
	if (!s->facts)
		s->facts = roads_facts_new();
	for (size_t i = 0; i < s->model.cases_n; i++) {
		uint64_t id = s->model.cases[i].id;
		struct marks_stamp stamp = {.marks = 0};
		struct case_marks *k = NULL;

		if (s->own && id != personal_case(s->own))
			continue; /* of other evidence, which is not mounted */
		stamp = stamp_of(s, id);
		k = stamp.marks > 0 ? marks_of(s, id) : NULL;
		if (stamp.marks > 0 && !k)
			k = add_case(s, id);
		if (k && !is_current(k, &stamp))
			renew(s, k, &stamp);
	}
}

bool service_marks_again(const struct service *s)
{
	for (size_t i = 0; i < s->marks_n; i++) {
		const struct case_marks *k = &s->marks[i];

		if (!k->roads || k->roads->missing > 0 ||
			(k->roads->searching && k->stamp.searched != searches_done(s->searches)))
			return true;
	}
	return s->marks_lost;
}

void service_marks_wait(struct service *s)
{
	bool searching = false;

	pthread_mutex_lock(&s->acting);
	for (size_t i = 0; i < s->marks_n; i++)
		searching = searching || (s->marks[i].roads && s->marks[i].roads->searching);
	pthread_mutex_unlock(&s->acting);
	if (!searching)
		return;
	searches_wait(s->searches, WAIT_AFTER_MS);
	pthread_mutex_lock(&s->acting);
	if (!s->broken[0] && service_marks_again(s)) {
		service_marks_refresh(s);
		service_refresh(s);
	}
	pthread_mutex_unlock(&s->acting);
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

int service_roads(struct service *s, uint64_t case_id, const struct act *const *more, size_t n,
	struct roads **out)
{
	int r = 0;

	pthread_mutex_lock(&s->acting);
	if (!s->facts)
		s->facts = roads_facts_new();
	r = compile(s, case_id, more, n, WAIT_MS, out);
	pthread_mutex_unlock(&s->acting);
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
