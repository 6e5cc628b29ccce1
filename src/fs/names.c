/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.c - the bytes of a name as the directory has them; see names.h
 * Source: exFAT specification, "Directory Entry Definitions".
 */
#include "fs/names.h"

#include <stdlib.h>
#include <string.h>

#include "fs/text.h"
#include "volume/utf16.h"

#define DENTRY      32
#define DENTRY_FILE 0x05 /* types without the bit that says "in use" */
#define DENTRY_INFO 0x40
#define DENTRY_NAME 0x41
#define NAME_UNITS  15
#define FIRST_INODE 3 /* libtsk numbers directory slots from here */
#define DIR_MAX     (256 * 1024 * 1024)

/* Where libtsk's numbers for slots begin, and how many a sector has. */
struct slots {
	uint64_t first_sector;
	uint64_t per_sector;
	uint64_t sector;
};

/* A file being put together from its slots. */
struct assembly {
	struct exfat_name file;
	unsigned units; /* of the name, still to come */
	bool open;
};

static bool slots_of(const struct fs *f, struct slots *s)
{
	uint8_t b[4];
	struct cur c = cur_of(b, sizeof(b));

	if (source_read_all(f->s, b, sizeof(b), f->offset + 0x58) != (ssize_t)sizeof(b))
		return false;
	s->first_sector = cur_u32(&c);
	s->sector = f->tsk->block_size;
	s->per_sector = s->sector / DENTRY;
	return s->per_sector > 0;
}

static int32_t zone_of(uint8_t v)
{
	int32_t quarters = v & 0x7f;

	if (!(v & 0x80))
		return 0;
	if (quarters >= 0x40)
		quarters -= 0x80;
	return quarters * 15 * 60;
}

static void finish(struct names *n, struct assembly *a, size_t *cap)
{
	if (!a->open || a->units > 0 || a->file.len == 0)
		return;
	a->open = false;
	if (n->n == *cap) {
		size_t want = *cap ? *cap * 2 : 64;
		struct exfat_name *v = reallocarray(n->own, want, sizeof(*v));

		if (!v)
			return;
		n->own = v;
		*cap = want;
	}
	n->own[n->n++] = a->file;
}

static void slot(struct names *n, const uint8_t *p, uint64_t inode, struct assembly *a, size_t *cap)
{
	unsigned kind = p[0] & 0x7f;
	unsigned units = 0;
	size_t before = n->text.len;

	if (kind == DENTRY_FILE) {
		*a = (struct assembly){.open = true,
			.file = {.inode = inode,
				.zone_create = zone_of(p[22]),
				.zone_modify = zone_of(p[23]),
				.zone_access = zone_of(p[24])}};
	} else if (kind == DENTRY_INFO && a->open) {
		a->units = p[3];
		a->file.at = before;
	} else if (kind == DENTRY_NAME && a->open && a->units > 0) {
		units = a->units < NAME_UNITS ? a->units : NAME_UNITS;
		utf16le_put(&n->text, p + 2, (size_t)units * 2);
		a->file.len += n->text.len - before;
		a->units -= units;
		finish(n, a, cap);
	} else {
		a->open = false;
	}
}

/* The slots of one run of the directory's sectors; *@left bytes of it are still to come. */
static bool run_slots(struct names *n, const TSK_FS_ATTR_RUN *r, const struct slots *s,
	uint64_t *left, struct assembly *a, size_t *cap)
{
	uint8_t *b = malloc((size_t)s->sector);

	for (uint64_t i = 0; b && i < r->len && *left >= s->sector; i++, *left -= s->sector) {
		uint64_t off = 0;
		uint64_t first = 0;

		if (!attr_image_offset(n->f, r->addr + i, &off) || r->addr + i < s->first_sector ||
			source_read_all(n->f->s, b, (size_t)s->sector, off) != (ssize_t)s->sector)
			break;
		first = (r->addr + i - s->first_sector) * s->per_sector + FIRST_INODE;
		for (uint64_t k = 0; k < s->per_sector; k++)
			slot(n, b + k * DENTRY, first + k, a, cap);
	}
	free(b);
	return b != NULL;
}

static int by_inode(const void *a, const void *b)
{
	const struct exfat_name *x = a;
	const struct exfat_name *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static void exfat_names(struct names *n, const TSK_FS_DIR *dir)
{
	struct assembly a = {.open = false};
	const TSK_FS_ATTR *attr = NULL;
	struct slots s = {0};
	uint64_t left = DIR_MAX;
	size_t cap = 0;

	if (!dir->fs_file || !dir->fs_file->meta || !slots_of(n->f, &s))
		return;
	attr = tsk_fs_file_attr_get(dir->fs_file);
	tsk_error_reset();
	if (!attr || !(attr->flags & TSK_FS_ATTR_NONRES))
		return;
	for (const TSK_FS_ATTR_RUN *r = attr->nrd.run; r; r = r->next) {
		if (!run_slots(n, r, &s, &left, &a, &cap))
			break;
	}
	if (n->n > 1)
		qsort(n->own, n->n, sizeof(*n->own), by_inode);
}

void names_begin(struct names *n, struct fs *f, const TSK_FS_DIR *dir)
{
	*n = (struct names){.f = f};
	if (f->family == FAMILY_EXFAT && dir)
		exfat_names(n, dir);
}

static const struct exfat_name *own_of(const struct names *n, uint64_t inode)
{
	struct exfat_name key = {.inode = inode};

	if (n->n == 0)
		return NULL;
	return bsearch(&key, n->own, n->n, sizeof(*n->own), by_inode);
}

void names_get(struct names *n, const TSK_FS_NAME *name, const uint8_t **p, size_t *len)
{
	static const char hidden[] = "^^^^HFS+ Private Data";
	const struct exfat_name *own = own_of(n, name->meta_addr);
	size_t have = strlen(name->name);

	*p = (const uint8_t *)name->name;
	*len = have;
	if (own && !n->text.error) {
		*p = n->text.data + own->at;
		*len = own->len;
		return;
	}
	buf_reset(&n->one);
	if (n->f->family == FAMILY_HFS && strcmp(name->name, hidden) == 0) {
		buf_put(&n->one, "\0\0\0\0HFS+ Private Data", sizeof(hidden) - 1);
	} else if (n->f->family == FAMILY_FAT && name->name[0] == 0x05) {
		/* In a short name this stands for the byte that marks deleted ones. */
		buf_put_u8(&n->one, 0xe5);
		buf_put(&n->one, name->name + 1, have - 1);
	} else if (!text_plain(name->name, have)) {
		text_put(&n->one, name->name, have);
	} else {
		return;
	}
	if (n->one.error)
		return;
	*p = n->one.data;
	*len = n->one.len;
}

static void shift(struct entry_time *t, int32_t zone)
{
	if (t->known)
		t->sec -= zone;
}

void names_times(const struct names *n, struct entry *e)
{
	const struct exfat_name *own = own_of(n, e->inode);

	if (!own)
		return;
	shift(&e->crtime, own->zone_create);
	shift(&e->mtime, own->zone_modify);
	shift(&e->atime, own->zone_access);
}

void names_end(struct names *n)
{
	free(n->own);
	buf_release(&n->text);
	buf_release(&n->one);
	*n = (struct names){.f = NULL};
}
