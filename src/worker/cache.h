/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache.h - inflated chunks of one image in memory shared with its workers
 *
 * The bytes are a sealed memfd of equal slots that workers write into. Which
 * chunk is in which slot, what is ready, who uses it: all that is kept here, in
 * the service's own memory. Starts no request itself: a chunk that is missing
 * is claimed by whoever asks, who fills it (through a worker) and says so.
 * Eviction is CLOCK over reference counts that a first use does not raise, so
 * that one pass over the media does not drive out what is used again and again.
 * Safe from several threads. Nobody waits here while holding a claim.
 */
#ifndef EVIDENCEFS_WORKER_CACHE_H
#define EVIDENCEFS_WORKER_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache;

#define CACHE_UNUSED UINT32_MAX /* cache_put(): nobody has read the bytes */

enum cache_how {
	CACHE_READY,   /* bytes are there */
	CACHE_CLAIMED, /* the caller fills it and calls cache_done() */
	CACHE_FILLING  /* somebody else does, or found it bad: cache_wait() */
};

/* A chunk in use: pinned until cache_put(). */
struct cache_ref {
	uint64_t chunk;
	uint32_t slot;
	enum cache_how how;
};

/** cache_new() - @slots slots of @slot_bytes. Return: 0 and *@out; -errno. */
int cache_new(uint32_t slot_bytes, uint32_t slots, struct cache **out);
void cache_free(struct cache *c);

int cache_fd(const struct cache *c);
uint32_t cache_slot_bytes(const struct cache *c);
uint32_t cache_slots(const struct cache *c);
/**
 * cache_limit() - use @slots of them at most, from 1 to all, and give the memory of others back
 * What is in use stays until it is put.
 */
void cache_limit(struct cache *c, uint32_t slots);
/** cache_bytes() - the bytes of a pinned, ready slot. */
const uint8_t *cache_bytes(const struct cache *c, uint32_t slot);

/**
 * cache_take() - pin chunks @first .. @first + @n - 1, claim what is missing
 * @at:  byte of the first chunk where the use begins, to know a scan from a reuse
 * @ref: [n] filled up to the returned count
 *
 * Return: how many, 1 .. n: fewer when all slots are in use. Waits for one slot.
 */
size_t cache_take(struct cache *c, uint64_t first, size_t n, uint32_t at, struct cache_ref *ref);
/**
 * cache_ready() - like cache_take(), of chunks that are there, all of them
 * Never waits. Return: @n; 0, and nothing is pinned.
 */
size_t cache_ready(struct cache *c, uint64_t first, size_t n, uint32_t at, struct cache_ref *ref);
/**
 * cache_claim() - claim what of @chunk[n] is neither there nor coming
 * Never waits. Return: how many of @ref are filled, 0 .. n.
 */
size_t cache_claim(struct cache *c, const uint64_t *chunk, size_t n, struct cache_ref *ref);

/**
 * cache_done() - a claimed chunk is there, or will not be
 * @status: 0; -errno
 * @keep:   remember a failure until the slot is wanted for another chunk
 * Return: whether this is the chunk's first failure that is to be told (at most
 * 4,096 chunks are, one by one).
 */
bool cache_done(struct cache *c, const struct cache_ref *ref, int status, bool keep);
/** cache_wait() - until a pinned chunk is filled. Return: 0 or -errno. */
int cache_wait(struct cache *c, const struct cache_ref *ref);
/**
 * cache_put() - unpin
 * @end: byte of the last chunk where the use ended; CACHE_UNUSED
 */
void cache_put(struct cache *c, const struct cache_ref *ref, size_t n, uint32_t end);

#endif
