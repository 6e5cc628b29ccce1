/* SPDX-License-Identifier: Apache-2.0 */
/* tree.c - the Merkle tree of RFC 6962; see tree.h. */
#define OPENSSL_SUPPRESS_DEPRECATED  /* the calls without a context: twice as fast on short input  \
				      */
#include "audit/tree.h"

#include <errno.h>
#include <string.h>

#include <openssl/sha.h>

#include "base/digest.h"

void tree_leaf(const void *p, size_t n, uint8_t out[static TREE_HASH])
{
	SHA256_CTX c;

	SHA256_Init(&c);
	SHA256_Update(&c, "\x00", 1);
	SHA256_Update(&c, p, n);
	SHA256_Final(out, &c);
}

void tree_parent(const uint8_t left[static TREE_HASH], const uint8_t right[static TREE_HASH],
	uint8_t out[static TREE_HASH])
{
	SHA256_CTX c;

	SHA256_Init(&c);
	SHA256_Update(&c, "\x01", 1);
	SHA256_Update(&c, left, TREE_HASH);
	SHA256_Update(&c, right, TREE_HASH);
	SHA256_Final(out, &c);
}

static void gather(struct tree_proof *proof, const uint8_t *hash)
{
	if (proof->n < TREE_LEVELS)
		memcpy(proof->hash[proof->n++], hash, TREE_HASH);
}

void tree_add(struct tree *t, const uint8_t leaf[static TREE_HASH], struct tree_proof *proof)
{
	tree_add_subtree(t, 0, leaf, proof);
}

void tree_add_subtree(struct tree *t, unsigned level, const uint8_t hash[static TREE_HASH],
	struct tree_proof *proof)
{
	const uint64_t more = UINT64_C(1) << level;
	uint8_t h[TREE_HASH];

	memcpy(h, hash, TREE_HASH);
	for (; t->size >> level & 1; level++) {
		if (proof && proof->index <= t->size) {
			uint64_t block = proof->index >> level;

			if (block == t->size >> level)
				gather(proof, t->node[level]);
			else if (block + 1 == t->size >> level)
				gather(proof, h);
		}
		tree_parent(t->node[level], h, h);
	}
	memcpy(t->node[level], h, TREE_HASH);
	t->size += more;
}

void tree_root(const struct tree *t, uint8_t out[static TREE_HASH], struct tree_proof *proof)
{
	uint64_t begin = t->size;
	uint8_t h[TREE_HASH];

	if (t->size == 0) {
		digest_sha256("", 0, out);
		return;
	}
	for (unsigned level = 0; level < TREE_LEVELS; level++) {
		uint64_t left = 0;

		if (!(t->size >> level & 1))
			continue;
		left = begin - ((uint64_t)1 << level);
		if (begin == t->size) {
			memcpy(h, t->node[level], TREE_HASH);
		} else {
			if (proof && proof->index >= begin && proof->index < t->size)
				gather(proof, t->node[level]);
			else if (proof && proof->index >= left && proof->index < begin)
				gather(proof, h);
			tree_parent(t->node[level], h, h);
		}
		begin = left;
	}
	memcpy(out, h, TREE_HASH);
}

/* RFC 9162, section 2.1.3.2. */
int tree_proof_root(const struct tree_proof *proof, uint64_t size,
	const uint8_t leaf[static TREE_HASH], uint8_t out[static TREE_HASH])
{
	uint64_t at = proof->index;
	uint64_t last = size - 1;
	uint8_t h[TREE_HASH];

	if (size == 0 || at > last)
		return -EBADMSG;
	memcpy(h, leaf, TREE_HASH);
	for (unsigned i = 0; i < proof->n; i++) {
		if (last == 0)
			return -EBADMSG;
		if ((at & 1) || at == last) {
			tree_parent(proof->hash[i], h, h);
			for (; !(at & 1) && at != 0; at >>= 1)
				last >>= 1;
		} else {
			tree_parent(h, proof->hash[i], h);
		}
		at >>= 1;
		last >>= 1;
	}
	if (last != 0)
		return -EBADMSG;
	memcpy(out, h, TREE_HASH);
	return 0;
}
