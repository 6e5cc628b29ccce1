/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out.h - text on its way to whoever wants it
 *
 * Gathers pieces, spends the budget for them and remembers how it ended, so
 * that parsers need to look at one field only. Only src/text/ includes this.
 */
#ifndef EVIDENCEFS_TEXT_OUT_H
#define EVIDENCEFS_TEXT_OUT_H

#include <stddef.h>
#include <stdint.h>

#include "container/container.h"
#include "text/text.h"

#define OUT_PIECE ((size_t)16 << 10)

struct out {
	const struct text_sink *sink;
	struct container_budget *budget;
	int ended; /* 0; what the sink returned; -E2BIG */
	size_t n;
	char piece[OUT_PIECE];
};

void out_begin(struct out *o, const struct text_sink *sink, struct container_budget *b);
/** out_put() - [n] bytes of UTF-8 that begin and end between characters. */
void out_put(struct out *o, const char *utf8, size_t n);
/** out_char() - one character; a surrogate or more than U+10FFFF is U+FFFD. */
void out_char(struct out *o, uint32_t c);
/** out_work() - nothing comes, but work was done: looks at the clock. Return: out_end()'s. */
int out_work(struct out *o);
/** out_end() - give what was gathered. Return: 0, or how it ended. */
int out_end(struct out *o);

#endif
