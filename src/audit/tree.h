/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.h - the Merkle tree of RFC 6962, section 2.1, grown leaf by leaf
 *
 * Only the roots of its complete subtrees are kept, one for each bit of its size.
 * It knows neither records nor files.
 */
#ifndef EVIDENCEFS_AUDIT_TREE_H
#define EVIDENCEFS_AUDIT_TREE_H

#include <stddef.h>
#include <stdint.h>

#define TREE_HASH   32 /* SHA-256 */
#define TREE_LEVELS 64

/* An empty one is all zeros. */
struct tree {
	uint64_t size; /* leaves */
	uint8_t node[TREE_LEVELS]
		    [TREE_HASH]; /* [i]: of the subtree of 2^i, if bit i of size is set */
};

/* The way from leaf @index to the root: neighbours, the leaf's own first. */
struct tree_proof {
	uint64_t index;
	unsigned n;
	uint8_t hash[TREE_LEVELS][TREE_HASH];
};

/** tree_leaf() - hash of a leaf's bytes. */
void tree_leaf(const void *p, size_t n, uint8_t out[static TREE_HASH]);
/** tree_parent() - hash of a node from those of its two; @out may be one of them. */
void tree_parent(const uint8_t left[static TREE_HASH], const uint8_t right[static TREE_HASH],
	uint8_t out[static TREE_HASH]);
/** tree_add() - one more leaf, by its hash. @proof: of a leaf in this tree, gathered; NULL */
void tree_add(struct tree *t, const uint8_t leaf[static TREE_HASH], struct tree_proof *proof);
/** tree_add_subtree() - 2^@level more, by the hash of their subtree; size is a multiple of that. */
void tree_add_subtree(struct tree *t, unsigned level, const uint8_t hash[static TREE_HASH],
	struct tree_proof *proof);
/** tree_root() - of what is there; of an empty tree the hash of nothing. @proof: completed; NULL */
void tree_root(const struct tree *t, uint8_t out[static TREE_HASH], struct tree_proof *proof);
/** tree_proof_root() - the root that @proof leads to from @leaf, in a tree of @size. Return: 0;
 * -EBADMSG it has not the form of a proof of that leaf in such a tree. */
int tree_proof_root(const struct tree_proof *proof, uint64_t size,
	const uint8_t leaf[static TREE_HASH], uint8_t out[static TREE_HASH]);

#endif
