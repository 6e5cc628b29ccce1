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

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct source;

struct source_ops {
	ssize_t (*pread)(const struct source *s, void *buf, size_t len, uint64_t off);
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

/** source_close() - NULL is allowed. */
void source_close(struct source *s);

/**
 * source_memory() - a source over bytes that the caller keeps alive
 * Return: 0 and *@out, or -ENOMEM.
 */
int source_memory(const void *p, size_t n, struct source **out);

#endif
