/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handle_mark.c - mark: what is privileged, or may be.
 *
 * All paths are looked up before the first is marked. What the caller does not see
 * is refused in the words for a path that does not exist.
 */
#include "control/exchange.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "control/mark_effect.h"
#include "control/seen.h"

#define ASK_ABOVE 100 /* traces: more are withheld only with --yes */

struct marking {
	struct exchange *x;
	struct view *view; /* the caller's */
	struct act terms;  /* what all have in common */
	struct act *acts;
	const struct act **list; /* the same, for who asks what they would do */
	size_t n;
	struct mark_effect effect;
};

/* ---- what is asked ------------------------------------------------------------------------ */

static int take_terms(struct marking *k, struct act *a, struct err *e)
{
	struct exchange *x = k->x;
	const char *state = exchange_arg(x, "state");
	int r = 0;

	a->mark_origin = MARK_BY_USER;
	a->with_members = exchange_flag(x, "with-members");
	if (mark_state_parse(state, &a->mark_state))
		r = err_set(
			e, EINVAL, "--state %s: not one of suspected, confirmed, rejected", state);
	if (r == 0)
		r = exchange_text(x, "basis", &a->basis, e);
	return r ? r : exchange_text(x, "reason", &a->reason, e);
}

static int take_path(struct marking *k, const char *typed, const char *case_name, struct err *e)
{
	struct act *a = &k->acts[k->n];
	int r = act_copy(a, &k->terms);

	if (r)
		return err_errno(e, -r, "mark");
	k->list[k->n++] = a;
	r = rules_path(typed, service_config(k->x->service)->mount_root, case_name, &a->path, e);
	if (r == 0 && !a->path)
		r = err_set(e, EINVAL, "mark what? Write PATH as below the case's folder");
	return r ? r : seen_act(k->view, a, e);
}

static int take_all(struct marking *k, struct err *e)
{
	const struct model *m = service_model(k->x->service);
	const struct model_case *c = NULL;
	struct sight s;
	const char *case_name = exchange_arg(k->x, "case");
	size_t paths = exchange_count(k->x, "path");
	int r = exchange_case(k->x, m, &c, &s, e);

	if (r == 0 && s.root)
		r = err_set(e, EPERM, "root sees no evidence, and marks none");
	service_model_done(k->x->service);
	if (r == 0 && service_view(k->x->service, k->x->caller, &k->view))
		r = err_set(e, EIO, "what you see cannot be told now");
	k->acts = calloc(paths, sizeof(*k->acts));
	k->list = calloc(paths, sizeof(*k->list)); /* NOLINT: pointers */
	if (r == 0 && (!k->acts || !k->list))
		r = err_errno(e, ENOMEM, "mark");
	exchange_act(k->x, ACT_MARK, &k->terms);
	if (r == 0)
		r = take_terms(k, &k->terms, e);
	for (size_t i = 0; r == 0 && i < k->x->q->n; i++) {
		if (!strcmp(k->x->q->args[i].name, "path"))
			r = take_path(k, k->x->q->args[i].value, case_name, e);
	}
	return r;
}

/* ---- what it would do ------------------------------------------------------------------------ */

static int measure(struct marking *k, struct err *e)
{
	struct service *s = k->x->service;
	struct roads *before = NULL;
	struct roads *after = NULL;
	int r = service_roads(s, k->x->case_id, NULL, 0, &before);

	if (r == 0)
		r = service_roads(s, k->x->case_id, k->list, k->n, &after);
	if (r == 0)
		r = mark_effect(k->view, before, after, &k->effect);
	roads_free(before);
	roads_free(after);
	return r ? err_errno(e, -r, "what it would withhold") : 0;
}

static void put_effect(struct marking *k)
{
	struct exchange *x = k->x;

	for (unsigned road = 1; road < ROADS_N; road++) {
		struct buf *row = NULL;

		if (!k->effect.withheld[road] && !k->effect.shown[road])
			continue;
		row = answer_row(x->answer);
		row_str(row, "case", exchange_arg(x, "case"));
		row_str(row, "road", road_name((enum road)road));
		row_u64(row, "withheld", k->effect.withheld[road]);
		row_u64(row, "shown", k->effect.shown[road]);
		answer_row_end(x->answer);
	}
	answer_text(x->answer, "%" PRIu64 " traces would be withheld, %" PRIu64 " shown again",
		mark_effect_total(k->effect.withheld), mark_effect_total(k->effect.shown));
}

static int ask(struct marking *k, struct err *e)
{
	uint64_t n = mark_effect_total(k->effect.withheld);

	if (n <= ASK_ABOVE || exchange_flag(k->x, "yes"))
		return 0;
	return err_set(e, EPERM,
		"%" PRIu64 " traces would be withheld: see which with --dry-run, and say --yes", n);
}

/* ---- what became of it ------------------------------------------------------------------------
 */

static void put_made(struct marking *k, const struct act *a)
{
	struct buf *row = answer_row(k->x->answer);

	row_u64(row, "id", a->object);
	row_str(row, "case", exchange_arg(k->x, "case"));
	row_str(row, "path", a->path);
	row_str(row, "state", mark_state_name(a->mark_state));
	row_str(row, "origin", mark_origin_name(a->mark_origin));
	row_str(row, "basis", a->basis);
	row_str(row, "reason", a->reason);
	row_str(row, "by", a->by_name);
	row_time(row, "at", a->ns);
	answer_row_end(k->x->answer);
}

static int by_path(const void *path, const void *own)
{
	return strcmp(path, ((const struct mark_own *)own)->path);
}

/* Own state of a trace, now that it is marked. */
static void tell_own(struct marking *k, const struct act *a, const struct mark_own *own)
{
	if (own->waiting && own->waiting->object == a->object)
		answer_note(k->x->answer,
			"%s stays confirmed until somebody else who holds `mark` rejects it too",
			a->path);
	else if (own->by && own->by->object != a->object)
		answer_note(k->x->answer, "%s stays %s", a->path, mark_state_name(own->state));
}

static void tell_states(struct marking *k)
{
	const struct model *m = service_model(k->x->service);
	struct mark_own *own = NULL;
	size_t n = 0;

	if (marks_of_case(m, k->x->case_id, NULL, 0, &own, &n))
		n = 0;
	for (size_t i = 0; n > 0 && i < k->n; i++) {
		const struct act *a = &k->acts[i];
		const struct mark_own *its = bsearch(a->path, own, n, sizeof(*own), by_path);

		if (its)
			tell_own(k, a, its);
	}
	free(own);
	service_model_done(k->x->service);
}

/* Roads that a rejection leaves open. */
static void tell_left(struct marking *k, const struct act *a, const struct roads *roads)
{
	const struct view_evidence *ev = NULL;
	const struct withheld *w = NULL;
	struct trace t;
	bool name_only = false;

	if (view_find(k->view, a->case_id, a->path, &ev, &t, &name_only))
		return;
	w = roads_of(roads, ev->id);
	for (size_t i = 0; w && i < w->ways_n; i++) {
		const struct road_way *way = &w->ways[i];

		if (way->first <= t.id && t.id <= way->last)
			answer_note(k->x->answer, "%s is still withheld: %s, by mark %" PRIu64,
				a->path, road_name(way->road), way->mark);
	}
}

static void tell(struct marking *k)
{
	struct roads *roads = NULL;

	tell_states(k);
	if (k->n == 0 || k->acts[0].mark_state != MARK_REJECTED ||
		service_roads(k->x->service, k->x->case_id, NULL, 0, &roads))
		return;
	for (size_t i = 0; i < k->n; i++)
		tell_left(k, &k->acts[i], roads);
	roads_free(roads);
}

static int make_all(struct marking *k, struct err *e)
{
	size_t made = 0;
	int r = exchange_do_all(k->x, k->acts, k->n, &made, e);

	for (size_t i = 0; i < made; i++)
		put_made(k, &k->acts[i]);
	if (r == 0)
		tell(k);
	return r;
}

int handle_mark(struct exchange *x, struct err *e)
{
	struct marking *k = calloc(1, sizeof(*k));
	bool dry = exchange_flag(x, "dry-run");
	int r = 0;

	if (!k)
		return err_errno(e, ENOMEM, "mark");
	k->x = x;
	r = take_all(k, e);
	if (r == 0 && (dry || !exchange_flag(x, "yes")))
		r = measure(k, e);
	if (r == 0 && dry)
		put_effect(k);
	if (r == 0 && !dry)
		r = ask(k, e);
	if (r == 0 && !dry)
		r = make_all(k, e);
	for (size_t i = 0; i < k->n; i++)
		act_release(&k->acts[i]);
	act_release(&k->terms);
	free(k->acts);
	free(k->list);
	view_free(k->view);
	free(k);
	return r;
}
