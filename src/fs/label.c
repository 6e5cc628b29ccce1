/* SPDX-License-Identifier: Apache-2.0 */
/* label.c - a volume's label and serial number, from its own structures. */
#include "fs/tsk.h"

#include <stdio.h>
#include <string.h>

#include "fs/apfs.h"
#include "fs/patch.h"
#include "fs/pool.h"
#include "fs/text.h"
#include "volume/utf16.h"

#define LABEL_SUFFIX " (Volume Label Entry)"

/* [n] bytes without trailing blanks and NULs; control characters become '?'. */
static void put_label(struct fs *f, const uint8_t *p, size_t n)
{
	while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == 0))
		n--;
	if (n >= sizeof(f->info.label))
		n = sizeof(f->info.label) - 1;
	if (n > 0)
		memcpy(f->info.label, p, n);
	f->info.label[n] = '\0';
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)f->info.label[i] < ' ')
			f->info.label[i] = '?';
	}
}

static bool volume_bytes(const struct fs *f, uint64_t off, uint8_t *p, size_t n)
{
	return off + n <= f->end - f->offset &&
	       source_read_all(f->s, p, n, f->offset + off) == (ssize_t)n;
}

static void ntfs_label(struct fs *f)
{
	uint8_t b[8] = {0};
	const TSK_FS_ATTR *a = NULL;
	struct buf name = BUF_INIT;

	if (volume_bytes(f, 0x48, b, 8))
		snprintf(f->info.id, sizeof(f->info.id), "%02X%02X%02X%02X%02X%02X%02X%02X", b[7],
			b[6], b[5], b[4], b[3], b[2], b[1], b[0]);
	if (!tsk_fs_file_open_meta(f->tsk, f->file, 3) || !f->file->meta)
		return;
	for (a = f->file->meta->attr ? f->file->meta->attr->head : NULL; a; a = a->next) {
		if ((a->flags & TSK_FS_ATTR_INUSE) && (a->flags & TSK_FS_ATTR_RES) &&
			a->type == TSK_FS_ATTR_TYPE_NTFS_VNAME)
			break;
	}
	if (!a || a->size < 0 || (uint64_t)a->size > a->rd.buf_size)
		return;
	utf16le_put(&name, a->rd.buf, (size_t)a->size);
	put_label(f, name.data, name.len);
	buf_release(&name);
}

/* The label is an entry of the root directory; libtsk names it with a suffix. */
static void root_label(struct fs *f)
{
	TSK_FS_DIR *d = tsk_fs_dir_open_meta(f->tsk, f->tsk->root_inum);

	for (size_t i = 0; d && i < d->names_used; i++) {
		const TSK_FS_NAME *n = &d->names[i];
		size_t len = n->name ? strlen(n->name) : 0;
		size_t tail = sizeof(LABEL_SUFFIX) - 1;

		if (len < tail || strcmp(n->name + len - tail, LABEL_SUFFIX) != 0 ||
			!(n->flags & TSK_FS_NAME_FLAG_ALLOC) || n->name[0] == '$')
			continue;
		put_label(f, (const uint8_t *)n->name, len - tail);
		break;
	}
	tsk_fs_dir_close(d);
}

static void fat_label(struct fs *f)
{
	uint64_t at = f->tsk->ftype == TSK_FS_TYPE_FAT32 ? 0x43 : 0x27;
	uint8_t b[15] = {0};

	if (f->family == FAMILY_EXFAT)
		at = 0x64;
	if (volume_bytes(f, at, b, sizeof(b))) {
		snprintf(f->info.id, sizeof(f->info.id), "%02X%02X-%02X%02X", b[3], b[2], b[1],
			b[0]);
		if (f->family == FAMILY_FAT && memcmp(b + 4, "NO NAME    ", 11) != 0)
			put_label(f, b + 4, 11);
	}
	root_label(f);
}

static void uuid_put(struct fs *f, const uint8_t *u)
{
	size_t n = 0;

	for (size_t i = 0; i < 16; i++)
		n += (size_t)snprintf(f->info.id + n, sizeof(f->info.id) - n, "%s%02x",
			i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", u[i]);
}

static void apfs_label(struct fs *f)
{
	const struct apfs_volume *v = pool_volume(f);

	uuid_put(f, v->uuid);
	put_label(f, (const uint8_t *)v->name, strlen(v->name));
}

static void ext_label(struct fs *f)
{
	uint8_t b[32] = {0};

	if (!volume_bytes(f, 1024 + 0x68, b, sizeof(b)))
		return;
	uuid_put(f, b);
	put_label(f, b + 16, 16);
}

static void ufs_label(struct fs *f)
{
	uint8_t b[UFS_SUPER_BYTES];
	struct ufs_super u;
	const uint8_t *p = b + 144;

	if (!patch_ufs_super(f, b, &u))
		return;
	if (u.second)
		put_label(f, b + 680, strnlen((const char *)b + 680, 32));
	if (u.big)
		snprintf(f->info.id, sizeof(f->info.id), "%02x%02x%02x%02x%02x%02x%02x%02x", p[0],
			p[1], p[2], p[3], p[4], p[5], p[6], p[7]);
	else
		snprintf(f->info.id, sizeof(f->info.id), "%02x%02x%02x%02x%02x%02x%02x%02x", p[3],
			p[2], p[1], p[0], p[7], p[6], p[5], p[4]);
}

/* The volume's name is its root directory's. */
static void hfs_label(struct fs *f)
{
	char name[HFS_MAXNAMLEN + 1] = "";
	struct buf plain = BUF_INIT;
	uint8_t b[8] = {0};
	HFS_ENTRY root;

	if (hfs_cat_file_lookup((HFS_INFO *)f->tsk, f->tsk->root_inum, &root, 0) == 0) {
		unsigned n = (unsigned)root.thread.name.length[0] << 8 | root.thread.name.length[1];

		if (n <= 255 && hfs_UTF16toUTF8(f->tsk, root.thread.name.unicode, (int)n, name,
					sizeof(name), 0) == 0)
			text_put(&plain, name, strlen(name));
		put_label(f, plain.data, plain.len);
		buf_release(&plain);
	}
	if (volume_bytes(f, 1024 + 0x68, b, sizeof(b)))
		snprintf(f->info.id, sizeof(f->info.id), "%02x%02x%02x%02x%02x%02x%02x%02x", b[0],
			b[1], b[2], b[3], b[4], b[5], b[6], b[7]);
}

void label_read(struct fs *f)
{
	switch (f->family) {
	case FAMILY_NTFS:
		ntfs_label(f);
		break;
	case FAMILY_FAT:
	case FAMILY_EXFAT:
		fat_label(f);
		break;
	case FAMILY_EXT:
		ext_label(f);
		break;
	case FAMILY_HFS:
		hfs_label(f);
		break;
	case FAMILY_APFS:
		apfs_label(f);
		break;
	case FAMILY_UFS:
		ufs_label(f);
		break;
	case FAMILY_ISO:
	case FAMILY_YAFFS:
	case FAMILY_OTHER:
		break;
	}
	tsk_error_reset();
}
