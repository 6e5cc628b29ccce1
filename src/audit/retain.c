/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retain.c - accesses of long ago are replaced by hashes; see retain.h.
 *
 * Segments are read from the first on, whatever became of them before: so the tree is
 * grown, and each checkpoint compared, before anything that it covers is thrown away. What
 * takes a segment's place is grown into the tree in its stead, and must lead to the same.
 */
#include "audit/retain.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/heads.h"
#include "audit/log_private.h"
#include "audit/run.h"
#include "audit/segment.h"
#include "base/buf.h"
#include "base/file.h"

#define STOP_EVERY 1024 /* records */

/* A walk over the segments that are old enough. */
struct walk {
	const struct retain *r;
	uint64_t object;
	uint64_t checked; /* by the last checkpoint that was passed */
	uint64_t enough;  /* to check */
	bool replace;
	char name[NOTE_NAME_MAX];
	struct heads heads;
	struct note next; /* the first checkpoint that is not behind; size 0: none */
	struct tree tree;
	struct run run;
	struct buf out;    /* what takes the segment's place */
	int64_t time_ns;   /* of the record before, in it */
	uint64_t accesses; /* of the segment, that are there in full */
	bool any;          /* so in one of them */
};

static bool is_stopped(const struct retain *r, uint64_t seq)
{
	return seq % STOP_EVERY == 0 && r->stop && r->stop(r->ctx);
}

static bool is_access(enum audit_type t)
{
	return t >= AUDIT_OPEN && t <= AUDIT_LOOKUP;
}

static void put_run(struct walk *w)
{
	for (unsigned i = 0; i < w->run.n; i++) {
		uint8_t bytes[RECORD_BYTES_MAX];
		int n = run_encode(&w->run, i, w->time_ns, bytes);

		/* it was made of records that are numbered and aligned as they must be */
		if (n > 0)
			buf_put(&w->out, bytes, (size_t)n);
	}
	w->run.n = 0;
}

static void grow(struct tree *t, const uint8_t *p, size_t n)
{
	uint8_t leaf[TREE_HASH];
	unsigned level = 0;

	if (record_is_hashes(p)) {
		p = record_hashes(p, &level);
		tree_add_subtree(t, level, p, NULL);
		return;
	}
	tree_leaf(p, n, leaf);
	tree_add(t, leaf, NULL);
}

/* Where a checkpoint is, the tree is the one that was sealed. */
static int check_head(struct walk *w, struct err *e)
{
	uint8_t root[TREE_HASH];
	int rc = 0;

	while (w->next.size && w->next.size <= w->tree.size) {
		tree_root(&w->tree, root, NULL);
		if (w->next.size != w->tree.size || memcmp(root, w->next.root, TREE_HASH) != 0)
			return err_set(e, EBADMSG,
				"records up to %" PRIu64 " are not those of their checkpoint",
				w->next.size);
		put_run(w);
		w->checked = w->next.size;
		w->next.size = 0;
		rc = heads_next(&w->heads, w->name, &w->next, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int take(
	struct walk *w, const struct segment *s, const struct audit_event *ev, struct err *e)
{
	const uint8_t *p = segment_bytes(s);

	grow(&w->tree, p, s->size);
	if (is_access(ev->type) || ev->type == AUDIT_HASHES) {
		run_take(&w->run, ev->seq, p, s->size);
		w->accesses += ev->type != AUDIT_HASHES;
	} else {
		put_run(w);
		buf_put(&w->out, p, s->size);
		w->time_ns = ev->time_ns;
	}
	return check_head(w, e);
}

/* ---- what takes its place --------------------------------------------------------------- */

/* What was made leads from @before to the same tree. */
static bool leads_to_same(const struct walk *w, const struct tree *before)
{
	struct tree again = *before;
	uint8_t made[TREE_HASH];
	uint8_t found[TREE_HASH];
	struct audit_event ev;
	size_t at = RECORD_UNIT;

	while (at < w->out.len) {
		int n = record_decode(w->out.data + at, w->out.len - at, &ev);

		if (n <= 0 || ev.seq != again.size + 1)
			return false;
		grow(&again, w->out.data + at, (size_t)n);
		at += (size_t)n;
	}
	tree_root(&again, made, NULL);
	tree_root(&w->tree, found, NULL);
	return again.size == w->tree.size && memcmp(made, found, TREE_HASH) == 0;
}

static int replace(const struct walk *w, const char *name, const struct tree *before, struct err *e)
{
	const int dirfd = w->r->dirfd;
	int fd = -1;
	int rc = 0;

	if (w->out.error)
		return err_errno(e, ENOMEM, "%s", name);
	if (!leads_to_same(w, before))
		return err_set(e, EBADMSG, "%s: its hashes do not lead to the same tree", name);
	rc = fd = segment_fresh(dirfd);
	if (fd >= 0)
		rc = segment_replace(
			dirfd, fd, name, file_write_at(fd, w->out.data, w->out.len, 0));
	return rc < 0 ? err_errno(e, -rc, "%s: cannot be replaced", name) : 0;
}

static void begin(struct walk *w, const struct segment *s)
{
	uint8_t head[RECORD_UNIT];

	record_head_encode(&s->head, head);
	buf_reset(&w->out);
	buf_put(&w->out, head, sizeof(head));
	w->time_ns = s->head.time_ns;
	w->accesses = 0;
}

static int walk_segment(struct walk *w, uint64_t first, struct err *e)
{
	const struct tree before = w->tree;
	struct segment s = {.fd = -1};
	struct audit_event ev;
	int rc = segment_open(w->r->dirfd, first, &s, e);

	if (rc < 0)
		return err_set(e, -rc, "the segment of record %" PRIu64 " cannot be read", first);
	begin(w, &s);
	while (rc == 0 && w->checked < w->enough && (rc = segment_next(&s, &ev, e)) == 1) {
		rc = take(w, &s, &ev, e);
		if (rc == 0 && is_stopped(w->r, ev.seq))
			rc = -ECANCELED;
	}
	put_run(w);
	w->any = w->any || (w->accesses > 0 && first <= w->object);
	if (rc == 0 && w->replace && w->accesses > 0)
		rc = replace(w, s.name, &before, e);
	segment_close(&s);
	return rc;
}

/* Segments up to the one that ends with record @object are replaced; or all are looked at up to
 * the first checkpoint that covers that. */
static int walk_segments(struct walk *w, const uint64_t *firsts, size_t n, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n && w->checked < w->enough; i++) {
		const uint64_t end = i + 1 < n ? firsts[i + 1] - 1 : UINT64_MAX;

		if (w->replace && end > w->object)
			break;
		rc = walk_segment(w, firsts[i], e);
		if (rc == 0 && w->checked < w->enough && end < UINT64_MAX && w->tree.size != end)
			rc = err_set(e, EBADMSG, "records %" PRIu64 " to %" PRIu64 " are missing",
				w->tree.size + 1, end);
	}
	if (rc == 0 && !w->replace && w->checked < w->enough)
		rc = err_set(e, EBADMSG, "no checkpoint covers record %" PRIu64, w->object);
	return rc;
}

static int walk_all(const struct retain *r, const uint64_t *firsts, size_t n, uint64_t object,
	bool replace, bool *any, struct err *e)
{
	struct walk w = {.r = r,
		.object = object,
		.enough = replace ? UINT64_MAX : object,
		.replace = replace,
		.heads = {.fd = -1}};
	struct record_head head;
	int rc = segment_head(r->dirfd, 1, &head, e);

	if (rc == 0) {
		note_name(head.log_id, w.name);
		rc = heads_open(r->dirfd, HEADS_FILE, &w.heads, e);
	}
	if (rc == 0)
		rc = heads_next(&w.heads, w.name, &w.next, e);
	if (rc >= 0)
		rc = walk_segments(&w, firsts, n, e);
	*any = w.any;
	heads_close(&w.heads);
	buf_release(&w.out);
	return rc;
}

/* ---- how far ------------------------------------------------------------------------------- */

/* The end of the last segment all of which is old enough, as the head behind it says, and
 * sealed. */
static int find_old(
	const struct retain *r, const uint64_t *firsts, size_t n, uint64_t *old, struct err *e)
{
	struct record_head head;
	int rc = 0;

	*old = 0;
	for (size_t i = 0; rc == 0 && i + 1 < n && firsts[i + 1] <= r->sealed; i++) {
		rc = segment_head(r->dirfd, firsts[i + 1], &head, e);
		if (rc < 0 || head.time_ns > r->before_ns)
			break;
		*old = firsts[i + 1] - 1;
	}
	return rc;
}

/* The largest tree that is known outside: of the last CHECKPOINT, newest segments first. */
static int find_known(
	const struct retain *r, const uint64_t *firsts, size_t n, uint64_t *known, struct err *e)
{
	int rc = 0;

	*known = 0;
	for (size_t i = n; rc == 0 && i-- > 0 && *known == 0;) {
		struct segment s = {.fd = -1};
		struct audit_event ev;

		rc = segment_open(r->dirfd, firsts[i], &s, e);
		if (rc == -ENODATA || rc == -ENOENT) {
			rc = 0; /* it is just being begun */
			continue;
		}
		while (rc == 0 && (rc = segment_next(&s, &ev, e)) == 1) {
			if (ev.type == AUDIT_CHECKPOINT && ev.decision == AUDIT_ALLOWED &&
				ev.result == 0 && ev.length > *known)
				*known = ev.length;
			rc = is_stopped(r, ev.seq) ? -ECANCELED : 0;
		}
		segment_close(&s);
	}
	return rc;
}

/* The end of the last segment that ends by @limit. */
static uint64_t round_down(const uint64_t *firsts, size_t n, uint64_t limit)
{
	uint64_t end = 0;

	for (size_t i = 0; i + 1 < n; i++)
		if (firsts[i + 1] - 1 <= limit)
			end = firsts[i + 1] - 1;
	return end;
}

int retain_find(const struct retain *r, struct retain_found *out, struct err *e)
{
	struct retain_found found = {.object = 0};
	uint64_t *firsts = NULL;
	uint64_t known = 0;
	uint64_t old = 0;
	size_t n = 0;
	bool any = false;
	int rc = segment_list(r->dirfd, &firsts, &n, e);

	if (rc == 0)
		rc = find_old(r, firsts, n, &old, e);
	if (rc == 0 && old > 0)
		rc = walk_all(r, firsts, n, old, false, &any, e);
	if (rc == 0 && any)
		rc = find_known(r, firsts, n, &known, e);
	if (rc == 0 && any) {
		found.object = round_down(firsts, n, old < known ? old : known);
		found.waiting = found.object < old ? old : 0;
	}
	/* what is known outside may have gone already */
	if (rc == 0 && found.object > 0 && found.object < old)
		rc = walk_all(r, firsts, n, found.object, false, &any, e);
	if (!any)
		found.object = 0;
	free(firsts);
	if (rc == 0)
		*out = found;
	return rc;
}

int retain_replace(const struct retain *r, uint64_t object, struct err *e)
{
	uint64_t *firsts = NULL;
	size_t n = 0;
	bool any = false;
	int rc = segment_list(r->dirfd, &firsts, &n, e);

	if (rc == 0)
		rc = walk_all(r, firsts, n, object, true, &any, e);
	free(firsts);
	return rc;
}
