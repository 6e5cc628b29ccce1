/* SPDX-License-Identifier: Apache-2.0 */
/* fat_names.c - long FAT names in whole, entries passed over; see fat_names.h. */
#include "fs/fat_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "fs/set.h"
#include "volume/utf16.h"

#define DENTRY      32
#define SLOTS_MAX   20 /* 255 characters */
#define SLOTS_LONG  15 /* libtsk's are whole up to here */
#define SLOT_BYTES  26
#define FIRST_INODE 3
#define ATTR_LONG   0x0f
#define ATTR_LABEL  0x08
#define BYTES_MAX   (256 * 1024 * 1024)

struct reading {
	struct fat_names *n;
	struct fs *f;
	uint64_t first_sector;
	uint64_t sector;
	uint8_t units[SLOTS_MAX][SLOT_BYTES]; /* as they lie: the last part of a name first */
	uint8_t sum;
	size_t slots;
	uint64_t left;
	struct set listed; /* by libtsk */
	bool ended;        /* the end of what is in use was met */
};

/* Where libtsk begins to number directory slots: behind the file allocation tables. */
static bool geometry(struct reading *r)
{
	uint8_t b[40] = {0};
	struct cur c = cur_of(b, sizeof(b));
	uint64_t reserved = 0;
	uint64_t tables = 0;
	uint64_t length = 0;

	if (source_read_all(r->f->s, b, sizeof(b), r->f->offset) != (ssize_t)sizeof(b))
		return false;
	cur_take(&c, 11);
	r->sector = cur_u16(&c);
	cur_take(&c, 1);
	reserved = cur_u16(&c);
	tables = cur_u8(&c);
	cur_take(&c, 5);
	length = cur_u16(&c);
	cur_take(&c, 12);
	if (length == 0)
		length = cur_u32(&c);
	r->first_sector = reserved + tables * length;
	return r->sector == r->f->tsk->block_size && r->sector >= DENTRY;
}

static bool keep(struct reading *r, uint64_t inode)
{
	struct fat_names *n = r->n;
	size_t at = n->bytes.len;
	uint8_t whole[SLOTS_MAX * SLOT_BYTES];

	if (array_room(&n->v, sizeof(*n->v), n->n, &n->cap))
		return false;
	for (size_t i = 0; i < r->slots; i++)
		memcpy(whole + i * SLOT_BYTES, r->units[r->slots - 1 - i], SLOT_BYTES);
	utf16le_put_str(&n->bytes, whole, r->slots * SLOT_BYTES);
	if (n->bytes.error)
		return false;
	n->v[n->n++] = (struct fat_name){.inode = inode, .at = at, .len = n->bytes.len - at};
	return true;
}

/* Of a short name, as each of its long slots has it. */
static uint8_t checksum(const uint8_t *name)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < 11; i++)
		sum = (uint8_t)((sum >> 1 | sum << 7) + name[i]);
	return sum;
}

/* Entries of a directory that is not deleted; "." and ".." are listed under other numbers. */
static void count(struct reading *r, const uint8_t *p, uint64_t inode)
{
	bool dots = memcmp(p, ".          ", 11) == 0 || memcmp(p, "..         ", 11) == 0;

	r->ended = r->ended || p[0] == 0;
	if (!r->ended && p[0] != 0xe5 && !dots && !(p[11] & ATTR_LABEL) &&
		!set_has(&r->listed, inode))
		r->n->passed_over++;
}

static bool slot(struct reading *r, const uint8_t *p, uint64_t inode)
{
	bool ok = true;

	if ((p[11] & 0x3f) == ATTR_LONG) {
		if (r->slots == SLOTS_MAX || (r->slots > 0 && p[13] != r->sum))
			r->slots = 0;
		r->sum = p[13];
		memcpy(r->units[r->slots], p + 1, 10);
		memcpy(r->units[r->slots] + 10, p + 14, 12);
		memcpy(r->units[r->slots] + 22, p + 28, 4);
		r->slots++;
		return true;
	}
	count(r, p, inode);
	/* a deleted short name has lost a byte of its sum */
	if (r->slots >= SLOTS_LONG && (p[0] == 0xe5 || checksum(p) == r->sum))
		ok = keep(r, inode);
	r->slots = 0;
	return ok;
}

static bool run(struct reading *r, const TSK_FS_ATTR_RUN *a)
{
	uint64_t per_sector = r->sector / DENTRY;
	uint8_t *b = malloc((size_t)r->sector);
	bool ok = b != NULL;

	for (uint64_t i = 0; ok && i < a->len && r->left >= r->sector; i++, r->left -= r->sector) {
		uint64_t off = 0;
		uint64_t first = 0;

		ok = a->addr + i >= r->first_sector && attr_image_offset(r->f, a->addr + i, &off) &&
		     source_read_all(r->f->s, b, (size_t)r->sector, off) == (ssize_t)r->sector;
		first = (a->addr + i - r->first_sector) * per_sector + FIRST_INODE;
		for (uint64_t k = 0; ok && k < per_sector; k++)
			ok = slot(r, b + k * DENTRY, first + k);
	}
	free(b);
	return ok;
}

static int by_inode(const void *a, const void *b)
{
	const struct fat_name *x = a;
	const struct fat_name *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

void fat_names_begin(struct fat_names *n, struct fs *f, const TSK_FS_DIR *dir)
{
	struct reading r = {.n = n, .f = f, .left = BYTES_MAX};
	const TSK_FS_ATTR *attr = NULL;

	*n = (struct fat_names){.n = 0};
	if (!dir->fs_file || !geometry(&r))
		return;
	attr = tsk_fs_file_attr_get(dir->fs_file);
	tsk_error_reset();
	if (!attr || !(attr->flags & TSK_FS_ATTR_NONRES))
		return;
	for (size_t i = 0; i < dir->names_used; i++)
		set_add(&r.listed, dir->names[i].meta_addr);
	for (const TSK_FS_ATTR_RUN *a = attr->nrd.run; a; a = a->next) {
		if (!run(&r, a))
			break;
	}
	if (n->n > 1)
		qsort(n->v, n->n, sizeof(*n->v), by_inode);
	if (r.listed.failed)
		n->passed_over = 0;
	set_release(&r.listed);
}

const uint8_t *fat_names_get(const struct fat_names *n, uint64_t inode, size_t *len)
{
	struct fat_name key = {.inode = inode};
	const struct fat_name *x = n->n ? bsearch(&key, n->v, n->n, sizeof(*n->v), by_inode) : NULL;

	if (!x || x->len == 0)
		return NULL;
	*len = x->len;
	return n->bytes.data + x->at;
}

void fat_names_end(struct fat_names *n)
{
	free(n->v);
	buf_release(&n->bytes);
	*n = (struct fat_names){.n = 0};
}
