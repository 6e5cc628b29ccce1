/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume.h - image -> volumes (partition tables, through libtsk)
 *
 * Runs in a worker only. Finds where file systems may lie; what lies there is
 * for fs/ to say. Numbers partitions as fdisk does.
 */
#ifndef EVIDENCEFS_VOLUME_VOLUME_H
#define EVIDENCEFS_VOLUME_VOLUME_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/source.h"

#define VOLUME_DESC_MAX 128

struct volume {
	unsigned number; /* as fdisk: primary 1-4, logical from 5, GPT slot + 1; 0: the media */
	unsigned member; /* of several volumes that share the place (a pool), from 0 */
	uint64_t offset; /* image bytes */
	uint64_t length; /* bytes, clipped at the end of the image */
	char desc[VOLUME_DESC_MAX]; /* the table's own words: "NTFS / exFAT (0x07)", GPT name; UTF-8
				     */
};

struct volume_table {
	char kind[16]; /* "dos", "gpt", "none", ... */
	struct volume *v;
	size_t n;
	char note[256]; /* "" or what is odd: a damaged backup header, a partition past the end */
};

/**
 * volume_scan() - read the partition table
 * @s: the image's media
 * @t: filled; caller releases
 *
 * Without a table there is one volume, number 0, the whole media. A boot
 * sector of a file system that also looks like a table is the file system.
 * With a table, the whole media is a volume 0 beside the others where it has
 * an ISO 9660 file system that none of them begins with.
 *
 * Return: 0; -EIO when the media cannot be read at all.
 */
int volume_scan(const struct source *s, struct volume_table *t, struct err *e);
/**
 * volume_table_share() - @n volumes (1 or more) in the place of number @i of the table
 * They differ by their member number alone.
 * Return: 0, or -ENOMEM.
 */
int volume_table_share(struct volume_table *t, size_t i, unsigned n);
void volume_table_release(struct volume_table *t);

#endif
