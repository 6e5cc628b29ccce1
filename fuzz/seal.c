/* SPDX-License-Identifier: Apache-2.0 */
/* seal.c - sums that a mutation cannot guess, put right; see seal.h. */
#include "seal.h"

#include <string.h>

#define SECTOR    512u
#define PAGE      4096u
#define TABLE_MAX (1u << 20)

static uint64_t get(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

static void put(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* --- GPT ------------------------------------------------------------------------------------ */

static uint32_t crc32_of(const uint8_t *p, size_t n)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void seal_gpt_header(const struct sparse *s, uint64_t off, uint64_t sector)
{
	uint8_t *h = s->bytes + off;
	uint64_t table = 0;
	uint64_t bytes = 0;

	if (!sparse_touched(s, off, SECTOR) || memcmp(h, "EFI PART", 8) != 0)
		return;
	bytes = get(h + 80, 4) * get(h + 84, 4);
	if (!__builtin_mul_overflow(get(h + 72, 8), sector, &table) && bytes <= TABLE_MAX &&
		table <= s->size && bytes <= s->size - table)
		put(h + 88, crc32_of(s->bytes + table, (size_t)bytes), 4);
	put(h + 16, 0, 4);
	if (get(h + 12, 4) <= SECTOR)
		put(h + 16, crc32_of(h, (size_t)get(h + 12, 4)), 4);
}

static void seal_gpt(const struct sparse *s)
{
	static const uint64_t sizes[] = {512, 4096};

	for (size_t i = 0; i < 2; i++) {
		seal_gpt_header(s, sizes[i], sizes[i]);
		if (s->size >= sizes[i])
			seal_gpt_header(s, s->size - sizes[i], sizes[i]);
	}
}

/* --- APFS ----------------------------------------------------------------------------------- */

static void seal_apfs(const struct sparse *s)
{
	for (uint64_t off = 0; s->size >= PAGE && off <= s->size - PAGE; off += PAGE) {
		uint8_t *b = s->bytes + off;
		uint64_t one = 0;
		uint64_t two = 0;
		uint64_t low = 0;

		if (!sparse_touched(s, off, PAGE))
			continue;
		for (size_t i = 8; i < PAGE; i += 4) {
			one = (one + get(b + i, 4)) % UINT32_MAX;
			two = (two + one) % UINT32_MAX;
		}
		low = UINT32_MAX - (one + two) % UINT32_MAX;
		put(b, low, 4);
		put(b + 4, UINT32_MAX - (one + low) % UINT32_MAX, 4);
	}
}

/* --- NTFS ----------------------------------------------------------------------------------- */

/* A record names a number that ends each of its sectors. */
static void seal_ntfs(const struct sparse *s)
{
	for (uint64_t off = 0; off + SECTOR <= s->size; off += SECTOR) {
		uint8_t *b = s->bytes + off;
		uint64_t list = 0;
		uint64_t n = 0;

		if (!sparse_touched(s, off, SECTOR) ||
			(memcmp(b, "FILE", 4) != 0 && memcmp(b, "INDX", 4) != 0))
			continue;
		list = get(b + 4, 2);
		n = get(b + 6, 2);
		if (list > SECTOR - 4 || n > 17)
			continue;
		for (uint64_t i = 1; i < n && off + i * SECTOR <= s->size; i++)
			memcpy(b + i * SECTOR - 2, b + list, 2);
	}
}

void seal_image(const struct sparse *s, const char *kind)
{
	if (s->flags & SPARSE_UNSEALED)
		return;
	if (strcmp(kind, "volumes") == 0)
		seal_gpt(s);
	else if (strcmp(kind, "apfs") == 0)
		seal_apfs(s);
	else if (strcmp(kind, "ntfs") == 0)
		seal_ntfs(s);
}
