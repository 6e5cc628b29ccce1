/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.c - what a directory's own bytes say of its entries; see names.h
 * Source: exFAT specification, "Directory Entry Definitions".
 */
#include "fs/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "fs/text.h"

#define DENTRY       32
#define DENTRY_FILE  0x05 /* its type without the bit that says "in use" */
#define DENTRY_SIZES 0x40
#define FIRST_INODE  3 /* libtsk numbers directory slots from here */
#define DIR_MAX      (256 * 1024 * 1024)

/* Where libtsk's numbers for slots begin, and how many a sector has. */
struct slots {
	uint64_t first_sector;
	uint64_t per_sector;
	uint64_t sector;
};

static bool slots_of(const struct fs *f, struct slots *s)
{
	uint8_t b[4] = {0};
	struct cur c = cur_of(b, sizeof(b));

	if (source_read_all(f->s, b, sizeof(b), f->offset + 0x58) != (ssize_t)sizeof(b))
		return false;
	s->first_sector = cur_u32(&c);
	s->sector = f->tsk->block_size;
	s->per_sector = s->sector / DENTRY;
	return s->per_sector > 0;
}

/* Quarters of an hour in seven bits; the eighth says that they mean something. */
static int32_t zone_of(uint8_t v)
{
	int32_t quarters = v & 0x7f;

	if (!(v & 0x80))
		return 0;
	if (quarters >= 0x40)
		quarters -= 0x80;
	return quarters * 15 * 60;
}

static bool keep(struct names *n, const struct extra *x)
{
	if (array_room(&n->extra, sizeof(*n->extra), n->n, &n->cap))
		return false;
	n->extra[n->n++] = *x;
	return true;
}

/* A file's first slot holds its times, the second its sizes. */
static bool slot(struct names *n, const uint8_t *p, uint64_t inode, struct extra *open)
{
	struct cur c = cur_of(p, DENTRY);
	uint64_t valid = 0;

	if ((p[0] & 0x7f) == DENTRY_FILE) {
		*open = (struct extra){.inode = inode,
			.valid = UINT64_MAX,
			.create = zone_of(p[22]),
			.modify = zone_of(p[23]),
			.access = zone_of(p[24])};
		return true;
	}
	if ((p[0] & 0x7f) != DENTRY_SIZES || open->inode == 0)
		return true;
	cur_take(&c, 8);
	valid = cur_u64(&c);
	cur_take(&c, 8);
	if (valid < cur_u64(&c))
		open->valid = valid;
	if (open->valid == UINT64_MAX && !open->create && !open->modify && !open->access)
		return true;
	if (!keep(n, open))
		return false;
	open->inode = 0;
	return true;
}

/* The slots of one run of the directory's sectors; *@left bytes of it are still to come. */
static bool run_slots(struct names *n, const TSK_FS_ATTR_RUN *r, const struct slots *s,
	uint64_t *left, struct extra *open)
{
	uint8_t *b = malloc((size_t)s->sector);
	bool ok = b != NULL;

	for (uint64_t i = 0; ok && i < r->len && *left >= s->sector; i++, *left -= s->sector) {
		uint64_t off = 0;
		uint64_t first = 0;

		ok = r->addr + i >= s->first_sector && attr_image_offset(n->f, r->addr + i, &off) &&
		     source_read_all(n->f->s, b, (size_t)s->sector, off) == (ssize_t)s->sector;
		first = (r->addr + i - s->first_sector) * s->per_sector + FIRST_INODE;
		for (uint64_t k = 0; ok && k < s->per_sector; k++)
			ok = slot(n, b + k * DENTRY, first + k, open);
	}
	free(b);
	return ok;
}

static int by_inode(const void *a, const void *b)
{
	const struct extra *x = a;
	const struct extra *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static void exfat_read(struct names *n, const TSK_FS_DIR *dir)
{
	const TSK_FS_ATTR *attr = NULL;
	struct slots s = {0};
	struct extra open = {.inode = 0};
	uint64_t left = DIR_MAX;

	if (!dir->fs_file || !dir->fs_file->meta || !slots_of(n->f, &s))
		return;
	attr = tsk_fs_file_attr_get(dir->fs_file);
	tsk_error_reset();
	if (!attr || !(attr->flags & TSK_FS_ATTR_NONRES))
		return;
	for (const TSK_FS_ATTR_RUN *r = attr->nrd.run; r; r = r->next) {
		if (!run_slots(n, r, &s, &left, &open))
			break;
	}
	if (n->n > 1)
		qsort(n->extra, n->n, sizeof(*n->extra), by_inode);
}

void names_begin(struct names *n, struct fs *f, const TSK_FS_DIR *dir)
{
	*n = (struct names){.f = f};
	if (f->family == FAMILY_EXFAT && dir)
		exfat_read(n, dir);
	else if (f->family == FAMILY_EXT && dir)
		ext_dir_begin(&n->ext, f, dir);
	else if (f->family == FAMILY_FAT && dir)
		fat_names_begin(&n->fat, f, dir);
}

uint64_t names_passed_over(const struct names *n)
{
	return n->fat.passed_over;
}

bool names_real(const struct names *n, const TSK_FS_NAME *name, const uint8_t *p, size_t len)
{
	return ext_dir_has(&n->ext, name->meta_addr, p, len);
}

static const struct extra *extra_of(const struct names *n, uint64_t inode)
{
	struct extra key = {.inode = inode};

	if (n->n == 0)
		return NULL;
	return bsearch(&key, n->extra, n->n, sizeof(*n->extra), by_inode);
}

void names_get(struct names *n, const TSK_FS_NAME *name, const uint8_t **p, size_t *len)
{
	size_t have = strlen(name->name);

	*p = (const uint8_t *)name->name;
	*len = have;
	buf_reset(&n->one);
	if (n->f->family == FAMILY_FAT && fat_names_get(&n->fat, name->meta_addr, len)) {
		*p = fat_names_get(&n->fat, name->meta_addr, len);
		return;
	}
	if (n->f->family == FAMILY_HFS && strcmp(name->name, TEXT_HFS_FILES) == 0) {
		buf_put(&n->one, "\0\0\0\0HFS+ Private Data", have);
	} else if (n->f->family == FAMILY_HFS && strcmp(name->name, TEXT_HFS_DIRS) == 0) {
		buf_put(&n->one, name->name, have - 1);
		buf_put_u8(&n->one, '\r');
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
	const struct extra *x = extra_of(n, e->inode);

	if (!x)
		return;
	shift(&e->crtime, x->create);
	shift(&e->mtime, x->modify);
	shift(&e->atime, x->access);
}

uint64_t names_valid(const struct names *n, uint64_t inode)
{
	const struct extra *x = extra_of(n, inode);

	return x ? x->valid : UINT64_MAX;
}

void names_end(struct names *n)
{
	free(n->extra);
	ext_dir_end(&n->ext);
	fat_names_end(&n->fat);
	buf_release(&n->one);
	*n = (struct names){.f = NULL};
}
