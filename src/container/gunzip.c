/* SPDX-License-Identifier: Apache-2.0 */
/* gunzip.c - a gzip file of one member, expanded whole; see gunzip.h. */
#include "container/gunzip.h"

#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

#include "base/buf.h"

#define FRAME_MIN 18 /* a header and a trailer */
#define HAS_EXTRA 0x04
#define HAS_NAME  0x08

/* The name and the time in the header of [@n] bytes, which was found to be whole. */
static bool take_header(const uint8_t *p, size_t n, struct gunzip *g)
{
	struct cur c = cur_of(p, n);
	uint8_t flags = 0;
	const uint8_t *end = NULL;

	cur_take(&c, 3);
	flags = cur_u8(&c);
	g->mtime = cur_u32(&c);
	cur_take(&c, 2);
	if (flags & HAS_EXTRA)
		cur_take(&c, cur_u16(&c));
	if (c.bad || !(flags & HAS_NAME))
		return !c.bad;
	end = memchr(c.p, '\0', cur_left(&c));
	if (!end)
		return false;
	g->name = strdup((const char *)c.p);
	return g->name != NULL;
}

static bool expand(const uint8_t *p, size_t n, struct gunzip *g)
{
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	size_t used = 0;
	size_t got = 0;
	bool good = d && libdeflate_gzip_decompress_ex(d, p, n, g->bytes, g->n, &used, &got) ==
				 LIBDEFLATE_SUCCESS;

	libdeflate_free_decompressor(d);
	return good && used == n && got == g->n;
}

bool gunzip_whole(const struct source *s, size_t max, struct gunzip *out)
{
	const uint64_t size = source_size(s);
	uint8_t *p = NULL;
	size_t vain = 0;
	bool good = false;

	*out = (struct gunzip){.bytes = NULL};
	if (size < FRAME_MIN || size > max / 4)
		return false;
	p = malloc((size_t)size);
	if (p && source_read_all(s, p, (size_t)size, 0) == (ssize_t)size) {
		struct cur trailer = cur_of(p + size - 4, 4);

		out->n = cur_u32(&trailer);
		if (out->n <= max)
			out->bytes = malloc(out->n + 1); /* also of nothing */
		good = out->bytes && expand(p, (size_t)size, out) &&
		       take_header(p, (size_t)size, out);
	}
	free(p);
	if (!good) {
		vain = out->bytes ? out->n : 0;
		gunzip_release(out);
		out->n = vain;
	}
	return good;
}

void gunzip_release(struct gunzip *g)
{
	free(g->bytes);
	free(g->name);
	*g = (struct gunzip){.bytes = NULL};
}
