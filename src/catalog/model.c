/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.c - what acts amount to; see model.h.
 *
 * An act is checked as a whole (model_check()), then everything that needs memory
 * is made, and only then the model is changed: it is never half of an act.
 */
#include "catalog/model.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void model_init(struct model *m)
{
	*m = (struct model){.version = 0};
}

static void case_release(struct model_case *c)
{
	free(c->name);
	free(c->title);
	subject_release(&c->owner);
	subject_release(&c->officer);
}

static void evidence_release(struct model_evidence *v)
{
	free(v->name);
	free(v->image);
	free(v->dir);
	free(v->types);
}

static void grant_release(struct model_grant *g)
{
	act_release(&g->act);
	free(g->revoked_by);
	free(g->revoke_reason);
}

void model_release(struct model *m)
{
	for (size_t i = 0; i < m->cases_n; i++)
		case_release(&m->cases[i]);
	for (size_t i = 0; i < m->evidence_n; i++)
		evidence_release(&m->evidence[i]);
	for (size_t i = 0; i < m->grants_n; i++)
		grant_release(&m->grants[i]);
	for (size_t i = 0; i < m->marks_n; i++)
		act_release(&m->marks[i].act);
	for (size_t i = 0; i < m->notes_n; i++)
		act_release(&m->notes[i].act);
	free(m->cases);
	free(m->evidence);
	free(m->grants);
	free(m->marks);
	free(m->notes);
	model_names_release(&m->names);
	model_init(m);
}

/* ---- looking up ------------------------------------------------------------------------- */

/* Where @id is, or belongs, among [n] things of @size whose id stands at @at in them. */
static size_t position(const void *v, size_t n, size_t size, size_t at, uint64_t id)
{
	size_t lo = 0;

	while (lo < n) {
		size_t mid = lo + (n - lo) / 2;
		uint64_t seen = 0;

		memcpy(&seen, (const uint8_t *)v + mid * size + at, sizeof(seen));
		if (seen < id)
			lo = mid + 1;
		else
			n = mid;
	}
	return lo;
}

static size_t case_position(const struct model *m, uint64_t id)
{
	return position(
		m->cases, m->cases_n, sizeof(*m->cases), offsetof(struct model_case, id), id);
}

static size_t evidence_position(const struct model *m, uint64_t id)
{
	return position(m->evidence, m->evidence_n, sizeof(*m->evidence),
		offsetof(struct model_evidence, id), id);
}

static size_t grant_position(const struct model *m, uint64_t id)
{
	return position(m->grants, m->grants_n, sizeof(*m->grants),
		offsetof(struct model_grant, act.object), id);
}

static size_t mark_position(const struct model *m, uint64_t id)
{
	return position(m->marks, m->marks_n, sizeof(*m->marks),
		offsetof(struct model_mark, act.object), id);
}

static size_t note_position(const struct model *m, uint64_t id)
{
	return position(m->notes, m->notes_n, sizeof(*m->notes),
		offsetof(struct model_note, act.object), id);
}

static struct model_case *find_case(const struct model *m, uint64_t id)
{
	size_t i = case_position(m, id);

	return i < m->cases_n && m->cases[i].id == id ? &m->cases[i] : NULL;
}

static struct model_evidence *find_evidence(const struct model *m, uint64_t id)
{
	size_t i = evidence_position(m, id);

	return i < m->evidence_n && m->evidence[i].id == id ? &m->evidence[i] : NULL;
}

static struct model_grant *find_grant(const struct model *m, uint64_t id)
{
	size_t i = grant_position(m, id);

	return i < m->grants_n && m->grants[i].act.object == id ? &m->grants[i] : NULL;
}

const struct model_case *model_case(const struct model *m, uint64_t id)
{
	return find_case(m, id);
}

const struct model_evidence *model_evidence(const struct model *m, uint64_t id)
{
	return find_evidence(m, id);
}

const struct model_grant *model_grant(const struct model *m, uint64_t id)
{
	return find_grant(m, id);
}

const struct model_mark *model_mark(const struct model *m, uint64_t id)
{
	size_t i = mark_position(m, id);

	return i < m->marks_n && m->marks[i].act.object == id ? &m->marks[i] : NULL;
}

const struct model_note *model_note(const struct model *m, uint64_t id)
{
	size_t i = note_position(m, id);

	return i < m->notes_n && m->notes[i].act.object == id ? &m->notes[i] : NULL;
}

const struct model_case *model_case_named(const struct model *m, const char *name)
{
	uint64_t id = model_names_find(&m->names, 0, name, strlen(name));

	return id ? find_case(m, id) : NULL;
}

const struct model_evidence *model_evidence_named(
	const struct model *m, uint64_t case_id, const char *name, size_t n)
{
	uint64_t id = case_id ? model_names_find(&m->names, case_id, name, n) : 0;

	return id ? find_evidence(m, id) : NULL;
}

/* ---- checking --------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int contradicts(
	struct err *e, const struct act *a, const char *fmt, ...)
{
	const char *kind = act_kind_name(a->kind);
	char text[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(e, EBADMSG, "act %" PRIu64 " (%s): %s", a->seq, kind ? kind : "?", text);
}

static int check_begins(const struct model *m, const struct act *a, struct err *e)
{
	if (a->object == 0 || find_case(m, a->object) || find_evidence(m, a->object) ||
		find_grant(m, a->object) || model_mark(m, a->object) || model_note(m, a->object))
		return contradicts(e, a, "number %" PRIu64 " is not new", a->object);
	return 0;
}

static int check_name(const struct model *m, const struct act *a, uint64_t case_id, struct err *e)
{
	if (!a->name || !a->name[0] || strchr(a->name, '/'))
		return contradicts(e, a, "without a name");
	if (model_names_find(&m->names, case_id, a->name, strlen(a->name)))
		return contradicts(e, a, "its name is taken");
	return 0;
}

static int check_user(const struct act *a, struct err *e)
{
	if (a->who.kind != SUBJECT_USER || !a->who.name)
		return contradicts(e, a, "is for no user");
	return 0;
}

static int check_case_create(const struct model *m, const struct act *a, struct err *e)
{
	int rc = check_begins(m, a, e);

	if (rc == 0 && a->case_id != 0 && a->case_id != a->object)
		rc = contradicts(e, a, "in case %" PRIu64, a->case_id);
	if (rc == 0)
		rc = check_name(m, a, 0, e);
	return rc ? rc : check_user(a, e);
}

static int check_add(const struct model *m, const struct act *a, struct err *e)
{
	int rc = check_begins(m, a, e);

	if (rc == 0)
		rc = check_name(m, a, a->case_id, e);
	if (rc == 0 && (!a->image || !a->image[0] || !a->dir || !a->dir[0]))
		rc = contradicts(e, a, "without an image or its indexes");
	return rc;
}

static int check_evidence(const struct model *m, const struct act *a, struct err *e)
{
	const struct model_evidence *v = find_evidence(m, a->object);

	if (!v || v->case_id != a->case_id)
		return contradicts(e, a, "evidence %" PRIu64 " is not in its case", a->object);
	if (a->kind == ACT_RELEASE && v->released_ns)
		return contradicts(e, a, "evidence %" PRIu64 " was released before", a->object);
	if (a->kind == ACT_RELOCATE && (!a->image || !a->image[0]))
		return contradicts(e, a, "without an image");
	return 0;
}

static int check_path(const struct act *a, struct err *e)
{
	size_t n = a->path ? strlen(a->path) : 0;

	if (a->path && (n == 0 || a->path[0] == '/' || a->path[n - 1] == '/'))
		return contradicts(e, a, "its path begins or ends with a slash, or is empty");
	return 0;
}

static int check_covers(const struct model *m, const struct act *a, struct err *e)
{
	int rc = check_path(a, e);

	if (rc < 0)
		return rc;
	if (a->path && a->covers_n > 0)
		return contradicts(e, a, "with a path and a list of evidence");
	for (size_t i = 0; i < a->covers_n; i++) {
		const struct model_evidence *v = find_evidence(m, a->covers[i]);

		if (!v || v->case_id != a->case_id)
			return contradicts(
				e, a, "evidence %" PRIu64 " is not in its case", a->covers[i]);
	}
	return 0;
}

static int check_grant(const struct model *m, const struct act *a, struct err *e)
{
	int rc = check_begins(m, a, e);

	if (rc < 0)
		return rc;
	if ((a->who.kind != SUBJECT_USER && a->who.kind != SUBJECT_GROUP) || !a->who.name)
		return contradicts(e, a, "is for nobody");
	if (a->kind == ACT_GRANT && (a->rights == 0 || a->rights & ~RIGHTS_ALL))
		return contradicts(e, a, "rights %#x", a->rights);
	if (a->until_ns <= a->from_ns)
		return contradicts(e, a, "ends before it begins");
	return check_covers(m, a, e);
}

static int check_revoke(const struct model *m, const struct act *a, struct err *e)
{
	const struct model_grant *g = find_grant(m, a->object);

	if (!g || g->act.case_id != a->case_id)
		return contradicts(e, a, "grant %" PRIu64 " is not in its case", a->object);
	if (g->revoked_ns)
		return contradicts(e, a, "grant %" PRIu64 " has ended before", a->object);
	return 0;
}

/* Of a trace: there is evidence of that name, and something is said. */
static int check_said(const struct model *m, const struct act *a, struct err *e)
{
	int rc = check_begins(m, a, e);

	if (rc == 0)
		rc = check_path(a, e);
	if (rc < 0)
		return rc;
	if (!a->path || !model_evidence_named(m, a->case_id, a->path, strcspn(a->path, "/")))
		return contradicts(e, a, "its evidence is not in its case");
	if (a->kind == ACT_NOTE && !act_note_name_ok(a->name))
		return contradicts(e, a, "without a name of its own");
	if (a->kind == ACT_NOTE)
		return a->text && a->text[0] ? 0 : contradicts(e, a, "without a text");
	if (!mark_state_name(a->mark_state) || !mark_origin_name(a->mark_origin))
		return contradicts(e, a, "state %u, origin %u", (unsigned)a->mark_state,
			(unsigned)a->mark_origin);
	return 0;
}

/* What may still be done in a case that is closed: nothing that gives. */
static bool goes_on_closed(enum act_kind k)
{
	return k == ACT_RELOCATE || k == ACT_VERIFY || k == ACT_REVOKE;
}

static int check_kind(const struct model *m, const struct act *a, struct err *e)
{
	switch (a->kind) {
	case ACT_CASE_CREATE:
		return check_case_create(m, a, e);
	case ACT_CASE_OWNER:
	case ACT_CASE_OFFICER:
		return check_user(a, e);
	case ACT_CASE_CLOSE:
		return 0;
	case ACT_ADD:
		return check_add(m, a, e);
	case ACT_RELEASE:
	case ACT_RELOCATE:
	case ACT_VERIFY:
		return check_evidence(m, a, e);
	case ACT_GRANT:
	case ACT_EXCLUDE:
		return check_grant(m, a, e);
	case ACT_REVOKE:
		return check_revoke(m, a, e);
	case ACT_MARK:
	case ACT_NOTE:
		return check_said(m, a, e);
	}
	return contradicts(e, a, "is of no kind (%u)", (unsigned)a->kind);
}

int model_check(const struct model *m, const struct act *a, struct err *e)
{
	const struct model_case *c = NULL;

	if (a->seq && (a->seq <= m->version || a->ns <= 0))
		return contradicts(e, a, "is not later than act %" PRIu64, m->version);
	if (a->kind != ACT_CASE_CREATE) {
		c = find_case(m, a->case_id);
		if (!c)
			return contradicts(e, a, "there is no case %" PRIu64, a->case_id);
		if (c->closed_ns && !goes_on_closed(a->kind))
			return contradicts(e, a, "case %" PRIu64 " is closed", a->case_id);
	}
	return check_kind(m, a, e);
}

/* ---- applying --------------------------------------------------------------------------- */

static char *copy_text(const char *text, int *rc)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		*rc = -ENOMEM;
	return copy;
}

/* An array with a free place at @at, of the things behind which it may move up. NULL: no
 * memory, and nothing has changed. */
static void *open_place(void *v, size_t n, size_t *cap, size_t size, size_t at)
{
	if (array_room(&v, size, n, cap))
		return NULL;
	if (at < n)
		memmove((uint8_t *)v + (at + 1) * size, (uint8_t *)v + at * size, (n - at) * size);
	return v;
}

static int apply_case_create(struct model *m, const struct act *a)
{
	size_t at = case_position(m, a->object);
	struct model_case c = {.id = a->object,
		.idle_days = a->idle_days,
		.created_ns = a->ns,
		.last_act_ns = a->ns};
	int rc = subject_copy(&c.owner, &a->who);
	struct model_case *v = NULL;

	c.name = copy_text(a->name, &rc);
	c.title = copy_text(a->title, &rc);
	if (rc == 0)
		rc = model_names_reserve(&m->names);
	if (rc == 0)
		v = open_place(m->cases, m->cases_n, &m->cases_cap, sizeof(*v), at);
	if (!v) {
		case_release(&c);
		return -ENOMEM;
	}
	v[at] = c;
	m->cases = v;
	m->cases_n++;
	model_names_add(&m->names, 0, c.name, c.id);
	return 0;
}

static int apply_add(struct model *m, const struct act *a)
{
	size_t at = evidence_position(m, a->object);
	struct model_evidence n = {
		.id = a->object, .case_id = a->case_id, .totals = a->totals, .added_ns = a->ns};
	struct model_evidence *v = NULL;
	int rc = model_names_reserve(&m->names);

	memcpy(n.digest, a->digest, sizeof(n.digest));
	memcpy(n.secret, a->secret, sizeof(n.secret));
	n.name = copy_text(a->name, &rc);
	n.image = copy_text(a->image, &rc);
	n.dir = copy_text(a->dir, &rc);
	n.types = copy_text(a->types, &rc);
	if (rc == 0)
		v = open_place(m->evidence, m->evidence_n, &m->evidence_cap, sizeof(*v), at);
	if (!v) {
		evidence_release(&n);
		return -ENOMEM;
	}
	v[at] = n;
	m->evidence = v;
	m->evidence_n++;
	model_names_add(&m->names, n.case_id, n.name, n.id);
	return 0;
}

static int apply_grant(struct model *m, const struct act *a)
{
	size_t at = grant_position(m, a->object);
	struct model_grant g = {.revoked_ns = 0};
	struct model_grant *v = NULL;

	if (act_copy(&g.act, a) == 0)
		v = open_place(m->grants, m->grants_n, &m->grants_cap, sizeof(*v), at);
	if (!v) {
		grant_release(&g);
		return -ENOMEM;
	}
	v[at] = g;
	m->grants = v;
	m->grants_n++;
	return 0;
}

static int apply_mark(struct model *m, const struct act *a)
{
	size_t at = mark_position(m, a->object);
	struct model_mark k = {.act = {.seq = 0}};
	struct model_mark *v = NULL;

	if (act_copy(&k.act, a) == 0)
		v = open_place(m->marks, m->marks_n, &m->marks_cap, sizeof(*v), at);
	if (!v) {
		act_release(&k.act);
		return -ENOMEM;
	}
	v[at] = k;
	m->marks = v;
	m->marks_n++;
	return 0;
}

static int apply_note(struct model *m, const struct act *a)
{
	size_t at = note_position(m, a->object);
	struct model_note k = {.act = {.seq = 0}};
	struct model_note *v = NULL;

	if (act_copy(&k.act, a) == 0)
		v = open_place(m->notes, m->notes_n, &m->notes_cap, sizeof(*v), at);
	if (!v) {
		act_release(&k.act);
		return -ENOMEM;
	}
	v[at] = k;
	m->notes = v;
	m->notes_n++;
	return 0;
}

static int apply_revoke(struct model *m, const struct act *a)
{
	struct model_grant *g = find_grant(m, a->object);
	int rc = 0;
	char *by = copy_text(a->by_name, &rc);
	char *reason = copy_text(a->reason, &rc);

	if (rc < 0) {
		free(by);
		free(reason);
		return rc;
	}
	g->revoked_ns = a->ns;
	g->revoked_uid = a->by_uid;
	g->revoked_by = by;
	g->revoke_reason = reason;
	return 0;
}

static int apply_subject(struct subject *to, const struct act *a)
{
	struct subject copy = {.kind = SUBJECT_NONE};
	int rc = subject_copy(&copy, &a->who);

	if (rc < 0)
		return rc;
	subject_release(to);
	*to = copy;
	return 0;
}

static int apply_relocate(struct model *m, const struct act *a)
{
	struct model_evidence *v = find_evidence(m, a->object);
	int rc = 0;
	char *image = copy_text(a->image, &rc);

	if (rc < 0)
		return rc;
	free(v->image);
	v->image = image;
	return 0;
}

/* @a was checked. Return: 0; -ENOMEM: nothing has changed. */
static int apply_kind(struct model *m, const struct act *a)
{
	switch (a->kind) {
	case ACT_CASE_CREATE:
		return apply_case_create(m, a);
	case ACT_CASE_OWNER:
		return apply_subject(&find_case(m, a->case_id)->owner, a);
	case ACT_CASE_OFFICER:
		return apply_subject(&find_case(m, a->case_id)->officer, a);
	case ACT_CASE_CLOSE:
		find_case(m, a->case_id)->closed_ns = a->ns;
		return 0;
	case ACT_ADD:
		return apply_add(m, a);
	case ACT_RELEASE:
		find_evidence(m, a->object)->released_ns = a->ns;
		return 0;
	case ACT_RELOCATE:
		return apply_relocate(m, a);
	case ACT_VERIFY:
		return 0;
	case ACT_GRANT:
	case ACT_EXCLUDE:
		return apply_grant(m, a);
	case ACT_REVOKE:
		return apply_revoke(m, a);
	case ACT_MARK:
		return apply_mark(m, a);
	case ACT_NOTE:
		return apply_note(m, a);
	}
	return 0;
}

int model_apply(struct model *m, const struct act *a, struct err *e)
{
	struct model_case *c = NULL;
	int rc = a->seq ? model_check(m, a, e) : contradicts(e, a, "has no record");

	if (rc == 0 && apply_kind(m, a) < 0)
		rc = err_errno(e, ENOMEM, "act %" PRIu64, a->seq);
	if (rc < 0)
		return rc;
	c = find_case(m, a->kind == ACT_CASE_CREATE ? a->object : a->case_id);
	c->last_act_ns = a->ns;
	m->version = a->seq;
	return 0;
}

struct load {
	struct model *m;
	struct err *e;
};

static int load_one(void *ctx, const struct act *a)
{
	const struct load *l = ctx;

	return model_apply(l->m, a, l->e);
}

int model_load(struct model *m, struct store *s, int64_t until_ns, struct err *e)
{
	struct load l = {.m = m, .e = e};

	return store_each(s, until_ns, load_one, &l, e);
}
