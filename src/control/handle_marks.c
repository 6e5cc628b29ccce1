/* SPDX-License-Identifier: Apache-2.0 */
/* handle_marks.c - marks: what is marked, and why a path is withheld. */
#include "control/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/seen.h"
#include "policy/roads.h"

struct listing {
	struct exchange *x;
	uint64_t case_id;
	struct view *view;     /* the caller's: he is told of no path that he does not see */
	enum mark_state state; /* MARK_NONE: all */
};

static bool sees(const struct listing *l, const char *path)
{
	const struct view_evidence *ev = NULL;
	struct trace t;
	bool name_only = false;

	return view_find(l->view, l->case_id, path, &ev, &t, &name_only) == 0;
}

static void put(
	const struct listing *l, const struct act *a, enum mark_state state, const char *road)
{
	struct buf *row = NULL;

	if (l->state != MARK_NONE && l->state != state)
		return;
	row = answer_row(l->x->answer);
	row_u64(row, "id", a->object);
	row_str(row, "case", exchange_arg(l->x, "case"));
	row_str(row, "path", a->path);
	row_str(row, "state", mark_state_name(state));
	row_str(row, "origin", mark_origin_name(a->mark_origin));
	row_str(row, "basis", a->basis);
	row_str(row, "reason", a->reason);
	row_str(row, "by", a->by_name);
	row_time(row, "at", a->ns);
	row_str(row, "road", road);
	answer_row_end(l->x->answer);
}

static void list_history(const struct listing *l, const struct model *m)
{
	for (size_t i = 0; i < m->marks_n; i++) {
		const struct act *a = &m->marks[i].act;

		if (a->case_id == l->case_id && sees(l, a->path))
			put(l, a, a->mark_state, NULL);
	}
}

static int list_states(const struct listing *l, const struct model *m, struct err *e)
{
	struct mark_own *own = NULL;
	size_t n = 0;

	if (marks_of_case(m, l->case_id, NULL, 0, &own, &n))
		return err_errno(e, ENOMEM, "marks");
	for (size_t i = 0; i < n; i++) {
		if (!own[i].by || !sees(l, own[i].path))
			continue;
		put(l, own[i].by, own[i].state, NULL);
		if (own[i].waiting)
			answer_note(l->x->answer,
				"%s: %s rejected it, which waits for somebody else who holds "
				"`mark`",
				own[i].path, own[i].waiting->by_name);
	}
	free(own);
	return 0;
}

/* Each road to it once for each mark. */
static int list_why(const struct listing *l, const char *path, struct err *e)
{
	const struct view_evidence *ev = NULL;
	const struct withheld *w = NULL;
	const struct model *m = NULL;
	struct roads *roads = NULL;
	struct trace t;
	bool name_only = false;
	int r = view_find(l->view, l->case_id, path, &ev, &t, &name_only);

	if (r)
		return r == -ENOENT ? seen_nothing(path, e) : err_errno(e, -r, "%s", path);
	r = service_roads(l->x->service, l->case_id, NULL, 0, &roads);
	if (r)
		return err_errno(e, -r, "what is withheld");
	m = service_model(l->x->service);
	w = roads_of(roads, ev->id);
	for (size_t i = 0; w && i < w->ways_n; i++) {
		const struct road_way *way = &w->ways[i];
		const struct model_mark *k = model_mark(m, way->mark);

		if (way->first > t.id || way->last < t.id)
			continue;
		if (k && sees(l, k->act.path))
			put(l, &k->act, k->act.mark_state, road_name(way->road));
		else
			answer_note(l->x->answer, "withheld: %s", road_name(way->road));
	}
	service_model_done(l->x->service);
	roads_free(roads);
	return 0;
}

static int begin(struct listing *l, struct err *e)
{
	const struct model *m = service_model(l->x->service);
	const struct model_case *c = NULL;
	const char *state = exchange_arg(l->x, "state");
	struct sight s;
	int r = exchange_case(l->x, m, &c, &s, e);

	if (r == 0 && !s.standing.officer && !(s.standing.rights & RIGHT_MARK))
		r = exchange_refuse(l->x, "you may not see its marks", e);
	if (r == 0)
		l->case_id = c->id;
	service_model_done(l->x->service);
	if (r == 0 && state && mark_state_parse(state, &l->state))
		r = err_set(
			e, EINVAL, "--state %s: not one of suspected, confirmed, rejected", state);
	if (r == 0)
		r = exchange_query(l->x, l->case_id, e);
	if (r == 0 && service_view(l->x->service, l->x->caller, &l->view))
		r = err_set(e, EIO, "what you see cannot be told now");
	return r;
}

int handle_marks(struct exchange *x, struct err *e)
{
	struct listing l = {.x = x};
	const char *why = exchange_arg(x, "why");
	char *path = NULL;
	int r = begin(&l, e);

	if (r == 0 && why)
		r = rules_path(why, service_config(x->service)->mount_root, exchange_arg(x, "case"),
			&path, e);
	if (r == 0 && why) {
		r = list_why(&l, path ? path : "", e);
	} else if (r == 0) {
		const struct model *m = service_model(x->service);

		if (exchange_flag(x, "history"))
			list_history(&l, m);
		else
			r = list_states(&l, m, e);
		service_model_done(x->service);
	}
	free(path);
	view_free(l.view);
	return r;
}
