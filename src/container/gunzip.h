/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gunzip.h - a gzip file of one member, expanded whole
 *
 * Most compressed files are of that form, and small. Their size is known only once they are
 * expanded, which libdeflate does faster than zlib behind libarchive (docs/PERFORMANCE.md), when
 * it is given all bytes at once. What has another form is not taken: libarchive expands it. Of
 * streams that no compressor writes (codes that RFC 1951 has no meaning for) libdeflate expands
 * some that zlib refuses; their CRC and size hold, too.
 * Source: RFC 1952.
 */
#ifndef EVIDENCEFS_CONTAINER_GUNZIP_H
#define EVIDENCEFS_CONTAINER_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/source.h"

#define GUNZIP_KEEP ((size_t)4 << 20)  /* bytes expanded, of what stays open for reads */
#define GUNZIP_PASS ((size_t)32 << 20) /* of what is looked through once */

struct gunzip {
	uint8_t *bytes; /* [n]; NULL: none */
	size_t n;
	char *name;     /* as it stands there; NULL: none does */
	uint32_t mtime; /* seconds of Unix; 0: none */
};

/**
 * gunzip_whole() - all of @s is one member, and its CRC and size hold
 * @max: bytes that it may expand to; of a file of more than a quarter of that, nothing is read
 * Return: true and *@out, caller: gunzip_release(). False: that is not so, it cannot be read, or
 * there is no memory; @out->n: as much may have been expanded in vain.
 */
bool gunzip_whole(const struct source *s, size_t max, struct gunzip *out);
void gunzip_release(struct gunzip *g);

#endif
