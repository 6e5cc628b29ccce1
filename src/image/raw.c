/* SPDX-License-Identifier: Apache-2.0 */
/* raw.c - raw and split raw media; see raw.h. */
#include "image/raw.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct piece {
	uint64_t start; /* media bytes before it */
	uint64_t size;  /* > 0 */
	int fd;         /* borrowed */
};

struct raw {
	struct source base;
	size_t n;
	struct piece v[]; /* sorted by start, without gaps */
};

/* The piece that holds media byte @off, which is inside the media. */
static const struct piece *piece_at(const struct raw *r, uint64_t off)
{
	size_t lo = 0;
	size_t hi = r->n;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->v[mid].start <= off)
			lo = mid;
		else
			hi = mid;
	}
	return &r->v[lo];
}

static ssize_t raw_pread(const struct source *s, void *buf, size_t len, uint64_t off)
{
	const struct raw *r = (const struct raw *)s;
	size_t done = 0;

	while (done < len) {
		const struct piece *p = piece_at(r, off + done);
		uint64_t at = off + done - p->start;
		size_t want = len - done;
		ssize_t n = 0;

		if (want > p->size - at)
			want = (size_t)(p->size - at);
		do
			n = pread(p->fd, (uint8_t *)buf + done, want, (off_t)at);
		while (n < 0 && errno == EINTR);
		if (n <= 0) /* 0: shorter than it was when it was opened */
			return done ? (ssize_t)done : -EIO;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static void raw_close(struct source *s)
{
	free(s);
}

int raw_open(const struct image_file *seg, size_t n, struct source **out)
{
	static const struct source_ops ops = {.pread = raw_pread, .close = raw_close};
	struct raw *r = NULL;
	uint64_t size = 0;
	size_t bytes = 0;

	if (__builtin_mul_overflow(n, sizeof(r->v[0]), &bytes) ||
		__builtin_add_overflow(bytes, sizeof(*r), &bytes))
		return -EOVERFLOW;
	r = calloc(1, bytes);
	if (!r)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (seg[i].size == 0)
			continue;
		r->v[r->n++] = (struct piece){.start = size, .size = seg[i].size, .fd = seg[i].fd};
		if (__builtin_add_overflow(size, seg[i].size, &size) || size > INT64_MAX) {
			free(r);
			return -EOVERFLOW;
		}
	}
	r->base.ops = &ops;
	r->base.size = size;
	*out = &r->base;
	return 0;
}
