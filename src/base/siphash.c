/* SPDX-License-Identifier: Apache-2.0 */
/* siphash.c - a short keyed hash and a keyed permutation; see siphash.h. */
#include "base/siphash.h"

#define PERMUTE_ROUNDS 6u

struct state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static void rounds(struct state *s, unsigned n)
{
	while (n--) {
		s->v0 += s->v1;
		s->v1 = rotl(s->v1, 13) ^ s->v0;
		s->v0 = rotl(s->v0, 32);
		s->v2 += s->v3;
		s->v3 = rotl(s->v3, 16) ^ s->v2;
		s->v0 += s->v3;
		s->v3 = rotl(s->v3, 21) ^ s->v0;
		s->v2 += s->v1;
		s->v1 = rotl(s->v1, 17) ^ s->v2;
		s->v2 = rotl(s->v2, 32);
	}
}

static struct state begin(const struct siphash_key *key)
{
	return (struct state){
		.v0 = key->k0 ^ 0x736f6d6570736575u,
		.v1 = key->k1 ^ 0x646f72616e646f6du,
		.v2 = key->k0 ^ 0x6c7967656e657261u,
		.v3 = key->k1 ^ 0x7465646279746573u,
	};
}

static void absorb(struct state *s, uint64_t m)
{
	s->v3 ^= m;
	rounds(s, 2);
	s->v0 ^= m;
}

static uint64_t finish(struct state *s)
{
	s->v2 ^= 0xff;
	rounds(s, 4);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t siphash(const struct siphash_key *key, const void *p, size_t n)
{
	const uint8_t *b = p;
	struct state s = begin(key);
	uint64_t tail = (uint64_t)n << 56;

	for (; n >= 8; n -= 8, b += 8) {
		uint64_t m = 0;

		for (unsigned i = 0; i < 8; i++)
			m |= (uint64_t)b[i] << (8 * i);
		absorb(&s, m);
	}
	for (unsigned i = 0; i < n; i++)
		tail |= (uint64_t)b[i] << (8 * i);
	absorb(&s, tail);
	return finish(&s);
}

static uint64_t round_value(const struct siphash_key *key, unsigned round, uint64_t half)
{
	struct state s = begin(key);

	absorb(&s, (uint64_t)round << 56 | half);
	return finish(&s);
}

uint64_t permute63(const struct siphash_key *key, uint64_t v)
{
	uint64_t hi = v >> 32 & 0x7fffffff;
	uint64_t lo = v & 0xffffffff;

	for (unsigned i = 0; i < PERMUTE_ROUNDS; i++) {
		if (i % 2 == 0)
			lo ^= round_value(key, i, hi) & 0xffffffff;
		else
			hi ^= round_value(key, i, lo) & 0x7fffffff;
	}
	return hi << 32 | lo;
}

uint64_t unpermute63(const struct siphash_key *key, uint64_t v)
{
	uint64_t hi = v >> 32 & 0x7fffffff;
	uint64_t lo = v & 0xffffffff;

	for (unsigned i = PERMUTE_ROUNDS; i-- > 0;) {
		if (i % 2 == 0)
			lo ^= round_value(key, i, hi) & 0xffffffff;
		else
			hi ^= round_value(key, i, lo) & 0x7fffffff;
	}
	return hi << 32 | lo;
}
