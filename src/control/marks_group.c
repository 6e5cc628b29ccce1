/* SPDX-License-Identifier: Apache-2.0 */
/* marks_group.c - what belongs together among marked traces; see marks_group.h. */
#include "control/marks_group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/digest.h"
#include "policy/decide.h"
#include "serve/hashes.h"
#include "serve/message.h"

#define LOST_MAX 3 /* messages that no worker could read: then no more are asked for */

/* ---- messages that name each other ----------------------------------------------------------- */

/* That message @of has the id, or names it. */
struct mention {
	uint8_t id[32]; /* SHA-256 */
	size_t of;      /* place in the list of members */
};

struct threads {
	struct mention *v;
	size_t n, cap;
	size_t *up; /* of each member: another of its thread; itself: none before it */
	size_t lost;
};

static size_t root_of(struct threads *t, size_t at)
{
	while (t->up[at] != at) {
		t->up[at] = t->up[t->up[at]];
		at = t->up[at];
	}
	return at;
}

static void join(struct threads *t, size_t a, size_t b)
{
	a = root_of(t, a);
	b = root_of(t, b);
	if (a < b)
		t->up[b] = a;
	else
		t->up[a] = b;
}

static int take_ids(struct threads *t, size_t of, const struct buf *ids)
{
	struct cur c = cur_of(ids->data, ids->len);

	while (cur_left(&c) > 0) {
		size_t n = 0;
		const uint8_t *p = cur_blob(&c, &n);

		if (array_room(&t->v, sizeof(*t->v), t->n, &t->cap))
			return -ENOMEM;
		digest_sha256(p, n, t->v[t->n].id);
		t->v[t->n++].of = of;
	}
	return 0;
}

/* Whether the caller may read what is there. */
static bool reads(const struct marks_member *k, const struct view *v, uint64_t trace)
{
	return decide(v, k->ev, v->uid, trace, NULL) == DECIDE_ALLOW &&
	       view_contents(k->ev, trace) == 0;
}

static int take_message(
	struct threads *t, const struct view *v, const struct marks_member *k, size_t at)
{
	struct evidence *ev = k->ev->evidence;
	struct buf ids = BUF_INIT;
	uint64_t headers = 0;
	int r = message_headers(ev, k->trace, &headers);

	if (r == 0 && t->lost < LOST_MAX && reads(k, v, headers))
		r = message_ids(ev, headers, &ids);
	t->lost += r < 0 && r != -ENOENT;
	r = take_ids(t, at, &ids);
	buf_release(&ids);
	return r;
}

static int by_id(const void *a, const void *b)
{
	const struct mention *x = a;
	const struct mention *y = b;
	int c = memcmp(x->id, y->id, sizeof(x->id));

	return c ? c : (x->of > y->of) - (x->of < y->of);
}

/* A thread is called after the lowest of the ids in it. */
static void name_threads(struct threads *t, struct marks_member *v)
{
	for (size_t i = 0; i < t->n; i++) {
		struct marks_member *first = &v[root_of(t, t->v[i].of)];

		if (!first->thread[0])
			digest_hex(t->v[i].id, (MARKS_THREAD_MAX - 1) / 2, first->thread);
	}
	for (size_t i = 0; i < t->n; i++) {
		size_t of = t->v[i].of;

		memcpy(v[of].thread, v[root_of(t, of)].thread, MARKS_THREAD_MAX);
	}
}

static int find_threads(
	struct threads *t, const struct view *view, struct marks_member *v, size_t n)
{
	int r = 0;

	t->up = calloc(n + 1, sizeof(*t->up));
	if (!t->up)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		t->up[i] = i;
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (v[i].ev)
			r = take_message(t, view, &v[i], i);
	}
	if (t->n > 0)
		qsort(t->v, t->n, sizeof(*t->v), by_id);
	for (size_t i = 1; i < t->n; i++) {
		if (memcmp(t->v[i - 1].id, t->v[i].id, sizeof(t->v[i].id)) == 0)
			join(t, t->v[i - 1].of, t->v[i].of);
	}
	name_threads(t, v);
	return r;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void find_same(const struct view *view, struct marks_member *k)
{
	uint8_t sha256[32];

	if (k->ev && k->ev->evidence->hashes && reads(k, view, k->trace) &&
		hashes_get(k->ev->evidence->hashes, k->trace, sha256) == 0)
		digest_hex(sha256, sizeof(sha256), k->same);
}

int marks_group(const struct view *view, struct marks_member *v, size_t n, size_t *lost)
{
	struct threads t = {.v = NULL};
	int r = 0;

	for (size_t i = 0; i < n; i++)
		find_same(view, &v[i]);
	r = find_threads(&t, view, v, n);
	free(t.v);
	free(t.up);
	*lost = t.lost;
	return r;
}

bool marks_together(const struct marks_member *a, const struct marks_member *b)
{
	return (a->same[0] && strcmp(a->same, b->same) == 0) ||
	       (a->thread[0] && strcmp(a->thread, b->thread) == 0);
}

/* ---- order ----------------------------------------------------------------------------------- */

/* The group that decides where one stands. */
static const char *group_of(const struct marks_member *k)
{
	return k->thread[0] ? k->thread : k->same;
}

static int by_group(const void *a, const void *b)
{
	const struct marks_member *x = a;
	const struct marks_member *y = b;
	int c = strcmp(group_of(x), group_of(y));

	return c ? c : (x->at > y->at) - (x->at < y->at);
}

static int by_first(const void *a, const void *b)
{
	const struct marks_member *x = a;
	const struct marks_member *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

void marks_order(struct marks_member *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		v[i].at = i;
	if (n > 0)
		qsort(v, n, sizeof(*v), by_group);
	for (size_t i = 0; i < n; i++) {
		bool joins = i > 0 && group_of(&v[i])[0] &&
			     strcmp(group_of(&v[i]), group_of(&v[i - 1])) == 0;

		v[i].first = joins ? v[i - 1].first : v[i].at;
	}
	if (n > 0)
		qsort(v, n, sizeof(*v), by_first);
}
