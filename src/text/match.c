/* SPDX-License-Identifier: Apache-2.0 */
/* match.c - which keywords and phone numbers stand in a text; see match.h. */
#include "text/match.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/text.h"
#include "text/fold.h"
#include "text/phone.h"
#include "text/words.h"

/* Patterns of one kind: the id of each, and whether it was found. */
struct side {
	struct pattern {
		unsigned id;
		bool found;
	} * v;
	size_t n, cap;
};

struct match {
	struct words *words;
	struct phone *phone;
	struct side keyword;
	struct side number;
	struct fold fold;
	unsigned *hit;        /* [hits] ids, of what was found */
	size_t hits, hit_cap; /* cap: all patterns */
	bool ready;
};

int match_new(struct match **out)
{
	struct match *m = calloc(1, sizeof(*m));

	if (m) {
		m->words = words_new();
		m->phone = phone_new();
	}
	if (!m || !m->words || !m->phone) {
		match_free(m);
		return -ENOMEM;
	}
	*out = m;
	return 0;
}

/* A pattern's characters. */
struct folded {
	uint32_t c[MATCH_KEYWORD_MAX];
	size_t n;
	bool long_one;
};

static void take_folded(void *ctx, uint32_t c)
{
	struct folded *f = ctx;

	if (f->n == MATCH_KEYWORD_MAX)
		f->long_one = true;
	else
		f->c[f->n++] = c == FOLD_BREAK ? ' ' : c;
}

int match_add(struct match *m, enum match_kind kind, const char *text, size_t n, unsigned id)
{
	struct side *side = kind == MATCH_PHONE ? &m->number : &m->keyword;
	struct folded chars = {.n = 0};
	struct fold f;
	int r = 0;

	if (m->ready)
		return -EBUSY;
	if (!text_is_utf8(text, n))
		return -EINVAL;
	fold_begin(&f, take_folded, &chars);
	fold_feed(&f, text, n);
	fold_end(&f);
	if (chars.n == 0 || chars.long_one)
		return -EINVAL;
	if (array_room(&side->v, sizeof(*side->v), side->n, &side->cap) < 0)
		return -ENOMEM;
	r = kind == MATCH_PHONE ? phone_add(m->phone, chars.c, chars.n)
				: words_add(m->words, chars.c, chars.n);
	if (r < 0)
		return r;
	side->v[side->n++] = (struct pattern){.id = id};
	return 0;
}

int match_ready(struct match *m)
{
	m->hit_cap = m->keyword.n + m->number.n;
	m->hit = calloc(m->hit_cap + 1, sizeof(*m->hit));
	if (!m->hit || words_ready(m->words) < 0)
		return -ENOMEM;
	phone_ready(m->phone);
	m->ready = true;
	return 0;
}

static void found(struct match *m, struct side *side, uint32_t i)
{
	if (side->v[i].found)
		return;
	side->v[i].found = true;
	m->hit[m->hits++] = side->v[i].id;
}

static void found_keyword(void *ctx, uint32_t i)
{
	struct match *m = ctx;

	found(m, &m->keyword, i);
}

static void found_number(void *ctx, uint32_t i)
{
	struct match *m = ctx;

	found(m, &m->number, i);
}

static void take_text(void *ctx, uint32_t c)
{
	struct match *m = ctx;

	if (m->keyword.n > 0)
		words_step(m->words, c);
	if (m->number.n > 0)
		phone_step(m->phone, c);
}

static void forget(struct side *side)
{
	for (size_t i = 0; i < side->n; i++)
		side->v[i].found = false;
}

void match_begin(struct match *m)
{
	if (m->hits > 0) {
		forget(&m->keyword);
		forget(&m->number);
	}
	m->hits = 0;
	fold_begin(&m->fold, take_text, m);
	words_begin(m->words, found_keyword, m);
	phone_begin(m->phone, found_number, m);
}

void match_feed(struct match *m, const char *utf8, size_t n)
{
	fold_feed(&m->fold, utf8, n);
}

static int by_id(const void *x, const void *y)
{
	const unsigned *a = x;
	const unsigned *b = y;

	return *a == *b ? 0 : *a < *b ? -1 : 1;
}

void match_end(struct match *m, void (*hit)(void *ctx, unsigned id), void *ctx)
{
	fold_end(&m->fold);
	words_end(m->words);
	phone_end(m->phone);
	qsort(m->hit, m->hits, sizeof(*m->hit), by_id);
	for (size_t i = 0; i < m->hits; i++) {
		if (i == 0 || m->hit[i] != m->hit[i - 1])
			hit(ctx, m->hit[i]);
	}
}

void match_free(struct match *m)
{
	if (!m)
		return;
	words_free(m->words);
	phone_free(m->phone);
	free(m->keyword.v);
	free(m->number.v);
	free(m->hit);
	free(m);
}
