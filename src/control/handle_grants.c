/* SPDX-License-Identifier: Apache-2.0 */
/* handle_grants.c - grants, whoami, audit access: who may see what, and by whose act. */
#include "control/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/hold.h"

/* ---- what is in force -------------------------------------------------------------------- */

static bool is_in_force(
	const struct exchange *x, const struct model_grant *g, const struct moment *now)
{
	return hold_active(g, now, service_clock(x->service));
}

/* In force, or to come: it would be if it had begun when it was made. */
static bool is_open(const struct exchange *x, const struct model_grant *g, const struct moment *now)
{
	struct model_grant begun = *g;

	begun.act.from_ns = g->act.ns;
	return is_in_force(x, &begun, now);
}

/* In a model of the acts up to then, by real time. */
static bool was_in_force(const struct exchange *x, const struct model_grant *g, int64_t at_ns)
{
	const struct moment then = {.real_ns = at_ns, .boot_ns = MOMENT_PAST};

	return is_in_force(x, g, &then);
}

static const char *kind_name(const struct act *a)
{
	return a->kind == ACT_GRANT ? "grant" : "exclusion";
}

#define OWNER   "owner"
#define OFFICER "privilege officer"

/* What an office has by itself. */
static unsigned office_rights(const char *office)
{
	return !strcmp(office, OWNER) ? RIGHT_GRANT | RIGHT_AUDIT : HOLD_REVIEWER;
}

static void put_span(struct buf *row, const struct act *a)
{
	exchange_rights(row, "rights", a->kind == ACT_GRANT ? a->rights : 0);
	row_time(row, "from", a->from_ns);
	row_time_if(row, "until", a->until_ns != TIME_NEVER, a->until_ns);
}

/* ---- grants ---------------------------------------------------------------------------------- */

struct list {
	struct exchange *x;
	const char *case_name;
	uint64_t case_id;
	bool own;               /* only what the caller gave or was given */
	const char *who;        /* NULL: any */
	struct subject subject; /* what it means now; SUBJECT_NONE: nobody any more */
	bool history;
	bool past; /* as of at_ns */
	int64_t at_ns;
	struct moment now;
};

static bool is_about(const struct list *l, const struct act *a)
{
	if (!l->who)
		return true;
	if (a->who.typed && !strcmp(a->who.typed, l->who))
		return true;
	return l->subject.kind != SUBJECT_NONE && l->subject.kind == a->who.kind &&
	       l->subject.id == a->who.id;
}

/* Whether it lies within what the caller may give, and he is not kept from it. */
static bool is_below_own(const struct list *l, const struct model *m, const struct act *a)
{
	bool below = false;

	for (size_t i = 0; i < m->grants_n; i++) {
		const struct model_grant *own = &m->grants[i];
		const char *above = own->act.path;

		if (own->act.case_id != l->case_id || !hold_means(own, &l->x->caller->who) ||
			!is_in_force(l->x, own, &l->now))
			continue;
		if (own->act.kind == ACT_EXCLUDE && a->path && above && path_within(a->path, above))
			return false;
		if (own->act.kind == ACT_GRANT && (own->act.rights & RIGHT_GRANT))
			below |= !above || (a->path && path_within(a->path, above));
	}
	return below;
}

/* A holder of `grant` is shown what he gave, was given, or could end. */
static bool is_his(const struct list *l, const struct model *m, const struct act *a)
{
	const struct identity *caller = &l->x->caller->who;

	if (a->by_uid == caller->uid)
		return true;
	/* whom an exclusion is about is not told of it */
	return a->kind == ACT_GRANT && (subject_is(&a->who, caller) || is_below_own(l, m, a));
}

static bool is_listed(const struct list *l, const struct model *m, const struct model_grant *g)
{
	if (g->act.case_id != l->case_id || !is_about(l, &g->act))
		return false;
	if (l->own && !is_his(l, m, &g->act))
		return false;
	if (l->history)
		return true;
	return l->past ? was_in_force(l->x, g, l->at_ns) : is_open(l->x, g, &l->now);
}

static void put_grant(const struct list *l, const struct model_grant *g)
{
	const struct act *a = &g->act;
	struct buf *row = answer_row(l->x->answer);

	row_u64(row, "id", a->object);
	row_str(row, "case", l->case_name);
	row_str(row, "who", a->who.typed);
	row_str(row, "path", a->path);
	put_span(row, a);
	row_str(row, "by", a->by_name);
	row_time(row, "at", a->ns);
	row_str(row, "reason", a->reason);
	row_str(row, "kind", kind_name(a));
	row_time_if(row, "revoked_at", g->revoked_ns != 0, g->revoked_ns);
	row_str(row, "revoked_by", g->revoked_ns ? g->revoked_by : NULL);
	row_str(row, "revoke_reason", g->revoked_ns ? g->revoke_reason : NULL);
	answer_row_end(l->x->answer);
}

static void put_grants(const struct list *l, const struct model *m)
{
	for (size_t i = 0; i < m->grants_n; i++) {
		if (is_listed(l, m, &m->grants[i]))
			put_grant(l, &m->grants[i]);
	}
}

static int check_grants(struct exchange *x, struct list *l, struct err *e)
{
	const struct model *m = service_model(x->service);
	const struct model_case *c = NULL;
	struct sight s;
	int r = exchange_case(x, m, &c, &s, e);

	if (r == 0 && !s.audit && !s.standing.officer && !(s.standing.rights & RIGHT_GRANT))
		r = exchange_refuse(x, "you may not see its grants", e);
	if (r == 0) {
		l->case_id = c->id;
		l->own = !s.audit && !s.standing.officer;
	}
	service_model_done(x->service);
	return r;
}

/* The past is folded from the acts; the present is what is in force. */
static int list_grants(struct list *l, struct err *e)
{
	struct model past;
	int r = 0;

	if (!l->past) {
		put_grants(l, service_model(l->x->service));
		service_model_done(l->x->service);
		return 0;
	}
	model_init(&past);
	r = model_load(&past, service_store(l->x->service), l->at_ns, e);
	if (r == 0)
		put_grants(l, &past);
	model_release(&past);
	return r;
}

int handle_grants(struct exchange *x, struct err *e)
{
	struct list l = {.x = x,
		.case_name = exchange_arg(x, "case"),
		.who = exchange_arg(x, "who"),
		.history = exchange_flag(x, "history"),
		.past = exchange_flag(x, "at"),
		.now = service_now(x->service)};
	int r = check_grants(x, &l, e);

	if (r == 0)
		r = exchange_time(x, "at", &l.at_ns, e);
	/* somebody who is no longer known may still be meant, as he was typed */
	if (r == 0 && l.who && subject_parse(l.who, &l.subject, NULL))
		l.subject = (struct subject){.kind = SUBJECT_NONE};
	if (r == 0)
		r = exchange_query(x, l.case_id, e);
	if (r == 0)
		r = list_grants(&l, e);
	subject_release(&l.subject);
	return r;
}

/* ---- whoami ------------------------------------------------------------------------------------
 */

static void put_own(struct exchange *x, const struct model_case *c, const char *standing,
	const struct model_grant *g)
{
	struct buf *row = answer_row(x->answer);

	row_str(row, "user", x->caller->who.name);
	row_u64(row, "uid", x->caller->who.uid);
	row_str(row, "case", c->name);
	row_str(row, "standing", standing);
	row_u64_if(row, "id", g != NULL, g ? g->act.object : 0);
	row_str(row, "path", g ? g->act.path : NULL);
	if (g) {
		put_span(row, &g->act);
	} else {
		exchange_rights(row, "rights", office_rights(standing));
		row_null(row, "from");
		row_null(row, "until");
	}
	row_str(row, "by", g ? g->act.by_name : NULL);
	row_str(row, "reason", g ? g->act.reason : NULL);
	answer_row_end(x->answer);
}

static size_t put_whoami(struct exchange *x, const struct model *m, const struct model_case *c)
{
	struct moment now = service_now(x->service);
	struct sight s;
	size_t n = 0;

	exchange_sight(x, m, c, &s);
	if (s.root || c->closed_ns)
		return 0;
	if (s.standing.owner) {
		put_own(x, c, OWNER, NULL);
		n++;
	}
	if (s.standing.officer) {
		put_own(x, c, OFFICER, NULL);
		n++;
	}
	for (size_t i = 0; i < m->grants_n; i++) {
		const struct model_grant *g = &m->grants[i];

		if (g->act.case_id == c->id && g->act.kind == ACT_GRANT &&
			is_in_force(x, g, &now) && subject_is(&g->act.who, &x->caller->who)) {
			put_own(x, c, NULL, g);
			n++;
		}
	}
	return n;
}

int handle_whoami(struct exchange *x, struct err *e)
{
	const char *name = exchange_arg(x, "case");
	const struct model *m = service_model(x->service);
	const struct model_case *c = name ? model_case_named(m, name) : NULL;
	size_t n = 0;

	(void)e;
	for (size_t i = 0; i < m->cases_n; i++) {
		if (!name || c == &m->cases[i])
			n += put_whoami(x, m, &m->cases[i]);
	}
	service_model_done(x->service);
	if (x->caller->root)
		answer_note(x->answer, "root is the operator: sees no evidence and grants nothing");
	else if (n == 0 && name)
		answer_note(x->answer, "%s holds no right in a case %s", x->caller->who.name, name);
	else if (n == 0)
		answer_note(x->answer, "%s holds no right in any case", x->caller->who.name);
	if (x->caller->officer)
		answer_note(x->answer, "%s is an officer of the log", x->caller->who.name);
	return 0;
}

/* ---- audit access
 * -------------------------------------------------------------------------------- */

/* Acts that made somebody owner or officer of the case, the latest by then. */
struct offices {
	uint64_t case_id;
	struct act owner;
	struct act officer;
};

static int note_office(void *ctx, const struct act *a)
{
	struct offices *o = ctx;
	struct act *to = a->kind == ACT_CASE_OFFICER ? &o->officer : &o->owner;

	if (a->case_id != o->case_id && a->object != o->case_id)
		return 0;
	if (a->kind != ACT_CASE_CREATE && a->kind != ACT_CASE_OWNER && a->kind != ACT_CASE_OFFICER)
		return 0;
	act_release(to);
	*to = (struct act){.seq = 0};
	return act_copy(to, a);
}

static void put_access(struct exchange *x, const struct act *a, const char *kind)
{
	bool office = a->kind != ACT_GRANT && a->kind != ACT_EXCLUDE;
	struct buf *row = answer_row(x->answer);

	row_str(row, "case", exchange_arg(x, "case"));
	row_str(row, "kind", kind);
	row_str(row, "who", office ? a->who.name : a->who.typed);
	row_u64_if(row, "id", !office, a->object);
	row_str(row, "path", a->path);
	if (office) {
		exchange_rights(row, "rights", office_rights(kind));
		row_time(row, "from", a->ns);
		row_null(row, "until");
	} else {
		put_span(row, a);
	}
	row_str(row, "by", a->by_name);
	row_time(row, "at", a->ns);
	row_str(row, "reason", a->reason);
	answer_row_end(x->answer);
}

static void put_then(struct exchange *x, const struct model *m, const struct offices *o,
	uint64_t case_id, int64_t at_ns)
{
	const struct model_case *c = model_case(m, case_id);

	if (!c)
		return; /* it was not there yet */
	if (c->closed_ns) {
		answer_note(x->answer, "%s was closed: nobody could see anything of it", c->name);
		return;
	}
	if (o->owner.seq)
		put_access(x, &o->owner, OWNER);
	if (o->officer.seq)
		put_access(x, &o->officer, OFFICER);
	for (size_t i = 0; i < m->grants_n; i++) {
		const struct act *a = &m->grants[i].act;

		if (a->case_id == case_id && was_in_force(x, &m->grants[i], at_ns))
			put_access(x, a, kind_name(a));
	}
}

static int list_access(struct exchange *x, uint64_t case_id, int64_t at_ns, struct err *e)
{
	struct store *store = service_store(x->service);
	struct offices offices = {.case_id = case_id};
	struct model past;
	int r = 0;

	model_init(&past);
	r = model_load(&past, store, at_ns, e);
	if (r == 0)
		r = store_each(store, at_ns, note_office, &offices, e);
	if (r == 0)
		put_then(x, &past, &offices, case_id, at_ns);
	model_release(&past);
	act_release(&offices.owner);
	act_release(&offices.officer);
	return r;
}

int handle_audit_access(struct exchange *x, struct err *e)
{
	const struct model *m = service_model(x->service);
	const struct model_case *c = NULL;
	struct sight s;
	int64_t at_ns = 0;
	uint64_t id = 0;
	int r = exchange_case(x, m, &c, &s, e);

	if (r == 0 && !s.audit)
		r = exchange_refuse(x, "you may not see who had access", e);
	if (r == 0)
		id = c->id;
	service_model_done(x->service);
	if (r == 0)
		r = exchange_time(x, "at", &at_ns, e);
	if (r == 0)
		r = exchange_query(x, id, e);
	if (r == 0)
		r = list_access(x, id, at_ns, e);
	return r;
}
