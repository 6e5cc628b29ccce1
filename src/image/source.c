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

ssize_t source_now(const struct source *s, void *buf, size_t len, uint64_t off)
{
	if (off > s->size || len > SSIZE_MAX)
		return -EINVAL;
	if (len > s->size - off)
		len = (size_t)(s->size - off);
	return len == 0 ? 0 : s->ops->now ? s->ops->now(s, buf, len, off) : -EAGAIN;
}

ssize_t source_lend(const struct source *s, size_t len, uint64_t off, struct loan *l)
{
	size_t n = l->n;
	size_t bytes = l->bytes;
	ssize_t r = -EAGAIN;

	if (off > s->size || len > SSIZE_MAX || !s->ops->lend)
		return -EAGAIN;
	if (len > s->size - off)
		len = (size_t)(s->size - off);
	if (len > 0)
		r = s->ops->lend(s, len, off, l);
	if (r < 0 && l->n > n)
		s->ops->take_back(s, l, n, l->n - n);
	if (r < 0) {
		l->n = n;
		l->bytes = bytes;
	}
	return len == 0 ? 0 : r;
}

int loan_add(struct loan *l, const void *p, size_t len, const struct source *source, uint64_t what)
{
	if (l->n == LOAN_PIECES)
		return -EAGAIN;
	l->piece[l->n] = (struct iovec){.iov_base = (void *)(uintptr_t)p, .iov_len = len};
	l->hold[l->n] = (struct loan_hold){.source = source, .what = what};
	l->n++;
	l->bytes += len;
	return 0;
}

int loan_zeros(struct loan *l, size_t len)
{
	static const uint8_t zeros[65536];
	int r = 0;

	for (; r == 0 && len > sizeof(zeros); len -= sizeof(zeros))
		r = loan_add(l, zeros, sizeof(zeros), NULL, 0);
	return r ? r : loan_add(l, zeros, len, NULL, 0);
}

void loan_return(struct loan *l)
{
	for (size_t i = 0, n = 0; i < l->n; i += n) {
		const struct source *s = l->hold[i].source;

		for (n = 1; i + n < l->n && l->hold[i + n].source == s; n++)
			;
		if (s)
			s->ops->take_back(s, l, i, n);
	}
	l->n = 0;
	l->bytes = 0;
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
