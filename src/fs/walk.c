/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk.c - every name of a volume in preorder
 *
 * An explicit stack over single directories: libtsk's own walk stops at depth
 * 128 without a word. A directory is descended once, at the first name that
 * leads to it, which also ends every cycle.
 */
#include "fs/tsk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "fs/budget.h"
#include "fs/found.h"
#include "fs/names.h"
#include "fs/pool.h"
#include "fs/text.h"

#define PROBLEMS_MAX     1000 /* lines a volume */
#define PROBLEM_PATH_MAX 1024
#define TOO_LARGE        "larger, with those before it, than the volume: its names are not shown"
#define DIRS_TIMES       4 /* all directories to the volume's size: deleted ones overlap */

/*
 * A large directory's names stand by hash or by alphabet, their metadata all
 * over the volume: visited in the order of the metadata each part of the disk
 * is read once.
 */
#define ORDER_MIN 1024

struct place {
	TSK_INUM_T addr;
	size_t name;
};

struct frame {
	TSK_FS_DIR *dir;     /* NULL: nothing to list */
	size_t next;         /* name to visit next */
	struct place *order; /* of a large directory: by metadata address; NULL: as they stand */
	size_t path_len;     /* of the path above it */
	uint32_t flags;      /* ENTRY_* that all below inherit */
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
	struct budget budget;
	uint64_t dir_bytes; /* size of all directories opened */
	unsigned problems;
};

bool walk_spent(struct walk *w)
{
	return budget_spent(&w->budget, true);
}

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
int walk_path_problem(struct walk *w, const char *text)
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

int walk_unreadable(struct walk *w, const char *what)
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
	return walk_path_problem(w, text);
}

static int by_address(const void *a, const void *b)
{
	const struct place *x = a;
	const struct place *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

/* NULL where the order does not matter, or memory is short. */
static struct place *order_of(const TSK_FS_DIR *d)
{
	struct place *v = NULL;

	if (d->names_used < ORDER_MIN)
		return NULL;
	v = reallocarray(NULL, d->names_used, sizeof(*v));
	for (size_t i = 0; v && i < d->names_used; i++)
		v[i] = (struct place){.addr = d->names[i].meta_addr, .name = i};
	if (v)
		qsort(v, d->names_used, sizeof(*v), by_address);
	return v;
}

static int frame_push(struct walk *w, TSK_FS_DIR *dir, uint32_t flags, size_t path_len)
{
	uint64_t passed_over = 0;
	char text[128];

	if (array_room(&w->stack, sizeof(*w->stack), w->depth, &w->cap)) {
		tsk_fs_dir_close(dir);
		return -ENOMEM;
	}
	w->stack[w->depth] = (struct frame){.dir = dir, .flags = flags, .path_len = path_len};
	w->stack[w->depth].order = order_of(dir);
	names_begin(&w->stack[w->depth].names, w->f, dir);
	passed_over = names_passed_over(&w->stack[w->depth].names);
	w->depth++;
	if (passed_over == 0 || flags & ENTRY_DELETED)
		return 0;
	snprintf(text, sizeof(text),
		"%" PRIu64 " of its entries are not shown: they are not as entries should be",
		passed_over);
	return walk_path_problem(w, text);
}

static void frame_drop(struct walk *w)
{
	struct frame *fr = &w->stack[--w->depth];

	names_end(&fr->names);
	free(fr->order);
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
 * Blocks that stand in several directories, or many times in one, make names
 * without end of a small volume: together they are no larger than it is.
 */
static bool dir_fits(struct walk *w, const TSK_FS_META *m)
{
	uint64_t volume = w->f->end - w->f->offset;
	uint64_t size = m->size > 0 ? (uint64_t)m->size : 0;

	if (size > volume || w->dir_bytes > volume * DIRS_TIMES)
		return false;
	w->dir_bytes += size;
	return true;
}

/* An empty listing is believed only where the directory names itself. */
static bool is_sound(const struct fs *f, const TSK_FS_DIR *d)
{
	const TSK_FS_META *m = d->fs_file ? d->fs_file->meta : NULL;

	if (!m || !TSK_FS_IS_DIR_META(m->type))
		return false;
	if (f->family != FAMILY_EXT && f->family != FAMILY_UFS)
		return true;
	if (m->content_type == TSK_FS_META_CONTENT_TYPE_EXT4_INLINE)
		return true;
	for (size_t i = 0; i < d->names_used; i++) {
		if (strcmp(d->names[i].name, ".") == 0)
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
		return walk_path_problem(w, "a directory that stands elsewhere too: shown there");
	}
	if (w->depth >= FS_DEPTH_MAX) {
		e->flags |= ENTRY_UNREADABLE;
		return walk_path_problem(w, "nested too deep: what is below it is not shown");
	}
	if (!dir_fits(w, w->f->file->meta)) {
		e->flags |= ENTRY_UNREADABLE;
		return walk_path_problem(w, TOO_LARGE);
	}
	d = dir_open(w->f, addr, &damaged);
	if (d && deleted && fat && holds_live_names(d)) {
		e->flags |= ENTRY_REALLOC;
		tsk_fs_dir_close(d);
		return 0;
	}
	*out = d;
	if (!damaged && d && (deleted || is_sound(w->f, d)))
		return 0;
	e->flags |= ENTRY_UNREADABLE;
	return deleted ? 0 : walk_unreadable(w, "its names cannot all be read");
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

	if (w->f->family == FAMILY_FAT || w->f->family == FAMILY_EXFAT)
		set_add(&w->f->entries, addr);
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
		r = found_streams(w, w->f, w->sink, w->f->file, e);
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
	if (!names_real(&fr->names, n, e.name, e.name_len))
		return 0;
	path_set(w, above, &e);
	/* An inode of zero is a wiped one in a deleted name, and a file in some systems. */
	if (n->meta_addr || (n->flags & TSK_FS_NAME_FLAG_ALLOC))
		have = meta_load(f, f->file, n->meta_addr) != NULL;
	b = found_bond(f, n, have ? f->file->meta : NULL);
	if (b != BOND_OTHER)
		tsk_error_reset();
	if (n->flags & TSK_FS_NAME_FLAG_UNALLOC)
		e.flags |= ENTRY_DELETED;
	e.flags |= found_meta_flags(f, n);
	if (have && b == BOND_OWN) {
		bool fresh = set_add(&w->named, n->meta_addr);

		/* Shown as an orphan before its directory was met. */
		if (!fresh && (fr->flags & ENTRY_ORPHAN)) {
			w->path.len = above;
			return 0;
		}
	}
	f->valid = names_valid(&fr->names, n->meta_addr);
	r = found_entry(w, f, n, b, &e);
	f->valid = UINT64_MAX;
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
		r = found_streams(w, w->f, w->sink, fr->dir->fs_file, &e);
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

		/* Used up: what is open is closed, and nothing more begun. */
		if (fr->next >= fr->dir->names_used || budget_spent(&w->budget, false)) {
			r = frame_leave(w);
			continue;
		}
		n = &fr->dir->names[fr->order ? fr->order[fr->next].name : fr->next];
		fr->next++;
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
	r = found_entry(w, w->f, NULL, BOND_OWN, &e);
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
	TSK_FS_DIR *d = NULL;
	int r = 0;

	if (meta_load(w->f, w->f->file, root) && !dir_fits(w, w->f->file->meta))
		return walk_path_problem(w, TOO_LARGE);
	d = dir_open(w->f, root, &damaged);
	set_add(&w->listed, root);
	set_add(&w->named, root);
	if (damaged || !d || !is_sound(w->f, d))
		r = walk_unreadable(w, "its names cannot all be read");
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
		r = found_streams(w, w->f, w->sink, d->fs_file, &e);
	}
	return r ? r : run(w);
}

int fs_walk(struct fs *f, const struct fs_sink *sink, struct err *e)
{
	struct walk w = {.f = f, .sink = sink};
	int r = 0;

	budget_begin(&w.budget, f->end - f->offset);
	r = f->iso ? iso_walk(f->iso, &w, sink) : walk_tree(&w);
	if (r == 0 && !f->iso)
		r = orphan_walk(f, &w);
	if (r == 0 && w.budget.spent)
		r = walk_problem(&w, "given up: a volume of its size does not make so much work; "
				     "names are missing");
	if (r == 0)
		r = pool_snapshots(f, &w);
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
	*e = (struct entry){.kind = ENTRY_DIR, .inode = f->info.root_inode, .mode = 0040000};
	attr_pack_tag(f, CONTENT_EMPTY);
	if (f->iso)
		iso_root(f->iso, e);
	else if (meta_load(f, f->file, f->tsk->root_inum))
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
