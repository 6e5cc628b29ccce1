/* SPDX-License-Identifier: Apache-2.0 */
/*
 * siphash.h - a short keyed hash, and the keyed permutation made from it
 *
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012),
 * section 2; here with 2 compression and 4 finalisation rounds.
 */
#ifndef EVIDENCEFS_BASE_SIPHASH_H
#define EVIDENCEFS_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k0;
	uint64_t k1;
};

uint64_t siphash(const struct siphash_key *key, const void *p, size_t n);

/**
 * permute63() - a keyed bijection of the numbers below 2^63
 * Six Feistel rounds over halves of 31 and 32 bits, SipHash as round function.
 * Who does not know the key cannot tell neighbours from strangers.
 */
uint64_t permute63(const struct siphash_key *key, uint64_t v);
/** unpermute63() - its inverse. */
uint64_t unpermute63(const struct siphash_key *key, uint64_t v);

#endif
