/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive_shape.h - which kind of archive bytes say they are
 *
 * By their own bytes alone, so that no library guesses. One compression at most:
 * what is compressed twice is a container in a container.
 */
#ifndef EVIDENCEFS_CONTAINER_ARCHIVE_SHAPE_H
#define EVIDENCEFS_CONTAINER_ARCHIVE_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/source.h"

#define ARCHIVE_INSIDE 512u /* bytes that tell what is compressed */

enum archive_packing { PACKED_NOT, PACKED_GZIP, PACKED_BZIP2, PACKED_XZ, PACKED_ZSTD };

enum archive_layout {
	LAYOUT_NONE,
	LAYOUT_ZIP,
	LAYOUT_SEVEN,
	LAYOUT_RAR,
	LAYOUT_ISO,
	LAYOUT_TAR,
	LAYOUT_CPIO,
	LAYOUT_RAW /* one file */
};

/** archive_packing_of() - how a file that begins with [@n] bytes is compressed. */
enum archive_packing archive_packing_of(const uint8_t *p, size_t n);
/** archive_needs_more() - whether more than ARCHIVE_INSIDE bytes may tell its layout. */
bool archive_needs_more(const uint8_t *p);
/** archive_layout_of() - of what is not compressed; @s: all of it. */
enum archive_layout archive_layout_of(const uint8_t *p, size_t n, const struct source *s);
/** archive_layout_inside() - of what is, by its first ARCHIVE_INSIDE bytes expanded. */
enum archive_layout archive_layout_inside(const uint8_t *p, size_t n);

#endif
