/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fix_dir.c - libtsk's lists of names, defined again
 *
 * See fix_runs.c on how these take effect. In libtsk 4.11.1 tsk_fs_dir_add()
 * and tsk_fs_dir_contains() look through the whole directory for each name:
 * a directory of a million names takes minutes. Here a hash index stands
 * behind the names, in the same allocation, so that the library's own
 * tsk_fs_dir_close() frees both: nothing else of the library's changes, and
 * nothing is kept outside the directory.
 *
 * Layout of TSK_FS_DIR.names: names_alloc names, then struct index, then its
 * slots. A slot holds a name's number + 1.
 */
#include "fs/tsk.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_MAX (UINT32_MAX / 4)

struct index {
	size_t slots; /* a power of two, at least twice names_alloc */
	size_t known; /* names in the index */
	uint32_t slot[];
};

TSK_FS_DIR *tsk_fs_dir_alloc(TSK_FS_INFO *fs, TSK_INUM_T addr, size_t count);
uint8_t tsk_fs_dir_realloc(TSK_FS_DIR *d, size_t count);
uint8_t tsk_fs_dir_add(TSK_FS_DIR *d, const TSK_FS_NAME *name);
uint8_t tsk_fs_dir_contains(TSK_FS_DIR *d, TSK_INUM_T addr, uint32_t hash);

/* Exported by the library, declared in headers that are not installed. */
uint32_t tsk_fs_dir_hash(const char *name);
uint8_t tsk_fs_name_copy(TSK_FS_NAME *to, const TSK_FS_NAME *from);

static size_t slots_for(size_t count)
{
	size_t n = 64;

	while (n < count * 2)
		n *= 2;
	return n;
}

static struct index *index_of(const TSK_FS_DIR *d)
{
	return (struct index *)(void *)(d->names + d->names_alloc);
}

static size_t bytes_for(size_t count)
{
	return count * sizeof(TSK_FS_NAME) + sizeof(struct index) +
	       slots_for(count) * sizeof(uint32_t);
}

static size_t place(TSK_INUM_T addr, uint32_t hash, size_t slots)
{
	uint64_t h = (addr ^ (uint64_t)hash << 29) * 0x9e3779b97f4a7c15u;

	return (size_t)(h ^ h >> 32) & (slots - 1);
}

static void index_clear(struct index *x)
{
	x->known = 0;
	memset(x->slot, 0, x->slots * sizeof(x->slot[0]));
}

static void index_put(const TSK_FS_DIR *d, struct index *x, size_t i)
{
	const TSK_FS_NAME *n = &d->names[i];
	size_t at = place(n->meta_addr, n->name ? tsk_fs_dir_hash(n->name) : 0, x->slots);

	while (x->slot[at])
		at = (at + 1) & (x->slots - 1);
	x->slot[at] = (uint32_t)i + 1;
}

/* The library empties and copies directories without asking: catch up. */
static struct index *index_current(const TSK_FS_DIR *d)
{
	struct index *x = index_of(d);

	if (x->known > d->names_used)
		index_clear(x);
	while (x->known < d->names_used)
		index_put(d, x, x->known++);
	return x;
}

TSK_FS_DIR *tsk_fs_dir_alloc(TSK_FS_INFO *fs, TSK_INUM_T addr, size_t count)
{
	TSK_FS_DIR *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->fs_info = fs;
	d->addr = addr;
	d->tag = TSK_FS_DIR_TAG;
	if (tsk_fs_dir_realloc(d, count ? count : 1)) {
		free(d);
		return NULL;
	}
	return d;
}

uint8_t tsk_fs_dir_realloc(TSK_FS_DIR *d, size_t count)
{
	TSK_FS_NAME *names = NULL;

	if (!d || d->tag != TSK_FS_DIR_TAG || count > NAMES_MAX)
		return 1;
	if (d->names && d->names_alloc >= count)
		return 0;
	names = realloc(d->names, bytes_for(count));
	if (!names)
		return 1;
	/* Only the names are kept: the index lay where new names go now. */
	memset(names + d->names_alloc, 0, (count - d->names_alloc) * sizeof(*names));
	for (size_t i = d->names_alloc; i < count; i++)
		names[i].tag = TSK_FS_NAME_TAG;
	d->names = names;
	d->names_alloc = count;
	index_of(d)->slots = slots_for(count);
	index_clear(index_of(d));
	return 0;
}

/* The name's number, or names_used. */
static size_t find(const TSK_FS_DIR *d, const TSK_FS_NAME *name)
{
	const struct index *x = index_current(d);
	size_t at = place(name->meta_addr, tsk_fs_dir_hash(name->name), x->slots);

	for (; x->slot[at]; at = (at + 1) & (x->slots - 1)) {
		const TSK_FS_NAME *n = &d->names[x->slot[at] - 1];

		if (n->meta_addr == name->meta_addr && n->name && strcmp(n->name, name->name) == 0)
			return x->slot[at] - 1;
	}
	return d->names_used;
}

static void names_free(TSK_FS_NAME *n)
{
	free(n->name);
	free(n->shrt_name);
	n->name = n->shrt_name = NULL;
	n->name_size = n->shrt_name_size = 0;
}

uint8_t tsk_fs_dir_add(TSK_FS_DIR *d, const TSK_FS_NAME *name)
{
	size_t i = d->names_used;

	/* Two FAT entries are never the same: each is its own metadata. */
	if (!TSK_FS_TYPE_ISFAT(d->fs_info->ftype) && name->name)
		i = find(d, name);
	if (i < d->names_used) {
		/* Of a name twice in the directory's bytes the one in use counts. */
		if (!(d->names[i].flags & TSK_FS_NAME_FLAG_UNALLOC) ||
			!(name->flags & TSK_FS_NAME_FLAG_ALLOC))
			return 0;
		names_free(&d->names[i]);
	} else {
		if (i >= d->names_alloc && tsk_fs_dir_realloc(d, i + i / 2 + 128))
			return 1;
		d->names_used++;
	}
	if (tsk_fs_name_copy(&d->names[i], name))
		return 1;
	if (d->addr) {
		d->names[i].par_addr = d->addr;
		d->names[i].par_seq = d->seq;
	}
	return 0;
}

uint8_t tsk_fs_dir_contains(TSK_FS_DIR *d, TSK_INUM_T addr, uint32_t hash)
{
	const struct index *x = index_current(d);
	size_t at = place(addr, hash, x->slots);
	TSK_FS_NAME_FLAG_ENUM best = (TSK_FS_NAME_FLAG_ENUM)0;

	for (; x->slot[at]; at = (at + 1) & (x->slots - 1)) {
		const TSK_FS_NAME *n = &d->names[x->slot[at] - 1];

		if (n->meta_addr != addr || !n->name || tsk_fs_dir_hash(n->name) != hash)
			continue;
		best = n->flags;
		if (best == TSK_FS_NAME_FLAG_ALLOC)
			break;
	}
	return (uint8_t)best;
}
