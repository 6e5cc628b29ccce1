/* SPDX-License-Identifier: Apache-2.0 */
/* log_sight.c - what somebody may see of the log; see log_sight.h. */
#include "control/log_sight.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/hold.h"
#include "serve/evidence.h"

/* A case as the reader may see it. */
struct case_seen {
	uint64_t id;
	char *name;
	bool whole; /* else only what lies below the paths of his grants */
	bool privileged;
};

/* A path below which the reader holds `audit`, in a case he does not see the whole log of. */
struct part {
	uint64_t case_id;
	char *path;
};

/* Evidence whose names were asked for. */
struct names {
	uint64_t id;
	uint64_t case_id;
	uint8_t digest[32];
	char *name;
	bool tried;
	struct evidence *ev; /* held; NULL: cannot be opened */
};

/* An act that records speak of by number. */
struct grant_seen {
	uint64_t id;
	char *path;     /* NULL: the whole case */
	uint64_t trace; /* of a mark or a note */
	char file[32];  /* of a note, in its case's folder */
};

/*
 * What the log is read with: copied from the catalog once, so that the model is
 * not held while rows go to a client.
 */
struct log_sight {
	struct exchange *x;
	uint64_t only_case; /* 0: any */
	struct case_seen *cases;
	size_t cases_n;
	struct part *parts;
	size_t parts_n;
	struct names *names;
	size_t names_n;
	struct grant_seen *grants; /* by id */
	size_t grants_n;
	struct grant_seen *marks; /* by id */
	size_t marks_n;
	struct grant_seen *notes; /* by id */
	size_t notes_n;
	uint64_t sight;    /* sum of what he may see, */
	int64_t looked_ns; /* looked at then, boot time */
};

#define LOOK_NS INT64_C(250000000) /* so often, whether he may see all of it still */

/* ---- copying the catalog -------------------------------------------------------------- */

static int copy_cases(struct log_sight *r, const struct model *m)
{
	r->cases = calloc(m->cases_n + 1, sizeof(*r->cases));
	if (!r->cases)
		return -ENOMEM;
	for (size_t i = 0; i < m->cases_n; i++) {
		struct case_seen *to = &r->cases[r->cases_n];
		struct sight s;

		exchange_sight(r->x, m, &m->cases[i], &s);
		if (!s.audit_some)
			continue;
		*to = (struct case_seen){.id = m->cases[i].id,
			.whole = s.audit,
			.privileged = (s.standing.rights & RIGHT_PRIVILEGED) != 0,
			.name = strdup(m->cases[i].name)};
		r->cases_n++;
		if (!to->name)
			return -ENOMEM;
	}
	return 0;
}

static const struct case_seen *find_case(const struct log_sight *r, uint64_t id)
{
	for (size_t i = 0; i < r->cases_n; i++) {
		if (r->cases[i].id == id)
			return &r->cases[i];
	}
	return NULL;
}

static int copy_parts(struct log_sight *r, const struct model *m)
{
	const struct exchange *x = r->x;
	struct moment now = service_now(x->service);

	r->parts = calloc(m->grants_n + 1, sizeof(*r->parts));
	if (!r->parts)
		return -ENOMEM;
	for (size_t i = 0; i < m->grants_n; i++) {
		const struct model_grant *g = &m->grants[i];
		const struct case_seen *c = find_case(r, g->act.case_id);

		if (!c || c->whole || g->act.kind != ACT_GRANT || !g->act.path ||
			!(g->act.rights & RIGHT_AUDIT) || !hold_means(g, &x->caller->who) ||
			!hold_active(g, &now, service_clock(x->service)))
			continue;
		r->parts[r->parts_n++] = (struct part){c->id, strdup(g->act.path)};
		if (!r->parts[r->parts_n - 1].path)
			return -ENOMEM;
	}
	return 0;
}

static int copy_names(struct log_sight *r, const struct model *m)
{
	r->names = calloc(m->evidence_n + 1, sizeof(*r->names));
	if (!r->names)
		return -ENOMEM;
	for (size_t i = 0; i < m->evidence_n; i++) {
		const struct model_evidence *ev = &m->evidence[i];
		struct names *to = &r->names[r->names_n];

		if (!find_case(r, ev->case_id))
			continue;
		*to = (struct names){
			.id = ev->id, .case_id = ev->case_id, .name = strdup(ev->name)};
		memcpy(to->digest, ev->digest, sizeof(to->digest));
		r->names_n++;
		if (!to->name)
			return -ENOMEM;
	}
	return 0;
}

static int copy_grants(struct log_sight *r, const struct model *m)
{
	r->grants = calloc(m->grants_n + 1, sizeof(*r->grants));
	if (!r->grants)
		return -ENOMEM;
	for (size_t i = 0; i < m->grants_n; i++) {
		const struct act *a = &m->grants[i].act;
		struct grant_seen *to = &r->grants[r->grants_n];

		if (!find_case(r, a->case_id))
			continue;
		to->id = a->object;
		to->path = a->path ? strdup(a->path) : NULL;
		r->grants_n++;
		if (a->path && !to->path)
			return -ENOMEM;
	}
	return 0;
}

static int copy_marks(struct log_sight *r, const struct model *m)
{
	r->marks = calloc(m->marks_n + 1, sizeof(*r->marks));
	if (!r->marks)
		return -ENOMEM;
	for (size_t i = 0; i < m->marks_n; i++) {
		const struct act *a = &m->marks[i].act;
		struct grant_seen *to = &r->marks[r->marks_n];

		if (!find_case(r, a->case_id))
			continue;
		to->id = a->object;
		to->trace = a->trace;
		to->path = strdup(a->path);
		r->marks_n++;
		if (!to->path)
			return -ENOMEM;
	}
	return 0;
}

static int copy_notes(struct log_sight *r, const struct model *m)
{
	r->notes = calloc(m->notes_n + 1, sizeof(*r->notes));
	if (!r->notes)
		return -ENOMEM;
	for (size_t i = 0; i < m->notes_n; i++) {
		const struct act *a = &m->notes[i].act;
		struct grant_seen *to = &r->notes[r->notes_n];

		if (!find_case(r, a->case_id))
			continue;
		to->id = a->object;
		to->trace = a->trace;
		to->path = strdup(a->path);
		snprintf(to->file, sizeof(to->file), "notes/%s.txt", a->name);
		r->notes_n++;
		if (!to->path)
			return -ENOMEM;
	}
	return 0;
}

void log_sight_free(struct log_sight *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->names_n; i++)
		free(r->names[i].name);
	for (size_t i = 0; i < r->cases_n; i++)
		free(r->cases[i].name);
	for (size_t i = 0; i < r->grants_n; i++)
		free(r->grants[i].path);
	for (size_t i = 0; i < r->parts_n; i++)
		free(r->parts[i].path);
	free(r->parts);
	free(r->names);
	free(r->cases);
	for (size_t i = 0; i < r->marks_n; i++)
		free(r->marks[i].path);
	for (size_t i = 0; i < r->notes_n; i++)
		free(r->notes[i].path);
	free(r->grants);
	free(r->marks);
	free(r->notes);
	free(r);
}

/* ---- what a record is about -------------------------------------------------------------- */

static struct names *find_evidence(const struct log_sight *r, uint64_t id)
{
	for (size_t i = 0; i < r->names_n; i++) {
		if (r->names[i].id == id)
			return &r->names[i];
	}
	return NULL;
}

static struct names *find_digest(const struct log_sight *r, const struct audit_event *ev)
{
	for (size_t i = 0; i < r->names_n; i++) {
		if (r->names[i].case_id == ev->case_id &&
			!memcmp(r->names[i].digest, ev->evidence, AUDIT_EVIDENCE_ID))
			return &r->names[i];
	}
	return NULL;
}

static const struct grant_seen *find_seen(const struct grant_seen *v, size_t n, uint64_t id)
{
	size_t lo = 0;
	size_t hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (v[mid].id == id)
			return &v[mid];
		if (v[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static struct names *find_named(const struct log_sight *r, uint64_t case_id, const char *path)
{
	size_t n = path_first(path);

	for (size_t i = 0; i < r->names_n; i++) {
		if (r->names[i].case_id == case_id && strlen(r->names[i].name) == n &&
			memcmp(r->names[i].name, path, n) == 0)
			return &r->names[i];
	}
	return NULL;
}

/* Whether a row about that trace is to be blinded. */
static void judge(const struct log_sight *r, uint64_t case_id, const struct names *n,
	uint64_t trace, struct audit_about *a)
{
	const struct case_seen *c = find_case(r, case_id);

	if (c && c->privileged)
		return;
	a->withheld = service_is_withheld(r->x->service, n->id, trace);
	a->subject[0] = n->id;
	a->subject[1] = trace;
}

/* Of a mark or a note: what it is on; @path: what is shown as its path. */
static void about_said(const struct log_sight *r, const struct audit_event *ev,
	const struct grant_seen *g, const char *path, struct audit_about *a)
{
	const struct names *n = g ? find_named(r, ev->case_id, g->path) : NULL;

	a->known_path = true;
	if (!n)
		return;
	a->evidence = n->name;
	a->path = path;
	judge(r, ev->case_id, n, g->trace, a);
}

/* The file of a note that was read: of a case as such, as ACCESS.txt is. */
static void about_note_file(
	const struct log_sight *r, const struct audit_event *ev, struct audit_about *a)
{
	const struct grant_seen *g = NULL;

	if (trace_part(ev->trace) == 1)
		g = find_seen(r->notes, r->notes_n, trace_number(ev->trace));
	if (g)
		about_said(r, ev, g, g->file, a);
}

/* An access: names are in the index of the evidence. */
static void about_access(struct log_sight *r, const struct audit_event *ev, struct audit_about *a)
{
	static const uint8_t none[AUDIT_EVIDENCE_ID];
	struct names *n = memcmp(ev->evidence, none, sizeof(none)) ? find_digest(r, ev) : NULL;

	if (!n) {
		about_note_file(r, ev, a);
		return;
	}
	if (!n->tried) {
		n->tried = true;
		n->ev = service_evidence(r->x->service, n->id);
	}
	a->evidence = n->name;
	a->ev = n->ev;
	judge(r, ev->case_id, n, ev->trace, a);
}

/* An act: the catalog says what its object is. */
static void about_act(
	const struct log_sight *r, const struct audit_event *ev, struct audit_about *a)
{
	const struct grant_seen *g = NULL;
	const struct names *n = NULL;

	switch (ev->type) {
	case AUDIT_GRANT:
	case AUDIT_EXCLUDE:
	case AUDIT_REVOKE:
		g = find_seen(r->grants, r->grants_n, ev->object);
		a->known_path = true;
		a->path = g ? g->path : NULL;
		a->grant = ev->object;
		break;
	case AUDIT_MARK:
		g = find_seen(r->marks, r->marks_n, ev->object);
		about_said(r, ev, g, g ? g->path : NULL, a);
		break;
	case AUDIT_NOTE:
		g = find_seen(r->notes, r->notes_n, ev->object);
		about_said(r, ev, g, g ? g->path : NULL, a);
		break;
	case AUDIT_ADD:
	case AUDIT_RELEASE:
	case AUDIT_RELOCATE:
	case AUDIT_VERIFY:
		n = find_evidence(r, ev->object);
		a->known_path = true;
		a->evidence = n ? n->name : NULL;
		a->path = a->evidence;
		break;
	default:
		break;
	}
}

void log_sight_about(void *ctx, const struct audit_event *ev, struct audit_about *a)
{
	struct log_sight *r = ctx;
	const struct case_seen *c = find_case(r, ev->case_id);

	/* what concerns no case (starts, clocks, losses) is for the officers of the log */
	a->skip = ev->case_id ? !c : !r->x->caller->officer;
	if (r->only_case && ev->case_id != r->only_case)
		a->skip = true;
	a->left_out = !a->skip && ev->decision == AUDIT_HIDDEN && !(c && c->privileged);
	if (a->skip || a->left_out)
		return;
	a->case_name = c ? c->name : NULL;
	a->grant = ev->grant;
	about_access(r, ev, a);
	about_act(r, ev, a);
}

/* Who audits a part of a case sees what happened below it. */
bool log_sight_sees(void *ctx, const struct audit_event *ev, const struct buf *path)
{
	struct log_sight *r = ctx;
	const struct case_seen *c = find_case(r, ev->case_id);

	if (!c || c->whole)
		return true; /* what concerns no case was judged before */
	for (size_t i = 0; i < r->parts_n; i++) {
		size_t n = strlen(r->parts[i].path);

		if (r->parts[i].case_id == c->id && path->len >= n &&
			!memcmp(path->data, r->parts[i].path, n) &&
			(path->len == n || path->data[n] == '/'))
			return true;
	}
	return false;
}

static uint64_t mixed(uint64_t sum, uint64_t v)
{
	return (sum ^ v) * UINT64_C(0x9e3779b97f4a7c15);
}

/* What he may see of all logs, as one number. */
static uint64_t sight_now(
	const struct log_sight *r, const struct model *m, const struct moment *now)
{
	const struct exchange *x = r->x;
	uint64_t sum = 0;

	for (size_t i = 0; i < m->cases_n; i++) {
		struct sight s;

		exchange_sight(x, m, &m->cases[i], &s);
		if (s.audit_some)
			sum = mixed(mixed(sum, s.id),
				(s.audit ? 1 : 0) | (s.standing.rights & RIGHT_PRIVILEGED));
	}
	for (size_t i = 0; i < m->grants_n; i++) {
		const struct model_grant *g = &m->grants[i];

		if (g->act.kind == ACT_GRANT && (g->act.rights & RIGHT_AUDIT) &&
			hold_means(g, &x->caller->who) &&
			hold_active(g, now, service_clock(x->service)))
			sum = mixed(sum, g->act.object);
	}
	return sum;
}

bool log_sight_same(struct log_sight *r)
{
	struct moment now = service_now(r->x->service);
	const struct model *m = NULL;
	bool same = true;

	if (now.boot_ns - r->looked_ns < LOOK_NS)
		return true;
	m = service_model(r->x->service);
	same = sight_now(r, m, &now) == r->sight;
	service_model_done(r->x->service);
	r->looked_ns = now.boot_ns;
	return same;
}

/* ---- the question -------------------------------------------------------------------------- */

static int allowed(struct log_sight *r, const struct model *m, struct err *e)
{
	const struct model_case *c = NULL;
	struct sight s;
	int rc = 0;

	if (exchange_arg(r->x, "case")) {
		rc = exchange_case(r->x, m, &c, &s, e);
		if (rc == 0 && !s.audit_some)
			rc = exchange_refuse(r->x, "you may not see its log", e);
		if (rc == 0)
			r->only_case = c->id;
		return rc;
	}
	if (r->cases_n == 0 && !r->x->caller->officer)
		return exchange_refuse(r->x, "you may not see the log", e);
	return 0;
}

static int prepare(struct log_sight *r, struct err *e)
{
	struct moment now = service_now(r->x->service);
	const struct model *m = service_model(r->x->service);
	int rc = copy_cases(r, m);

	r->sight = sight_now(r, m, &now);
	r->looked_ns = now.boot_ns;

	if (rc == 0)
		rc = allowed(r, m, e);
	if (rc == 0)
		rc = copy_parts(r, m);
	if (rc == 0)
		rc = copy_names(r, m);
	if (rc == 0)
		rc = copy_grants(r, m);
	if (rc == 0)
		rc = copy_marks(r, m);
	if (rc == 0)
		rc = copy_notes(r, m);
	service_model_done(r->x->service);
	if (rc == -ENOMEM)
		err_errno(e, ENOMEM, "audit");
	return rc;
}

/* PATH as it is kept. Below MOUNT_ROOT/USER/CASE it names its case by itself. */
int log_sight_path(struct log_sight *r, const char *typed, char **out, struct err *e)
{
	const char *root = service_config(r->x->service)->mount_root;
	const char *name = exchange_arg(r->x, "case");
	size_t n = strlen(root);

	if (name || typed[0] != '/')
		return rules_path(typed, root, name ? name : "", out, e);
	if (!strncmp(typed, root, n) && typed[n] == '/') {
		for (size_t i = 0; i < r->cases_n; i++) {
			if (rules_path(typed, root, r->cases[i].name, out, NULL) < 0)
				continue;
			r->only_case = r->cases[i].id;
			return 0;
		}
	}
	return err_set(e, EINVAL, "%s: not below a case of %s that you may look at", typed, root);
}

/* The one piece of evidence of that name, in the cases that are asked about; NULL: none, or not
 * the only one. */
static struct names *find_only(const struct log_sight *r, const char *path, size_t n)
{
	struct names *only = NULL;

	for (size_t i = 0; i < r->names_n; i++) {
		struct names *to = &r->names[i];

		if ((r->only_case && to->case_id != r->only_case) || strlen(to->name) != n ||
			memcmp(to->name, path, n) != 0)
			continue;
		if (only)
			return NULL;
		only = to;
	}
	return only;
}

bool log_sight_evidence(void *ctx, const char *path, size_t n, struct evidence **ev,
	uint8_t id[static AUDIT_EVIDENCE_ID])
{
	struct log_sight *r = ctx;
	struct names *to = find_only(r, path, n);

	if (!to)
		return false;
	if (!to->tried) {
		to->tried = true;
		to->ev = service_evidence(r->x->service, to->id);
	}
	*ev = to->ev;
	memcpy(id, to->digest, AUDIT_EVIDENCE_ID);
	return true;
}

int log_sight_new(struct exchange *x, struct log_sight **out, struct err *e)
{
	struct log_sight *r = calloc(1, sizeof(*r));
	int rc = 0;

	if (!r)
		return err_errno(e, ENOMEM, "audit");
	r->x = x;
	rc = prepare(r, e);
	if (rc) {
		log_sight_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

uint64_t log_sight_case(const struct log_sight *r)
{
	return r->only_case;
}
