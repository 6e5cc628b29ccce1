/* SPDX-License-Identifier: Apache-2.0 */
/* plain.c - bytes that are text, or that have text in them; see plain.h. */
#include "text/plain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "text/charset.h"
#include "text/strings.h"

#define STRETCH ((size_t)256 << 10)
#define OVERLAP ((size_t)4 << 10)
#define STRAY   256 /* one control character in so many bytes is no harm */

struct plain {
	struct input *in;
	struct out *out;
	struct charset *charset; /* of a stretch that is text; NULL */
	size_t kept;             /* bytes of the stretch before */
	uint8_t bytes[OVERLAP + STRETCH];
};

static void take_text(void *ctx, const char *utf8, size_t n)
{
	out_put(ctx, utf8, n);
}

/* All of it by the mark that it begins with. */
static int by_mark(struct plain *p, const char *name, size_t mark, size_t n)
{
	int r = charset_open(name, take_text, p->out, &p->charset);

	if (r < 0)
		return r;
	charset_feed(p->charset, p->bytes + mark, n - mark);
	while (n > 0 && !out_work(p->out)) {
		n = input_read(p->in, p->bytes, STRETCH);
		charset_feed(p->charset, p->bytes, n);
	}
	return 0;
}

static bool is_text(const uint8_t *p, size_t n)
{
	size_t stray = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == 0)
			return false;
		stray += p[i] < ' ' && !(p[i] >= '\b' && p[i] <= '\r') && p[i] != 0x1B;
	}
	return stray <= n / STRAY;
}

static void end_text(struct plain *p)
{
	charset_close(p->charset);
	p->charset = NULL;
	out_put(p->out, "\n", 1);
}

/* [n] more bytes stand behind those that were kept. */
static int stretch(struct plain *p, size_t n)
{
	size_t all = p->kept + n;
	int r = 0;

	if (is_text(p->bytes + p->kept, n)) {
		size_t from = p->charset ? p->kept : 0;

		if (!p->charset)
			r = charset_open(NULL, take_text, p->out, &p->charset);
		if (r < 0)
			return r;
		charset_feed(p->charset, p->bytes + from, all - from);
	} else {
		if (p->charset)
			end_text(p);
		strings_8bit(p->bytes, all, p->out);
		for (size_t odd = 0; odd < 2 && odd < all; odd++) {
			strings_16bit(p->bytes + odd, all - odd, false, p->out);
			strings_16bit(p->bytes + odd, all - odd, true, p->out);
		}
	}
	p->kept = all < OVERLAP ? all : OVERLAP;
	memmove(p->bytes, p->bytes + all - p->kept, p->kept);
	return 0;
}

int plain_extract(struct input *in, struct out *out)
{
	struct plain *p = calloc(1, sizeof(*p));
	const char *name = NULL;
	size_t mark = 0;
	size_t n = 0;
	int r = p ? 0 : -ENOMEM;

	if (p) {
		p->in = in;
		p->out = out;
		n = input_read(in, p->bytes, STRETCH);
		name = charset_of_mark(p->bytes, n, &mark);
		if (name)
			r = by_mark(p, name, mark, n);
	}
	while (r == 0 && !name && n > 0 && !out_work(out)) {
		r = stretch(p, n);
		n = input_read(in, p->bytes + p->kept, STRETCH);
	}
	if (p && p->charset)
		charset_close(p->charset);
	free(p);
	return r < 0 ? r : out_end(out);
}
