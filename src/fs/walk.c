/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk.c - every name of a volume in preorder
 *
 * An explicit stack over single directories: libtsk's own walk stops at depth
 * 128 without a word. A directory is descended once, at the first name that
 * leads to it, which also ends every cycle. Which name owns which metadata is
 * decided here: a deleted name whose metadata has gone to another file shows
 * neither that file's contents nor its children.
 */
#include "fs/tsk.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/names.h"
#include "fs/text.h"

#define PROBLEMS_MAX     1000 /* lines a volume */
#define PROBLEM_PATH_MAX 1024

struct frame {
	TSK_FS_DIR *dir; /* NULL: nothing to list */
	size_t next;     /* name to visit next */
	size_t path_len; /* of the path above it */
	uint32_t flags;  /* ENTRY_* that all below inherit */
	bool root;
	struct names names;
};

struct walk {
	struct fs *f;
	const struct fs_sink *sink;
	struct frame *stack;
	size_t depth;
	size_t cap;
	struct buf path;   /* of the entry at hand, without a leading slash */
	struct buf orphan; /* name of the orphan at hand */
	struct set named;  /* metadata that a name led to */
	struct set listed; /* directories descended into */
	unsigned problems;
};

/* What a name and the metadata it points to have to do with each other. */
enum bond {
	BOND_OWN,    /* the name owns the metadata */
	BOND_STALE,  /* a former name of a file that still exists */
	BOND_OTHER,  /* the metadata is another file's now */
	BOND_BROKEN, /* an allocated name, and no metadata that fits */
	BOND_NONE    /* a deleted name, and no metadata */
};

struct set *walk_named(struct walk *w)
{
	return &w->named;
}

int walk_problem(struct walk *w, const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;
	int n = 0;
	int r = 0;

	if (w->problems++ >= PROBLEMS_MAX)
		return 0;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	r = w->sink->problem(w->sink->ctx, text);
	free(text);
	return r;
}

/* A problem with the entry at hand. */
static int path_problem(struct walk *w, const char *text)
{
	const char *path = buf_cstr(&w->path);
	size_t n = w->path.len;
	const char *cut = "";

	if (n > PROBLEM_PATH_MAX) {
		path += n - PROBLEM_PATH_MAX;
		cut = "...";
	}
	return walk_problem(w, "%s%s: %s", cut, n ? path : "root directory", text);
}

static const char *library_error(void)
{
	const char *t = tsk_error_get_errstr();

	return t && *t ? t : "no reason given";
}

static int unreadable(struct walk *w, const char *what)
{
	char text[512];
	size_t n = 0;

	snprintf(text, sizeof(text), "%s: %.300s", what, library_error());
	tsk_error_reset();
	n = strlen(text);
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
		text[--n] = '\0';
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)text[i] < ' ')
			text[i] = ' ';
	}
	return path_problem(w, text);
}

static int frame_push(struct walk *w, TSK_FS_DIR *dir, uint32_t flags, size_t path_len)
{
	if (w->depth == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 64;
		struct frame *v = reallocarray(w->stack, cap, sizeof(*v));

		if (!v) {
			tsk_fs_dir_close(dir);
			return -ENOMEM;
		}
		w->stack = v;
		w->cap = cap;
	}
	w->stack[w->depth] = (struct frame){.dir = dir, .flags = flags, .path_len = path_len};
	names_begin(&w->stack[w->depth].names, w->f, dir);
	w->depth++;
	return 0;
}

static void frame_drop(struct walk *w)
{
	struct frame *fr = &w->stack[--w->depth];

	names_end(&fr->names);
	tsk_fs_dir_close(fr->dir);
}

/* As much of the directory as can be read; *@damaged when that is not all. */
static TSK_FS_DIR *dir_open(struct fs *f, TSK_INUM_T addr, bool *damaged)
{
	TSK_FS_DIR *d = NULL;

	tsk_error_reset();
	*damaged = f->tsk->dir_open_meta(f->tsk, &d, addr, 0) != TSK_OK;
	return d;
}

/* --- entries -------------------------------------------------------------------------------- */

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

static enum bond bond_of(const struct fs *f, const TSK_FS_NAME *n, const TSK_FS_META *m)
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

static uint32_t meta_flag(const struct fs *f, const TSK_FS_NAME *n)
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
static int fill_contents(struct walk *w, struct entry *e)
{
	struct fs *f = w->f;
	const TSK_FS_ATTR *a = NULL;
	struct packed p = {0};
	int r = 0;

	attr_pack_tag(f, CONTENT_EMPTY);
	if (e->kind == ENTRY_FILE)
		a = attr_contents(f, f->file);
	if (a) {
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
			r = unreadable(w, "its contents cannot be read");
	}
	e->content = f->content.data;
	e->content_len = f->content.len;
	return f->content.error ? -ENOMEM : r;
}

static int become_link(struct walk *w, struct entry *e)
{
	struct fs *f = w->f;

	if (e->kind == ENTRY_SPECIAL || !meta_target(f, f->file))
		return 0;
	/* Nothing may hide behind a link. */
	if (e->kind == ENTRY_DIR && meta_has_children(f->file->meta))
		return path_problem(
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

/* Streams of @file as siblings of @owner. */
static int emit_streams(struct walk *w, const TSK_FS_FILE *file, const struct entry *owner)
{
	struct fs *f = w->f;
	const TSK_FS_META *m = file->meta;

	for (const TSK_FS_ATTR *a = m->attr ? m->attr->head : NULL; a; a = a->next) {
		struct entry e = *owner;
		struct packed p = {0};
		int r = 0;

		if (!attr_is_stream(f, m, a, &f->name))
			continue;
		attr_pack(f, a, &p);
		e.kind = ENTRY_STREAM;
		e.name = f->name.data;
		e.name_len = f->name.len;
		e.flags = p.flags | (owner->flags & (ENTRY_DELETED | ENTRY_ORPHAN | ENTRY_META |
							    ENTRY_REALLOC));
		e.mode = (owner->mode & 0777) | 0100000;
		e.size = p.size;
		e.target = NULL;
		e.target_len = 0;
		e.attr_type = (uint32_t)a->type;
		e.attr_id = a->id;
		if (is_bad_clusters(f, m, a))
			pack_bad_clusters(f, &e);
		e.content = f->content.data;
		e.content_len = f->content.len;
		if (f->content.error || f->name.error)
			return -ENOMEM;
		r = w->sink->enter(w->sink->ctx, &e);
		if (r == 0)
			r = w->sink->leave(w->sink->ctx);
		if (r)
			return r;
	}
	return 0;
}

/* --- directories ---------------------------------------------------------------------------- */

/*
 * A deleted FAT directory whose cluster has been given away lists what stands
 * there now. Names in use there belong to another directory.
 */
static bool holds_live_names(const TSK_FS_DIR *d)
{
	for (size_t i = 0; i < d->names_used; i++) {
		if (d->names[i].flags & TSK_FS_NAME_FLAG_ALLOC)
			return true;
	}
	return false;
}

/*
 * Decide whether to descend into the directory at hand and open it.
 * *@out stays NULL when it is shown without children; @e's flags say why.
 */
static int open_children(
	struct walk *w, TSK_INUM_T addr, enum bond b, struct entry *e, TSK_FS_DIR **out)
{
	bool deleted = (e->flags & ENTRY_DELETED) != 0;
	bool fat = w->f->family == FAMILY_FAT || w->f->family == FAMILY_EXFAT;
	bool damaged = false;
	TSK_FS_DIR *d = NULL;

	if (b != BOND_OWN)
		return 0;
	if (!set_add(&w->listed, addr)) {
		if (deleted)
			return 0;
		return path_problem(w, "a directory that stands elsewhere too: shown there");
	}
	if (w->depth >= FS_DEPTH_MAX) {
		e->flags |= ENTRY_UNREADABLE;
		return path_problem(w, "nested too deep: what is below it is not shown");
	}
	d = dir_open(w->f, addr, &damaged);
	if (d && deleted && fat && holds_live_names(d)) {
		e->flags |= ENTRY_REALLOC;
		tsk_fs_dir_close(d);
		return 0;
	}
	*out = d;
	if (!damaged && d)
		return 0;
	e->flags |= ENTRY_UNREADABLE;
	return deleted ? 0 : unreadable(w, "its names cannot all be read");
}

/* --- one name ------------------------------------------------------------------------------- */

static bool made_up(const struct fs *f, const TSK_FS_NAME *n)
{
	if (!n->name || n->name[0] == '\0' || TSK_FS_ISDOT(n->name))
		return true;
	if (n->meta_addr == TSK_FS_ORPHANDIR_INUM(f->tsk) && strcmp(n->name, "$OrphanFiles") == 0)
		return true;
	return n->type == TSK_FS_NAME_TYPE_VIRT &&
	       (f->family == FAMILY_FAT || f->family == FAMILY_EXFAT);
}

/* From metadata to entry; @b says how far the name may speak for it. */
static int build(struct walk *w, const TSK_FS_NAME *n, enum bond b, struct entry *e)
{
	struct fs *f = w->f;
	int r = 0;

	if (b == BOND_OWN || b == BOND_STALE) {
		meta_entry(f, f->file->meta, e);
		r = become_link(w, e);
		return r ? r : fill_contents(w, e);
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
		r = unreadable(w, "its metadata cannot be read");
	}
	e->content = f->content.data;
	e->content_len = f->content.len;
	return f->content.error ? -ENOMEM : r;
}

static void path_set(struct walk *w, size_t above, const struct entry *e)
{
	w->path.len = above;
	if (above > 0)
		buf_put_u8(&w->path, '/');
	buf_put(&w->path, e->name, e->name_len);
}

/* Enter, children later or leave and streams now. */
static int emit(struct walk *w, TSK_INUM_T addr, enum bond b, struct entry *e, size_t above)
{
	TSK_FS_DIR *d = NULL;
	int r = 0;

	if (e->kind == ENTRY_DIR)
		r = open_children(w, addr, b, e, &d);
	if (r == 0)
		r = w->sink->enter(w->sink->ctx, e);
	if (r) {
		tsk_fs_dir_close(d);
		return r;
	}
	if (d)
		return frame_push(
			w, d, e->flags & (ENTRY_DELETED | ENTRY_ORPHAN | ENTRY_META), above);
	r = w->sink->leave(w->sink->ctx);
	if (r == 0 && (b == BOND_OWN || b == BOND_STALE))
		r = emit_streams(w, w->f->file, e);
	w->path.len = above;
	return r;
}

static int visit(struct walk *w, struct frame *fr, const TSK_FS_NAME *n)
{
	struct fs *f = w->f;
	struct entry e = {.flags = fr->flags};
	size_t above = w->path.len;
	enum bond b = BOND_NONE;
	bool have = false;
	int r = 0;

	names_get(&fr->names, n, &e.name, &e.name_len);
	path_set(w, above, &e);
	/* An inode of zero is a wiped one in a deleted name, and a file in some systems. */
	if (n->meta_addr || (n->flags & TSK_FS_NAME_FLAG_ALLOC))
		have = meta_load(f, f->file, n->meta_addr) != NULL;
	b = bond_of(f, n, have ? f->file->meta : NULL);
	if (b != BOND_OTHER)
		tsk_error_reset();
	if (n->flags & TSK_FS_NAME_FLAG_UNALLOC)
		e.flags |= ENTRY_DELETED;
	e.flags |= meta_flag(f, n);
	if (have && b == BOND_OWN) {
		bool fresh = set_add(&w->named, n->meta_addr);

		/* Shown as an orphan before its directory was met. */
		if (!fresh && (fr->flags & ENTRY_ORPHAN)) {
			w->path.len = above;
			return 0;
		}
	}
	r = build(w, n, b, &e);
	names_times(&fr->names, &e);
	if (r == 0)
		r = emit(w, n->meta_addr, b, &e, above);
	return r;
}

static int frame_leave(struct walk *w)
{
	struct frame *fr = &w->stack[w->depth - 1];
	struct entry e = {.flags = fr->flags};
	int r = 0;

	if (!fr->root)
		r = w->sink->leave(w->sink->ctx);
	if (r == 0 && !fr->root && fr->dir->fs_file && fr->dir->fs_file->meta) {
		meta_entry(w->f, fr->dir->fs_file->meta, &e);
		r = emit_streams(w, fr->dir->fs_file, &e);
	}
	w->path.len = fr->path_len;
	frame_drop(w);
	return r;
}

static int run(struct walk *w)
{
	int r = 0;

	while (r == 0 && w->depth > 0) {
		struct frame *fr = &w->stack[w->depth - 1];
		const TSK_FS_NAME *n = NULL;

		if (fr->next >= fr->dir->names_used) {
			r = frame_leave(w);
			continue;
		}
		n = &fr->dir->names[fr->next++];
		if (!made_up(w->f, n))
			r = visit(w, fr, n);
	}
	return r;
}

int walk_orphan(struct walk *w, TSK_INUM_T addr, const char *name)
{
	struct entry e = {.flags = ENTRY_DELETED | ENTRY_ORPHAN};
	int r = 0;

	if (!meta_load(w->f, w->f->file, addr)) {
		tsk_error_reset();
		return 0;
	}
	set_add(&w->named, addr);
	buf_reset(&w->orphan);
	text_put(&w->orphan, name, strlen(name));
	if (w->orphan.error)
		return -ENOMEM;
	e.name = w->orphan.data;
	e.name_len = w->orphan.len;
	path_set(w, 0, &e);
	meta_entry(w->f, w->f->file->meta, &e);
	r = become_link(w, &e);
	if (r == 0)
		r = fill_contents(w, &e);
	if (r == 0)
		r = emit(w, addr, BOND_OWN, &e, 0);
	return r ? r : run(w);
}

/* --- contract ------------------------------------------------------------------------------- */

static void walk_release(struct walk *w)
{
	while (w->depth > 0)
		frame_drop(w);
	free(w->stack);
	buf_release(&w->path);
	buf_release(&w->orphan);
	set_release(&w->named);
	set_release(&w->listed);
}

static int walk_tree(struct walk *w)
{
	TSK_INUM_T root = w->f->tsk->root_inum;
	bool damaged = false;
	TSK_FS_DIR *d = dir_open(w->f, root, &damaged);
	int r = 0;

	set_add(&w->listed, root);
	set_add(&w->named, root);
	if (damaged || !d)
		r = unreadable(w, "its names cannot all be read");
	if (!d)
		return r;
	if (r) {
		tsk_fs_dir_close(d);
		return r;
	}
	r = frame_push(w, d, 0, 0);
	if (r)
		return r;
	w->stack[0].root = true;
	/* Nothing stands before them: they are the root's. */
	if (d->fs_file && d->fs_file->meta) {
		struct entry e = {.flags = 0};

		meta_entry(w->f, d->fs_file->meta, &e);
		r = emit_streams(w, d->fs_file, &e);
	}
	return r ? r : run(w);
}

int fs_walk(struct fs *f, const struct fs_sink *sink, struct err *e)
{
	struct walk w = {.f = f, .sink = sink};
	int r = walk_tree(&w);

	if (r == 0)
		r = orphan_walk(f, &w);
	if (r == 0 && w.problems > PROBLEMS_MAX) {
		unsigned more = w.problems - PROBLEMS_MAX;

		w.problems = 0;
		r = walk_problem(&w, "%u more problems, not listed", more);
	}
	walk_release(&w);
	if (r == -ENOMEM)
		return err_set(e, ENOMEM, "out of memory while walking a volume");
	return r;
}

int fs_root(struct fs *f, struct entry *e)
{
	*e = (struct entry){.kind = ENTRY_DIR, .inode = f->tsk->root_inum, .mode = 0040000};
	attr_pack_tag(f, CONTENT_EMPTY);
	if (meta_load(f, f->file, f->tsk->root_inum))
		meta_entry(f, f->file->meta, e);
	else
		e->flags |= ENTRY_UNREADABLE;
	tsk_error_reset();
	e->kind = ENTRY_DIR;
	e->flags &= ENTRY_UNREADABLE;
	e->mode = (e->mode & 07777) | 0040000;
	e->content = f->content.data;
	e->content_len = f->content.len;
	return f->content.error ? -ENOMEM : 0;
}
