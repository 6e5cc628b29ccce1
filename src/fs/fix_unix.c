/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fix_unix.c - block lists of ext2/3 and UFS files, read again
 *
 * Stands in for libtsk's tsk_fs_unix_make_data_run() as fix_runs.c says, which
 * believes any size: a file of exabytes whose indirect blocks lead to each
 * other keeps it busy without end. Here no file has more blocks than the
 * volume, and what is sparse is one run whatever its length. The blocks that
 * hold the lists are not kept as an attribute of their own: nothing asks.
 */
#include "fs/tsk.h"

#include <stdlib.h>

#include <tsk/fs/tsk_ffs.h>

#define DIRECT 12
#define LEVELS 3
#define LISTS_MAX                                                                                  \
	(1u << 20) /* indirect blocks of one file: 2 TiB in blocks of 4 KiB are half of it */

uint8_t tsk_fs_unix_make_data_run(TSK_FS_FILE *file);

/* Of the library, in headers that are not installed. */
TSK_FS_ATTRLIST *tsk_fs_attrlist_alloc(void);
void tsk_fs_attrlist_markunused(TSK_FS_ATTRLIST *list);
TSK_FS_ATTR *tsk_fs_attrlist_getnew(TSK_FS_ATTRLIST *list, TSK_FS_ATTR_FLAG_ENUM type);
uint8_t tsk_fs_attr_set_run(TSK_FS_FILE *file, TSK_FS_ATTR *a, TSK_FS_ATTR_RUN *runs,
	const char *name, TSK_FS_ATTR_TYPE_ENUM type, uint16_t id, TSK_OFF_T size, TSK_OFF_T init,
	TSK_OFF_T alloc, TSK_FS_ATTR_FLAG_ENUM flags, uint32_t compsize);
void tsk_fs_attr_append_run(TSK_FS_INFO *fs, TSK_FS_ATTR *a, TSK_FS_ATTR_RUN *chain);

struct runs {
	TSK_FS_INFO *fs;
	TSK_FS_ATTR *a;
	uint64_t left;  /* units of the file still to be placed */
	uint64_t per;   /* units that an address stands for */
	size_t width;   /* bytes of an address in a list */
	uint64_t lists; /* that may still be read */
	uint64_t room;  /* units that the volume still has for this file */
	TSK_FS_ATTR_RUN *last;
};

static uint8_t refuse(uint32_t code, const char *why)
{
	tsk_error_reset();
	tsk_error_set_errno(code);
	tsk_error_set_errstr("%s", why);
	return 1;
}

static uint64_t number(const struct runs *r, const uint8_t *p)
{
	bool big = r->fs->endian == TSK_BIG_ENDIAN;
	uint64_t v = 0;

	for (size_t i = 0; i < r->width; i++)
		v = v << 8 | p[big ? i : r->width - 1 - i];
	return v;
}

/* [units] of the file at @addr; 0: sparse. */
static uint8_t add(struct runs *r, uint64_t addr, uint64_t units)
{
	TSK_FS_ATTR_RUN *l = r->last;

	if (units > r->left)
		units = r->left;
	if (addr > r->fs->last_block)
		return refuse(TSK_ERR_FS_INODE_COR, "an address behind the volume's end");
	if (addr > 0 && units > r->room)
		return refuse(TSK_ERR_FS_INODE_COR, "more blocks than the volume has");
	r->left -= units;
	r->room -= addr > 0 ? units : 0;
	if (l && (addr == 0 ? (l->flags & TSK_FS_ATTR_RUN_FLAG_SPARSE) != 0
			    : !(l->flags & TSK_FS_ATTR_RUN_FLAG_SPARSE) &&
					 l->addr + l->len == addr)) {
		l->len += units;
		return 0;
	}
	if (units == 0)
		return 0;
	l = calloc(1, sizeof(*l));
	if (!l)
		return refuse(TSK_ERR_AUX_MALLOC, "out of memory");
	l->addr = addr;
	l->len = units;
	l->flags = addr ? TSK_FS_ATTR_RUN_FLAG_NONE : TSK_FS_ATTR_RUN_FLAG_SPARSE;
	tsk_fs_attr_append_run(r->fs, r->a, l);
	r->last = l;
	return 0;
}

/* The list at @addr, whose addresses stand for lists of the level below; 1: for contents. */
static uint8_t add_list(struct runs *r, uint64_t addr, unsigned level)
{
	size_t bytes = (size_t)r->per * r->fs->block_size;
	size_t n = bytes / r->width;
	uint64_t span = r->per;
	uint8_t *p = NULL;
	uint8_t failed = 0;

	for (unsigned i = 0; i < level; i++) {
		if (__builtin_mul_overflow(span, n, &span))
			span = UINT64_MAX;
	}
	if (addr == 0)
		return add(r, 0, span);
	if (addr > r->fs->last_block)
		return refuse(TSK_ERR_FS_INODE_COR, "a list behind the volume's end");
	if (r->lists == 0)
		return refuse(TSK_ERR_FS_INODE_COR, "more lists than the volume has room for");
	r->lists--;
	p = malloc(bytes);
	if (!p)
		return refuse(TSK_ERR_AUX_MALLOC, "out of memory");
	if (tsk_fs_read_block(r->fs, addr, (char *)p, bytes) != (ssize_t)bytes)
		failed = refuse(TSK_ERR_FS_READ, "a list cannot be read");
	for (size_t i = 0; i < n && r->left > 0 && !failed; i++) {
		uint64_t next = number(r, p + i * r->width);

		failed = level > 1 ? add_list(r, next, level - 1) : add(r, next, r->per);
	}
	free(p);
	return failed;
}

static uint8_t fill(struct runs *r, const TSK_DADDR_T *addr)
{
	uint8_t failed = 0;

	for (unsigned i = 0; i < DIRECT && r->left > 0 && !failed; i++)
		failed = add(r, addr[i], r->per);
	for (unsigned i = 0; i < LEVELS && r->left > 0 && !failed; i++)
		failed = add_list(r, addr[DIRECT + i], i + 1);
	return failed;
}

static uint8_t make(TSK_FS_FILE *file)
{
	TSK_FS_META *m = file->meta;
	TSK_FS_INFO *fs = file->fs_info;
	struct runs r = {.fs = fs, .per = 1, .width = 4};
	uint64_t block = fs->block_size;
	uint64_t size = m->size > 0 ? (uint64_t)m->size : 0;
	uint64_t alloc = 0;

	if (TSK_FS_TYPE_ISFFS(fs->ftype)) {
		r.per = ((const FFS_INFO *)fs)->ffsbsize_f;
		r.width = fs->ftype == TSK_FS_TYPE_FFS2 ? 8 : 4;
	}
	if (m->size < 0 || __builtin_add_overflow(size, block - 1, &alloc) || r.per == 0 ||
		r.per > UINT32_MAX / block || !m->content_ptr)
		return refuse(TSK_ERR_FS_INODE_COR, "a size out of range");
	r.left = alloc / block;
	if (r.left > INT64_MAX / block)
		return refuse(TSK_ERR_FS_INODE_COR, "a size out of range");
	r.room = fs->block_count;
	r.lists = fs->block_count / r.per < LISTS_MAX ? fs->block_count / r.per + 1 : LISTS_MAX;
	r.a = tsk_fs_attrlist_getnew(m->attr, TSK_FS_ATTR_NONRES);
	if (!r.a || tsk_fs_attr_set_run(file, r.a, NULL, NULL, TSK_FS_ATTR_TYPE_DEFAULT,
			    TSK_FS_ATTR_ID_DEFAULT, m->size, m->size, (TSK_OFF_T)(r.left * block),
			    TSK_FS_ATTR_FLAG_NONE, 0))
		return 1;
	return fill(&r, m->content_ptr);
}

uint8_t tsk_fs_unix_make_data_run(TSK_FS_FILE *file)
{
	TSK_FS_META *m = file->meta;

	tsk_error_reset();
	if (m->attr && m->attr_state == TSK_FS_META_ATTR_STUDIED)
		return 0;
	if (m->attr_state == TSK_FS_META_ATTR_ERROR)
		return 1;
	if (m->attr)
		tsk_fs_attrlist_markunused(m->attr);
	else
		m->attr = tsk_fs_attrlist_alloc();
	if (!m->attr)
		return 1;
	if (make(file)) {
		m->attr_state = TSK_FS_META_ATTR_ERROR;
		if (m->flags & TSK_FS_META_FLAG_UNALLOC)
			tsk_error_set_errno(TSK_ERR_FS_RECOVER);
		return 1;
	}
	m->attr_state = TSK_FS_META_ATTR_STUDIED;
	return 0;
}
