/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy-help.h - a team, its cases and small pieces of evidence, for tests of src/policy/
 *
 * People are made up, so that no user or group of the machine matters. Acts go into
 * a model as the catalog would apply them; clocks stand where the test puts them.
 */
#ifndef EVIDENCEFS_TESTS_POLICY_HELP_H
#define EVIDENCEFS_TESTS_POLICY_HELP_H

#include "tap.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "catalog/model.h"
#include "image/extent.h"
#include "policy/decide.h"
#include "policy/rules.h"
#include "policy/view.h"
#include "trace/build.h"

#define S   INT64_C(1000000000)
#define DAY (24 * 3600 * S)
#define T0  (INT64_C(1700000000) * S) /* when the tests begin */

#define MAYBE __attribute__((unused)) static

/* ---- people ---------------------------------------------------------------------------- */

#define PERSON_GROUPS 4

struct person {
	char name[16];
	gid_t gids[PERSON_GROUPS];
	char group_names[PERSON_GROUPS][16];
	char *group_name[PERSON_GROUPS];
	struct identity id;
};

MAYBE void person_set(struct person *p, const char *name, uid_t uid)
{
	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->id = (struct identity){.uid = uid, .gid = uid, .name = p->name};
	p->id.groups = p->gids;
	p->id.group_names = p->group_name;
}

/** person_join() - groups in the order of their numbers. */
MAYBE void person_join(struct person *p, const char *group, gid_t gid)
{
	size_t n = p->id.groups_n++;

	p->gids[n] = gid;
	snprintf(p->group_names[n], sizeof(p->group_names[n]), "%s", group);
	p->group_name[n] = p->group_names[n];
}

MAYBE struct subject user(const struct person *p)
{
	struct subject s = {.kind = SUBJECT_USER, .id = p->id.uid};

	s.typed = s.name = p->id.name;
	return s;
}

MAYBE struct subject group(char *name, gid_t gid)
{
	struct subject s = {.kind = SUBJECT_GROUP, .id = gid};

	s.typed = s.name = name;
	return s;
}

/* ---- a catalog --------------------------------------------------------------------------- */

struct team {
	struct model m;
	struct clock *clock;
	struct moment now; /* what the machine's clocks show */
	uint64_t seq;
	uint64_t object;
	unsigned boot; /* of the machine, from 1 */
};

MAYBE void team_read_clocks(void *ctx, struct moment *m)
{
	*m = ((struct team *)ctx)->now;
}

MAYBE void team_begin(struct team *t)
{
	*t = (struct team){.now = {T0, 1000 * S}, .boot = 1};
	model_init(&t->m);
	t->clock = clock_new(0, &t->now, "boot-1");
	if (!t->clock)
		bail_out("no memory");
	clock_set_source(t->clock, team_read_clocks, t);
}

MAYBE void team_end(struct team *t)
{
	model_release(&t->m);
	clock_free(t->clock);
}

MAYBE void team_pass(struct team *t, int64_t ns)
{
	t->now.real_ns += ns;
	t->now.boot_ns += ns;
}

/** team_reboot() - the machine starts again; the catalog kept the highest time. */
MAYBE void team_reboot(struct team *t, int64_t boot_ns)
{
	int64_t highest = clock_now(t->clock).real_ns;
	struct moment first = {t->now.real_ns > highest ? t->now.real_ns : highest, boot_ns};
	char id[37];

	t->now.boot_ns = boot_ns;
	snprintf(id, sizeof(id), "boot-%u", ++t->boot);
	clock_free(t->clock);
	t->clock = clock_new(highest, &first, id);
	if (!t->clock)
		bail_out("no memory");
	clock_set_source(t->clock, team_read_clocks, t);
}

/** team_apply() - @a as the service completes it. Return: its object. */
MAYBE uint64_t team_apply(struct team *t, struct act *a, const struct person *by)
{
	struct moment now = clock_now(t->clock);
	struct err e = {.code = 0};

	a->seq = ++t->seq;
	a->ns = now.real_ns;
	a->boot_ns = now.boot_ns;
	snprintf(a->boot_id, sizeof(a->boot_id), "boot-%u", t->boot);
	a->by_uid = by ? by->id.uid : 0;
	a->by_name = by ? by->id.name : (char *)(uintptr_t) "root";
	if (act_begins(a->kind))
		a->object = ++t->object;
	if (a->kind == ACT_CASE_CREATE)
		a->case_id = a->object;
	if (model_apply(&t->m, a, &e))
		bail_out(e.text);
	return a->object;
}

#define TEXT(s) ((char *)(uintptr_t)(s))

MAYBE uint64_t team_case(struct team *t, const char *name, const struct person *owner)
{
	struct act a = {.kind = ACT_CASE_CREATE, .name = TEXT(name), .who = user(owner)};

	return team_apply(t, &a, NULL);
}

MAYBE void team_officer(struct team *t, uint64_t c, const struct person *officer)
{
	struct act a = {.kind = ACT_CASE_OFFICER,
		.case_id = c,
		.who = user(officer),
		.reason = TEXT("office")};

	team_apply(t, &a, NULL);
}

MAYBE uint64_t team_add(struct team *t, uint64_t c, const char *name)
{
	struct act a = {.kind = ACT_ADD,
		.case_id = c,
		.name = TEXT(name),
		.image = TEXT("/image"),
		.dir = TEXT("/dir")};

	return team_apply(t, &a, NULL);
}

MAYBE void team_release(struct team *t, uint64_t c, uint64_t evidence)
{
	struct act a = {
		.kind = ACT_RELEASE, .case_id = c, .object = evidence, .reason = TEXT("ready")};

	team_apply(t, &a, NULL);
}

MAYBE struct act grant_of(uint64_t c, struct subject who, const char *path, unsigned rights)
{
	return (struct act){.kind = ACT_GRANT,
		.case_id = c,
		.who = who,
		.path = TEXT(path),
		.rights = rights,
		.until_ns = TIME_NEVER,
		.reason = TEXT("needed")};
}

/** team_grant() - without path: covers everything that is released now. */
MAYBE uint64_t team_grant(
	struct team *t, uint64_t c, struct subject who, const char *path, unsigned rights)
{
	struct act a = grant_of(c, who, path, rights);
	uint64_t covers[64];

	for (size_t i = 0; !path && i < t->m.evidence_n; i++) {
		if (t->m.evidence[i].case_id == c &&
			(t->m.evidence[i].released_ns || (rights & RIGHT_PRIVILEGED)))
			covers[a.covers_n++] = t->m.evidence[i].id;
	}
	a.covers = covers;
	return team_apply(t, &a, NULL);
}

MAYBE uint64_t team_exclude(struct team *t, uint64_t c, struct subject who, const char *path)
{
	struct act a = grant_of(c, who, path, 0);

	a.kind = ACT_EXCLUDE;
	return team_apply(t, &a, NULL);
}

MAYBE void team_revoke(struct team *t, uint64_t c, uint64_t id)
{
	struct act a = {.kind = ACT_REVOKE, .case_id = c, .object = id, .reason = TEXT("done")};

	team_apply(t, &a, NULL);
}

MAYBE void team_close(struct team *t, uint64_t c)
{
	struct act a = {.kind = ACT_CASE_CLOSE, .case_id = c, .reason = TEXT("over")};

	team_apply(t, &a, NULL);
}

/* ---- evidence ---------------------------------------------------------------------------- */

#define MEDIA_BYTES 100000u

static const uint8_t tree_empty[] = {CONTENT_EMPTY};
static const uint8_t tree_worker[] = {CONTENT_WORKER};

MAYBE struct entry tree_entry(
	enum entry_kind kind, const char *name, uint64_t inode, uint32_t flags)
{
	return (struct entry){.name = (const uint8_t *)name,
		.name_len = strlen(name),
		.kind = kind,
		.flags = flags,
		.inode = inode,
		.nlink = 1,
		.size = kind == ENTRY_FILE,
		.content = kind == ENTRY_FILE ? tree_worker : tree_empty,
		.content_len = 1};
}

MAYBE void tree_down(struct build *b, const char *name, uint64_t inode, uint32_t flags)
{
	const struct entry e = tree_entry(ENTRY_DIR, name, inode, flags);

	if (build_enter(b, &e))
		bail_out(build_error(b)->text);
}

MAYBE void tree_up(struct build *b)
{
	if (build_leave(b))
		bail_out(build_error(b)->text);
}

MAYBE void tree_add(
	struct build *b, enum entry_kind kind, const char *name, uint64_t inode, uint32_t flags)
{
	const struct entry e = tree_entry(kind, name, inode, flags);

	if (build_enter(b, &e) || build_leave(b))
		bail_out(build_error(b)->text);
}

/** evidence_make() - @known volumes p1-ext4, p2-ext4, ... from @tree, then one that is unknown. */
MAYBE struct evidence *evidence_make(const char *dir, const char *name, unsigned known,
	void (*tree)(struct build *b, unsigned volume, void *ctx), void *ctx)
{
	struct image_file file = {.path = TEXT("/evidence/disk.dd"), .fd = -1, .size = MEDIA_BYTES};
	struct image_files files = {.format = IMAGE_RAW, .v = &file, .n = 1};
	struct scan s = {.media_size = MEDIA_BYTES, .n = known + 1};
	const struct evidence_opts o = {.name = name};
	const struct entry root = tree_entry(ENTRY_DIR, "", 2, 0);
	struct evidence *ev = NULL;
	struct manifest m;
	struct err e = {.code = 0};

	s.v = calloc(s.n, sizeof(*s.v));
	if (!s.v || (mkdir(dir, 0700) && access(dir, W_OK)))
		bail_out("no place for an index");
	for (unsigned k = 0; k <= known; k++) {
		s.v[k] = (struct scan_volume){.number = k + 1,
			.offset = 1000 * k,
			.length = 1000,
			.known = k < known,
			.type = "unknown"};
		if (k < known)
			snprintf(s.v[k].type, sizeof(s.v[k].type), "ext4");
	}
	if (manifest_init(&m, &s, &files, &e))
		bail_out(e.text);
	for (unsigned k = 0; k < known; k++) {
		char *path = manifest_index_path(dir, k);
		struct build *b = NULL;

		if (!path || build_open(path, &m.key, &b, &e) || build_root(b, &root))
			bail_out(e.text);
		tree(b, k, ctx);
		if (build_finish(b, &e))
			bail_out(e.text);
		free(path);
	}
	if (evidence_open(dir, &m, NULL, &o, &ev, &e))
		bail_out(e.text);
	manifest_release(&m);
	return ev;
}

/** evidence_find() - the trace at a path below the evidence's folder; UINT64_MAX none. */
MAYBE uint64_t evidence_find(struct evidence *ev, const char *path)
{
	struct evidence_cursor c;
	struct trace t = {.id = 0};
	int r = 0;

	evidence_cursor_init(&c, ev);
	while (r == 0 && *path) {
		size_t n = strcspn(path, "/");

		r = evidence_lookup(&c, t.id, path, n, &t);
		path += n + (path[n] == '/');
	}
	evidence_cursor_release(&c);
	return r ? UINT64_MAX : t.id;
}

/* ---- every trace of a piece of evidence, by walking ----------------------------------------- */

struct known_trace {
	char *path; /* below the evidence's folder; "" the folder itself */
	uint64_t id;
	uint64_t parent;
	enum entry_kind kind;
	uint32_t flags;
	uint64_t inode;
	uint64_t size;
	uint32_t attribute; /* of a stream */
	char target[64];    /* of a link */
	size_t up;          /* place of its directory in the list */
	size_t owner;       /* of a stream: place of what it belongs to; else its own */
};

struct known_traces {
	struct known_trace *v;
	size_t n, cap;
};

MAYBE void traces_walk(struct evidence *ev, struct known_traces *out, size_t up)
{
	struct evidence_cursor c;
	struct trace dir;
	struct trace t;
	uint64_t pos = 0;
	size_t owner = 0;

	evidence_cursor_init(&c, ev);
	if (evidence_get(&c, out->v[up].id, &dir))
		bail_out("a trace is not there");
	while (evidence_child(&c, &dir, &pos, &t) == 0) {
		struct known_trace k = {.id = t.id,
			.parent = dir.id,
			.kind = t.kind,
			.flags = t.flags,
			.inode = t.inode,
			.size = t.size,
			.attribute = t.attr_id,
			.up = up};

		snprintf(k.target, sizeof(k.target), "%.*s", (int)t.target_len,
			t.target ? (const char *)t.target : "");
		if (asprintf(&k.path, "%s%s%.*s", out->v[up].path, out->v[up].path[0] ? "/" : "",
			    (int)t.name_len, (const char *)t.name) < 0)
			bail_out("no memory");
		if (out->n == out->cap) {
			out->cap = out->cap ? out->cap * 2 : 256;
			out->v = reallocarray(out->v, out->cap, sizeof(*out->v));
			if (!out->v)
				bail_out("no memory");
		}
		if (t.kind != ENTRY_STREAM || owner == 0)
			owner = out->n;
		k.owner = owner;
		out->v[out->n++] = k;
		if (t.kind == ENTRY_DIR) {
			evidence_cursor_release(&c);
			traces_walk(ev, out, out->n - 1);
			evidence_get(&c, dir.id, &dir);
		}
	}
	evidence_cursor_release(&c);
}

MAYBE struct known_traces traces_of(struct evidence *ev)
{
	struct known_traces out = {calloc(1, sizeof(*out.v)), 1, 1};

	if (!out.v)
		bail_out("no memory");
	out.v[0] = (struct known_trace){.path = strdup(""), .kind = ENTRY_DIR};
	traces_walk(ev, &out, 0);
	return out;
}

MAYBE void traces_release(struct known_traces *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->v[i].path);
	free(k->v);
}

#endif
