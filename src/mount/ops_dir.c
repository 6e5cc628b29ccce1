/* SPDX-License-Identifier: Apache-2.0 */
/* ops_dir.c - listings of directories; see ops.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mount/attr.h"
#include "mount/ops_private.h"

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

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct session *s = session_of(req);
	struct asker who = ops_asker(req);
	struct handle *h = NULL;
	struct node n;
	int r = ops_enter(req, ino, AUDIT_OPEN, &n);

	if (r == 0)
		r = check_directory(s, &n);
	if (r == 0 && !(h = ops_new_handle(s, &n)))
		r = -ENOMEM;
	if (r == 0) {
		struct act a = {.type = AUDIT_OPEN, .node = &n};

		r = gate_record(s, &who, &a, &h->open_seq);
	}
	if (r) {
		ops_free_handle(s, h);
		ops_reply_error(req, r);
		return;
	}
	fi->fh = (uintptr_t)h;
	if (fuse_reply_open(req, fi))
		ops_free_handle(s, h);
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
	r = ops_entry(l->s, c, evidence, t, &e);
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
	struct asker who = ops_asker(req);
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
		ops_reply_error(req, r);
	else
		fuse_reply_buf(req, l.buf, l.used);
	session_buffer_put(s, l.buf);
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
	(void)ino;
	ops_free_handle(session_of(req), handle_of(fi));
	fuse_reply_err(req, 0);
}
