/* SPDX-License-Identifier: Apache-2.0 */
/* set.c - a set of 64-bit numbers; see set.h. */
#include "fs/set.h"

#include <stdlib.h>

#define PAGE_WORDS 32 /* 2,048 numbers in a page */
#define PAGE_SHIFT 11

struct set_page {
	uint64_t key;
	uint64_t bits[PAGE_WORDS];
};

static size_t spread(uint64_t key, size_t slots)
{
	key ^= key >> 31;
	key *= 0x9e3779b97f4a7c15u;
	return (size_t)(key >> 32) & (slots - 1);
}

static struct set_page **find(const struct set *s, uint64_t key)
{
	size_t i = spread(key, s->slots);

	while (s->slot[i] && s->slot[i]->key != key)
		i = (i + 1) & (s->slots - 1);
	return &s->slot[i];
}

static bool grow(struct set *s)
{
	struct set bigger = {.slots = s->slots ? s->slots * 2 : 64};

	bigger.slot = calloc(bigger.slots, sizeof(*bigger.slot));
	if (!bigger.slot)
		return false;
	for (size_t i = 0; i < s->slots; i++) {
		if (s->slot[i])
			*find(&bigger, s->slot[i]->key) = s->slot[i];
	}
	free(s->slot);
	s->slot = bigger.slot;
	s->slots = bigger.slots;
	return true;
}

static struct set_page *page_of(struct set *s, uint64_t v, bool make)
{
	uint64_t key = v >> PAGE_SHIFT;
	struct set_page **p = NULL;

	if (s->last && s->last->key == key)
		return s->last;
	if (s->slots == 0 && (!make || !grow(s)))
		return NULL;
	p = find(s, key);
	if (!*p && make) {
		if (s->pages * 2 >= s->slots) {
			if (!grow(s))
				return NULL;
			p = find(s, key);
		}
		*p = calloc(1, sizeof(**p));
		if (!*p)
			return NULL;
		(*p)->key = key;
		s->pages++;
	}
	if (*p)
		s->last = *p;
	return *p;
}

static size_t word_of(uint64_t v)
{
	return (v >> 6) & (PAGE_WORDS - 1);
}

bool set_add(struct set *s, uint64_t v)
{
	struct set_page *p = page_of(s, v, true);
	uint64_t bit = UINT64_C(1) << (v & 63);

	if (!p) {
		s->failed = true;
		return true;
	}
	if (p->bits[word_of(v)] & bit)
		return false;
	p->bits[word_of(v)] |= bit;
	s->count++;
	return true;
}

bool set_has(struct set *s, uint64_t v)
{
	const struct set_page *p = page_of(s, v, false);

	return p && (p->bits[word_of(v)] >> (v & 63) & 1);
}

void set_remove(struct set *s, uint64_t v)
{
	struct set_page *p = page_of(s, v, false);

	if (p && (p->bits[word_of(v)] >> (v & 63) & 1)) {
		p->bits[word_of(v)] &= ~(UINT64_C(1) << (v & 63));
		s->count--;
	}
}

void set_each(const struct set *s, void (*each)(void *ctx, uint64_t v), void *ctx)
{
	for (size_t i = 0; i < s->slots; i++) {
		const struct set_page *p = s->slot[i];

		for (unsigned v = 0; p && v < PAGE_WORDS * 64; v++) {
			if (p->bits[v >> 6] >> (v & 63) & 1)
				each(ctx, p->key << PAGE_SHIFT | v);
		}
	}
}

void set_release(struct set *s)
{
	for (size_t i = 0; i < s->slots; i++)
		free(s->slot[i]);
	free(s->slot);
	*s = (struct set){.slot = NULL};
}
