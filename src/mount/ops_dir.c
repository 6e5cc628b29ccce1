/* SPDX-License-Identifier: Apache-2.0 */
/* ops_dir.c - listings of directories; see ops.c. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "mount/attr.h"
#include "mount/live.h"
#include "mount/ops_private.h"

/* @name: [NAME_MAX] for the one that its record commits to. */
static int check_directory(struct visit *v, uint8_t *name)
{
	struct evidence_cursor c;
	struct trace t;
	int r = 0;

	if (!attr_in_evidence(v->sc, &v->n))
		return live_is(v->sc, &v->n) ? -ENOTDIR : 0;
	evidence_cursor_init(&c, scene_place(v->sc, &v->n)->ev->evidence);
	r = evidence_get(&c, v->n.trace, &t);
	if (r == 0 && t.name_len > 0 && t.name_len <= NAME_MAX) {
		v->name = memcpy(name, t.name, t.name_len);
		v->name_len = t.name_len;
	}
	evidence_cursor_release(&c);
	if (r == 0 && !gate_shows(&v->permit, t.kind))
		return -ESTALE;
	return r ? r : t.kind == ENTRY_DIR ? 0 : -ENOTDIR;
}

/*
 * Whether the kernel may keep the listing, for the next open. Of a personal mount only,
 * while its view is the first: of a team every listing is asked of the gate, whoever
 * holds the descriptor. Volumes do not change; what else is listed does.
 */
static bool may_be_kept(const struct visit *v)
{
	return !v->s->team && attr_in_evidence(v->sc, &v->n) && trace_part(v->n.trace) > 0 &&
	       !atomic_load(&v->s->swapped);
}

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	uint8_t name[NAME_MAX];
	struct handle *h = NULL;
	struct visit v;
	int r = ops_begin(req, ino, AUDIT_OPEN, &v);

	if (r == 0)
		r = check_directory(&v, name);
	if (r == 0)
		r = ops_open_handle(&v, TABLE_DIRECTORY, 0, &h);
	fi->cache_readdir = fi->keep_cache = r == 0 && may_be_kept(&v);
	if (r)
		ops_reply_error(req, r);
	else
		ops_reply_open(&v, h, fi);
	ops_leave(&v);
}

/* A listing being filled. */
struct listing {
	struct visit v;
	char *buf;
	size_t size;
	size_t used;
	bool plus;
	uint64_t entries;
};

/* Return: 1 added, 0 no room. */
static int listing_add(
	struct listing *l, const char *name, const struct fuse_entry_param *e, uint64_t cookie)
{
	size_t left = l->size - l->used;
	size_t n = l->plus ? fuse_add_direntry_plus(
				     l->v.req, l->buf + l->used, left, name, e, (off_t)cookie)
			   : fuse_add_direntry(l->v.req, l->buf + l->used, left, name, &e->attr,
				     (off_t)cookie);

	if (n > left)
		return 0;
	l->used += n;
	l->entries++;
	return 1;
}

/* "." and ".." carry no node: the kernel has them. */
static int add_dots(struct listing *l, uint64_t *pos)
{
	struct fuse_entry_param e = {.ino = 0};
	static const char *const dots[] = {".", ".."};

	e.attr.st_mode = S_IFDIR;
	e.attr.st_ino = node_ino(session_keys(l->v.s), &l->v.n);
	while (*pos < 2) {
		if (!listing_add(l, dots[*pos], &e, *pos + 1))
			return 0;
		(*pos)++;
	}
	return 1;
}

static int add(struct listing *l, const void *name, size_t n, const struct fuse_entry_param *e,
	uint64_t next)
{
	char text[256];

	if (n >= sizeof(text))
		return -EIO;
	memcpy(text, name, n);
	text[n] = '\0';
	return listing_add(l, text, e, node_cookie(session_keys(l->v.s), next));
}

/* Return: 1 added, or not to be seen; 0 no room; -errno. */
static int add_trace(struct listing *l, struct evidence_cursor *c, const struct node *n,
	const struct trace *t, const char *name, uint64_t next)
{
	struct fuse_entry_param e;
	struct permit p;
	uint8_t kept[256];
	size_t len = name ? strlen(name) : t->name_len;
	int r = gate_decide(l->v.s, l->v.sc, &l->v.who, n, &p);

	if (r || !gate_shows(&p, t->kind))
		return 1;
	if (len > sizeof(kept))
		return -EIO;
	memcpy(kept, name ? (const void *)name : t->name, len); /* the cursor may move */
	r = ops_entry(l->v.s, l->v.sc, &p, c, n, t, &e);
	return r ? r : add(l, kept, len, &e, next);
}

/* What is no trace: a text, a folder of the mount's own. */
static int add_own(struct listing *l, const struct node *n, const char *name, uint64_t next)
{
	struct fuse_entry_param e;
	int r = ops_place_entry(l->v.s, l->v.sc, n, &e);

	return r ? r : add(l, name, strlen(name), &e, next);
}

static int add_place(struct listing *l, unsigned slot, uint64_t next)
{
	const struct node n = {.slot = slot, .trace = PLACE_DIR};
	const struct place *p = scene_place(l->v.sc, &n);
	struct evidence_cursor c;
	struct trace t;
	int r = 0;

	if (p->kind == TABLE_CASE)
		return add_own(l, &n, p->c->name, next);
	evidence_cursor_init(&c, p->ev->evidence);
	r = evidence_get(&c, n.trace, &t);
	r = r ? r : add_trace(l, &c, &n, &t, p->ev->name, next);
	evidence_cursor_release(&c);
	return r;
}

/*
 * The root, or a case's folder. Places: 3 + 2 * i for what stands in slot i, and one more
 * for its notes, so that a listing goes on at the right place when the view has changed.
 */
static int list_places(struct listing *l, uint64_t pos)
{
	const struct scene *sc = l->v.sc;
	int r = 1;

	for (uint64_t k = pos < 3 ? 0 : pos - 3; r > 0 && k / 2 < sc->slots; k++) {
		const struct place *p = &sc->at[k / 2];
		struct node n = {.slot = (unsigned)(k / 2), .trace = PLACE_TXT};
		bool text = l->v.n.root ? p->kind == TABLE_ROOT
					: p->kind == TABLE_CASE && n.slot == l->v.n.slot;

		if (k % 2) {
			n.trace = PLACE_NOTES;
			if (scene_has_notes(sc, p, &l->v.n))
				r = add_own(l, &n, NOTES_NAME, 3 + k + 1);
		} else if (text) {
			r = add_own(l, &n, live_name(p), 3 + k + 1);
		} else if (scene_parent_is(sc, p, &l->v.n)) {
			r = add_place(l, n.slot, 3 + k + 1);
		}
	}
	return r < 0 ? r : 0;
}

/* Places: 3 + the number of a note. Numbers only rise: a note that comes is met behind. */
static int list_notes(struct listing *l, uint64_t pos)
{
	const struct view_case *c = scene_place(l->v.sc, &l->v.n)->c;
	int r = 1;

	for (size_t i = 0; r > 0 && i < c->notes_n; i++) {
		const struct view_note *note = &c->notes[i];
		const struct node n = {
			.slot = l->v.n.slot, .trace = trace_id(PLACE_NOTE_PART, note->id)};
		char name[NOTE_FILE_MAX];

		if (pos >= 3 && note->id < pos - 3)
			continue;
		r = add_own(l, &n, scene_note_file(note, name), 3 + note->id + 1);
	}
	return r < 0 ? r : 0;
}

/*
 * The next child that may be seen. What lies hidden between is not looked at: a listing
 * takes no longer for it.
 */
static int next_child(const struct view_evidence *ev, struct evidence_cursor *c,
	const struct trace *dir, uint64_t *place, struct trace *t)
{
	uint64_t from = 0;
	uint64_t seen = 0;

	if (trace_part(dir->id) == 0)
		return evidence_child(c, dir, place, t);
	from = *place ? trace_id(trace_part(dir->id), trace_number(*place)) : dir->id + 1;
	seen = view_seen_from(ev, from, right_for(dir->id));
	if (from > dir->last || seen > dir->last)
		return -ENOENT;
	return seen == from ? evidence_child(c, dir, place, t)
			    : evidence_child_at(c, dir, seen, place, t);
}

/* Places of a directory: 3 + what evidence_child() goes on from. */
static int list_directory(struct listing *l, uint64_t pos)
{
	const struct view_evidence *ev = scene_place(l->v.sc, &l->v.n)->ev;
	struct evidence_cursor c;
	struct trace d;
	struct trace t;
	uint64_t place = pos < 3 ? 0 : pos - 3;
	int r = 0;

	evidence_cursor_init(&c, ev->evidence);
	r = evidence_get(&c, l->v.n.trace, &d);
	while (r == 0 && (r = next_child(ev, &c, &d, &place, &t)) == 0) {
		const struct node n = {.slot = l->v.n.slot, .trace = t.id};

		r = add_trace(l, &c, &n, &t, NULL, 3 + place);
		if (r <= 0)
			break;
		r = 0;
	}
	evidence_cursor_release(&c);
	return r == -ENOENT || r >= 0 ? 0 : r;
}

static int list_any(struct listing *l, uint64_t pos)
{
	if (attr_in_evidence(l->v.sc, &l->v.n))
		return list_directory(l, pos);
	return !l->v.n.root && l->v.n.trace == PLACE_NOTES ? list_notes(l, pos)
							   : list_places(l, pos);
}

static int fill(struct listing *l, const struct handle *h, uint64_t pos)
{
	int r = ops_decide(l->v.s, l->v.sc, &l->v.who, h, &l->v.permit);

	if (r == 0 && !l->buf)
		r = -ENOMEM;
	if (r == 0 && (pos >= 2 || add_dots(l, &pos)))
		r = list_any(l, pos);
	/* entries already gathered are delivered; the fault is met again behind them */
	return r < 0 && r != -EACCES && l->entries > 0 ? 0 : r;
}

static void list(fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi, bool plus)
{
	struct session *s = session_of(req);
	struct handle *h = handle_hold(s->handles, fi->fh);
	struct listing l = {.size = size < SESSION_BUFFER ? size : SESSION_BUFFER, .plus = plus};
	struct access a = {.type = AUDIT_LIST, .node = &l.v.n};
	int r = 0;

	if (!h) {
		ops_reply_error(req, -EBADF);
		return;
	}
	l.buf = session_buffer(s);
	ops_enter(req, &l.v);
	l.v.n = handle_node(h);
	r = fill(&l, h, node_cookie_parse(session_keys(s), (uint64_t)off));
	a.open_seq = atomic_load(&h->kept->open_seq);
	a.length = l.entries;
	a.result = r ? r : (int64_t)l.entries;
	if (gate_record(s, l.v.sc, &l.v.who, &a, NULL))
		r = -EIO;
	if (r)
		ops_reply_error(req, r);
	else
		fuse_reply_buf(req, l.buf, l.used);
	ops_leave(&l.v);
	session_buffer_put(s, l.buf);
	handle_put(s->handles, h);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)ino;
	list(req, size, off, fi, false);
}

void op_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)ino;
	list(req, size, off, fi, true);
}

void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct session *s = session_of(req);
	struct handle *h = handle_hold(s->handles, fi->fh);

	(void)ino;
	if (h)
		handle_release(s->handles, h);
	handle_put(s->handles, h);
	fuse_reply_err(req, 0);
}
