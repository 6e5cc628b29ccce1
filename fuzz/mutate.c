/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutate.c - mutations of sparse images that keep their blocks in place
 *
 * libFuzzer's own insert and erase bytes, after which nothing behind stands
 * where it was. Here bytes of one block change, mostly a number among them;
 * one time in eight libFuzzer may do as it likes.
 */
#ifndef FUZZ_REPLAY

#include <stdlib.h>
#include <string.h>

#include "sparse.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* A number of its own for each use, from the seed. */
static uint32_t next(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 33);
}

/* The bytes of a block, any but more likely a long one: that in which a random byte lies. */
static bool choose(const uint8_t *data, size_t size, uint64_t *state, size_t *from, size_t *n)
{
	size_t want = SPARSE_HEAD + next(state) % (size - SPARSE_HEAD);
	size_t at = SPARSE_HEAD;
	size_t block = 0;

	while ((block = sparse_block(data, size, at)) > 0) {
		if (at + block > want && block > SPARSE_BLOCK) {
			*from = at + SPARSE_BLOCK;
			*n = block - SPARSE_BLOCK;
			return true;
		}
		at += block;
	}
	return false;
}

static void put(uint8_t *p, uint64_t v, size_t width, bool big)
{
	for (size_t i = 0; i < width; i++)
		p[big ? width - 1 - i : i] = (uint8_t)(v >> 8 * i);
}

static void change_number(uint8_t *p, size_t n, uint64_t *state)
{
	static const uint64_t ends[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x10000,
		0x7fffffff, 0x80000000, 0xffffffff, UINT64_C(1) << 32, INT64_MAX, UINT64_C(1) << 63,
		UINT64_MAX, UINT64_MAX - 1};
	size_t width = (size_t)1 << next(state) % 4;
	bool big = next(state) % 4 == 0;
	size_t at = 0;
	uint64_t v = 0;

	if (width > n)
		width = 1;
	at = next(state) % (n / width) * width;
	for (size_t i = 0; i < width; i++)
		v = v << 8 | p[at + (big ? i : width - 1 - i)];
	switch (next(state) % 4) {
	case 0:
		v = ends[next(state) % (sizeof(ends) / sizeof(ends[0]))];
		break;
	case 1:
		v += next(state) % 17 - UINT64_C(8);
		break;
	case 2:
		v ^= UINT64_C(1) << next(state) % (width * 8);
		break;
	default:
		v = next(state) % 4 ? v << 1 : v >> 1;
	}
	put(p + at, v, width, big);
}

/* Bytes of another place of the input: a field with another's value, a record twice. */
static void copy_over(uint8_t *p, size_t n, const uint8_t *data, size_t size, uint64_t *state)
{
	size_t len = (size_t)1 << next(state) % 7;
	size_t to = 0;

	if (len > n)
		len = n;
	to = next(state) % (n - len + 1);
	memmove(p + to, data + next(state) % (size - len + 1), len);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	uint64_t state = seed;
	size_t from = 0;
	size_t n = 0;

	next(&state);
	if (size <= SPARSE_HEAD || next(&state) % 8 == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	for (unsigned times = 1 + next(&state) % 4; times > 0; times--) {
		if (!choose(data, size, &state, &from, &n))
			return LLVMFuzzerMutate(data, size, max_size);
		if (next(&state) % 4 == 0) {
			copy_over(data + from, n, data, size, &state);
		} else if (next(&state) % 4 == 0) {
			size_t part = n < 64 ? n : 64;

			/* a window, whose length stays */
			from += next(&state) % (n - part + 1);
			LLVMFuzzerMutate(data + from, part, part);
		} else {
			change_number(data + from, n, &state);
		}
	}
	return size;
}

#else
typedef int mutations_are_only_for_libFuzzer;
#endif
