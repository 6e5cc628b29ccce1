/* SPDX-License-Identifier: Apache-2.0 */
/* t-tree.c - the Merkle tree against the vectors of RFC 6962's reference code, and proofs */
#include "tap.h"

#include "audit/tree.h"
#include "base/digest.h"

/* The eight leaves that Certificate Transparency's own tests have. */
static const struct {
	const char *bytes;
	size_t n;
	const char *root; /* of the leaves up to this one */
} leaves[] = {
	{"", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
	{"\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
	{"\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
	{"\x20\x21", 2, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
	{"\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
	{"\x40\x41\x42\x43", 4, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
	{"\x50\x51\x52\x53\x54\x55\x56\x57", 8,
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
	{"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16,
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
};

#define LEAVES (sizeof(leaves) / sizeof(leaves[0]))

static bool root_is(const struct tree *t, const char *want)
{
	uint8_t root[TREE_HASH];
	char hex[2 * TREE_HASH + 1];

	tree_root(t, root, NULL);
	return strcmp(digest_hex(root, sizeof(root), hex), want) == 0;
}

static void test_vectors(void)
{
	struct tree t = {.size = 0};
	uint8_t leaf[TREE_HASH];

	ok(root_is(&t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
		"an empty tree");
	for (size_t i = 0; i < LEAVES; i++) {
		tree_leaf(leaves[i].bytes, leaves[i].n, leaf);
		tree_add(&t, leaf, NULL);
		ok(root_is(&t, leaves[i].root), "a tree of %zu", i + 1);
	}
}

static void leaf_of(uint64_t i, uint8_t *out)
{
	tree_leaf(&i, sizeof(i), out);
}

/* The definition itself: MTH of RFC 6962, section 2.1. */
static void defined(uint64_t from, uint64_t n, uint8_t *out)
{
	uint8_t text[1 + 2 * TREE_HASH] = {1};
	struct digest *d = NULL;
	uint64_t k = 1;

	if (n == 1) {
		leaf_of(from, out);
		return;
	}
	while (2 * k < n)
		k *= 2;
	defined(from, k, text + 1);
	defined(from + k, n - k, text + 1 + TREE_HASH);
	d = digest_new(DIGEST_SHA256);
	digest_update(d, text, sizeof(text));
	digest_final(d, out);
	digest_free(d);
}

static void test_proofs(void)
{
	size_t roots = 0;
	size_t proofs = 0;
	size_t wrong = 0;
	size_t all = 0;

	for (uint64_t size = 1; size <= 70; size++) {
		uint8_t want[TREE_HASH];

		defined(0, size, want);
		for (uint64_t index = 0; index < size; index++, all++) {
			struct tree_proof proof = {.index = index};
			struct tree t = {.size = 0};
			uint8_t leaf[TREE_HASH];
			uint8_t root[TREE_HASH];
			uint8_t led[TREE_HASH];

			for (uint64_t i = 0; i < size; i++) {
				leaf_of(i, leaf);
				tree_add(&t, leaf, &proof);
			}
			tree_root(&t, root, &proof);
			leaf_of(index, leaf);
			roots += memcmp(root, want, TREE_HASH) == 0;
			proofs += tree_proof_root(&proof, size, leaf, led) == 0 &&
				  memcmp(led, root, TREE_HASH) == 0;
			leaf[5] ^= 1;
			wrong += tree_proof_root(&proof, size, leaf, led) == 0 &&
				 memcmp(led, root, TREE_HASH) == 0;
			proof.n++;
			wrong += tree_proof_root(&proof, size, leaf, led) == 0;
		}
	}
	is_int(roots, (long long)all, "roots as defined, up to 70 leaves");
	is_int(proofs, (long long)all, "a proof of every leaf leads there");
	is_int(wrong, 0, "and of nothing else; a longer one is none");
}

int main(void)
{
	test_vectors();
	test_proofs();
	return done_testing();
}
