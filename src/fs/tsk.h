/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsk.h - what the files of fs/ share, and the one place that knows libtsk
 *
 * Private to this folder. libtsk's structures are public and read directly;
 * where one of its functions is wrong, fix.c defines it again. Nothing here
 * keeps more than one entry: scratch buffers in struct fs are reused, so that
 * what a walk hands out is borrowed until its next step.
 */
#ifndef EVIDENCEFS_FS_TSK_H
#define EVIDENCEFS_FS_TSK_H

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#include <tsk/libtsk.h>
#include <tsk/fs/apfs_fs.h>
#include <tsk/fs/decmpfs.h>
#include <tsk/fs/tsk_hfs.h>
#pragma GCC diagnostic pop

/* Exported by the library, declared in headers that are not installed. */
uint8_t fatfs_dir_buf_add(TSK_FS_INFO *fatfs, TSK_INUM_T parent, TSK_INUM_T dir);
void tsk_fs_attrlist_free(TSK_FS_ATTRLIST *list);

#include "fs/ext.h"
#include "fs/fs.h"
#include "fs/iso.h"
#include "fs/set.h"
#include "image/extent.h"

enum fs_family {
	FAMILY_OTHER = 0,
	FAMILY_NTFS,
	FAMILY_FAT,
	FAMILY_EXFAT,
	FAMILY_EXT,
	FAMILY_HFS,
	FAMILY_ISO,
	FAMILY_UFS,
	FAMILY_YAFFS,
	FAMILY_APFS
};

struct fs {
	const struct source *s;
	uint64_t offset; /* image byte where the volume begins */
	uint64_t end;    /* image byte behind its last one, not past the image */
	TSK_IMG_INFO *img;
	TSK_FS_INFO *tsk;  /* NULL: FAMILY_ISO */
	unsigned member;   /* of the volumes that share the place, from 0 */
	struct apfs *apfs; /* FAMILY_APFS: the container, else NULL */
	const TSK_POOL_INFO *pool;
	bool unread; /* recognised, sound, and not read: encrypted, of a version not known */
	TSK_IMG_INFO *pool_img; /* what libtsk reads the pool's volume through */
	struct iso *iso;        /* FAMILY_ISO, else NULL */
	enum fs_family family;
	struct fs_info info;
	struct ext ext; /* FAMILY_EXT */

	TSK_FS_FILE *file;    /* metadata of the entry at hand, reused */
	uint64_t valid;       /* bytes of its contents ever written, where libtsk does not know */
	TSK_FS_FILE *reading; /* what fs_read() served last, kept for the next range */

	struct set entries; /* FAT, exFAT: entries of directories that were handed out */

	struct buf name;
	struct buf target;
	struct buf content;
};

/* What attr_content() and entry building find out about one attribute. */
struct packed {
	uint64_t size;
	uint32_t flags; /* ENTRY_* */
};

/* sniff.c: signatures, without libtsk */
struct sniff {
	const char *type[8]; /* claimed, most likely first; names as in fs_info.type ("fat", "ext",
				"ufs" unsplit) */
	size_t n;
	const char *backup;  /* claimed by a backup boot sector only; NULL if none */
	const char *foreign; /* recognised and not read, in words; NULL if none */
};
void sniff_volume(const struct source *s, uint64_t offset, uint64_t length, struct sniff *out);

/* tsk_img.c: a libtsk image over a source; @end is where its bytes stop */
TSK_IMG_INFO *tsk_img_of_source(const struct source *s, uint64_t end);

/** tsk_img_patch() - show libtsk other bytes at image byte @off; one place an image (none: @n is
 * 0). */
void tsk_img_patch(TSK_IMG_INFO *img, uint64_t off, const void *p, size_t n);
/* Structures that libtsk follows out of their bytes: [size] bytes at each [step] from @from on. */
struct tsk_img_check {
	uint64_t from; /* image byte */
	uint32_t step;
	uint32_t size; /* at least step, at most 4096 */
	bool (*unsound)(const uint8_t *b, size_t n);
};

/** tsk_img_check() - what is unsound reads as zeros; NULL: nothing more is looked at. */
void tsk_img_check(TSK_IMG_INFO *img, const struct tsk_img_check *c);
/** tsk_img_trust() - not while contents are read, which may look like anything. */
void tsk_img_trust(TSK_IMG_INFO *img, bool yes);

/** tsk_img_bad() - image byte @off cannot be read, until tsk_img_no_bad(). Return: false when
 * there are too many such. */
bool tsk_img_bad(TSK_IMG_INFO *img, uint64_t off);
void tsk_img_no_bad(TSK_IMG_INFO *img);

/* label.c: fills info.label and info.id */
void label_read(struct fs *f);

/* attr.c */
/** attr_image_offset() - image byte of a data unit; false when it lies outside the volume. */
bool attr_image_offset(const struct fs *f, uint64_t block, uint64_t *off);
/** attr_contents() - the attribute that is a file's contents, or NULL. */
const TSK_FS_ATTR *attr_contents(struct fs *f, TSK_FS_FILE *file);
/** attr_is_packed() - are the contents compressed in a way not read; @size gets theirs. */
bool attr_is_packed(const TSK_FS_META *m, const TSK_FS_ATTR *contents, uint64_t *size);
/** attr_pack() - packed content of @a into f->content. */
void attr_pack(struct fs *f, const TSK_FS_ATTR *a, struct packed *p);
/** attr_pack_tag() - a content of one tag byte into f->content. */
void attr_pack_tag(struct fs *f, enum content_tag tag);
/** attr_is_stream() - is @a shown beside its owner; @name gets what it is called. */
bool attr_is_stream(
	const struct fs *f, const TSK_FS_META *m, const TSK_FS_ATTR *a, struct buf *name);

/* meta.c */
/** meta_load() - metadata @addr into @file (NULL: a new one). Return: NULL when it cannot be. */
TSK_FS_FILE *meta_load(struct fs *f, TSK_FS_FILE *file, TSK_INUM_T addr);
/** meta_entry() - fill @e from @m: times, mode, owner, nlink; kind by @m's type. */
void meta_entry(const struct fs *f, const TSK_FS_META *m, struct entry *e);
/** meta_target() - a link's target into f->target; false when @m is no link. */
bool meta_target(struct fs *f, TSK_FS_FILE *file);

/** meta_has_children() - does an NTFS directory's index hold names? */
bool meta_has_children(const TSK_FS_META *m);

/* walk.c, for found.c and orphan.c */
struct walk;
int walk_problem(struct walk *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** walk_path_problem() - a problem with the entry at hand. */
int walk_path_problem(struct walk *w, const char *text);
/** walk_unreadable() - the same with what libtsk gave as its reason. */
int walk_unreadable(struct walk *w, const char *what);
struct set *walk_named(struct walk *w);
/** walk_spent() - has the walk done all the work it may? */
bool walk_spent(struct walk *w);
/** walk_orphan() - @file, a name for it, and all below it, as orphans under the root. */
int walk_orphan(struct walk *w, TSK_INUM_T addr, const char *name);

/* orphan.c: metadata no name leads to; @w has seen all names */
int orphan_walk(struct fs *f, struct walk *w);

#endif
