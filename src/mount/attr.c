/* SPDX-License-Identifier: Apache-2.0 */
/* attr.c - a trace as stat shows it; see attr.h. */
#include "mount/attr.h"

#include <errno.h>

#include "mount/handle.h"
#include "mount/live.h"
#include "policy/decide.h"
#include "trace/names.h"

#define BLOCK_SIZE 4096
#define NS_PER_S   1000000000
#define DIR_SIZE   4096 /* of every directory: a size would tell how much is in it */

static void common(const struct session *s, const struct node *n, struct stat *st)
{
	*st = (struct stat){
		.st_ino = node_ino(session_keys(s), n),
		.st_uid = s->uid,
		.st_gid = s->gid,
		.st_nlink = 1,
		.st_blksize = BLOCK_SIZE,
	};
}

static void set_size(struct stat *st, uint64_t size)
{
	st->st_size = (off_t)size;
	st->st_blocks = (blkcnt_t)(size / 512 + (size % 512 != 0));
}

static struct timespec spec_of(const struct entry_time *t)
{
	return t->known ? (struct timespec){t->sec, (long)t->nsec} : (struct timespec){0, 0};
}

static void set_directory(struct stat *st)
{
	st->st_mode = S_IFDIR | 0500;
	set_size(st, DIR_SIZE);
}

/* The root of a personal mount is as old as what is in it; a team's tells nothing. */
static int64_t root_time(const struct scene *sc)
{
	const struct view *v = sc->view;

	return v->personal && v->evidence_n > 0 ? v->evidence[0].evidence->manifest.ingested_sec
						: 0;
}

void attr_of_place(
	const struct session *s, const struct scene *sc, const struct node *n, struct stat *st)
{
	const struct view_note *note = scene_note(sc, n);

	common(s, n, st);
	if (live_is(sc, n)) {
		st->st_mode = S_IFREG | 0400;
		set_size(st, live_size(s, sc, n));
	} else {
		set_directory(st);
	}
	if (n->root)
		st->st_mtim.tv_sec = root_time(sc);
	if (note)
		st->st_mtim = (struct timespec){note->ns / NS_PER_S, note->ns % NS_PER_S};
	st->st_ctim = st->st_atim = st->st_mtim;
}

int attr_link_target(struct evidence_cursor *c, const struct trace *t, struct buf *out)
{
	struct buf raw = BUF_INIT;
	struct trace place = *t;
	int depth = 0;

	buf_put(&raw, t->target, t->target_len); /* the cursor is about to move */
	depth = evidence_depth(c, &place);
	if (depth >= 0 && !raw.error)
		name_link_target(raw.data, raw.len, (size_t)depth, out);
	buf_release(&raw);
	return depth < 0 ? depth : out->error;
}

static int link_size(struct evidence_cursor *c, const struct trace *t, struct stat *st)
{
	struct buf target = BUF_INIT;
	int r = attr_link_target(c, t, &target);

	set_size(st, target.len);
	buf_release(&target);
	return r;
}

/* Only its name is shown. */
static void by_name_only(const struct view_evidence *ev, struct stat *st)
{
	set_directory(st);
	st->st_mtim.tv_sec = ev->evidence->manifest.ingested_sec;
	st->st_ctim = st->st_atim = st->st_mtim;
}

static void set_times(const struct trace *t, struct stat *st)
{
	st->st_mtim = spec_of(&t->mtime);
	st->st_atim = spec_of(t->atime.known ? &t->atime : &t->mtime);
	st->st_ctim = spec_of(t->ctime.known ? &t->ctime : &t->mtime);
}

struct counting {
	const struct view *view;
	const struct view_evidence *ev;
	uint64_t trace;
	nlink_t names;
};

/* As the index counts them: names in the same part that are not stale. */
static int count_name(void *ctx, const struct index_item *item)
{
	struct counting *x = ctx;
	uint64_t id = trace_of_index(trace_volume(x->trace), item->id);

	if (trace_part(id) == trace_part(x->trace) && !(item->flags & ENTRY_REALLOC) &&
		decide(x->view, x->ev, x->view->uid, id, NULL) == DECIDE_ALLOW)
		x->names++;
	return 0;
}

/*
 * Names that are hidden are not counted: it would tell that they are there. They are
 * looked for whatever the index counts, so that a look takes no longer where there are any.
 */
static int seen_names(const struct scene *sc, const struct view_evidence *ev,
	struct evidence_cursor *c, const struct trace *t, nlink_t *out)
{
	struct counting x = {.view = sc->view, .ev = ev, .trace = t->id, .names = 1};
	uint64_t id = trace_to_index(t->id);
	struct index_reader *reader = NULL;
	int r = 0;

	*out = t->nlink ? t->nlink : 1;
	if (ev->whole || trace_part(t->id) == 0)
		return 0;
	*out = 1;
	if (t->flags & ENTRY_REALLOC)
		return 0;
	r = evidence_reader(c, t->id, &reader);
	if (r == 0)
		r = index_same_inode(reader, id, id, false, count_name, &x);
	if (t->nlink > 1)
		*out = x.names;
	return r;
}

int attr_of_trace(const struct session *s, const struct scene *sc, const struct permit *p,
	struct evidence_cursor *c, const struct node *n, const struct trace *t, struct stat *st)
{
	const struct view_evidence *ev = scene_place(sc, n)->ev;
	const struct node first = {.slot = n->slot, .trace = t->first};
	struct trace own = *t; /* the cursor moves */
	int r = 0;

	common(s, &first, st);
	if (p->name_only) {
		by_name_only(ev, st);
		return 0;
	}
	set_times(t, st);
	if (t->kind == ENTRY_DIR) {
		set_directory(st);
		return 0;
	}
	if (t->kind == ENTRY_LINK) {
		st->st_mode = S_IFLNK | 0777;
		r = link_size(c, t, st);
	} else {
		st->st_mode = S_IFREG | 0400;
		set_size(st, live_is(sc, n) && !ev->whole ? live_size(s, sc, n) : t->size);
	}
	return r ? r : seen_names(sc, ev, c, &own, &st->st_nlink);
}

double attr_timeout(const struct session *s, const struct scene *sc, const struct node *n)
{
	return live_is(sc, n) ? 0 : scene_timeout(s, sc);
}

bool attr_in_evidence(const struct scene *sc, const struct node *n)
{
	return scene_place(sc, n)->kind == TABLE_EVIDENCE;
}

/*
 * Attributes are asked for by number. ESTALE makes the kernel look a name up again, and
 * find nothing; who holds a directory open, and begins to list it, is told EACCES.
 */
static int hidden(const struct session *s, const struct node *n)
{
	return handles_hold_directory(s->handles, n) ? -EACCES : -ESTALE;
}

int attr_of_node(struct session *s, const struct scene *sc, const struct asker *who,
	const struct node *n, struct stat *st, struct timespec *btime, bool *born)
{
	struct evidence_cursor c;
	struct permit p;
	struct trace t;
	int r = gate_decide(s, sc, who, n, &p);

	*born = false;
	if (r)
		return r == -ENOENT ? hidden(s, n) : r;
	/* the kernel keeps what it is told now: it must be found when that ends */
	if (table_mark(s->table, n))
		return -ENOMEM;
	if (!attr_in_evidence(sc, n)) {
		attr_of_place(s, sc, n, st);
		return 0;
	}
	evidence_cursor_init(&c, scene_place(sc, n)->ev->evidence);
	r = evidence_get(&c, n->trace, &t);
	if (r == 0 && !gate_shows(&p, t.kind))
		r = hidden(s, n);
	if (r == 0) {
		*born = t.crtime.known && !p.name_only;
		*btime = spec_of(&t.crtime);
		r = attr_of_trace(s, sc, &p, &c, n, &t, st);
	}
	evidence_cursor_release(&c);
	return r;
}
