/* SPDX-License-Identifier: Apache-2.0 */
/* remnant_names.c - names in what was a directory; see remnant_names.h. */
#include "serve/remnant_names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

#define LENGTH_MAX 255u /* bytes, or units of UTF-16 */
#define KIND_MAX   7u   /* the number behind the length */
#define KEY        4u   /* bytes of the name that it is found by */
#define EXT_HEAD   6u   /* before the length: inode, length of the entry */
#define NTFS_HEAD  64u  /* the folder, times and sizes */

struct entry {
	size_t source;
	size_t next; /* of the same slot: + 1 */
	size_t n;    /* bytes */
	uint8_t length;
	bool wide;
	uint8_t *name;
};

struct remnant_names {
	struct entry *v;
	size_t n, cap;
	size_t *slots; /* the first of each: + 1 */
	size_t slots_n;
};

static size_t slot_of(const struct remnant_names *l, uint8_t length, const uint8_t *name)
{
	uint64_t key = (uint64_t)length << 32 | (uint64_t)name[0] << 24 | (uint64_t)name[1] << 16 |
		       (uint64_t)name[2] << 8 | name[3];

	return (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (l->slots_n - 1);
}

/* Twice as many slots as names at least. */
static int room(struct remnant_names *l)
{
	size_t n = l->slots_n ? l->slots_n * 2 : 4096;
	size_t *slots = NULL;

	if (l->n * 2 < l->slots_n)
		return 0;
	slots = calloc(n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(l->slots);
	l->slots = slots;
	l->slots_n = n;
	for (size_t i = 0; i < l->n; i++) {
		size_t at = slot_of(l, l->v[i].length, l->v[i].name);

		l->v[i].next = slots[at];
		slots[at] = i + 1;
	}
	return 0;
}

static int add(struct remnant_names *l, const uint8_t *name, size_t n, size_t length, bool wide,
	size_t source)
{
	struct entry *e = NULL;
	size_t at = 0;

	if (n < REMNANT_NAME_MIN || length > LENGTH_MAX)
		return 0;
	if (room(l) || array_room(&l->v, sizeof(*l->v), l->n, &l->cap))
		return -ENOMEM;
	e = &l->v[l->n];
	*e = (struct entry){.source = source,
		.n = n,
		.length = (uint8_t)length,
		.wide = wide,
		.name = malloc(n)};
	if (!e->name)
		return -ENOMEM;
	memcpy(e->name, name, n);
	at = slot_of(l, e->length, e->name);
	e->next = l->slots[at];
	l->slots[at] = ++l->n;
	return 0;
}

/* The character at @p, which is valid UTF-8. */
static uint32_t character(const uint8_t *p, size_t *used)
{
	uint32_t c = p[0];

	*used = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (*used > 1)
		c &= 0x7fu >> *used;
	for (size_t i = 1; i < *used; i++)
		c = c << 6 | (p[i] & 0x3fu);
	return c;
}

static size_t put_unit(uint8_t *out, size_t n, uint32_t unit)
{
	out[n] = (uint8_t)unit;
	out[n + 1] = (uint8_t)(unit >> 8);
	return n + 2;
}

int remnant_names_add(struct remnant_names *l, const uint8_t *name, size_t n, size_t source)
{
	uint8_t wide[2 * LENGTH_MAX + 4];
	size_t wide_n = 0;
	size_t used = 0;
	int r = add(l, name, n, n, false, source);

	if (r || n < REMNANT_NAME_MIN || !text_is_utf8(name, n))
		return r;
	for (size_t i = 0; i < n && wide_n < 2 * (size_t)LENGTH_MAX; i += used) {
		uint32_t c = character(name + i, &used);

		if (c >= 0x10000) {
			wide_n = put_unit(wide, wide_n, 0xd800u + ((c - 0x10000) >> 10));
			c = 0xdc00u + (c & 0x3ff);
		}
		wide_n = put_unit(wide, wide_n, c);
	}
	return add(l, wide, wide_n, wide_n / 2, true, source);
}

int remnant_names_look(const struct remnant_names *l, const uint8_t *p, size_t n, size_t from,
	size_t to, int (*found)(void *ctx, size_t begin, size_t end, size_t source), void *ctx)
{
	int r = 0;

	for (size_t at = from; r == 0 && l->n > 0 && at < to && n - at >= 2 + KEY; at++) {
		const uint8_t *name = p + at + 2;

		if (p[at] == 0 || p[at + 1] > KIND_MAX)
			continue;
		for (size_t i = l->slots[slot_of(l, p[at], name)]; r == 0 && i > 0;) {
			const struct entry *e = &l->v[i - 1];
			size_t head = e->wide ? NTFS_HEAD : EXT_HEAD;

			i = e->next;
			if (e->length != p[at] || e->n > n - at - 2 ||
				memcmp(e->name, name, e->n) != 0)
				continue;
			r = found(ctx, at > head ? at - head : 0, at + 2 + e->n, e->source);
		}
	}
	return r;
}

int remnant_names_new(struct remnant_names **out)
{
	struct remnant_names *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	*out = l;
	return 0;
}

void remnant_names_free(struct remnant_names *l)
{
	for (size_t i = 0; l && i < l->n; i++)
		free(l->v[i].name);
	if (l) {
		free(l->v);
		free(l->slots);
	}
	free(l);
}
