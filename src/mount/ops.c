/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops.c - the requests of the kernel, each answered through the gate.
 *
 * Nothing here allocates on the way of a lookup or a stat, and nothing is
 * remembered between requests but open files and directories, and a bit for each
 * node that was handed out.
 */
#include "mount/ops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mount/attr.h"
#include "mount/kernel.h"
#include "mount/live.h"
#include "mount/ops_private.h"
#include "mount/xattr.h"

struct asker ops_asker(fuse_req_t req)
{
	const struct fuse_ctx *c = fuse_req_ctx(req);

	return (struct asker){.uid = c->uid, .gid = c->gid, .pid = c->pid};
}

void ops_reply_error(fuse_req_t req, int r)
{
	fuse_reply_err(req, r < 0 ? -r : r);
}

void ops_enter(fuse_req_t req, struct visit *v)
{
	*v = (struct visit){.req = req, .s = session_of(req), .who = ops_asker(req)};
	v->sc = scene_enter(v->s, &v->token);
}

void ops_leave(struct visit *v)
{
	scene_leave(v->s, v->token);
}

int ops_record(struct visit *v, enum audit_type type, uint64_t length, int64_t result)
{
	const struct access a = {.type = type,
		.node = &v->n,
		.grant = v->permit.grant,
		.length = length,
		.result = result};

	return gate_record(v->s, v->sc, &v->who, &a, NULL);
}

int ops_begin(fuse_req_t req, fuse_ino_t ino, enum audit_type type, struct visit *v)
{
	int r = 0;

	ops_enter(req, v);
	v->n = node_parse(session_keys(v->s), ino);
	r = gate_decide(v->s, v->sc, &v->who, &v->n, &v->permit);
	if (r == -EACCES && ops_record(v, type, 0, r))
		r = -EIO;
	return r == -ENOENT ? -ESTALE : r;
}

int ops_decide(const struct session *s, const struct scene *sc, const struct asker *who,
	const struct handle *h, struct permit *p)
{
	const struct node n = handle_node(h);
	const struct place *place = scene_place(sc, &n);
	uint64_t id = place->ev ? place->ev->id : 0;
	int r = gate_decide(s, sc, who, &n, p);

	if (r || h->kept->evidence_id != id)
		return -EACCES;
	/* a file is never there by name only */
	return p->name_only && atomic_load(&h->kept->state) != TABLE_DIRECTORY ? -EACCES : 0;
}

/* ---- open files and directories --------------------------------------------------- */

static void fill_handle(const struct visit *v, struct table_handle *like)
{
	const struct place *p = scene_place(v->sc, &v->n);

	*like = (struct table_handle){
		.slot = v->n.slot,
		.root = v->n.root,
		.trace = v->n.trace,
		.case_id = p->kind == TABLE_CASE ? p->c->id
			   : p->ev               ? p->ev->case_id
						 : 0,
		.evidence_id = p->ev ? p->ev->id : 0,
		.grant = v->permit.grant,
		.unique = kernel_unique(NULL),
	};
}

int ops_open_handle(struct visit *v, enum table_state state, int r, struct handle **out)
{
	struct access a = {.type = AUDIT_OPEN,
		.node = &v->n,
		.grant = v->permit.grant,
		.name = v->name,
		.name_len = v->name_len};
	struct table_handle like;
	struct handle *h = NULL;
	uint64_t seq = 0;
	bool again = false;

	fill_handle(v, &like);
	kernel_unique(&again);
	if (r == 0)
		r = table_mark(v->s->table, &v->n);
	if (r == 0)
		r = handle_new(v->s->handles, state, &like, again, &h);
	a.result = r;
	/* what was recorded before an earlier service died is not recorded twice */
	if ((!h || atomic_load(&h->kept->open_seq) == 0) &&
		gate_record(v->s, v->sc, &v->who, &a, &seq))
		r = -EIO;
	if (r) {
		if (h)
			handle_release(v->s->handles, h);
		handle_put(v->s->handles, h);
		return r;
	}
	if (seq)
		atomic_store(&h->kept->open_seq, seq);
	*out = h;
	return 0;
}

void ops_reply_open(struct visit *v, struct handle *h, struct fuse_file_info *fi)
{
	fi->fh = handle_number(v->s->handles, h);
	if (fuse_reply_open(v->req, fi))
		handle_release(v->s->handles, h); /* nobody waits for it any more */
	handle_put(v->s->handles, h);
}

void ops_record_close(struct session *s, const struct handle *h)
{
	/* a release carries no identity: its open does */
	const struct asker nobody = {.uid = s->uid, .gid = s->gid};
	const struct node n = handle_node(h);
	const struct access a = {
		.type = AUDIT_CLOSE, .node = &n, .open_seq = atomic_load(&h->kept->open_seq)};
	unsigned token = 0;

	gate_record(s, scene_enter(s, &token), &nobody, &a, NULL);
	scene_leave(s, token);
}

static void close_file(void *ctx, struct handle *h)
{
	if (atomic_load(&h->kept->state) == TABLE_FILE)
		ops_record_close(ctx, h);
}

void ops_end(struct session *s)
{
	handles_each(s->handles, close_file, s);
}

/* ---- names and attributes ----------------------------------------------------- */

static void entry_begin(const struct session *s, const struct scene *sc, const struct node *n,
	struct fuse_entry_param *e)
{
	*e = (struct fuse_entry_param){
		.ino = node_id(session_keys(s), n),
		.generation = 1,
		.attr_timeout = attr_timeout(s, sc, n),
		.entry_timeout = scene_timeout(s, sc),
	};
}

int ops_entry(struct session *s, const struct scene *sc, const struct permit *p,
	struct evidence_cursor *c, const struct node *n, const struct trace *t,
	struct fuse_entry_param *e)
{
	entry_begin(s, sc, n, e);
	if (table_mark(s->table, n))
		return -ENOMEM;
	return attr_of_trace(s, sc, p, c, n, t, &e->attr);
}

int ops_place_entry(
	struct session *s, const struct scene *sc, const struct node *n, struct fuse_entry_param *e)
{
	entry_begin(s, sc, n, e);
	if (table_mark(s->table, n))
		return -ENOMEM;
	attr_of_place(s, sc, n, &e->attr);
	return 0;
}

/* Return: 0 and *@found; -ENOENT. */
static int find_place(
	const struct scene *sc, const struct node *dir, const char *name, struct node *found)
{
	const struct view_note *note = scene_note_named(sc, dir, name);
	bool in_notes = !dir->root && dir->trace == PLACE_NOTES;

	if (note)
		*found = (struct node){
			.slot = dir->slot, .trace = trace_id(PLACE_NOTE_PART, note->id)};
	if (in_notes)
		return note ? 0 : -ENOENT;
	for (unsigned i = 0; i < sc->slots; i++) {
		const struct place *p = &sc->at[i];
		bool here =
			dir->root ? p->kind == TABLE_ROOT : p->kind == TABLE_CASE && i == dir->slot;

		if (scene_has_notes(sc, p, dir) && !strcmp(NOTES_NAME, name)) {
			*found = (struct node){.slot = i, .trace = PLACE_NOTES};
			return 0;
		}
		if (here && !strcmp(live_name(p), name)) {
			*found = (struct node){.slot = i, .trace = PLACE_TXT};
			return 0;
		}
		if (scene_parent_is(sc, p, dir) && !strcmp(scene_name(p), name)) {
			*found = (struct node){.slot = i, .trace = PLACE_DIR};
			return 0;
		}
	}
	return -ENOENT;
}

/* Decides on what was found, then fills in its entry. */
static int enter_trace(struct visit *v, struct evidence_cursor *c, const struct node *n,
	const struct trace *t, struct fuse_entry_param *e)
{
	struct permit p;
	int r = gate_decide(v->s, v->sc, &v->who, n, &p);

	if (r == 0 && !gate_shows(&p, t->kind))
		r = -ENOENT;
	return r ? r : ops_entry(v->s, v->sc, &p, c, n, t, e);
}

static int lookup_place(
	struct visit *v, const char *name, struct fuse_entry_param *e, struct missed *m)
{
	struct evidence_cursor c;
	struct trace t;
	struct node n;
	int r = find_place(v->sc, &v->n, name, &n);

	if (r) {
		gate_miss_place(v->sc, &v->n, name, m);
		return r;
	}
	if (!attr_in_evidence(v->sc, &n))
		return ops_place_entry(v->s, v->sc, &n, e);
	evidence_cursor_init(&c, scene_place(v->sc, &n)->ev->evidence);
	r = evidence_get(&c, n.trace, &t);
	if (r == 0)
		r = enter_trace(v, &c, &n, &t, e);
	evidence_cursor_release(&c);
	return r;
}

/*
 * What is hidden and what is not there cost the same: something is found, decided upon and
 * not shown. What was missed is for the log, behind the reply.
 */
static int lookup(struct visit *v, const char *name, struct fuse_entry_param *e, struct missed *m)
{
	const struct view_evidence *ev = scene_place(v->sc, &v->n)->ev;
	struct evidence_cursor c;
	struct permit p;
	struct trace t;
	struct node n;
	int found = 0;
	int r = 0;

	if (!attr_in_evidence(v->sc, &v->n))
		return lookup_place(v, name, e, m);
	evidence_cursor_init(&c, ev->evidence);
	found = evidence_nearest(&c, v->n.trace, name, strlen(name), &t);
	if (found >= 0) {
		n = (struct node){.slot = v->n.slot, .trace = t.id};
		r = gate_decide(v->s, v->sc, &v->who, &n, &p);
		if (r == 0 && (!found || !gate_shows(&p, t.kind)))
			r = -ENOENT;
		*m = (struct missed){.within = r == -ENOENT && !ev->whole,
			.hidden = found,
			.node = n,
			.evidence = ev->evidence,
			.policy = v->sc->view->version};
		if (r == 0)
			r = ops_entry(v->s, v->sc, &p, &c, &n, &t, e);
	}
	evidence_cursor_release(&c);
	return found < 0 ? found : r;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e;
	struct missed m = {.within = false};
	struct visit v;
	int r = ops_begin(req, parent, AUDIT_LOOKUP, &v);

	/* "." and ".." come only from file handles, which this file system does not give */
	if (r == 0 && (!strcmp(name, ".") || !strcmp(name, "..")))
		r = -ESTALE;
	else if (r == -ESTALE)
		r = -ENOENT; /* in a folder that is no longer there */
	if (r == 0)
		r = lookup(&v, name, &e, &m);
	if (r)
		ops_reply_error(req, r);
	else
		fuse_reply_entry(req, &e);
	ops_leave(&v);
	gate_missed(v.s, &v.who, &m);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	(void)ino;
	(void)nlookup;
	fuse_reply_none(req); /* node ids are computed: there is nothing to forget */
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	(void)count;
	(void)forgets;
	fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct timespec btime;
	struct stat st;
	struct visit v;
	bool born = false;
	int r = 0;

	(void)fi;
	ops_enter(req, &v);
	v.n = node_parse(session_keys(v.s), ino);
	r = attr_of_node(v.s, v.sc, &v.who, &v.n, &st, &btime, &born);
	if (r)
		ops_reply_error(req, r);
	else
		fuse_reply_attr(req, &st, attr_timeout(v.s, v.sc, &v.n));
	ops_leave(&v);
}

static int read_link(const struct visit *v, struct buf *out)
{
	struct evidence_cursor c;
	struct trace t;
	int r = 0;

	if (!attr_in_evidence(v->sc, &v->n) || v->permit.name_only)
		return -EINVAL;
	evidence_cursor_init(&c, scene_place(v->sc, &v->n)->ev->evidence);
	r = evidence_get(&c, v->n.trace, &t);
	if (r == 0)
		r = t.kind == ENTRY_LINK ? attr_link_target(&c, &t, out) : -EINVAL;
	evidence_cursor_release(&c);
	if (r == 0)
		r = gate_contents(v->sc, &v->n);
	return r;
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct buf target = BUF_INIT;
	struct visit v;
	int r = ops_begin(req, ino, AUDIT_READLINK, &v);

	if (r == 0)
		r = read_link(&v, &target);
	if (r == 0)
		r = ops_record(&v, AUDIT_READLINK, 0, (int64_t)target.len);
	if (r)
		ops_reply_error(req, r);
	else
		fuse_reply_readlink(req, buf_cstr(&target));
	ops_leave(&v);
	buf_release(&target);
}

/* ---- extended attributes ------------------------------------------------------------- */

static void reply_xattr(struct visit *v, const struct buf *value, size_t size)
{
	int64_t result = value->len > size ? -ERANGE : (int64_t)value->len;

	if (size == 0) {
		fuse_reply_xattr(v->req, value->len);
		return;
	}
	if (ops_record(v, AUDIT_XATTR, size, result))
		result = -EIO;
	if (result < 0)
		ops_reply_error(v->req, (int)result);
	else
		fuse_reply_buf(v->req, (const char *)value->data, value->len);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct buf value = BUF_INIT;
	struct visit v;
	int r = ops_begin(req, ino, AUDIT_XATTR, &v);

	if (r == 0)
		r = xattr_get(v.s, v.sc, &v.permit, &v.n, name, &value);
	if (r)
		ops_reply_error(req, r);
	else
		reply_xattr(&v, &value, size);
	ops_leave(&v);
	buf_release(&value);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct buf names = BUF_INIT;
	struct visit v;
	int r = ops_begin(req, ino, AUDIT_XATTR, &v);

	if (r == 0)
		r = xattr_list(v.s, v.sc, &v.permit, &v.n, &names);
	if (r)
		ops_reply_error(req, r);
	else
		reply_xattr(&v, &names, size);
	ops_leave(&v);
	buf_release(&names);
}

/* ---- the rest ---------------------------------------------------------------------------- */

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st = {.f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255};
	struct visit v;
	uint64_t bytes = 0;

	(void)ino;
	ops_enter(req, &v);
	/* a team's tells nothing of what is hidden: it is the same for everybody */
	for (size_t i = 0; v.sc->view->personal && i < v.sc->view->evidence_n; i++)
		bytes += v.sc->view->evidence[i].evidence->manifest.image.media_size;
	st.f_blocks = bytes / 4096;
	fuse_reply_statfs(req, &st);
	ops_leave(&v);
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->max_readahead = 0; /* page faults are then exact reads of one page */
	conn->want &=
		~(unsigned)(FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_SPLICE_READ |
			    FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE | FUSE_CAP_EXPORT_SUPPORT |
			    FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_ATOMIC_O_TRUNC |
			    FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS);
	conn->want |= conn->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_PARALLEL_DIROPS |
					      FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO);
}

void ops_fill(struct fuse_lowlevel_ops *ops)
{
	*ops = (struct fuse_lowlevel_ops){
		.init = op_init,
		.lookup = op_lookup,
		.forget = op_forget,
		.forget_multi = op_forget_multi,
		.getattr = op_getattr,
		.readlink = op_readlink,
		.open = op_open,
		.read = op_read,
		.release = op_release,
		.opendir = op_opendir,
		.readdir = op_readdir,
		.readdirplus = op_readdirplus,
		.releasedir = op_releasedir,
		.getxattr = op_getxattr,
		.listxattr = op_listxattr,
		.statfs = op_statfs,
	};
	ops_refuse_writes(ops);
}
