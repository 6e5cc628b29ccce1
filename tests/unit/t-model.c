/* SPDX-License-Identifier: Apache-2.0 */
/* t-model.c - what acts amount to: now, at any time before, and never when they contradict. */
#include "tap.h"

#include <errno.h>
#include <time.h>

#include "act-help.h"
#include "base/buf.h"
#include "catalog/model.h"
#include "store-help.h"

#define CASE   1
#define LAPTOP 2
#define PHONE  3
#define GRANT  4
#define OTHER  5 /* another case */
#define FREE   50

static struct act make(enum act_kind kind, uint64_t case_id, uint64_t object)
{
	struct act a = act_small(1, kind, object);

	a.case_id = case_id;
	a.name = NULL;
	return a;
}

static struct act make_named(
	enum act_kind kind, uint64_t case_id, uint64_t object, const char *name)
{
	static char names[8][32];
	static unsigned next;
	static char image[] = "/srv/x.E01";
	static char dir[] = "/var/lib/x";
	char *mine = names[next++ % 8];
	struct act a = make(kind, case_id, object);

	snprintf(mine, sizeof(names[0]), "%s", name);
	a.name = mine;
	a.image = image;
	a.dir = dir;
	return a;
}

static int apply(struct model *m, struct act a, struct err *e)
{
	a.seq = m->version + 2;
	a.ns = (int64_t)a.seq * 10;
	return model_apply(m, &a, e);
}

static void must_apply(struct model *m, struct act a)
{
	struct err e = {.code = 0};

	if (apply(m, a, &e) < 0)
		bail_out(e.text);
}

/* A case with a laptop and a phone, both held, a grant on the case; another case. */
static void begin(struct model *m)
{
	model_init(m);
	must_apply(m, make_named(ACT_CASE_CREATE, 0, CASE, "case-042"));
	must_apply(m, make_named(ACT_ADD, CASE, LAPTOP, "laptop"));
	must_apply(m, make_named(ACT_ADD, CASE, PHONE, "phone"));
	must_apply(m, make(ACT_GRANT, CASE, GRANT));
	must_apply(m, make_named(ACT_CASE_CREATE, OTHER, OTHER, "other"));
}

static void dump_subject(const struct subject *s, struct buf *out)
{
	buf_printf(out, " %d %s %s %u", (int)s->kind, s->typed ? s->typed : "-",
		s->name ? s->name : "-", s->id);
}

/* All of a model, as text. Caller releases. */
static struct buf dump(const struct model *m)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%llu\n", (unsigned long long)m->version);
	for (size_t i = 0; i < m->cases_n; i++) {
		const struct model_case *c = &m->cases[i];

		buf_printf(&b, "case %llu %s %s %u %lld %lld %lld", (unsigned long long)c->id,
			c->name, c->title ? c->title : "-", c->idle_days, (long long)c->created_ns,
			(long long)c->closed_ns, (long long)c->last_act_ns);
		dump_subject(&c->owner, &b);
		dump_subject(&c->officer, &b);
		buf_puts(&b, "\n");
	}
	for (size_t i = 0; i < m->evidence_n; i++) {
		const struct model_evidence *v = &m->evidence[i];

		buf_printf(&b, "evidence %llu %llu %s %s %s %s %u %d %lld %lld\n",
			(unsigned long long)v->id, (unsigned long long)v->case_id, v->name,
			v->image, v->dir, v->types ? v->types : "-", v->digest[31], v->totals.known,
			(long long)v->added_ns, (long long)v->released_ns);
	}
	for (size_t i = 0; i < m->grants_n; i++) {
		const struct model_grant *g = &m->grants[i];

		buf_printf(&b, "grant %llu %llu %s %x %lld %s %u",
			(unsigned long long)g->act.object, (unsigned long long)g->act.seq,
			g->act.path ? g->act.path : "-", g->act.rights, (long long)g->revoked_ns,
			g->revoked_by ? g->revoked_by : "-", g->revoked_uid);
		dump_subject(&g->act.who, &b);
		buf_puts(&b, "\n");
	}
	if (b.error)
		bail_out("no memory");
	return b;
}

static bool same_dump(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static void test_case(void)
{
	struct model m;
	struct act a = make_named(ACT_CASE_CREATE, 0, CASE, "case-042");
	const struct model_case *c = NULL;
	char title[] = "Operation\n'X'";

	model_init(&m);
	a.title = title;
	a.idle_days = 30;
	must_apply(&m, a);
	memset(title, 'z', sizeof(title) - 1);
	c = model_case_named(&m, "case-042");
	ok(c && c == model_case(&m, CASE) && c->id == CASE, "a case is found by name and id");
	ok(c && strcmp(c->title, "Operation\n'X'") == 0 && c->idle_days == 30 &&
			c->created_ns == 20 && c->closed_ns == 0 && c->last_act_ns == 20,
		"with what was said of it then");
	ok(c && c->owner.id == 1000 && strcmp(c->owner.name, "alice") == 0 &&
			c->officer.kind == SUBJECT_NONE,
		"it has an owner, and no officer");
	a = make(ACT_CASE_OFFICER, CASE, 0);
	a.who.id = 1001;
	must_apply(&m, a);
	a = make(ACT_CASE_OWNER, CASE, CASE);
	a.who.id = 1002;
	must_apply(&m, a);
	c = model_case(&m, CASE);
	ok(c->officer.id == 1001 && c->owner.id == 1002, "both can be others later");
	is_int(c->last_act_ns, 60, "its last act is known");
	must_apply(&m, make(ACT_CASE_CLOSE, CASE, 0));
	is_int(model_case(&m, CASE)->closed_ns, 80, "it is closed");
	ok(!model_case(&m, 2) && !model_case_named(&m, "case-04") &&
			!model_case_named(&m, "case-0421") && !model_case_named(&m, ""),
		"others are not there");
	is_int(m.version, 8, "the version is that of the last act");
	model_release(&m);
	ok(m.cases == NULL && m.version == 0, "released");
}

static void test_evidence(void)
{
	struct model m;
	struct act a = make_named(ACT_ADD, CASE, FREE, "laptop-2");
	const struct model_evidence *v = NULL;
	static char moved[] = "/mnt/new.E01";

	begin(&m);
	a.digest[31] = 9;
	a.totals.known = true;
	a.totals.md5[0] = 7;
	must_apply(&m, a);
	v = model_evidence_named(&m, CASE, "laptop-2/p2-ntfs", 8);
	ok(v && v == model_evidence(&m, FREE) && v->digest[31] == 9 && v->totals.md5[0] == 7 &&
			v->totals.known && strcmp(v->dir, "/var/lib/x") == 0,
		"evidence is found by the first of a path, and by id");
	v = model_evidence_named(&m, CASE, "laptop-2/p2-ntfs", 6);
	ok(v && v->id == LAPTOP, "by no more than that");
	ok(!model_evidence_named(&m, CASE, "laptop", 5) &&
			!model_evidence_named(&m, CASE, "laptop-2\0x", 10) &&
			!model_evidence_named(&m, OTHER, "laptop", 6) &&
			!model_evidence_named(&m, 0, "case-042", 8),
		"not by a part of its name, nor in another case");
	is_int(model_evidence(&m, PHONE)->released_ns, 0, "it is held");
	must_apply(&m, make(ACT_RELEASE, CASE, PHONE));
	ok(model_evidence(&m, PHONE)->released_ns > 0 &&
			model_evidence(&m, LAPTOP)->released_ns == 0,
		"until it is released, it alone");
	a = make(ACT_RELOCATE, CASE, PHONE);
	a.image = moved;
	must_apply(&m, a);
	is_str(model_evidence(&m, PHONE)->image, "/mnt/new.E01", "its image is elsewhere");
	must_apply(&m, make(ACT_VERIFY, CASE, PHONE));
	must_apply(&m, make_named(ACT_ADD, OTHER, FREE + 1, "laptop"));
	is_int(model_evidence_named(&m, OTHER, "laptop", 6)->id, FREE + 1,
		"another case can have the same name");
	model_release(&m);
}

static void test_grants(void)
{
	struct model m;
	struct act full = act_full(ACT_GRANT);
	struct act a = make(ACT_REVOKE, CASE, GRANT);
	uint64_t covers[] = {PHONE, LAPTOP};
	const struct model_grant *g = NULL;
	char *path = full.path;

	begin(&m);
	full.case_id = CASE;
	full.object = FREE;
	free(full.covers);
	full.covers = NULL;
	full.covers_n = 0;
	must_apply(&m, full);
	full.seq = m.version;
	full.ns = (int64_t)m.version * 10;
	g = model_grant(&m, FREE);
	ok(g && act_same(&g->act, &full) && g->act.path != path, "a grant is kept as it was made");
	ok(g && g->revoked_ns == 0 && !g->revoked_by, "and has not ended");
	a.by_uid = 77;
	must_apply(&m, a);
	g = model_grant(&m, GRANT);
	ok(g && g->revoked_ns == 140 && g->revoked_uid == 77 &&
			strcmp(g->revoked_by, "alice") == 0 &&
			strcmp(g->revoke_reason, "because") == 0,
		"one that was revoked says by whom and why");
	a = make(ACT_GRANT, CASE, FREE + 2);
	a.covers = covers;
	a.covers_n = 2;
	must_apply(&m, a);
	must_apply(&m, make(ACT_EXCLUDE, CASE, FREE + 1));
	ok(m.grants_n == 4 && m.grants[0].act.object == GRANT && m.grants[1].act.object == FREE &&
			m.grants[2].act.object == FREE + 1 && m.grants[3].act.object == FREE + 2,
		"they stand in order of their ids, however they came");
	g = model_grant(&m, FREE + 2);
	ok(g && g->act.covers_n == 2 && g->act.covers[0] == PHONE && g->act.covers != covers,
		"with the evidence they cover");
	ok(model_grant(&m, FREE + 1)->act.kind == ACT_EXCLUDE, "exclusions among them");
	ok(!model_grant(&m, LAPTOP) && !model_grant(&m, 0) && !model_grant(&m, UINT64_MAX),
		"others are not there");
	must_apply(&m, make(ACT_CASE_CLOSE, CASE, 0));
	must_apply(&m, make(ACT_REVOKE, CASE, FREE));
	ok(model_grant(&m, FREE)->revoked_ns > 0, "they can be ended in a closed case");
	model_release(&m);
	act_release(&full);
}

static struct act make_said(enum act_kind kind, uint64_t object)
{
	static char path[] = "laptop/p2-ntfs/x";
	static char text[] = "as it is";
	static char name[] = "0123456789abcdef";
	struct act a = make(kind, CASE, object);

	a.path = path;
	a.trace = 77;
	a.inode = 5;
	if (kind == ACT_MARK) {
		a.basis = text;
		a.mark_state = MARK_SUSPECTED;
		a.mark_origin = MARK_BY_USER;
	} else {
		a.text = text;
		a.name = name;
	}
	return a;
}

static void test_said(void)
{
	struct model m;
	struct act mark = make_said(ACT_MARK, FREE);
	struct act note = make_said(ACT_NOTE, FREE + 1);

	begin(&m);
	must_apply(&m, mark);
	mark.seq = m.version;
	mark.ns = (int64_t)m.version * 10;
	must_apply(&m, note);
	note.seq = m.version;
	note.ns = (int64_t)m.version * 10;
	must_apply(&m, make_said(ACT_MARK, FREE + 2));
	ok(m.marks_n == 2 && model_mark(&m, FREE) == &m.marks[0] &&
			act_same(&model_mark(&m, FREE)->act, &mark) &&
			m.marks[0].act.path != mark.path,
		"a mark is kept as it was made, and none replaces another");
	ok(m.notes_n == 1 && model_note(&m, FREE + 1) && act_same(&m.notes[0].act, &note),
		"a note too");
	ok(!model_mark(&m, FREE + 1) && !model_note(&m, FREE) && !model_grant(&m, FREE),
		"each by its own number");
	model_release(&m);
}

/* ---- contradictions ------------------------------------------------------------------- */

static struct model *at_hand; /* the model that is refused on */
static size_t not_refused;

static void refuse(struct act a, const char *what)
{
	struct buf before = dump(at_hand);
	struct buf after = BUF_INIT;
	struct err e = {.code = 0};
	int checked = 0;
	int rc = 0;

	if (a.seq == 1) { /* as it comes from make() */
		a.seq = at_hand->version + 1;
		a.ns = 1000000;
	}
	checked = model_check(at_hand, &a, &e);
	err_clear(&e);
	rc = model_apply(at_hand, &a, &e);
	after = dump(at_hand);
	if (rc != -EBADMSG || checked != rc || !e.text[0] || !same_dump(&before, &after)) {
		not_refused++;
		diag("%s: %d, %d: %s", what, checked, rc, e.text);
	}
	buf_release(&before);
	buf_release(&after);
}

static void refuse_numbers(void)
{
	struct act a = make(ACT_VERIFY, CASE, LAPTOP);

	a.seq = at_hand->version;
	a.ns = 1000000;
	refuse(a, "a record that was applied");
	a.seq = at_hand->version + 1;
	a.ns = 0;
	refuse(a, "no time");
	refuse(make((enum act_kind)0, CASE, LAPTOP), "no kind");
	refuse(make((enum act_kind)(ACT_KIND_MAX + 1), CASE, LAPTOP), "a later kind");
	for (unsigned k = ACT_CASE_OWNER; k <= ACT_KIND_MAX; k++) {
		refuse(make((enum act_kind)k, 0, 0), "no case");
		refuse(make_named((enum act_kind)k, FREE, k == ACT_ADD ? FREE : GRANT, "x"),
			"a case that is not there");
		refuse(make_named((enum act_kind)k, LAPTOP, FREE, "x"), "evidence as a case");
	}
	for (uint64_t id = 0; id <= OTHER; id++) {
		refuse(make_named(ACT_CASE_CREATE, 0, id, "new"), "a case's number again");
		refuse(make_named(ACT_ADD, CASE, id, "new"), "evidence's number again");
		refuse(make(ACT_GRANT, CASE, id), "a grant's number again");
		refuse(make(ACT_EXCLUDE, CASE, id), "an exclusion's number again");
	}
}

static void refuse_names(void)
{
	struct act a = make_named(ACT_CASE_CREATE, 0, FREE, "case-042");

	refuse(a, "a case's name again");
	refuse(make_named(ACT_CASE_CREATE, 0, FREE, "a/b"), "a case with a slash");
	refuse(make_named(ACT_CASE_CREATE, 0, FREE, ""), "a case without a name");
	refuse(make(ACT_CASE_CREATE, 0, FREE), "a case with none at all");
	refuse(make_named(ACT_CASE_CREATE, CASE, FREE, "new"), "a case in a case");
	a = make_named(ACT_CASE_CREATE, 0, FREE, "new");
	a.who.kind = SUBJECT_GROUP;
	refuse(a, "a case of a group");
	refuse(make_named(ACT_ADD, CASE, FREE, "laptop"), "evidence's name again");
	refuse(make_named(ACT_ADD, CASE, FREE, "lap/top"), "evidence with a slash");
	refuse(make(ACT_ADD, CASE, FREE), "evidence without a name");
	a = make_named(ACT_ADD, CASE, FREE, "new");
	a.image = NULL;
	refuse(a, "evidence without an image");
	a = make_named(ACT_ADD, CASE, FREE, "new");
	a.dir = NULL;
	refuse(a, "evidence without indexes");
	a = make(ACT_CASE_OWNER, CASE, 0);
	a.who.kind = SUBJECT_NONE;
	refuse(a, "nobody as owner");
	a.kind = ACT_CASE_OFFICER;
	refuse(a, "nobody as officer");
}

static void refuse_evidence(void)
{
	static const enum act_kind kinds[] = {ACT_RELEASE, ACT_RELOCATE, ACT_VERIFY};

	for (size_t i = 0; i < 3; i++) {
		refuse(make_named(kinds[i], CASE, FREE, "x"), "evidence that is not there");
		refuse(make_named(kinds[i], CASE, GRANT, "x"), "a grant as evidence");
		refuse(make_named(kinds[i], OTHER, LAPTOP, "x"), "evidence of another case");
	}
	must_apply(at_hand, make(ACT_RELEASE, CASE, LAPTOP));
	refuse(make(ACT_RELEASE, CASE, LAPTOP), "released twice");
	refuse(make(ACT_RELOCATE, CASE, LAPTOP), "moved to nowhere");
}

static void refuse_grants(void)
{
	static char paths[][8] = {"", "/", "/a", "a/"};
	uint64_t covers[] = {LAPTOP, FREE};
	struct act a = make(ACT_GRANT, CASE, FREE);

	a.rights = 0;
	refuse(a, "a grant of nothing");
	a.rights = RIGHTS_ALL + 1;
	refuse(a, "a grant of a right that is none");
	a = make(ACT_GRANT, CASE, FREE);
	a.who.kind = SUBJECT_NONE;
	refuse(a, "a grant to nobody");
	a.who.kind = (enum subject_kind)(SUBJECT_GROUP + 1);
	refuse(a, "a grant to something else");
	a = make(ACT_EXCLUDE, CASE, FREE);
	a.who.name = NULL;
	refuse(a, "an exclusion of somebody without a name");
	a = make(ACT_GRANT, CASE, FREE);
	a.from_ns = a.until_ns = 5;
	refuse(a, "a grant that ends when it begins");
	a = make(ACT_EXCLUDE, CASE, FREE);
	a.from_ns = TIME_NEVER;
	refuse(a, "an exclusion that never begins");
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		a = make(ACT_GRANT, CASE, FREE);
		a.path = paths[i];
		refuse(a, "a path that is none");
	}
	a = make(ACT_GRANT, CASE, FREE);
	a.covers = covers;
	a.covers_n = 2;
	refuse(a, "a grant on evidence that is not there");
	a.covers_n = 1;
	a.case_id = OTHER;
	refuse(a, "a grant on evidence of another case");
	a.case_id = CASE;
	a.path = paths[2] + 1;
	refuse(a, "a grant with a path and evidence");
	refuse(make(ACT_REVOKE, CASE, FREE), "a grant that is not there ends");
	refuse(make(ACT_REVOKE, CASE, LAPTOP), "evidence ends");
	refuse(make(ACT_REVOKE, OTHER, GRANT), "a grant of another case ends");
	must_apply(at_hand, make(ACT_REVOKE, CASE, GRANT));
	refuse(make(ACT_REVOKE, CASE, GRANT), "a grant ends twice");
}

static void refuse_said(void)
{
	struct act a = make_said(ACT_MARK, FREE);

	refuse(make_said(ACT_MARK, LAPTOP), "a number that is evidence's");
	refuse(make_said(ACT_NOTE, GRANT), "a number that is a grant's");
	a.path = NULL;
	refuse(a, "a mark on the whole case");
	a.path = make_named(ACT_ADD, CASE, FREE, "lapto/x").name;
	refuse(a, "a mark on evidence that is not there");
	a = make_said(ACT_MARK, FREE);
	a.mark_state = MARK_NONE;
	refuse(a, "a mark that says nothing");
	a.mark_state = (enum mark_state)(MARK_REJECTED + 1);
	refuse(a, "a state that is none");
	a = make_said(ACT_MARK, FREE);
	a.mark_origin = MARK_BY_NOBODY;
	refuse(a, "a mark by nothing");
	a = make_said(ACT_NOTE, FREE);
	a.text = NULL;
	refuse(a, "a note without a text");
	a = make_said(ACT_NOTE, FREE);
	a.name = make_named(ACT_ADD, CASE, FREE, "laptop").name;
	refuse(a, "a note whose name says something");
	a.name = NULL;
	refuse(a, "a note without a name");
	must_apply(at_hand, make_said(ACT_MARK, FREE));
	refuse(make_said(ACT_NOTE, FREE), "a mark's number again");
	must_apply(at_hand, make_said(ACT_NOTE, FREE + 1));
	refuse(make(ACT_GRANT, CASE, FREE + 1), "a note's number again");
	refuse(make(ACT_REVOKE, CASE, FREE), "a mark is not revoked");
}

static void refuse_closed(void)
{
	must_apply(at_hand, make(ACT_CASE_CLOSE, CASE, 0));
	refuse(make(ACT_CASE_CLOSE, CASE, 0), "closed twice");
	refuse(make(ACT_CASE_OWNER, CASE, 0), "an owner of a closed case");
	refuse(make(ACT_CASE_OFFICER, CASE, 0), "an officer");
	refuse(make_named(ACT_ADD, CASE, FREE, "new"), "evidence");
	refuse(make(ACT_RELEASE, CASE, PHONE), "a release");
	refuse(make(ACT_GRANT, CASE, FREE), "a grant");
	refuse(make(ACT_EXCLUDE, CASE, FREE), "an exclusion");
	refuse(make_named(ACT_CASE_CREATE, 0, FREE, "case-042"), "its name again");
}

static void test_contradictions(void)
{
	static void (*const groups[])(void) = {refuse_numbers, refuse_names, refuse_evidence,
		refuse_grants, refuse_said, refuse_closed};
	static const char *const names[] = {
		"numbers", "names", "evidence", "grants", "marks and notes", "a closed case"};
	struct model m;
	struct act a;

	begin(&m);
	at_hand = &m;
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		not_refused = 0;
		groups[i]();
		is_int(not_refused, 0, names[i]);
	}
	a = make(ACT_VERIFY, CASE, LAPTOP);
	a.seq = 0;
	a.ns = 0;
	is_int(model_check(&m, &a, NULL), 0, "what has no record yet can be checked");
	is_int(model_apply(&m, &a, NULL), -EBADMSG, "but not applied");
	model_release(&m);
}

/* ---- a store's ------------------------------------------------------------------------- */

/* Act number @i of a long life: cases, each with evidence, grants, some of them ended. */
static struct act nth(uint64_t i)
{
	const uint64_t per_case = 50;
	uint64_t first = i - (i - 1) % per_case; /* seq and id of its case */
	uint64_t at = i - first;
	struct act a = make(ACT_GRANT, first, i);
	static char name[40];
	static char path[80];

	snprintf(name, sizeof(name), "%s-%llu", at == 0 ? "case" : "disk", (unsigned long long)i);
	snprintf(path, sizeof(path), "disk-%llu/p2-ntfs/Users/alice/Documents/%llu",
		(unsigned long long)first + 1, (unsigned long long)i);
	if (at == 0) {
		a = make_named(ACT_CASE_CREATE, 0, i, name);
	} else if (at < 6) {
		a = make_named(ACT_ADD, first, i, name);
	} else if (at < 11) {
		a.kind = ACT_RELEASE;
		a.object = i - 5;
	} else if (at > 40) {
		a.kind = ACT_REVOKE;
		a.object = i - 20;
	} else {
		a.path = path;
	}
	a.seq = i;
	a.ns = (int64_t)(i / 2 + 1);
	return a;
}

static void test_prefixes(void)
{
	struct place at;
	struct store *s = NULL;
	struct model prefix;
	struct err e = {.code = 0};
	const uint64_t n = 150;
	size_t good = 0;

	place_make(&at);
	s = must_open(&at);
	for (uint64_t i = 1; i <= n; i++) {
		struct act a = nth(i);

		if (store_append(s, &a, &e))
			bail_out(e.text);
	}
	model_init(&prefix);
	for (int64_t t = 0; t <= (int64_t)n; t++) {
		struct model then;
		struct buf want = BUF_INIT;
		struct buf got = BUF_INIT;

		for (struct act a = nth(prefix.version + 1); a.ns <= t && a.seq <= n;
			a = nth(prefix.version + 1))
			if (model_apply(&prefix, &a, &e))
				bail_out(e.text);
		model_init(&then);
		if (model_load(&then, s, t, &e) < 0)
			bail_out(e.text);
		want = dump(&prefix);
		got = dump(&then);
		good += same_dump(&want, &got);
		buf_release(&want);
		buf_release(&got);
		model_release(&then);
	}
	is_int(good, (long long)n + 1, "at any time the model is that of the acts until then");
	model_release(&prefix);
	store_close(s);
	place_remove(&at);
}

/* Acts that a store takes and that contradict: the model refuses them when it is loaded. */
static void test_unsound(void)
{
	struct place at;
	struct store *s = NULL;
	struct model m;
	struct act a = nth(1);
	struct err e = {.code = 0};

	place_make(&at);
	s = must_open(&at);
	store_append(s, &a, NULL);
	a = make(ACT_REVOKE, 1, 7);
	a.seq = 2;
	a.ns = 10;
	is_int(store_append(s, &a, NULL), 0, "a store does not ask what an act means");
	model_init(&m);
	is_int(model_load(&m, s, TIME_NEVER, &e), -EBADMSG, "the model does");
	ok(strstr(e.text, "act 2 (revoke)"), "and says which: %s", e.text);
	model_release(&m);
	store_close(s);
	place_remove(&at);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void test_many(void)
{
	struct place at;
	struct store *s = NULL;
	struct model m;
	struct err e = {.code = 0};
	const uint64_t n = 100000;
	uint64_t put = 0;
	uint64_t found = 0;
	double from = now();
	double opened = 0;

	place_make(&at);
	s = must_open(&at);
	for (uint64_t i = 1; i <= n; i++) {
		struct act a = nth(i);

		put += store_append(s, &a, &e) == 0;
	}
	is_int(put, (long long)n, "a hundred thousand acts");
	diag("%.1f s to append them one by one in %s", now() - from, at.top);
	store_close(s);
	from = now();
	s = must_open(&at);
	opened = now();
	model_init(&m);
	is_int(model_load(&m, s, TIME_NEVER, &e), 0, "are sound");
	diag("%.3f s to open and check, %.3f s to load", opened - from, now() - opened);
	ok(now() - from < 20, "and loaded before long");
	for (uint64_t i = 1; i <= n; i++) {
		struct act a = nth(i);
		const struct model_case *c = NULL;
		const struct model_evidence *v = NULL;

		if (a.kind == ACT_CASE_CREATE)
			c = model_case_named(&m, a.name);
		if (a.kind == ACT_ADD)
			v = model_evidence_named(&m, a.case_id, a.name, strlen(a.name));
		found += (c && c->id == i) || (v && v->id == i) || model_grant(&m, i);
	}
	is_int(found, (long long)(m.cases_n + m.evidence_n + m.grants_n), "each is found");
	is_int(m.cases_n, 2000, "all the cases");
	is_int(m.evidence_n, 10000, "all the evidence");
	is_int(m.grants_n, 60000, "all the grants");
	model_release(&m);
	store_close(s);
	place_remove(&at);
}

int main(void)
{
	test_case();
	test_evidence();
	test_grants();
	test_said();
	test_contradictions();
	test_prefixes();
	test_unsound();
	test_many();
	return done_testing();
}
