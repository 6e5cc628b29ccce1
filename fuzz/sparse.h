/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sparse.h - an image of megabytes as an input of a few KiB
 *
 * The bytes of an input:
 *   u8   flags: 1 leave checksums as they are; 2 write the index of each walk
 *   u32  size of the image in sectors of 512 bytes, at most SPARSE_MAX bytes
 *   then blocks, until the input ends:
 *   u32  where in the image; u16 how many bytes; the bytes
 * All numbers have their low byte first. What no block says is zero; of blocks
 * that lie over each other the last counts; what lies past the image is left
 * out. fuzz/pack.py makes inputs from images and images from inputs.
 */
#ifndef EVIDENCEFS_FUZZ_SPARSE_H
#define EVIDENCEFS_FUZZ_SPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPARSE_HEAD  5
#define SPARSE_BLOCK 6 /* bytes before a block's own */
#define SPARSE_MAX   (UINT64_C(96) << 20)

#define SPARSE_UNSEALED 1u
#define SPARSE_INDEX    2u

struct sparse {
	int fd;           /* of the image; the next one takes its place */
	uint8_t *bytes;   /* the same, mapped; only what blocks touched may be looked at */
	uint64_t size;    /* bytes, > 0 */
	uint8_t flags;    /* SPARSE_* */
	uint8_t *touched; /* a bit for each 4 KiB that blocks lie in */
};

/**
 * sparse_expand() - the image that an input stands for
 * @s: zeros before the first call; kept from one to the next
 * Return: false when the input has no image.
 */
bool sparse_expand(struct sparse *s, const uint8_t *data, size_t size);
/** sparse_block() - the block at @at. Return: its bytes with its head; 0: no more. */
size_t sparse_block(const uint8_t *data, size_t size, size_t at);
/** sparse_touched() - do blocks lie in [@off, @off + @n)? @n is at most 4096. */
bool sparse_touched(const struct sparse *s, uint64_t off, size_t n);

#endif
