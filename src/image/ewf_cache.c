/* SPDX-License-Identifier: Apache-2.0 */
/* ewf_cache.c - inflated chunks kept for the next read; see ewf_cache.h. */
#include "image/ewf_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_BYTES (8u << 20)
#define SLOTS_MIN   2
#define SLOTS_MAX   4096
#define WAYS_MAX    8

struct slot {
	uint64_t chunk; /* only when used != 0 */
	uint64_t used;  /* tick of the last use; 0: empty */
	uint8_t *data;  /* [chunk_size] */
};

/* Sets of `ways` slots; a chunk can only be in the set of its number. */
struct ewf_cache {
	pthread_mutex_t lock;
	size_t sets;
	size_t ways;
	uint64_t tick;
	struct slot slots[];
};

struct ewf_cache *ewf_cache_new(uint32_t chunk_size)
{
	size_t n = CACHE_BYTES / chunk_size;
	size_t ways = 0;
	struct ewf_cache *c = NULL;

	if (n < SLOTS_MIN)
		n = SLOTS_MIN;
	if (n > SLOTS_MAX)
		n = SLOTS_MAX;
	ways = n < WAYS_MAX ? n : WAYS_MAX;
	c = calloc(1, sizeof(*c) + n * sizeof(c->slots[0]));
	if (!c)
		return NULL;
	if (pthread_mutex_init(&c->lock, NULL)) {
		free(c);
		return NULL;
	}
	c->ways = ways;
	c->sets = n / ways;
	return c;
}

void ewf_cache_free(struct ewf_cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->sets * c->ways; i++)
		free(c->slots[i].data);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct slot *set_of(struct ewf_cache *c, uint64_t chunk)
{
	return &c->slots[chunk % c->sets * c->ways];
}

bool ewf_cache_get(struct ewf_cache *c, uint64_t chunk, uint32_t at, uint32_t len, void *out)
{
	struct slot *set = set_of(c, chunk);
	bool found = false;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < c->ways && !found; i++) {
		if (set[i].used == 0 || set[i].chunk != chunk)
			continue;
		set[i].used = ++c->tick;
		memcpy(out, set[i].data + at, len);
		found = true;
	}
	pthread_mutex_unlock(&c->lock);
	return found;
}

void ewf_cache_put(struct ewf_cache *c, uint64_t chunk, uint8_t **data)
{
	struct slot *set = set_of(c, chunk);
	struct slot *victim = set;
	uint8_t *old = NULL;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < c->ways; i++) {
		if (set[i].used && set[i].chunk == chunk) { /* another thread was faster */
			victim = &set[i];
			break;
		}
		if (set[i].used < victim->used)
			victim = &set[i];
	}
	old = victim->data;
	*victim = (struct slot){.chunk = chunk, .used = ++c->tick, .data = *data};
	pthread_mutex_unlock(&c->lock);
	*data = old;
}

struct ewf_pool {
	pthread_mutex_t lock;
	struct ewf_scratch *free;
	uint32_t stored_max;
};

struct ewf_pool *ewf_pool_new(uint32_t stored_max)
{
	struct ewf_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	if (pthread_mutex_init(&p->lock, NULL)) {
		free(p);
		return NULL;
	}
	p->stored_max = stored_max;
	return p;
}

static void scratch_free(struct ewf_scratch *s)
{
	if (s->inflater)
		libdeflate_free_decompressor(s->inflater);
	free(s->stored);
	free(s->chunk);
	free(s);
}

void ewf_pool_free(struct ewf_pool *p)
{
	if (!p)
		return;
	while (p->free) {
		struct ewf_scratch *s = p->free;

		p->free = s->next;
		scratch_free(s);
	}
	pthread_mutex_destroy(&p->lock);
	free(p);
}

struct ewf_scratch *ewf_pool_take(struct ewf_pool *p)
{
	struct ewf_scratch *s = NULL;

	pthread_mutex_lock(&p->lock);
	s = p->free;
	if (s)
		p->free = s->next;
	pthread_mutex_unlock(&p->lock);
	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->inflater = libdeflate_alloc_decompressor();
	s->stored = malloc(p->stored_max);
	if (s->inflater && s->stored)
		return s;
	scratch_free(s);
	return NULL;
}

void ewf_pool_give(struct ewf_pool *p, struct ewf_scratch *s)
{
	pthread_mutex_lock(&p->lock);
	s->next = p->free;
	p->free = s;
	pthread_mutex_unlock(&p->lock);
}
