/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iso_record.h - one ISO 9660 directory record with its Rock Ridge fields
 *
 * Private to iso.c.
 */
#ifndef EVIDENCEFS_FS_ISO_RECORD_H
#define EVIDENCEFS_FS_ISO_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "fs/entry.h"

#define ISO_BLOCK 2048u

/* Reads block @n of the volume. Return: false when it cannot be read. */
typedef bool (*iso_block_reader)(const void *ctx, uint64_t n, uint8_t out[ISO_BLOCK]);

struct iso_reading {
	bool rock;   /* Rock Ridge names are in use */
	bool joliet; /* names are UTF-16, high byte first */
	size_t skip; /* bytes of the system use area that are not ours */
	iso_block_reader read;
	const void *ctx;
};

struct iso_record {
	size_t len;      /* bytes of the record on the disk */
	uint64_t extent; /* block */
	uint64_t size;   /* bytes of this extent */
	bool directory;
	bool more;      /* another record goes on with the same file */
	bool self;      /* "." or ".." */
	bool relocated; /* shown where its link stands */
	bool compressed;
	bool link;
	uint64_t child; /* block of a directory that was moved away from here; 0: none */
	uint32_t mode;  /* 0: the disk does not say */
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	struct entry_time mtime;
	struct entry_time atime;
	struct entry_time ctime;
	struct entry_time crtime;
	struct buf name;
	struct buf target;
};

/**
 * iso_record_parse() - the record at @p ([n] bytes, n > 0, p[0] != 0)
 * @r: its buffers are reused
 * Return: false when the record is malformed.
 */
bool iso_record_parse(
	const struct iso_reading *how, const uint8_t *p, size_t n, struct iso_record *r);
/** iso_record_skip() - bytes to skip in system use areas, by the root's own record; -1: no SUSP. */
int iso_record_skip(const uint8_t *p, size_t n);
void iso_record_release(struct iso_record *r);

#endif
