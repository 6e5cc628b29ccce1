/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remnant_blocks.h - given contents within allocated files that are not copies of them
 *
 * A disk image, a backup, a pagefile, a document with more behind it. Looked for by the
 * hashes of the image's blocks (blocks.h): where one of them is that of 4 KiB of the
 * contents, from any multiple of 512 bytes on, the bytes are compared, and as much around it
 * as agrees is taken. So a copy is found that begins at a sector and has a whole block.
 * Without the table, and where that could not read, the image is read.
 */
#ifndef EVIDENCEFS_SERVE_REMNANT_BLOCKS_H
#define EVIDENCEFS_SERVE_REMNANT_BLOCKS_H

#include "serve/remnant_text.h"
#include "serve/spans.h"

struct remnant_blocks;

/** remnant_blocks_new() - for @bytes of contents in @sources pieces. Return: 0; -ENOMEM. */
int remnant_blocks_new(uint64_t bytes, size_t sources, struct remnant_blocks **out);
/** remnant_blocks_free() - NULL allowed. */
void remnant_blocks_free(struct remnant_blocks *b);

/** remnant_blocks_add() - contents of @source from @off on; of each source in its order. */
void remnant_blocks_add(
	struct remnant_blocks *b, uint32_t source, const uint8_t *p, size_t n, uint64_t off);

struct remnant_blocks_in {
	struct evidence *ev;                  /* where it is looked for */
	const struct remnant_source *sources; /* what was added */
	const struct remnant_text *texts;     /* of each of them */
	const struct spans *files;            /* media bytes that may have it; settled */
	const _Atomic bool *stop;
};

/**
 * remnant_blocks_find() - after the last remnant_blocks_add(); once
 * What has its source's own bytes is left out; what has those of another file with the same
 * contents is not.
 * @out: what is found is added, as `shared`. Return: 0; -EINTR, -ENOMEM, -EIO no media.
 */
int remnant_blocks_find(
	struct remnant_blocks *b, const struct remnant_blocks_in *in, struct remnants *out);

#endif
