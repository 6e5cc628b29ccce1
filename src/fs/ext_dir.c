/* SPDX-License-Identifier: Apache-2.0 */
/* ext_dir.c - which names of an indexed ext directory are names; see ext_dir.h. */
#include "fs/ext_dir.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

#define INODE_FLAGS 32     /* byte in an inode */
#define INDEX_FLAG  0x1000 /* EXT4_INDEX_FL */
#define BLOCKS_MAX  (UINT64_C(256) << 10)
#define ENTRY_HEAD  8 /* inode, rec_len, name_len, type */

static uint32_t at32(const uint8_t *p)
{
	struct cur c = cur_of(p, 4);

	return cur_u32(&c);
}

static uint32_t at16(const uint8_t *p)
{
	struct cur c = cur_of(p, 2);

	return cur_u16(&c);
}

/* FNV-1a; names of encrypted directories may hold NULs, where libtsk's end. */
static uint64_t hash(uint64_t inode, const uint8_t *name, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ inode;

	len = strnlen((const char *)name, len);
	for (size_t i = 0; i < len; i++)
		h = (h ^ name[i]) * UINT64_C(0x100000001b3);
	return h * UINT64_C(0x100000001b3) + inode;
}

static bool keep(struct ext_dir *d, uint64_t h)
{
	if (array_room(&d->v, sizeof(*d->v), d->n, &d->cap))
		return false;
	d->v[d->n++] = h;
	return true;
}

/*
 * An inner node begins with an entry of no inode and no name that spans the
 * block, then says how many pairs it has room for and how many it has.
 */
static bool is_index(const uint8_t *b, size_t size)
{
	uint32_t limit = at16(b + 8);

	if (at32(b) != 0 || at16(b + 4) != (size & 0xffff) || b[6] != 0)
		return false;
	return (limit == (size - 8) / 8 || limit == (size - 16) / 8) && at16(b + 10) <= limit;
}

/* Deleted names lie between living ones: every place where one can begin is looked at. */
static bool take_block(struct ext_dir *d, const struct fs *f, const uint8_t *b, size_t size)
{
	for (size_t off = 0; off + ENTRY_HEAD < size; off += 4) {
		uint32_t inode = at32(b + off);
		size_t len = b[off + 6];

		if (inode > f->tsk->last_inum || len == 0 || len > size - off - ENTRY_HEAD)
			continue;
		if (!keep(d, hash(inode, b + off + ENTRY_HEAD, len)))
			return false;
	}
	return true;
}

static bool take_runs(struct ext_dir *d, const struct fs *f, const TSK_FS_ATTR *attr)
{
	size_t size = f->tsk->block_size;
	uint8_t *b = malloc(size);
	uint64_t block = 0; /* of the directory */
	bool ok = b != NULL;

	for (const TSK_FS_ATTR_RUN *r = attr->nrd.run; ok && r; r = r->next) {
		for (uint64_t i = 0; ok && i < r->len && block < BLOCKS_MAX; i++, block++) {
			uint64_t off = 0;

			/* the first block is the root of the index */
			if (block == 0 || (r->flags & TSK_FS_ATTR_RUN_FLAG_SPARSE))
				continue;
			ok = attr_image_offset(f, r->addr + i, &off) &&
			     source_read_all(f->s, b, size, off) == (ssize_t)size;
			if (ok && !is_index(b, size))
				ok = take_block(d, f, b, size);
		}
	}
	free(b);
	return ok && block < BLOCKS_MAX;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;

	return *x < *y ? -1 : *x > *y;
}

void ext_dir_begin(struct ext_dir *d, struct fs *f, const TSK_FS_DIR *dir)
{
	uint8_t inode[EXT_INODE_BYTES];
	const TSK_FS_ATTR *attr = NULL;

	*d = (struct ext_dir){.indexed = false};
	if (!dir->fs_file || !dir->fs_file->meta ||
		!ext_read_inode(f, dir->fs_file->meta->addr, inode) ||
		!(at32(inode + INODE_FLAGS) & INDEX_FLAG))
		return;
	attr = tsk_fs_file_attr_get(dir->fs_file);
	tsk_error_reset();
	if (!attr || !(attr->flags & TSK_FS_ATTR_NONRES))
		return;
	d->indexed = take_runs(d, f, attr);
	if (d->n > 1)
		qsort(d->v, d->n, sizeof(*d->v), by_value);
}

bool ext_dir_has(const struct ext_dir *d, uint64_t inode, const uint8_t *name, size_t len)
{
	uint64_t h = hash(inode, name, len);

	if (!d->indexed)
		return true;
	return d->n > 0 && bsearch(&h, d->v, d->n, sizeof(*d->v), by_value) != NULL;
}

void ext_dir_end(struct ext_dir *d)
{
	free(d->v);
	*d = (struct ext_dir){.indexed = false};
}
