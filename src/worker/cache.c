/* SPDX-License-Identifier: Apache-2.0 */
/* cache.c - inflated chunks in memory shared with the workers; see cache.h. */
#include "worker/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NONE     UINT32_MAX
#define REFS_MAX 3
#define TOLD_MAX 4096 /* bad chunks told of one by one */

enum state {
	EMPTY,
	FILLING,
	READY,
	BAD, /* found by its chunk: asking again gives the same answer */
	GONE /* failed, and no longer found: empty when the last pin goes */
};

struct slot {
	uint64_t chunk;
	uint32_t pins;
	uint32_t next; /* in its hash chain */
	uint32_t end;  /* byte where the last use ended; NONE: never used */
	enum state state;
	uint8_t refs;
	int status; /* BAD, GONE: -errno */
};

struct cache {
	int fd;
	uint8_t *bytes;
	uint32_t slot_bytes;
	uint32_t n;
	uint32_t limit; /* slots from here on are to stay empty */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned waiting;
	uint32_t hand;
	uint32_t mask; /* buckets - 1 */
	uint32_t *bucket;
	struct slot *slot;
	uint64_t *told; /* sorted */
	size_t n_told;
};

static uint32_t *bucket_of(struct cache *c, uint64_t chunk)
{
	return &c->bucket[(chunk * 0x9e3779b97f4a7c15u >> 32) & c->mask];
}

static uint32_t find(struct cache *c, uint64_t chunk)
{
	uint32_t i = *bucket_of(c, chunk);

	while (i != NONE && c->slot[i].chunk != chunk)
		i = c->slot[i].next;
	return i;
}

static void unlink_slot(struct cache *c, uint32_t slot)
{
	uint32_t *at = bucket_of(c, c->slot[slot].chunk);

	while (*at != slot)
		at = &c->slot[*at].next;
	*at = c->slot[slot].next;
}

/* The slot to use next, emptied; NONE when all are pinned. */
static uint32_t victim(struct cache *c)
{
	for (uint64_t step = 0; step < (uint64_t)c->limit * (REFS_MAX + 1); step++) {
		uint32_t i = c->hand < c->limit ? c->hand : 0;
		struct slot *s = &c->slot[i];

		c->hand = i + 1;
		if (s->pins > 0)
			continue;
		if (s->state == EMPTY)
			return i;
		if (s->refs > 0) {
			s->refs--;
			continue;
		}
		unlink_slot(c, i);
		s->state = EMPTY;
		return i;
	}
	return NONE;
}

static bool claim(struct cache *c, uint64_t chunk, struct cache_ref *ref)
{
	uint32_t i = victim(c);
	uint32_t *at = NULL;

	if (i == NONE)
		return false;
	at = bucket_of(c, chunk);
	c->slot[i] = (struct slot){
		.chunk = chunk, .pins = 1, .next = *at, .end = NONE, .state = FILLING};
	*at = i;
	*ref = (struct cache_ref){.chunk = chunk, .slot = i, .how = CACHE_CLAIMED};
	return true;
}

static void pin(struct cache *c, uint32_t i, uint32_t at, struct cache_ref *ref)
{
	struct slot *s = &c->slot[i];

	s->pins++;
	/* Going on where the last one stopped is the same use. */
	if (s->end != NONE && s->end != at && s->refs < REFS_MAX)
		s->refs++;
	*ref = (struct cache_ref){.chunk = s->chunk,
		.slot = i,
		.how = s->state == READY ? CACHE_READY : CACHE_FILLING};
}

static void wait_change(struct cache *c)
{
	c->waiting++;
	pthread_cond_wait(&c->changed, &c->lock);
	c->waiting--;
}

size_t cache_take(struct cache *c, uint64_t first, size_t n, uint32_t at, struct cache_ref *ref)
{
	size_t have = 0;

	pthread_mutex_lock(&c->lock);
	while (have < n) {
		uint32_t i = find(c, first + have);

		if (i != NONE)
			pin(c, i, have == 0 ? at : 0, &ref[have]);
		else if (!claim(c, first + have, &ref[have])) {
			if (have > 0)
				break;
			wait_change(c);
			continue;
		}
		have++;
	}
	pthread_mutex_unlock(&c->lock);
	return have;
}

size_t cache_ready(struct cache *c, uint64_t first, size_t n, uint32_t at, struct cache_ref *ref)
{
	size_t have = 0;

	pthread_mutex_lock(&c->lock);
	for (; have < n; have++) {
		uint32_t i = find(c, first + have);

		if (i == NONE || c->slot[i].state != READY)
			break;
		ref[have].slot = i;
	}
	for (size_t i = 0; have == n && i < n; i++)
		pin(c, ref[i].slot, i == 0 ? at : 0, &ref[i]);
	pthread_mutex_unlock(&c->lock);
	return have == n ? n : 0;
}

size_t cache_claim(struct cache *c, const uint64_t *chunk, size_t n, struct cache_ref *ref)
{
	size_t have = 0;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < n; i++) {
		if (find(c, chunk[i]) != NONE)
			continue;
		if (!claim(c, chunk[i], &ref[have]))
			break;
		have++;
	}
	pthread_mutex_unlock(&c->lock);
	return have;
}

/* Whether this is told for the first time; past TOLD_MAX nothing is. */
static bool tell(struct cache *c, uint64_t chunk)
{
	size_t lo = 0;
	size_t hi = c->n_told;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->told[mid] < chunk)
			lo = mid + 1;
		else
			hi = mid;
	}
	if ((lo < c->n_told && c->told[lo] == chunk) || c->n_told == TOLD_MAX)
		return false;
	memmove(c->told + lo + 1, c->told + lo, (c->n_told - lo) * sizeof(*c->told));
	c->told[lo] = chunk;
	c->n_told++;
	return true;
}

bool cache_done(struct cache *c, const struct cache_ref *ref, int status, bool keep)
{
	struct slot *s = &c->slot[ref->slot];
	bool first = false;

	pthread_mutex_lock(&c->lock);
	s->status = status;
	if (status == 0)
		s->state = READY;
	else {
		s->state = keep ? BAD : GONE;
		if (!keep)
			unlink_slot(c, ref->slot);
		first = tell(c, ref->chunk);
	}
	if (c->waiting)
		pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	return first;
}

int cache_wait(struct cache *c, const struct cache_ref *ref)
{
	const struct slot *s = &c->slot[ref->slot];
	int r = 0;

	pthread_mutex_lock(&c->lock);
	while (s->state == FILLING)
		wait_change(c);
	r = s->state == READY ? 0 : s->status;
	pthread_mutex_unlock(&c->lock);
	return r;
}

/* A slot that nobody has pinned, emptied, and its memory given back. */
static void give_back(struct cache *c, uint32_t i)
{
	struct slot *s = &c->slot[i];

	if (s->state == READY || s->state == BAD)
		unlink_slot(c, i);
	s->state = EMPTY;
	fallocate(c->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)i * c->slot_bytes,
		c->slot_bytes);
}

void cache_limit(struct cache *c, uint32_t slots)
{
	pthread_mutex_lock(&c->lock);
	c->limit = slots < c->n ? slots : c->n;
	for (uint32_t i = c->limit; i < c->n; i++) {
		if (c->slot[i].pins == 0 && c->slot[i].state != EMPTY)
			give_back(c, i);
	}
	if (c->waiting)
		pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

void cache_put(struct cache *c, const struct cache_ref *ref, size_t n, uint32_t end)
{
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < n; i++) {
		struct slot *s = &c->slot[ref[i].slot];

		if (end != CACHE_UNUSED)
			s->end = i + 1 < n ? c->slot_bytes : end;
		if (--s->pins > 0)
			continue;
		if (ref[i].slot >= c->limit)
			give_back(c, ref[i].slot);
		else if (s->state == GONE)
			s->state = EMPTY;
	}
	if (c->waiting)
		pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

/* Memory that neither side can make larger or smaller. */
static int make_memory(struct cache *c)
{
	size_t bytes = (size_t)c->slot_bytes * c->n;
	void *p = MAP_FAILED;

	c->fd = memfd_create("evidencefs-chunks", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (c->fd < 0 || ftruncate(c->fd, (off_t)bytes) < 0 ||
		fcntl(c->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	p = mmap(NULL, bytes, PROT_READ, MAP_SHARED, c->fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	c->bytes = p;
	return 0;
}

int cache_new(uint32_t slot_bytes, uint32_t slots, struct cache **out)
{
	struct cache *c = calloc(1, sizeof(*c));
	size_t buckets = 16;
	int r = -ENOMEM;

	if (!c)
		return r;
	while (buckets < slots && buckets < (1u << 30))
		buckets *= 2;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	c->fd = -1;
	c->slot_bytes = slot_bytes;
	c->n = c->limit = slots;
	c->mask = (uint32_t)(buckets - 1);
	c->bucket = malloc(buckets * sizeof(*c->bucket));
	c->slot = calloc(slots, sizeof(*c->slot));
	c->told = calloc(TOLD_MAX, sizeof(*c->told));
	if (c->bucket && c->slot && c->told) {
		memset(c->bucket, 0xff, buckets * sizeof(*c->bucket));
		r = make_memory(c);
	}
	if (r < 0)
		cache_free(c);
	else
		*out = c;
	return r;
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	if (c->bytes)
		munmap(c->bytes, (size_t)c->slot_bytes * c->n);
	if (c->fd >= 0)
		close(c->fd);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	free(c->bucket);
	free(c->slot);
	free(c->told);
	free(c);
}

int cache_fd(const struct cache *c)
{
	return c->fd;
}

uint32_t cache_slot_bytes(const struct cache *c)
{
	return c->slot_bytes;
}

uint32_t cache_slots(const struct cache *c)
{
	return c->n;
}

const uint8_t *cache_bytes(const struct cache *c, uint32_t slot)
{
	return c->bytes + (size_t)slot * c->slot_bytes;
}
