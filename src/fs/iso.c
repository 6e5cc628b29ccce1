/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iso.c - ISO 9660; see iso.h
 *
 * Directories are read a block at a time, never whole. A directory is
 * descended once, by the block where it begins, which ends every cycle.
 * Source: ECMA-119; Joliet specification.
 */
#include "fs/iso.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "fs/iso_record.h"
#include "fs/tsk.h"

#define FIRST_DESCRIPTOR 16
#define DESCRIPTORS_MAX  64
#define DIR_BLOCKS_MAX   (1u << 17) /* 256 MiB of one directory */

struct iso {
	const struct source *s;
	uint64_t offset;
	uint64_t end;
	uint64_t step; /* image bytes from block to block; more than a block on raw CDs */
	uint64_t pre;  /* of them before the block's own */
	uint64_t blocks;
	struct iso_reading how;
	struct iso_record root;
};

struct level {
	uint64_t first; /* block */
	uint64_t blocks;
	uint64_t at;  /* blocks of it that were read */
	size_t pos;   /* in @data */
	size_t above; /* length of the path above */
	uint8_t data[ISO_BLOCK];
};

struct iso_tour {
	struct iso *i;
	struct walk *w;
	const struct fs_sink *sink;
	struct level **stack;
	size_t depth;
	size_t cap;
	struct set listed;
	struct buf path;
	struct buf content;
	struct iso_record r;
	struct iso_record next; /* a further extent of the file at hand */
};

static bool block_at(const struct iso *i, uint64_t n, uint64_t *off)
{
	uint64_t o = 0;

	if (__builtin_mul_overflow(n, i->step, &o) ||
		__builtin_add_overflow(o, i->offset + i->pre, &o) || o >= i->end)
		return false;
	*off = o;
	return true;
}

static bool read_block(const void *ctx, uint64_t n, uint8_t out[ISO_BLOCK])
{
	const struct iso *i = ctx;
	uint64_t off = 0;

	return block_at(i, n, &off) && i->end - off >= ISO_BLOCK &&
	       source_read_all(i->s, out, ISO_BLOCK, off) == (ssize_t)ISO_BLOCK;
}

/* --- open ----------------------------------------------------------------------------------- */

/* Plain images, and CDs with the bytes around each block (mode 1, mode 2 form 1). */
static bool find_layout(struct iso *i)
{
	static const uint64_t layouts[][2] = {{2048, 0}, {2352, 16}, {2352, 24}};
	uint8_t b[ISO_BLOCK];

	for (size_t k = 0; k < 3; k++) {
		i->step = layouts[k][0];
		i->pre = layouts[k][1];
		if (read_block(i, FIRST_DESCRIPTOR, b) && memcmp(b + 1, "CD001", 5) == 0)
			return true;
	}
	return false;
}

static bool is_joliet(const uint8_t *b)
{
	return b[88] == '%' && b[89] == '/' && (b[90] == '@' || b[90] == 'C' || b[90] == 'E');
}

/* Does the root directory's own record announce Rock Ridge? */
static void find_rock(struct iso *i)
{
	uint8_t b[ISO_BLOCK];
	int skip = -1;

	if (read_block(i, i->root.extent, b))
		skip = iso_record_skip(b, sizeof(b));
	i->how.rock = skip >= 0;
	i->how.skip = skip >= 0 ? (size_t)skip : 0;
}

static void put_label(struct fs_info *info, const uint8_t *b)
{
	size_t n = 32;

	while (n > 0 && (b[40 + n - 1] == ' ' || b[40 + n - 1] == 0))
		n--;
	memcpy(info->label, b + 40, n);
	info->label[n] = '\0';
	for (char *c = info->label; *c; c++) {
		if ((unsigned char)*c < ' ')
			*c = '?';
	}
}

static bool take_primary(struct iso *i, const uint8_t *b, struct fs_info *info)
{
	struct cur c = cur_of(b + 80, 4);

	i->blocks = cur_u32(&c);
	put_label(info, b);
	if (!iso_record_parse(&i->how, b + 156, 34, &i->root) || !i->root.directory)
		return false;
	find_rock(i);
	return true;
}

static void add_note(struct fs_info *info, const char *words)
{
	size_t used = strlen(info->note);

	snprintf(info->note + used, sizeof(info->note) - used, "%s%s", used ? "; " : "", words);
}

/* Behind the descriptors of ISO 9660 those of UDF, where both are there (a bridge). */
static bool has_udf(struct iso *i)
{
	uint8_t b[ISO_BLOCK];

	for (uint64_t k = 0; k < DESCRIPTORS_MAX; k++) {
		if (!read_block(i, FIRST_DESCRIPTOR + k, b))
			return false;
		if (memcmp(b + 1, "NSR02", 5) == 0 || memcmp(b + 1, "NSR03", 5) == 0)
			return true;
	}
	return false;
}

static bool read_descriptors(struct iso *i, struct fs_info *info)
{
	uint8_t b[ISO_BLOCK];
	bool have = false;

	for (uint64_t k = 0; k < DESCRIPTORS_MAX; k++) {
		if (!read_block(i, FIRST_DESCRIPTOR + k, b) || memcmp(b + 1, "CD001", 5) != 0 ||
			b[0] == 255)
			break;
		if (b[0] == 1 && !have)
			have = take_primary(i, b, info);
		/* Rock Ridge names are nearer to what was written than Joliet's. */
		if (b[0] == 2 && is_joliet(b) && have && i->how.rock)
			add_note(info, "also has a Joliet tree, which is not shown");
		if (b[0] != 2 || !is_joliet(b) || i->how.rock)
			continue;
		i->how.joliet = true;
		if (!iso_record_parse(&i->how, b + 156, 34, &i->root))
			i->how.joliet = false;
	}
	if (have && has_udf(i))
		add_note(info, "also has the signature of UDF, which is not read");
	return have;
}

int iso_open(const struct source *s, uint64_t offset, uint64_t end, struct fs_info *info,
	struct iso **out, struct err *e)
{
	struct iso *i = calloc(1, sizeof(*i));

	if (!i)
		return err_set(e, ENOMEM, "out of memory");
	i->s = s;
	i->offset = offset;
	i->end = end;
	i->how = (struct iso_reading){.read = read_block, .ctx = i};
	if (!find_layout(i) || !read_descriptors(i, info)) {
		iso_close(i);
		return err_set(e, EBADMSG, "iso9660, but damaged: no volume descriptor that fits");
	}
	snprintf(info->type, sizeof(info->type), "iso9660");
	info->block_size = ISO_BLOCK;
	info->blocks = i->blocks;
	info->root_inode = i->root.extent;
	*out = i;
	return 0;
}

void iso_close(struct iso *i)
{
	if (!i)
		return;
	iso_record_release(&i->root);
	free(i);
}

void iso_root(const struct iso *i, struct entry *e)
{
	e->inode = i->root.extent;
	e->mode = 0040555;
	e->nlink = 1;
	e->mtime = i->root.mtime;
}

/* --- contents ------------------------------------------------------------------------------- */

static void put_extent(struct iso_tour *t, struct extent_writer *w, const struct iso_record *r)
{
	const struct iso *i = t->i;
	uint64_t left = r->size;

	for (uint64_t k = 0; left > 0; k++) {
		uint64_t off = 0;
		uint64_t n = i->step == ISO_BLOCK ? left : ISO_BLOCK;

		if (!block_at(i, r->extent + k, &off))
			break;
		if (n > left)
			n = left;
		if (n > i->end - off)
			n = i->end - off;
		extent_writer_add(w, EXTENT_DATA, off, n);
		left -= n;
		if (i->step == ISO_BLOCK)
			break;
	}
	extent_writer_add(w, EXTENT_ERROR, 0, left);
}

/* --- walk ----------------------------------------------------------------------------------- */

static int tour_problem(struct iso_tour *t, const char *text)
{
	return walk_problem(
		t->w, "%.1000s: %s", t->path.len ? buf_cstr(&t->path) : "root directory", text);
}

static int push(struct iso_tour *t, uint64_t first, uint64_t size, size_t above)
{
	struct level *l = NULL;

	if (array_room(&t->stack, sizeof(struct level *), t->depth, &t->cap))
		return -ENOMEM;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->first = first;
	l->blocks = (size + ISO_BLOCK - 1) / ISO_BLOCK;
	if (l->blocks > DIR_BLOCKS_MAX)
		l->blocks = DIR_BLOCKS_MAX;
	l->pos = ISO_BLOCK;
	l->above = above;
	t->stack[t->depth++] = l;
	return 0;
}

/*
 * The directory's next record into @r. Return: 1; 0 at its end; -1 when what
 * is left of it cannot be read.
 */
static int next_record(const struct iso *i, struct level *l, struct iso_record *r)
{
	for (;;) {
		while (l->pos >= ISO_BLOCK || l->data[l->pos] == 0) {
			if (l->at >= l->blocks)
				return 0;
			l->at++;
			l->pos = ISO_BLOCK;
			if (!read_block(i, l->first + l->at - 1, l->data))
				return -1;
			l->pos = 0;
		}
		if (!iso_record_parse(&i->how, l->data + l->pos, ISO_BLOCK - l->pos, r)) {
			/* Records do not cross blocks: the next one begins afresh. */
			l->pos = ISO_BLOCK;
			return -1;
		}
		l->pos += r->len;
		if (!r->self)
			return 1;
	}
}

static void fill(struct iso_tour *t, struct entry *e, uint64_t inode)
{
	const struct iso_record *r = &t->r;

	e->name = r->name.data;
	e->name_len = r->name.len;
	e->inode = inode;
	e->nlink = r->nlink ? r->nlink : 1;
	e->uid = r->uid;
	e->gid = r->gid;
	e->mtime = r->mtime;
	e->atime = r->atime;
	e->ctime = r->ctime;
	e->crtime = r->crtime;
	e->kind = r->directory || r->child ? ENTRY_DIR : ENTRY_FILE;
	if (r->link && !r->directory) {
		e->kind = ENTRY_LINK;
		e->target = r->target.data;
		e->target_len = r->target.len;
	} else if (e->kind == ENTRY_FILE && r->mode && (r->mode & 0170000) != 0100000) {
		e->kind = ENTRY_SPECIAL;
	}
	e->mode = r->mode;
	if (r->mode == 0)
		e->mode = e->kind == ENTRY_DIR ? 0040555 : 0100444;
	if (r->compressed)
		e->flags |= ENTRY_COMPRESSED;
}

/* A file's extents: its record's, and those of the records that go on with it. */
static int file_contents(struct iso_tour *t, struct level *l, struct entry *e)
{
	struct extent_writer w;
	bool more = t->r.more;
	int r = 0;

	buf_reset(&t->content);
	extent_writer_begin(&w, &t->content);
	put_extent(t, &w, &t->r);
	e->size = t->r.size;
	while (more) {
		int got = next_record(t->i, l, &t->next);

		if (got <= 0) {
			e->flags |= ENTRY_UNREADABLE;
			r = tour_problem(t, "the rest of its extents is missing");
			break;
		}
		put_extent(t, &w, &t->next);
		e->size += t->next.size;
		more = t->next.more;
	}
	extent_writer_end(&w);
	return r;
}

/* Where a moved directory's own record says that it ends. */
static uint64_t moved_size(const struct iso *i, uint64_t block)
{
	uint8_t b[ISO_BLOCK];
	struct iso_record r = {.len = 0};
	uint64_t size = 0;

	if (read_block(i, block, b) && iso_record_parse(&i->how, b, sizeof(b), &r))
		size = r.size;
	iso_record_release(&r);
	return size;
}

static int enter_dir(struct iso_tour *t, struct entry *e, size_t above)
{
	uint64_t first = t->r.child ? t->r.child : t->r.extent;
	uint64_t size = t->r.child ? moved_size(t->i, first) : t->r.size;
	bool again = !set_add(&t->listed, first);
	int r = 0;

	e->inode = first;
	if (again)
		r = tour_problem(t, "a directory that stands elsewhere too: shown there");
	else if (t->depth >= FS_DEPTH_MAX) {
		e->flags |= ENTRY_UNREADABLE;
		r = tour_problem(t, "nested too deep: what is below it is not shown");
	}
	if (r == 0)
		r = t->sink->enter(t->sink->ctx, e);
	if (r)
		return r;
	if (!again && !(e->flags & ENTRY_UNREADABLE))
		return push(t, first, size, above);
	t->path.len = above;
	return t->sink->leave(t->sink->ctx);
}

static int visit(struct iso_tour *t, struct level *l)
{
	struct entry e = {.flags = 0};
	size_t above = t->path.len;
	/* A record has no number of its own: where it stands is one. */
	uint64_t inode = (l->first + l->at - 1) * ISO_BLOCK + l->pos - t->r.len;
	int r = 0;

	if (t->r.relocated)
		return 0;
	if (above > 0)
		buf_put_u8(&t->path, '/');
	buf_put(&t->path, t->r.name.data, t->r.name.len);
	fill(t, &e, inode);
	buf_reset(&t->content);
	if (e.kind == ENTRY_FILE)
		r = file_contents(t, l, &e);
	if (e.size == 0) {
		buf_reset(&t->content);
		buf_put_u8(&t->content, CONTENT_EMPTY);
	}
	e.content = t->content.data;
	e.content_len = t->content.len;
	if (t->content.error || t->path.error)
		return -ENOMEM;
	if (r == 0 && e.kind == ENTRY_DIR)
		return enter_dir(t, &e, above);
	if (r == 0)
		r = t->sink->enter(t->sink->ctx, &e);
	if (r == 0)
		r = t->sink->leave(t->sink->ctx);
	t->path.len = above;
	return r;
}

static int step(struct iso_tour *t)
{
	struct level *l = t->stack[t->depth - 1];
	int got = next_record(t->i, l, &t->r);

	if (got > 0)
		return visit(t, l);
	if (got < 0)
		return tour_problem(t, "a part of its names cannot be read");
	t->path.len = l->above;
	free(l);
	t->depth--;
	return t->depth > 0 ? t->sink->leave(t->sink->ctx) : 0;
}

int iso_walk(struct iso *i, struct walk *w, const struct fs_sink *sink)
{
	struct iso_tour t = {.i = i, .w = w, .sink = sink};
	int r = 0;

	set_add(&t.listed, i->root.extent);
	r = push(&t, i->root.extent, i->root.size, 0);
	while (r == 0 && t.depth > 0)
		r = step(&t);
	while (t.depth > 0)
		free(t.stack[--t.depth]);
	free(t.stack);
	set_release(&t.listed);
	buf_release(&t.path);
	buf_release(&t.content);
	iso_record_release(&t.r);
	iso_record_release(&t.next);
	return r;
}

void iso_unallocated(const struct iso *i, struct buf *out, uint64_t *size)
{
	struct extent_writer w;
	uint64_t off = 0;

	*size = 0;
	if (!block_at(i, i->blocks, &off)) {
		buf_put_u8(out, CONTENT_EMPTY);
		return;
	}
	off -= i->pre;
	*size = i->end - off;
	extent_writer_begin(&w, out);
	extent_writer_add(&w, EXTENT_DATA, off, *size);
	extent_writer_end(&w);
}
