/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ewf.h - EWF-E01/S01 and EWF2-Ex01 (Expert Witness) media
 *
 * A reader of our own: memory grows with the number of table sections, never
 * with the media; each chunk is found by a binary search over the tables and
 * one pread of its entry, inflated with libdeflate, its checksum verified.
 * Hostile input: every size, offset and count is checked before use.
 *
 * Source: J. Metz, "Expert Witness Compression Format specification"
 * (libewf documentation), sections 3 (segment files), 4 (sections); "... version 2
 * specification" (there too).
 */
#ifndef EVIDENCEFS_IMAGE_EWF_H
#define EVIDENCEFS_IMAGE_EWF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "image/files.h"
#include "image/source.h"

struct ewf_info {
	uint64_t media_size; /* bytes; with the part of a sector at the end, if one was acquired */
	uint32_t chunk_size; /* bytes a full chunk inflates to */
	uint64_t chunks;
	uint32_t bytes_per_sector;
	bool has_md5;
	uint8_t md5[16];
	bool has_sha1;
	uint8_t sha1[20];
	/* Acquisition header values, UTF-8, "key\0value\0" pairs in the file's order; keys in
	 * words: "case number", "description", "examiner", "evidence number", "notes",
	 * "acquired", "system date", "software", "os", "model", "serial number",
	 * "device label". Control characters removed, empty values left out. Dates as
	 * "2023-12-20 15:46:33 UTC", without "UTC" where the image has local time only. */
	struct buf header;
	uint64_t acquiry_errors; /* sectors in error2 sections */
};

/**
 * ewf_open() - open an image from all its segments
 * @seg:  [n] in order; descriptors stay the caller's and must outlive the source
 * @info: filled; caller calls ewf_info_release()
 *
 * Return: 0 and *@out. Errors name segment (1-based, with its path) and byte
 * offset: -ENXIO the chain goes on in a segment that is not there; -ENODATA a
 * segment is truncated; -EBADMSG damaged or inconsistent; -ENOTSUP an image that is
 * encrypted, logical, or packed in a way that is not read.
 * A damaged `table` section is replaced by its `table2` copy when that is whole.
 * Damaged header and hash sections are left out of @info: they hold no media.
 */
int ewf_open(const struct image_file *seg, size_t n, struct ewf_info *info, struct source **out,
	struct err *e);
void ewf_info_release(struct ewf_info *info);

/**
 * ewf_chunk() - inflate one chunk
 * @s:     from ewf_open()
 * @chunk: 0 .. chunks - 1
 * @buf:   [chunk_size] bytes
 *
 * Return: bytes of the chunk (chunk_size, fewer for the last); -EIO bad
 * checksum, damaged or unreadable (@e names chunk, segment and offset).
 */
ssize_t ewf_chunk(const struct source *s, uint64_t chunk, void *buf, struct err *e);

#endif
