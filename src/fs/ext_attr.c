/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext_attr.c - extended attributes of ext2/3/4, as streams
 *
 * They stand behind the inode's own fields, in a block that inodes may share,
 * and large values in an inode of their own. libtsk only prints them. A stream
 * is called as Linux calls the attribute, its name space first; its bytes are
 * those on the disk (which for access control lists Linux shows in another
 * form). Inline contents are an attribute too, and no stream.
 * Source: Linux, Documentation/filesystems/ext4/attributes.rst.
 */
#include "fs/ext_attr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"

#define MAGIC       0xea020000u
#define ENTRY       16u /* an entry without its name */
#define BLOCK_HEAD  32u
#define INODE_FIELD 128u /* where the size of an inode's later fields stands */

#define SPACE_SYSTEM 7u

/* By number; a name ending in a dot is the beginning of one. */
static const char *const space[] = {"", "user.", "system.posix_acl_access",
	"system.posix_acl_default", "trusted.", "lustre.", "security.", "system.", "system.richacl",
	"encryption.", "gnu."};

/* One table of entries: what it lies in, and where values count from. */
struct table {
	const uint8_t *p;
	size_t n;
	size_t first; /* entry */
	size_t base;
};

struct attr {
	const uint8_t *name;
	size_t name_len;
	unsigned space;
	uint32_t inode; /* that holds the value; 0: it stands in the table */
	uint32_t size;
	const uint8_t *value; /* NULL: it reaches past the table */
};

static uint32_t le(const uint8_t *p, size_t n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

/* The entry at @at, which moves on. Return: 1; 0 at the end; -EBADMSG. */
static int next(const struct table *t, size_t *at, struct attr *a)
{
	const uint8_t *p = t->p + *at;
	size_t off = 0;

	if (t->n - *at < 4 || le(p, 4) == 0)
		return 0;
	if (t->n - *at < ENTRY || t->n - *at - ENTRY < p[0])
		return -EBADMSG;
	*a = (struct attr){.name = p + ENTRY,
		.name_len = p[0],
		.space = p[1],
		.inode = le(p + 4, 4),
		.size = le(p + 8, 4)};
	off = t->base + le(p + 2, 2);
	if (a->inode == 0 && off <= t->n && a->size <= t->n - off)
		a->value = t->p + off;
	*at += (ENTRY + p[0] + 3u) & ~(size_t)3;
	if (*at > t->n)
		*at = t->n;
	return 1;
}

uint32_t ext_attr_id(unsigned number, const uint8_t *name, size_t n)
{
	uint8_t first = (uint8_t)number;

	return crc32c(crc32c(0, &first, 1), name, n) & 0xfffff;
}

static void put_name(struct buf *b, const struct attr *a)
{
	buf_reset(b);
	if (a->space < sizeof(space) / sizeof(space[0]))
		buf_puts(b, space[a->space]);
	else
		buf_printf(b, "space-%u.", a->space);
	buf_put(b, a->name, a->name_len);
}

/* A value with an inode of its own is that inode's contents. */
static void pack_inode(struct fs *f, const struct attr *a, struct entry *e)
{
	TSK_FS_FILE *file = meta_load(f, NULL, a->inode);
	const TSK_FS_ATTR *c = file ? attr_contents(f, file) : NULL;
	struct packed p = {.size = 0};

	if (c)
		attr_pack(f, c, &p);
	if (p.size != a->size || f->content.len == 0 || f->content.data[0] == CONTENT_WORKER) {
		e->flags |= ENTRY_UNREADABLE;
		attr_pack_tag(f, CONTENT_ERROR);
	}
	if (file)
		tsk_fs_file_close(file);
	tsk_error_reset();
}

static void pack(struct fs *f, const struct attr *a, struct entry *e)
{
	e->size = a->size;
	if (a->size == 0) {
		attr_pack_tag(f, CONTENT_EMPTY);
	} else if (a->value) {
		attr_pack_tag(f, CONTENT_RESIDENT);
		buf_put(&f->content, a->value, a->size);
	} else if (a->inode) {
		pack_inode(f, a, e);
	} else {
		e->flags |= ENTRY_UNREADABLE;
		e->size = a->size <= f->tsk->block_size ? a->size : 0;
		attr_pack_tag(f, CONTENT_ERROR);
	}
}

static int emit(
	struct fs *f, const struct fs_sink *sink, const struct attr *a, const struct entry *stream)
{
	struct entry e = *stream;
	int r = 0;

	if (a->space == SPACE_SYSTEM && a->name_len == 4 && memcmp(a->name, "data", 4) == 0)
		return 0;
	e.attr_type = EXT_ATTR_TYPE;
	e.attr_id = ext_attr_id(a->space, a->name, a->name_len);
	put_name(&f->name, a);
	pack(f, a, &e);
	if (f->name.error || f->content.error)
		return -ENOMEM;
	e.name = f->name.data;
	e.name_len = f->name.len;
	e.content = f->content.data;
	e.content_len = f->content.len;
	r = sink->enter(sink->ctx, &e);
	return r ? r : sink->leave(sink->ctx);
}

/* Return: 0; 1 when the table is damaged; -errno. */
static int emit_table(
	struct fs *f, const struct fs_sink *sink, const struct table *t, const struct entry *stream)
{
	size_t at = t->first;
	struct attr a;
	int r = 1;

	while (r > 0) {
		r = next(t, &at, &a);
		if (r == -EBADMSG || (r == 1 && a.name_len == 0 && a.space == 0))
			return 1;
		if (r == 1) {
			r = emit(f, sink, &a, stream);
			r = r ? r : 1;
		}
	}
	return r;
}

/* What stands behind the inode's fields. */
static int from_inode(struct fs *f, const struct fs_sink *sink, const uint8_t *inode, size_t n,
	const struct entry *stream)
{
	size_t at = 0;
	struct table t = {.p = inode, .n = n};

	if (n < INODE_FIELD + 8)
		return 0;
	at = INODE_FIELD + le(inode + INODE_FIELD, 2);
	if (at % 4 != 0 || at > n - 8 || le(inode + at, 4) != MAGIC)
		return 0;
	t.first = at + 4;
	t.base = at + 4;
	return emit_table(f, sink, &t, stream);
}

static int from_block(
	struct fs *f, const struct fs_sink *sink, const uint8_t *inode, const struct entry *stream)
{
	uint64_t block = le(inode + 0x68, 4) | (uint64_t)le(inode + 0x76, 2) << 32;
	size_t n = f->tsk->block_size;
	struct table t = {.n = n, .first = BLOCK_HEAD};
	uint8_t *p = NULL;
	int r = 1;

	if (block == 0)
		return 0;
	p = malloc(n);
	if (!p)
		return -ENOMEM;
	t.p = p;
	if (block <= f->tsk->last_block &&
		tsk_fs_read_block(f->tsk, block, (char *)p, n) == (ssize_t)n && n > BLOCK_HEAD &&
		le(p, 4) == MAGIC)
		r = emit_table(f, sink, &t, stream);
	tsk_error_reset();
	free(p);
	/* A deleted inode's block may be anything by now. */
	return r > 0 && stream->flags & ENTRY_DELETED ? 0 : r;
}

int ext_attr_streams(
	struct fs *f, const struct fs_sink *sink, uint64_t addr, const struct entry *stream)
{
	size_t n = f->ext.inode_size;
	uint8_t *inode = NULL;
	int one = 0;
	int two = 0;

	if (!f->ext.usable)
		return 0;
	inode = malloc(n);
	if (!inode)
		return -ENOMEM;
	if (ext_read_inode_bytes(f, addr, inode, n)) {
		one = from_inode(f, sink, inode, n, stream);
		if (one >= 0)
			two = from_block(f, sink, inode, stream);
	}
	free(inode);
	if (one < 0 || two < 0)
		return one < 0 ? one : two;
	return one || two;
}
