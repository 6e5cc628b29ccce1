/* SPDX-License-Identifier: Apache-2.0 */
/* view_users.c - who has a view: holders of grants, owners, officers; see view.h. */
#include "policy/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/hold.h"

struct users {
	const struct view_people *people; /* NULL: NSS */
	uid_t *v;
	size_t n;
	const struct subject **asked; /* so that each is looked up once */
	size_t asked_n;
};

static bool was_asked(const struct users *u, const struct subject *s)
{
	for (size_t i = 0; i < u->asked_n; i++) {
		if (u->asked[i]->kind == s->kind && u->asked[i]->id == s->id && s->name &&
			u->asked[i]->name && strcmp(u->asked[i]->name, s->name) == 0)
			return true;
	}
	return false;
}

static int add_members(struct users *u, const struct subject *s)
{
	uid_t *members = NULL;
	uid_t *v = NULL;
	size_t n = 0;
	int r = 0;

	if (s->kind == SUBJECT_NONE || was_asked(u, s))
		return 0;
	u->asked[u->asked_n++] = s;
	r = u->people ? u->people->members(u->people->ctx, s, &members, &n)
		      : subject_members(s, &members, &n);
	if (r)
		return r == -ENOENT ? 0 : r; /* suspended: name and number disagree, or nobody */
	v = reallocarray(u->v, u->n + n, sizeof(*v));
	if (v) {
		memcpy(v + u->n, members, n * sizeof(*v));
		u->v = v;
		u->n += n;
	}
	free(members);
	return v ? 0 : -ENOMEM;
}

static int gather(
	struct users *u, const struct model *m, const struct moment *now, const struct clock *clock)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->cases_n; i++) {
		if (m->cases[i].closed_ns)
			continue;
		r = add_members(u, &m->cases[i].owner);
		if (r == 0)
			r = add_members(u, &m->cases[i].officer);
	}
	for (size_t i = 0; r == 0 && i < m->grants_n; i++) {
		const struct model_grant *g = &m->grants[i];
		const struct model_case *c = model_case(m, g->act.case_id);

		if (g->act.kind == ACT_GRANT && c && !c->closed_ns && hold_active(g, now, clock))
			r = add_members(u, &g->act.who);
	}
	return r;
}

static int compare(const void *a, const void *b)
{
	uid_t x = *(const uid_t *)a;
	uid_t y = *(const uid_t *)b;

	return (x > y) - (x < y);
}

int view_users(const struct model *m, const struct moment *now, const struct clock *clock,
	const struct view_people *p, uid_t **uids, size_t *n, struct err *e)
{
	struct users u = {
		.people = p, .asked = calloc(2 * m->cases_n + m->grants_n + 1, sizeof(void *))};
	size_t kept = 0;
	int r = u.asked ? gather(&u, m, now, clock) : -ENOMEM;

	free(u.asked);
	if (r) {
		free(u.v);
		return err_set(e, -r, "users and groups cannot be looked up: %s", strerror(-r));
	}
	if (u.n > 0)
		qsort(u.v, u.n, sizeof(*u.v), compare);
	for (size_t i = 0; i < u.n; i++) {
		if (i == 0 || u.v[i] != u.v[i - 1])
			u.v[kept++] = u.v[i];
	}
	*uids = u.v;
	*n = kept;
	return 0;
}
