/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-policy-model.c - views against a slow and obvious model of the rules
 *
 * Random grants, exclusions, marks, revocations, groups and clocks over random trees with
 * hard links, copies, streams, links and what systems keep for themselves.
 * After every step, for every user and every trace there is, what decide() says
 * must be what the model says, and so must the bytes of each volume that are not shown
 * (mask-model.h). The model knows no ids and no indexes: it compares
 * paths as text. EVIDENCEFS_SEED repeats a run, EVIDENCEFS_MODEL_SECONDS makes it
 * longer.
 */
#include "policy-help.h"

#include <time.h>

#include "base/db.h"
#include "image/extent.h"
#include "marks-model.h"
#include "mask-model.h"
#include "policy/roads.h"
#include "serve/hashes.h"

#define USERS      6
#define OWNER      4
#define OFFICER    5
#define PIECES     2
#define GRANTS     4096
#define STEPS      80 /* of one team */
#define HELD_STEPS 8  /* of which the roads are not known yet */

static const unsigned kinds[] = {RIGHT_READ, RIGHT_DELETED, RIGHT_RAW, RIGHT_PRIVILEGED};

/* ---- chance ------------------------------------------------------------------------------ */

static uint64_t state;

static uint64_t draw(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 11) % below;
}

static bool chance(unsigned percent)
{
	return draw(100) < percent;
}

/* ---- a tree ----------------------------------------------------------------------------- */

static unsigned planted;
static unsigned planting;   /* the volume at hand */
static uint64_t linked[16]; /* inodes that may have another name, of the volume at hand */
static unsigned linked_n;
static uint64_t folder_at; /* inode of the folder at hand */
static struct planted_name {
	uint64_t inode;
	uint64_t folder;
	uint32_t attribute; /* of a stream; 0: it is none */
} named[512];               /* of the volume at hand */
static size_t named_n;
static struct place_at places[2][MASK_PLACES]; /* told of each volume */
static size_t places_n[2];
static bool maskable[2];

static void note_name(uint64_t inode, uint32_t attribute)
{
	if (named_n < sizeof(named) / sizeof(*named))
		named[named_n++] = (struct planted_name){inode, folder_at, attribute};
}

static void plant_contents(struct build *b, enum entry_kind kind, const char *name, uint64_t inode,
	uint32_t attribute, uint32_t flags)
{
	struct entry e = tree_entry(kind, name, inode, flags);
	struct buf content = BUF_INIT;

	note_name(inode, kind == ENTRY_STREAM ? attribute : 0);
	e.size = model_size(inode, attribute);
	e.content = tree_worker;
	if (!mask_asked(inode, attribute)) {
		struct extent_writer w;
		uint64_t bytes = 0;
		uint64_t begin = mask_contents(inode, attribute, &bytes);

		extent_writer_begin(&w, &content);
		extent_writer_add(&w, EXTENT_DATA, MASK_VOLUME * planting + begin, bytes);
		extent_writer_add(&w, EXTENT_ZERO, 0, e.size - bytes);
		extent_writer_end(&w);
		e.content = content.data;
		e.content_len = content.len;
	}
	e.attr_type = kind == ENTRY_STREAM ? 128 : 0;
	e.attr_id = attribute;
	if (build_enter(b, &e) || build_leave(b))
		bail_out(build_error(b)->text);
	buf_release(&content);
}

/* Mostly one of its own; now and then another name of a file that was planted before. */
static uint64_t choose_inode(void)
{
	uint64_t inode = 100 + planted;

	if (linked_n > 0 && chance(15))
		return linked[draw(linked_n)];
	if (linked_n < sizeof(linked) / sizeof(*linked) && chance(25))
		linked[linked_n++] = inode;
	return inode;
}

static void plant_link(struct build *b, const char *name, uint32_t flags)
{
	struct entry e = tree_entry(ENTRY_LINK, name, 100 + planted, flags);
	char target[48] = "";
	unsigned n = 1 + (unsigned)draw(3);

	if (chance(30))
		strcat(target, "/");
	for (unsigned i = 0; i < n; i++) {
		size_t at = strlen(target);

		if (chance(25) && i + 1 < n && target[0] != '/')
			snprintf(target + at, sizeof(target) - at, "../");
		else
			snprintf(target + at, sizeof(target) - at, "%c%u%s", "fx.~"[draw(4)],
				(unsigned)draw(planted + 6), i + 1 < n ? "/" : "");
	}
	e.target = (const uint8_t *)target;
	e.target_len = strlen(target);
	if (build_enter(b, &e) || build_leave(b))
		bail_out(build_error(b)->text);
}

/* Names are unique in their directory, but for deleted files that have a file's name. */
static void plant_below(struct build *b, unsigned depth, uint32_t flags)
{
	unsigned n = 2 + (unsigned)draw(4);
	char last[32] = "";

	for (unsigned i = 0; i < n; i++) {
		char name[32];
		uint32_t deleted = chance(30) ? ENTRY_DELETED : 0;

		uint64_t inode = 0;

		planted++;
		snprintf(name, sizeof(name), "%c%u", "fx.~"[draw(4)], planted);
		if (depth < 3 && chance(40)) {
			uint64_t above = folder_at;

			note_name(100 + planted, 0);
			tree_down(b, name, 100 + planted, flags | deleted);
			folder_at = 100 + planted;
			plant_below(b, depth + 1, flags | deleted);
			folder_at = above;
			tree_up(b);
			if (chance(20))
				tree_add(b, ENTRY_STREAM, "sd", 100 + planted, flags);
			continue;
		}
		if (!deleted && !(flags & (ENTRY_DELETED | ENTRY_META)) && chance(15)) {
			plant_link(b, name, flags);
			continue;
		}
		inode = flags & ENTRY_META ? 100 + planted : choose_inode();
		if (last[0] && deleted && !(flags & ENTRY_DELETED) && chance(50)) {
			plant_contents(b, ENTRY_FILE, last, inode, 0, flags | deleted);
			last[0] = '\0';
			continue;
		}
		plant_contents(b, ENTRY_FILE, name, inode, 0, flags | deleted);
		if (!deleted)
			snprintf(last, sizeof(last), "%s", name);
		for (unsigned s = 0; chance(30); s++) {
			snprintf(name, sizeof(name), "s%u", s);
			plant_contents(b, ENTRY_STREAM, name, inode, s + 1, flags);
		}
	}
}

/* What a worker would tell of: names, inodes, streams, contents behind extents. */
static void plant_places(struct build *b)
{
	struct place_state at = {.end = 0};
	struct place_at *v = places[planting];
	struct buf packed = BUF_INIT;
	size_t n = draw(MASK_PLACES);

	for (size_t i = 0; i < n; i++) {
		const struct planted_name *of = &named[draw(named_n)];

		v[i] = (struct place_at){.offset = MASK_VOLUME * planting + draw(MASK_VOLUME - 50),
			.length = 1 + draw(50),
			.inode = of->inode,
			.flags = chance(40) ? PLACE_DATA : 0};
		if (chance(10)) {
			v[i].inode = 0;
			v[i].action = chance(50) ? PLACE_KEEP : PLACE_ZERO;
			v[i].flags = v[i].action == PLACE_KEEP ? 0 : v[i].flags;
		} else if (of->attribute) {
			v[i].attr_type = 128;
			v[i].attr_id = of->attribute;
		} else if (!v[i].flags && chance(50)) {
			v[i].parent = chance(90) ? of->folder : 77;
		}
		if (v[i].action == PLACE_ZERO && chance(30))
			v[i].flags |= PLACE_STALE;
		place_put(&packed, &at, &v[i]);
	}
	places_n[planting] = n;
	if (n > 0 && build_places(b, packed.data, packed.len))
		bail_out(build_error(b)->text);
	if (build_unallocated(b, tree_empty, 1, 0) ||
		build_placed(b, MASK_UNIT, MASK_VOLUME * planting))
		bail_out(build_error(b)->text);
	buf_release(&packed);
}

static void plant_tree(struct build *b, unsigned volume);

static void plant(struct build *b, unsigned volume, void *ctx)
{
	(void)ctx;
	planting = volume;
	folder_at = 2;
	named_n = 0;
	note_name(2, 0);
	plant_tree(b, volume);
	maskable[volume] = chance(70);
	places_n[volume] = 0;
	if (maskable[volume])
		plant_places(b);
}

static void plant_tree(struct build *b, unsigned volume)
{
	linked_n = 0;
	if (volume == 0 || chance(50)) {
		tree_add(b, ENTRY_FILE, "$MFT", 3, ENTRY_META);
		tree_add(b, ENTRY_STREAM, "s", 3, ENTRY_META);
		tree_down(b, "$Extend", 4, ENTRY_META);
		plant_below(b, 2, ENTRY_META);
		tree_up(b);
	}
	plant_below(b, 0, 0);
	if (chance(50))
		tree_add(b, ENTRY_FILE, "PageFile.sys", 7, 0);
	if (chance(50)) {
		tree_down(b, "System Volume Information", 8, 0);
		tree_add(b, ENTRY_FILE, "{store}", 9, 0);
		tree_up(b);
	}
	if (chance(60)) {
		tree_down(b, "lost", 5, ENTRY_DELETED | ENTRY_ORPHAN);
		tree_add(b, ENTRY_FILE, "o", 6, ENTRY_DELETED | ENTRY_ORPHAN);
		tree_up(b);
	}
}

static char dir[] = "/tmp/t-policy-model.XXXXXX";
static struct evidence *disk;
static struct known_traces traces;
static char **paths; /* that acts may name, below a piece of evidence */
static size_t paths_n;
static bool *seen;
static struct marks_model marks;
static struct roads_facts *facts;
static struct view_masks *masks;

/* What the service would have hashed. */
static void set_hashes(void)
{
	struct db *d = NULL;
	struct db_stmt *s = NULL;
	struct err e = {.code = 0};
	char path[4200];

	snprintf(path, sizeof(path), "%s/hashes.db", disk->dir);
	if (db_open(path, DB_WRITE, &d, &e) ||
		db_exec(d, "CREATE TABLE IF NOT EXISTS trace(id INTEGER PRIMARY KEY, sha256 BLOB)",
			&e) ||
		db_exec(d, "BEGIN", &e) ||
		db_prepare(d, "INSERT OR REPLACE INTO trace VALUES(?1,?2)", &s, &e))
		bail_out(e.text);
	for (size_t i = 0; i < traces.n; i++) {
		const struct known_trace *k = &traces.v[i];
		uint8_t sha256[32] = {0};

		if (!has_contents(k))
			continue;
		snprintf((char *)sha256, sizeof(sha256), "%u", letter_of(k));
		db_bind_int(s, 1, (int64_t)k->id);
		db_bind_blob(s, 2, sha256, sizeof(sha256));
		if (db_run(s, &e))
			bail_out(e.text);
	}
	db_stmt_free(s);
	if (db_exec(d, "COMMIT", &e))
		bail_out(e.text);
	db_close(d);
	hashes_close(disk->hashes);
	disk->hashes = NULL;
	if (hashes_open(disk, true, false, &disk->hashes, &e))
		bail_out(e.text);
}

static bool names(const char *path, const struct known_trace *k, bool takes);

/* "p1-ext4", "p2-ext4": as they were planted; none else. */
static bool can_be_masked(const struct known_trace *k)
{
	return k->path[0] == 'p' && (k->path[1] == '1' || k->path[1] == '2') &&
	       maskable[k->path[1] - '1'];
}

static void marks_begin(void)
{
	marks.traces = &traces;
	marks.names = names;
	marks.maskable = can_be_masked;
	facts = roads_facts_new();
	for (size_t i = 0; i < MODEL_PIECES; i++) {
		marks.withheld[i] = calloc(traces.n, sizeof(bool));
		if (!marks.withheld[i] || !facts)
			bail_out("no memory");
	}
	set_hashes();
}

static void marks_end(void)
{
	for (size_t i = 0; i < MODEL_PIECES; i++)
		free(marks.withheld[i]);
	roads_facts_free(facts);
}

static void add_path(const char *path)
{
	paths[paths_n] = strdup(path);
	if (!paths[paths_n++])
		bail_out("no memory");
}

static void tree_begin(void)
{
	/* a volume that is not known has its bytes alone */
	static const char *const nothing[] = {"p1-ext4/nothing", "p7-ext4/nothing", "p3-unknown",
		"p3-unknown/nothing", "p3-unknown.deleted", "p3-unknown.unallocated"};
	static unsigned turn;
	char text[4096];

	snprintf(text, sizeof(text), "%s/%u", dir, turn++);
	disk = evidence_make(text, "disk", 2, plant, NULL);
	traces = traces_of(disk);
	paths = calloc(3 * traces.n + sizeof(nothing) / sizeof(*nothing), sizeof(*paths));
	seen = calloc(traces.n, sizeof(*seen));
	if (!paths || !seen)
		bail_out("no memory");
	paths_n = 0;
	for (size_t i = 0; i < traces.n; i++) {
		const char *tail = strstr(traces.v[i].path, ".deleted/");

		add_path(traces.v[i].path);
		if (tail) { /* what was deleted, by the path it had */
			snprintf(text, sizeof(text), "%.*s%s", (int)(tail - traces.v[i].path),
				traces.v[i].path, tail + 8);
			add_path(text);
		}
		if (chance(5) && traces.v[i].path[0]) {
			snprintf(text, sizeof(text), "%s/not there", traces.v[i].path);
			add_path(text);
		}
	}
	for (size_t i = 0; i < sizeof(nothing) / sizeof(*nothing); i++)
		add_path(nothing[i]);
	marks_begin();
	masks = view_masks_new();
	if (!masks)
		bail_out("no memory");
}

static void tree_end(void)
{
	view_masks_free(masks);
	for (size_t i = 0; i < paths_n; i++)
		free(paths[i]);
	free(paths);
	free(seen);
	marks_end();
	traces_release(&traces);
	evidence_close(disk);
}

/* ---- the model: what was done, as it was asked for -------------------------------------- */

struct done {
	struct act act;
	char path[4096];
	char who[16];
	unsigned boot;
	int64_t made_ns;
	int64_t made_boot_ns;
	int64_t revoked_ns; /* 0: not */
	bool covers[PIECES];
};

static const char *const pieces[PIECES] = {"laptop", "phone"};
static struct team team;
static struct person people[USERS];
static struct done done[GRANTS];
static size_t done_n;
static struct act history[2 * GRANTS];
static size_t history_n;
static int64_t released_ns[PIECES];
static uint64_t piece_id[PIECES];
static uint64_t the_case;
static int64_t closed_ns;
static int64_t highest_ns;
static struct moment first_sight; /* of this boot */

/* The moment that is asked about: now, or one in the past by real time alone. */
struct question {
	int64_t real_ns;
	int64_t boot_ns;
	bool past;
};

static bool passed(const struct done *d, int64_t when, const struct question *q, bool both)
{
	bool here = d->boot == team.boot;
	int64_t real = here ? d->made_ns : first_sight.real_ns;
	int64_t boot = here ? d->made_boot_ns : first_sight.boot_ns;
	bool by_real = q->real_ns >= when;
	bool by_boot = when != TIME_NEVER && q->boot_ns - boot >= when - real;

	if (q->past)
		return by_real;
	return both ? by_real && by_boot : by_real || by_boot;
}

static bool counts(const struct done *d, const struct question *q)
{
	bool takes = d->act.kind == ACT_EXCLUDE;

	if (d->made_ns > q->real_ns || (d->revoked_ns && d->revoked_ns <= q->real_ns))
		return false;
	return passed(d, d->act.from_ns, q, !takes) && !passed(d, d->act.until_ns, q, takes);
}

static bool means(const struct done *d, const struct person *p)
{
	bool takes = d->act.kind == ACT_EXCLUDE;

	if (d->act.who.kind == SUBJECT_USER) {
		bool name = strcmp(d->who, p->id.name) == 0;
		bool number = d->act.who.id == p->id.uid;

		return takes ? name || number : name && number;
	}
	for (size_t i = 0; i < p->id.groups_n; i++) {
		bool name = strcmp(d->who, p->group_name[i]) == 0;
		bool number = d->act.who.id == p->gids[i];

		if (takes ? name || number : name && number)
			return true;
	}
	return false;
}

/* ---- the model: paths as text ----------------------------------------------------------- */

static bool below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return n == 0 || (strncmp(path, top, n) == 0 && (!path[n] || path[n] == '/'));
}

/* The trace is at or below @top, or a stream of what is at it. */
static bool belongs(const struct known_trace *k, const char *top)
{
	return below(k->path, top) ||
	       (k->kind == ENTRY_STREAM && strcmp(traces.v[k->owner].path, top) == 0);
}

static const struct known_trace *at(const char *path)
{
	for (size_t i = 0; i < traces.n; i++) {
		if (strcmp(traces.v[i].path, path) == 0)
			return &traces.v[i];
	}
	return NULL;
}

static size_t first_part(const char *path)
{
	return strcspn(path, "/");
}

/* "p1-ext4" of "p1-ext4/x", "p1-ext4.deleted/x", "p1-ext4.raw"; length 0: of no volume. */
static size_t volume_of(const char *path)
{
	size_t n = strcspn(path, "./");

	return path[0] == 'p' && n == first_part(path)       ? n
	       : path[0] == 'p' && strchr(path, '.') != NULL ? n
							     : 0;
}

static bool same_volume(const char *a, const char *b)
{
	size_t n = volume_of(a);

	return n > 0 && n == volume_of(b) && strncmp(a, b, n) == 0;
}

/* Whether a path below a piece of evidence names a trace. */
static bool names(const char *path, const struct known_trace *k, bool takes)
{
	size_t n = first_part(path);
	const struct known_trace *there = NULL;
	char other[4200];

	if (belongs(k, path))
		return true;
	if (volume_of(path) != n || n == 0)
		return false;
	if (!path[n]) /* a volume: its deleted entries and byte streams too */
		return same_volume(path, k->path);
	snprintf(other, sizeof(other), "%.*s.deleted%s", (int)n, path, path + n);
	there = at(other);
	return there && (takes || there->kind == ENTRY_DIR) && belongs(k, other);
}

/* A path as it is kept begins with the piece's name; NULL: it is about another. */
static const char *path_in(const struct done *d, size_t piece)
{
	size_t n = strlen(pieces[piece]);

	if (strncmp(d->path, pieces[piece], n) != 0 || (d->path[n] && d->path[n] != '/'))
		return NULL;
	return d->path[n] ? d->path + n + 1 : d->path + n;
}

static bool concerns(const struct done *d, size_t piece, const struct known_trace *k)
{
	const char *path = NULL;

	if (!d->act.path)
		return d->act.future || d->covers[piece];
	path = path_in(d, piece);
	return path && (!*path || names(path, k, d->act.kind == ACT_EXCLUDE));
}

/* ---- the model: rights ------------------------------------------------------------------ */

struct asked {
	const struct person *p;
	size_t piece;
	struct question q;
};

static bool is_open(const struct asked *a)
{
	return !closed_ns || closed_ns > a->q.real_ns;
}

static bool is_released(const struct asked *a)
{
	return released_ns[a->piece] && released_ns[a->piece] <= a->q.real_ns;
}

/* What grants and offices give on a trace, before anything is taken. */
static unsigned given(const struct asked *a, const struct known_trace *k)
{
	unsigned rights = 0;

	if (!is_open(a))
		return 0;
	for (size_t i = 0; i < done_n; i++) {
		const struct done *d = &done[i];

		if (d->act.kind == ACT_GRANT && counts(d, &a->q) && means(d, a->p) &&
			(is_released(a) || (d->act.rights & RIGHT_PRIVILEGED)) &&
			concerns(d, a->piece, k))
			rights |= d->act.rights;
	}
	if (a->p == &people[OFFICER])
		rights |= RIGHT_READ | RIGHT_DELETED | RIGHT_RAW | RIGHT_PRIVILEGED | RIGHT_MARK |
			  RIGHT_NOTES;
	if (a->p == &people[OWNER] && is_released(a))
		rights |= RIGHT_NAMES;
	return rights;
}

/* Whether a path names or leads into a volume that there is. */
static bool has_volume(const char *path)
{
	for (size_t i = 0; i < traces.n; i++) {
		if (same_volume(path, traces.v[i].path))
			return true;
	}
	return false;
}

enum reach { OUTSIDE, VOLUME, TRACE };

/* Whether an exclusion takes the trace, something of its volume, something of no volume. */
static bool taken(const struct asked *a, const struct known_trace *k, enum reach reach)
{
	for (size_t i = 0; i < done_n; i++) {
		const struct done *d = &done[i];
		const char *path = NULL;

		if (d->act.kind != ACT_EXCLUDE || !counts(d, &a->q) || !means(d, a->p))
			continue;
		path = path_in(d, a->piece);
		if (path && ((reach == OUTSIDE && !has_volume(path)) || !*path ||
				    (reach == VOLUME && same_volume(path, k->path)) ||
				    (reach == TRACE && concerns(d, a->piece, k))))
			return true;
	}
	return false;
}

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s);

	return n >= strlen(tail) && strcmp(s + n - strlen(tail), tail) == 0;
}

static bool is_top_level(const struct known_trace *k)
{
	return !strchr(k->path, '/') && k->path[0];
}

static bool is_stream(const struct known_trace *k)
{
	return is_top_level(k) &&
	       (ends_with(k->path, ".raw") || ends_with(k->path, ".unallocated"));
}

static bool is_deleted(const struct known_trace *k)
{
	size_t n = first_part(k->path);

	return n > 8 && strncmp(k->path + n - 8, ".deleted", 8) == 0;
}

/* Everything of a volume is read: its traces, deleted ones too, and nothing is taken. */
static bool whole_volume(const struct asked *a, const struct known_trace *of)
{
	char path[64];
	const struct known_trace *root = NULL;
	const struct known_trace *lost = NULL;
	int n = (int)volume_of(of->path);

	snprintf(path, sizeof(path), "%.*s", n, of->path);
	root = at(path);
	snprintf(path, sizeof(path), "%.*s.deleted", n, of->path);
	lost = at(path);
	if (taken(a, of, VOLUME))
		return false;
	for (size_t i = 0; root && i < traces.n; i++) {
		if (marks.withheld[a->piece][i] && in_tree(&traces.v[i]) &&
			of_one_volume(&traces.v[i], root) &&
			!(given(a, root) & given(a, lost) & RIGHT_PRIVILEGED))
			return false;
	}
	return !root || ((given(a, root) & RIGHT_READ) && (given(a, lost) & RIGHT_DELETED));
}

/* Whether the byte streams of a volume are there: masked, where that can be done. */
static bool has_bytes(const struct asked *a, const struct known_trace *of)
{
	char path[64];
	int n = (int)volume_of(of->path);

	if (!can_be_masked(of))
		return whole_volume(a, of);
	snprintf(path, sizeof(path), "%.*s.raw", n, of->path);
	if (taken(a, at(path), TRACE))
		return false;
	snprintf(path, sizeof(path), "%.*s.unallocated", n, of->path);
	return !taken(a, at(path), TRACE);
}

static bool whole_image(const struct asked *a)
{
	if (taken(a, NULL, OUTSIDE))
		return false;
	for (size_t i = 0; i < traces.n; i++) {
		if (is_top_level(&traces.v[i]) && volume_of(traces.v[i].path) &&
			!has_bytes(a, &traces.v[i]))
			return false;
	}
	return true;
}

/* What is left on a trace: its rights once everything is taken. */
static unsigned left(const struct asked *a, const struct known_trace *k)
{
	unsigned rights = given(a, k);
	bool orphan = strstr(k->path, ".deleted/$Orphans") != NULL;

	if (taken(a, k, TRACE))
		return 0;
	if (marks.withheld[a->piece][k - traces.v] && !(rights & RIGHT_PRIVILEGED))
		return 0;
	if ((k->flags & ENTRY_META) && taken(a, k, VOLUME) && !(rights & RIGHT_PRIVILEGED))
		return 0;
	if (orphan && taken(a, k, VOLUME))
		return 0;
	if (orphan) {
		char path[64];

		snprintf(path, sizeof(path), "%.*s", (int)first_part(k->path), k->path);
		if (!(given(a, at(path)) & RIGHT_DELETED))
			rights &= ~RIGHT_DELETED;
	}
	if (is_stream(k) && !(volume_of(k->path) ? has_bytes(a, k) : whole_image(a)))
		return 0;
	return rights;
}

static unsigned needed(const struct known_trace *k)
{
	return is_stream(k) ? RIGHT_RAW : is_deleted(k) ? RIGHT_DELETED : RIGHT_READ;
}

static bool is_text(const struct known_trace *k)
{
	return strcmp(k->path, "EVIDENCE.txt") == 0;
}

/* Fills `seen`; what is seen makes EVIDENCE.txt seen. */
static void look(const struct asked *a)
{
	bool any = false;

	for (size_t i = 0; i < traces.n; i++) {
		seen[i] = left(a, &traces.v[i]) & needed(&traces.v[i]);
		any = any || seen[i];
	}
	for (size_t i = 0; i < traces.n; i++) {
		if (is_text(&traces.v[i]))
			seen[i] = any && !taken(a, &traces.v[i], TRACE) &&
				  (!marks.withheld[a->piece][i] ||
					  (given(a, &traces.v[i]) & RIGHT_PRIVILEGED));
	}
}

static bool any_seen(void)
{
	bool any = false;

	for (size_t i = 0; i < traces.n; i++)
		any = any || seen[i];
	return any;
}

static enum decision expected(const struct asked *a, size_t i)
{
	const struct known_trace *k = &traces.v[i];

	if (seen[i])
		return DECIDE_ALLOW;
	for (size_t j = 0; j < traces.n; j++) {
		if (j != i && seen[j] && below(traces.v[j].path, k->path))
			return DECIDE_PASS;
	}
	/* of evidence whose folder is withheld, and nothing else of it seen, no names are shown */
	if (!any_seen() && !(left(a, &traces.v[0]) & RIGHT_NAMES))
		return DECIDE_HIDE;
	if ((left(a, k) & RIGHT_NAMES) && !is_stream(k) && !is_text(k))
		return DECIDE_DIRECTORIES;
	return DECIDE_HIDE;
}

/* ---- comparing -------------------------------------------------------------------------- */

static unsigned long compared, wrong, steps, withheld_seen, marks_given, held_seen;
static unsigned long masks_compared, blanks_seen;

static struct evidence *open_disk(void *ctx, const struct model_evidence *m)
{
	(void)ctx;
	(void)m;
	return disk;
}

static struct roads *roads;  /* of the moment that is compared */
static struct roads *before; /* of some steps ago; NULL: there was none */

static const struct withheld *withheld(void *ctx, const struct model_evidence *m)
{
	(void)ctx;
	return roads_of(roads, m->id);
}

static bool gives(const struct asked *a, const struct known_trace *k, uint64_t grant)
{
	for (size_t i = 0; i < done_n; i++) {
		if (done[i].act.object == grant)
			return counts(&done[i], &a->q) && means(&done[i], a->p) &&
			       (done[i].act.rights & needed(k)) && concerns(&done[i], a->piece, k);
	}
	return false;
}

static void show_marks(void)
{
	for (size_t g = 0; g < marks.n; g++)
		diag("  %s of %s/%s by %u%s", mark_state_name(marks.v[g].state),
			pieces[marks.v[g].piece], traces.v[marks.v[g].trace].path, marks.v[g].by,
			marks.v[g].origin == MARK_BY_RULE ? " (rule)" : "");
}

static void differs(const struct asked *a, const struct known_trace *k, int got, int want)
{
	if (wrong++ > 5)
		return;
	diag("step %lu: %s, %s/%s: got %d, want %d%s", steps, a->p->name, pieces[a->piece], k->path,
		got, want, a->q.past ? ", in the past" : "");
	for (size_t i = 0; i < done_n; i++) {
		const struct done *d = &done[i];

		if (counts(d, &a->q) && means(d, a->p))
			diag("  %s %llu %s %#x", d->act.kind == ACT_GRANT ? "grant" : "exclude",
				(unsigned long long)d->act.object, d->act.path ? d->path : "(case)",
				d->act.rights);
	}
	show_marks();
}

/* Bytes of the volumes that are not shown. `seen` is set. */
static void compare_mask(const struct asked *a, const struct view_evidence *ev)
{
	enum mask_sight *sight = calloc(traces.n, sizeof(*sight));

	if (!sight)
		bail_out("no memory");
	for (size_t i = 0; i < traces.n; i++) {
		const struct known_trace *k = &traces.v[i];
		enum decision d = expected(a, i);

		if (d == DECIDE_ALLOW || (k->flags & ENTRY_META) ||
			(k->kind == ENTRY_DIR && d != DECIDE_HIDE))
			sight[i] = MASK_SEEN;
		else if (marks.withheld[a->piece][i])
			sight[i] = MASK_WITHHELD;
	}
	for (unsigned volume = 0; volume < 2; volume++) {
		const struct mask_model m = {
			&traces, sight, places[volume], places_n[volume], volume, maskable[volume]};
		const struct known_trace *root = at(volume ? "p2-ext4" : "p1-ext4");
		bool masked = !whole_volume(a, root);

		for (uint64_t b = 0; b < MASK_VOLUME; b++) {
			uint64_t media = MASK_VOLUME * volume + b;
			bool got = mask_touches(ev->mask, media, media + 1);
			bool want = masked && mask_model_blanks(&m, b);

			masks_compared++;
			blanks_seen += want;
			if (got == want || wrong++ > 5)
				continue;
			diag("byte %llu of volume %u is%s blanked", (unsigned long long)b, volume,
				got ? "" : " not");
			differs(a, root, got, want);
		}
	}
	free(sight);
}

static void compare_piece(const struct asked *a, const struct view *v)
{
	const struct view_evidence *ev = NULL;

	for (size_t i = 0; i < v->evidence_n; i++) {
		if (strcmp(v->evidence[i].name, pieces[a->piece]) == 0)
			ev = &v->evidence[i];
	}
	look(a);
	for (size_t i = 0; i < traces.n; i++) {
		const struct known_trace *k = &traces.v[i];
		uint64_t grant = 0;
		enum decision got = decide(v, ev, a->p->id.uid, k->id, &grant);
		enum decision want = expected(a, i);

		compared++;
		if (got != want)
			differs(a, k, (int)got, (int)want);
		else if (grant && !is_text(k) && !gives(a, k, grant))
			differs(a, k, -1, (int)grant);
		else if (got == DECIDE_ALLOW && !grant && !is_text(k) && a->p != &people[OFFICER])
			differs(a, k, 0, -1);
	}
	if (ev && draw(6) == 0)
		compare_mask(a, ev);
}

/* What marks withhold, whoever looks. */
static void compare_roads(void)
{
	for (size_t p = 0; p < PIECES; p++) {
		for (size_t i = 0; i < traces.n; i++) {
			bool got = withheld_has(roads_of(roads, piece_id[p]), traces.v[i].id);

			compared++;
			withheld_seen += got;
			if (got == marks.withheld[p][i] || wrong++ > 5)
				continue;
			diag("step %lu: %s/%s: marks %s it, and should not", steps, pieces[p],
				traces.v[i].path, got ? "withhold" : "show");
			show_marks();
		}
	}
}

/* ---- while the roads are being found ----------------------------------------------------------
 */

/* Contents that @now shows and @later, which is of the same acts, does not. */
static void compare_held(const struct person *p, const struct view *now, const struct view *later)
{
	for (size_t e = 0; e < now->evidence_n; e++) {
		const struct view_evidence *ev = &now->evidence[e];
		const struct view_evidence *then = NULL;

		for (size_t i = 0; i < later->evidence_n; i++) {
			if (later->evidence[i].id == ev->id)
				then = &later->evidence[i];
		}
		for (size_t i = 0; i < traces.n; i++) {
			uint64_t id = traces.v[i].id;

			/* names may be there still, and then the text is */
			if (traces.v[i].kind == ENTRY_DIR || id == TRACE_EVIDENCE_TXT ||
				decide(now, ev, p->id.uid, id, NULL) != DECIDE_ALLOW)
				continue;
			held_seen += view_contents(ev, id) != 0;
			if (view_contents(ev, id) ||
				decide(later, then, p->id.uid, id, NULL) == DECIDE_ALLOW ||
				wrong++ > 5)
				continue;
			diag("step %lu: %s is shown before its roads are known", steps,
				traces.v[i].path);
			show_marks();
		}
	}
}

/* The views of all as they are first, when @old was in force; @src has what is exact. */
static void compare_first(const struct model *m, const struct moment *now,
	const struct roads_opts *o, const struct roads *old)
{
	struct view_sources src = *o->src;
	struct roads *exact = roads;
	struct roads *held = NULL;

	if (roads_hold(m, the_case, o, old, &held) <= 0)
		return;
	for (size_t u = 0; u < USERS; u++) {
		struct view *first = NULL;
		struct view *later = NULL;

		src.masks = NULL;
		src.before = NULL;
		roads = exact;
		if (view_compile(m, &people[u].id, now, &src, &later, NULL))
			bail_out("a view cannot be compiled");
		src.masks = masks;
		src.before = later;
		roads = held;
		if (view_compile(m, &people[u].id, now, &src, &first, NULL))
			bail_out("a view cannot be compiled");
		compare_held(&people[u], first, later);
		view_free(first);
		view_free(later);
	}
	roads = exact;
	roads_free(held);
}

static void compare(const struct model *m, const struct question *q)
{
	const struct view_sources src = {
		.evidence = open_disk, .clock = team.clock, .withheld = withheld, .masks = masks};
	const struct moment now = {q->real_ns, q->past ? MOMENT_PAST : q->boot_ns};
	const struct roads_opts o = {.src = &src, .facts = facts, .copy_floor = MODEL_FLOOR};

	model_withhold(&marks, q->real_ns);
	if (roads_compile(m, the_case, &o, &roads))
		bail_out("no memory");
	compare_roads();
	if (before && m == &team.m && steps % 2 == 0)
		compare_first(m, &now, &o, before);
	for (size_t u = 0; u < USERS; u++) {
		struct asked a = {.p = &people[u], .q = *q};
		struct view *v = NULL;

		if (view_compile(m, &people[u].id, &now, &src, &v, NULL))
			bail_out("a view cannot be compiled");
		for (a.piece = 0; a.piece < PIECES; a.piece++)
			compare_piece(&a, v);
		view_free(v);
	}
	if (m != &team.m || (before && steps % HELD_STEPS != 0)) {
		roads_free(roads);
		return;
	}
	roads_free(before);
	before = roads;
}

static struct question ask_now(void)
{
	struct moment now = clock_now(team.clock);

	if (team.now.real_ns > highest_ns)
		highest_ns = team.now.real_ns;
	if (now.real_ns != highest_ns || now.boot_ns != team.now.boot_ns) {
		wrong++;
		diag("step %lu: the clock is not what it should be", steps);
	}
	return (struct question){.real_ns = highest_ns, .boot_ns = team.now.boot_ns};
}

/* What was in force at some moment before: the acts up to it, folded again. */
static void compare_past(void)
{
	struct question q = {
		.real_ns = T0 + (int64_t)draw((uint64_t)(highest_ns - T0) + 1), .past = true};
	struct model then;

	model_init(&then);
	for (size_t i = 0; i < history_n; i++) {
		if (history[i].ns <= q.real_ns && model_apply(&then, &history[i], NULL))
			bail_out("an act cannot be applied again");
	}
	compare(&then, &q);
	model_release(&then);
}

/* ---- acts ------------------------------------------------------------------------------- */

static const struct person *marker; /* who acts; NULL the owner */

static uint64_t apply(struct act *a)
{
	uint64_t object = 0;

	ask_now();
	object = team_apply(&team, a, marker ? marker : &people[OWNER]);
	history[history_n++] = *a;
	return object;
}

static void set_who(struct done *d)
{
	static const char *const groups[] = {"red", "blue"};
	size_t i = draw(USERS + 2);

	if (i < USERS) {
		snprintf(d->who, sizeof(d->who), "%s", people[i].name);
		d->act.who = user(&people[i]);
	} else {
		snprintf(d->who, sizeof(d->who), "%s", groups[i - USERS]);
		d->act.who = group(d->who, 7000 + (gid_t)(i - USERS));
	}
	d->act.who.name = d->act.who.typed = d->who;
}

static void give_or_take(bool takes)
{
	struct done *d = &done[done_n++];
	static uint64_t covers[GRANTS][PIECES];
	uint64_t *c = covers[done_n - 1];

	memset(d, 0, sizeof(*d));
	d->act = (struct act){.kind = takes ? ACT_EXCLUDE : ACT_GRANT,
		.case_id = the_case,
		.reason = TEXT("why"),
		.until_ns = TIME_NEVER,
		.covers = c};
	set_who(d);
	if (takes || chance(80)) {
		const char *path = paths[draw(paths_n)];

		snprintf(d->path, sizeof(d->path), "%s%s%s", pieces[draw(PIECES)], *path ? "/" : "",
			path);
		d->act.path = d->path;
	}
	for (unsigned i = 0; !takes && i < 4; i++)
		d->act.rights |= chance(i == 0 ? 80 : i == 3 ? 15 : 50) ? kinds[i] : 0;
	if (!takes && !d->act.rights)
		d->act.rights = RIGHT_NOTES;
	if (chance(30))
		d->act.from_ns = highest_ns + (int64_t)draw(200) * S - 50 * S;
	if (chance(30))
		d->act.until_ns = (d->act.from_ns > highest_ns ? d->act.from_ns : highest_ns) + S +
				  (int64_t)draw(200) * S;
	d->act.future = !d->act.path && chance(30);
	for (size_t i = 0; !d->act.path && !takes && i < PIECES; i++) {
		if (!released_ns[i] && !(d->act.rights & RIGHT_PRIVILEGED))
			continue;
		d->covers[i] = true;
		c[d->act.covers_n++] = piece_id[i];
	}
	apply(&d->act);
	d->made_ns = d->act.ns;
	d->made_boot_ns = d->act.boot_ns;
	d->boot = team.boot;
}

/* Now and then a file of whose path there is a deleted one too. */
static size_t choose_trace(void)
{
	for (unsigned i = 0; chance(80) && i < 200; i++) {
		size_t at_once = draw(traces.n);
		const struct known_trace *k = &traces.v[at_once];
		size_t n = first_part(k->path);
		char other[4200];

		snprintf(other, sizeof(other), "%.*s.deleted%s", (int)n, k->path, k->path + n);
		if (k->kind == ENTRY_FILE && k->path[n] && at(other))
			return at_once;
	}
	return draw(traces.n);
}

static void mark_one(void)
{
	static const enum mark_state states[] = {
		MARK_SUSPECTED, MARK_CONFIRMED, MARK_REJECTED, MARK_REJECTED};
	struct given_mark *g = &marks.v[marks.n < MODEL_MARKS ? marks.n : 0];
	const struct known_trace *k = NULL;
	static char kept[MODEL_MARKS][512]; /* acts are applied again, later */
	char *path = kept[marks.n < MODEL_MARKS ? marks.n : 0];
	struct act a = {.kind = ACT_MARK,
		.case_id = the_case,
		.basis = TEXT("b"),
		.reason = TEXT("r"),
		.path = path};
	/* mostly one that was marked just now: states follow on each other */
	size_t again = marks.n == 0 || chance(40) ? SIZE_MAX
		       : chance(70)               ? marks.n - 1
						  : draw(marks.n);

	if (marks.n == MODEL_MARKS)
		return;
	*g = (struct given_mark){.piece = again < marks.n ? marks.v[again].piece : draw(PIECES),
		.trace = again < marks.n ? marks.v[again].trace : choose_trace(),
		.state = states[draw(4)],
		.origin = chance(20) ? MARK_BY_RULE : MARK_BY_USER};
	k = &traces.v[g->trace];
	snprintf(path, sizeof(kept[0]), "%s%s%s", pieces[g->piece], k->path[0] ? "/" : "", k->path);
	a.mark_state = g->state;
	a.mark_origin = g->origin;
	a.trace = k->id;
	a.inode = k->inode;
	marker = &people[draw(3)];
	apply(&a);
	marker = NULL;
	g->by = a.by_uid;
	g->ns = a.ns;
	marks.n++;
	marks_given++;
}

static void end_one(void)
{
	struct done *d = done_n ? &done[draw(done_n)] : NULL;
	struct act a = {.kind = ACT_REVOKE, .case_id = the_case, .reason = TEXT("over")};

	if (!d || d->revoked_ns)
		return;
	a.object = d->act.object;
	apply(&a);
	d->revoked_ns = a.ns;
}

static void release(void)
{
	size_t i = draw(PIECES);
	struct act a = {.kind = ACT_RELEASE,
		.case_id = the_case,
		.object = piece_id[i],
		.reason = TEXT("ready")};

	if (released_ns[i])
		return;
	apply(&a);
	released_ns[i] = a.ns;
}

static void change_groups(void)
{
	struct person *p = &people[draw(USERS)];

	p->id.groups_n = 0;
	if (chance(50)) /* renamed: what was given to it is suspended */
		person_join(p, chance(80) ? "red" : "green", 7000);
	if (chance(40))
		person_join(p, chance(90) ? "blue" : "red", 7001);
}

static void move_clocks(void)
{
	switch (draw(6)) {
	case 0:
		team.now.real_ns += (int64_t)draw(300) * S;
		break;
	case 1:
		team.now.real_ns -= (int64_t)draw(300) * S;
		break;
	case 2:
		ask_now();
		team_reboot(&team, (int64_t)(1 + draw(50)) * S);
		first_sight = (struct moment){highest_ns, team.now.boot_ns};
		break;
	default:
		team_pass(&team, (int64_t)draw(60) * S);
		break;
	}
}

static void close_case(void)
{
	struct act a = {.kind = ACT_CASE_CLOSE, .case_id = the_case, .reason = TEXT("done")};

	apply(&a);
	closed_ns = a.ns;
}

static void begin_team(void)
{
	struct act a = {.kind = ACT_CASE_CREATE, .name = TEXT("case-1")};

	team_begin(&team);
	roads_free(before);
	before = NULL;
	highest_ns = T0;
	first_sight = team.now;
	done_n = history_n = 0;
	marks.n = 0;
	closed_ns = 0;
	for (size_t i = 0; i < USERS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "user%zu", i);
		person_set(&people[i], name, (uid_t)(5000 + i));
	}
	a.who = user(&people[OWNER]);
	the_case = apply(&a);
	a = (struct act){.kind = ACT_CASE_OFFICER,
		.case_id = the_case,
		.who = user(&people[OFFICER]),
		.reason = TEXT("office")};
	apply(&a);
	for (size_t i = 0; i < PIECES; i++) {
		a = (struct act){.kind = ACT_ADD,
			.case_id = the_case,
			.name = TEXT(pieces[i]),
			.image = TEXT("/i"),
			.dir = TEXT("/d")};
		piece_id[i] = apply(&a);
		released_ns[i] = 0;
	}
	if (chance(80))
		release();
}

static void step_once(void)
{
	unsigned what = (unsigned)draw(100);
	struct question q;

	steps++;
	if (chance(30) && !closed_ns)
		mark_one();
	else if (what < 40 && !closed_ns)
		give_or_take(false);
	else if (what < 55 && !closed_ns)
		give_or_take(true);
	else if (what < 68 && !closed_ns)
		end_one();
	else if (what < 72 && !closed_ns)
		release();
	else if (what < 80)
		change_groups();
	else if (what < 99 || done_n < 20 || closed_ns)
		move_clocks();
	else
		close_case();
	q = ask_now();
	compare(&team.m, &q);
	if (chance(15))
		compare_past();
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(void)
{
	const char *seed = getenv("EVIDENCEFS_SEED");
	const char *length = getenv("EVIDENCEFS_MODEL_SECONDS");
	double end = seconds() + (length ? strtod(length, NULL) : 4);
	unsigned teams = 0;

	state = seed ? strtoull(seed, NULL, 0)
		     : (uint64_t)time(NULL) * 2654435761u + (uint64_t)getpid();
	state += !state;
	diag("EVIDENCEFS_SEED=%llu", (unsigned long long)state);
	if (!mkdtemp(dir))
		bail_out("no folder for the test");
	while (wrong == 0 && seconds() < end) {
		tree_begin();
		for (unsigned i = 0; i < 3 && wrong == 0 && seconds() < end; i++) {
			begin_team();
			for (unsigned k = 0; k < STEPS && wrong == 0 && seconds() < end; k++)
				step_once();
			team_end(&team);
			teams++;
		}
		tree_end();
	}
	roads_free(before);
	file_remove_tree(dir, NULL);
	diag("%u teams, %lu steps", teams, steps);
	ok(compared > 10000, "%lu decisions compared with the model", compared);
	ok(withheld_seen > 100, "%lu marks, %lu times a trace was withheld", marks_given,
		withheld_seen);
	ok(held_seen > 0, "%lu times contents were held", held_seen);
	ok(blanks_seen > 100, "%lu bytes compared, %lu times one was blanked", masks_compared,
		blanks_seen);
	is_int((long long)wrong, 0, "all are the same");
	return done_testing();
}
