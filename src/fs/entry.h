/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry.h - one trace as a file-system walk finds it, and its packed form
 *
 * The packed form is what a worker sends and what an ingest stages; it is
 * described in docs/PROTOCOL.worker.md ("entry"). Decoding checks everything
 * that can be checked without the image: a decoded entry is safe to store.
 */
#ifndef EVIDENCEFS_FS_ENTRY_H
#define EVIDENCEFS_FS_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define ENTRY_NAME_MAX    (64 * 1024)        /* bytes of one name or link target */
#define ENTRY_CONTENT_MAX (48 * 1024 * 1024) /* bytes of one packed content */

enum entry_kind {
	ENTRY_FILE = 1,
	ENTRY_DIR = 2,
	ENTRY_LINK = 3,
	ENTRY_STREAM = 4, /* named stream, fork, extended attribute of the entry before it */
	ENTRY_SPECIAL = 5 /* device, fifo, socket, ...: shown as an empty regular file */
};

/* flags of an entry, or-ed */
#define ENTRY_DELETED    0x0001u /* its name, or a directory above it, is deleted */
#define ENTRY_ORPHAN     0x0002u /* deleted metadata that no name leads to */
#define ENTRY_REALLOC    0x0004u /* deleted name whose metadata serves another file now */
#define ENTRY_COMPRESSED 0x0008u
#define ENTRY_ENCRYPTED  0x0010u
#define ENTRY_SPARSE     0x0020u
#define ENTRY_UNREADABLE 0x0040u /* size > 0, but its attribute could not be loaded */
#define ENTRY_NOHASH     0x0080u /* as large as the volume and all zeros ($BadClus:$Bad) */
#define ENTRY_META       0x0100u /* the file system's own metadata file ($MFT, $LogFile, ...) */
#define ENTRY_VIRTUAL    0x0200u /* made up here: no entry on the disk */
#define ENTRY_MEMBER     0x0400u /* stands in a container; ENTRY_VIRTUAL too */
#define ENTRY_CONTAINER  0x0800u /* the folder of a container's members, behind what it is of */
#define ENTRY_MADE_UP    0x1000u /* of a member: its name is not in the container */
#define ENTRY_FLAGS_ALL  0x1fffu

/* Seconds since 1970 and nanoseconds: NTFS times begin in 1601, out of 64-bit ns. */
struct entry_time {
	int64_t sec;
	uint32_t nsec;
	bool known;
};

/** entry_filetime() - Windows' count of 100 ns since 1601; 0 is 1601-01-01. */
struct entry_time entry_filetime(uint64_t v);

struct entry {
	const uint8_t *name; /* bytes as on the disk (UTF-8 where the disk has UTF-16) */
	size_t name_len;     /* of a stream: the stream's own name, without its owner's */
	enum entry_kind kind;
	uint32_t flags;
	uint64_t inode; /* metadata address */
	uint32_t seq;   /* NTFS sequence number, else 0 */
	uint32_t mode;  /* permission bits and type as the evidence has them (S_IF...) */
	uint32_t uid;
	uint32_t gid;
	uint32_t nlink; /* names of this inode, DOS 8.3 twins not counted */
	uint64_t size;  /* bytes of its contents */
	struct entry_time mtime;
	struct entry_time atime;
	struct entry_time ctime;
	struct entry_time crtime;
	const uint8_t *target; /* ENTRY_LINK: the link's target as on the disk */
	size_t target_len;
	uint32_t attr_type; /* libtsk attribute type and id of its contents */
	uint32_t attr_id;
	const uint8_t *content; /* packed content (image/extent.h), tag first; never NULL */
	size_t content_len;
};

/** entry_encode() - append the packed form; errors stick in @b. */
void entry_encode(struct buf *b, const struct entry *e);

/**
 * entry_decode() - unpack and check
 * @c:          read position; must be used up by this entry
 * @image_size: no data extent may reach past it
 * @e:          filled; its pointers lead into @c's bytes
 *
 * Return: 0, or -EBADMSG for anything malformed or out of bounds, a kind that
 * does not go with its contents, or extents that do not add up to the size.
 */
int entry_decode(struct cur *c, uint64_t image_size, struct entry *e);

#endif
