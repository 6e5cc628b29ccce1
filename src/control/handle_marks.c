/* SPDX-License-Identifier: Apache-2.0 */
/* handle_marks.c - marks: what is marked. */
#include <errno.h>
#include <stdlib.h>

#include "control/case_containers.h"
#include "control/marks_row.h"

static void list_history(const struct marks_asked *q, const struct model *m)
{
	const struct view_evidence *ev = NULL;
	struct trace t;

	for (size_t i = 0; i < m->marks_n; i++) {
		const struct act *a = &m->marks[i].act;

		if (a->case_id == q->case_id && marks_sees(q, a->path, &ev, &t))
			marks_put(q, &(struct marks_row){.act = a, .state = a->mark_state});
	}
}

static int list_states(const struct marks_asked *q, struct err *e)
{
	struct marks_list l;
	size_t lost = 0;
	int r = marks_list(q, &l, e);

	if (r == 0 && marks_group(q->view, l.members, l.n, &lost))
		r = err_errno(e, ENOMEM, "marks");
	if (r == 0)
		marks_order(l.members, l.n);
	if (lost)
		answer_note(q->x->answer,
			"of %zu messages it could not be read which thread they are of", lost);
	for (size_t i = 0; r == 0 && i < l.n; i++) {
		const struct marks_member *k = &l.members[i];
		const struct marks_listed *own = &l.v[k->of];

		marks_put(q, &(struct marks_row){.act = &own->act,
				     .state = own->state,
				     .same = k->same,
				     .thread = k->thread});
		if (own->waiting)
			answer_note(q->x->answer,
				"%s: %s rejected it, which waits for somebody else who holds "
				"`mark`",
				own->act.path, own->waiting);
	}
	marks_list_release(&l);
	return r;
}

static int begin(struct marks_asked *q, struct err *e)
{
	const struct model *m = service_model(q->x->service);
	const struct model_case *c = NULL;
	const char *state = exchange_arg(q->x, "state");
	struct sight s;
	int r = exchange_case(q->x, m, &c, &s, e);

	if (r == 0 && !s.standing.officer && !(s.standing.rights & RIGHT_MARK))
		r = exchange_refuse(q->x, "you may not see its marks", e);
	if (r == 0)
		q->case_id = c->id;
	service_model_done(q->x->service);
	if (r == 0 && state && mark_state_parse(state, &q->state))
		r = err_set(
			e, EINVAL, "--state %s: not one of suspected, confirmed, rejected", state);
	if (r == 0)
		r = exchange_query(q->x, q->case_id, e);
	if (r == 0 && service_view(q->x->service, q->x->caller, &q->view))
		r = err_set(e, EIO, "what you see cannot be told now");
	return r;
}

/* ---- what nobody has looked into ------------------------------------------------------------- */

static int put_unopened(void *ctx, const char *path, const char *reason)
{
	const struct marks_asked *q = ctx;
	struct buf *row = NULL;

	if (!reason)
		return 0;
	row = answer_row(q->x->answer);
	row_str(row, "case", exchange_arg(q->x, "case"));
	row_str(row, "path", path);
	row_str(row, "reason", reason);
	answer_row_end(q->x->answer);
	return 0;
}

static int list_unopened(struct marks_asked *q, struct err *e)
{
	struct case_containers in;

	return case_containers(q->x, q->case_id, 0, put_unopened, q, &in, e);
}

int handle_marks(struct exchange *x, struct err *e)
{
	struct marks_asked q = {.x = x};
	const char *why = exchange_arg(x, "why");
	char *path = NULL;
	int r = begin(&q, e);

	if (r == 0 && why)
		r = rules_path(why, service_config(x->service)->mount_root, exchange_arg(x, "case"),
			&path, e);
	if (r == 0 && exchange_flag(x, "unopened")) {
		r = list_unopened(&q, e);
	} else if (r == 0 && why) {
		r = marks_why(&q, path ? path : "", e);
	} else if (r == 0 && exchange_flag(x, "history")) {
		list_history(&q, service_model(x->service));
		service_model_done(x->service);
	} else if (r == 0) {
		r = list_states(&q, e);
	}
	free(path);
	view_free(q.view);
	return r;
}
