/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view_masks.c - masks that were made lately, and those that are to be made; see view.h.
 *
 * Most refreshes change none. What takes long is made where no request waits for it.
 */
#include "policy/view_private.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MASKS_MAX 64u
#define AT_ONCE   100000u /* traces */

/* What a mask was made from. */
struct kept {
	const struct evidence *ev;
	struct buf from;
	struct mask *mask;
	uint64_t used;
};

/* A mask that a hurried compile did without, and what it is to be made from: copies. */
struct wanted_mask {
	struct view_evidence ev;
	struct withheld w;
	bool *masked;
	struct buf from;
	struct wanted_mask *next;
};

struct view_masks {
	pthread_mutex_t lock; /* over what follows */
	struct kept v[MASKS_MAX];
	uint64_t uses;
	struct wanted_mask *wanted;
	bool failed; /* one of them could not be made: whoever wants it next sees why */
};

struct view_masks *view_masks_new(void)
{
	struct view_masks *m = calloc(1, sizeof(*m));

	if (m)
		pthread_mutex_init(&m->lock, NULL);
	return m;
}

static void forget(struct kept *k)
{
	buf_release(&k->from);
	mask_put(k->mask);
	*k = (struct kept){NULL, BUF_INIT, NULL, 0};
}

static void wanted_free(struct wanted_mask *x)
{
	free(x->ev.ranges);
	free(x->ev.passages);
	free(x->ev.closed);
	free(x->w.v);
	free(x->w.remnants);
	free(x->masked);
	buf_release(&x->from);
	free(x);
}

void view_masks_free(struct view_masks *m)
{
	while (m && m->wanted) {
		struct wanted_mask *x = m->wanted;

		m->wanted = x->next;
		wanted_free(x);
	}
	for (size_t i = 0; m && i < MASKS_MAX; i++)
		forget(&m->v[i]);
	if (m)
		pthread_mutex_destroy(&m->lock);
	free(m);
}

static void put_key(const struct view_evidence *ev, const struct withheld *w, const bool *masked,
	struct buf *out)
{
	buf_put(out, masked, ev->evidence->manifest.n * sizeof(*masked));
	buf_put_u64(out, ev->ranges_n);
	for (size_t i = 0; i < ev->ranges_n; i++) {
		buf_put_u64(out, ev->ranges[i].first);
		buf_put_u64(out, ev->ranges[i].last);
		buf_put_u32(out, ev->ranges[i].rights & VIEW_RIGHTS);
	}
	buf_put_u64(out, ev->passages_n);
	buf_put(out, ev->passages, ev->passages_n * sizeof(*ev->passages));
	buf_put_u64(out, ev->closed_n);
	buf_put(out, ev->closed, ev->closed_n * sizeof(*ev->closed));
	for (size_t i = 0; w && i < w->n; i++) {
		buf_put_u64(out, w->v[i].first);
		buf_put_u64(out, w->v[i].last);
	}
	for (size_t i = 0; w && i < w->remnants_n; i++) {
		buf_put_u64(out, w->remnants[i].first);
		buf_put_u64(out, w->remnants[i].last);
		buf_put_u8(out, w->remnants[i].shared);
	}
}

static bool is_same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* NULL: it was not made, or not lately. */
static struct kept *find_kept(
	struct view_masks *m, const struct evidence *ev, const struct buf *from)
{
	for (size_t i = 0; i < MASKS_MAX; i++) {
		struct kept *k = &m->v[i];

		if (k->mask && k->ev == ev && is_same(&k->from, from))
			return k;
	}
	return NULL;
}

static struct kept *oldest_of(struct view_masks *m)
{
	struct kept *oldest = &m->v[0];

	for (size_t i = 1; i < MASKS_MAX; i++) {
		if (m->v[i].used < oldest->used)
			oldest = &m->v[i];
	}
	return oldest;
}

/* Whether volumes have so many traces that a mask is not made while requests wait. */
static bool takes_long(struct evidence *ev, const bool *masked)
{
	uint64_t n = 0;

	for (unsigned k = 0; k < ev->manifest.n; k++) {
		struct index_reader *reader = NULL;
		struct index_counts counts = {0};

		if (!masked[k] || !ev->volumes[k].index)
			continue;
		if (index_get_reader(ev->volumes[k].index, &reader))
			return true;
		if (index_counts(reader, &counts) == 0)
			n += counts.allocated + counts.deleted;
		index_put_reader(ev->volumes[k].index, reader);
	}
	return n > AT_ONCE;
}

static void *copy_of(const void *v, size_t n, size_t size, int *r)
{
	void *copy = malloc(n * size + 1);

	if (!copy)
		*r = -ENOMEM;
	else if (n > 0)
		memcpy(copy, v, n * size);
	return copy;
}

static bool is_wanted(const struct view_masks *m, const struct evidence *ev, const struct buf *from)
{
	for (const struct wanted_mask *x = m->wanted; x; x = x->next) {
		if (x->ev.evidence == ev && is_same(&x->from, from))
			return true;
	}
	return false;
}

/* With the lock. @from: taken. */
static int want(struct view_masks *m, const struct view_evidence *ev, const struct withheld *w,
	const bool *masked, struct buf *from)
{
	struct wanted_mask *x = NULL;
	int r = 0;

	if (is_wanted(m, ev->evidence, from))
		return 0;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->ev = (struct view_evidence){.evidence = ev->evidence,
		.ranges_n = ev->ranges_n,
		.passages_n = ev->passages_n,
		.closed_n = ev->closed_n};
	x->ev.ranges = copy_of(ev->ranges, ev->ranges_n, sizeof(*ev->ranges), &r);
	x->ev.passages = copy_of(ev->passages, ev->passages_n, sizeof(*ev->passages), &r);
	x->ev.closed = copy_of(ev->closed, ev->closed_n, sizeof(*ev->closed), &r);
	x->masked = copy_of(masked, ev->evidence->manifest.n, sizeof(*masked), &r);
	if (w) {
		x->w.n = w->n;
		x->w.remnants_n = w->remnants_n;
		x->w.v = copy_of(w->v, w->n, sizeof(*w->v), &r);
		x->w.remnants = copy_of(w->remnants, w->remnants_n, sizeof(*w->remnants), &r);
	}
	x->from = *from;
	*from = (struct buf)BUF_INIT;
	if (r) {
		wanted_free(x);
		return r;
	}
	x->next = m->wanted;
	m->wanted = x;
	return 0;
}

/* With the lock. @from, @mask: taken. */
static struct kept *put_kept(
	struct view_masks *m, const struct evidence *ev, struct buf *from, struct mask *mask)
{
	struct kept *k = find_kept(m, ev, from);

	if (!k)
		k = oldest_of(m);
	forget(k);
	*k = (struct kept){ev, *from, mask, ++m->uses};
	*from = (struct buf)BUF_INIT;
	return k;
}

unsigned view_masks_make(struct view_masks *m)
{
	unsigned made = 0;

	pthread_mutex_lock(&m->lock);
	while (m->wanted) {
		struct wanted_mask *x = m->wanted;
		struct mask *mask = NULL;
		int r = 0;

		m->wanted = x->next;
		pthread_mutex_unlock(&m->lock);
		r = view_mask_make(&x->ev, &x->w, x->masked, &mask);
		pthread_mutex_lock(&m->lock);
		if (r == 0)
			put_kept(m, x->ev.evidence, &x->from, mask);
		m->failed = m->failed || r;
		wanted_free(x);
		made++;
	}
	pthread_mutex_unlock(&m->lock);
	return made;
}

int view_mask(struct view_masks *m, const struct view_evidence *ev, const struct withheld *w,
	const bool *masked, bool hurried, struct mask **out)
{
	struct buf from = BUF_INIT;
	struct mask *mask = NULL;
	struct kept *k = NULL;
	int r = 0;

	put_key(ev, w, masked, &from);
	if (from.error) {
		buf_release(&from);
		return -ENOMEM;
	}
	pthread_mutex_lock(&m->lock);
	k = find_kept(m, ev->evidence, &from);
	if (!k && hurried && !m->failed && takes_long(ev->evidence, masked)) {
		r = want(m, ev, w, masked, &from);
		r = r ? r : -EAGAIN;
	} else if (!k) {
		r = view_mask_make(ev, w, masked, &mask);
		m->failed = false;
		if (r == 0)
			k = put_kept(m, ev->evidence, &from, mask);
	}
	if (r == 0) {
		k->used = ++m->uses;
		*out = mask_get(k->mask);
	}
	pthread_mutex_unlock(&m->lock);
	buf_release(&from);
	return r;
}
