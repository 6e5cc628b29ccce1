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
#include "control/marks_row.h"
#include "control/seen.h"

#define ASK_ABOVE 100 /* traces: more are withheld only with --yes */

struct marking {
	struct exchange *x;
	struct view *view; /* the caller's */
	struct act terms;  /* what all have in common */
	struct act *acts;
	const struct act **list; /* the same, for who asks what they would do */
	size_t n;
	size_t typed; /* of these; the rest belongs to them */
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
	k->n++;
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
	if (r == 0 && !k->acts)
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

/* ---- what belongs to it ---------------------------------------------------------------------- */

static bool is_among(const struct marking *k, const char *path)
{
	for (size_t i = 0; i < k->n; i++) {
		if (!strcmp(k->acts[i].path, path))
			return true;
	}
	return false;
}

/* One more that is decided with them. */
static int add_path(struct marking *k, const char *path, struct err *e)
{
	struct act *acts = reallocarray(k->acts, k->n + 1, sizeof(*acts));
	int r = acts ? 0 : -ENOMEM;

	if (acts)
		k->acts = acts;
	if (r == 0)
		r = act_copy(&k->acts[k->n], &k->terms);
	if (r)
		return err_errno(e, -r, "mark");
	k->acts[k->n].path = strdup(path);
	if (!k->acts[k->n++].path)
		return err_errno(e, ENOMEM, "mark");
	return seen_act(k->view, &k->acts[k->n - 1], e);
}

/* What was typed, and behind it what is suspected, as one list. Return: NULL: no memory. */
static struct marks_member *join(const struct marking *k, const struct marks_list *l)
{
	struct marks_member *v = calloc(k->typed + l->n + 1, sizeof(*v));

	for (size_t i = 0; v && i < k->typed; i++) {
		struct trace t;
		bool name_only = false;

		if (view_find(k->view, k->acts[i].case_id, k->acts[i].path, &v[i].ev, &t,
			    &name_only) == 0)
			v[i].trace = t.id;
	}
	if (v && l->n > 0)
		memcpy(v + k->typed, l->members, l->n * sizeof(*v));
	return v;
}

static bool belongs(const struct marks_member *typed, size_t n, const struct marks_member *m)
{
	for (size_t i = 0; i < n; i++) {
		if (marks_together(&typed[i], m))
			return true;
	}
	return false;
}

/* Suspected ones with the same contents or of the same thread. */
static int take_together(struct marking *k, struct err *e)
{
	const struct marks_asked q = {
		.x = k->x, .case_id = k->terms.case_id, .view = k->view, .state = MARK_SUSPECTED};
	struct marks_list l;
	struct marks_member *all = NULL;
	size_t lost = 0;
	int r = marks_list(&q, &l, e);

	if (r == 0) {
		all = join(k, &l);
		r = all ? marks_group(k->view, all, k->typed + l.n, &lost) : -ENOMEM;
		if (r == 0 && lost)
			r = -EIO;
		r = r ? err_errno(e, -r, "what belongs to it") : 0;
	}
	for (size_t i = 0; r == 0 && i < l.n; i++) {
		const char *path = l.v[i].act.path;

		if (belongs(all, k->typed, &all[k->typed + i]) && !is_among(k, path))
			r = add_path(k, path, e);
	}
	marks_list_release(&l);
	free(all);
	return r;
}

static int may_list(struct marking *k, struct err *e)
{
	const struct model *m = service_model(k->x->service);
	const struct model_case *c = NULL;
	struct sight s;
	int r = exchange_case(k->x, m, &c, &s, e);

	if (r == 0 && !s.standing.officer && !(s.standing.rights & RIGHT_MARK))
		r = err_set(e, EPERM,
			"--together goes by what is marked already: only who holds `mark` may see "
			"that");
	service_model_done(k->x->service);
	return r;
}

static int gather(struct marking *k, struct err *e)
{
	int r = take_all(k, e);

	k->typed = k->n;
	if (r == 0 && exchange_flag(k->x, "together"))
		r = may_list(k, e);
	if (r == 0 && exchange_flag(k->x, "together"))
		r = take_together(k, e);
	k->list = r ? NULL : calloc(k->n + 1, sizeof(*k->list)); /* NOLINT: pointers */
	if (r == 0 && !k->list)
		r = err_errno(e, ENOMEM, "mark");
	for (size_t i = 0; r == 0 && i < k->n; i++)
		k->list[i] = &k->acts[i];
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

static void put_road(struct marking *k, const char *road, uint64_t withheld, uint64_t members,
	uint64_t shown, const struct mark_names *names)
{
	struct buf *row = NULL;

	if (!withheld && !shown)
		return;
	row = answer_row(k->x->answer);
	row_str(row, "case", exchange_arg(k->x, "case"));
	row_str(row, "road", road);
	row_u64(row, "withheld", withheld);
	row_u64(row, "members", members);
	row_u64(row, "shown", shown);
	row_list(row, "paths", names->n);
	for (size_t i = 0; i < names->n; i++)
		row_item(row, names->v[i], strlen(names->v[i]));
	answer_row_end(k->x->answer);
}

static void put_effect(struct marking *k)
{
	const struct mark_effect *e = &k->effect;

	for (unsigned road = 1; road < ROADS_N; road++)
		put_road(k, road_name((enum road)road), e->withheld[road], e->members[road],
			e->shown[road], &e->named[road]);
	put_road(k, "container", e->closed, 0, e->opened, &e->closes);
	for (size_t i = k->typed; i < k->n; i++)
		answer_note(k->x->answer, "with it: %s", k->acts[i].path);
	answer_text(k->x->answer,
		"%" PRIu64 " traces would be withheld, %" PRIu64 " shown again; %" PRIu64
		" containers around them would be refused as a whole, %" PRIu64 " no longer",
		mark_effect_total(e->withheld), mark_effect_total(e->shown), e->closed, e->opened);
}

static int ask(struct marking *k, struct err *e)
{
	uint64_t n = mark_effect_total(k->effect.withheld);

	if (exchange_flag(k->x, "yes"))
		return 0;
	if (k->n > k->typed)
		return err_set(e, EPERM,
			"%zu more would be marked that belong to it: see which with --dry-run, and "
			"say --yes",
			k->n - k->typed);
	if (n <= ASK_ABOVE)
		return 0;
	return err_set(e, EPERM,
		"%" PRIu64 " traces would be withheld: see which with --dry-run, and say --yes", n);
}

/* ---- what became of it ------------------------------------------------------------------------
 */

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

	for (size_t i = 0; i < made; i++) {
		marks_begin_row(k->x, &k->acts[i], k->acts[i].mark_state);
		answer_row_end(k->x->answer);
	}
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
	r = gather(k, e);
	if (r == 0 && (dry || !exchange_flag(x, "yes")))
		r = measure(k, e);
	if (r == 0 && dry)
		put_effect(k);
	if (r == 0 && !dry)
		r = ask(k, e);
	if (r == 0 && !dry)
		r = make_all(k, e);
	mark_effect_release(&k->effect);
	for (size_t i = 0; i < k->n; i++)
		act_release(&k->acts[i]);
	act_release(&k->terms);
	free(k->acts);
	free(k->list);
	view_free(k->view);
	free(k);
	return r;
}
