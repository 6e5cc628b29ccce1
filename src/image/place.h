/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h - where in the image something of a file stands besides its contents
 *
 * What has to be blanked when a file is kept from who reads the image byte by byte:
 * its names in directories, its metadata, contents that its extents do not show
 * (compressed, behind its end). Found by a worker at ingest, kept packed in the
 * index. Packed form, one place after the other, differences to the place before
 * (0 at the beginning of a batch):
 *   u8 head        bits 0-2 action, 8 PLACE_DATA, 16 PLACE_STALE, 32 a parent, 64 a stream
 *   svarint        offset minus the end before; varint length
 *   svarint        inode minus the inode before
 *   svarint        with a parent: parent minus the parent before
 *   varint x 2     with a stream: attribute type, attribute id
 *   varint         value, unless the action is PLACE_ZERO or PLACE_KEEP
 */
#ifndef EVIDENCEFS_IMAGE_PLACE_H
#define EVIDENCEFS_IMAGE_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum place_action {
	PLACE_ZERO = 0,   /* zeros */
	PLACE_FILL = 1,   /* bytes of `value` */
	PLACE_RECORD = 2, /* a free NTFS record that says it is number `value` */
	PLACE_XOR = 3,    /* 4 bytes: a checksum over something blanked, which changes by `value` */
	PLACE_KEEP = 4    /* nothing: the file system's own, which no stale claim blanks */
};

#define PLACE_DATA  0x08u /* contents: of whom they are is a question of who is allocated */
#define PLACE_STALE 0x10u /* a claim that counts only where nothing allocated has the bytes */

#define PLACE_BATCH      (64 * 1024) /* bytes of one batch at most */
#define PLACE_RECORD_MAX 4096u

struct place_at {
	uint64_t offset; /* image bytes */
	uint64_t length;
	uint64_t inode;     /* whose; 0: nobody's, blanked as soon as anything of the volume is */
	uint64_t parent;    /* not 0: the name of `inode` in this directory, else `inode` itself */
	uint32_t attr_type; /* not 0: this stream of `inode` */
	uint32_t attr_id;
	enum place_action action;
	unsigned flags; /* PLACE_DATA, PLACE_STALE */
	uint32_t value;
};

/* Begin with zeros at each batch. */
struct place_state {
	uint64_t end;
	uint64_t inode;
	uint64_t parent;
};

void place_put(struct buf *b, struct place_state *s, const struct place_at *p);
/**
 * place_get() - the next of a batch, checked
 * @size: no place may reach past it
 * Return: 1 and *@p; 0 the batch is used up; -EBADMSG.
 */
int place_get(struct cur *c, struct place_state *s, uint64_t size, struct place_at *p);

#endif
