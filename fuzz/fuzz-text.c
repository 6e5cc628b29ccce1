/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz-text.c - a file whose text is asked for, as bytes
 *
 * What it is, is told by the bytes, as in a worker. Pieces must be UTF-8 and
 * not empty, no more of them than the budget allows, and keywords and numbers
 * are looked for in them, once as they come and once byte by byte: the same
 * must be found.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "text/match.h"
#include "text/text.h"

#define BYTES (4u << 20)

struct seen {
	struct match *whole;
	struct match *bytes;
	uint64_t n;
};

static int on_piece(void *ctx, const char *utf8, size_t n)
{
	struct seen *s = ctx;

	must(n > 0 && text_is_utf8(utf8, n));
	s->n += n;
	must(s->n <= BYTES);
	match_feed(s->whole, utf8, n);
	for (size_t i = 0; i < n; i++)
		match_feed(s->bytes, utf8 + i, 1);
	return 0;
}

static void on_hit(void *ctx, unsigned id)
{
	unsigned *hits = ctx;

	must(id < 8);
	*hits |= 1u << id;
}

static struct match *new_match(void)
{
	static const char *const words[] = {"advocaat", "a b", "the", "\xc3\xa9"};
	static const char *const numbers[] = {"0201234567", "+442079460018", "2125550123", "12345"};
	struct match *m = NULL;

	must(match_new(&m) == 0);
	for (unsigned i = 0; i < 4; i++) {
		must(match_add(m, MATCH_KEYWORD, words[i], strlen(words[i]), i) == 0);
		must(match_add(m, MATCH_PHONE, numbers[i], strlen(numbers[i]), 4 + i) == 0);
	}
	must(match_ready(m) == 0);
	return m;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct seen seen;
	struct container_budget b = {.members = 1000, .bytes = BYTES};
	const struct text_sink sink = {.piece = on_piece, .ctx = &seen};
	struct source *s = NULL;
	unsigned whole = 0;
	unsigned bytes = 0;

	if (!seen.whole) {
		container_prepare();
		text_prepare();
		seen.whole = new_match();
		seen.bytes = new_match();
	}
	if (source_memory(data, size, &s) < 0)
		return 0;
	seen.n = 0;
	match_begin(seen.whole);
	match_begin(seen.bytes);
	text_extract(s, &b, &sink, NULL);
	match_end(seen.whole, on_hit, &whole);
	match_end(seen.bytes, on_hit, &bytes);
	must(whole == bytes);
	source_close(s);
	return 0;
}
