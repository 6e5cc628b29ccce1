/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-view.c - what a user may see: grants and exclusions over small real indexes.
 *
 * Each case says which traces are shown and which are passages; all others must
 * be hidden, for every trace there is.
 */
#include "policy-help.h"

#include <fnmatch.h>
#include <time.h>

#define RD (RIGHT_READ | RIGHT_DELETED)

static char dir[] = "/tmp/t-view.XXXXXX";
static struct person alice, bob, olga, omar;
static struct evidence *laptop;
static struct evidence *phone;
static struct known_traces laptop_traces;
static uint64_t the_case, laptop_id, phone_id;
static bool unreadable; /* the laptop cannot be opened */

static void plant(struct build *b, unsigned volume, void *ctx)
{
	(void)ctx;
	if (volume == 1) {
		tree_add(b, ENTRY_FILE, "only", 9, 0);
		tree_add(b, ENTRY_FILE, "gone", 8, ENTRY_DELETED);
		return;
	}
	tree_add(b, ENTRY_FILE, "$Meta", 3, ENTRY_META);
	tree_add(b, ENTRY_STREAM, "s", 3, ENTRY_META);
	tree_down(b, "$Extend", 4, ENTRY_META);
	tree_add(b, ENTRY_FILE, "$J", 5, ENTRY_META);
	tree_add(b, ENTRY_FILE, "$old", 6, ENTRY_META | ENTRY_DELETED);
	tree_up(b);
	tree_down(b, "a", 10, 0);
	tree_add(b, ENTRY_FILE, "f", 11, 0);
	tree_add(b, ENTRY_STREAM, "one", 11, 0);
	tree_add(b, ENTRY_STREAM, "two", 11, 0);
	tree_add(b, ENTRY_FILE, "f2", 12, 0);
	tree_add(b, ENTRY_FILE, "gone", 13, ENTRY_DELETED);
	tree_add(b, ENTRY_STREAM, "one", 13, 0);
	tree_down(b, "sub", 14, 0);
	tree_add(b, ENTRY_FILE, "x", 15, 0);
	tree_add(b, ENTRY_FILE, "gone", 16, ENTRY_DELETED);
	tree_up(b);
	tree_up(b);
	tree_add(b, ENTRY_STREAM, "of", 10, 0);
	tree_down(b, "b", 17, 0);
	tree_add(b, ENTRY_FILE, "secret", 18, 0);
	tree_add(b, ENTRY_FILE, "secret", 19, ENTRY_DELETED);
	tree_up(b);
	tree_down(b, "lost", 20, ENTRY_DELETED);
	tree_add(b, ENTRY_FILE, "inner", 21, ENTRY_DELETED);
	tree_up(b);
	tree_add(b, ENTRY_STREAM, "of", 20, 0);
	/* two of a name: the first holds nothing deleted, so the second has it in the deleted tree
	 */
	tree_down(b, "twin", 40, 0);
	tree_add(b, ENTRY_FILE, "first", 42, 0);
	tree_up(b);
	tree_down(b, "twin", 41, 0);
	tree_add(b, ENTRY_FILE, "second", 43, 0);
	tree_add(b, ENTRY_FILE, "gone", 44, ENTRY_DELETED);
	tree_up(b);
	tree_add(b, ENTRY_FILE, "orphan", 30, ENTRY_DELETED | ENTRY_ORPHAN);
}

static struct evidence *open_one(void *ctx, const struct model_evidence *m)
{
	(void)ctx;
	if (strcmp(m->name, "laptop") == 0)
		return unreadable ? NULL : laptop;
	return phone;
}

static void begin(struct team *t)
{
	team_begin(t);
	the_case = team_case(t, "case-1", &olga);
	team_officer(t, the_case, &omar);
	laptop_id = team_add(t, the_case, "laptop");
	phone_id = team_add(t, the_case, "phone");
	team_release(t, the_case, laptop_id);
}

static struct view *compile(struct team *t, const struct person *p)
{
	const struct view_sources src = {.evidence = open_one, .clock = t->clock};
	const struct moment now = clock_now(t->clock);
	struct view *v = NULL;
	struct err e = {.code = 0};

	if (view_compile(&t->m, &p->id, &now, &src, &v, &e))
		bail_out(e.text);
	return v;
}

static const struct view_evidence *evidence_in(const struct view *v, const char *name)
{
	for (size_t i = 0; i < v->evidence_n; i++) {
		if (strcmp(v->evidence[i].name, name) == 0)
			return &v->evidence[i];
	}
	return NULL;
}

/* Patterns with a space between; "." is the evidence's folder. */
static bool listed(const char *patterns, const char *path)
{
	char all[1024];
	char *rest = all;

	snprintf(all, sizeof(all), "%s", patterns);
	for (char *p = strsep(&rest, " "); p; p = strsep(&rest, " ")) {
		if (*p && fnmatch(p, *path ? path : ".", 0) == 0)
			return true;
	}
	return false;
}

/* What is shown of the laptop is exactly @shown, and exactly @passages lead to it. */
static void sees(struct team *t, const struct person *p, const char *shown, const char *passages,
	const char *what)
{
	struct view *v = compile(t, p);
	const struct view_evidence *ev = evidence_in(v, "laptop");
	unsigned wrong = 0;

	for (size_t i = 0; i < laptop_traces.n; i++) {
		const struct known_trace *k = &laptop_traces.v[i];
		enum decision got = decide(v, ev, p->id.uid, k->id, NULL);
		enum decision want = listed(shown, k->path)      ? DECIDE_ALLOW
				     : listed(passages, k->path) ? DECIDE_PASS
								 : DECIDE_HIDE;

		if (got != want) {
			diag("%s: got %d, want %d", k->path, got, want);
			wrong++;
		}
	}
	is_int(wrong, 0, what);
	view_free(v);
}

#define ALL_OF_P1                                                                                  \
	"p1-ext4 p1-ext4/* p1-ext4.deleted p1-ext4.deleted/* p2-ext4 p2-ext4/* p2-ext4.deleted "   \
	"p2-ext4.deleted/*"

static void one(const char *path, unsigned rights, const char *shown, const char *passages)
{
	struct team t;
	char what[200];

	begin(&t);
	team_grant(&t, the_case, user(&alice), path, rights);
	snprintf(what, sizeof(what), "%s, rights %#x", path ? path : "the whole case", rights);
	sees(&t, &alice, shown, passages, what);
	sees(&t, &bob, "", "", "  and another user nothing");
	team_end(&t);
}

static void test_grants(void)
{
	one(NULL, RD, ". EVIDENCE.txt " ALL_OF_P1, "");
	one(NULL, RIGHT_READ, ". EVIDENCE.txt p1-ext4 p1-ext4/* p2-ext4 p2-ext4/*", "");
	one(NULL, RIGHT_DELETED,
		"EVIDENCE.txt p1-ext4.deleted p1-ext4.deleted/* p2-ext4.deleted p2-ext4.deleted/*",
		".");
	one(NULL, RD | RIGHT_RAW, ". EVIDENCE.txt image.raw *.raw *.unallocated " ALL_OF_P1, "");
	one(NULL, RIGHT_RAW, "EVIDENCE.txt p3-unknown.raw", ".");
	one(NULL, RIGHT_READ | RIGHT_RAW,
		". EVIDENCE.txt p3-unknown.raw p1-ext4 p1-ext4/* p2-ext4 p2-ext4/*", "");
	one(NULL, RIGHT_AUDIT | RIGHT_NOTES | RIGHT_GRANT, "", "");
	one("laptop", RD | RIGHT_RAW, ". EVIDENCE.txt image.raw *.raw *.unallocated " ALL_OF_P1,
		"");
	one("laptop/p1-ext4", RD,
		"EVIDENCE.txt p1-ext4 p1-ext4/* p1-ext4.deleted p1-ext4.deleted/*", ".");
	one("laptop/p1-ext4", RD | RIGHT_RAW,
		"EVIDENCE.txt p1-ext4 p1-ext4/* p1-ext4.deleted p1-ext4.deleted/* p1-ext4.raw "
		"p1-ext4.unallocated",
		".");
	one("laptop/p1-ext4", RIGHT_READ | RIGHT_RAW, "EVIDENCE.txt p1-ext4 p1-ext4/*", ".");
	one("laptop/p3-unknown", RD | RIGHT_RAW, "EVIDENCE.txt p3-unknown.raw", ".");
	/* it has its bytes alone: rights on what it has not lead to nothing */
	one("laptop/p3-unknown", RD, "", "");
	one("laptop/p3-unknown.deleted", RD | RIGHT_RAW, "", "");
	one("laptop/p3-unknown.unallocated", RD | RIGHT_RAW, "", "");
	one("laptop/p1-ext4.deleted", RD, "EVIDENCE.txt p1-ext4.deleted p1-ext4.deleted/*", ".");
	one("laptop/p1-ext4.raw", RD | RIGHT_RAW, "", "");
	one("laptop/image.raw", RD | RIGHT_RAW, "", "");
	one("laptop/EVIDENCE.txt", RD, "EVIDENCE.txt", ".");
}

static void test_paths(void)
{
	one("laptop/p1-ext4/a", RIGHT_READ, "EVIDENCE.txt p1-ext4/a p1-ext4/a/* p1-ext4/a:of",
		". p1-ext4");
	one("laptop/p1-ext4/a", RIGHT_DELETED, "EVIDENCE.txt p1-ext4.deleted/a p1-ext4.deleted/a/*",
		". p1-ext4.deleted");
	one("laptop/p1-ext4/a", RD,
		"EVIDENCE.txt p1-ext4/a p1-ext4/a/* p1-ext4/a:of p1-ext4.deleted/a "
		"p1-ext4.deleted/a/*",
		". p1-ext4 p1-ext4.deleted");
	one("laptop/p1-ext4/a/sub", RD | RIGHT_RAW,
		"EVIDENCE.txt p1-ext4/a/sub p1-ext4/a/sub/* p1-ext4.deleted/a/sub "
		"p1-ext4.deleted/a/sub/*",
		". p1-ext4 p1-ext4/a p1-ext4.deleted p1-ext4.deleted/a");
	one("laptop/p1-ext4/a/f", RD, "EVIDENCE.txt p1-ext4/a/f p1-ext4/a/f:one p1-ext4/a/f:two",
		". p1-ext4 p1-ext4/a");
	one("laptop/p1-ext4/a/f2", RD, "EVIDENCE.txt p1-ext4/a/f2", ". p1-ext4 p1-ext4/a");
	one("laptop/p1-ext4/a/f:one", RD, "EVIDENCE.txt p1-ext4/a/f:one", ". p1-ext4 p1-ext4/a");
	one("laptop/p1-ext4/b/secret", RD, "EVIDENCE.txt p1-ext4/b/secret", ". p1-ext4 p1-ext4/b");
	one("laptop/p1-ext4/lost", RD,
		"EVIDENCE.txt p1-ext4.deleted/lost p1-ext4.deleted/lost/* p1-ext4.deleted/lost:of",
		". p1-ext4.deleted");
	one("laptop/p1-ext4.deleted/a/gone", RD,
		"EVIDENCE.txt p1-ext4.deleted/a/gone p1-ext4.deleted/a/gone:one",
		". p1-ext4.deleted p1-ext4.deleted/a");
	one("laptop/p1-ext4.deleted/$Orphans", RD, "", "");
	one("laptop/p1-ext4.deleted/$Orphans/orphan", RD, "", "");
	one("laptop/p1-ext4/$Meta", RD, "EVIDENCE.txt p1-ext4/$Meta p1-ext4/$Meta:s", ". p1-ext4");
	one("laptop/p1-ext4/nothing", RD, "", "");
	one("laptop/p1-ext4/a/f/below", RD, "", "");
	one("laptop/p1-ext4/A", RD, "", "");
	one("laptop/p9-ext4/a", RD, "", "");
	one("laptop/p1-ext4.raw/a", RD | RIGHT_RAW, "", "");
	one("tablet/p1-ext4", RD, "", "");
	one("lap", RD, "", "");
}

static void test_twins(void)
{
	struct team t;
	char path[300] = "";
	char shown[1000];

	for (size_t i = 0; i < laptop_traces.n; i++) {
		const char *p = laptop_traces.v[i].path;

		if (strncmp(p, "p1-ext4/twin~", 13) == 0 && !strchr(p + 13, '/'))
			snprintf(path, sizeof(path), "%s", p);
	}
	ok(path[0] && evidence_find(laptop, "p1-ext4.deleted/twin/gone") != UINT64_MAX,
		"a twin has its name in the deleted tree alone");
	begin(&t);
	snprintf(shown, sizeof(shown), "laptop/%s", path);
	team_grant(&t, the_case, user(&alice), shown, RD);
	snprintf(shown, sizeof(shown),
		"EVIDENCE.txt %s %s/second p1-ext4.deleted/twin p1-ext4.deleted/twin/gone", path,
		path);
	sees(&t, &alice, shown, ". p1-ext4 p1-ext4.deleted",
		"its path means what was deleted in it");
	team_end(&t);
	one("laptop/p1-ext4/twin", RD, "EVIDENCE.txt p1-ext4/twin p1-ext4/twin/first", ". p1-ext4");
}

static void test_exclusions(void)
{
	struct team t;
	uint64_t x = 0;
	static const char without_a[] =
		". EVIDENCE.txt p1-ext4 p1-ext4/b p1-ext4/b/* p1-ext4/twin* p1-ext4.deleted "
		"p1-ext4.deleted/b p1-ext4.deleted/b/* p1-ext4.deleted/lost* "
		"p1-ext4.deleted/twin* p1-ext4.deleted/$Extend p2-ext4 p2-ext4/* p2-ext4.deleted "
		"p2-ext4.deleted/* p2-ext4.raw p2-ext4.unallocated p3-unknown.raw";

	begin(&t);
	team_grant(&t, the_case, user(&alice), NULL, RD | RIGHT_RAW);
	team_grant(&t, the_case, user(&alice), "laptop/p1-ext4/a/sub", RD | RIGHT_RAW);
	x = team_exclude(&t, the_case, user(&alice), "laptop/p1-ext4/a");
	sees(&t, &alice, without_a, "",
		"an exclusion takes all below, deeper grants too, streams and deleted entries; "
		"byte streams, orphans and metadata with it");
	team_revoke(&t, the_case, x);
	sees(&t, &alice, ". EVIDENCE.txt image.raw *.raw *.unallocated " ALL_OF_P1, "",
		"lifted: all is there again");
	x = team_exclude(&t, the_case, group(TEXT("staff"), 7001), "laptop/p1-ext4/a");
	sees(&t, &alice, without_a, "", "by a group of his as well");
	team_revoke(&t, the_case, x);
	x = team_exclude(&t, the_case, user(&bob), "laptop");
	sees(&t, &alice, ". EVIDENCE.txt image.raw *.raw *.unallocated " ALL_OF_P1, "",
		"somebody else's means nothing");
	team_revoke(&t, the_case, x);
	x = team_exclude(&t, the_case, user(&alice), "laptop/p1-ext4/nothing/there");
	sees(&t, &alice,
		". EVIDENCE.txt p1-ext4 p1-ext4/a* p1-ext4/b* p1-ext4/twin* p1-ext4.deleted "
		"p1-ext4.deleted/a* p1-ext4.deleted/b* p1-ext4.deleted/lost* p1-ext4.deleted/twin* "
		"p1-ext4.deleted/$Extend p2-ext4 p2-ext4/* p2-ext4.deleted p2-ext4.deleted/* "
		"p2-ext4.raw p2-ext4.unallocated p3-unknown.raw",
		"", "whether there is anything at its path cannot be told from what goes");
	team_grant(&t, the_case, user(&alice), "laptop/p1-ext4", RIGHT_PRIVILEGED);
	sees(&t, &alice,
		". EVIDENCE.txt p1-ext4 p1-ext4/* p1-ext4.deleted p1-ext4.deleted/a* "
		"p1-ext4.deleted/b* p1-ext4.deleted/lost* p1-ext4.deleted/twin* "
		"p1-ext4.deleted/$Extend* p2-ext4 p2-ext4/* p2-ext4.deleted p2-ext4.deleted/* "
		"p2-ext4.raw p2-ext4.unallocated p3-unknown.raw",
		"", "privileged keeps the file system's own metadata");
	team_revoke(&t, the_case, x);
	team_exclude(&t, the_case, user(&alice), "laptop");
	sees(&t, &alice, "", "", "the whole piece of evidence");
	team_end(&t);
}

static void test_small_exclusions(void)
{
	static const struct {
		const char *path, *shown, *passages;
	} v[] = {
		{"laptop/p1-ext4/a/f",
			"p1-ext4/a p1-ext4/a/f2 p1-ext4/a/sub* p1-ext4/a:of p1-ext4.deleted/a "
			"p1-ext4.deleted/a/*",
			". p1-ext4 p1-ext4.deleted"},
		{"laptop/p1-ext4/a/f:one",
			"p1-ext4/a p1-ext4/a/f p1-ext4/a/f:two p1-ext4/a/f2 p1-ext4/a/sub* "
			"p1-ext4/a:of p1-ext4.deleted/a p1-ext4.deleted/a/*",
			". p1-ext4 p1-ext4.deleted"},
		{"laptop/p1-ext4/a/sub",
			"p1-ext4/a p1-ext4/a/f* p1-ext4/a:of p1-ext4.deleted/a "
			"p1-ext4.deleted/a/gone*",
			". p1-ext4 p1-ext4.deleted"},
		{"laptop/p1-ext4/a/gone",
			"p1-ext4/a p1-ext4/a/* p1-ext4/a:of p1-ext4.deleted/a "
			"p1-ext4.deleted/a/sub*",
			". p1-ext4 p1-ext4.deleted"},
		{"laptop/p1-ext4.deleted", "p1-ext4/a p1-ext4/a/* p1-ext4/a:of", ". p1-ext4"},
		{"laptop/p1-ext4", "", ""},
		{"laptop/EVIDENCE.txt",
			"p1-ext4/a p1-ext4/a/* p1-ext4/a:of p1-ext4.deleted/a "
			"p1-ext4.deleted/a/*",
			". p1-ext4 p1-ext4.deleted"},
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct team t;
		char shown[1000];

		begin(&t);
		team_grant(&t, the_case, user(&alice), "laptop/p1-ext4/a", RD);
		team_exclude(&t, the_case, user(&alice), v[i].path);
		snprintf(shown, sizeof(shown), "%s%s", v[i].shown,
			strstr(v[i].path, "EVIDENCE.txt") || !*v[i].shown ? "" : " EVIDENCE.txt");
		sees(&t, &alice, shown, v[i].passages, v[i].path);
		team_end(&t);
	}
}

static void test_raw_exclusions(void)
{
	struct team t;

	begin(&t);
	team_grant(&t, the_case, user(&alice), NULL, RD | RIGHT_RAW);
	team_exclude(&t, the_case, user(&alice), "laptop/p2-ext4.raw");
	sees(&t, &alice,
		". EVIDENCE.txt p1-ext4.raw p1-ext4.unallocated p3-unknown.raw p1-ext4 p1-ext4/* "
		"p1-ext4.deleted p1-ext4.deleted/* p2-ext4 p2-ext4/* p2-ext4.deleted "
		"p2-ext4.deleted/*",
		"", "a byte stream, with the other and the image's");
	team_end(&t);
	begin(&t);
	team_grant(&t, the_case, user(&alice), "laptop/p1-ext4", RD);
	team_grant(&t, the_case, user(&alice), "laptop/p1-ext4.raw", RIGHT_RAW);
	sees(&t, &alice,
		"EVIDENCE.txt p1-ext4 p1-ext4/* p1-ext4.deleted p1-ext4.deleted/* p1-ext4.raw", ".",
		"a byte stream by its name, where all of the volume is seen");
	team_end(&t);
}

static void test_twice_deleted(void)
{
	struct team t;

	begin(&t);
	team_grant(&t, the_case, user(&alice), "laptop/p1-ext4/b", RD);
	sees(&t, &alice,
		"EVIDENCE.txt p1-ext4/b p1-ext4/b/secret p1-ext4.deleted/b "
		"p1-ext4.deleted/b/secret",
		". p1-ext4 p1-ext4.deleted", "a file, and a deleted one of the same path");
	team_exclude(&t, the_case, user(&alice), "laptop/p1-ext4/b/secret");
	sees(&t, &alice, "EVIDENCE.txt p1-ext4/b p1-ext4.deleted/b", ". p1-ext4 p1-ext4.deleted",
		"an exclusion takes both");
	team_end(&t);
}

static void test_orders(void)
{
	struct team t;

	begin(&t);
	team_grant(&t, the_case, user(&alice), "laptop/p1-ext4/a/sub/x", RIGHT_READ);
	team_grant(&t, the_case, user(&alice), "laptop/p1-ext4/b", RIGHT_DELETED);
	team_grant(&t, the_case, group(TEXT("staff"), 7001), "laptop/p2-ext4", RIGHT_READ);
	sees(&t, &alice,
		"EVIDENCE.txt p1-ext4/a/sub/x p1-ext4.deleted/b p1-ext4.deleted/b/* p2-ext4 "
		"p2-ext4/*",
		". p1-ext4 p1-ext4/a p1-ext4/a/sub p1-ext4.deleted",
		"the union of what a user and his groups are given");
	sees(&t, &bob, "EVIDENCE.txt p2-ext4 p2-ext4/*", ".", "the group's share for another");
	team_exclude(&t, the_case, user(&alice), "laptop/p1-ext4/a");
	sees(&t, &alice, "EVIDENCE.txt p1-ext4.deleted/b p1-ext4.deleted/b/* p2-ext4 p2-ext4/*",
		". p1-ext4.deleted", "no passage to what is taken");
	team_end(&t);
}

/* ---- subjects, times, cases ------------------------------------------------------------- */

static void test_subjects(void)
{
	struct team t;
	struct person other;
	static const char all[] = ". EVIDENCE.txt p1-ext4 p1-ext4/* p2-ext4 p2-ext4/*";

	begin(&t);
	team_grant(&t, the_case, user(&alice), "laptop", RIGHT_READ);
	sees(&t, &alice, all, "", "by name and number");
	person_set(&other, "alice", 5099);
	sees(&t, &other, "", "", "the same name with another number: suspended");
	person_set(&other, "alison", 5001);
	sees(&t, &other, "", "", "the same number with another name: suspended");
	person_set(&other, "bob", 5002);
	team_grant(&t, the_case, group(TEXT("staff"), 7001), "laptop", RIGHT_READ);
	sees(&t, &other, "", "", "in no group");
	person_join(&other, "stuff", 7001);
	sees(&t, &other, "", "", "in one that has another name now");
	person_join(&other, "staff", 7002);
	sees(&t, &other, "", "", "or its name is another's");
	person_set(&other, "bob", 5002);
	person_join(&other, "staff", 7001);
	sees(&t, &other, all, "", "in the group");
	team_exclude(&t, the_case, user(&alice), "laptop/p2-ext4");
	person_set(&other, "alison", 5001);
	person_join(&other, "staff", 7001);
	sees(&t, &other, ". EVIDENCE.txt p1-ext4 p1-ext4/*", "",
		"an exclusion is not lost with a name");
	person_set(&other, "alice", 5099);
	person_join(&other, "staff", 7001);
	sees(&t, &other, ". EVIDENCE.txt p1-ext4 p1-ext4/*", "", "nor with a number");
	person_set(&other, "root", 0);
	person_join(&other, "staff", 7001);
	sees(&t, &other, "", "", "root is shown nothing");
	team_end(&t);
}

static void test_times(void)
{
	struct team t;
	struct act a;
	struct view *v = NULL;
	static const char all[] = ". EVIDENCE.txt p1-ext4 p1-ext4/* p2-ext4 p2-ext4/*";

	begin(&t);
	a = grant_of(the_case, user(&alice), "laptop", RIGHT_READ);
	a.from_ns = T0 + 100 * S;
	a.until_ns = T0 + 30 * DAY;
	team_apply(&t, &a, &olga);
	a = grant_of(the_case, user(&alice), "laptop/p2-ext4", 0);
	a.kind = ACT_EXCLUDE;
	a.from_ns = T0 + 50 * S;
	a.until_ns = T0 + 20 * DAY;
	team_apply(&t, &a, &olga);
	sees(&t, &alice, "", "", "not begun");
	v = compile(&t, &alice);
	is_int(v->next_boot_ns / S, 1050, "the next change is the exclusion's begin");
	view_free(v);
	team_pass(&t, 60 * S);
	v = compile(&t, &alice);
	is_int(v->next_boot_ns / S, 1100, "then the grant's");
	is_int(v->cases_n, 0, "no case as long as nothing is active");
	view_free(v);
	team_pass(&t, 40 * S);
	sees(&t, &alice, ". EVIDENCE.txt p1-ext4 p1-ext4/*", "", "begun");
	team_pass(&t, 20 * DAY);
	sees(&t, &alice, all, "", "the exclusion has ended");
	v = compile(&t, &alice);
	is_int(v->next_boot_ns / S, 1000 + 23 * 86400, "the warning of the last week is next");
	view_free(v);
	t.now.real_ns += 10 * DAY;
	sees(&t, &alice, "", "", "the clock is put forward: it ends");
	t.now.real_ns -= 15 * DAY;
	sees(&t, &alice, "", "", "and is not alive again when it is put back");
	v = compile(&t, &alice);
	is_int(v->next_boot_ns, INT64_MAX, "nothing changes any more");
	view_free(v);
	team_end(&t);
}

static void test_held(void)
{
	struct team t;
	struct view *v = NULL;
	struct act a;

	begin(&t);
	team_grant(&t, the_case, user(&alice), NULL, RD);
	team_grant(&t, the_case, user(&alice), "phone", RD);
	team_grant(&t, the_case, user(&bob), NULL, RD | RIGHT_PRIVILEGED);
	v = compile(&t, &alice);
	ok(evidence_in(v, "laptop") && !evidence_in(v, "phone"), "held evidence is not seen");
	ok(evidence_in(v, "laptop")->whole, "all of what is released is");
	view_free(v);
	v = compile(&t, &bob);
	ok(evidence_in(v, "phone") && evidence_in(v, "phone")->whole,
		"but with privileged, which covers it");
	is_int(v->evidence_n, 2, "beside what is released");
	view_free(v);
	v = compile(&t, &omar);
	ok(evidence_in(v, "phone") && evidence_in(v, "laptop"), "the officer sees it by office");
	view_free(v);
	v = compile(&t, &olga);
	ok(!evidence_in(v, "phone") && evidence_in(v, "laptop"), "the owner does not");
	view_free(v);
	team_release(&t, the_case, phone_id);
	v = compile(&t, &alice);
	ok(evidence_in(v, "phone"), "released: seen by the grant with its path");
	view_free(v);
	team_end(&t);

	begin(&t);
	team_grant(&t, the_case, user(&alice), NULL, RD);
	a = grant_of(the_case, user(&bob), NULL, RD);
	a.future = true;
	team_apply(&t, &a, &olga);
	team_release(&t, the_case, phone_id);
	v = compile(&t, &alice);
	ok(!evidence_in(v, "phone"), "without path: not what was released later");
	view_free(v);
	v = compile(&t, &bob);
	ok(evidence_in(v, "phone"), "unless it is for the future too");
	view_free(v);
	team_end(&t);
}

static void test_owner(void)
{
	struct team t;
	struct view *v = NULL;
	const struct view_evidence *ev = NULL;
	unsigned wrong = 0;

	begin(&t);
	team_grant(&t, the_case, user(&olga), "laptop/p1-ext4/b", RIGHT_READ);
	v = compile(&t, &olga);
	ev = evidence_in(v, "laptop");
	for (size_t i = 0; i < laptop_traces.n; i++) {
		const struct known_trace *k = &laptop_traces.v[i];
		enum decision got = decide(v, ev, olga.id.uid, k->id, NULL);
		bool folder =
			got == DECIDE_PASS || (got == DECIDE_DIRECTORIES && k->kind == ENTRY_DIR);

		if (listed("p1-ext4/b p1-ext4/b/* EVIDENCE.txt", k->path))
			wrong += got != DECIDE_ALLOW;
		else if (k->kind == ENTRY_DIR)
			wrong += !folder;
		else
			wrong += got == DECIDE_ALLOW || folder;
	}
	is_int(wrong, 0, "the owner sees folders by name, and what he granted himself");
	ok(!ev->whole, "that is not all of it");
	view_free(v);
	v = compile(&t, &omar);
	ok(evidence_in(v, "laptop")->whole, "the officer sees all of it");
	view_free(v);
	team_close(&t, the_case);
	for (unsigned i = 0; i < 3; i++) {
		const struct person *who = i == 0 ? &olga : i == 1 ? &omar : &alice;

		v = compile(&t, who);
		ok(v->cases_n == 0 && v->evidence_n == 0, "a closed case: nothing for %s",
			who->name);
		view_free(v);
	}
	team_end(&t);
}

/* Several cases: in order, none but his own, evidence of one never by a grant in another. */
static void test_cases(void)
{
	struct team t;
	struct view *v = NULL;
	uint64_t second = 0;

	begin(&t);
	second = team_case(&t, "a-case", &bob);
	team_release(&t, second, team_add(&t, second, "laptop"));
	team_grant(&t, second, user(&alice), "laptop/p1-ext4/a", RIGHT_READ);
	v = compile(&t, &alice);
	ok(v->cases_n == 1 && strcmp(v->cases[0].name, "a-case") == 0, "one case");
	ok(v->evidence_n == 1 && v->evidence[0].case_id == second, "with its evidence");
	view_free(v);
	team_grant(&t, the_case, user(&alice), "laptop", RIGHT_READ);
	v = compile(&t, &alice);
	ok(v->cases_n == 2 && strcmp(v->cases[0].name, "a-case") == 0 && v->evidence_n == 2 &&
			v->evidence[0].case_id == second && v->evidence[1].case_id == the_case,
		"two, in the order of their names");
	ok(!v->evidence[0].whole && v->version == t.m.version && v->uid == 5001 && !v->personal,
		"each for itself");
	view_free(v);
	unreadable = true;
	v = compile(&t, &alice);
	ok(v->cases_n == 2 && v->evidence_n == 0, "what cannot be opened is left out");
	view_free(v);
	unreadable = false;
	laptop->damaged = true;
	v = compile(&t, &alice);
	ok(v->evidence_n == 1 && v->evidence[0].case_id == the_case,
		"a path that cannot be looked up gives nothing");
	view_free(v);
	team_exclude(&t, the_case, user(&alice), "laptop/p1-ext4/b");
	v = compile(&t, &alice);
	is_int(v->evidence_n, 0, "and takes everything");
	view_free(v);
	laptop->damaged = false;
	team_end(&t);
}

static void test_grant_of(void)
{
	struct team t;
	struct view *v = NULL;
	uint64_t g[3];
	uint64_t grant = 0;
	uint64_t f = evidence_find(laptop, "p1-ext4/a/f");
	uint64_t gone = evidence_find(laptop, "p1-ext4.deleted/a/gone");

	begin(&t);
	g[0] = team_grant(&t, the_case, user(&alice), "laptop/p1-ext4/a", RIGHT_READ);
	g[1] = team_grant(&t, the_case, user(&alice), "laptop", RIGHT_DELETED);
	g[2] = team_grant(&t, the_case, user(&alice), "laptop/p1-ext4/a/f", RIGHT_READ);
	v = compile(&t, &alice);
	is_int(decide(v, v->evidence, 5001, f, &grant), DECIDE_ALLOW, "a file");
	is_int(grant, g[0], "is seen by the first grant that gives it");
	is_int(decide(v, v->evidence, 5001, gone, &grant), DECIDE_ALLOW, "a deleted one");
	is_int(grant, g[1], "by another");
	view_free(v);
	team_revoke(&t, the_case, g[0]);
	v = compile(&t, &alice);
	decide(v, v->evidence, 5001, f, &grant);
	is_int(grant, g[2], "the next one, once that is revoked");
	view_free(v);
	v = compile(&t, &omar);
	is_int(decide(v, v->evidence, omar.id.uid, f, &grant), DECIDE_ALLOW, "the officer");
	is_int(grant, 0, "by no grant");
	view_free(v);
	team_end(&t);
}

/* ---- changes ---------------------------------------------------------------------------- */

static bool within(const struct view_interval *v, size_t n, uint64_t id)
{
	for (size_t i = 0; i < n; i++) {
		if (v[i].first <= id && id <= v[i].last)
			return true;
	}
	return false;
}

static void test_changes(void)
{
	static const char *const paths[] = {"laptop", "laptop/p1-ext4", "laptop/p1-ext4/a",
		"laptop/p1-ext4/a/f:one", "laptop/p1-ext4/a/sub", "laptop/p2-ext4",
		"laptop/p1-ext4.deleted/a/gone"};
	const size_t n = sizeof(paths) / sizeof(paths[0]);
	unsigned missed = 0;
	unsigned needless = 0;

	for (size_t i = 0; i < n * n * 2; i++) {
		struct team t;
		struct view *v[2] = {NULL, NULL};
		const struct view_evidence *ev[2];
		struct view_interval *c = NULL;
		size_t cn = 0;
		size_t changed = 0;
		bool whole = false;

		begin(&t);
		team_grant(&t, the_case, user(&alice), paths[i % n], RD);
		v[0] = compile(&t, &alice);
		if (i < n * n)
			team_grant(&t, the_case, user(&alice), paths[i / n], RD);
		else
			team_exclude(&t, the_case, user(&alice), paths[i / n - n]);
		v[1] = compile(&t, &alice);
		for (unsigned k = 0; k < 2; k++)
			ev[k] = evidence_in(v[k], "laptop");
		if (view_changes(ev[0], ev[1], &c, &cn))
			bail_out("no memory");
		for (size_t k = 0; k < laptop_traces.n; k++) {
			uint64_t id = laptop_traces.v[k].id;
			bool differs = decide(v[0], ev[0], 5001, id, NULL) !=
				       decide(v[1], ev[1], 5001, id, NULL);

			missed += differs && !within(c, cn, id);
			changed += differs;
		}
		for (size_t k = 0; k < cn; k++) {
			whole = whole || c[k].first > c[k].last ||
				(k > 0 && c[k].first <= c[k - 1].last + 1);
		}
		needless += whole || (changed == 0 && cn > 0 && ev[0] && ev[1] && i < n * n &&
					     i % n == i / n);
		free(c);
		view_free(v[0]);
		view_free(v[1]);
		team_end(&t);
	}
	is_int(missed, 0, "whatever is decided otherwise lies in an interval of changes");
	is_int(needless, 0, "they are sorted and apart, and none where nothing changed");
}

static void test_personal(void)
{
	struct evidence *both[] = {laptop, phone};
	struct view *v = NULL;
	unsigned wrong = 0;

	if (view_personal(1234, RD | RIGHT_RAW | RIGHT_PRIVILEGED, both, 2, &v, NULL))
		bail_out("no memory");
	for (size_t i = 0; i < laptop_traces.n; i++)
		wrong += decide(v, &v->evidence[0], 1234, laptop_traces.v[i].id, NULL) !=
			 DECIDE_ALLOW;
	ok(wrong == 0 && v->personal && v->evidence_n == 2 && v->evidence[1].id == 2 &&
			v->evidence[1].whole && strcmp(v->evidence[1].name, "phone") == 0,
		"a personal mount shows everything");
	view_free(v);
	view_free(NULL);
	if (view_empty(1234, 77, &v))
		bail_out("no memory");
	ok(v->version == 77 && v->uid == 1234 && v->cases_n == 0 && v->evidence_n == 0 &&
			v->next_boot_ns == INT64_MAX,
		"an empty view");
	view_free(v);
}

/* ---- ACCESS.txt ------------------------------------------------------------------------- */

static bool says(struct team *t, const struct person *p, const char *text)
{
	struct view *v = compile(t, p);
	bool found = v->cases_n == 1 && strstr(v->cases[0].access_txt, text);

	if (!found)
		diag("%s", v->cases_n ? v->cases[0].access_txt : "no case");
	view_free(v);
	return found;
}

static void test_access(void)
{
	struct team t;
	struct act a;
	struct view *v = NULL;

	begin(&t);
	a = grant_of(the_case, user(&alice), "laptop/p1-ext4/\xff\x1b[2Jx", RD);
	a.until_ns = T0 + 10 * DAY;
	a.reason = TEXT("mail of \xe2\x80\xae"
			"2021\nGrant 99");
	team_apply(&t, &a, &olga);
	team_grant(&t, the_case, group(TEXT("staff"), 7001), NULL, RIGHT_NOTES);
	team_grant(&t, the_case, user(&bob), "laptop/p1-ext4/for-bob", RD);
	team_exclude(&t, the_case, user(&alice), "laptop/p1-ext4/excluded");
	ok(says(&t, &alice, "read,deleted") && says(&t, &alice, "Grant 5"), "own grants");
	ok(says(&t, &alice, "\n  path     laptop/p1-ext4/\\xff\\x1b[2Jx\n"), "paths, escaped");
	ok(says(&t, &alice, "\n  reason   mail of \\xe2\\x80\\xae2021\\x0aGrant 99\n"),
		"reasons, escaped");
	ok(says(&t, &alice, "\n  by       olga (uid 5003)\n"), "by whom");
	ok(says(&t, &alice, "\n  group    @staff (gid 7001)\n"), "a group's grants");
	ok(says(&t, &alice, "2023-11-24T22:13:20"), "until when");
	ok(says(&t, &alice,
		   "\nThis view may omit material; absence here is not evidence of absence.\n"),
		"the standing sentence");
	v = compile(&t, &alice);
	ok(!strstr(v->cases[0].access_txt, "excluded") && !strstr(v->cases[0].access_txt, "bob"),
		"no exclusions, nobody else's");
	ok(!strstr(v->cases[0].access_txt, "WARNING"), "no warning yet");
	view_free(v);
	team_pass(&t, 3 * DAY);
	ok(says(&t, &alice, "WARNING  ends within a week: 2023-11-24T22:13:20"), "a week before");
	v = compile(&t, &alice);
	is_int(v->next_boot_ns, 1000 * S + 9 * DAY, "the next warning is when it changes");
	view_free(v);
	team_pass(&t, 6 * DAY);
	ok(says(&t, &alice, "WARNING  ends within a day: "), "a day before");
	team_pass(&t, DAY);
	v = compile(&t, &alice);
	ok(v->cases_n == 1 && !strstr(v->cases[0].access_txt, "read,deleted"), "gone at its end");
	view_free(v);
	ok(says(&t, &olga, "You own this case"), "an owner is told");
	ok(says(&t, &omar, "privilege officer"), "an officer too");
	team_end(&t);
}

/* ---- the past --------------------------------------------------------------------------- */

/* Folded up to a moment, the model gives what was in force then. */
static void test_past(void)
{
	struct team t;
	struct model then;
	const struct view_sources *src = NULL;
	struct view_sources s;
	struct view *v = NULL;
	struct act a;
	struct act c;

	begin(&t);
	team_pass(&t, 100 * S);
	a = grant_of(the_case, user(&alice), "laptop", RIGHT_READ);
	a.until_ns = T0 + 1000 * S;
	team_apply(&t, &a, &olga);
	team_pass(&t, 100 * S);
	team_revoke(&t, the_case, a.object);
	s = (struct view_sources){.evidence = open_one, .clock = t.clock};
	src = &s;
	for (unsigned i = 0; i < 3; i++) {
		/* before it, while it was in force, after its end had it not been revoked */
		const struct moment at = {T0 + (i == 0          ? 50
						       : i == 1 ? 150
								: 1500) *
							  S,
			MOMENT_PAST};
		uint64_t id = 0;

		model_init(&then);
		c = (struct act){.kind = ACT_CASE_CREATE,
			.name = TEXT("case-1"),
			.who = user(&olga),
			.object = the_case,
			.seq = 1,
			.ns = T0,
			.case_id = the_case};
		model_apply(&then, &c, NULL);
		c = (struct act){.kind = ACT_ADD,
			.name = TEXT("laptop"),
			.image = TEXT("/i"),
			.dir = TEXT("/d"),
			.object = laptop_id,
			.seq = 2,
			.ns = T0,
			.case_id = the_case};
		model_apply(&then, &c, NULL);
		c = (struct act){.kind = ACT_RELEASE,
			.object = laptop_id,
			.seq = 3,
			.ns = T0,
			.case_id = the_case};
		model_apply(&then, &c, NULL);
		if (a.ns <= at.real_ns)
			model_apply(&then, &a, NULL);
		id = then.version;
		if (view_compile(&then, &alice.id, &at, src, &v, NULL))
			bail_out("no memory");
		is_int(v->evidence_n, i == 1,
			i == 0   ? "nothing before it was granted"
			: i == 1 ? "what was in force then"
				 : "nothing after its end");
		is_int(v->version, id, "of that version");
		view_free(v);
		model_release(&then);
	}
	v = compile(&t, &alice);
	is_int(v->evidence_n, 0, "and now it is revoked");
	view_free(v);
	team_end(&t);
}

/* ---- who and when ----------------------------------------------------------------------- */

static bool has_user(struct team *t, uid_t uid)
{
	const struct moment now = clock_now(t->clock);
	uid_t *v = NULL;
	size_t n = 0;
	bool found = false;

	if (view_users(&t->m, &now, t->clock, NULL, &v, &n, NULL))
		bail_out("users cannot be looked up");
	for (size_t i = 0; i < n; i++) {
		found = found || v[i] == uid;
		if (v[i] == 0 || (i > 0 && v[i] <= v[i - 1]))
			bail_out("root, or somebody twice");
	}
	free(v);
	return found;
}

/* By this machine's user 1, whatever it is called. */
static void test_users(void)
{
	struct identity id;
	struct person one;
	struct team t;
	struct act a;
	uint64_t g = 0;
	uint64_t c = 0;

	if (identity_of(1, &id) || id.groups_n == 0 || !id.group_names[0]) {
		skip("no user 1 here");
		return;
	}
	person_set(&one, id.name, 1);
	begin(&t);
	ok(!has_user(&t, 1), "nobody without a grant");
	ok(!has_user(&t, 5003), "nor an owner this machine does not know");
	a = grant_of(the_case, user(&one), "laptop", RIGHT_READ);
	a.from_ns = T0 + 10 * S;
	a.until_ns = T0 + 20 * S;
	team_apply(&t, &a, &olga);
	ok(!has_user(&t, 1), "a grant that has not begun");
	team_pass(&t, 10 * S);
	ok(has_user(&t, 1), "has begun");
	team_pass(&t, 10 * S);
	ok(!has_user(&t, 1), "has ended");
	g = team_grant(&t, the_case, group(id.group_names[0], id.groups[0]), NULL, RIGHT_AUDIT);
	ok(has_user(&t, 1), "by a group");
	team_revoke(&t, the_case, g);
	ok(!has_user(&t, 1), "revoked");
	team_grant(&t, the_case, group(TEXT("not its name"), id.groups[0]), NULL, RIGHT_READ);
	ok(!has_user(&t, 1), "a group of another name");
	team_exclude(&t, the_case, user(&one), "laptop");
	ok(!has_user(&t, 1), "an exclusion is no grant");
	c = team_case(&t, "case-2", &one);
	ok(has_user(&t, 1), "an owner");
	team_close(&t, c);
	ok(!has_user(&t, 1), "of a case that is open");
	team_officer(&t, the_case, &one);
	ok(has_user(&t, 1), "an officer");
	team_grant(&t, the_case, group(TEXT("root"), 0), NULL, RIGHT_READ);
	ok(!has_user(&t, 0), "never root");
	team_end(&t);
	identity_release(&id);
}

static int64_t next_of(struct team *t)
{
	const struct moment now = clock_now(t->clock);

	return view_next(&t->m, &now, t->clock);
}

static void test_next(void)
{
	struct team t;
	struct act a;

	begin(&t);
	is_int(next_of(&t), INT64_MAX, "nothing begins or ends");
	a = grant_of(the_case, user(&alice), "laptop", RIGHT_READ);
	a.from_ns = T0 + 10 * S;
	a.until_ns = T0 + 20 * S;
	team_apply(&t, &a, &olga);
	is_int(next_of(&t) / S, 1010, "a begin");
	team_pass(&t, 10 * S);
	is_int(next_of(&t) / S, 1020, "an end");
	a.kind = ACT_EXCLUDE;
	a.from_ns = T0 + 15 * S;
	team_apply(&t, &a, &olga);
	is_int(next_of(&t) / S, 1015, "an exclusion's begin");
	t.now.real_ns -= 5 * S;
	team_pass(&t, 10 * S - 1);
	ok(next_of(&t) - t.now.boot_ns >= 50000000, "never at once");
	team_pass(&t, 100 * S);
	is_int(next_of(&t), INT64_MAX, "all is over");
	a.kind = ACT_GRANT;
	a.until_ns = T0 + 1000 * S;
	team_apply(&t, &a, &olga);
	ok(next_of(&t) < INT64_MAX, "another");
	team_close(&t, the_case);
	is_int(next_of(&t), INT64_MAX, "none in a case that is closed");
	team_end(&t);
}

/* ---- speed ------------------------------------------------------------------------------ */

static double ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void test_speed(void)
{
	struct team t;
	struct view *v = NULL;
	double took = 1e9;

	begin(&t);
	for (unsigned i = 0; i < 40; i++) {
		char name[32];

		snprintf(name, sizeof(name), "disk-%u", i);
		team_release(&t, the_case, team_add(&t, the_case, name));
	}
	for (unsigned i = 0; i < 300; i++) {
		static const char *const below[] = {"a", "a/f", "a/sub/x", "b/secret", "lost"};
		char path[64];

		snprintf(path, sizeof(path), "disk-%u/p1-ext4/%s", i % 40, below[i % 5]);
		if (i % 3 == 0)
			team_grant(&t, the_case, user(&alice), NULL, RD);
		else if (i % 3 == 1)
			team_grant(&t, the_case, user(&alice), path, RD);
		else
			team_exclude(&t, the_case, user(&alice), path);
	}
	for (unsigned i = 0; i < 5; i++) {
		double from = ms();

		v = compile(&t, &alice);
		from = ms() - from;
		took = from < took ? from : took;
		if (i < 4)
			view_free(v);
	}
	is_int(v->evidence_n, 41, "300 grants and exclusions over 41 pieces of evidence");
	diag("compiled in %.1f ms", took);
	view_free(v);
	team_end(&t);
}

int main(void)
{
	char where[64];

	if (!mkdtemp(dir))
		bail_out("no folder for the test");
	person_set(&alice, "alice", 5001);
	person_set(&bob, "bob", 5002);
	person_set(&olga, "olga", 5003);
	person_set(&omar, "omar", 5004);
	person_join(&alice, "staff", 7001);
	person_join(&bob, "staff", 7001);
	snprintf(where, sizeof(where), "%s/laptop", dir);
	laptop = evidence_make(where, "laptop", 2, plant, NULL);
	snprintf(where, sizeof(where), "%s/phone", dir);
	phone = evidence_make(where, "phone", 1, plant, NULL);
	laptop_traces = traces_of(laptop);
	test_grants();
	test_paths();
	test_twins();
	test_exclusions();
	test_small_exclusions();
	test_raw_exclusions();
	test_twice_deleted();
	test_orders();
	test_subjects();
	test_times();
	test_held();
	test_owner();
	test_cases();
	test_grant_of();
	test_changes();
	test_personal();
	test_access();
	test_past();
	test_users();
	test_next();
	test_speed();
	traces_release(&laptop_traces);
	evidence_close(laptop);
	evidence_close(phone);
	file_remove_tree(dir, NULL);
	return done_testing();
}
