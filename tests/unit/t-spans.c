/* SPDX-License-Identifier: Apache-2.0 */
/* t-spans.c - runs of bytes and the gaps between them, beside a flag for each byte. */
#include "tap.h"

#include "serve/spans.h"

#define BYTES 200u

static bool has[BYTES];  /* what was added */
static bool told[BYTES]; /* as a gap */
static unsigned gaps;

static int take_gap(void *ctx, uint64_t begin, uint64_t end)
{
	(void)ctx;
	gaps++;
	for (uint64_t i = begin; i < end; i++)
		told[i] = true;
	return begin < end ? 0 : -1;
}

static bool gaps_are_right(const struct spans *s, uint64_t begin, uint64_t end)
{
	memset(told, 0, sizeof(told));
	if (spans_gaps(s, begin, end, take_gap, NULL))
		return false;
	for (uint64_t i = 0; i < BYTES; i++)
		if (told[i] != (i >= begin && i < end && !has[i]))
			return false;
	return true;
}

static bool is_apart(const struct spans *s)
{
	for (size_t i = 1; i < s->n; i++)
		if (s->v[i].begin <= s->v[i - 1].end)
			return false;
	return true;
}

static bool from_is_right(const struct spans *s, uint64_t begin)
{
	size_t at = spans_from(s, begin);

	return (at == s->n || s->v[at].end > begin) && (at == 0 || s->v[at - 1].end <= begin);
}

int main(void)
{
	bool apart = true;
	bool from = true;
	bool right = true;
	struct spans none = {NULL, 0, 0};

	srand(7);
	for (unsigned round = 0; round < 500; round++) {
		struct spans s = {NULL, 0, 0};

		memset(has, 0, sizeof(has));
		for (int n = rand() % 12; n > 0; n--) {
			uint64_t begin = (uint64_t)rand() % BYTES;
			uint64_t end = begin + 1 + (uint64_t)rand() % (BYTES - begin);

			if (spans_add(&s, begin, end))
				bail_out("memory");
			memset(has + begin, 1, end - begin);
		}
		spans_settle(&s);
		apart = apart && is_apart(&s);
		for (uint64_t begin = 0; begin < BYTES; begin += 7) {
			from = from && from_is_right(&s, begin);
			for (uint64_t end = begin; end <= BYTES; end += 11)
				right = right && gaps_are_right(&s, begin, end);
		}
		free(s.v);
	}
	ok(apart, "settled, they are in order and apart");
	ok(from, "the first that ends behind a byte");
	ok(right, "gaps are what no span has, and never empty");
	memset(has, 0, sizeof(has));
	gaps = 0;
	ok(gaps_are_right(&none, 3, 9) && gaps == 1, "of no spans all is one gap");
	ok(gaps_are_right(&none, 9, 9) && gaps == 1, "of no bytes there is none");
	return done_testing();
}
