/* SPDX-License-Identifier: Apache-2.0 */
/* out.c - text on its way to whoever wants it; see out.h. */
#include "text/out.h"

#include <string.h>

#include "volume/utf16.h"

void out_begin(struct out *o, const struct text_sink *sink, struct container_budget *b)
{
	o->sink = sink;
	o->budget = b;
	o->ended = 0;
	o->n = 0;
}

static void give(struct out *o, const char *p, size_t n)
{
	if (o->ended || n == 0)
		return;
	o->ended = container_spend(o->budget, n);
	if (!o->ended)
		o->ended = o->sink->piece(o->sink->ctx, p, n);
}

int out_end(struct out *o)
{
	give(o, o->piece, o->n);
	o->n = 0;
	return o->ended;
}

int out_work(struct out *o)
{
	if (!o->ended)
		o->ended = container_spend(o->budget, 0);
	return o->ended;
}

void out_put(struct out *o, const char *utf8, size_t n)
{
	if (n > OUT_PIECE - o->n)
		out_end(o);
	if (n > OUT_PIECE) {
		give(o, utf8, n);
		return;
	}
	memcpy(o->piece + o->n, utf8, n);
	o->n += n;
}

void out_char(struct out *o, uint32_t c)
{
	uint8_t utf8[4];

	if ((c >= 0xD800 && c <= 0xDFFF) || c > 0x10FFFF)
		c = 0xFFFD;
	out_put(o, (const char *)utf8, utf8_encode(c, utf8));
}
