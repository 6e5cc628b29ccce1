/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unzip.h - small members of a zip file, expanded whole
 *
 * Each member is looked into for what it is, and most are small: libdeflate expands one faster
 * than zlib behind libarchive (docs/PERFORMANCE.md). libarchive says where a member's data begin.
 * Only files without ambiguities are taken: the end record at the very end, the directory right
 * before it, every local header as its entry in the directory says. Then nobody reads another
 * member there than libarchive would, to which all others are left.
 * Source: APPNOTE.TXT 6.3.9, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.16
 * (end record), 4.4.4 (flags), 4.4.5 (methods).
 */
#ifndef EVIDENCEFS_CONTAINER_UNZIP_H
#define EVIDENCEFS_CONTAINER_UNZIP_H

#include <stddef.h>
#include <stdint.h>

#include "image/source.h"

/* Bytes expanded: libarchive expands as much at once, too. */
#define UNZIP_MAX ((size_t)256 << 10)

struct unzip; /* the directory of one file */

/**
 * unzip_open() - read the directory of @s, which is borrowed
 * Return: caller frees with unzip_free(); NULL: the file is not of that form, it cannot be read,
 * or there is no memory.
 */
struct unzip *unzip_open(const struct source *s);
void unzip_free(struct unzip *u); /* NULL allowed */
/**
 * unzip_member() - the member whose data begin at byte @at
 * @size: bytes that it has expanded
 * Return: 1 and *@out, borrowed until the next call, its CRC and size hold; 0: it is large or has
 * another form; -1: @size bytes were expanded in vain.
 */
int unzip_member(struct unzip *u, uint64_t at, uint64_t size, const uint8_t **out);

#endif
