/* SPDX-License-Identifier: Apache-2.0 */
/* matching.c - patterns that traces meet, asked of a worker; see matching.h. */
#include "worker/matching.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker/pool.h"
#include "worker/process.h"
#include "worker/reply.h"

#define ALIVE_MAX 64 /* of each trace: it says every 5 s that it is still at it */
#define TRIES     2

struct matching {
	struct workers *w;
	struct matching_opts o;
	struct process *p; /* NULL: none is running */
	uint32_t *ids;     /* of what was asked last */
	size_t cap;
};

int matching_new(struct workers *w, const struct matching_opts *o, struct matching **out)
{
	struct matching *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->w = w;
	m->o = *o;
	*out = m;
	return 0;
}

static void let_go(struct matching *m)
{
	process_end(m->p);
	m->p = NULL;
}

void matching_free(struct matching *m)
{
	if (!m)
		return;
	let_go(m);
	free(m->ids);
	free(m);
}

/* ---- asking --------------------------------------------------------------------------------- */

/* A worker that knows the patterns: they go with the first request. */
static int begin(struct matching *m, struct err *e)
{
	struct buf *b = NULL;
	int r = 0;

	if (m->p)
		return 0;
	r = pool_fresh(m->w, &m->p, e);
	if (r)
		return r;
	m->p->wire.tick = m->o.tick;
	m->p->wire.tick_ctx = m->o.ctx;
	b = wire_begin(&m->p->wire, WIRE_PATTERNS);
	buf_put_u32(b, (uint32_t)m->o.n);
	for (size_t i = 0; i < m->o.n; i++) {
		buf_put_u8(b, (uint8_t)m->o.v[i].kind);
		buf_put_blob(b, m->o.v[i].text, m->o.v[i].n);
	}
	return process_ask(m->p, e);
}

static void put_items(struct buf *b, const struct matching_item *v, size_t n)
{
	buf_put_u32(b, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		buf_put_u8(b, v[i].has_members ? WIRE_HAS_MEMBERS : 0);
		buf_put_blob(b, v[i].name,
			v[i].name_len < WIRE_NAME_MAX ? v[i].name_len : WIRE_NAME_MAX);
		member_way_put(b, &v[i].way);
	}
}

/* Numbers of patterns behind those that are kept already. */
static int keep(struct matching *m, struct reply_match *found, size_t *used, size_t *at)
{
	*at = *used;
	if (found->n > m->cap - *used) {
		size_t cap = 2 * (*used + found->n) + 64;
		uint32_t *grown = reallocarray(m->ids, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		m->ids = grown;
		m->cap = cap;
	}
	for (uint32_t i = 0; i < found->n; i++)
		m->ids[(*used)++] = cur_u32(&found->at);
	return 0;
}

static int take(struct matching *m, struct frame *f, struct matching_item *v, size_t n,
	size_t *used, struct err *e)
{
	struct reply_match found[WIRE_MATCH_MAX];
	size_t at[WIRE_MATCH_MAX];
	int r = reply_matched(&f->payload, n, (uint32_t)m->o.n, found);

	if (r)
		return process_break(m->p, r, e);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = keep(m, &found[i], used, &at[i]);
	for (size_t i = 0; r == 0 && i < n; i++) {
		v[i].bits = found[i].bits;
		v[i].n = found[i].n;
		v[i].at = at[i]; /* the array may still move */
	}
	return r ? err_errno(e, -r, "what a scan found") : 0;
}

/* One try. Return: 0; -errno, with the worker broken or not. */
static int ask(struct matching *m, struct matching_item *v, size_t n, size_t *used, struct err *e)
{
	size_t max = n * (5 + 4 * m->o.n);
	struct frame f = {.type = WIRE_ALIVE};
	int r = begin(m, e);

	if (r)
		return r;
	put_items(wire_begin(&m->p->wire, WIRE_MATCH), v, n);
	r = process_ask(m->p, e);
	for (size_t i = 0; r == 0 && f.type == WIRE_ALIVE; i++) {
		r = process_next(m->p, WIRE_MATCHED, max, PROCESS_PROGRESS_MS, &f, e);
		if (r == 0 && f.type == WIRE_ALIVE && i == ALIVE_MAX * n)
			r = process_break(m->p, -ETIMEDOUT, e);
	}
	return r ? r : take(m, &f, v, n, used, e);
}

/* Return: 0; 1 the worker was lost over them; -errno. */
static int try(struct matching *m, struct matching_item *v, size_t n, size_t *used, struct err *e)
{
	int r = ask(m, v, n, used, e);
	bool lost = r && m->p && m->p->broken;

	if (r && m->p)
		let_go(m);
	return lost && r != -EINTR ? 1 : r;
}

/* One trace by itself. */
static int alone(struct matching *m, struct matching_item *v, size_t *used, struct err *e)
{
	int r = 1;

	for (int i = 0; r == 1 && i < TRIES; i++) {
		err_clear(e);
		r = try(m, v, 1, used, e);
	}
	if (r != 1)
		return r;
	pool_fault(m->w, "volume at place %zu, inode %llu: not searched: %s", v->way.volume,
		(unsigned long long)v->way.inode, err_text(e, -EIO));
	err_clear(e);
	v->bits = WIRE_UNREAD;
	v->n = 0;
	return 0;
}

int matching_run(struct matching *m, struct matching_item *v, size_t n, struct err *e)
{
	size_t used = 0;
	int r = try(m, v, n, &used, e);

	if (r == 1) {
		err_clear(e);
		r = 0;
		for (size_t i = 0; r == 0 && i < n; i++)
			r = alone(m, &v[i], &used, e);
	}
	for (size_t i = 0; r == 0 && i < n; i++)
		v[i].ids = v[i].n > 0 ? m->ids + v[i].at : NULL;
	return r;
}
