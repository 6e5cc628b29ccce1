/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attr.c - attributes -> packed contents
 *
 * Turns libtsk's run lists into extents of image bytes, so that whoever serves
 * them needs no file system. Only what runs cannot say (compression,
 * decryption) is left to a worker. Never loops over a size: the work is
 * bounded by the runs in memory and, where spare bytes stand between blocks,
 * by the blocks of the volume.
 */
#include "fs/tsk.h"

#include <string.h>

#include "fs/text.h"

#define RESIDENT_MAX  (64 * 1024)
#define SIZE_MAX_SANE (UINT64_C(1) << 60) /* lengths keep two bits free in their packed form */

void attr_pack_tag(struct fs *f, enum content_tag tag)
{
	buf_reset(&f->content);
	buf_put_u8(&f->content, (uint8_t)tag);
}

bool attr_image_offset(const struct fs *f, uint64_t block, uint64_t *off)
{
	const TSK_FS_INFO *t = f->tsk;
	uint64_t step = (uint64_t)t->block_size + t->block_pre_size + t->block_post_size;
	uint64_t o = 0;

	if (block > t->last_block || __builtin_mul_overflow(block, step, &o) ||
		__builtin_add_overflow(o, f->offset + t->block_pre_size, &o) || o >= f->end)
		return false;
	*off = o;
	return true;
}

/* Where in the file the writer stands, and what it still has to cover. */
struct packer {
	struct fs *f;
	struct extent_writer w;
	uint64_t skip; /* bytes before the contents begin */
	uint64_t left; /* bytes of the contents not yet covered */
	uint64_t init; /* bytes of the contents, from here on, that were ever written */
	bool holes;    /* blocks were left out */
};

static void cover(struct packer *p, enum extent_kind kind, uint64_t off, uint64_t len)
{
	uint64_t n = len < p->skip ? len : p->skip;

	p->skip -= n;
	off += n;
	len -= n;
	if (len > p->left)
		len = p->left;
	p->left -= len;
	n = len < p->init ? len : p->init;
	p->init -= n;
	extent_writer_add(&p->w, kind, off, n);
	/* Past the initialised size nothing was ever written: zeros, whatever lies there. */
	extent_writer_add(&p->w, kind == EXTENT_ERROR ? kind : EXTENT_ZERO, 0, len - n);
}

/* @blocks in a row from @block on; what reaches past the volume is an error. */
static void cover_data(struct packer *p, uint64_t block, uint64_t blocks, uint64_t bytes)
{
	const TSK_FS_INFO *t = p->f->tsk;
	uint64_t off = 0;
	uint64_t have = 0;
	uint64_t usable = 0;

	if (!attr_image_offset(p->f, block, &off)) {
		cover(p, EXTENT_ERROR, 0, bytes);
		return;
	}
	usable = t->last_block - block + 1;
	if (usable > blocks)
		usable = blocks;
	if (__builtin_mul_overflow(usable, (uint64_t)t->block_size, &have) ||
		have > p->f->end - off)
		have = p->f->end - off;
	cover(p, EXTENT_DATA, off, have);
	cover(p, EXTENT_ERROR, 0, bytes - have);
}

/* Blocks with spare bytes around each. */
static void cover_spaced(struct packer *p, uint64_t block, uint64_t blocks, uint64_t bytes)
{
	const TSK_FS_INFO *t = p->f->tsk;
	uint64_t done = 0;

	for (uint64_t i = 0; i < blocks && p->left > 0; i++) {
		uint64_t off = 0;

		if (!attr_image_offset(p->f, block + i, &off) || t->block_size > p->f->end - off)
			break;
		cover(p, EXTENT_DATA, off, t->block_size);
		done += t->block_size;
	}
	cover(p, EXTENT_ERROR, 0, bytes - done);
}

static void cover_run(struct packer *p, const TSK_FS_ATTR_RUN *r)
{
	const TSK_FS_INFO *t = p->f->tsk;
	uint64_t bytes = 0;

	if (__builtin_mul_overflow(r->len, (uint64_t)t->block_size, &bytes))
		bytes = UINT64_MAX - t->block_size;
	if (r->flags & (TSK_FS_ATTR_RUN_FLAG_SPARSE | TSK_FS_ATTR_RUN_FLAG_FILLER)) {
		cover(p, EXTENT_ZERO, 0, bytes);
		p->holes = true;
	} else if (t->block_pre_size || t->block_post_size)
		cover_spaced(p, r->addr, r->len, bytes);
	else
		cover_data(p, r->addr, r->len, bytes);
}

/* Return: true when the file is sparse. */
static bool pack_runs(struct fs *f, const TSK_FS_ATTR *a, uint64_t size)
{
	uint64_t init = a->nrd.initsize > 0 ? (uint64_t)a->nrd.initsize : 0;
	struct packer p = {.f = f, .skip = a->nrd.skiplen, .left = size, .init = init};
	uint64_t block = 0;
	const TSK_FS_META *m = a->fs_file ? a->fs_file->meta : NULL;
	/* Extents leave out the hole at a file's end; elsewhere missing runs are lost ones. */
	enum extent_kind rest = m && m->content_type == TSK_FS_META_CONTENT_TYPE_EXT4_EXTENTS
					? EXTENT_ZERO
					: EXTENT_ERROR;

	if (p.init > f->valid)
		p.init = f->valid;
	extent_writer_begin(&p.w, &f->content);
	for (const TSK_FS_ATTR_RUN *r = a->nrd.run; r && p.left > 0; r = r->next) {
		uint64_t gap = 0;

		if (r->offset < block || r->len == 0)
			continue; /* overlaps what stands before it: damaged */
		if (__builtin_mul_overflow(r->offset - block, (uint64_t)f->tsk->block_size, &gap))
			break;
		cover(&p, rest, 0, gap);
		p.holes = p.holes || gap > 0;
		cover_run(&p, r);
		if (__builtin_add_overflow(r->offset, r->len, &block))
			break;
	}
	p.holes = p.holes || (p.left > 0 && rest == EXTENT_ZERO);
	/* Never initialised needs no run. */
	if (p.init == 0 && p.left > 0)
		rest = EXTENT_ZERO;
	p.skip = 0;
	cover(&p, rest, 0, p.left);
	extent_writer_end(&p.w);
	return p.holes || a->flags & TSK_FS_ATTR_SPARSE;
}

/* Callbacks stay in structures that libtsk reuses: on these the flag says it, not they. */
static bool has_reader(const struct fs *f, const TSK_FS_ATTR *a)
{
	return a->flags & TSK_FS_ATTR_COMP ||
	       (a->r && f->family != FAMILY_NTFS && f->family != FAMILY_APFS);
}

static bool needs_library(const struct fs *f, const TSK_FS_ATTR *a)
{
	if (has_reader(f, a))
		return true;
	for (const TSK_FS_ATTR_RUN *r = a->nrd.run; r; r = r->next) {
		if (r->flags & TSK_FS_ATTR_RUN_FLAG_ENCRYPTED)
			return true;
	}
	return false;
}

void attr_pack(struct fs *f, const TSK_FS_ATTR *a, struct packed *p)
{
	*p = (struct packed){.size = a->size > 0 ? (uint64_t)a->size : 0};
	if (a->flags & TSK_FS_ATTR_COMP)
		p->flags |= ENTRY_COMPRESSED;
	if (a->flags & TSK_FS_ATTR_ENC)
		p->flags |= ENTRY_ENCRYPTED;
	if (p->size == 0) {
		attr_pack_tag(f, CONTENT_EMPTY);
		return;
	}
	if (a->size < 0 || p->size > SIZE_MAX_SANE) {
		p->flags |= ENTRY_UNREADABLE;
		p->size = 0;
		attr_pack_tag(f, CONTENT_ERROR);
		return;
	}
	buf_reset(&f->content);
	if (!(a->flags & TSK_FS_ATTR_NONRES) && !has_reader(f, a)) {
		if (p->size > RESIDENT_MAX || p->size > a->rd.buf_size) {
			attr_pack_tag(f, CONTENT_WORKER);
			return;
		}
		buf_put_u8(&f->content, CONTENT_RESIDENT);
		buf_put(&f->content, a->rd.buf, (size_t)p->size);
		return;
	}
	if (needs_library(f, a)) {
		attr_pack_tag(f, CONTENT_WORKER);
		return;
	}
	if (pack_runs(f, a, p->size))
		p->flags |= ENTRY_SPARSE;
	if (f->content.len > ENTRY_CONTENT_MAX)
		attr_pack_tag(f, CONTENT_WORKER);
}

static bool unnamed(const TSK_FS_ATTR *a)
{
	return !a->name || a->name[0] == '\0';
}

/* The first in use of this type and without a name. */
static const TSK_FS_ATTR *first_unnamed(const TSK_FS_META *m, TSK_FS_ATTR_TYPE_ENUM type)
{
	for (const TSK_FS_ATTR *a = m->attr ? m->attr->head : NULL; a; a = a->next) {
		if ((a->flags & TSK_FS_ATTR_INUSE) && a->type == type && unnamed(a))
			return a;
	}
	return NULL;
}

const TSK_FS_ATTR *attr_contents(struct fs *f, TSK_FS_FILE *file)
{
	if (f->family == FAMILY_NTFS)
		return first_unnamed(file->meta, TSK_FS_ATTR_TYPE_NTFS_DATA);
	if (file->meta->size == 0 && f->family != FAMILY_HFS && f->family != FAMILY_APFS)
		return NULL;
	return tsk_fs_file_attr_get(file);
}

/*
 * Compressed contents (HFS+, APFS) are told by an attribute: what libtsk makes
 * no contents of must not look empty.
 */
bool attr_is_packed(const TSK_FS_META *m, const TSK_FS_ATTR *contents, uint64_t *size)
{
	const TSK_FS_ATTR *a = m->attr ? m->attr->head : NULL;
	uint8_t head[16] = {0};
	struct cur c = cur_of(head + 4, 12);
	uint32_t method = 0;

	while (a && !((a->flags & TSK_FS_ATTR_INUSE) && a->type == TSK_FS_ATTR_TYPE_HFS_COMP_REC))
		a = a->next;
	if (!a || a->size < (TSK_OFF_T)sizeof(head) ||
		tsk_fs_attr_read(a, 0, (char *)head, sizeof(head), TSK_FS_FILE_READ_FLAG_NONE) !=
			(ssize_t)sizeof(head)) {
		tsk_error_reset();
		return false;
	}
	method = cur_u32(&c);
	*size = cur_u64(&c);
	if (*size > SIZE_MAX_SANE)
		*size = 0;
	return method < DECMPFS_TYPE_ZLIB_ATTR || method > DECMPFS_TYPE_LZVN_RSRC ||
	       method == DECMPFS_TYPE_DATALESS || !contents ||
	       (contents->size >= 0 && (uint64_t)contents->size != *size);
}

static bool ntfs_stream(const TSK_FS_META *m, const TSK_FS_ATTR *a, struct buf *name)
{
	bool data = a->type == TSK_FS_ATTR_TYPE_NTFS_DATA;
	const char *suffix = "";

	switch ((int)a->type) {
	case TSK_FS_ATTR_TYPE_NTFS_DATA:
	case TSK_FS_ATTR_TYPE_NTFS_IDXROOT:
		break;
	case TSK_FS_ATTR_TYPE_NTFS_IDXALLOC:
		suffix = ":$INDEX_ALLOCATION";
		break;
	case TSK_FS_ATTR_TYPE_NTFS_BITMAP:
		suffix = ":$BITMAP";
		break;
	case TSK_FS_ATTR_TYPE_NTFS_LOG:
		suffix = ":$LOGGED_UTILITY_STREAM";
		break;
	default:
		return false;
	}
	if (unnamed(a)) {
		/* A directory's unnamed data is no file's contents: call it by its type. */
		if (!data || m->type != TSK_FS_META_TYPE_DIR || a->size == 0)
			return false;
		buf_puts(name, "$DATA");
		return true;
	}
	if (!data && strcmp(a->name, "$I30") == 0)
		return false;
	text_put(name, a->name, strlen(a->name));
	buf_puts(name, suffix);
	return true;
}

static bool hfs_stream(const TSK_FS_ATTR *a, struct buf *name)
{
	if (a->type == TSK_FS_ATTR_TYPE_HFS_RSRC) {
		buf_puts(name, "rsrc");
		return a->size > 0;
	}
	if (a->type == TSK_FS_ATTR_TYPE_HFS_EXT_ATTR && !unnamed(a)) {
		text_put(name, a->name, strlen(a->name));
		return true;
	}
	return false;
}

/* A link's target is its own attribute, and shown as the link's. */
static bool apfs_stream(const TSK_FS_ATTR *a, struct buf *name)
{
	if ((a->type != TSK_FS_ATTR_TYPE_APFS_EXT_ATTR && a->type != TSK_FS_ATTR_TYPE_APFS_RSRC &&
		    a->type != TSK_FS_ATTR_TYPE_APFS_COMP_REC) ||
		unnamed(a) || strcmp(a->name, APFS_XATTR_NAME_SYMLINK) == 0)
		return false;
	buf_puts(name, a->name);
	return true;
}

bool attr_is_stream(
	const struct fs *f, const TSK_FS_META *m, const TSK_FS_ATTR *a, struct buf *name)
{
	buf_reset(name);
	if (!(a->flags & TSK_FS_ATTR_INUSE))
		return false;
	if (f->family == FAMILY_NTFS)
		return ntfs_stream(m, a, name);
	if (f->family == FAMILY_HFS)
		return hfs_stream(a, name);
	if (f->family == FAMILY_APFS)
		return apfs_stream(a, name);
	return false;
}
