/* SPDX-License-Identifier: Apache-2.0 */
/*
 * id.h - how traces are numbered
 *
 * Within one piece of evidence a trace id is part << 40 | number; numbers are
 * preorder within their part, so that a subtree is one interval [id, last].
 * Part 0 holds what the mount itself adds; volume k has part 1 + 2k for its
 * allocated tree and 2 + 2k for its deleted entries. An index file holds one
 * volume and knows its two parts as 0 and 1.
 *
 * A node names a trace across a session: evidence, part and number in 63 bits.
 */
#ifndef EVIDENCEFS_TRACE_ID_H
#define EVIDENCEFS_TRACE_ID_H

#include <stdbool.h>
#include <stdint.h>

#define TRACE_PART_SHIFT  40
#define TRACE_NUMBER_MASK ((UINT64_C(1) << TRACE_PART_SHIFT) - 1)
#define TRACE_NUMBER_MAX  UINT32_MAX /* as much as a node has room for */

/* Numbers in part 0. */
#define TRACE_EVIDENCE_DIR          0u
#define TRACE_EVIDENCE_TXT          1u
#define TRACE_IMAGE_RAW             2u
#define TRACE_VOLUME_RAW(k)         (16u + 2u * (k))
#define TRACE_VOLUME_UNALLOCATED(k) (17u + 2u * (k))

static inline uint64_t trace_id(unsigned part, uint64_t number)
{
	return (uint64_t)part << TRACE_PART_SHIFT | number;
}

static inline unsigned trace_part(uint64_t id)
{
	return (unsigned)(id >> TRACE_PART_SHIFT);
}

static inline uint64_t trace_number(uint64_t id)
{
	return id & TRACE_NUMBER_MASK;
}

/** trace_volume() - the volume a part >= 1 belongs to. */
static inline unsigned trace_volume(uint64_t id)
{
	return (trace_part(id) - 1) / 2;
}

static inline bool trace_in_deleted(uint64_t id)
{
	return trace_part(id) > 0 && trace_part(id) % 2 == 0;
}

/** trace_of_index() - an index's own id of volume @k as an id within the evidence. */
static inline uint64_t trace_of_index(unsigned k, uint64_t index_id)
{
	return index_id + ((UINT64_C(1) + 2 * (uint64_t)k) << TRACE_PART_SHIFT);
}

/** trace_to_index() - its inverse, for a part >= 1. */
static inline uint64_t trace_to_index(uint64_t id)
{
	return trace_id(trace_in_deleted(id), trace_number(id));
}

#endif
