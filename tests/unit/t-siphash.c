/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-siphash.c - the keyed hash against its published vectors, the permutation
 * against what it promises.
 *
 * Vectors: vectors.h of the authors' reference implementation (SipHash-2-4,
 * key 00 01 .. 0f, message 00 01 .. n-1); n = 15 is the paper's own example.
 */
#include "tap.h"

#include "base/siphash.h"

static const struct siphash_key reference = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

static void test_vectors(void)
{
	static const struct {
		size_t n;
		uint64_t hash;
	} vectors[] = {
		{0, 0x726fdb47dd0e0e31u},
		{1, 0x74f839c593dc67fdu},
		{2, 0x0d6c8009d9a94f5au},
		{3, 0x85676696d7fb7e2du},
		{4, 0xcf2794e0277187b7u},
		{5, 0x18765564cd99a68du},
		{6, 0xcbc9466e58fee3ceu},
		{7, 0xab0200f58b01d137u},
		{8, 0x93f5f5799a932462u},
		{9, 0x9e0082df0ba9e4b0u},
		{10, 0x7a5dbbc594ddb9f3u},
		{11, 0xf4b32f46226bada7u},
		{12, 0x751e8fbc860ee5fbu},
		{13, 0x14ea5627c0843d90u},
		{14, 0xf723ca908e7af2eeu},
		{15, 0xa129ca6149be45e5u},
		{63, 0x958a324ceb064572u},
	};
	uint8_t message[64];

	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		ok(siphash(&reference, message, vectors[i].n) == vectors[i].hash,
			"the vector of %zu bytes", vectors[i].n);
	ok(siphash(&reference, message + 1, 15) != vectors[15].hash, "other bytes, another hash");
}

/* Numbers of every size, and runs of neighbours. */
static uint64_t sample(uint64_t i)
{
	return i < 20000 ? i : siphash(&reference, &i, sizeof(i)) >> (1 + i % 63);
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a;
	const uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void test_permutation(void)
{
	enum { N = 40000 };
	static uint64_t in[N];
	static uint64_t out[N];
	const struct siphash_key other = {1, 2};
	size_t outside = 0;
	size_t lost = 0;
	size_t clashes = 0;
	size_t same = 0;
	size_t near = 0;

	for (size_t i = 0; i < N; i++) {
		in[i] = sample(i);
		out[i] = permute63(&reference, in[i]);
		outside += out[i] >> 63;
		lost += unpermute63(&reference, out[i]) != in[i];
		lost += permute63(&reference, unpermute63(&reference, in[i])) != in[i];
		same += permute63(&other, in[i]) == out[i];
		near += i > 0 && i < 20000 &&
			(out[i] - out[i - 1] < 4096 || out[i - 1] - out[i] < 4096);
	}
	is_int(outside, 0, "stays below 2^63");
	is_int(lost, 0, "goes back, from either side");
	ok(same <= 1, "another key, other numbers (%zu agree)", same);
	is_int(near, 0, "neighbours do not stay neighbours");
	qsort(in, N, sizeof(in[0]), compare);
	qsort(out, N, sizeof(out[0]), compare);
	for (size_t i = 1; i < N; i++) {
		clashes += out[i] == out[i - 1];
		clashes -= in[i] == in[i - 1];
	}
	is_int(clashes, 0, "two numbers never become one");
	ok(unpermute63(&reference, permute63(&reference, INT64_MAX)) == INT64_MAX,
		"the largest number goes back too");
}

int main(void)
{
	test_vectors();
	test_permutation();
	return done_testing();
}
