/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open.c - recognise and open a file system
 *
 * Times on FAT and ISO 9660 have no zone: they are read as UTC, by a zone that
 * the C library needs no file for (see UTC below), since this runs where no
 * file may be opened.
 */
#include "fs/patch.h"
#include "fs/pool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/ntfs_record.h"
#include "fs/ufs.h"

/*
 * glibc reads a zone file for every value but this one, "UTC0" included: a
 * colon and no name is UTC without asking.
 */
#define UTC ":"

#define YAFFS_DETECTED_MAX (UINT64_C(4) << 30) /* bytes */

struct kind {
	const char *name;
	TSK_FS_TYPE_ENUM type;
};

static const struct kind kinds[] = {
	{"ntfs", TSK_FS_TYPE_NTFS},
	{"fat", TSK_FS_TYPE_FAT_DETECT},
	{"fat12", TSK_FS_TYPE_FAT12},
	{"fat16", TSK_FS_TYPE_FAT16},
	{"fat32", TSK_FS_TYPE_FAT32},
	{"exfat", TSK_FS_TYPE_EXFAT},
	{"ext", TSK_FS_TYPE_EXT_DETECT},
	{"ext2", TSK_FS_TYPE_EXT2},
	{"ext3", TSK_FS_TYPE_EXT3},
	{"ext4", TSK_FS_TYPE_EXT4},
	{"hfsplus", TSK_FS_TYPE_HFS_DETECT},
	{"iso9660", TSK_FS_TYPE_ISO9660},
	{"ufs", TSK_FS_TYPE_FFS_DETECT},
	{"ufs1", TSK_FS_TYPE_FFS1},
	{"ufs2", TSK_FS_TYPE_FFS2},
	{"yaffs2", TSK_FS_TYPE_YAFFS2},
	{"apfs", TSK_FS_TYPE_APFS},
};

static const struct kind *kind_named(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	}
	return NULL;
}

static enum fs_family family_of(TSK_FS_TYPE_ENUM t, const char **name)
{
	switch ((unsigned)t) {
	case TSK_FS_TYPE_NTFS:
		*name = "ntfs";
		return FAMILY_NTFS;
	case TSK_FS_TYPE_FAT12:
		*name = "fat12";
		return FAMILY_FAT;
	case TSK_FS_TYPE_FAT16:
		*name = "fat16";
		return FAMILY_FAT;
	case TSK_FS_TYPE_FAT32:
		*name = "fat32";
		return FAMILY_FAT;
	case TSK_FS_TYPE_EXFAT:
		*name = "exfat";
		return FAMILY_EXFAT;
	case TSK_FS_TYPE_EXT2:
		*name = "ext2";
		return FAMILY_EXT;
	case TSK_FS_TYPE_EXT3:
		*name = "ext3";
		return FAMILY_EXT;
	case TSK_FS_TYPE_EXT4:
		*name = "ext4";
		return FAMILY_EXT;
	case TSK_FS_TYPE_HFS:
		*name = "hfsplus";
		return FAMILY_HFS;
	case TSK_FS_TYPE_FFS1:
	case TSK_FS_TYPE_FFS1B:
		*name = "ufs1";
		return FAMILY_UFS;
	case TSK_FS_TYPE_FFS2:
		*name = "ufs2";
		return FAMILY_UFS;
	case TSK_FS_TYPE_YAFFS2:
		*name = "yaffs2";
		return FAMILY_YAFFS;
	case TSK_FS_TYPE_APFS:
		*name = "apfs";
		return FAMILY_APFS;
	default:
		*name = "unknown";
		return FAMILY_OTHER;
	}
}

/* Keeps the first reason: of the kinds tried, the likeliest came first. */
static void keep_reason(char *why, size_t n)
{
	const char *t = tsk_error_get_errstr();

	if (why[0] == '\0' && t && *t) {
		snprintf(why, n, "%.200s", t);
		for (char *c = why; *c; c++) {
			if ((unsigned char)*c < ' ')
				*c = ' ';
		}
	}
	tsk_error_reset();
}

static bool try_iso(struct fs *f, char *why, size_t n)
{
	struct err e = {0};

	if (iso_open(f->s, f->offset, f->end, &f->info, &f->iso, &e) == 0)
		return true;
	if (why[0] == '\0')
		snprintf(why, n, "%.200s", e.text);
	return false;
}

static bool try_kind(struct fs *f, const char *name, char *why, size_t n)
{
	const struct kind *k = kind_named(name);

	if (!k)
		return false;
	if (k->type == TSK_FS_TYPE_ISO9660)
		return try_iso(f, why, n);
	tsk_error_reset();
	tsk_img_patch(f->img, 0, "", 0);
	tsk_img_no_bad(f->img);
	tsk_img_check(f->img, NULL);
	if (k->type == TSK_FS_TYPE_NTFS)
		ntfs_guard(f);
	if (k->type == TSK_FS_TYPE_APFS)
		pool_open(f, why, n);
	else if (k->type & TSK_FS_TYPE_FFS_DETECT && !ufs_guard(f))
		snprintf(why, n, "its superblock or its cylinder groups cannot be");
	else
		f->tsk = tsk_fs_open_img(f->img, (TSK_OFF_T)f->offset, patch_boot(f, k->type));
	if (k->type != TSK_FS_TYPE_APFS)
		tsk_img_patch(f->img, 0, "", 0);
	if (!f->tsk)
		keep_reason(why, n);
	return f->tsk != NULL;
}

static void note_others(struct fs *f, const struct sniff *s, size_t opened)
{
	size_t used = strlen(f->info.note);

	for (size_t i = 0; i < s->n; i++) {
		if (i == opened || used >= sizeof(f->info.note))
			continue;
		used += (size_t)snprintf(f->info.note + used, sizeof(f->info.note) - used,
			"%salso has the signature of %s", used ? "; " : "", s->type[i]);
	}
	if (s->foreign && used < sizeof(f->info.note))
		snprintf(f->info.note + used, sizeof(f->info.note) - used,
			"%salso has the signature of %s", used ? "; " : "", s->foreign);
}

static void drop(struct fs *f)
{
	if (f->tsk)
		tsk_fs_close(f->tsk);
	f->tsk = NULL;
	pool_close(f);
	iso_close(f->iso);
	f->iso = NULL;
	f->info = (struct fs_info){.block_size = 0};
}

static bool root_is_readable(struct fs *f)
{
	TSK_FS_DIR *d = NULL;
	bool yes = f->iso != NULL;

	if (f->tsk)
		d = tsk_fs_dir_open_meta(f->tsk, f->tsk->root_inum);
	yes = yes || d;
	tsk_fs_dir_close(d);
	tsk_error_reset();
	return yes;
}

static int detect(struct fs *f, struct err *e)
{
	struct sniff s;
	char why[256] = "";

	sniff_volume(f->s, f->offset, f->end - f->offset, &s);
	/* Of several that open the first whose root directory can be read, else the first. */
	for (int demand = s.n > 1; demand >= 0; demand--) {
		for (size_t i = 0; i < s.n; i++) {
			if (!try_kind(f, s.type[i], why, sizeof(why)))
				continue;
			if (!demand || root_is_readable(f)) {
				note_others(f, &s, i);
				return 0;
			}
			drop(f);
		}
	}
	if (f->unread)
		return err_set(e, ENOENT, "%s", why);
	if (s.n > 0)
		return err_set(e, EBADMSG, "%s, but damaged: %s", s.type[0],
			why[0] ? why : "it cannot be opened");
	if (s.foreign)
		return err_set(e, ENOENT, "%s: recognised and not read", s.foreign);
	if (s.backup && try_kind(f, s.backup, why, sizeof(why))) {
		snprintf(f->info.note, sizeof(f->info.note),
			"the boot sector is damaged: its backup was used");
		return 0;
	}
	/*
	 * YAFFS2 has no signature: its structure is tried last, and libtsk looks for it through
	 * the whole of a volume that is blank. No flash that has one is larger.
	 */
	if (f->end - f->offset > YAFFS_DETECTED_MAX)
		return err_set(e, ENOENT,
			"no file system recognised (YAFFS2 only up to 4 GiB, unless it is forced)");
	if (try_kind(f, "yaffs2", why, sizeof(why))) {
		snprintf(f->info.note, sizeof(f->info.note), "recognised by its structure");
		return 0;
	}
	return err_set(e, ENOENT, "no file system recognised");
}

static int force(struct fs *f, const char *type, struct err *e)
{
	char why[256] = "";

	if (!kind_named(type))
		return err_set(e, ENOENT, "'%s' is no file system that is read", type);
	if (!try_kind(f, type, why, sizeof(why)) && f->unread)
		return err_set(e, ENOENT, "%s", why);
	if (!f->tsk && !f->iso)
		return err_set(e, EBADMSG, "cannot be opened as %s: %s", type,
			why[0] ? why : "no reason given");
	return 0;
}

static int finish(struct fs *f, struct err *e)
{
	const char *name = NULL;
	TSK_FS_FILE *root = NULL;

	if (f->iso) {
		f->family = FAMILY_ISO;
		return 0;
	}
	f->family = family_of(f->tsk->ftype, &name);
	snprintf(f->info.type, sizeof(f->info.type), "%s", name);
	f->info.block_size = f->tsk->block_size;
	f->info.blocks = f->tsk->block_count;
	f->info.root_inode = f->tsk->root_inum;
	if (f->tsk->block_size == 0)
		return err_set(e, EBADMSG, "%s with blocks of no size", name);
	root = tsk_fs_file_open_meta(f->tsk, NULL, f->tsk->root_inum);
	tsk_error_reset();
	if (!root) {
		/* The walk says what is wrong; a structure to fill is needed all the same. */
		root = tsk_fs_file_open_meta(f->tsk, NULL, f->tsk->first_inum);
		tsk_error_reset();
	}
	if (!root)
		return err_set(e, EBADMSG, "%s whose root directory cannot be found", name);
	f->file = root;
	if (f->family == FAMILY_EXT)
		ext_read_super(f, &f->ext);
	label_read(f);
	if (f->family == FAMILY_APFS)
		pool_note(f);
	return 0;
}

/* A table that is wrong, or a medium that was cut off: what lies beyond cannot be read. */
static void note_larger(struct fs *f)
{
	uint64_t room = f->end - f->offset;
	size_t used = strlen(f->info.note);
	uint64_t bytes = 0;

	if (__builtin_mul_overflow(f->info.blocks, f->info.block_size, &bytes))
		bytes = UINT64_MAX;
	if (bytes <= room || used >= sizeof(f->info.note))
		return;
	snprintf(f->info.note + used, sizeof(f->info.note) - used,
		"%sthe file system says that it has %" PRIu64 " bytes, %" PRIu64
		" more than there are: what lies beyond is unreadable",
		used ? "; " : "", bytes, bytes - room);
}

int fs_open_member(const struct source *s, uint64_t offset, uint64_t length, unsigned member,
	const char *type, struct fs **out, struct err *e)
{
	struct fs *f = NULL;
	int r = 0;

	if (offset >= source_size(s) || length == 0)
		return err_set(e, ENOENT, "the volume lies outside the image");
	setenv("TZ", UTC, 1);
	tzset();
	f = calloc(1, sizeof(*f));
	if (!f)
		return err_set(e, ENOMEM, "out of memory");
	f->s = s;
	f->member = member;
	f->valid = UINT64_MAX;
	f->offset = offset;
	f->end = length < source_size(s) - offset ? offset + length : source_size(s);
	f->img = tsk_img_of_source(s, f->end);
	if (!f->img)
		r = err_set(e, ENOMEM, "out of memory");
	if (r == 0)
		r = type ? force(f, type, e) : detect(f, e);
	if (r == 0)
		r = finish(f, e);
	if (r == 0)
		note_larger(f);
	if (r) {
		fs_close(f);
		return r;
	}
	*out = f;
	return 0;
}

int fs_open(const struct source *s, uint64_t offset, uint64_t length, const char *type,
	struct fs **out, struct err *e)
{
	return fs_open_member(s, offset, length, 0, type, out, e);
}

const struct fs_info *fs_info(const struct fs *f)
{
	return &f->info;
}

void fs_close(struct fs *f)
{
	if (!f)
		return;
	if (f->reading)
		tsk_fs_file_close(f->reading);
	if (f->file)
		tsk_fs_file_close(f->file);
	drop(f);
	if (f->img)
		tsk_img_close(f->img);
	set_release(&f->entries);
	buf_release(&f->name);
	buf_release(&f->target);
	buf_release(&f->content);
	free(f);
}
