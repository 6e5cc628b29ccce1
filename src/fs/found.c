/* SPDX-License-Identifier: Apache-2.0 */
/*
 * found.c - from name and metadata to an entry; see found.h
 *
 * A deleted name whose metadata has gone to another file shows neither that
 * file's contents nor its children. A file whose attribute is gone has a size
 * and is unreadable: it is never shown as empty.
 */
#include "fs/found.h"

#include <errno.h>
#include <string.h>

#include "fs/ext_attr.h"

static bool is_dir_name(const TSK_FS_NAME *n)
{
	return n->type == TSK_FS_NAME_TYPE_DIR || n->type == TSK_FS_NAME_TYPE_VIRT_DIR;
}

static enum entry_kind kind_of_name(const TSK_FS_NAME *n)
{
	switch ((int)n->type) {
	case TSK_FS_NAME_TYPE_DIR:
	case TSK_FS_NAME_TYPE_VIRT_DIR:
		return ENTRY_DIR;
	case TSK_FS_NAME_TYPE_FIFO:
	case TSK_FS_NAME_TYPE_CHR:
	case TSK_FS_NAME_TYPE_BLK:
	case TSK_FS_NAME_TYPE_SOCK:
	case TSK_FS_NAME_TYPE_WHT:
		return ENTRY_SPECIAL;
	default:
		return ENTRY_FILE;
	}
}

static bool types_agree(const TSK_FS_NAME *n, const TSK_FS_META *m)
{
	if (n->type == TSK_FS_NAME_TYPE_UNDEF || m->type == TSK_FS_META_TYPE_UNDEF)
		return true;
	return is_dir_name(n) == (TSK_FS_IS_DIR_META(m->type) != 0);
}

/* NTFS counts a record's uses: a deleted record stands one above the name's number. */
static bool same_use(const TSK_FS_NAME *n, const TSK_FS_META *m)
{
	if (n->meta_seq == m->seq)
		return true;
	return (m->flags & TSK_FS_META_FLAG_UNALLOC) &&
	       ((n->meta_seq + 1) & 0xffff) == (m->seq & 0xffff);
}

enum bond found_bond(const struct fs *f, const TSK_FS_NAME *n, const TSK_FS_META *m)
{
	bool deleted = (n->flags & TSK_FS_NAME_FLAG_UNALLOC) != 0;
	bool live = m && (m->flags & TSK_FS_META_FLAG_ALLOC);

	if (!m)
		return deleted ? BOND_NONE : BOND_BROKEN;
	if (f->family == FAMILY_NTFS && !same_use(n, m))
		return deleted ? BOND_OTHER : BOND_BROKEN;
	if (!deleted)
		return BOND_OWN;
	if (f->family == FAMILY_FAT || f->family == FAMILY_EXFAT)
		return BOND_OWN; /* the name is the metadata */
	if (!types_agree(n, m))
		return BOND_OTHER;
	if (!live)
		return BOND_OWN;
	return f->family == FAMILY_NTFS ? BOND_STALE : BOND_OTHER;
}

uint32_t found_meta_flags(const struct fs *f, const TSK_FS_NAME *n)
{
	size_t len = n->name ? strlen(n->name) : 0;
	static const char label[] = " (Volume Label Entry)";

	switch (f->family) {
	case FAMILY_NTFS:
		return n->meta_addr < 16 && n->meta_addr != f->tsk->root_inum ? ENTRY_META : 0;
	case FAMILY_FAT:
	case FAMILY_EXFAT:
		if (len >= sizeof(label) - 1 &&
			strcmp(n->name + len - (sizeof(label) - 1), label) == 0)
			return ENTRY_META | ENTRY_VIRTUAL;
		if (f->family == FAMILY_EXFAT && len > 0 &&
			(strcmp(n->name, "$ALLOC_BITMAP") == 0 ||
				strcmp(n->name, "$UPCASE_TABLE") == 0))
			return ENTRY_META | ENTRY_VIRTUAL;
		return 0;
	case FAMILY_HFS:
		return n->meta_addr < 16 && n->meta_addr != f->tsk->root_inum ? ENTRY_META : 0;
	default:
		return 0;
	}
}

/* Contents of the entry at hand; a file whose attribute is gone is unreadable, never empty. */
static int fill_contents(struct walk *w, struct fs *f, struct entry *e)
{
	const TSK_FS_ATTR *a = NULL;
	struct packed p = {0};
	int r = 0;

	attr_pack_tag(f, CONTENT_EMPTY);
	if (e->kind == ENTRY_FILE)
		a = attr_contents(f, f->file);
	if (e->kind == ENTRY_FILE && (f->family == FAMILY_HFS || f->family == FAMILY_APFS) &&
		attr_is_packed(f->file->meta, a, &e->size)) {
		e->flags |= ENTRY_UNREADABLE | ENTRY_COMPRESSED;
		attr_pack_tag(f, CONTENT_ERROR);
		r = walk_path_problem(w, "compressed in a way that is not read");
	} else if (a) {
		attr_pack(f, a, &p);
		e->size = p.size;
		e->flags |= p.flags;
		e->attr_type = (uint32_t)a->type;
		e->attr_id = a->id;
	} else if (e->kind == ENTRY_FILE && f->file->meta->size > 0) {
		e->size = (uint64_t)f->file->meta->size;
		e->flags |= ENTRY_UNREADABLE;
		attr_pack_tag(f, CONTENT_ERROR);
		if (!(e->flags & ENTRY_DELETED))
			r = walk_unreadable(w, "its contents cannot be read");
	}
	e->content = f->content.data;
	e->content_len = f->content.len;
	return f->content.error ? -ENOMEM : r;
}

static int become_link(struct walk *w, struct fs *f, struct entry *e)
{
	if (e->kind == ENTRY_SPECIAL || !meta_target(f, f->file))
		return 0;
	/* Nothing may hide behind a link. */
	if (e->kind == ENTRY_DIR && meta_has_children(f->file->meta))
		return walk_path_problem(
			w, "a junction that has names of its own: shown as a directory");
	e->kind = ENTRY_LINK;
	e->mode = (e->mode & 07777) | 0120000;
	e->target = f->target.data;
	e->target_len = f->target.len;
	return 0;
}

static bool is_bad_clusters(const struct fs *f, const TSK_FS_META *m, const TSK_FS_ATTR *a)
{
	return f->family == FAMILY_NTFS && m->addr == 8 && a->name && strcmp(a->name, "$Bad") == 0;
}

/* As large as the volume, and nothing in it but where the bad clusters are. */
static void pack_bad_clusters(struct fs *f, struct entry *e)
{
	struct extent_writer zero;

	e->flags |= ENTRY_NOHASH | ENTRY_SPARSE;
	if (e->size == 0)
		return;
	buf_reset(&f->content);
	extent_writer_begin(&zero, &f->content);
	extent_writer_add(&zero, EXTENT_ZERO, 0, e->size);
	extent_writer_end(&zero);
}

/* One attribute of libtsk's as a sibling of its owner. */
static int emit_stream(struct fs *f, const struct fs_sink *sink, const TSK_FS_META *m,
	const TSK_FS_ATTR *a, const struct entry *stream)
{
	struct entry e = *stream;
	struct packed p = {0};
	int r = 0;

	attr_pack(f, a, &p);
	e.name = f->name.data;
	e.name_len = f->name.len;
	e.flags |= p.flags;
	e.size = p.size;
	e.attr_type = (uint32_t)a->type;
	e.attr_id = a->id;
	if (is_bad_clusters(f, m, a))
		pack_bad_clusters(f, &e);
	e.content = f->content.data;
	e.content_len = f->content.len;
	if (f->content.error || f->name.error)
		return -ENOMEM;
	r = sink->enter(sink->ctx, &e);
	return r ? r : sink->leave(sink->ctx);
}

int found_streams(struct walk *w, struct fs *f, const struct fs_sink *sink, const TSK_FS_FILE *file,
	const struct entry *owner)
{
	const TSK_FS_META *m = file->meta;
	struct entry e = *owner;
	int r = 0;

	e.kind = ENTRY_STREAM;
	e.flags &= ENTRY_DELETED | ENTRY_ORPHAN | ENTRY_META | ENTRY_REALLOC;
	e.mode = (owner->mode & 0777) | 0100000;
	e.target = NULL;
	e.target_len = 0;
	e.attr_type = 0;
	e.attr_id = 0;
	for (const TSK_FS_ATTR *a = m->attr ? m->attr->head : NULL; a && r == 0; a = a->next) {
		if (attr_is_stream(f, m, a, &f->name))
			r = emit_stream(f, sink, m, a, &e);
	}
	if (r == 0 && f->family == FAMILY_EXT)
		r = ext_attr_streams(f, sink, m->addr, &e);
	return r > 0 ? walk_path_problem(w, "its extended attributes are damaged") : r;
}

/* From metadata to entry; @b says how far the name may speak for it. */
int found_entry(struct walk *w, struct fs *f, const TSK_FS_NAME *n, enum bond b, struct entry *e)
{
	int r = 0;

	if (b == BOND_OWN || b == BOND_STALE) {
		meta_entry(f, f->file->meta, e);
		r = become_link(w, f, e);
		return r ? r : fill_contents(w, f, e);
	}
	e->kind = kind_of_name(n);
	e->inode = n->meta_addr;
	e->seq = n->meta_seq;
	e->mode = e->kind == ENTRY_DIR ? 0040000 : 0100000;
	attr_pack_tag(f, CONTENT_EMPTY);
	if (b == BOND_OTHER)
		e->flags |= ENTRY_REALLOC;
	if (b == BOND_BROKEN) {
		e->flags |= ENTRY_UNREADABLE;
		if (e->kind == ENTRY_FILE)
			attr_pack_tag(f, CONTENT_ERROR);
		r = walk_unreadable(w, "its metadata cannot be read");
	}
	e->content = f->content.data;
	e->content_len = f->content.len;
	return f->content.error ? -ENOMEM : r;
}
