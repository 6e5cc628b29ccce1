/* SPDX-License-Identifier: Apache-2.0 */
/* marks_row.c - marks as they are listed, and a row about one; see marks_row.h. */
#include "control/marks_row.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool marks_sees(const struct marks_asked *q, const char *path, const struct view_evidence **ev,
	struct trace *t)
{
	bool name_only = false;

	return view_find(q->view, q->case_id, path, ev, t, &name_only) == 0;
}

struct buf *marks_begin_row(struct exchange *x, const struct act *a, enum mark_state state)
{
	struct buf *row = answer_row(x->answer);

	row_u64(row, "id", a->object);
	row_str(row, "case", exchange_arg(x, "case"));
	row_str(row, "path", a->path);
	row_str(row, "state", mark_state_name(state));
	row_str(row, "origin", mark_origin_name(a->mark_origin));
	row_str(row, "basis", a->basis);
	row_str(row, "reason", a->reason);
	row_str(row, "by", a->by_name);
	row_time(row, "at", a->ns);
	return row;
}

void marks_put(const struct marks_asked *q, const struct marks_row *r)
{
	const struct act *a = r->act;
	struct buf *row = NULL;

	if (q->state != MARK_NONE && q->state != r->state)
		return;
	row = marks_begin_row(q->x, a, r->state);
	row_str(row, "road", r->road);
	row_str(row, "place", r->place);
	row_str(row, "through", r->through);
	row_str(row, "same", r->same && r->same[0] ? r->same : NULL);
	row_str(row, "thread", r->thread && r->thread[0] ? r->thread : NULL);
	answer_row_end(q->x->answer);
}

/* ---- all that the caller sees -----------------------------------------------------------------
 */

static int take(const struct marks_asked *q, struct marks_list *l, const struct mark_own *own)
{
	struct marks_member *k = &l->members[l->n];
	struct marks_listed *to = &l->v[l->n];
	struct trace t;
	int r = 0;

	if (!own->by || (q->state != MARK_NONE && q->state != own->state) ||
		!marks_sees(q, own->path, &k->ev, &t))
		return 0;
	r = act_copy(&to->act, own->by);
	if (r)
		return r;
	to->state = own->state;
	k->of = l->n++;
	k->trace = t.id;
	if (own->waiting)
		to->waiting = strdup(own->waiting->by_name);
	return own->waiting && !to->waiting ? -ENOMEM : 0;
}

static int take_all(const struct marks_asked *q, struct marks_list *l)
{
	const struct model *m = service_model(q->x->service);
	struct mark_own *own = NULL;
	size_t n = 0;
	int r = marks_of_case(m, q->case_id, NULL, 0, &own, &n);

	l->v = r ? NULL : calloc(n + 1, sizeof(*l->v));
	l->members = r ? NULL : calloc(n + 1, sizeof(*l->members));
	if (!l->v || !l->members)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = take(q, l, &own[i]);
	free(own);
	service_model_done(q->x->service);
	return r;
}

int marks_list(const struct marks_asked *q, struct marks_list *out, struct err *e)
{
	int r = 0;

	*out = (struct marks_list){.n = 0};
	r = take_all(q, out);
	return r ? err_errno(e, -r, "marks") : 0;
}

void marks_list_release(struct marks_list *l)
{
	for (size_t i = 0; l->v && i < l->n; i++) {
		act_release(&l->v[i].act);
		free(l->v[i].waiting);
	}
	free(l->v);
	free(l->members);
}
