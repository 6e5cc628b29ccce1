/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apfs_space.c - the free blocks of an APFS container; see apfs.h
 *
 * checkpoint map -> space manager -> (address blocks ->) chunk infos -> a
 * bitmap a chunk, a bit set for a block in use. Without libtsk, which ends the
 * process where one of them is damaged.
 */
#include <errno.h>
#include <string.h>

#include "fs/apfs.h"

#define DESC_MAX   8192u
#define INFO_HEAD  0x28u
#define INFO_BYTES 32u

struct space {
	const struct source *s;
	uint64_t offset;
	uint64_t blocks; /* in the image */
	uint64_t total;  /* in the container */
	int (*found)(void *ctx, uint64_t block, uint64_t count);
	void *ctx;
	uint64_t first; /* run at hand */
	uint64_t count;
};

static uint64_t at(const uint8_t *p, size_t off, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[off + n];
	return v;
}

static bool read_block(const struct space *p, uint64_t block, uint8_t out[APFS_BLOCK])
{
	return block < p->blocks &&
	       source_read_all(p->s, out, APFS_BLOCK, p->offset + block * APFS_BLOCK) == APFS_BLOCK;
}

static int flush(struct space *p)
{
	uint64_t n = p->count;

	p->count = 0;
	return n > 0 ? p->found(p->ctx, p->first, n) : 0;
}

/* @count free blocks from @block on; runs that touch become one. */
static int put(struct space *p, uint64_t block, uint64_t count)
{
	int r = 0;

	if (block >= p->total)
		return 0;
	if (count > p->total - block)
		count = p->total - block;
	if (p->count > 0 && p->first + p->count == block) {
		p->count += count;
		return 0;
	}
	r = flush(p);
	p->first = block;
	p->count = count;
	return r;
}

static int put_bits(struct space *p, const uint8_t *b, uint64_t block, uint64_t count)
{
	uint64_t run = 0;
	int r = 0;

	for (uint64_t i = 0; i < count && r == 0; i++) {
		if (!(b[i / 8] >> i % 8 & 1)) {
			run++;
			continue;
		}
		if (run > 0)
			r = put(p, block + i - run, run);
		run = 0;
	}
	return r == 0 && run > 0 ? put(p, block + count - run, run) : r;
}

/* The chunks that one block of infos describes. */
static int put_chunks(struct space *p, uint64_t block)
{
	uint8_t b[APFS_BLOCK];
	uint8_t bits[APFS_BLOCK];
	uint64_t n = 0;
	int r = 0;

	if (!read_block(p, block, b))
		return -EIO;
	n = at(b, 0x24, 4);
	if (n > (APFS_BLOCK - INFO_HEAD) / INFO_BYTES)
		return -EIO;
	for (size_t i = 0; i < n && r == 0; i++) {
		const uint8_t *c = b + INFO_HEAD + i * INFO_BYTES;
		uint64_t count = at(c, 16, 4);
		uint64_t bitmap = at(c, 24, 8);

		if (count > APFS_BLOCK * 8 || (bitmap != 0 && !read_block(p, bitmap, bits)))
			r = -EIO;
		else if (bitmap == 0)
			r = put(p, at(c, 8, 8), count);
		else
			r = put_bits(p, bits, at(c, 8, 8), count);
	}
	return r;
}

/* Each block that @block lists, from byte @off on. */
static int each(struct space *p, uint64_t block, size_t off, uint64_t n,
	int (*what)(struct space *, uint64_t))
{
	uint8_t b[APFS_BLOCK];
	int r = 0;

	block += off / APFS_BLOCK;
	off %= APFS_BLOCK;
	if (off % 8 != 0 || !read_block(p, block, b))
		return -EIO;
	for (; n > 0 && r == 0; n--, off += 8) {
		if (off == APFS_BLOCK) {
			off = 0;
			if (!read_block(p, ++block, b))
				return -EIO;
		}
		r = what(p, at(b, off, 8));
	}
	return r;
}

static int put_address_block(struct space *p, uint64_t block)
{
	uint8_t b[APFS_BLOCK];

	if (!read_block(p, block, b))
		return -EIO;
	if (at(b, 0x24, 4) > (APFS_BLOCK - 0x28) / 8)
		return -EIO;
	return each(p, block, 0x28, at(b, 0x24, 4), put_chunks);
}

/* Where the space manager of this state lies; 0: not found. */
static uint64_t find_manager(const struct space *p, const struct apfs *a)
{
	uint64_t base = at(a->super, 0x70, 8);
	uint64_t count = at(a->super, 0x68, 4);
	uint8_t b[APFS_BLOCK];

	for (uint64_t i = 0; i < count && count <= DESC_MAX; i++) {
		uint64_t n = 0;

		if (!read_block(p, base + i, b) || at(b, 24, 2) != 0x0c ||
			at(b, 16, 8) != at(a->super, 16, 8))
			continue;
		n = at(b, 0x24, 4);
		for (size_t k = 0; k < n && 0x28 + k * 40 + 40 <= APFS_BLOCK; k++) {
			if (at(b, 0x28 + k * 40 + 24, 8) == at(a->super, 0x98, 8))
				return at(b, 0x28 + k * 40 + 32, 8);
		}
	}
	return 0;
}

int apfs_free_blocks(const struct source *s, uint64_t offset, uint64_t end, const struct apfs *a,
	int (*found)(void *ctx, uint64_t block, uint64_t count), void *ctx)
{
	struct space p = {.s = s,
		.offset = offset,
		.blocks = (end - offset) / APFS_BLOCK,
		.total = a->blocks,
		.found = found,
		.ctx = ctx};
	uint64_t manager = find_manager(&p, a);
	uint8_t b[APFS_BLOCK];
	uint64_t infos = 0;
	uint64_t lists = 0;
	int r = 0;

	if (p.total > p.blocks)
		p.total = p.blocks;
	if (manager == 0 || !read_block(&p, manager, b) || at(b, 24, 2) != 0x05)
		return -EIO;
	infos = at(b, 0x40, 4);
	lists = at(b, 0x44, 4);
	if (infos > p.blocks || lists > p.blocks)
		return -EIO;
	if (lists > 0)
		r = each(&p, manager, (size_t)at(b, 0x50, 4), lists, put_address_block);
	else
		r = each(&p, manager, (size_t)at(b, 0x50, 4), infos, put_chunks);
	return r ? r : flush(&p);
}
