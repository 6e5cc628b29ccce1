/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unzip.h - a small member of a zip file, expanded whole
 *
 * Each member is looked into for what it is, and most are small. libdeflate expands one faster
 * than zlib behind libarchive (docs/PERFORMANCE.md). libarchive reads the directory and says
 * which member it is at; what has another form (encrypted, another method, large) is left to it.
 * Source: APPNOTE.TXT 6.3.9, sections 4.3.7 (local header), 4.3.9 (data descriptor), 4.4.4, 4.4.5.
 */
#ifndef EVIDENCEFS_CONTAINER_UNZIP_H
#define EVIDENCEFS_CONTAINER_UNZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "image/source.h"

#define UNZIP_MAX                                                                                  \
	((size_t)256 << 10) /* bytes expanded: libarchive expands as much at once, too             \
			     */

/**
 * unzip_whole() - the member whose data begin at byte @at of @s, behind their local header
 * @name:    that must stand in that
 * @size:    bytes that it has expanded, 1 to UNZIP_MAX
 * @scratch: kept between calls
 * @out:     [@size] filled
 * Return: true; false: it has another form, it cannot be read, its CRC or size does not hold, or
 * there is no memory.
 */
bool unzip_whole(const struct source *s, uint64_t at, const char *name, size_t size,
	struct buf *scratch, uint8_t *out);

#endif
