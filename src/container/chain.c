/* SPDX-License-Identifier: Apache-2.0 */
/* chain.c - bytes of a member, by the way that leads to it; see chain.h. */
#include "container/chain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "container/walk.h"

#define UNIT  ((size_t)256 << 10)
#define UNITS 128 /* kept of one member: 32 MiB */

/* ---- a member as a source ------------------------------------------------------------------- */

struct members {
	struct source s;
	const struct container_kind *kind;
	struct container *c;
	struct container_budget *b;
	uint8_t locator[CONTAINER_LOCATOR_MAX];
	size_t locator_len;
	struct unit {
		uint64_t number; /* + 1; 0: none */
		size_t len;
		uint8_t *bytes;
	} units[UNITS];
};

static int fill(struct members *m, struct unit *u, uint64_t number)
{
	uint64_t at = number * UNIT;
	size_t want = m->s.size - at < UNIT ? (size_t)(m->s.size - at) : UNIT;
	ssize_t n = 0;

	u->number = 0;
	if (!u->bytes)
		u->bytes = malloc(UNIT);
	if (!u->bytes)
		return -ENOMEM;
	n = m->kind->read(m->c, m->b, m->locator, m->locator_len, u->bytes, want, at, NULL);
	if (n <= 0)
		return n < 0 ? (int)n : -EIO;
	u->len = (size_t)n;
	u->number = number + 1;
	return 0;
}

static ssize_t members_pread(const struct source *s, void *buf, size_t len, uint64_t off)
{
	/* Embedded first; one thread's own. */
	struct members *m = (struct members *)(uintptr_t)s;
	uint64_t number = off / UNIT;
	struct unit *u = &m->units[number % UNITS];
	size_t in = (size_t)(off % UNIT);
	int r = u->number == number + 1 && in < u->len ? 0 : fill(m, u, number);

	if (r)
		return r;
	if (in >= u->len)
		return -EIO;
	if (len > u->len - in)
		len = u->len - in;
	memcpy(buf, u->bytes + in, len);
	return (ssize_t)len;
}

static void members_close(struct source *s)
{
	struct members *m = (struct members *)s;

	for (size_t i = 0; i < UNITS; i++)
		free(m->units[i].bytes);
	free(m);
}

int member_source(const struct container_kind *kind, struct container *c,
	struct container_budget *b, const uint8_t *locator, size_t locator_len, uint64_t size,
	struct source **out)
{
	static const struct source_ops ops = {.pread = members_pread, .close = members_close};
	struct members *m = locator_len <= CONTAINER_LOCATOR_MAX ? calloc(1, sizeof(*m)) : NULL;

	if (!m)
		return -ENOMEM;
	m->s = (struct source){.ops = &ops, .size = size};
	m->kind = kind;
	m->c = c;
	m->b = b;
	memcpy(m->locator, locator, locator_len);
	m->locator_len = locator_len;
	*out = &m->s;
	return 0;
}

/* ---- containers one in the other ---------------------------------------------------------------
 */

struct chain {
	struct container_budget b; /* of the read that is under way */
	size_t n;
	struct link {
		struct source *s; /* owned, but for the first one's */
		const struct container_kind *kind;
		struct container *c;
	} v[CONTAINER_DEPTH];
};

static int open_link(struct link *l, const struct source *s, struct err *e)
{
	l->kind = container_detect(s);
	if (!l->kind)
		return err_set(e, EBADMSG, "it is no container");
	return l->kind->open(s, &l->c, e);
}

int chain_open(const struct source *s, const struct chain_step *steps, size_t n, struct chain **out,
	struct err *e)
{
	struct chain *c = n >= 1 && n <= CONTAINER_DEPTH ? calloc(1, sizeof(*c)) : NULL;
	int r = c ? open_link(&c->v[0], s, e) : -ENOMEM;

	if (r == 0)
		container_limits(source_size(s), &c->b);
	if (r == 0)
		c->n = 1;
	for (size_t i = 1; r == 0 && i < n; i++) {
		struct link *l = &c->v[i];
		const struct chain_step *step = &steps[i - 1];

		r = member_source(c->v[i - 1].kind, c->v[i - 1].c, &c->b, step->locator,
			step->locator_len, step->size, &l->s);
		if (r == 0)
			r = open_link(l, l->s, e);
		c->n++;
	}
	if (r) {
		chain_close(c);
		return r;
	}
	*out = c;
	return 0;
}

ssize_t chain_read(struct chain *c, const struct container_budget *b, const uint8_t *locator,
	size_t locator_len, void *buf, size_t len, uint64_t off, struct err *e)
{
	struct link *last = &c->v[c->n - 1];

	c->b = *b;
	return last->kind->read(last->c, &c->b, locator, locator_len, buf, len, off, e);
}

int chain_source(struct chain *c, const struct container_budget *b, const struct chain_step *member,
	struct source **out, enum container_role *role)
{
	struct link *last = &c->v[c->n - 1];

	c->b = *b;
	*role = last->kind->role ? last->kind->role(last->c, member->locator, member->locator_len)
				 : ROLE_MEMBER;
	return member_source(last->kind, last->c, &c->b, member->locator, member->locator_len,
		member->size, out);
}

void chain_close(struct chain *c)
{
	if (!c)
		return;
	for (size_t i = c->n; i-- > 0;) {
		if (c->v[i].c)
			c->v[i].kind->close(c->v[i].c);
		source_close(c->v[i].s);
	}
	free(c);
}
