/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extent.h - where the bytes of a trace lie in the image
 *
 * Contents are a run of extents in *image bytes*, in file order, so that who
 * serves them needs no knowledge of file systems. Packed form, as kept in an
 * index and sent by a worker: one tag byte (enum content_tag), then
 *   CONTENT_EXTENTS   per extent: varint length << 2 | kind; for EXTENT_DATA a
 *                     svarint: offset minus the end of the data extent before
 *   CONTENT_RESIDENT  the bytes themselves
 *   CONTENT_MEMBER    the locator: how its container finds it (container/container.h)
 * The lengths of the extents add up to the size of the trace.
 */
#ifndef EVIDENCEFS_IMAGE_EXTENT_H
#define EVIDENCEFS_IMAGE_EXTENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum content_tag {
	CONTENT_EMPTY = 0,    /* no bytes; also directories */
	CONTENT_EXTENTS = 1,  /* image extents */
	CONTENT_RESIDENT = 2, /* bytes kept in the index */
	CONTENT_WORKER = 3,   /* only a file-system library can say: ask a worker */
	CONTENT_ERROR = 4,    /* has a size but cannot be read: EIO */
	CONTENT_MEMBER = 5    /* a member of a container: ask a worker */
};

#define CONTENT_LOCATOR_MAX 64 /* bytes */
#define CONTENT_STEPS_MAX   5  /* containers one in the other */

enum extent_kind {
	EXTENT_DATA = 0, /* bytes of the image */
	EXTENT_ZERO = 1, /* sparse, or past the initialised size: zeros */
	EXTENT_ERROR = 2 /* outside the image, or unknown: EIO */
};

struct extent {
	uint64_t start;  /* file bytes: where it begins in the trace */
	uint64_t length; /* bytes, > 0 */
	uint64_t offset; /* image bytes; EXTENT_DATA only */
	enum extent_kind kind;
};

/* Builds a packed CONTENT_EXTENTS in one pass, merging neighbours. */
struct extent_writer {
	struct buf *out;
	struct extent pending; /* length 0: none */
	uint64_t last_end;
};

void extent_writer_begin(struct extent_writer *w, struct buf *out);
/** extent_writer_add() - the next extent in file order; @length 0 is ignored. */
void extent_writer_add(
	struct extent_writer *w, enum extent_kind kind, uint64_t offset, uint64_t length);
/** extent_writer_end() - write what is pending. Errors stick in the buf. */
void extent_writer_end(struct extent_writer *w);

/* All extents of one trace, unpacked: sorted by start, without gaps. */
struct extent_map {
	struct extent *v;
	size_t n;
};

/**
 * extent_map_decode() - unpack and check CONTENT_EXTENTS
 * @p, @n:        packed form with its tag
 * @size:         what the lengths must add up to
 * @image_size:   no data extent may reach past it
 *
 * Return: 0; the caller releases @m. -EBADMSG malformed; -ENOMEM.
 */
int extent_map_decode(
	const void *p, size_t n, uint64_t size, uint64_t image_size, struct extent_map *m);
/** extent_map_find() - the extent that holds file byte @pos, or NULL past the end. */
const struct extent *extent_map_find(const struct extent_map *m, uint64_t pos);
/**
 * extent_map_part() - what of one extent a read of @len bytes from @pos on meets
 * Return: the extent, NULL past the end; *@in: where in it, *@n: bytes.
 */
const struct extent *extent_map_part(
	const struct extent_map *m, uint64_t pos, size_t len, uint64_t *in, size_t *n);
void extent_map_release(struct extent_map *m);

#endif
