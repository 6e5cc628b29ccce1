/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules.c - who may change what; see rules.h.
 *
 * The table below says who may try; the function beside it, whether what is asked is
 * sound. docs/ARCHITECTURE.md, "Who may do what", is the same table for people.
 */
#include "policy/rules_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/hold.h"

#define REASON_MAX 4096
/* The operator names the officer together with the case, or not at all. */
#define FOUNDING_NS (INT64_C(10) * 1000000000)

/* ---- standing ------------------------------------------------------------------------ */

/* Nobody marks and grants: what was given by both ways counts for neither. */
static unsigned apart(unsigned rights, bool owner, bool officer)
{
	const unsigned both = RIGHT_MARK | RIGHT_GRANT;

	if ((rights & both) == both)
		rights &= ~both;
	if (owner)
		rights = (rights | RIGHT_GRANT | RIGHT_AUDIT) & ~RIGHT_MARK;
	if (officer)
		rights = (rights | HOLD_REVIEWER) & ~RIGHT_GRANT;
	return rights;
}

struct standing rules_standing(const struct model *m, const struct identity *by, uint64_t case_id,
	const struct moment *now, const struct clock *clock)
{
	const struct model_case *c = model_case(m, case_id);
	struct standing s = {false, false, 0};

	if (!c || by->uid == 0)
		return s;
	s.owner = hold_is_owner(c, by);
	s.officer = !s.owner && hold_is_officer(c, by);
	for (size_t i = 0; i < m->grants_n; i++) {
		const struct model_grant *g = &m->grants[i];

		if (g->act.kind == ACT_GRANT && g->act.case_id == case_id && hold_means(g, by) &&
			hold_active(g, now, clock))
			s.rights |= g->act.rights;
	}
	s.rights = apart(s.rights, s.owner, s.officer);
	if (c->closed_ns)
		s.rights &= RIGHT_AUDIT;
	return s;
}

/* ---- what several acts ask ------------------------------------------------------------- */

int rules_reason(const struct act *a, struct err *e)
{
	if (!a->reason || !*a->reason)
		return err_set(e, EINVAL, "a reason is needed: --reason TEXT");
	if (strlen(a->reason) > REASON_MAX)
		return err_set(e, EINVAL, "the reason is longer than %d bytes", REASON_MAX);
	return 0;
}

/* Whether @who has the right in this case, now or later. */
static bool holds(const struct asking *x, const struct identity *who, unsigned right)
{
	if ((right & RIGHT_GRANT) && x->c && hold_is_owner(x->c, who))
		return true;
	if ((right & RIGHT_MARK) && x->c && hold_is_officer(x->c, who))
		return true;
	for (size_t i = 0; x->c && i < x->m->grants_n; i++) {
		const struct model_grant *g = &x->m->grants[i];

		if (g->act.kind == ACT_GRANT && g->act.case_id == x->c->id &&
			(g->act.rights & right) && !hold_ended(g, x->now) && hold_means(g, who))
			return true;
	}
	return false;
}

/* A user this machine does not know (any more) is in no group. */
static int user_holds(const struct asking *x, uid_t uid, char *name, unsigned right, struct err *e)
{
	const struct identity alone = {.uid = uid, .name = name};
	struct identity who = {.uid = uid};
	int r = identity_of(uid, &who);

	if (r == -ENOENT)
		return holds(x, &alone, right);
	if (r)
		return err_set(e, -r, "users and groups cannot be looked up now");
	r = holds(x, &who, right);
	identity_release(&who);
	return r;
}

static bool group_holds(const struct asking *x, const struct subject *s, unsigned right)
{
	for (size_t i = 0; x->c && i < x->m->grants_n; i++) {
		const struct model_grant *g = &x->m->grants[i];

		if (g->act.kind == ACT_GRANT && g->act.case_id == x->c->id &&
			(g->act.rights & right) && !hold_ended(g, x->now) &&
			g->act.who.kind == SUBJECT_GROUP && g->act.who.id == s->id)
			return true;
	}
	return false;
}

int rules_conflict(const struct asking *x, const struct subject *s, unsigned right, struct err *e)
{
	uid_t *members = NULL;
	size_t n = 0;
	int r = 0;

	if (s->kind == SUBJECT_USER)
		return user_holds(x, s->id, s->name, right, e);
	if (group_holds(x, s, right))
		return 1;
	r = subject_members(s, &members, &n);
	if (r)
		return r == -ENOENT ? 0
				    : err_set(e, -r, "users and groups cannot be looked up now");
	for (size_t i = 0; r == 0 && i < n; i++)
		r = user_holds(x, members[i], NULL, right, e);
	free(members);
	return r;
}

static int person(const struct act *a, const char *what, struct err *e)
{
	if (a->who.kind != SUBJECT_USER || !a->who.name)
		return err_set(e, EINVAL, "%s is one person: name a user", what);
	if (a->who.id == 0)
		return err_set(e, EPERM, "root is never %s: name another user", what);
	return 0;
}

static int title(const struct act *a, struct err *e)
{
	if (a->title && strlen(a->title) > REASON_MAX)
		return err_set(e, EINVAL, "the title is longer than %d bytes", REASON_MAX);
	return 0;
}

/* ---- cases --------------------------------------------------------------------------------- */

static int case_create(struct asking *x, struct err *e)
{
	const struct act *a = x->a;
	int r = 0;

	if (!a->name || !rules_name_ok(a->name) || strcmp(a->name, "PRIVACY.txt") == 0)
		return err_set(e, EINVAL,
			"that cannot be a case's name: letters, digits, dashes and the like, at "
			"most 200 bytes, no slash");
	if (model_case_named(x->m, a->name))
		return err_set(
			e, EEXIST, "there is a case %s already: choose another name", a->name);
	r = person(a, "a case's owner", e);
	return r ? r : title(a, e);
}

static int case_owner(struct asking *x, struct err *e)
{
	const struct act *a = x->a;
	int r = rules_reason(a, e);

	if (r == 0)
		r = person(a, "a case's owner", e);
	if (r)
		return r;
	if (a->who.id == x->c->owner.id && strcmp(a->who.name, x->c->owner.name) == 0)
		return err_set(e, EEXIST, "%s owns the case already", a->who.name);
	if (x->c->officer.kind == SUBJECT_USER && a->who.id == x->c->officer.id)
		return err_set(e, EPERM,
			"%s is the case's privilege officer: an owner is somebody else",
			a->who.name);
	r = rules_conflict(x, &a->who, RIGHT_MARK, e);
	return r > 0 ? err_set(e, EPERM,
			       "%s holds `mark`, and an owner holds `grant`: nobody holds both. "
			       "The officer revokes `mark` first",
			       a->who.name)
		     : r;
}

/* The operator names an officer with the case: nobody has done anything in it yet. */
static bool is_founding(const struct asking *x)
{
	if (!x->root || x->c->officer.kind != SUBJECT_NONE ||
		x->c->last_act_ns != x->c->created_ns ||
		x->now->real_ns - x->c->created_ns > FOUNDING_NS)
		return false;
	for (size_t i = 0; i < x->m->evidence_n; i++) {
		if (x->m->evidence[i].case_id == x->c->id)
			return false;
	}
	for (size_t i = 0; i < x->m->grants_n; i++) {
		if (x->m->grants[i].act.case_id == x->c->id)
			return false;
	}
	return true;
}

static int case_officer(struct asking *x, struct err *e)
{
	const struct act *a = x->a;
	int r = 0;

	if (x->root && !is_founding(x))
		return err_set(e, EPERM, "root names an officer only when it creates the case");
	if (x->is.owner && x->c->officer.kind != SUBJECT_NONE)
		return err_set(e, EPERM,
			"there is a privilege officer, %s, who alone passes the office on",
			x->c->officer.name);
	if (!x->root)
		r = rules_reason(a, e);
	if (r == 0)
		r = person(a, "a case's privilege officer", e);
	if (r)
		return r;
	if (a->who.id == x->c->owner.id)
		return err_set(
			e, EPERM, "%s owns the case: the officer is somebody else", a->who.name);
	if (x->is.officer && subject_is(&a->who, x->by))
		return err_set(e, EEXIST, "you are the case's privilege officer already");
	r = rules_conflict(x, &a->who, RIGHT_GRANT, e);
	return r > 0 ? err_set(e, EPERM,
			       "%s holds `grant`, and an officer holds `mark`: nobody holds both. "
			       "The owner revokes `grant` first",
			       a->who.name)
		     : r;
}

static int case_close(struct asking *x, struct err *e)
{
	return rules_reason(x->a, e);
}

/* ---- evidence --------------------------------------------------------------------------- */

static int evidence_add(struct asking *x, struct err *e)
{
	const char *name = x->a->name;

	if (!name || !rules_name_ok(name) || strcmp(name, "ACCESS.txt") == 0 ||
		strcmp(name, "notes") == 0)
		return err_set(e, EINVAL,
			"that cannot be a piece of evidence's name: give one with --name");
	if (model_evidence_named(x->m, x->c->id, name, strlen(name)))
		return err_set(e, EEXIST,
			"case %s has evidence %s already: give another name with --name",
			x->c->name, name);
	return 0;
}

static const struct model_evidence *its_evidence(const struct asking *x)
{
	const struct model_evidence *ev = model_evidence(x->m, x->a->object);

	return ev && ev->case_id == x->c->id ? ev : NULL;
}

static int evidence_any(struct asking *x, struct err *e)
{
	return its_evidence(x) ? 0 : err_set(e, ENOENT, "no such evidence in case %s", x->c->name);
}

static int evidence_release(struct asking *x, struct err *e)
{
	const struct model_evidence *ev = its_evidence(x);
	int r = rules_reason(x->a, e);

	if (r)
		return r;
	if (!ev)
		return evidence_any(x, e);
	return ev->released_ns ? err_set(e, EEXIST, "%s is released already", ev->name) : 0;
}

/* ---- the table -------------------------------------------------------------------------- */

enum { BY_ROOT = 1, BY_OWNER = 2, BY_OFFICER = 4, BY_HOLDER = 8, BY_ANYBODY = 16 };

static const struct rule {
	enum act_kind kind;
	unsigned by;
	int (*sound)(struct asking *x, struct err *e);
	const char *refusal;
} table[] = {
	{ACT_CASE_CREATE, BY_ROOT, case_create, "only root creates cases"},
	{ACT_CASE_OWNER, BY_OWNER, case_owner, "only its owner hands a case over"},
	{ACT_CASE_OFFICER, BY_ROOT | BY_OWNER | BY_OFFICER, case_officer,
		"the officer passes the office on; the owner names one while there is none"},
	{ACT_CASE_CLOSE, BY_OWNER, case_close, "only its owner closes a case"},
	{ACT_ADD, BY_ROOT, evidence_add, "only root adds evidence"},
	{ACT_RELEASE, BY_OWNER, evidence_release, "only the case's owner releases evidence"},
	{ACT_RELOCATE, BY_ROOT, evidence_any, "only root relocates evidence"},
	{ACT_VERIFY, BY_ROOT | BY_OWNER, evidence_any,
		"only root and the case's owner verify evidence"},
	{ACT_GRANT, BY_OWNER | BY_OFFICER | BY_HOLDER, rules_grant,
		"only the case's owner, and holders of `grant` within what they hold, grant"},
	{ACT_EXCLUDE, BY_OWNER | BY_HOLDER, rules_exclude,
		"only the case's owner, and holders of `grant` within what they hold, exclude"},
	{ACT_REVOKE, BY_OWNER | BY_OFFICER | BY_HOLDER | BY_ANYBODY, rules_revoke,
		"only who could have given it revokes it"},
	{ACT_MARK, BY_OWNER | BY_OFFICER | BY_HOLDER | BY_ANYBODY, rules_mark,
		"root sees no evidence, and marks none"},
	{ACT_NOTE, BY_OWNER | BY_OFFICER | BY_HOLDER | BY_ANYBODY, rules_note,
		"root sees no evidence, and adds no notes about it"},
};

static const struct rule *rule_for(enum act_kind k)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].kind == k)
			return &table[i];
	}
	return NULL;
}

static unsigned what_he_is(const struct asking *x)
{
	if (x->root)
		return BY_ROOT;
	return BY_ANYBODY | (x->is.owner ? BY_OWNER : 0u) | (x->is.officer ? BY_OFFICER : 0u) |
	       (!x->is.owner && (x->is.rights & RIGHT_GRANT) ? BY_HOLDER : 0u);
}

/* What gives nothing (catalog/model.c takes the same). */
static bool goes_on_closed(enum act_kind k)
{
	return k == ACT_RELOCATE || k == ACT_VERIFY || k == ACT_REVOKE;
}

/* Unknown, and unknown to him, in the same words. */
static int find_case(struct asking *x, struct err *e)
{
	x->c = model_case(x->m, x->a->case_id);
	if (x->c)
		x->is = rules_standing(x->m, x->by, x->c->id, x->now, x->clock);
	if (!x->c || (!x->root && !x->is.owner && !x->is.officer && !x->is.rights))
		return err_set(e, ENOENT,
			"no such case, or none in which you hold a right: see `evidencefs case "
			"list`");
	if (x->c->closed_ns && !goes_on_closed(x->a->kind))
		return err_set(e, EPERM, "case %s is closed", x->c->name);
	return 0;
}

int rules_check(const struct model *m, const struct identity *by, struct act *a,
	const struct moment *now, const struct clock *clock, struct err *e)
{
	struct asking x = {
		.m = m, .by = by, .a = a, .now = now, .clock = clock, .root = by->uid == 0};
	const struct rule *rule = rule_for(a->kind);
	int r = 0;

	if (!rule)
		return err_set(e, EINVAL, "no such act");
	if (a->kind != ACT_CASE_CREATE)
		r = find_case(&x, e);
	if (r)
		return r;
	if (!(rule->by & what_he_is(&x)))
		return err_set(e, EPERM, "%s", rule->refusal);
	return rule->sound(&x, e);
}

int rules_scan(const struct model *m, const struct identity *by, uint64_t case_id, char *path,
	const struct moment *now, const struct clock *clock, struct err *e)
{
	struct act about = {.kind = ACT_MARK, .case_id = case_id, .path = path};
	struct asking x = {
		.m = m, .by = by, .a = &about, .now = now, .clock = clock, .root = by->uid == 0};
	int r = find_case(&x, e);

	if (r == 0 && x.root)
		r = err_set(e, EPERM, "root sees no evidence, and marks none");
	return r ? r : rules_may_scan(&x, e);
}
