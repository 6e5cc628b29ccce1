/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - records of which only hashes are kept; see run.h. */
#include "audit/run.h"

#include <string.h>

void run_add(struct run *r, uint64_t start, unsigned level, const uint8_t hash[static TREE_HASH])
{
	struct run_node n = {.start = start, .level = level};

	memcpy(n.hash, hash, TREE_HASH);
	/* two of a kind that make a larger one become that */
	while (r->n > 0) {
		const struct run_node *left = &r->node[r->n - 1];

		if (left->level != n.level || n.level >= RECORD_LEVEL_MAX ||
			left->start & ((UINT64_C(2) << n.level) - 1))
			break;
		tree_parent(left->hash, n.hash, n.hash);
		n.start = left->start;
		n.level++;
		r->n--;
	}
	r->node[r->n++] = n;
}

void run_take(struct run *r, uint64_t seq, const uint8_t *p, size_t n)
{
	uint8_t leaf[TREE_HASH];
	unsigned level = 0;

	if (record_is_hashes(p)) {
		p = record_hashes(p, &level);
		run_add(r, seq - 1, level, p);
		return;
	}
	tree_leaf(p, n, leaf);
	run_add(r, seq - 1, 0, leaf);
}

int run_encode(
	const struct run *r, unsigned i, int64_t time_ns, uint8_t out[static RECORD_BYTES_MAX])
{
	const struct audit_event ev = {.type = AUDIT_HASHES,
		.decision = AUDIT_ALLOWED,
		.seq = r->node[i].start + 1,
		.time_ns = time_ns};

	return record_hashes_encode(&ev, r->node[i].level, r->node[i].hash, out);
}
