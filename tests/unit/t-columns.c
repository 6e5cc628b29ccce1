/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-columns.c - records column by column: as docs/FORMAT.audit.md has it, there and back, and
 * nothing of what is no group.
 */
#include "tap.h"

#include <errno.h>

#include "audit/columns.h"
#include "audit/record.h"

#define UNITS 5 /* byte of a record that says how many it has */

/* [@n] records of 1 to 10 units, of bytes that differ. Return: their bytes. */
static size_t make(uint8_t *p, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		size_t size = (1 + i * i % RECORD_UNITS_MAX) * RECORD_UNIT;

		for (size_t k = 0; k < size; k++)
			p[at + k] = (uint8_t)(i * 131 + k * 7 + (k >> 6));
		p[at + UNITS] = (uint8_t)(size / RECORD_UNIT);
		at += size;
	}
	return at;
}

/* Whether [@n] records are laid out as the page says. */
static bool is_laid_out(const uint8_t *p, size_t n, const uint8_t *out)
{
	const uint8_t *rest = out + 8 + 64 * n;
	bool good = out[0] == (n & 255) && out[1] == n >> 8 && !out[2] && !out[7];

	for (size_t i = 0; i < n && good; i++) {
		size_t more = (p[UNITS] - 1u) * (size_t)64;

		for (size_t b = 0; b < 64; b++)
			good = good && out[8 + b * n + i] == p[b];
		good = good && memcmp(rest, p + 64, more) == 0;
		rest += more;
		p += 64 + more;
	}
	return good;
}

static void test_round(void)
{
	static const size_t counts[] = {1, 2, 63, 64, 65, 1000};
	uint8_t *p = malloc(1000 * RECORD_BYTES_MAX);
	uint8_t *out = malloc(COLUMNS_HEAD + 1000 * RECORD_BYTES_MAX);
	uint8_t *back = malloc(1000 * RECORD_BYTES_MAX);
	unsigned good = 0;
	unsigned same = 0;

	if (!p || !out || !back)
		bail_out("no memory");
	for (size_t i = 0; i < 6; i++) {
		const size_t n = make(p, counts[i]);
		const size_t first = counts[i] * RECORD_UNIT;
		size_t found = 0;

		good += columns_count(p, n, &found) == (int64_t)n && found == counts[i];
		columns_split(p, counts[i], out);
		good += is_laid_out(p, counts[i], out);
		same += columns_head(out) == (int64_t)counts[i] &&
			columns_rest(out + COLUMNS_HEAD, counts[i]) == (int64_t)(n - first);
		memset(back, 0, n);
		columns_join(out + COLUMNS_HEAD, out + COLUMNS_HEAD + first, counts[i], back);
		same += memcmp(back, p, n) == 0;
	}
	is_int(good, 12, "records of all sizes stand as the page says");
	is_int(same, 12, "and come back as they were");
	free(p);
	free(out);
	free(back);
}

static void test_parts(void)
{
	uint8_t p[3 * RECORD_BYTES_MAX];
	const size_t n = make(p, 3); /* of 1, 2 and 5 units */
	size_t whole = 0;
	size_t found = 0;

	for (size_t cut = 0; cut <= n; cut++)
		whole += columns_count(p, cut, &found) == (cut < 64           ? 0
								  : cut < 192 ? 64
								  : cut < n   ? 192
									      : (int64_t)n);
	is_int(whole, (long long)n + 1, "a record that is not all there is not counted");
	p[64 + UNITS] = 0;
	is_int(columns_count(p, n, &found), -EBADMSG, "one of no units is refused");
	p[64 + UNITS] = RECORD_UNITS_MAX + 1;
	is_int(columns_count(p, n, &found), -EBADMSG, "and one of too many");
}

static void test_hostile(void)
{
	const size_t most = COLUMNS_BYTES_MAX / RECORD_UNIT;
	uint8_t head[COLUMNS_HEAD] = {0};
	uint8_t *first = calloc(most, RECORD_UNIT);

	if (!first)
		bail_out("no memory");
	is_int(columns_head(head), -EBADMSG, "a group of nothing is none");
	head[2] = 4;
	is_int(columns_head(head), (long long)most, "the largest is one");
	head[0] = 1;
	is_int(columns_head(head), -EBADMSG, "one more record is too many");
	memset(head, 0xff, sizeof(head));
	is_int(columns_head(head), -EBADMSG, "and so are all that can be said");
	memset(first + UNITS * most, 1, most);
	is_int(columns_rest(first, most), 0, "records of one unit have nothing behind it");
	first[UNITS * most + 77] = 2;
	is_int(columns_rest(first, most), -EBADMSG, "one unit more is more than a group may have");
	first[UNITS * most + 77] = 0;
	is_int(columns_rest(first, most), -EBADMSG, "a record of no units is none");
	first[UNITS * 3] = first[UNITS * 3 + 1] = 1;
	first[UNITS * 3 + 2] = RECORD_UNITS_MAX + 1;
	is_int(columns_rest(first, 3), -EBADMSG, "nor is one of too many");
	free(first);
}

int main(void)
{
	test_round();
	test_parts();
	test_hostile();
	return done_testing();
}
