/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.h - records one after the other of which only hashes are kept
 *
 * Gathers leaves and subtrees into the fewest HASHES that stand for them
 * (docs/FORMAT.audit.md, "HASHES"). Who writes them ends a run at each checkpoint.
 */
#ifndef EVIDENCEFS_AUDIT_RUN_H
#define EVIDENCEFS_AUDIT_RUN_H

#include "audit/record.h"
#include "audit/tree.h"

/* A subtree of records that are not there. */
struct run_node {
	uint64_t start; /* index of its first leaf */
	unsigned level;
	uint8_t hash[TREE_HASH];
};

/* An empty one is all zeros. */
struct run {
	unsigned n;
	struct run_node node[2 * RECORD_LEVEL_MAX + 2];
};

/** run_add() - one more subtree of 2^@level leaves, that begins where the run ends. */
void run_add(struct run *r, uint64_t start, unsigned level, const uint8_t hash[static TREE_HASH]);
/** run_take() - the record [n] at @p, of number @seq: as a leaf, or of HASHES what it has. */
void run_take(struct run *r, uint64_t seq, const uint8_t *p, size_t n);
/** run_encode() - node @i as a record of that time. Return: as record_encode(). */
int run_encode(
	const struct run *r, unsigned i, int64_t time_ns, uint8_t out[static RECORD_BYTES_MAX]);

#endif
