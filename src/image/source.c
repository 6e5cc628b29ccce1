/* SPDX-License-Identifier: Apache-2.0 */
/* source.c - evidence bytes behind one read-only interface; see source.h. */
#include "image/source.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

ssize_t source_pread(const struct source *s, void *buf, size_t len, uint64_t off)
{
	if (off > s->size || len > SSIZE_MAX)
		return -EINVAL;
	if (len > s->size - off)
		len = (size_t)(s->size - off);
	return len == 0 ? 0 : s->ops->pread(s, buf, len, off);
}

ssize_t source_read_all(const struct source *s, void *buf, size_t len, uint64_t off)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = source_pread(s, (uint8_t *)buf + done, len - done, off + done);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

void source_close(struct source *s)
{
	if (s)
		s->ops->close(s);
}

struct memory {
	struct source base;
	const uint8_t *bytes; /* borrowed */
};

static ssize_t memory_pread(const struct source *s, void *buf, size_t len, uint64_t off)
{
	const struct memory *m = (const struct memory *)s;

	memcpy(buf, m->bytes + off, len);
	return (ssize_t)len;
}

static void memory_close(struct source *s)
{
	free(s);
}

int source_memory(const void *p, size_t n, struct source **out)
{
	static const struct source_ops ops = {.pread = memory_pread, .close = memory_close};
	struct memory *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->base.ops = &ops;
	m->base.size = n;
	m->bytes = p;
	*out = &m->base;
	return 0;
}
