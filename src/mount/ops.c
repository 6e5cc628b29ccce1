/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops.c - the requests of the kernel, each answered through the gate.
 *
 * Nothing here allocates on the way of a lookup or a stat, and nothing is
 * remembered between requests but open files and directories.
 */
#include "mount/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "mount/attr.h"
#include "mount/gate.h"
#include "mount/session.h"
#include "mount/xattr.h"
#include "serve/content.h"

/* An open file or directory. */
struct handle {
	struct node node;
	struct content *content; /* NULL: a directory */
	uint64_t open_seq;
};

static struct session *session_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static struct asker asker_of(fuse_req_t req)
{
	const struct fuse_ctx *c = fuse_req_ctx(req);

	return (struct asker){.uid = c->uid, .gid = c->gid, .pid = c->pid};
}

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

static void reply_error(fuse_req_t req, int r)
{
	fuse_reply_err(req, r < 0 ? -r : r);
}

/* The node a request is about, once it is allowed; a denial is recorded as @type. */
static int enter(fuse_req_t req, fuse_ino_t ino, enum audit_type type, struct node *n)
{
	struct session *s = session_of(req);
	struct asker who = asker_of(req);
	int r = 0;

	*n = node_parse(&s->keys, ino);
	if (!n->root && n->evidence >= s->count)
		return -ENOENT;
	r = gate_decide(s, &who, n);
	if (r == -EACCES) {
		struct act a = {.type = type, .node = n, .result = -EACCES};

		if (gate_record(s, &who, &a, NULL))
			r = -EIO;
	}
	return r;
}

/* ---- names and attributes ----------------------------------------------------- */

static int find_evidence(const struct session *s, const char *name, struct node *n)
{
	for (unsigned i = 0; i < s->count; i++) {
		if (!strcmp(s->evidence[i]->name, name)) {
			*n = (struct node){.evidence = i, .trace = trace_id(0, TRACE_EVIDENCE_DIR)};
			return 0;
		}
	}
	return -ENOENT;
}

static int entry_of(struct session *s, struct evidence_cursor *c, unsigned evidence,
	const struct trace *t, struct fuse_entry_param *e)
{
	const struct node n = {.evidence = evidence, .trace = t->id};

	*e = (struct fuse_entry_param){
		.ino = node_id(&s->keys, &n),
		.generation = 1,
		.attr_timeout = attr_timeout(t->id),
		.entry_timeout = ENTRY_TIMEOUT,
	};
	return attr_of_trace(s, c, evidence, t, &e->attr);
}

static int lookup(struct session *s, const struct node *dir, const char *name, struct node *found,
	struct fuse_entry_param *e)
{
	struct evidence_cursor c;
	struct trace t;
	int r = 0;

	if (dir->root) {
		r = find_evidence(s, name, found);
		if (r)
			return r;
		evidence_cursor_init(&c, s->evidence[found->evidence]);
		r = evidence_get(&c, found->trace, &t);
	} else {
		evidence_cursor_init(&c, s->evidence[dir->evidence]);
		r = evidence_lookup(&c, dir->trace, name, strlen(name), &t);
		*found = (struct node){.evidence = dir->evidence, .trace = r ? 0 : t.id};
	}
	if (r == 0)
		r = entry_of(s, &c, found->evidence, &t, e);
	evidence_cursor_release(&c);
	return r;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct session *s = session_of(req);
	struct asker who = asker_of(req);
	struct fuse_entry_param e;
	struct node dir;
	struct node found;
	int r = enter(req, parent, AUDIT_LOOKUP, &dir);

	/* "." and ".." come only from file handles, which this file system does not give */
	if (r == 0 && (!strcmp(name, ".") || !strcmp(name, "..")))
		r = -ESTALE;
	if (r == 0)
		r = lookup(s, &dir, name, &found, &e);
	if (r == 0)
		r = gate_decide(s, &who, &found);
	if (r)
		reply_error(req, r);
	else
		fuse_reply_entry(req, &e);
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
	struct asker who = asker_of(req);
	struct timespec btime;
	struct stat st;
	double valid = 0;
	bool born = false;
	int r = attr_of_node(session_of(req), &who, ino, &st, &btime, &born, &valid);

	(void)fi;
	if (r)
		reply_error(req, r);
	else
		fuse_reply_attr(req, &st, valid);
}

static int read_link(struct session *s, const struct node *n, struct buf *out)
{
	struct evidence_cursor c;
	struct trace t;
	int r = 0;

	if (n->root)
		return -EINVAL;
	evidence_cursor_init(&c, s->evidence[n->evidence]);
	r = evidence_get(&c, n->trace, &t);
	if (r == 0)
		r = t.kind == ENTRY_LINK ? attr_link_target(&c, &t, out) : -EINVAL;
	evidence_cursor_release(&c);
	return r;
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct session *s = session_of(req);
	struct asker who = asker_of(req);
	struct buf target = BUF_INIT;
	struct node n;
	int r = enter(req, ino, AUDIT_READLINK, &n);

	if (r == 0)
		r = read_link(s, &n, &target);
	if (r == 0)
		r = gate_decide(s, &who, &n);
	if (r == 0) {
		struct act a = {.type = AUDIT_READLINK, .node = &n, .result = (int64_t)target.len};

		r = gate_record(s, &who, &a, NULL);
	}
	if (r)
		reply_error(req, r);
	else
		fuse_reply_readlink(req, buf_cstr(&target));
	buf_release(&target);
}

/* ---- files ----------------------------------------------------------------------- */

static int open_handle(struct session *s, const struct node *n, struct handle **out)
{
	struct handle *h = calloc(1, sizeof(*h));
	int r = h ? 0 : -ENOMEM;

	if (r == 0) {
		h->node = *n;
		r = n->root ? -EISDIR
			    : content_open(s->evidence[n->evidence], n->trace, &h->content);
	}
	if (r) {
		free(h);
		return r;
	}
	*out = h;
	return 0;
}

static void free_handle(struct handle *h)
{
	if (!h)
		return;
	content_close(h->content);
	free(h);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct session *s = session_of(req);
	struct asker who = asker_of(req);
	struct handle *h = NULL;
	struct node n;
	int r = 0;

	if ((fi->flags & O_ACCMODE) != O_RDONLY || (fi->flags & (O_TRUNC | O_CREAT))) {
		reply_error(req, -EROFS);
		return;
	}
	r = enter(req, ino, AUDIT_OPEN, &n);
	if (r == 0) {
		struct act a = {.type = AUDIT_OPEN, .node = &n};
		uint64_t seq = 0;

		a.result = open_handle(s, &n, &h);
		if (a.result == 0)
			a.result = gate_decide(s, &who, &n);
		r = gate_record(s, &who, &a, &seq);
		if (r == 0)
			r = (int)a.result;
		if (r == 0)
			h->open_seq = seq;
	}
	if (r) {
		free_handle(h);
		reply_error(req, r);
		return;
	}
	fi->fh = (uintptr_t)h;
	fi->direct_io = 1; /* the only way to see each read with its offset, length and uid */
	fi->noflush = 1;
	if (fuse_reply_open(req, fi))
		free_handle(h);
}

/* A page fault's read must be whole: what is missing in a page would read as zeros. */
static bool is_page_fault(const struct fuse_file_info *fi)
{
	return fi->lock_owner == 0;
}

static ssize_t fetch(const struct handle *h, void *buf, size_t size, uint64_t off, bool whole)
{
	uint64_t end = content_size(h->content);
	ssize_t n = content_read(h->content, buf, size, off);
	size_t want = off >= end ? 0 : end - off < size ? (size_t)(end - off) : size;

	while (whole && n >= 0 && (size_t)n < want) {
		ssize_t more = content_read(
			h->content, (uint8_t *)buf + n, want - (size_t)n, off + (uint64_t)n);

		n = more > 0 ? n + more : -EIO;
	}
	return n;
}

static void op_read(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct session *s = session_of(req);
	struct asker who = asker_of(req);
	const struct handle *h = handle_of(fi);
	struct act a = {.type = AUDIT_READ,
		.node = &h->node,
		.open_seq = h->open_seq,
		.offset = (uint64_t)off,
		.length = size};
	void *buf = session_buffer(s);

	(void)ino;
	if (size > SESSION_BUFFER)
		size = SESSION_BUFFER;
	a.result = buf ? gate_decide(s, &who, &h->node) : -ENOMEM;
	if (a.result == 0)
		a.result = fetch(h, buf, size, (uint64_t)off, is_page_fault(fi));
	if (a.result >= 0) {
		int again = gate_decide(s, &who, &h->node);

		if (again)
			a.result = -EACCES;
	}
	if (gate_record(s, &who, &a, NULL))
		a.result = -EIO;
	if (a.result < 0)
		reply_error(req, (int)a.result);
	else
		fuse_reply_buf(req, buf, (size_t)a.result);
	session_buffer_put(s, buf);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct session *s = session_of(req);
	struct handle *h = handle_of(fi);
	/* a release carries no identity: its open does */
	const struct asker nobody = {.uid = s->policy.owner, .gid = s->gid};
	struct act a = {.type = AUDIT_CLOSE, .node = &h->node, .open_seq = h->open_seq};

	(void)ino;
	gate_record(s, &nobody, &a, NULL);
	free_handle(h);
	fuse_reply_err(req, 0);
}

/* ---- directories ------------------------------------------------------------------- */

static int check_directory(struct session *s, const struct node *n)
{
	struct evidence_cursor c;
	struct trace t;
	int r = 0;

	if (n->root)
		return 0;
	evidence_cursor_init(&c, s->evidence[n->evidence]);
	r = evidence_get(&c, n->trace, &t);
	evidence_cursor_release(&c);
	return r ? r : t.kind == ENTRY_DIR ? 0 : -ENOTDIR;
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct session *s = session_of(req);
	struct asker who = asker_of(req);
	struct handle *h = NULL;
	struct node n;
	int r = enter(req, ino, AUDIT_OPEN, &n);

	if (r == 0)
		r = check_directory(s, &n);
	if (r == 0 && !(h = calloc(1, sizeof(*h))))
		r = -ENOMEM;
	if (r == 0) {
		struct act a = {.type = AUDIT_OPEN, .node = &n};

		h->node = n;
		r = gate_record(s, &who, &a, &h->open_seq);
	}
	if (r) {
		free(h);
		reply_error(req, r);
		return;
	}
	fi->fh = (uintptr_t)h;
	if (fuse_reply_open(req, fi))
		free(h);
}

/* A listing being filled. */
struct listing {
	fuse_req_t req;
	struct session *s;
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
				     l->req, l->buf + l->used, left, name, e, (off_t)cookie)
			   : fuse_add_direntry(
				     l->req, l->buf + l->used, left, name, &e->attr, (off_t)cookie);

	if (n > left)
		return 0;
	l->used += n;
	l->entries++;
	return 1;
}

/* "." and ".." carry no node: the kernel has them. */
static int add_dots(struct listing *l, const struct node *dir, uint64_t *pos)
{
	struct fuse_entry_param e = {.ino = 0};
	static const char *const dots[] = {".", ".."};

	e.attr.st_mode = S_IFDIR;
	e.attr.st_ino = node_ino(&l->s->keys, dir);
	while (*pos < 2) {
		if (!listing_add(l, dots[*pos], &e, *pos + 1))
			return 0;
		(*pos)++;
	}
	return 1;
}

static int add_trace(struct listing *l, struct evidence_cursor *c, unsigned evidence,
	const struct trace *t, uint64_t next)
{
	struct fuse_entry_param e;
	char name[256];
	int r = 0;

	if (t->name_len >= sizeof(name))
		return -EIO;
	memcpy(name, t->name, t->name_len);
	name[t->name_len] = '\0';
	r = entry_of(l->s, c, evidence, t, &e);
	return r ? r : listing_add(l, name, &e, node_cookie(&l->s->keys, next));
}

/* Places of the root: 3 + i for the i-th piece of evidence. */
static int list_root(struct listing *l, uint64_t pos)
{
	int r = 1;

	for (uint64_t i = pos < 3 ? 0 : pos - 3; r > 0 && i < l->s->count; i++) {
		struct evidence_cursor c;
		struct trace t;

		evidence_cursor_init(&c, l->s->evidence[i]);
		r = evidence_get(&c, trace_id(0, TRACE_EVIDENCE_DIR), &t);
		if (r == 0)
			r = add_trace(l, &c, (unsigned)i, &t, 3 + i + 1);
		evidence_cursor_release(&c);
	}
	return r < 0 ? r : 0;
}

/* Places of a directory: 3 + what evidence_child() goes on from. */
static int list_directory(
	struct listing *l, const struct asker *who, const struct node *dir, uint64_t pos)
{
	struct evidence_cursor c;
	struct trace d;
	struct trace t;
	uint64_t place = pos < 3 ? 0 : pos - 3;
	int r = 0;

	evidence_cursor_init(&c, l->s->evidence[dir->evidence]);
	r = evidence_get(&c, dir->trace, &d);
	while (r == 0 && (r = evidence_child(&c, &d, &place, &t)) == 0) {
		const struct node n = {.evidence = dir->evidence, .trace = t.id};

		if (gate_decide(l->s, who, &n))
			continue;
		r = add_trace(l, &c, dir->evidence, &t, 3 + place);
		if (r <= 0)
			break;
		r = 0;
	}
	evidence_cursor_release(&c);
	return r == -ENOENT || r >= 0 ? 0 : r;
}

static void list(fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi, bool plus)
{
	struct session *s = session_of(req);
	struct asker who = asker_of(req);
	const struct handle *h = handle_of(fi);
	struct listing l = {.req = req,
		.s = s,
		.buf = session_buffer(s),
		.size = size < SESSION_BUFFER ? size : SESSION_BUFFER,
		.plus = plus};
	struct act a = {.type = AUDIT_LIST, .node = &h->node, .open_seq = h->open_seq};
	uint64_t pos = node_cookie_parse(&s->keys, (uint64_t)off);
	int r = l.buf ? gate_decide(s, &who, &h->node) : -ENOMEM;

	if (r == 0 && (pos >= 2 || add_dots(&l, &h->node, &pos)))
		r = h->node.root ? list_root(&l, pos) : list_directory(&l, &who, &h->node, pos);
	/* entries already gathered are delivered; the fault is met again behind them */
	if (r < 0 && r != -EACCES && l.entries > 0)
		r = 0;
	if (r == 0)
		r = gate_decide(s, &who, &h->node);
	a.length = l.entries;
	a.result = r ? r : (int64_t)l.entries;
	if (gate_record(s, &who, &a, NULL))
		r = -EIO;
	if (r)
		reply_error(req, r);
	else
		fuse_reply_buf(req, l.buf, l.used);
	session_buffer_put(s, l.buf);
}

static void op_readdir(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)ino;
	list(req, size, off, fi, false);
}

static void op_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)ino;
	list(req, size, off, fi, true);
}

static void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	free_handle(handle_of(fi));
	fuse_reply_err(req, 0);
}

/* ---- extended attributes ------------------------------------------------------------- */

static void reply_xattr(fuse_req_t req, const struct node *n, const struct buf *value, size_t size)
{
	struct act a = {.type = AUDIT_XATTR, .node = n, .length = size};
	struct asker who = asker_of(req);

	if (size == 0) {
		fuse_reply_xattr(req, value->len);
		return;
	}
	a.result = value->len > size ? -ERANGE : (int64_t)value->len;
	if (gate_record(session_of(req), &who, &a, NULL))
		a.result = -EIO;
	if (a.result < 0)
		reply_error(req, (int)a.result);
	else
		fuse_reply_buf(req, (const char *)value->data, value->len);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct buf value = BUF_INIT;
	struct node n;
	int r = enter(req, ino, AUDIT_XATTR, &n);

	if (r == 0)
		r = xattr_get(session_of(req), &n, name, &value);
	if (r)
		reply_error(req, r);
	else
		reply_xattr(req, &n, &value, size);
	buf_release(&value);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct buf names = BUF_INIT;
	struct node n;
	int r = enter(req, ino, AUDIT_XATTR, &n);

	if (r == 0)
		r = xattr_list(session_of(req), &n, &names);
	if (r)
		reply_error(req, r);
	else
		reply_xattr(req, &n, &names, size);
	buf_release(&names);
}

/* ---- the rest ---------------------------------------------------------------------------- */

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	const struct session *s = session_of(req);
	struct statvfs st = {.f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255};
	uint64_t bytes = 0;

	(void)ino;
	for (size_t i = 0; i < s->count; i++)
		bytes += s->evidence[i]->manifest.image.media_size;
	st.f_blocks = bytes / 4096;
	fuse_reply_statfs(req, &st);
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

/* Everything that writes; the mount is read-only as well, so the kernel mostly says it first. */

static void op_setattr(
	fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi)
{
	(void)ino, (void)attr, (void)to_set, (void)fi;
	reply_error(req, -EROFS);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	(void)parent, (void)name, (void)mode, (void)rdev;
	reply_error(req, -EROFS);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	(void)parent, (void)name, (void)mode;
	reply_error(req, -EROFS);
}

static void op_remove(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent, (void)name;
	reply_error(req, -EROFS);
}

static void op_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
	(void)link, (void)parent, (void)name;
	reply_error(req, -EROFS);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
	const char *newname, unsigned int flags)
{
	(void)parent, (void)name, (void)newparent, (void)newname, (void)flags;
	reply_error(req, -EROFS);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname)
{
	(void)ino, (void)newparent, (void)newname;
	reply_error(req, -EROFS);
}

static void op_create(
	fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	(void)parent, (void)name, (void)mode, (void)fi;
	reply_error(req, -EROFS);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
	struct fuse_file_info *fi)
{
	(void)ino, (void)buf, (void)size, (void)off, (void)fi;
	reply_error(req, -EROFS);
}

static void op_setxattr(
	fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	(void)ino, (void)name, (void)value, (void)size, (void)flags;
	reply_error(req, -EROFS);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	(void)ino, (void)name;
	reply_error(req, -EROFS);
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t length,
	struct fuse_file_info *fi)
{
	(void)ino, (void)mode, (void)off, (void)length, (void)fi;
	reply_error(req, -EROFS);
}

const struct fuse_lowlevel_ops *ops_table(void)
{
	static const struct fuse_lowlevel_ops ops = {
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
		.setattr = op_setattr,
		.mknod = op_mknod,
		.mkdir = op_mkdir,
		.unlink = op_remove,
		.rmdir = op_remove,
		.symlink = op_symlink,
		.rename = op_rename,
		.link = op_link,
		.create = op_create,
		.write = op_write,
		.setxattr = op_setxattr,
		.removexattr = op_removexattr,
		.fallocate = op_fallocate,
	};

	return &ops;
}
