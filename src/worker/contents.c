/* SPDX-License-Identifier: Apache-2.0 */
/* contents.c - packed contents of one trace as a source; see contents.h. */
#include "worker/contents.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image/extent.h"

struct contents {
	struct source s;
	struct contents_opts o;
	enum content_tag tag;
	struct extent_map map;
	uint8_t *bytes; /* CONTENT_RESIDENT */
};

static ssize_t read_extent(const struct contents *c, void *buf, size_t len, uint64_t off)
{
	uint64_t in = 0;
	const struct extent *x = extent_map_part(&c->map, off, len, &in, &len);

	if (!x || x->kind == EXTENT_ERROR)
		return -EIO;
	if (x->kind == EXTENT_DATA)
		return source_pread(c->o.media, buf, len, x->offset + in);
	memset(buf, 0, len);
	return (ssize_t)len;
}

static ssize_t contents_pread(const struct source *s, void *buf, size_t len, uint64_t off)
{
	const struct contents *c = (const struct contents *)s;
	ssize_t n = 0;

	if (off >= s->size || len == 0)
		return off > s->size ? -EINVAL : 0;
	if (len > s->size - off)
		len = (size_t)(s->size - off);
	if (c->tag == CONTENT_RESIDENT) {
		memcpy(buf, c->bytes + off, len);
		return (ssize_t)len;
	}
	n = c->tag == CONTENT_EXTENTS ? read_extent(c, buf, len, off)
				      : c->o.ask(c->o.ctx, buf, len, off);
	return n == 0 ? -EIO : n;
}

static void contents_close(struct source *s)
{
	struct contents *c = (struct contents *)s;

	extent_map_release(&c->map);
	free(c->bytes);
	free(c);
}

static int take(struct contents *c, const uint8_t *packed, size_t n)
{
	c->tag = n > 0 ? (enum content_tag)packed[0] : CONTENT_ERROR;
	if (c->tag == CONTENT_EXTENTS)
		return extent_map_decode(packed, n, c->s.size, source_size(c->o.media), &c->map);
	if (c->tag == CONTENT_WORKER)
		return c->o.ask ? 0 : -EIO;
	if (c->tag != CONTENT_RESIDENT || n - 1 != c->s.size)
		return -EIO;
	c->bytes = malloc(n);
	if (!c->bytes)
		return -ENOMEM;
	memcpy(c->bytes, packed + 1, n - 1);
	return 0;
}

int contents_source(const struct contents_opts *o, const uint8_t *packed, size_t n, uint64_t size,
	struct source **out)
{
	static const struct source_ops ops = {.pread = contents_pread, .close = contents_close};
	struct contents *c = calloc(1, sizeof(*c));
	int r = c ? 0 : -ENOMEM;

	if (c) {
		c->s = (struct source){.ops = &ops, .size = size};
		c->o = *o;
		r = take(c, packed, n);
	}
	if (r) {
		if (c)
			contents_close(&c->s);
		return r == -ENOMEM ? r : -EIO;
	}
	*out = &c->s;
	return 0;
}
