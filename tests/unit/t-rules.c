/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-rules.c - who may change what: every row of the table in docs/ARCHITECTURE.md,
 * "Who may do what", allowed and refused; what is sound; names and paths.
 */
#include "policy-help.h"

#include <errno.h>

#define R     RIGHT_READ
#define D     RIGHT_DELETED
#define N     RIGHT_NOTES
#define P     RIGHT_PRIVILEGED
#define M     RIGHT_MARK
#define G     RIGHT_GRANT
#define AUDIT RIGHT_AUDIT
#define REVIEWER                                                                                   \
	(RIGHT_READ | RIGHT_DELETED | RIGHT_RAW | RIGHT_PRIVILEGED | RIGHT_MARK | RIGHT_NOTES)

enum who { ROOT, OLGA, OMAR, GINA, CARL, RITA, ALICE, NILS, PEOPLE };

static const char *const names[] = {
	"root", "olga", "omar", "gina", "carl", "rita", "alice", "nils"};
static struct person people[PEOPLE];
static struct team t;
static uint64_t the_case, laptop, phone;
/* what was given at the beginning, by whom */
static uint64_t by_olga, by_omar, by_gina, x_olga, x_gina, to_gina, to_carl;

static uint64_t give(enum who by, enum who to, const char *path, unsigned rights, int64_t days)
{
	struct act a = grant_of(the_case, user(&people[to]), path, rights);
	uint64_t covers[] = {laptop};

	if (rights == 0)
		a.kind = ACT_EXCLUDE;
	if (days)
		a.until_ns = T0 + days * DAY;
	if (!path) {
		a.covers = covers;
		a.covers_n = 1;
	}
	return team_apply(&t, &a, &people[by]);
}

/* olga owns, omar is the officer; gina grants below a folder, carl all that was released. */
static void begin(bool officer)
{
	team_begin(&t);
	for (size_t i = 0; i < PEOPLE; i++)
		person_set(&people[i], names[i], i == ROOT ? 0 : (uid_t)(1999950000 + i));
	the_case = team_case(&t, "case-1", &people[OLGA]);
	if (officer)
		team_officer(&t, the_case, &people[OMAR]);
	laptop = team_add(&t, the_case, "laptop");
	phone = team_add(&t, the_case, "phone");
	team_release(&t, the_case, laptop);
	to_gina = give(OLGA, GINA, "laptop/p1/Users", R | D | G, 30);
	to_carl = give(OLGA, CARL, NULL, R | D | N | G | AUDIT, 0);
	by_omar = give(OMAR, RITA, NULL, REVIEWER, 0);
	by_olga = give(OLGA, ALICE, "laptop/p1/Users/x", R, 10);
	by_gina = give(GINA, ALICE, "laptop/p1/Users/y", R, 10);
	x_olga = give(OLGA, ALICE, "laptop/p1/Users/z", 0, 0);
	x_gina = give(GINA, ALICE, "laptop/p1/Users/w", 0, 0);
}

static int check(enum who by, struct act *a, struct err *e)
{
	const struct moment now = clock_now(t.clock);

	err_clear(e);
	return rules_check(&t.m, &people[by].id, a, &now, t.clock, e);
}

static void expect(enum who by, struct act *a, int want, const char *what)
{
	struct err e = {.code = 0};
	int r = check(by, a, &e);

	ok(r == want && (r == 0 || e.text[0]), "%s, by %s: %s", what, names[by],
		want == 0 ? "done" : strerror(-want));
	if (r != want)
		diag("got %d: %s", r, e.text);
	free(a->covers);
	a->covers = NULL;
	a->covers_n = 0;
}

/* ---- every row, everybody ------------------------------------------------------------- */

struct row {
	const char *what;
	struct act act;
	int want[PEOPLE]; /* ROOT OLGA OMAR GINA CARL RITA ALICE NILS */
};

#define NO (-EPERM)
#define NE (-ENOENT)

static void run(struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (unsigned by = 0; by < PEOPLE; by++)
			expect(by, &rows[i].act, rows[i].want[by], rows[i].what);
	}
}

#define RUN(rows) run(rows, sizeof(rows) / sizeof((rows)[0]))

static struct act act_of(enum act_kind k, uint64_t object, const char *name)
{
	return (struct act){.kind = k,
		.case_id = the_case,
		.object = object,
		.name = TEXT(name),
		.image = TEXT("/i"),
		.reason = TEXT("because")};
}

static struct act about(enum act_kind k, enum who who)
{
	struct act a = act_of(k, 0, NULL);

	a.who = user(&people[who]);
	return a;
}

static void test_case_rows(void)
{
	struct act create = about(ACT_CASE_CREATE, NILS);

	create.name = TEXT("case-2");
	create.case_id = 0;
	{
		struct row rows[] = {
			{"case create", create, {0, NO, NO, NO, NO, NO, NO, NO}},
			{"case transfer", about(ACT_CASE_OWNER, NILS),
				{NO, 0, NO, NO, NO, NO, NO, NE}},
			{"case officer, there is one", about(ACT_CASE_OFFICER, NILS),
				{NO, NO, 0, NO, NO, NO, NO, NE}},
			{"case close", act_of(ACT_CASE_CLOSE, 0, NULL),
				{NO, 0, NO, NO, NO, NO, NO, NE}},
			{"add", act_of(ACT_ADD, 0, "tablet"), {0, NO, NO, NO, NO, NO, NO, NE}},
			{"release", act_of(ACT_RELEASE, phone, NULL),
				{NO, 0, NO, NO, NO, NO, NO, NE}},
			{"relocate", act_of(ACT_RELOCATE, laptop, NULL),
				{0, NO, NO, NO, NO, NO, NO, NE}},
			{"verify", act_of(ACT_VERIFY, laptop, NULL),
				{0, 0, NO, NO, NO, NO, NO, NE}},
		};

		RUN(rows);
	}
}

static struct act asks(enum who to, const char *path, unsigned rights, int64_t days)
{
	struct act a = grant_of(the_case, user(&people[to]), path, rights);

	if (days)
		a.until_ns = T0 + days * DAY;
	if (rights == 0)
		a.kind = ACT_EXCLUDE;
	return a;
}

static void test_grant_rows(void)
{
	struct row rows[] = {
		{"read below Users", asks(NILS, "laptop/p1/Users/n", R, 5),
			{NO, 0, NO, 0, 0, NO, NO, NE}},
		{"read of Users itself", asks(NILS, "laptop/p1/Users", R, 30),
			{NO, 0, NO, 0, 0, NO, NO, NE}},
		{"read beside Users", asks(NILS, "laptop/p1/Users2", R, 5),
			{NO, 0, NO, NO, 0, NO, NO, NE}},
		{"read above Users", asks(NILS, "laptop/p1", R, 5), {NO, 0, NO, NO, 0, NO, NO, NE}},
		{"read below Users for longer", asks(NILS, "laptop/p1/Users/n", R, 31),
			{NO, 0, NO, NO, 0, NO, NO, NE}},
		{"read without end", asks(NILS, "laptop/p1/Users/n", R, 0),
			{NO, 0, NO, NO, 0, NO, NO, NE}},
		{"notes, which gina lacks", asks(NILS, "laptop/p1/Users/n", R | N, 5),
			{NO, 0, NO, NO, 0, NO, NO, NE}},
		{"raw, which carl lacks", asks(NILS, "laptop/p1/Users/n", R | RIGHT_RAW, 5),
			{NO, 0, NO, NO, NO, NO, NO, NE}},
		{"audit of the case", asks(NILS, NULL, AUDIT, 5), {NO, 0, NO, NO, 0, NO, NO, NE}},
		{"the case", asks(NILS, NULL, R | D, 5), {NO, 0, NO, NO, 0, NO, NO, NE}},
		{"held evidence by path", asks(NILS, "phone/p1", R, 5),
			{NO, 0, NO, NO, NO, NO, NO, NE}},
		{"evidence that is not there", asks(NILS, "tablet", R, 5),
			{NO, 0, NO, NO, NO, NO, NO, NE}},
		{"grant", asks(NILS, "laptop/p1/Users/n", R | G, 5),
			{NO, 0, NO, NO, NO, NO, NO, NE}},
		{"privileged", asks(NILS, "laptop/p1/Users/n", P, 5),
			{NO, NO, 0, NO, NO, NO, NO, NE}},
		{"mark", asks(NILS, "laptop/p1/Users/n", M, 5), {NO, NO, 0, NO, NO, NO, NO, NE}},
		{"the reviewer's role", asks(NILS, NULL, REVIEWER, 5),
			{NO, NO, 0, NO, NO, NO, NO, NE}},
		{"privileged with annotate", asks(NILS, NULL, P | RIGHT_ANNOTATE, 5),
			{NO, NO, NO, NO, NO, NO, NO, NE}},
		{"mark with grant", asks(NILS, NULL, M | G, 5), {NO, NO, NO, NO, NO, NO, NO, NE}},
		{"to root", asks(ROOT, "laptop/p1/Users/n", R, 5),
			{NO, NO, NO, NO, NO, NO, NO, NE}},
		{"exclude below Users", asks(NILS, "laptop/p1/Users/n", 0, 0),
			{NO, 0, NO, 0, 0, NO, NO, NE}},
		{"exclude above Users", asks(NILS, "laptop/p1", 0, 0),
			{NO, 0, NO, NO, 0, NO, NO, NE}},
	};

	RUN(rows);
}

static void test_revoke_rows(void)
{
	struct row rows[] = {
		{"revoke what olga gave", act_of(ACT_REVOKE, by_olga, NULL),
			{NO, 0, NO, 0, 0, NE, NE, NE}},
		{"revoke what gina gave", act_of(ACT_REVOKE, by_gina, NULL),
			{NO, 0, NO, 0, 0, NE, NE, NE}},
		{"revoke what gina has", act_of(ACT_REVOKE, to_gina, NULL),
			{NO, 0, NO, NE, NE, NE, NE, NE}},
		{"revoke what omar gave", act_of(ACT_REVOKE, by_omar, NULL),
			{NO, NO, 0, NE, NE, NE, NE, NE}},
		{"lift olga's exclusion", act_of(ACT_REVOKE, x_olga, NULL),
			{NO, 0, NO, NE, NE, NE, NE, NE}},
		{"lift gina's exclusion", act_of(ACT_REVOKE, x_gina, NULL),
			{NO, 0, NO, 0, NE, NE, NE, NE}},
		{"revoke what is not there", act_of(ACT_REVOKE, 4711, NULL),
			{NO, NE, NE, NE, NE, NE, NE, NE}},
	};

	RUN(rows);
	team_revoke(&t, the_case, to_gina);
	{
		struct row later[] = {
			{"revoke twice", act_of(ACT_REVOKE, to_gina, NULL),
				{NO, -EEXIST, NO, NE, NE, NE, NE, NE}},
		};

		RUN(later);
	}
	team_revoke(&t, the_case, by_gina);
}

/* ---- officers ------------------------------------------------------------------------------ */

static void test_officer(void)
{
	struct act a;

	begin(false);
	a = about(ACT_CASE_OFFICER, OMAR);
	expect(OLGA, &a, 0, "the owner names an officer while there is none");
	expect(ROOT, &a, NO, "root not once the case is under way");
	a = about(ACT_CASE_OFFICER, OLGA);
	expect(OLGA, &a, NO, "not himself");
	a = about(ACT_CASE_OFFICER, ROOT);
	expect(OLGA, &a, NO, "not root");
	a = about(ACT_CASE_OFFICER, GINA);
	expect(OLGA, &a, NO, "not who holds grant: officers mark");
	a = asks(NILS, NULL, P, 5);
	expect(OLGA, &a, NO, "nobody gives privileged while there is none");
	team_end(&t);

	team_begin(&t);
	the_case = team_case(&t, "case-1", &people[OLGA]);
	a = about(ACT_CASE_OFFICER, OMAR);
	a.reason = NULL;
	expect(ROOT, &a, 0, "root names one with the case");
	expect(OLGA, &a, -EINVAL, "an owner says why");
	team_pass(&t, 11 * S);
	expect(ROOT, &a, NO, "not later");
	team_end(&t);

	begin(true);
	a = about(ACT_CASE_OFFICER, OMAR);
	expect(OMAR, &a, -EEXIST, "to himself");
	a = about(ACT_CASE_OFFICER, OLGA);
	expect(OMAR, &a, NO, "to the owner");
	a = about(ACT_CASE_OFFICER, CARL);
	expect(OMAR, &a, NO, "to who holds grant");
	a = about(ACT_CASE_OWNER, OMAR);
	expect(OLGA, &a, NO, "the officer does not become owner");
	a = about(ACT_CASE_OWNER, RITA);
	expect(OLGA, &a, NO, "nor who holds mark");
	a = about(ACT_CASE_OWNER, OLGA);
	expect(OLGA, &a, -EEXIST, "nor who owns it already");
	a = about(ACT_CASE_OWNER, ROOT);
	expect(OLGA, &a, NO, "nor root");
	a = about(ACT_CASE_OWNER, NILS);
	a.who = group(TEXT("team"), 7);
	expect(OLGA, &a, -EINVAL, "nor a group");
	a.who = (struct subject){.kind = SUBJECT_USER, .id = 5};
	expect(OLGA, &a, -EINVAL, "nor a number without a name");
	a = asks(OMAR, NULL, REVIEWER, 5);
	expect(OMAR, &a, NO, "an officer makes himself no reviewer");
	a = asks(OLGA, NULL, REVIEWER, 5);
	expect(OMAR, &a, NO, "nor the owner, who grants");
	a = asks(OLGA, NULL, P, 5);
	expect(OMAR, &a, 0, "but may show him what is privileged");
	a = asks(GINA, NULL, M, 5);
	expect(OMAR, &a, NO, "mark for who grants");
	a = asks(RITA, "laptop", G, 5);
	expect(OLGA, &a, NO, "grant for who marks");
	a = asks(OMAR, "laptop", G, 5);
	expect(OLGA, &a, NO, "grant for the officer");
	a = asks(OLGA, NULL, R | D | N, 5);
	expect(OLGA, &a, 0, "an owner grants himself what is not privileged");
	team_revoke(&t, the_case, by_omar);
	a = asks(RITA, "laptop", G, 5);
	expect(OLGA, &a, 0, "grant for who marked once");
	team_end(&t);
}

static void group_grant(struct act *a, const char *name, gid_t gid)
{
	a->who = group(TEXT(name), gid);
}

static void test_group_conflicts(void)
{
	struct identity daemon;
	struct person p;
	struct act a;

	begin(true);
	a = asks(NILS, NULL, REVIEWER, 5);
	group_grant(&a, "no-such-group", 1999960000);
	expect(OMAR, &a, 0, "the reviewer's role for a group");
	a.covers_n = 0;
	team_apply(&t, &a, &people[OMAR]);
	a = asks(NILS, "laptop", G, 5);
	group_grant(&a, "no-such-group", 1999960000);
	expect(OLGA, &a, NO, "then not grant for the same");
	group_grant(&a, "other", 0);
	expect(OLGA, &a, NO, "nor anything for root's group");
	if (identity_of(1, &daemon) || daemon.groups_n == 0 || !daemon.group_names[0]) {
		skip("no user 1 here");
	} else {
		person_set(&p, daemon.name, 1);
		a = asks(NILS, "laptop", G, 5);
		a.who = user(&p);
		team_apply(&t, &a, &people[OLGA]);
		a = asks(NILS, NULL, M, 5);
		group_grant(&a, daemon.group_names[0], daemon.groups[0]);
		expect(OMAR, &a, NO, "mark for a group with a member that grants");
		group_grant(&a, "no-such-group", 1999960000);
		expect(OMAR, &a, 0, "for another group");
		identity_release(&daemon);
	}
	team_end(&t);
}

/* ---- soundness -------------------------------------------------------------------------- */

static void test_sound(void)
{
	static const struct {
		const char *path;
		int want;
	} paths[] = {{"laptop/p1", 0}, {"laptop", 0}, {"nothing/at/all", 0},
		{"laptop/\xff\n\x1b[1m", 0}, {"laptop/../phone", -EINVAL}, {"..", -EINVAL},
		{"laptop/./p1", -EINVAL}, {"/laptop", -EINVAL}, {"laptop/", -EINVAL},
		{"laptop//p1", -EINVAL}, {"", -EINVAL}, {"laptop/...", 0}, {"laptop/..x", 0}};
	struct act a;

	begin(true);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		a = asks(NILS, paths[i].path, R, 5);
		expect(OLGA, &a, paths[i].want, "a path");
	}
	a = asks(NILS, "laptop", 0, 0);
	a.kind = ACT_GRANT;
	expect(OLGA, &a, -EINVAL, "no rights");
	a = asks(NILS, "laptop", RIGHTS_ALL + 1, 0);
	expect(OLGA, &a, -EINVAL, "a right there is not");
	a = asks(NILS, "laptop", R, 5);
	a.from_ns = a.until_ns;
	expect(OLGA, &a, -EINVAL, "until when it begins");
	a = asks(NILS, "laptop", R, -5);
	expect(OLGA, &a, -EINVAL, "until the past");
	a = asks(NILS, "laptop", R, 5);
	a.from_ns = T0 - 5 * DAY;
	expect(OLGA, &a, 0, "from the past");
	a.reason = NULL;
	expect(OLGA, &a, -EINVAL, "without a reason");
	a.reason = TEXT("");
	expect(OLGA, &a, -EINVAL, "with an empty one");
	a = asks(NILS, NULL, 0, 0);
	expect(OLGA, &a, -EINVAL, "exclude without a path");
	a = asks(NILS, "laptop", R, 5);
	a.who = (struct subject){.kind = SUBJECT_NONE};
	expect(OLGA, &a, -EINVAL, "to nobody");
	a = act_of(ACT_RELEASE, laptop, NULL);
	expect(OLGA, &a, -EEXIST, "release twice");
	a = act_of(ACT_RELEASE, 4711, NULL);
	expect(OLGA, &a, NE, "release of what is not there");
	a = act_of(ACT_RELEASE, by_olga, NULL);
	expect(OLGA, &a, NE, "release of what is no evidence");
	a = act_of(ACT_ADD, 0, "laptop");
	expect(ROOT, &a, -EEXIST, "a name that is taken");
	a = act_of(ACT_ADD, 0, "notes");
	expect(ROOT, &a, -EINVAL, "a name the case's folder has");
	a = act_of(ACT_ADD, 0, "a/b");
	expect(ROOT, &a, -EINVAL, "a name that is none");
	a = about(ACT_CASE_CREATE, NILS);
	a.name = TEXT("case-1");
	expect(ROOT, &a, -EEXIST, "a case of that name");
	a.name = TEXT("..");
	expect(ROOT, &a, -EINVAL, "a case called ..");
	a = about(ACT_CASE_CREATE, ROOT);
	a.name = TEXT("case-3");
	expect(ROOT, &a, NO, "a case of root's");
	a = act_of((enum act_kind)99, 0, NULL);
	expect(OLGA, &a, -EINVAL, "an act there is not");
	team_end(&t);
}

static void test_covers(void)
{
	struct act a;
	struct err e = {.code = 0};

	begin(true);
	a = asks(NILS, NULL, R, 5);
	ok(check(OLGA, &a, &e) == 0 && a.covers_n == 1 && a.covers[0] == laptop,
		"a grant without path covers what is released");
	free(a.covers);
	a = asks(NILS, NULL, R | P, 5);
	ok(check(OMAR, &a, &e) == 0 && a.covers_n == 2, "with privileged what is held too");
	free(a.covers);
	a = asks(NILS, "laptop", R, 5);
	ok(check(OLGA, &a, &e) == 0 && a.covers_n == 0, "with a path nothing more");
	a = asks(NILS, NULL, R, 5);
	a.future = true;
	expect(CARL, &a, NO, "for the future, which carl's is not");
	expect(OLGA, &a, 0, "but the owner's");
	team_release(&t, the_case, phone);
	a = asks(NILS, NULL, R, 5);
	expect(CARL, &a, NO, "more is released now than carl's grant covers");
	a = asks(NILS, "laptop", R, 5);
	expect(CARL, &a, 0, "by path he still may");
	team_end(&t);
}

/* What is excluded for a holder he cannot give, nor what lies around it. */
static void test_excluded_holder(void)
{
	static const struct {
		const char *path;
		int want;
	} v[] = {{"laptop/p1/Users/b", 0}, {"laptop/p1/Users/a", NO}, {"laptop/p1/Users/a/x", NO},
		{"laptop/p1/Users/a:s", NO}, {"laptop/p1/Users/ab", 0}, {"laptop/p1/Users", NO},
		{"laptop/p1.deleted/Users/a/x", NO}, {"laptop/p1.deleted/Users/b", 0},
		{"laptop/p1.raw", NO}, {"laptop/p2.raw", 0}, {"laptop/p1", NO}, {"laptop/p2", 0},
		{"laptop", NO}};
	struct act a;

	begin(true);
	give(OLGA, CARL, "laptop/p1/Users/a", 0, 0);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		a = asks(NILS, v[i].path, R, 5);
		expect(CARL, &a, v[i].want, v[i].path);
	}
	a = asks(NILS, NULL, R, 5);
	expect(CARL, &a, NO, "the whole case");
	a = asks(NILS, "laptop/p1/Users/a", 0, 0);
	expect(CARL, &a, NO, "nor exclude there");
	team_end(&t);

	begin(true);
	give(OLGA, NILS, "laptop/p1", R | D | G, 0);
	a = asks(ALICE, "laptop/p1.deleted/x", R, 5);
	expect(NILS, &a, 0, "a volume has its deleted entries");
	a = asks(ALICE, "laptop/p1.raw", R, 5);
	expect(NILS, &a, 0, "and byte streams");
	a = asks(ALICE, "laptop/p1.rawest", R, 5);
	expect(NILS, &a, NO, "but nothing else that begins like it");
	team_end(&t);
}

/* Unknown, and unknown to who asks: the same words. */
static void test_no_oracle(void)
{
	struct err unknown = {.code = 0};
	struct err foreign = {.code = 0};
	struct act a;

	begin(true);
	a = asks(ALICE, "laptop", R, 5);
	is_int(check(NILS, &a, &foreign), NE, "a case of others");
	a.case_id = 4711;
	is_int(check(NILS, &a, &unknown), NE, "a case there is not");
	is_str(foreign.text, unknown.text, "are told in the same words");
	a.case_id = laptop;
	is_int(check(OLGA, &a, &unknown), NE, "evidence is no case");
	is_str(foreign.text, unknown.text, "in the same words too");
	a = act_of(ACT_REVOKE, by_omar, NULL);
	is_int(check(ALICE, &a, &foreign), NE, "a grant of others");
	a.object = 4711;
	is_int(check(ALICE, &a, &unknown), NE, "a grant there is not");
	is_str(foreign.text, unknown.text, "likewise");
	a = asks(NILS, "phone/p1", R, 5);
	is_int(check(CARL, &a, &foreign), NO, "held evidence");
	a = asks(NILS, "tablet/p1", R, 5);
	is_int(check(CARL, &a, &unknown), NO, "evidence there is not");
	is_str(foreign.text, unknown.text, "likewise");
	team_end(&t);
}

static void test_closed(void)
{
	struct act a;
	const struct moment now = {T0 + S, 1001 * S};
	struct standing s;

	begin(true);
	team_close(&t, the_case);
	a = asks(NILS, "laptop", R, 5);
	expect(OLGA, &a, NO, "grant in a closed case");
	a.reason = NULL;
	expect(GINA, &a, NE, "which others know nothing of");
	a = act_of(ACT_REVOKE, by_olga, NULL);
	expect(OLGA, &a, 0, "revoke");
	a = act_of(ACT_VERIFY, laptop, NULL);
	expect(ROOT, &a, 0, "verify");
	a = act_of(ACT_ADD, 0, "tablet");
	expect(ROOT, &a, NO, "add");
	s = rules_standing(&t.m, &people[OLGA].id, the_case, &now, t.clock);
	ok(s.owner && s.rights == AUDIT, "its owner can audit it");
	s = rules_standing(&t.m, &people[CARL].id, the_case, &now, t.clock);
	ok(!s.owner && s.rights == AUDIT, "who held audit too");
	s = rules_standing(&t.m, &people[RITA].id, the_case, &now, t.clock);
	is_int(s.rights, 0, "nothing else");
	team_end(&t);
}

static void test_standing(void)
{
	struct moment now = {T0 + S, 1001 * S};
	struct standing s;
	struct person p;

	begin(true);
	s = rules_standing(&t.m, &people[OLGA].id, the_case, &now, t.clock);
	ok(s.owner && !s.officer && s.rights == (G | AUDIT), "an owner's");
	s = rules_standing(&t.m, &people[OMAR].id, the_case, &now, t.clock);
	ok(!s.owner && s.officer && s.rights == REVIEWER, "an officer's");
	s = rules_standing(&t.m, &people[GINA].id, the_case, &now, t.clock);
	ok(!s.owner && !s.officer && s.rights == (R | D | G), "a holder's");
	now.real_ns += 30 * DAY;
	s = rules_standing(&t.m, &people[GINA].id, the_case, &now, t.clock);
	is_int(s.rights, 0, "until it ends");
	s = rules_standing(&t.m, &people[OLGA].id, 4711, &now, t.clock);
	ok(!s.owner && s.rights == 0, "in no case");
	person_set(&p, "olga", 77);
	s = rules_standing(&t.m, &p.id, the_case, &now, t.clock);
	ok(!s.owner, "another of the owner's name is not");
	give(OLGA, NILS, "laptop", R | G, 0);
	give(OMAR, NILS, "laptop", R | M, 0);
	s = rules_standing(&t.m, &people[NILS].id, the_case, &now, t.clock);
	is_int(s.rights, R, "who came to hold mark and grant has neither");
	give(OMAR, OLGA, "laptop", R | M, 0);
	s = rules_standing(&t.m, &people[OLGA].id, the_case, &now, t.clock);
	is_int(s.rights, R | G | AUDIT, "an owner grants, and does not mark");
	give(OLGA, OMAR, "laptop", R | G, 0);
	s = rules_standing(&t.m, &people[OMAR].id, the_case, &now, t.clock);
	is_int(s.rights, REVIEWER, "an officer marks, and does not grant");
	team_end(&t);
}

/* ---- names and paths -------------------------------------------------------------------- */

static void test_names(void)
{
	static const char *const good[] = {
		"case-042", "a", "Fall M\xc3\xbcller", "...", ".x", "a b"};
	static const char *const bad[] = {"", ".", "..", "a/b", "a\nb", "\xff", "a\\b",
		"\xe2\x80\xaexyz", "\x7f", "\xc2\x85"};
	char longest[202];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(rules_name_ok(good[i]), "name %zu", i);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!rules_name_ok(bad[i]), "no name %zu", i);
	memset(longest, 'x', sizeof(longest));
	longest[201] = '\0';
	ok(!rules_name_ok(longest), "201 bytes");
	longest[200] = '\0';
	ok(rules_name_ok(longest), "200 bytes");
}

static void test_path(void)
{
	static const struct {
		const char *typed, *want; /* NULL: the whole case; "!" refused */
	} v[] = {{NULL, NULL}, {"laptop", "laptop"}, {"laptop/p1/x", "laptop/p1/x"},
		{"laptop//p1/./x/", "laptop/p1/x"}, {"./laptop", "laptop"}, {"", "!"}, {".", "!"},
		{"laptop/..", "!"}, {"../x", "!"}, {"/", "!"}, {"laptop/...", "laptop/..."},
		{"/evidence/alice/case-1/laptop/x", "laptop/x"}, {"/evidence/bob/case-1/", NULL},
		{"//evidence//bob/case-1//laptop/", "laptop"},
		{"/evidence/alice/case-2/laptop", "!"}, {"/evidence/alice", "!"},
		{"/evidence", "!"}, {"/evidence2/alice/case-1/laptop", "!"},
		{"/evidence/alice/case-1/../case-2", "!"}, {"/etc/passwd", "!"},
		{"laptop/a b\xff", "laptop/a b\xff"}};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct err e = {.code = 0};
		char *out = TEXT("untouched");
		int r = rules_path(v[i].typed, "/evidence", "case-1", &out, &e);
		bool refused = v[i].want && strcmp(v[i].want, "!") == 0;

		ok(refused ? r == -EINVAL && e.text[0] && strcmp(out, "untouched") == 0
			   : r == 0 && (v[i].want ? out && strcmp(out, v[i].want) == 0 : !out),
			"path %zu: %s", i, v[i].typed ? v[i].typed : "none");
		if (r == 0)
			free(out);
	}
}

int main(void)
{
	begin(true);
	test_case_rows();
	test_grant_rows();
	test_revoke_rows();
	team_end(&t);
	test_officer();
	test_group_conflicts();
	test_sound();
	test_covers();
	test_excluded_holder();
	test_no_oracle();
	test_closed();
	test_standing();
	test_names();
	test_path();
	return done_testing();
}
