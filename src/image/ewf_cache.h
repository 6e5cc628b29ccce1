/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ewf_cache.h - inflated chunks kept for the next read, and what inflating needs
 *
 * Both are safe from several threads; each holds its mutex only to copy bytes
 * or to move pointers, never while it inflates. For image/ewf*.c only.
 */
#ifndef EVIDENCEFS_IMAGE_EWF_CACHE_H
#define EVIDENCEFS_IMAGE_EWF_CACHE_H

#include <libdeflate.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ewf_cache;
struct ewf_pool;

/** ewf_cache_new() - about 8 MiB, at least two chunks; memory is taken as it fills. */
struct ewf_cache *ewf_cache_new(uint32_t chunk_size);
void ewf_cache_free(struct ewf_cache *c);
/** ewf_cache_get() - copy @len bytes at @at of a chunk that is kept. Return: whether it was. */
bool ewf_cache_get(struct ewf_cache *c, uint64_t chunk, uint32_t at, uint32_t len, void *out);
/**
 * ewf_cache_put() - keep a chunk
 * @data: [chunk_size], from malloc; exchanged for a buffer that is free to use,
 *        or NULL
 */
void ewf_cache_put(struct ewf_cache *c, uint64_t chunk, uint8_t **data);

/* What one thread needs to inflate one chunk. */
struct ewf_scratch {
	struct ewf_scratch *next;
	struct libdeflate_decompressor *inflater;
	uint8_t *stored; /* [stored_max] bytes as they lie in the segment */
	uint8_t *chunk;  /* [chunk_size], or NULL: taken when wanted */
};

/** ewf_pool_new() - scratch for chunks of at most @stored_max bytes in the segment. */
struct ewf_pool *ewf_pool_new(uint32_t stored_max);
void ewf_pool_free(struct ewf_pool *p);
/** ewf_pool_take() - Return: scratch to give back, or NULL without memory. */
struct ewf_scratch *ewf_pool_take(struct ewf_pool *p);
void ewf_pool_give(struct ewf_pool *p, struct ewf_scratch *s);

#endif
