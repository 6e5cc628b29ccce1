/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules_grant.c - who may give, take and revoke what; see rules.h.
 *
 * Whatever is asked about PATH is answered from its text and from the grants of who
 * asks: whether there is anything at PATH makes no difference.
 */
#include "policy/rules_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/hold.h"

/* ---- paths as text -------------------------------------------------------------------- */

static const char *const tails[] = {".deleted", ".raw", ".unallocated"};

/* Length of the first two components; 0: there are fewer. */
static size_t volume_part(const char *path)
{
	size_t n = path_first(path);

	return path[n] ? n + 1 + path_first(path + n + 1) : 0;
}

/* A volume has its deleted entries and byte streams with it. */
static bool covers_path(const char *above, const char *path)
{
	size_t n = strlen(above);

	if (path_within(path, above))
		return true;
	if (volume_part(above) != n || n == 0 || strncmp(path, above, n) != 0)
		return false;
	for (size_t i = 0; i < 3; i++) {
		size_t t = strlen(tails[i]);

		if (strncmp(path + n, tails[i], t) == 0 && (!path[n + t] || path[n + t] == '/'))
			return true;
	}
	return false;
}

/* The volume's name, without what marks its deleted tree or a byte stream. */
static size_t volume_name(const char *path, size_t volume)
{
	for (size_t i = 0; i < 3; i++) {
		size_t t = strlen(tails[i]);

		if (volume > t && strncmp(path + volume - t, tails[i], t) == 0)
			return volume - t;
	}
	return volume;
}

/* Whether something may lie below both: by the text alone, and rather yes than no. */
static bool may_meet(const char *a, const char *b)
{
	size_t va = volume_part(a);
	size_t vb = volume_part(b);
	size_t na = va ? volume_name(a, va) : strlen(a);
	size_t nb = vb ? volume_name(b, vb) : strlen(b);
	const char *x = a + va;
	const char *y = b + vb;

	if (!va || !vb)
		return path_first(a) == path_first(b) && strncmp(a, b, path_first(a)) == 0;
	if (na != nb || strncmp(a, b, na) != 0)
		return false;
	while (*x && *x == *y) {
		x++;
		y++;
	}
	/* one ends where the other goes on, with a component or with a stream's name */
	return (!*x || *x == '/' || *x == ':') && (!*y || *y == '/' || *y == ':') &&
	       (!*x || !*y || *x == *y);
}

/* ---- what is asked for is sound ---------------------------------------------------------- */

static bool canonical(const char *path)
{
	for (const char *p = path;;) {
		size_t n = path_first(p);

		if (n == 0 || (n <= 2 && strncmp(p, "..", n) == 0))
			return false;
		if (!p[n])
			return true;
		p += n + 1;
	}
}

static int sound(const struct asking *x, struct err *e)
{
	const struct act *a = x->a;
	int r = rules_reason(a, e);

	if (r)
		return r;
	if (a->who.kind == SUBJECT_NONE || !a->who.name)
		return err_set(e, EINVAL, "who? A user's name, a uid, or @group");
	if (a->who.id == 0)
		return err_set(e, EPERM, "root is shown nothing, and can be granted nothing");
	if (a->path && !canonical(a->path))
		return err_set(e, EINVAL,
			"PATH must be written as below the case's folder, without \".\" and "
			"\"..\"");
	if (a->until_ns <= a->from_ns)
		return err_set(e, EINVAL, "--until must come after --from");
	if (a->until_ns <= x->now->real_ns)
		return err_set(e, EINVAL, "--until is in the past");
	return 0;
}

/* ---- what a holder of `grant` holds --------------------------------------------------------- */

/* What is asked for, in the terms of those who may give no more than they have. */
struct asked {
	const char *path;
	bool future;
	const uint64_t *covers; /* without path */
	size_t covers_n;
	int64_t until_ns; /* INT64_MIN: no matter */
};

static bool reaches(const struct asking *x, const struct model_grant *g, const struct asked *q)
{
	const struct model_evidence *ev = NULL;

	if (g->act.until_ns < q->until_ns)
		return false;
	if (q->path && g->act.path)
		return covers_path(g->act.path, q->path);
	if (q->path) {
		ev = model_evidence_named(x->m, x->c->id, q->path, path_first(q->path));
		return g->act.future || (ev && hold_covers(g, ev));
	}
	if (g->act.path || (q->future && !g->act.future))
		return false;
	for (size_t i = 0; i < q->covers_n; i++) {
		ev = model_evidence(x->m, q->covers[i]);
		if (!ev || !hold_covers(g, ev))
			return false;
	}
	return true;
}

/* An exclusion of his own takes every right, that to grant too. */
static bool excluded(const struct asking *x, const char *path)
{
	for (size_t i = 0; i < x->m->grants_n; i++) {
		const struct model_grant *g = &x->m->grants[i];

		if (g->act.kind == ACT_EXCLUDE && g->act.case_id == x->c->id &&
			hold_means(g, x->by) && hold_active(g, x->now, x->clock) &&
			(!path || !g->act.path || may_meet(path, g->act.path)))
			return true;
	}
	return false;
}

static bool has_one(const struct asking *x, unsigned right, const struct asked *q)
{
	for (size_t i = 0; i < x->m->grants_n; i++) {
		const struct model_grant *g = &x->m->grants[i];

		if (g->act.kind == ACT_GRANT && g->act.case_id == x->c->id &&
			(g->act.rights & right) && hold_means(g, x->by) &&
			hold_active(g, x->now, x->clock) && reaches(x, g, q))
			return true;
	}
	return false;
}

/* Whether he has every one of @rights, and `grant`, over all that is asked for. */
static bool has_all(const struct asking *x, unsigned rights, const struct asked *q)
{
	if (!(x->is.rights & RIGHT_GRANT) || excluded(x, q->path))
		return false;
	rights |= RIGHT_GRANT;
	for (unsigned right = 1; right <= RIGHTS_ALL; right <<= 1) {
		if ((rights & right) && !has_one(x, right, q))
			return false;
	}
	return true;
}

bool rules_holds(const struct asking *x, unsigned right, const char *path)
{
	const struct asked q = {.path = path, .until_ns = INT64_MIN};

	return (x->is.rights & right) == right && !excluded(x, path) && has_one(x, right, &q);
}

static struct asked asked_of(const struct act *a)
{
	return (struct asked){.path = a->path,
		.future = !a->path && a->future,
		.covers = a->covers,
		.covers_n = a->covers_n,
		.until_ns = a->until_ns};
}

/* ---- grant ------------------------------------------------------------------------------ */

/* What a grant without path covers: what is released; with privileged what is held too. */
static int fill_covers(struct asking *x, struct err *e)
{
	struct act *a = x->a;
	uint64_t *v = NULL;
	size_t n = 0;

	free(a->covers);
	a->covers = NULL;
	a->covers_n = 0;
	if (a->path)
		return 0;
	v = calloc(x->m->evidence_n + 1, sizeof(*v));
	if (!v)
		return err_errno(e, ENOMEM, "grant");
	for (size_t i = 0; i < x->m->evidence_n; i++) {
		const struct model_evidence *ev = &x->m->evidence[i];

		if (ev->case_id == x->c->id && (ev->released_ns || (a->rights & RIGHT_PRIVILEGED)))
			v[n++] = ev->id;
	}
	a->covers = v;
	a->covers_n = n;
	return 0;
}

static int by_officer(const struct asking *x, struct err *e)
{
	if (!x->is.officer)
		return x->c->officer.kind == SUBJECT_NONE
			       ? err_set(e, EPERM,
					 "`privileged` and `mark` are given only by the case's "
					 "privilege officer, and there is none: the owner names "
					 "one with `evidencefs case officer`")
			       : err_set(e, EPERM,
					 "`privileged` and `mark`, and roles with them, are given "
					 "only by the case's privilege officer");
	if (x->a->rights & ~HOLD_REVIEWER)
		return err_set(e, EPERM,
			"with `privileged` and `mark` the officer gives read, deleted, raw and "
			"notes; the owner gives the rest");
	if (x->a->who.kind == SUBJECT_USER && subject_is(&x->a->who, x->by))
		return err_set(e, EPERM, "you have a reviewer's rights by your office");
	return 0;
}

static int by_holder(const struct asking *x, struct err *e)
{
	const struct asked q = asked_of(x->a);

	if (x->is.officer && !(x->is.rights & RIGHT_GRANT))
		return err_set(e, EPERM,
			"the officer gives `privileged` and `mark`, and roles with them; the "
			"owner gives the rest");
	if (x->a->rights & RIGHT_GRANT)
		return err_set(e, EPERM, "the right `grant` is given only by the case's owner");
	if (!has_all(x, x->a->rights, &q))
		return err_set(e, EPERM,
			"that is more path, right or time than you have: stay within your own "
			"grants, see `evidencefs whoami %s`",
			x->c->name);
	return 0;
}

static int not_both(const struct asking *x, struct err *e)
{
	unsigned rights = x->a->rights;
	int r = 0;

	if ((rights & RIGHT_MARK) && (rights & RIGHT_GRANT))
		r = 1;
	if (r == 0 && (rights & RIGHT_MARK))
		r = rules_conflict(x, &x->a->who, RIGHT_GRANT, e);
	if (r == 0 && (rights & RIGHT_GRANT))
		r = rules_conflict(x, &x->a->who, RIGHT_MARK, e);
	if (r <= 0)
		return r;
	return err_set(e, EPERM,
		"nobody holds `mark` and `grant` together, %s would: revoke one first",
		x->a->who.kind == SUBJECT_GROUP ? "a member of that group" : x->a->who.name);
}

int rules_grant(struct asking *x, struct err *e)
{
	const struct act *a = x->a;
	int r = sound(x, e);

	if (r)
		return r;
	if (a->rights == 0 || (a->rights & ~RIGHTS_ALL))
		return err_set(e, EINVAL, "which rights? --role ROLE or --rights R,R");
	r = fill_covers(x, e);
	if (r)
		return r;
	if (a->rights & HOLD_OFFICERS)
		r = by_officer(x, e);
	else if (!x->is.owner)
		r = by_holder(x, e);
	return r ? r : not_both(x, e);
}

/* ---- exclude ---------------------------------------------------------------------------- */

int rules_exclude(struct asking *x, struct err *e)
{
	const struct asked q = {.path = x->a->path, .until_ns = INT64_MIN};
	int r = sound(x, e);

	if (r)
		return r;
	if (!x->a->path)
		return err_set(e, EINVAL, "exclude from what? PATH is needed");
	if (!x->is.owner && !has_all(x, 0, &q))
		return err_set(e, EPERM,
			"you do not hold `grant` over all of PATH: see `evidencefs whoami %s`",
			x->c->name);
	return 0;
}

/* ---- revoke ----------------------------------------------------------------------------- */

static bool made_it(const struct asking *x, const struct model_grant *g)
{
	return g->act.by_uid == x->by->uid && g->act.by_name && x->by->name &&
	       strcmp(g->act.by_name, x->by->name) == 0;
}

/* What he could have given, or gave. An exclusion's end gives something back: that takes `grant`
 * still, and that it was his. */
static bool may_end(const struct asking *x, const struct model_grant *g)
{
	const struct asked q = asked_of(&g->act);
	const struct asked place = {.path = g->act.path, .until_ns = INT64_MIN};

	if (g->act.kind == ACT_EXCLUDE)
		return x->is.owner || (made_it(x, g) && has_all(x, 0, &place));
	if (made_it(x, g))
		return true;
	if (g->act.rights & HOLD_OFFICERS)
		return x->is.officer;
	return x->is.owner || (!(g->act.rights & RIGHT_GRANT) && has_all(x, g->act.rights, &q));
}

int rules_revoke(struct asking *x, struct err *e)
{
	const struct model_grant *g = model_grant(x->m, x->a->object);
	bool knows = x->is.owner || x->is.officer;
	int r = rules_reason(x->a, e);

	if (r)
		return r;
	if (g && g->act.case_id != x->c->id)
		g = NULL;
	if (!g || (!knows && !may_end(x, g)))
		return err_set(e, ENOENT,
			"no grant or exclusion of that number that you could end: see "
			"`evidencefs grants %s`",
			x->c->name);
	if (!may_end(x, g))
		return err_set(e, EPERM, "%s",
			g->act.kind == ACT_EXCLUDE
				? "an exclusion is lifted by the case's owner, or who made it"
			: g->act.rights & HOLD_OFFICERS
				? "grants of `privileged` and `mark` are revoked by the case's "
				  "privilege officer"
				: "it is revoked by the case's owner, or who gave it");
	return g->revoked_ns ? err_set(e, EEXIST, "it was revoked already") : 0;
}
