/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops.c - the requests of the kernel, each answered through the gate.
 *
 * Nothing here allocates on the way of a lookup or a stat, and nothing is
 * remembered between requests but open files and directories.
 */
#include "mount/ops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mount/attr.h"
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

int ops_enter(fuse_req_t req, fuse_ino_t ino, enum audit_type type, struct node *n)
{
	struct session *s = session_of(req);
	struct asker who = ops_asker(req);
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

struct handle *ops_new_handle(struct session *s, const struct node *n)
{
	struct handle *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->node = *n;
	h->refs = 1;
	pthread_mutex_lock(&s->open.lock);
	h->next = s->open.first;
	if (h->next)
		h->next->prev = h;
	s->open.first = h;
	pthread_mutex_unlock(&s->open.lock);
	return h;
}

void ops_free_handle(struct session *s, struct handle *h)
{
	if (!h || atomic_fetch_sub(&h->refs, 1) > 1)
		return;
	pthread_mutex_lock(&s->open.lock);
	if (h->next)
		h->next->prev = h->prev;
	if (h->prev)
		h->prev->next = h->next;
	else
		s->open.first = h->next;
	pthread_mutex_unlock(&s->open.lock);
	content_close(h->content);
	free(h);
}

void ops_record_close(struct session *s, const struct handle *h)
{
	/* a release carries no identity: its open does */
	const struct asker nobody = {.uid = s->policy.owner, .gid = s->gid};
	const struct act a = {.type = AUDIT_CLOSE, .node = &h->node, .open_seq = h->open_seq};

	gate_record(s, &nobody, &a, NULL);
}

void ops_record_all_closed(struct session *s)
{
	pthread_mutex_lock(&s->open.lock);
	for (const struct handle *h = s->open.first; h; h = h->next)
		if (h->content && !h->closed)
			ops_record_close(s, h);
	pthread_mutex_unlock(&s->open.lock);
}

void ops_end(struct session *s)
{
	while (s->open.first) {
		struct handle *h = s->open.first;

		if (h->content)
			ops_record_close(s, h);
		ops_free_handle(s, h);
	}
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

int ops_entry(struct session *s, struct evidence_cursor *c, unsigned evidence,
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
		r = ops_entry(s, &c, found->evidence, &t, e);
	evidence_cursor_release(&c);
	return r;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct session *s = session_of(req);
	struct asker who = ops_asker(req);
	struct fuse_entry_param e;
	struct node dir;
	struct node found;
	int r = ops_enter(req, parent, AUDIT_LOOKUP, &dir);

	/* "." and ".." come only from file handles, which this file system does not give */
	if (r == 0 && (!strcmp(name, ".") || !strcmp(name, "..")))
		r = -ESTALE;
	if (r == 0)
		r = lookup(s, &dir, name, &found, &e);
	if (r == 0)
		r = gate_decide(s, &who, &found);
	if (r)
		ops_reply_error(req, r);
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
	struct asker who = ops_asker(req);
	struct timespec btime;
	struct stat st;
	double valid = 0;
	bool born = false;
	int r = attr_of_node(session_of(req), &who, ino, &st, &btime, &born, &valid);

	(void)fi;
	if (r)
		ops_reply_error(req, r);
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
	struct asker who = ops_asker(req);
	struct buf target = BUF_INIT;
	struct node n;
	int r = ops_enter(req, ino, AUDIT_READLINK, &n);

	if (r == 0)
		r = read_link(s, &n, &target);
	if (r == 0)
		r = gate_decide(s, &who, &n);
	if (r == 0) {
		struct act a = {.type = AUDIT_READLINK, .node = &n, .result = (int64_t)target.len};

		r = gate_record(s, &who, &a, NULL);
	}
	if (r)
		ops_reply_error(req, r);
	else
		fuse_reply_readlink(req, buf_cstr(&target));
	buf_release(&target);
}

/* ---- extended attributes ------------------------------------------------------------- */

static void reply_xattr(fuse_req_t req, const struct node *n, const struct buf *value, size_t size)
{
	struct act a = {.type = AUDIT_XATTR, .node = n, .length = size};
	struct asker who = ops_asker(req);

	if (size == 0) {
		fuse_reply_xattr(req, value->len);
		return;
	}
	a.result = value->len > size ? -ERANGE : (int64_t)value->len;
	if (gate_record(session_of(req), &who, &a, NULL))
		a.result = -EIO;
	if (a.result < 0)
		ops_reply_error(req, (int)a.result);
	else
		fuse_reply_buf(req, (const char *)value->data, value->len);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct buf value = BUF_INIT;
	struct node n;
	int r = ops_enter(req, ino, AUDIT_XATTR, &n);

	if (r == 0)
		r = xattr_get(session_of(req), &n, name, &value);
	if (r)
		ops_reply_error(req, r);
	else
		reply_xattr(req, &n, &value, size);
	buf_release(&value);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct buf names = BUF_INIT;
	struct node n;
	int r = ops_enter(req, ino, AUDIT_XATTR, &n);

	if (r == 0)
		r = xattr_list(session_of(req), &n, &names);
	if (r)
		ops_reply_error(req, r);
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
