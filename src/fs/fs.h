/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fs.h - a file system in a volume: its walk and its contents (through libtsk)
 *
 * Runs in a worker only, on hostile input, under a filter that allows no open:
 * bytes come from a source alone. Knows nothing of FUSE, of the index, or of
 * who may see what.
 */
#ifndef EVIDENCEFS_FS_FS_H
#define EVIDENCEFS_FS_FS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "fs/entry.h"
#include "image/source.h"

#define FS_DEPTH_MAX 4096 /* directories above an entry; deeper is a problem */

struct fs;

struct fs_info {
	char type[16]; /* name as in p<n>-<type>: ntfs fat12 fat16 fat32 exfat ext2 ext3 ext4 ... */
	uint32_t block_size; /* bytes */
	uint64_t blocks;     /* data units of the volume */
	uint64_t root_inode;
	char label[256]; /* volume label, UTF-8, "" if none */
	char id[64];     /* serial number or UUID as the field writes it, "" if none */
	char note[512];  /* "" or what a reader should know: another type that also fits, damage */
};

/*
 * Receives a walk in preorder. enter() of a directory is followed by its
 * children and then leave(); of anything else by leave() at once. Streams of
 * an entry follow its leave() as siblings, kind ENTRY_STREAM. Deleted entries
 * stand where their name was, flagged ENTRY_DELETED (so does all below a
 * deleted directory). Orphans come last, below the root, flagged
 * ENTRY_DELETED | ENTRY_ORPHAN. The root's own streams come first of all. A
 * directory flagged ENTRY_UNREADABLE has names that could not be read, maybe
 * none of them. A non-zero return stops the walk and is handed through.
 */
struct fs_sink {
	int (*enter)(void *ctx, const struct entry *e);
	int (*leave)(void *ctx);
	/* @text: one line in words for EVIDENCE.txt, without the volume's name; may hold the
	 * entry's path */
	int (*problem)(void *ctx, const char *text);
	void *ctx;
};

/**
 * fs_open() - recognise and open
 * @s:      the media; must outlive the fs
 * @offset: image byte where the volume begins
 * @length: bytes
 * @type:   NULL to detect, or a name as in fs_info.type that forces it
 *
 * Return: 0 and *@out; -ENOENT when nothing is recognised (err says what is
 * known: encrypted, LVM, a kind that is recognised and not read);
 * -EIO or -EBADMSG when it is recognised but cannot be opened.
 */
int fs_open(const struct source *s, uint64_t offset, uint64_t length, const char *type,
	struct fs **out, struct err *e);

/**
 * fs_pool_volumes() - how many volumes share this place
 *
 * Return: what an APFS container holds; 1 for anything else.
 */
unsigned fs_pool_volumes(const struct source *s, uint64_t offset, uint64_t length);

/** fs_open_member() - fs_open() of volume @member (from 0) of those that share the place. */
int fs_open_member(const struct source *s, uint64_t offset, uint64_t length, unsigned member,
	const char *type, struct fs **out, struct err *e);

const struct fs_info *fs_info(const struct fs *f);

/**
 * fs_root() - the volume's root directory as an entry (name empty)
 * Pointers in @e are borrowed from @f until the next call on it.
 */
int fs_root(struct fs *f, struct entry *e);

/** fs_walk() - everything below the root: allocated and deleted entries, then orphans. */
int fs_walk(struct fs *f, const struct fs_sink *sink, struct err *e);

/**
 * fs_unallocated() - the volume's unallocated data units as packed extents
 * @out:  appended: CONTENT_EXTENTS, or CONTENT_EMPTY when there are none
 * @size: bytes in all
 */
int fs_unallocated(struct fs *f, struct buf *out, uint64_t *size, struct err *e);

/**
 * fs_places() - where what has to be blanked with a trace stands (image/place.h)
 * @each:          takes batches of at most PLACE_BATCH bytes; its non-zero return is handed through
 * @cluster, @base: bytes of an allocation unit, of which one begins at image byte @base
 * Return: 1 all places were told; 0 they cannot be, in this kind or state of file system.
 */
int fs_places(struct fs *f, int (*each)(void *ctx, const uint8_t *p, size_t n), void *ctx,
	uint32_t *cluster, uint64_t *base);

/**
 * fs_read() - contents of one attribute, for what extents cannot say
 * @inode, @attr_type, @attr_id: as in the entry
 *
 * Return: bytes read, short only at the end; -ENOENT no such attribute; -EIO.
 */
ssize_t fs_read(struct fs *f, uint64_t inode, uint32_t attr_type, uint32_t attr_id, void *buf,
	size_t len, uint64_t off);

void fs_close(struct fs *f);

#endif
