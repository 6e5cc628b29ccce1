/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raw.c - raw and split raw media; see raw.h.
 *
 * Large reads of what is in the page cache are lent: pages mapped into this process, for
 * the kernel to copy to the reader, in place of a copy here that it copies again. Few
 * windows are mapped at a time, so that page tables do not grow with what was read.
 */
#include "image/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define WINDOW_BYTES (UINT64_C(128) << 20)
#define WINDOWS      8          /* mapped at a time */
#define LEND_MIN     (64 << 10) /* bytes below which a copy is cheaper */
#define PAGE         UINT64_C(4096)

struct piece {
	uint64_t start; /* media bytes before it */
	uint64_t size;  /* > 0 */
	int fd;         /* borrowed */
};

/* A part of a piece, mapped. */
struct window {
	void *at; /* NULL: none */
	size_t bytes;
	const struct piece *piece;
	uint64_t start; /* in the piece */
	uint64_t used;  /* tick */
	unsigned holds; /* pieces of loans */
};

struct raw {
	struct source base;
	pthread_mutex_t lock; /* over windows */
	uint64_t tick;
	struct window window[WINDOWS];
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

/* What is in the page cache; a file system that cannot tell answers EAGAIN too. */
static ssize_t read_now(const struct piece *p, void *buf, size_t len, uint64_t at)
{
	const struct iovec iov = {.iov_base = buf, .iov_len = len};
	ssize_t n = preadv2(p->fd, &iov, 1, (off_t)at, RWF_NOWAIT);

	return n == (ssize_t)len ? n : -EAGAIN;
}

static ssize_t raw_now(const struct source *s, void *buf, size_t len, uint64_t off)
{
	const struct raw *r = (const struct raw *)s;
	const struct piece *p = piece_at(r, off);

	return len <= p->size - (off - p->start) ? read_now(p, buf, len, off - p->start) : -EAGAIN;
}

static void raw_expect(const struct source *s, const struct source_span *v, size_t n)
{
	const struct raw *r = (const struct raw *)s;

	for (size_t i = 0; i < n; i++) {
		const struct piece *p = piece_at(r, v[i].off);

		(void)posix_fadvise(
			p->fd, (off_t)(v[i].off - p->start), (off_t)v[i].len, POSIX_FADV_WILLNEED);
	}
}

/* The window of a place, or the one that makes room for it. With the lock held. */
static struct window *window_of(struct raw *r, const struct piece *p, uint64_t start)
{
	struct window *oldest = NULL;

	for (size_t i = 0; i < WINDOWS; i++) {
		struct window *w = &r->window[i];

		if (w->at && w->piece == p && w->start == start)
			return w;
		if (w->holds == 0 && (!oldest || w->used < oldest->used))
			oldest = w;
	}
	return oldest;
}

static void unmap(struct window *w)
{
	if (w->at)
		munmap(w->at, w->bytes);
	w->at = NULL;
}

/* Return: the window that holds the place, held; NULL: it cannot be mapped. */
static struct window *hold_window(struct raw *r, const struct piece *p, uint64_t start)
{
	struct window *w = NULL;

	pthread_mutex_lock(&r->lock);
	w = window_of(r, p, start);
	if (w && !(w->at && w->piece == p && w->start == start)) {
		uint64_t left = p->size - start;

		unmap(w);
		*w = (struct window){.piece = p, .start = start};
		w->bytes = (size_t)(left < WINDOW_BYTES ? left : WINDOW_BYTES);
		w->at = mmap(NULL, w->bytes, PROT_READ, MAP_SHARED, p->fd, (off_t)start);
		if (w->at == MAP_FAILED)
			w->at = NULL;
	}
	if (w && !w->at)
		w = NULL;
	if (w) {
		w->used = ++r->tick;
		w->holds++;
	}
	pthread_mutex_unlock(&r->lock);
	return w;
}

static void release_window(struct raw *r, struct window *w)
{
	pthread_mutex_lock(&r->lock);
	w->holds--;
	pthread_mutex_unlock(&r->lock);
}

/* Bytes of one window. What is not in the page cache is read: the kernel reads ahead then. */
static int lend_window(
	struct raw *r, const struct piece *p, uint64_t at, size_t len, struct loan *l)
{
	uint64_t start = at - at % WINDOW_BYTES;
	uint64_t page = at - start - (at - start) % PAGE;
	struct window *w = NULL;
	uint8_t last = 0;

	if (read_now(p, &last, 1, at + len - 1) != 1)
		return -EAGAIN;
	w = hold_window(r, p, start);
	if (!w)
		return -EAGAIN;
	/* a fault of the medium is met here, where it can still be told */
	if (madvise((uint8_t *)w->at + page, (size_t)(at - start - page) + len,
		    MADV_POPULATE_READ) ||
		loan_add(l, (const uint8_t *)w->at + (at - start), len, &r->base,
			(uint64_t)(w - r->window))) {
		release_window(r, w);
		return -EAGAIN;
	}
	return 0;
}

static ssize_t raw_lend(const struct source *s, size_t len, uint64_t off, struct loan *l)
{
	/* Only which windows are mapped changes. */
	struct raw *r = (struct raw *)(uintptr_t)s;
	size_t done = 0;

	if (len < LEND_MIN)
		return -EAGAIN;
	while (done < len) {
		const struct piece *p = piece_at(r, off + done);
		uint64_t at = off + done - p->start;
		uint64_t left = WINDOW_BYTES - at % WINDOW_BYTES;
		size_t want = len - done;

		if (left > p->size - at)
			left = p->size - at;
		if (want > left)
			want = (size_t)left;
		if (lend_window(r, p, at, want, l))
			return -EAGAIN;
		done += want;
	}
	return (ssize_t)done;
}

static void raw_take_back(const struct source *s, const struct loan *l, size_t first, size_t n)
{
	struct raw *r = (struct raw *)(uintptr_t)s;

	for (size_t i = first; i < first + n; i++)
		release_window(r, &r->window[l->hold[i].what]);
}

static void raw_close(struct source *s)
{
	struct raw *r = (struct raw *)s;

	for (size_t i = 0; i < WINDOWS; i++)
		unmap(&r->window[i]);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

int raw_open(const struct image_file *seg, size_t n, struct source **out)
{
	static const struct source_ops ops = {.pread = raw_pread,
		.now = raw_now,
		.lend = raw_lend,
		.take_back = raw_take_back,
		.expect = raw_expect,
		.close = raw_close};
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
	pthread_mutex_init(&r->lock, NULL);
	r->base.ops = &ops;
	r->base.size = size;
	*out = &r->base;
	return 0;
}
