/* SPDX-License-Identifier: Apache-2.0 */
/* ops_file.c - opens, reads and closes of files; see ops.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "mount/attr.h"
#include "mount/kernel.h"
#include "mount/live.h"
#include "mount/loop.h"
#include "mount/ops.h"
#include "mount/ops_private.h"
#include "mount/reads.h"
#include "serve/foresee.h"

#define SMALL_READ ((size_t)32 * 1024) /* bytes, for which a buffer on the stack will do */

/*
 * What a read needs is made ready: at the open, or at the first read by a service that
 * did not see the open.
 */
static int make_ready(struct visit *v, struct content **out)
{
	const struct view_evidence *ev = scene_place(v->sc, &v->n)->ev;

	if (v->n.root || !ev)
		return -EISDIR;
	return content_open(ev->evidence, v->n.trace, out);
}

static int content_of(struct visit *v, struct handle *h, struct content **out)
{
	struct content *none = NULL;
	int r = 0;

	*out = atomic_load(&h->content);
	if (*out)
		return 0;
	r = make_ready(v, out);
	if (r == 0 && !atomic_compare_exchange_strong(&h->content, &none, *out)) {
		content_close(*out);
		*out = none;
	}
	return r;
}

/* Return: why what is decided upon cannot be opened as a file; else 0, with its contents. */
static int open_file(struct visit *v, struct content **out)
{
	int r = 0;

	if (v->n.root || (!attr_in_evidence(v->sc, &v->n) && !live_is(v->sc, &v->n)))
		return -EISDIR;
	if (live_is(v->sc, &v->n))
		return 0;
	/* a directory by name only is not asked to be opened as a file */
	if (v->permit.name_only)
		return -ESTALE;
	r = gate_contents(v->sc, &v->n);
	if (r == 0)
		r = make_ready(v, out);
	if (r == 0)
		v->name = content_name(*out, &v->name_len);
	return r;
}

/* Whether reads of what is open may go on: 0; -EACCES. */
static int decide_read(struct session *s, const struct scene *sc, const struct read_job *j)
{
	const struct node n = handle_node(j->handle);
	struct permit p;
	int r = ops_decide(s, sc, &j->who, j->handle, &p);

	return r ? r : gate_contents(sc, &n);
}

/* ---- reads ------------------------------------------------------------------------- */

/* A page fault's read must be whole: what is missing in a page would read as zeros. */
static bool is_page_fault(const struct fuse_file_info *fi)
{
	return fi->lock_owner == 0;
}

/* What a read delivers, when all is well. */
static size_t wanted(const struct read_job *j, const struct content *c)
{
	uint64_t end = content_size(c);

	return j->off >= end ? 0 : end - j->off < j->size ? (size_t)(end - j->off) : j->size;
}

static ssize_t fetch(const struct read_job *j, struct content *c, void *buf)
{
	ssize_t n = content_read(c, buf, j->size, j->off);
	size_t want = wanted(j, c);

	while (j->whole && n >= 0 && (size_t)n < want) {
		ssize_t more =
			content_read(c, (uint8_t *)buf + n, want - (size_t)n, j->off + (uint64_t)n);

		n = more > 0 ? n + more : -EIO;
	}
	return n;
}

/* What a read delivers. */
struct delivery {
	ssize_t n;        /* bytes, or -errno */
	void *copy;       /* [n]; NULL: lent */
	struct loan loan; /* only begun where it is used: it is large */
};

/* Return: 0, or what became of the reply. */
static int deliver(const struct read_job *j, const struct delivery *d)
{
	if (d->n < 0)
		return fuse_reply_err(j->req, (int)-d->n);
	if (d->copy || d->n == 0)
		return fuse_reply_buf(j->req, d->copy, (size_t)d->n);
	return fuse_reply_iov(j->req, d->loan.piece, (int)d->loan.n);
}

static int record_read(
	struct session *s, const struct scene *sc, const struct read_job *j, ssize_t result)
{
	const struct node n = handle_node(j->handle);
	const struct access a = {.type = AUDIT_READ,
		.node = &n,
		.open_seq = atomic_load(&j->handle->kept->open_seq),
		.offset = j->off,
		.length = j->size,
		.fault = j->whole,
		.result = result};

	return gate_record(s, sc, &j->who, &a, NULL);
}

/* Record and reply. The request is gone then. */
static void answer(
	struct session *s, const struct scene *sc, const struct read_job *j, struct delivery *d)
{
	if (record_read(s, sc, j, d->n))
		d->n = -EIO;
	/* lent pages that the medium took back meanwhile: the kernel has answered EIO */
	if (deliver(j, d) == -EFAULT)
		record_read(s, sc, j, -EIO);
	kernel_end_note(s, j->note);
}

static void answer_error(
	struct session *s, const struct scene *sc, const struct read_job *j, int error)
{
	if (record_read(s, sc, j, error))
		error = -EIO;
	fuse_reply_err(j->req, -error);
	kernel_end_note(s, j->note);
}

/* What is not shown now, whenever the bytes were fetched. NULL: everything is. */
static const struct mask *mask_of(const struct scene *sc, const struct read_job *j)
{
	const struct node node = handle_node(j->handle);
	const struct view_evidence *ev = scene_place(sc, &node)->ev;

	return ev ? ev->mask : NULL;
}

/*
 * Decides upon what is seen now, and answers.
 * Return: false: what is lent cannot be masked where it lies, and must be now.
 */
static bool decide_and_answer(struct session *s, const struct read_job *j, struct delivery *d)
{
	unsigned token = 0;
	const struct scene *sc = scene_enter(s, &token);
	const struct mask *m = mask_of(sc, j);
	bool able = d->copy || !m;
	int again = decide_read(s, sc, j);

	if (again) {
		answer_error(s, sc, j, again);
		able = true;
	} else if (able) {
		if (d->copy && m && d->n > 0)
			content_mask(
				atomic_load(&j->handle->content), m, d->copy, (size_t)d->n, j->off);
		answer(s, sc, j, d);
	}
	scene_leave(s, token);
	return able;
}

static void fetch_copy(struct session *s, const struct read_job *j, struct delivery *d)
{
	d->copy = session_buffer(s);
	d->n = d->copy ? fetch(j, atomic_load(&j->handle->content), d->copy) : -ENOMEM;
}

/* Fetches without the scene. */
static void fetch_and_answer(struct session *s, struct read_job *j)
{
	struct delivery d;

	d.loan.n = d.loan.bytes = 0;
	d.copy = NULL;
	d.n = j->masked ? -EAGAIN
			: content_lend(atomic_load(&j->handle->content), j->size, j->off, &d.loan);
	if (d.n < 0)
		fetch_copy(s, j, &d);
	if (reads_claim(s->reads, j) && !decide_and_answer(s, j, &d)) {
		loan_return(&d.loan);
		fetch_copy(s, j, &d);
		decide_and_answer(s, j, &d);
	}
	loan_return(&d.loan);
	session_buffer_put(s, d.copy);
}

/* A job, or NULL, then what waited for its thread. */
static void fetch_all(struct session *s, struct read_job *j)
{
	while (j) {
		fetch_and_answer(s, j);
		j = reads_end(s->reads, j);
	}
}

/* Of a text, which is whole in memory. */
static void answer_text(struct visit *v, const struct read_job *j)
{
	struct delivery d;

	d.copy = session_buffer(v->s);
	d.n = d.copy ? live_read(v->s, v->sc, j->handle, d.copy, j->size, j->off) : -ENOMEM;
	answer(v->s, v->sc, j, &d);
	session_buffer_put(v->s, d.copy);
}

/*
 * What is at hand is answered within the scene: small reads of what is in memory.
 * Return: 0; 1 the bytes are to be fetched.
 */
static int read_at_hand(struct visit *v, struct read_job *j)
{
	struct content *c = NULL;
	uint8_t buf[SMALL_READ];
	struct delivery d;
	int r = decide_read(v->s, v->sc, j);

	if (r == 0 && live_is(v->sc, &v->n)) {
		answer_text(v, j);
		return 0;
	}
	if (r == 0)
		r = content_of(v, j->handle, &c);
	if (r) {
		answer_error(v->s, v->sc, j, r);
		return 0;
	}
	j->masked = mask_of(v->sc, j) != NULL;
	if (wanted(j, c) > sizeof(buf))
		return 1;
	d.copy = buf;
	d.n = content_now(c, buf, j->size, j->off);
	/* a fault is told by who fetches, who knows what may not be cut short */
	if (d.n < 0 || (j->whole && (size_t)d.n < wanted(j, c)))
		return 1;
	content_mask(c, mask_of(v->sc, j), buf, (size_t)d.n, j->off);
	answer(v->s, v->sc, j, &d);
	return 0;
}

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct session *s = session_of(req);
	struct read_job first = {.req = req,
		.who = ops_asker(req),
		.handle = handle_hold(s->handles, fi->fh),
		.off = (uint64_t)off,
		.size = size < SESSION_BUFFER ? size : SESSION_BUFFER,
		.whole = is_page_fault(fi),
		.note = -1};
	struct visit v;
	int go = 0;

	(void)ino;
	if (!first.handle) {
		ops_reply_error(req, -EBADF);
		return;
	}
	ops_enter(req, &v);
	v.n = handle_node(first.handle);
	go = read_at_hand(&v, &first);
	if (go == 0) {
		handle_put(s->handles, first.handle);
	} else {
		first.note = kernel_take_note();
		/* before the scene is let go: who ends a right must find it */
		go = reads_begin(s->reads, &first);
		if (go < 0) {
			answer_error(s, v.sc, &first, go);
			handle_put(s->handles, first.handle);
		}
	}
	ops_leave(&v);
	if (go > 0) {
		loop_step_aside();
		fetch_all(s, &first);
	}
}

/* ---- opens ------------------------------------------------------------------------- */

/* Of evidence of which something is hidden nothing is foreseen. */
static bool foresee_next(const struct visit *v, struct foreseen *next)
{
	const struct view_evidence *ev = scene_place(v->sc, &v->n)->ev;

	return ev && ev->whole && !ev->mask && !ev->held && ev->closed_n == 0 &&
	       foresee(ev->evidence, v->n.trace, next);
}

/* Fetching it may wait for storage, as a read may: in the time of a thread for reads. */
static void expect_next(struct session *s, uint64_t number, const struct foreseen *next)
{
	struct read_job j = {.handle = handle_hold(s->handles, number), .note = -1};

	if (!j.handle || !reads_try(s->reads, &j)) {
		handle_put(s->handles, j.handle);
		foreseen_drop(next);
		return;
	}
	loop_step_aside();
	foreseen_expect(next);
	fetch_all(s, reads_end(s->reads, &j));
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct content *c = NULL;
	struct content *none = NULL;
	struct handle *h = NULL;
	struct foreseen next;
	struct visit v;
	bool more = false;
	int r = 0;

	if ((fi->flags & O_ACCMODE) != O_RDONLY || (fi->flags & (O_TRUNC | O_CREAT))) {
		ops_reply_error(req, -EROFS);
		return;
	}
	r = ops_begin(req, ino, AUDIT_OPEN, &v);
	if (r == 0)
		r = ops_open_handle(&v, TABLE_FILE, open_file(&v, &c), &h);
	if (r == 0 && live_is(v.sc, &v.n))
		live_read(v.s, v.sc, h, NULL, 0, 0); /* taken as it is now */
	else if (r == 0 && atomic_compare_exchange_strong(&h->content, &none, c))
		c = NULL;
	content_close(c);
	fi->direct_io = 1; /* the only way to see each read with its offset, length and uid */
	fi->noflush = 1;
	if (r)
		ops_reply_error(req, r);
	else
		ops_reply_open(&v, h, fi);
	more = r == 0 && foresee_next(&v, &next);
	ops_leave(&v);
	if (more)
		expect_next(v.s, fi->fh, &next);
}

/* ---- reads that end otherwise, and closes ------------------------------------------- */

struct answering {
	struct session *s;
	const struct scene *sc;
};

static bool refuse_read(void *ctx, const struct read_job *j)
{
	const struct answering *a = ctx;
	int r = decide_read(a->s, a->sc, j);

	if (r)
		answer_error(a->s, a->sc, j, r);
	return r != 0;
}

void ops_refuse_reads(struct session *s)
{
	struct answering a = {s, atomic_load(&s->scene)};

	reads_answer(s->reads, refuse_read, &a);
}

static bool end_abandoned(void *ctx, const struct read_job *j)
{
	const struct answering *a = ctx;
	bool abandoned = reads_is_abandoned(j);

	if (abandoned)
		answer_error(a->s, a->sc, j, -EINTR);
	return abandoned;
}

void ops_end_abandoned_reads(struct session *s)
{
	unsigned token = 0;
	struct answering a = {s, scene_enter(s, &token)};

	reads_answer(s->reads, end_abandoned, &a);
	scene_leave(s, token);
}

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct session *s = session_of(req);
	struct handle *h = handle_hold(s->handles, fi->fh);

	(void)ino;
	/* none: it was released before an earlier service died, and is told again */
	if (h) {
		ops_record_close(s, h);
		handle_release(s->handles, h);
		handle_put(s->handles, h);
	}
	fuse_reply_err(req, 0);
}
