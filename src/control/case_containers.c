/* SPDX-License-Identifier: Apache-2.0 */
/* case_containers.c - containers of a case that ask for attention; see case_containers.h. */
#include "control/case_containers.h"

#include <errno.h>
#include <stdlib.h>

#include "control/seen.h"
#include "policy/decide.h"
#include "policy/roads.h"
#include "serve/containers.h"

struct looking {
	const struct view *view; /* the caller's */
	struct roads *roads;
	unsigned right;
	case_container_fn *each;
	void *ctx;
	struct case_containers seen;     /* with `privileged` */
	struct case_containers released; /* all that there are */
	const struct view_evidence *in;  /* the evidence at hand; NULL: it is not in the view */
	struct evidence *ev;
	unsigned volume;
	bool counts; /* as released */
};

static int name(const struct looking *x, uint64_t trace, const char *reason)
{
	struct buf path = BUF_INIT;
	int r = seen_path(x->in, trace, &path);

	if (r == 0)
		r = x->each(x->ctx, buf_cstr(&path), reason);
	buf_release(&path);
	return r;
}

static int meet(struct looking *x, uint64_t trace, const char *reason)
{
	bool sees = x->in && decide(x->view, x->in, x->view->uid, trace, NULL) == DECIDE_ALLOW;
	unsigned rights = sees ? view_rights(x->in, trace) : 0;

	if (x->counts)
		*(reason ? &x->released.unopened : &x->released.mixed) += 1;
	if (rights & RIGHT_PRIVILEGED)
		*(reason ? &x->seen.unopened : &x->seen.mixed) += 1;
	if (!x->each || !sees || (rights & x->right) != x->right)
		return 0;
	/* a reason may name what is in it */
	if (reason && view_contents(x->in, trace))
		reason = "not all of it can be read";
	return name(x, trace, reason);
}

static int on_unopened(void *ctx, uint64_t id, const char *reason)
{
	struct looking *x = ctx;

	return meet(x, trace_of_index(x->volume, id), reason);
}

static int look_into(struct looking *x, const struct withheld *w)
{
	const struct containers *all = &x->ev->containers;
	struct evidence_cursor c;
	int r = 0;

	for (size_t i = 0; r == 0 && i < all->n; i++) {
		if (withheld_mixes(w, &all->v[i]))
			r = meet(x, all->v[i].id - 1, NULL);
	}
	evidence_cursor_init(&c, x->ev);
	for (x->volume = 0; r == 0 && x->volume < x->ev->manifest.n; x->volume++) {
		const struct manifest_volume *v = &x->ev->manifest.volumes[x->volume];
		struct index_reader *reader = NULL;

		if (!x->ev->volumes[x->volume].index)
			continue;
		r = evidence_reader(&c, trace_of_index(x->volume, 0), &reader);
		if (r == 0)
			r = index_unopened(reader, on_unopened, x);
		if (r == 0 && v->ended[0])
			r = on_unopened(x, 0, v->ended);
	}
	evidence_cursor_release(&c);
	return r;
}

/* ---- all evidence of the case ---------------------------------------------------------------- */

struct pieces {
	struct piece {
		uint64_t id;
		bool released;
	} * v;
	size_t n;
	bool owner;
};

static int take_pieces(struct exchange *x, uint64_t case_id, struct pieces *out)
{
	const struct model *m = service_model(x->service);
	const struct model_case *c = model_case(m, case_id);
	struct sight s = {.id = 0};

	out->v = calloc(m->evidence_n + 1, sizeof(*out->v));
	for (size_t i = 0; out->v && i < m->evidence_n; i++) {
		const struct model_evidence *me = &m->evidence[i];

		if (me->case_id == case_id)
			out->v[out->n++] = (struct piece){me->id, me->released_ns != 0};
	}
	if (c)
		exchange_sight(x, m, c, &s);
	out->owner = s.standing.owner;
	service_model_done(x->service);
	return out->v ? 0 : -ENOMEM;
}

static const struct view_evidence *in_view(const struct view *v, uint64_t id)
{
	for (size_t i = 0; i < v->evidence_n; i++) {
		if (v->evidence[i].id == id)
			return &v->evidence[i];
	}
	return NULL;
}

static int look(struct looking *x, struct exchange *in, const struct pieces *p)
{
	bool privileged = false;
	bool all = true;
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->n; i++) {
		x->ev = service_evidence(in->service, p->v[i].id);
		x->in = in_view(x->view, p->v[i].id);
		x->counts = p->v[i].released;
		for (size_t k = 0; x->in && k < x->in->ranges_n; k++)
			privileged = privileged || (x->in->ranges[k].rights & RIGHT_PRIVILEGED);
		all = all && x->ev;
		if (x->ev)
			r = look_into(x, roads_of(x->roads, p->v[i].id));
	}
	/* a number that leaves something out is none */
	x->seen.known = all && privileged;
	x->released.known = all && p->owner && !privileged;
	return r;
}

int case_containers(struct exchange *x, uint64_t case_id, unsigned right, case_container_fn *each,
	void *ctx, struct case_containers *out, struct err *e)
{
	struct looking l = {.right = right, .each = each, .ctx = ctx};
	struct pieces pieces = {.v = NULL};
	struct view *view = NULL;
	int r = take_pieces(x, case_id, &pieces);

	if (r == 0)
		r = service_view(x->service, x->caller, &view);
	l.view = view;
	if (r == 0)
		r = service_roads(x->service, case_id, NULL, 0, &l.roads);
	if (r == 0)
		r = look(&l, x, &pieces);
	if (r == 0)
		*out = l.seen.known ? l.seen : l.released;
	if (r == 0 && !out->known)
		*out = (struct case_containers){.known = false};
	roads_free(l.roads);
	view_free(view);
	free(pieces.v);
	return r ? err_errno(e, -r, "its containers") : 0;
}
