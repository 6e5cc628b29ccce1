/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places_ext_attr.c - extended attributes of ext2/3/4; see places.h.
 *
 * Those that are shown as streams may be kept from a viewer by themselves. Tables as in
 * ext_attr.c, which says what they are called.
 */
#include "fs/places_ext.h"

#include <string.h>

#include "fs/ext_attr.h"

#define MAGIC        0xea020000u
#define ENTRY        16u
#define BLOCK_HEAD   32u
#define INODE_FIELD  128u
#define SUM_LOW      124u /* of an inode */
#define SUM_HIGH     130u
#define SPACE_SYSTEM 7u

void places_ext_inode_zero(struct ext_places *x, const struct ext_inode *in,
	const struct place_at *about, size_t from, size_t to)
{
	size_t n = x->p->f->ext.inode_size;
	struct place_at at = *about;
	uint32_t delta = 0;

	if (from >= to || to > n)
		return;
	at.offset = in->off + from;
	at.length = to - from;
	places_put(x->p, &at);
	delta = places_ext_delta(in->p, n, from, to);
	places_ext_sum(x, about, in->off + SUM_LOW, delta & 0xffff);
	if (n > INODE_FIELD && ext_at16(in->p + INODE_FIELD) >= 4)
		places_ext_sum(x, about, in->off + SUM_HIGH, delta >> 16);
}

/* Where the table in an inode begins; false: there is none. */
static bool inode_table(const struct ext_places *x, const struct ext_inode *in, size_t *at)
{
	size_t n = x->p->f->ext.inode_size;

	if (n < INODE_FIELD + 8)
		return false;
	*at = INODE_FIELD + ext_at16(in->p + INODE_FIELD);
	return *at % 4 == 0 && *at <= n - 8 && ext_at32(in->p + *at) == MAGIC;
}

struct table {
	const uint8_t *p;
	size_t n;
	size_t at;   /* the entry at hand */
	size_t base; /* where values count from */
};

/* Return: whether @t->at is an entry. */
static bool is_entry(const struct table *t)
{
	return t->n - t->at >= ENTRY && ext_at32(t->p + t->at) != 0 &&
	       t->n - t->at - ENTRY >= t->p[t->at];
}

static void next(struct table *t)
{
	size_t step = (ENTRY + t->p[t->at] + 3u) & ~(size_t)3;

	t->at = step < t->n - t->at ? t->at + step : t->n;
}

static bool is_contents(const struct table *t)
{
	const uint8_t *e = t->p + t->at;

	return e[1] == SPACE_SYSTEM && e[0] == 4 && memcmp(e + ENTRY, "data", 4) == 0;
}

/* Where the value stands; false: elsewhere. */
static bool value_of(const struct table *t, size_t *from, size_t *to)
{
	const uint8_t *e = t->p + t->at;
	size_t size = ext_at32(e + 8);

	*from = t->base + ext_at16(e + 2);
	if (ext_at32(e + 4) != 0 || *from > t->n || size > t->n - *from)
		return false;
	*to = *from + size;
	return true;
}

bool places_ext_attr_data(
	const struct ext_places *x, const struct ext_inode *in, size_t *from, size_t *to)
{
	struct table t = {.p = in->p, .n = x->p->f->ext.inode_size};
	size_t at = 0;

	if (!inode_table(x, in, &at))
		return false;
	t.at = t.base = at + 4;
	for (; is_entry(&t); next(&t)) {
		if (is_contents(&t))
			return value_of(&t, from, to);
	}
	return false;
}

static struct place_at about(const struct ext_inode *in, const struct table *t)
{
	const uint8_t *e = t->p + t->at;

	return (struct place_at){.inode = in->number,
		.attr_type = EXT_ATTR_TYPE,
		.attr_id = ext_attr_id(e[1], e + ENTRY, e[0])};
}

static void in_inode(struct ext_places *x, const struct ext_inode *in)
{
	struct table t = {.p = in->p, .n = x->p->f->ext.inode_size};
	size_t from = 0;
	size_t to = 0;

	if (!inode_table(x, in, &from))
		return;
	t.at = t.base = from + 4;
	for (; is_entry(&t); next(&t)) {
		const struct place_at a = about(in, &t);

		if (is_contents(&t))
			continue;
		places_ext_inode_zero(x, in, &a, t.at + ENTRY, t.at + ENTRY + t.p[t.at]);
		if (value_of(&t, &from, &to))
			places_ext_inode_zero(x, in, &a, from, to);
	}
}

static void zero(
	struct ext_places *x, const struct place_at *a, uint64_t off, size_t from, size_t to)
{
	struct place_at at = *a;

	at.offset = off + from;
	at.length = to - from;
	places_put(x->p, &at);
	places_ext_sum(
		x, a, off + 16, places_ext_delta(x->copy, x->p->f->ext.block_size, from, to));
}

/* A block that inodes may share: all of it is theirs, each value of the stream it is. */
static void in_block(struct ext_places *x, const struct ext_inode *in)
{
	uint64_t block = ext_at32(in->p + 0x68) | (uint64_t)ext_at16(in->p + 0x76) << 32;
	struct table t = {.p = x->copy, .n = x->p->f->ext.block_size, .at = BLOCK_HEAD};
	uint64_t off = 0;
	size_t from = 0;
	size_t to = 0;

	if (block == 0 || !places_ext_read(x, block, x->copy, &off) || ext_at32(x->copy) != MAGIC)
		return;
	places_zero(x->p, off, t.n, in->number, in->used ? PLACE_DATA : PLACE_DATA | PLACE_STALE);
	for (; in->used && is_entry(&t); next(&t)) {
		const struct place_at a = about(in, &t);

		zero(x, &a, off, t.at + ENTRY, t.at + ENTRY + t.p[t.at]);
		if (value_of(&t, &from, &to))
			zero(x, &a, off, from, to);
	}
}

void places_ext_attrs(struct ext_places *x, const struct ext_inode *in)
{
	if (in->used)
		in_inode(x, in);
	in_block(x, in);
}
