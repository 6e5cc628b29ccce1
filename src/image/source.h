/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.h - evidence bytes behind one read-only interface
 *
 * A source is the media of one image as a flat run of bytes: raw segments, an
 * EWF image, memory (for tests), or chunks inflated by a worker. Sources never
 * write and never open paths: they stand on descriptors opened for them.
 */
#ifndef EVIDENCEFS_IMAGE_SOURCE_H
#define EVIDENCEFS_IMAGE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"

struct source;

#define LOAN_PIECES 128

/* Bytes where they lie, in place of a copy, until loan_return(). */
struct loan {
	size_t n;
	size_t bytes; /* of all pieces */
	struct iovec piece[LOAN_PIECES];
	struct loan_hold {
		const struct source *source; /* NULL: nobody's, always there */
		uint64_t what;               /* the source's own */
	} hold[LOAN_PIECES];
};

/* Bytes of the media. */
struct source_span {
	uint64_t off;
	size_t len;
};

/* `ahead`, `expect`, `now` and `lend` may be NULL: the source cannot. */
struct source_ops {
	ssize_t (*pread)(const struct source *s, void *buf, size_t len, uint64_t off);
	ssize_t (*now)(const struct source *s, void *buf, size_t len, uint64_t off);
	ssize_t (*lend)(const struct source *s, size_t len, uint64_t off, struct loan *l);
	void (*take_back)(const struct source *s, const struct loan *l, size_t first, size_t n);
	void (*ahead)(const struct source *s, uint64_t off, size_t len, uint64_t left);
	void (*expect)(const struct source *s, const struct source_span *v, size_t n);
	void (*close)(struct source *s);
};

/* Embedded first in each implementation. */
struct source {
	const struct source_ops *ops;
	uint64_t size; /* media bytes */
};

/** source_size() - media bytes. */
static inline uint64_t source_size(const struct source *s)
{
	return s->size;
}

/**
 * source_pread() - read evidence bytes at an offset
 * @s:    open source; safe from several threads
 * @buf:  [len] bytes, written only up to the returned count
 * @len:  bytes wanted, 0 .. SSIZE_MAX
 * @off:  byte offset from the start of the media, 0 .. source_size(s)
 *
 * Return: bytes read; short at the end of the media or before a fault that
 *         lies further on (asking again from there reports it); 0 at the end.
 * Errors: -EINVAL @off past the end; -EIO medium, checksum or decompression
 *         fault at @off.
 */
ssize_t source_pread(const struct source *s, void *buf, size_t len, uint64_t off);

/**
 * source_read_all() - like source_pread(), until @len, the end, or a fault
 * Return: @len, fewer only at the end of the media, or -errno when any byte
 *         before that could not be read.
 */
ssize_t source_read_all(const struct source *s, void *buf, size_t len, uint64_t off);

/**
 * source_now() - like source_pread(), of bytes that are in memory: never waits for storage
 * Return: as source_pread(); -EAGAIN when not all are, or that cannot be told.
 */
ssize_t source_now(const struct source *s, void *buf, size_t len, uint64_t off);
/* Either of the two. */
typedef ssize_t source_read_fn(const struct source *s, void *buf, size_t len, uint64_t off);

/**
 * source_lend() - bytes where they are, added to a loan
 * @l: begun as {0}; each piece is good until loan_return()
 *
 * Who touches a piece may meet a fault of the medium that came up since: they are for
 * the kernel to copy (EFAULT), not for this process to look at. May wait for storage.
 *
 * Return: @len, fewer at the end of the media; -EAGAIN: not so, read them. @l is as
 * before then.
 */
ssize_t source_lend(const struct source *s, size_t len, uint64_t off, struct loan *l);
/** loan_zeros() - zeros, added to a loan. Return: 0; -EAGAIN no room. */
int loan_zeros(struct loan *l, size_t len);
/** loan_add() - one piece. Return: 0; -EAGAIN no room. */
int loan_add(struct loan *l, const void *p, size_t len, const struct source *source, uint64_t what);
/** loan_return() - every piece goes back; @l is empty then. */
void loan_return(struct loan *l);

/**
 * source_ahead() - somebody reads @len bytes at @off: what he asks for next may be fetched
 * @left: bytes behind them that belong to them, the rest of a file's extent
 * Once for each read; best behind one that does not wait. Waits for nothing itself.
 */
static inline void source_ahead(const struct source *s, uint64_t off, size_t len, uint64_t left)
{
	if (s->ops->ahead)
		s->ops->ahead(s, off, len, left);
}

/**
 * source_expect() - all of these are likely to be read soon, in this order: they may be fetched
 * @v: [n] inside the media. May wait for storage.
 */
static inline void source_expect(const struct source *s, const struct source_span *v, size_t n)
{
	if (s->ops->expect && n > 0)
		s->ops->expect(s, v, n);
}
/** source_expects() - whether that is of any use. */
static inline bool source_expects(const struct source *s)
{
	return s->ops->expect != NULL;
}

/** source_close() - NULL is allowed. All loans are returned. */
void source_close(struct source *s);

/**
 * source_memory() - a source over bytes that the caller keeps alive
 * Return: 0 and *@out, or -ENOMEM.
 */
int source_memory(const void *p, size_t n, struct source **out);

#endif
