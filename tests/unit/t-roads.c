/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-roads.c - which traces a mark withholds, over which road, in small real indexes.
 *
 * Each case gives marks and says which of all traces are withheld; then that an
 * analyst sees exactly the others, and a reviewer everything.
 */
#include "policy-help.h"

#include <errno.h>
#include <fnmatch.h>
#include <time.h>

#include "base/db.h"
#include "policy/roads.h"
#include "serve/hashes.h"

#define RD     (RIGHT_READ | RIGHT_DELETED)
#define PIECES 2

static char dir[] = "/tmp/t-roads.XXXXXX";
static struct person alice, bob, rosa, olga, omar;
static struct evidence *pieces[PIECES]; /* laptop, phone */
static struct known_traces traces[PIECES];
static const char *const names[PIECES] = {"laptop", "phone"};
static uint64_t the_case, ids[PIECES];
static struct roads_facts *facts;
static bool gone[PIECES];
static const struct roads *roads; /* for views */
static struct roads *before;      /* what was withheld at the last look; NULL: there was none */
static struct view_masks *masks;

static void add_sized(struct build *b, enum entry_kind kind, const char *name, uint64_t inode,
	uint32_t flags, uint64_t size)
{
	struct entry e = tree_entry(kind, name, inode, flags);

	e.size = size;
	e.content = tree_worker;
	if (kind == ENTRY_STREAM) {
		e.attr_type = 128;
		e.attr_id = (uint8_t)name[0];
	}
	if (build_enter(b, &e) || build_leave(b))
		bail_out(build_error(b)->text);
}

static void add_link(struct build *b, const char *name, uint64_t inode, const char *target)
{
	struct entry e = tree_entry(ENTRY_LINK, name, inode, 0);

	e.target = (const uint8_t *)target;
	e.target_len = strlen(target);
	if (build_enter(b, &e) || build_leave(b))
		bail_out(build_error(b)->text);
}

static void plant_laptop(struct build *b, unsigned volume, void *ctx)
{
	(void)ctx;
	if (volume == 1) {
		add_sized(b, ENTRY_FILE, "copy", 9, 0, 1000);
		add_sized(b, ENTRY_FILE, "other", 10, 0, 1000);
		return;
	}
	tree_add(b, ENTRY_FILE, "$Meta", 3, ENTRY_META);
	tree_down(b, "a", 10, 0);
	add_sized(b, ENTRY_FILE, "letter", 11, 0, 1000);
	add_sized(b, ENTRY_STREAM, "one", 11, 0, 300);
	add_sized(b, ENTRY_FILE, "small", 12, 0, 100);
	add_sized(b, ENTRY_FILE, "gone", 13, ENTRY_DELETED, 1000);
	add_sized(b, ENTRY_FILE, "stale", 30, ENTRY_DELETED | ENTRY_REALLOC, 1000);
	tree_down(b, "sub", 14, 0);
	add_sized(b, ENTRY_FILE, "inner", 15, 0, 1000);
	tree_up(b);
	tree_up(b);
	tree_down(b, "b", 20, 0);
	add_sized(b, ENTRY_FILE, "copy", 21, 0, 1000);
	add_sized(b, ENTRY_FILE, "hard", 11, 0, 1000);
	add_sized(b, ENTRY_STREAM, "one", 11, 0, 300);
	add_sized(b, ENTRY_FILE, "old", 11, ENTRY_DELETED, 1000);
	add_sized(b, ENTRY_FILE, "host", 22, 0, 1000);
	add_sized(b, ENTRY_STREAM, "s", 22, 0, 1000);
	add_sized(b, ENTRY_FILE, "tiny", 23, 0, 100);
	add_sized(b, ENTRY_FILE, "zgone", 24, ENTRY_DELETED, 1000);
	add_link(b, "link", 25, "../a/letter");
	add_link(b, "root", 26, "/a/sub/inner");
	add_link(b, "twice", 27, "link");
	add_link(b, "into", 28, "../a/none/such");
	add_link(b, "away", 29, "../c");
	tree_up(b);
	add_sized(b, ENTRY_FILE, "c", 30, 0, 1000);
	tree_add(b, ENTRY_FILE, "PageFile.SYS", 40, 0);
	tree_down(b, "System Volume Information", 41, 0);
	tree_add(b, ENTRY_FILE, "{store}", 42, 0);
	tree_up(b);
}

static void plant_phone(struct build *b, unsigned volume, void *ctx)
{
	(void)volume;
	(void)ctx;
	tree_down(b, "d", 50, 0);
	add_sized(b, ENTRY_FILE, "copy", 51, 0, 1000);
	add_sized(b, ENTRY_FILE, "tiny", 52, 0, 100);
	add_sized(b, ENTRY_FILE, "alone", 53, 0, 1000);
	tree_up(b);
}

/* Contents by their letter: the same letter, the same bytes. */
static void set_hashes(unsigned piece)
{
	static const struct {
		const char *pattern;
		char letter;
	} contents[] = {{"*letter", 'L'}, {"*/hard", 'L'}, {"*/old", 'L'}, {"*/copy", 'L'},
		{"*host:s", 'L'}, {"*zgone", 'L'}, {"*/small", 'T'}, {"*/tiny", 'T'},
		{"*/stale", 'C'}, {"*p1-ext4/c", 'C'}};
	struct evidence *ev = pieces[piece];
	struct db *d = NULL;
	struct db_stmt *s = NULL;
	struct err e = {.code = 0};
	char path[256];

	snprintf(path, sizeof(path), "%s/hashes.db", ev->dir);
	if (db_open(path, DB_WRITE, &d, &e) ||
		db_exec(d, "CREATE TABLE IF NOT EXISTS trace(id INTEGER PRIMARY KEY, sha256 BLOB)",
			&e) ||
		db_prepare(d, "INSERT OR REPLACE INTO trace VALUES(?1,?2)", &s, &e))
		bail_out(e.text);
	for (size_t i = 0; i < traces[piece].n; i++) {
		const struct known_trace *k = &traces[piece].v[i];
		uint8_t sha256[32] = {0};

		if (trace_part(k->id) == 0 || (k->kind != ENTRY_FILE && k->kind != ENTRY_STREAM))
			continue;
		snprintf((char *)sha256, sizeof(sha256), "%u %llu", piece,
			(unsigned long long)k->id);
		for (size_t c = 0; c < sizeof(contents) / sizeof(*contents); c++) {
			if (fnmatch(contents[c].pattern, k->path, 0) == 0) {
				memset(sha256, contents[c].letter, sizeof(sha256));
				break;
			}
		}
		db_bind_int(s, 1, (int64_t)k->id);
		db_bind_blob(s, 2, sha256, 32);
		if (db_run(s, &e))
			bail_out(e.text);
	}
	db_stmt_free(s);
	db_close(d);
}

/* ---- a case -------------------------------------------------------------------------------- */

static unsigned piece_of(const struct model_evidence *m)
{
	return strcmp(m->name, names[0]) == 0 ? 0 : 1;
}

static struct evidence *open_one(void *ctx, const struct model_evidence *m)
{
	(void)ctx;
	return gone[piece_of(m)] ? NULL : pieces[piece_of(m)];
}

static const struct withheld *withheld(void *ctx, const struct model_evidence *m)
{
	(void)ctx;
	return roads_of(roads, m->id);
}

static void begin(struct team *t)
{
	team_begin(t);
	roads_free(before);
	before = NULL;
	the_case = team_case(t, "case-1", &olga);
	team_officer(t, the_case, &omar);
	for (unsigned i = 0; i < PIECES; i++) {
		ids[i] = team_add(t, the_case, names[i]);
		team_release(t, the_case, ids[i]);
	}
	team_grant(t, the_case, user(&alice), NULL, RD | RIGHT_RAW);
	team_grant(t, the_case, user(&rosa), NULL, RD | RIGHT_RAW | RIGHT_PRIVILEGED | RIGHT_MARK);
}

/* "suspected laptop/p1-ext4/a" as @by gave it. */
static uint64_t mark(struct team *t, enum mark_state state, const char *path)
{
	const char *rest = strchr(path, '/');
	struct evidence *ev = pieces[strncmp(path, names[0], strlen(names[0])) != 0];
	struct act a = {.kind = ACT_MARK,
		.case_id = the_case,
		.path = TEXT(path),
		.mark_state = state,
		.mark_origin = MARK_BY_USER,
		.basis = TEXT("b"),
		.reason = TEXT("r"),
		.trace = evidence_find(ev, rest ? rest + 1 : "")};
	struct evidence_cursor c;
	struct trace found;

	evidence_cursor_init(&c, ev);
	if (a.trace != UINT64_MAX && evidence_get(&c, a.trace, &found) == 0)
		a.inode = found.inode;
	evidence_cursor_release(&c);
	return team_apply(t, &a, &rosa);
}

static struct roads *compile(struct team *t)
{
	const struct view_sources src = {.evidence = open_one, .clock = t->clock};
	const struct roads_opts o = {.src = &src, .facts = facts, .copy_floor = 256};
	struct roads *r = NULL;

	if (roads_compile(&t->m, the_case, &o, &r))
		bail_out("no memory");
	return r;
}

static bool listed(const char *patterns, const char *path)
{
	char all[2048];
	char *rest = all;

	snprintf(all, sizeof(all), "%s", patterns);
	for (char *p = strsep(&rest, " "); p; p = strsep(&rest, " ")) {
		bool not = *p == '!'; /* these come first */

		if (*p && fnmatch(p + not, path, 0) == 0)
			return !not ;
	}
	return false;
}

static bool sees(struct team *t, const struct person *p, unsigned piece, uint64_t id)
{
	const struct view_sources src = {
		.evidence = open_one, .clock = t->clock, .withheld = withheld};
	const struct moment now = clock_now(t->clock);
	struct view *v = NULL;
	bool sees = false;

	if (view_compile(&t->m, &p->id, &now, &src, &v, NULL))
		bail_out("no memory");
	for (size_t i = 0; i < v->evidence_n; i++)
		sees |= v->evidence[i].id == ids[piece] &&
			decide(v, &v->evidence[i], p->id.uid, id, NULL) == DECIDE_ALLOW;
	view_free(v);
	return sees;
}

/* ---- what is withheld before the roads are known ------------------------------------------ */

static struct view *view_with(
	struct team *t, const struct person *p, const struct roads *r, const struct view *earlier)
{
	const struct view_sources src = {.evidence = open_one,
		.clock = t->clock,
		.withheld = withheld,
		.masks = r->held ? masks : NULL,
		.before = earlier};
	const struct moment now = clock_now(t->clock);
	struct view *v = NULL;

	roads = r;
	if (view_compile(&t->m, &p->id, &now, &src, &v, NULL))
		bail_out("no memory");
	return v;
}

/* Whether a view shows a trace, and what is in it. */
static bool shows(const struct view *v, const struct person *p, unsigned piece, uint64_t id)
{
	for (size_t i = 0; i < v->evidence_n; i++) {
		if (v->evidence[i].id == ids[piece])
			return decide(v, &v->evidence[i], p->id.uid, id, NULL) == DECIDE_ALLOW &&
			       view_contents(&v->evidence[i], id) == 0;
	}
	return false;
}

/* All that @after withholds, and little else. */
static void is_held(struct team *t, const struct roads *after, const char *what)
{
	const struct view_sources src = {.evidence = open_one, .clock = t->clock};
	const struct roads_opts o = {.src = &src, .facts = facts, .copy_floor = 256};
	struct roads *held = NULL;
	struct view *earlier = NULL;
	struct view *alices = NULL;
	struct view *rosas = NULL;
	unsigned wrong = 0;
	int r = 0;

	if (!before)
		before = roads_none(&t->m, the_case);
	r = before ? roads_hold(&t->m, the_case, &o, before, &held) : -ENOMEM;
	if (r < 0)
		bail_out("no memory");
	if (r == 0)
		held = roads_get(before);
	earlier = view_with(t, &alice, before, NULL);
	alices = view_with(t, &alice, held, earlier);
	rosas = view_with(t, &rosa, held, NULL);
	for (unsigned piece = 0; piece < PIECES; piece++) {
		for (size_t i = 0; i < traces[piece].n; i++) {
			const struct known_trace *k = &traces[piece].v[i];
			bool is = withheld_has(roads_of(after, ids[piece]), k->id);

			if (!(is && shows(alices, &alice, piece, k->id)) &&
				shows(rosas, &rosa, piece, k->id))
				continue;
			diag("%s/%s is %s", names[piece], k->path, is ? "shown" : "held from all");
			wrong++;
		}
	}
	ok(wrong == 0, "%s: held before its roads are known", what);
	is_int(held->held, r, "  and only where there is something to hold");
	view_free(earlier);
	view_free(alices);
	view_free(rosas);
	roads = NULL;
	roads_free(held);
}

/* Exactly what matches one of @patterns, which have ? where a path has a blank, is withheld. */
static void is_withheld(struct team *t, const char *patterns, const char *what)
{
	struct roads *r = compile(t);
	unsigned wrong = 0;

	roads = r;
	for (unsigned piece = 0; piece < PIECES; piece++) {
		for (size_t i = 0; i < traces[piece].n; i++) {
			const struct known_trace *k = &traces[piece].v[i];
			char path[512];
			bool want = false;
			bool got = withheld_has(roads_of(r, ids[piece]), k->id);

			snprintf(path, sizeof(path), "%s%s%s", names[piece], k->path[0] ? "/" : "",
				k->path);
			want = listed(patterns, path);
			if (got != want || sees(t, &alice, piece, k->id) == want ||
				!sees(t, &rosa, piece, k->id)) {
				diag("%s: %s, want %s", path, got ? "withheld" : "shown",
					want ? "withheld" : "shown");
				wrong++;
			}
		}
	}
	is_int(wrong, 0, what);
	is_held(t, r, what);
	roads = NULL;
	roads_free(before);
	before = r;
}

#define BYTES_1                                                                                    \
	"laptop/image.raw laptop/p1-ext4.raw laptop/p1-ext4.unallocated laptop/p1-ext4/$Meta "     \
	"laptop/p1-ext4/PageFile.SYS laptop/p1-ext4/System?Volume?Information* "
#define BYTES_2 "laptop/p2-ext4.raw laptop/p2-ext4.unallocated "
#define BYTES_3 "phone/image.raw phone/p1-ext4.raw phone/p1-ext4.unallocated "
/* other names and copies of the letter */
#define LETTERS                                                                                    \
	"laptop/p1-ext4/a/letter laptop/p1-ext4/b/copy laptop/p1-ext4/b/hard "                     \
	"laptop/p1-ext4.deleted/b/old laptop/p1-ext4/b/host:s laptop/p1-ext4.deleted/b/zgone "     \
	"laptop/p1-ext4/b/link laptop/p1-ext4/b/twice laptop/p2-ext4/copy phone/p1-ext4/d/copy "

/* ---- the roads ---------------------------------------------------------------------------- */

static void test_roads(void)
{
	struct team t;

	begin(&t);
	is_withheld(&t, "", "without marks nothing is");
	mark(&t, MARK_SUSPECTED, "laptop/p1-ext4/a/letter");
	is_withheld(&t,
		LETTERS
		"laptop/p1-ext4/a/letter:one laptop/p1-ext4/b/hard:one " BYTES_1 BYTES_2 BYTES_3,
		"a letter, by every road");
	mark(&t, MARK_REJECTED, "laptop/p1-ext4/a/letter");
	is_withheld(&t, "", "rejected, nothing is");
	mark(&t, MARK_SUSPECTED, "laptop/p1-ext4/b/hard:one");
	is_withheld(&t, "laptop/p1-ext4/a/letter:one laptop/p1-ext4/b/hard:one " BYTES_1,
		"a stream, without what it belongs to");
	mark(&t, MARK_REJECTED, "laptop/p1-ext4/b/hard:one");
	mark(&t, MARK_SUSPECTED, "laptop/p1-ext4.deleted/a/gone");
	is_withheld(&t, "laptop/p1-ext4.deleted/a/gone " BYTES_1, "a deleted file");
	mark(&t, MARK_REJECTED, "laptop/p1-ext4.deleted/a/gone");
	mark(&t, MARK_SUSPECTED, "laptop/p1-ext4/a/small");
	is_withheld(&t, "laptop/p1-ext4/a/small " BYTES_1, "a small one is not followed");
	mark(&t, MARK_REJECTED, "laptop/p1-ext4/a/small");
	mark(&t, MARK_SUSPECTED, "laptop/p1-ext4.deleted/a/stale");
	is_withheld(&t,
		"laptop/p1-ext4.deleted/a/stale laptop/p1-ext4/c laptop/p1-ext4/b/away " BYTES_1,
		"a stale name that is marked itself is followed");
	mark(&t, MARK_REJECTED, "laptop/p1-ext4.deleted/a/stale");
	mark(&t, MARK_SUSPECTED, "laptop/p1-ext4.raw");
	is_withheld(&t, "laptop/p1-ext4.raw laptop/image.raw", "a byte stream");
	team_end(&t);
}

#define FOLDER                                                                                     \
	LETTERS "laptop/p1-ext4/a laptop/p1-ext4/a/* laptop/p1-ext4.deleted/a "                    \
		"laptop/p1-ext4.deleted/a/* laptop/p1-ext4/b/hard:one laptop/p1-ext4/b/root "      \
		"laptop/p1-ext4/b/into " BYTES_1 BYTES_2 BYTES_3

static void test_folders(void)
{
	struct team t;

	begin(&t);
	mark(&t, MARK_CONFIRMED, "laptop/p1-ext4/a");
	is_withheld(&t, FOLDER, "a folder: below it, deleted below it, and what that leads to");
	mark(&t, MARK_REJECTED, "laptop/p1-ext4/b/copy");
	is_withheld(&t, FOLDER, "a rejection does not close the road by copy");
	mark(&t, MARK_REJECTED, "laptop/p1-ext4/b/hard");
	is_withheld(&t, FOLDER, "nor by inode");
	mark(&t, MARK_REJECTED, "laptop/p1-ext4/a/letter");
	is_withheld(&t,
		"laptop/p1-ext4/a laptop/p1-ext4/a/s* laptop/p1-ext4.deleted/a "
		"laptop/p1-ext4.deleted/a/* laptop/p1-ext4/b/root laptop/p1-ext4/b/into " BYTES_1,
		"one inside lifts the road from above, and its copies are none any more");
	mark(&t, MARK_SUSPECTED, "laptop");
	is_withheld(&t,
		"!*:one laptop laptop/EVIDENCE.txt laptop/p* laptop/image.raw "
		"phone/p1-ext4/d/copy " BYTES_3,
		"all of it, but for what was rejected below");
	mark(&t, MARK_REJECTED, "laptop/p1-ext4");
	mark(&t, MARK_REJECTED, "laptop/p2-ext4");
	is_withheld(&t,
		"laptop laptop/EVIDENCE.txt laptop/p3-unknown.raw laptop/p1-ext4/a "
		"!*/letter* laptop/p1-ext4/a/* laptop/p1-ext4.deleted/a laptop/p1-ext4.deleted/a/* "
		"laptop/p1-ext4/b/root laptop/p1-ext4/b/into " BYTES_1,
		"volumes as a whole are shown again, but for what is confirmed below");
	team_end(&t);
}

/* What a user is told of a volume, and what leads to it, goes by what he sees of it. */
static void test_unknown(void)
{
	const uint64_t not_there[] = {
		trace_id(5, 0), trace_id(6, 0), trace_id(0, TRACE_VOLUME_UNALLOCATED(2))};
	struct roads *r = NULL;
	struct team t;

	begin(&t);
	team_grant(&t, the_case, user(&bob), "laptop/p3-unknown", RD | RIGHT_RAW);
	roads = r = compile(&t);
	ok(sees(&t, &bob, 0, evidence_find(pieces[0], "p3-unknown.raw")) &&
			sees(&t, &bob, 0, TRACE_EVIDENCE_TXT),
		"a volume that is not known is seen by its bytes");
	roads_free(r);
	mark(&t, MARK_SUSPECTED, "laptop/p3-unknown.raw");
	is_withheld(&t, "laptop/p3-unknown.raw laptop/image.raw", "they are withheld");
	roads = r = compile(&t);
	ok(!sees(&t, &bob, 0, TRACE_EVIDENCE_TXT), "  and nothing is left that tells of it");
	for (size_t i = 0; i < sizeof(not_there) / sizeof(*not_there); i++)
		ok(!sees(&t, &bob, 0, not_there[i]) && !sees(&t, &alice, 0, not_there[i]),
			"  nor a right on trace %#llx, which there is not",
			(unsigned long long)not_there[i]);
	roads = NULL;
	roads_free(r);
	team_end(&t);
}

static void test_doubt(void)
{
	struct team t;
	struct roads *r = NULL;
	struct act lost = {.kind = ACT_MARK,
		.path = TEXT("laptop/p1-ext4/nothing"),
		.mark_state = MARK_SUSPECTED,
		.mark_origin = MARK_BY_USER,
		.trace = 5};

	begin(&t);
	lost.case_id = the_case;
	team_apply(&t, &lost, &rosa);
	r = compile(&t);
	ok(withheld_has(roads_of(r, ids[0]), evidence_find(pieces[0], "p2-ext4/other")) &&
			!roads_of(r, ids[1]) && roads_of(r, ids[0])->ways[0].road == ROAD_DOUBT,
		"a marked path that is not there any more: all of that evidence");
	roads_free(r);
	team_end(&t);

	begin(&t);
	mark(&t, MARK_SUSPECTED, "laptop/p1-ext4/a/letter");
	gone[1] = true;
	r = compile(&t);
	ok(r->missing == 1 && withheld_has(roads_of(r, ids[1]), 0) &&
			!withheld_has(roads_of(r, ids[0]), evidence_find(pieces[0], "p1-ext4/c")),
		"evidence that cannot be opened: all of it, until it can");
	roads_free(r);
	gone[1] = false;
	gone[0] = true;
	r = compile(&t);
	ok(r->doubt && withheld_has(roads_of(r, ids[1]), 0),
		"when a mark is in it: all of the case");
	roads_free(r);
	gone[0] = false;
	team_end(&t);
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Each mark on the same few traces: what counts is how many there are. */
static void test_many(void)
{
	struct team t;
	struct roads *r = NULL;
	double begun = 0;
	double took = 0;

	begin(&t);
	for (unsigned i = 0; i < 3000; i++)
		mark(&t, i % 3 ? MARK_SUSPECTED : MARK_REJECTED,
			i % 2 ? "laptop/p1-ext4/a/letter" : "phone/p1-ext4/d/alone");
	begun = now_s();
	r = compile(&t);
	took = now_s() - begun;
	diag("3000 marks compiled in %.1f ms", took * 1e3);
	ok(took < 5 && r->n == 2, "thousands of marks");
	roads_free(r);
	team_end(&t);
}

int main(void)
{
	char path[128];

	person_set(&olga, "olga", 4001);
	person_set(&omar, "omar", 4002);
	person_set(&alice, "alice", 4003);
	person_set(&rosa, "rosa", 4004);
	person_set(&bob, "bob", 4005);
	if (!mkdtemp(dir))
		bail_out("no temporary directory");
	for (unsigned i = 0; i < PIECES; i++) {
		struct err e = {.code = 0};

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		pieces[i] = evidence_make(
			path, names[i], i == 0 ? 2 : 1, i == 0 ? plant_laptop : plant_phone, NULL);
		traces[i] = traces_of(pieces[i]);
		set_hashes(i);
		hashes_close(pieces[i]->hashes);
		if (hashes_open(pieces[i], true, false, &pieces[i]->hashes, &e))
			bail_out(e.text);
	}
	facts = roads_facts_new();
	masks = view_masks_new();
	test_roads();
	test_folders();
	test_unknown();
	test_doubt();
	test_many();
	roads_free(before);
	view_masks_free(masks);
	roads_facts_free(facts);
	for (unsigned i = 0; i < PIECES; i++) {
		traces_release(&traces[i]);
		evidence_close(pieces[i]);
	}
	file_remove_tree(dir, NULL);
	return done_testing();
}
