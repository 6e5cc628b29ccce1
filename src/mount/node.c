/* SPDX-License-Identifier: Apache-2.0 */
/* node.c - the kernel's numbers for traces; see node.h. */
#include "mount/node.h"

#include "trace/id.h"

#define TOP_BIT     (UINT64_C(1) << 63)
#define NUMBER_BITS 32
#define PART_BITS   21

uint64_t node_id(const struct node_keys *k, const struct node *n)
{
	uint64_t packed = 0;

	if (n->root)
		return NODE_ROOT;
	packed = (uint64_t)n->slot << (PART_BITS + NUMBER_BITS) |
		 (uint64_t)trace_part(n->trace) << NUMBER_BITS | trace_number(n->trace);
	return TOP_BIT | permute63(&k->ids, packed);
}

struct node node_parse(const struct node_keys *k, uint64_t id)
{
	uint64_t packed = 0;

	if (!(id & TOP_BIT))
		return (struct node){.root = true};
	packed = unpermute63(&k->ids, id & ~TOP_BIT);
	return (struct node){
		.slot = (unsigned)(packed >> (PART_BITS + NUMBER_BITS)),
		.trace = trace_id((unsigned)(packed >> NUMBER_BITS) & ((1u << PART_BITS) - 1),
			packed & UINT32_MAX),
	};
}

uint64_t node_ino(const struct node_keys *k, const struct node *n)
{
	return node_id(k, n) & ~TOP_BIT;
}

uint64_t node_cookie(const struct node_keys *k, uint64_t pos)
{
	return pos < 3 ? pos : permute63(&k->cookies, pos);
}

uint64_t node_cookie_parse(const struct node_keys *k, uint64_t cookie)
{
	return cookie < 3 ? cookie : unpermute63(&k->cookies, cookie);
}
