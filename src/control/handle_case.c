/* SPDX-License-Identifier: Apache-2.0 */
/* handle_case.c - case create, list, show, transfer, officer, close. */
#include "control/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- acts --------------------------------------------------------------------------------- */

static int name_officer(struct exchange *x, uint64_t id, struct subject *who, struct err *e)
{
	struct act a = {.kind = ACT_CASE_OFFICER, .case_id = id, .until_ns = TIME_NEVER};
	int r = 0;

	a.who = *who; /* moves */
	*who = (struct subject){.kind = SUBJECT_NONE};
	a.reason = strdup("named when the case was created");
	r = a.reason ? exchange_do(x, &a, e) : err_errno(e, ENOMEM, "case");
	act_release(&a);
	return r;
}

/* Both are known before the case is made: it is not to be half made. */
static int create_people(struct exchange *x, struct act *a, struct subject *officer, struct err *e)
{
	int r = exchange_who(x, "owner", &a->who, e);

	if (r == 0 && exchange_arg(x, "privilege-officer"))
		r = exchange_who(x, "privilege-officer", officer, e);
	if (r == 0 && officer->kind != SUBJECT_NONE &&
		(officer->kind != SUBJECT_USER || officer->id == 0 || officer->id == a->who.id))
		r = err_set(
			e, EINVAL, "the privilege officer is one user, neither root nor the owner");
	return r;
}

int handle_case_create(struct exchange *x, struct err *e)
{
	struct act a = {.kind = ACT_CASE_CREATE, .until_ns = TIME_NEVER};
	struct subject officer = {.kind = SUBJECT_NONE};
	uint64_t days = 0;
	int r = create_people(x, &a, &officer, e);

	if (r == 0)
		r = exchange_text(x, "case", &a.name, e);
	if (r == 0)
		r = exchange_text(x, "title", &a.title, e);
	if (r == 0)
		r = exchange_number(x, "idle-notice", 36500, &days, e);
	a.idle_days = (uint32_t)days;
	if (r == 0)
		r = exchange_do(x, &a, e);
	if (r == 0 && officer.kind != SUBJECT_NONE) {
		r = name_officer(x, a.object, &officer, e);
		if (r)
			answer_note(x->answer,
				"%s was created, but has no privilege officer yet: the owner can "
				"name "
				"one with case officer",
				a.name);
	}
	if (r == 0) {
		struct buf *row = answer_row(x->answer);

		row_u64(row, "id", a.object);
		row_str(row, "case", a.name);
		row_str(row, "owner", a.who.name);
		row_str(row, "officer", exchange_arg(x, "privilege-officer"));
		answer_row_end(x->answer);
	}
	subject_release(&officer);
	act_release(&a);
	return r;
}

static void put_done(struct exchange *x, const struct act *a)
{
	struct buf *row = answer_row(x->answer);

	row_str(row, "case", exchange_arg(x, "case"));
	row_str(row, "act", act_kind_name(a->kind));
	row_str(row, "to", a->who.kind == SUBJECT_NONE ? NULL : a->who.name);
	row_time(row, "at", a->ns);
	row_str(row, "reason", a->reason);
	answer_row_end(x->answer);
}

static int change(struct exchange *x, enum act_kind kind, struct err *e)
{
	struct act a;
	int r = 0;

	exchange_act(x, kind, &a);
	if (kind != ACT_CASE_CLOSE)
		r = exchange_who(x, "to", &a.who, e);
	if (r == 0)
		r = exchange_text(x, "reason", &a.reason, e);
	if (r == 0)
		r = exchange_do(x, &a, e);
	if (r == 0)
		put_done(x, &a);
	act_release(&a);
	return r;
}

int handle_case_transfer(struct exchange *x, struct err *e)
{
	return change(x, ACT_CASE_OWNER, e);
}

int handle_case_officer(struct exchange *x, struct err *e)
{
	return change(x, ACT_CASE_OFFICER, e);
}

int handle_case_close(struct exchange *x, struct err *e)
{
	return change(x, ACT_CASE_CLOSE, e);
}

/* ---- questions ------------------------------------------------------------------------------ */

static const char *standing_name(const struct sight *s)
{
	if (s->standing.owner)
		return "owner";
	if (s->standing.officer)
		return "privilege officer";
	if (s->root)
		return "operator";
	return s->log_officer && !s->standing.rights ? "log officer" : NULL;
}

static void put_case(const struct exchange *x, const struct model_case *c, const struct sight *s)
{
	struct buf *row = answer_row(x->answer);

	row_u64(row, "id", c->id);
	row_str(row, "case", c->name);
	row_str(row, "title", c->title);
	row_str(row, "owner", c->owner.name);
	row_str(row, "officer", c->officer.name);
	row_time(row, "created", c->created_ns);
	row_time_if(row, "closed", c->closed_ns != 0, c->closed_ns);
	row_str(row, "standing", standing_name(s));
	exchange_rights(row, "rights", s->standing.rights);
	answer_row_end(x->answer);
}

int handle_case_list(struct exchange *x, struct err *e)
{
	const struct model *m = service_model(x->service);

	(void)e;
	for (size_t i = 0; i < m->cases_n; i++) {
		struct sight sight;

		exchange_sight(x, m, &m->cases[i], &sight);
		if (sight.any)
			put_case(x, &m->cases[i], &sight);
	}
	service_model_done(x->service);
	return 0;
}

/* What is told of one piece of evidence: copied, since views are asked without the model. */
struct shown {
	struct model_evidence ev; /* numbers and digests; its strings are these copies */
	char *name;
	char *image;
};

struct show {
	struct shown *v;
	size_t n;
	bool all; /* by his office, not by what he sees */
	bool root;
};

static int copy_evidence(const struct model *m, uint64_t case_id, struct show *s)
{
	s->v = calloc(m->evidence_n + 1, sizeof(*s->v));
	if (!s->v)
		return -ENOMEM;
	for (size_t i = 0; i < m->evidence_n; i++) {
		struct shown *to = &s->v[s->n];

		if (m->evidence[i].case_id != case_id)
			continue;
		s->n++;
		to->ev = m->evidence[i];
		to->name = strdup(to->ev.name);
		to->image = strdup(to->ev.image ? to->ev.image : "");
		if (!to->name || !to->image)
			return -ENOMEM;
	}
	return 0;
}

static void show_release(struct show *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].name);
		free(s->v[i].image);
	}
	free(s->v);
}

static void put_evidence(struct exchange *x, const struct show *s, const struct shown *v)
{
	const struct act_totals *t = &v->ev.totals;
	struct buf *row = answer_row(x->answer);

	row_str(row, "case", exchange_arg(x, "case"));
	row_u64(row, "id", v->ev.id);
	row_str(row, "evidence", v->name);
	row_time(row, "added", v->ev.added_ns);
	row_bool(row, "held", v->ev.released_ns == 0);
	row_time_if(row, "released", v->ev.released_ns != 0, v->ev.released_ns);
	row_hex(row, "md5", t->known, t->md5, sizeof(t->md5));
	row_hex(row, "sha1", t->known, t->sha1, sizeof(t->sha1));
	row_hex(row, "sha256", t->known, t->sha256, sizeof(t->sha256));
	row_bool(row, "mismatch_accepted", t->mismatch_accepted);
	row_str(row, "image", s->root ? v->image : NULL);
	answer_row_end(x->answer);
}

/* For people: the case itself stands above its evidence. */
static void tell_case(struct exchange *x, const struct model_case *c)
{
	answer_text(x->answer, "%s%s%s", c->name, c->title ? ": " : "", c->title ? c->title : "");
	answer_text(x->answer, "owner %s, privilege officer %s%s", c->owner.name,
		c->officer.name ? c->officer.name : "none", c->closed_ns ? "; closed" : "");
}

int handle_case_show(struct exchange *x, struct err *e)
{
	const struct model *m = service_model(x->service);
	const struct model_case *c = NULL;
	struct show show = {.v = NULL};
	struct sight sight;
	int r = exchange_case(x, m, &c, &sight, e);

	if (r == 0) {
		show.root = sight.root;
		show.all = sight.root || sight.audit || sight.standing.officer;
		tell_case(x, c);
		r = copy_evidence(m, c->id, &show);
		if (r)
			err_errno(e, -r, "case");
	}
	service_model_done(x->service);
	for (size_t i = 0; r == 0 && i < show.n; i++) {
		if (show.all || service_visible(x->service, x->caller, x->case_id, show.v[i].name))
			put_evidence(x, &show, &show.v[i]);
	}
	show_release(&show);
	return r;
}
