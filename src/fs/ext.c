/* SPDX-License-Identifier: Apache-2.0 */
/* ext.c - the few structures of ext2/3/4 read beside libtsk; see ext.h. */
#include "fs/ext.h"

#include <string.h>

#include "fs/tsk.h"

#define COMPAT_SPARSE_SUPER2 0x0200u
#define INCOMPAT_META_BG     0x0010u
#define INCOMPAT_64BIT       0x0080u
#define RO_SPARSE_SUPER      0x0001u
#define RO_GDT_CSUM          0x0010u
#define RO_BIGALLOC          0x0200u
#define RO_METADATA_CSUM     0x0400u

#define GROUP_INODE_UNINIT 0x1u
#define GROUP_BLOCK_UNINIT 0x2u

static bool bytes(const struct fs *f, uint64_t off, void *p, size_t n)
{
	bool ok = off <= INT64_MAX && tsk_fs_read(f->tsk, (TSK_OFF_T)off, p, n) == (ssize_t)n;

	tsk_error_reset();
	return ok;
}

static uint32_t at32(const uint8_t *p, size_t off)
{
	struct cur c = cur_of(p + off, 4);

	return cur_u32(&c);
}

static uint32_t at16(const uint8_t *p, size_t off)
{
	return (uint32_t)p[off] | (uint32_t)p[off + 1] << 8;
}

static bool geometry(const uint8_t *s, struct ext *x)
{
	uint32_t incompat = at32(s, 0x60);
	uint32_t ro = at32(s, 0x64);
	uint32_t shift = at32(s, 0x18);
	uint32_t cluster_shift = ro & RO_BIGALLOC ? at32(s, 0x1c) : shift;
	uint64_t groups = 0;
	uint64_t per_block = 0;

	if (shift > 6 || cluster_shift < shift || cluster_shift - shift > 16)
		return false;
	x->block_size = 1024u << shift;
	x->cluster_blocks = 1u << (cluster_shift - shift);
	x->blocks = at32(s, 0x04);
	if (incompat & INCOMPAT_64BIT)
		x->blocks |= (uint64_t)at32(s, 0x150) << 32;
	x->inodes = at32(s, 0x00);
	x->first_block = at32(s, 0x14);
	x->group_blocks = at32(s, 0x20);
	x->group_inodes = at32(s, 0x28);
	x->inode_size = at32(s, 0x4c) == 0 ? 128 : at16(s, 0x58);
	x->desc_size = incompat & INCOMPAT_64BIT ? at16(s, 0xfe) : 32;
	if (x->group_blocks == 0 || x->group_inodes == 0 || x->first_block >= x->blocks ||
		x->inode_size < 128 || x->inode_size > x->block_size || x->desc_size < 32 ||
		x->desc_size > x->block_size)
		return false;
	if (x->group_blocks / x->cluster_blocks > x->block_size * 8)
		return false;
	groups = (x->blocks - x->first_block + x->group_blocks - 1) / x->group_blocks;
	if (groups > UINT32_MAX)
		return false;
	x->groups = (uint32_t)groups;
	per_block = x->block_size / x->desc_size;
	x->meta_first = incompat & INCOMPAT_META_BG ? at32(s, 0x104) : UINT32_MAX;
	x->table_blocks = (uint32_t)((groups + per_block - 1) / per_block) + at16(s, 0xce);
	x->sparse = (ro & RO_SPARSE_SUPER) != 0;
	x->sparse2 = (at32(s, 0x5c) & COMPAT_SPARSE_SUPER2) != 0;
	x->backup[0] = at32(s, 0x24c);
	x->backup[1] = at32(s, 0x250);
	x->tracks_unused = (ro & (RO_GDT_CSUM | RO_METADATA_CSUM)) != 0;
	return true;
}

void ext_read_super(const struct fs *f, struct ext *x)
{
	uint8_t s[1024];

	*x = (struct ext){.usable = false};
	/* Not through libtsk, which is shown another one at times (open.c). */
	if (source_read_all(f->s, s, sizeof(s), f->offset + 1024) == (ssize_t)sizeof(s) &&
		at16(s, 0x38) == 0xef53)
		x->usable = geometry(s, x);
}

static bool power_of(uint32_t v, uint32_t base)
{
	while (v > 1 && v % base == 0)
		v /= base;
	return v == 1;
}

/* Does the group begin with a copy of the superblock? */
static bool has_super(const struct ext *x, uint32_t group)
{
	if (group == 0)
		return true;
	if (x->sparse2)
		return group == x->backup[0] || group == x->backup[1];
	if (!x->sparse || group == 1)
		return true;
	return power_of(group, 3) || power_of(group, 5) || power_of(group, 7);
}

/* Where the descriptor of @group lies: in one table, or with its own few groups (meta_bg). */
static bool group_at(const struct ext *x, uint32_t group, uint64_t *off)
{
	uint32_t per_block = x->block_size / x->desc_size;
	uint32_t meta = group / per_block;
	uint64_t block = (uint64_t)x->first_block + 1 + meta;

	if (meta >= x->meta_first) {
		uint32_t first = meta * per_block;

		block = x->first_block + (uint64_t)first * x->group_blocks +
			(has_super(x, first) ? 1 : 0);
	}
	/* The superblock lies in the first block, however large that is. */
	if (x->first_block == 0 && x->block_size == 1024 && meta < x->meta_first)
		block++;
	return !__builtin_mul_overflow(block, (uint64_t)x->block_size, off) &&
	       !__builtin_add_overflow(*off, (uint64_t)(group % per_block) * x->desc_size, off);
}

bool ext_read_group(const struct fs *f, uint32_t group, struct ext_group *g)
{
	const struct ext *x = &f->ext;
	uint64_t off = 0;
	bool wide = x->desc_size >= 64;
	uint8_t d[64] = {0};
	uint32_t flags = 0;

	if (!x->usable || group >= x->groups || !group_at(x, group, &off) ||
		!bytes(f, off, d, wide ? 64 : 32))
		return false;
	*g = (struct ext_group){
		.block_bitmap = at32(d, 0), .inode_bitmap = at32(d, 4), .inode_table = at32(d, 8)};
	if (wide) {
		g->block_bitmap |= (uint64_t)at32(d, 32) << 32;
		g->inode_bitmap |= (uint64_t)at32(d, 36) << 32;
		g->inode_table |= (uint64_t)at32(d, 40) << 32;
	}
	if (!x->tracks_unused)
		return true;
	flags = at16(d, 18);
	g->blocks_uninit = (flags & GROUP_BLOCK_UNINIT) != 0;
	g->inodes_uninit = (flags & GROUP_INODE_UNINIT) != 0;
	g->unused = at16(d, 28) | (wide ? at16(d, 50) << 16 : 0);
	return true;
}

uint64_t ext_base_blocks(const struct ext *x, uint32_t group)
{
	uint32_t per_block = x->block_size / x->desc_size;
	uint32_t in = group % per_block;
	uint64_t super = has_super(x, group) ? 1 : 0;

	if (group / per_block < x->meta_first)
		return super ? 1 + (uint64_t)x->table_blocks : 0;
	return super + (in == 0 || in == 1 || in == per_block - 1 ? 1 : 0);
}

bool ext_read_inode_bytes(const struct fs *f, uint64_t inode, uint8_t *out, size_t n)
{
	const struct ext *x = &f->ext;
	struct ext_group g;
	uint64_t off = 0;

	if (!x->usable || inode == 0 || inode > x->inodes || n > x->inode_size)
		return false;
	if (!ext_read_group(f, (uint32_t)((inode - 1) / x->group_inodes), &g) ||
		__builtin_mul_overflow(g.inode_table, (uint64_t)x->block_size, &off) ||
		__builtin_add_overflow(off, (inode - 1) % x->group_inodes * x->inode_size, &off))
		return false;
	return bytes(f, off, out, n);
}

bool ext_read_inode(const struct fs *f, uint64_t inode, uint8_t out[EXT_INODE_BYTES])
{
	size_t n = f->ext.inode_size < EXT_INODE_BYTES ? f->ext.inode_size : EXT_INODE_BYTES;

	memset(out, 0, EXT_INODE_BYTES);
	return ext_read_inode_bytes(f, inode, out, n);
}
