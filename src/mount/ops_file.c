/* SPDX-License-Identifier: Apache-2.0 */
/* ops_file.c - opens, reads and closes of files; see ops.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "mount/ops_private.h"

static int open_handle(struct session *s, const struct node *n, struct handle **out)
{
	struct handle *h = ops_new_handle(s, n);
	int r = h ? 0 : -ENOMEM;

	if (r == 0)
		r = n->root ? -EISDIR
			    : content_open(s->evidence[n->evidence], n->trace, &h->content);
	if (r) {
		ops_free_handle(s, h);
		return r;
	}
	*out = h;
	return 0;
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct session *s = session_of(req);
	struct asker who = ops_asker(req);
	struct handle *h = NULL;
	struct node n;
	int r = 0;

	if ((fi->flags & O_ACCMODE) != O_RDONLY || (fi->flags & (O_TRUNC | O_CREAT))) {
		ops_reply_error(req, -EROFS);
		return;
	}
	r = ops_enter(req, ino, AUDIT_OPEN, &n);
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
		ops_free_handle(s, h);
		ops_reply_error(req, r);
		return;
	}
	fi->fh = (uintptr_t)h;
	fi->direct_io = 1; /* the only way to see each read with its offset, length and uid */
	fi->noflush = 1;
	if (fuse_reply_open(req, fi))
		ops_free_handle(s, h);
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

static struct act act_of(const struct read_job *j)
{
	return (struct act){.type = AUDIT_READ,
		.node = &j->handle->node,
		.open_seq = j->handle->open_seq,
		.offset = j->off,
		.length = j->size};
}

static void do_read(struct session *s, struct read_job *j)
{
	struct act a = act_of(j);
	void *buf = session_buffer(s);
	size_t size = j->size < SESSION_BUFFER ? j->size : SESSION_BUFFER;

	a.result = buf ? gate_decide(s, &j->who, a.node) : -ENOMEM;
	if (a.result == 0)
		a.result = fetch(j->handle, buf, size, j->off, j->whole);
	if (a.result >= 0) {
		int again = gate_decide(s, &j->who, a.node);

		if (again)
			a.result = -EACCES;
	}
	if (reads_claim(s->reads, j)) {
		if (gate_record(s, &j->who, &a, NULL))
			a.result = -EIO;
		if (a.result < 0)
			ops_reply_error(j->req, (int)a.result);
		else
			fuse_reply_buf(j->req, buf, (size_t)a.result);
	}
	session_buffer_put(s, buf);
}

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct session *s = session_of(req);
	struct handle *h = handle_of(fi);
	struct read_job first = {.req = req,
		.who = ops_asker(req),
		.handle = h,
		.evidence = h->node.evidence,
		.off = (uint64_t)off,
		.size = size,
		.whole = is_page_fault(fi)};
	struct read_job *j = &first;
	int go = 0;

	(void)ino;
	if (content_at_hand(h->content)) {
		do_read(s, &first);
		return;
	}
	atomic_fetch_add(&h->refs, 1);
	go = reads_begin(s->reads, &first);
	if (go < 0) {
		ops_free_handle(s, h);
		ops_reply_error(req, go);
	}
	/* its own, then what waited for a thread */
	while (go > 0 && j) {
		h = j->handle;
		do_read(s, j);
		j = reads_end(s->reads, j);
		ops_free_handle(s, h);
	}
}

void ops_abandoned(void *ctx, const struct read_job *j, bool last)
{
	struct session *s = ctx;
	struct act a = act_of(j);

	a.result = -EINTR;
	ops_reply_error(j->req, gate_record(s, &j->who, &a, NULL) ? -EIO : -EINTR);
	if (last)
		ops_free_handle(s, j->handle);
}

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct session *s = session_of(req);
	struct handle *h = handle_of(fi);

	(void)ino;
	ops_record_close(s, h);
	h->closed = true;
	ops_free_handle(s, h);
	fuse_reply_err(req, 0);
}
