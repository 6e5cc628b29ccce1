/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocks.h - a 64-bit hash of each 4 KiB of an image, kept beside its index
 *
 * The file of docs/FORMAT.blocks.md: written once, in the image's order, while the image
 * goes by; read as a whole. Whoever asks it for equal bytes compares what it finds.
 */
#ifndef EVIDENCEFS_SERVE_BLOCKS_H
#define EVIDENCEFS_SERVE_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define BLOCK_BYTES 4096u

enum block_kind {
	BLOCK_HASHED = 1, /* not constant: it has a hash */
	BLOCK_ZERO,
	BLOCK_CONSTANT, /* of one byte that is not zero */
	BLOCK_UNREAD    /* could not be read */
};

/** block_kind() - of [BLOCK_BYTES] at @p, whose hash goes to *@hash where it is BLOCK_HASHED. */
enum block_kind block_kind(const uint8_t *p, uint64_t *hash);

struct blocks_writer;

/** blocks_begin() - of an image of @media_size bytes whose index is in @dir. */
int blocks_begin(const char *dir, uint64_t media_size, struct blocks_writer **out);
/**
 * blocks_bytes() - the image from byte @off on; each call goes on where the one before ended
 * @p: NULL: they could not be read
 * Return: 0; -EINVAL they do not go on there; -errno it cannot be written.
 */
int blocks_bytes(struct blocks_writer *w, uint64_t off, const uint8_t *p, uint64_t n);
/** blocks_keep() - all of the image has gone by: from now on there is a table. */
int blocks_keep(struct blocks_writer *w, struct err *e);
/** blocks_free() - what was not kept is removed. NULL allowed. */
void blocks_free(struct blocks_writer *w);

/** Of @n blocks from number @first on; @hashes: of BLOCK_HASHED. Return: 0; -errno ends it. */
typedef int blocks_fn(
	void *ctx, enum block_kind kind, uint64_t first, uint64_t n, const uint64_t *hashes);
/**
 * blocks_each() - all that the table in @dir says, in order
 * Return: 0; what @each returned; -ENOENT there is none; -EBADMSG it is damaged, or not of an
 * image of this size: then what @each was told is not to be relied on; -errno.
 */
int blocks_each(const char *dir, uint64_t media_size, blocks_fn *each, void *ctx);

#endif
