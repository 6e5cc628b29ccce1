/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ewf_priv.h - what the files of the EWF reader share; for image/ewf*.c only
 *
 * ewf_open.c walks the sections of all segments into a table of tables,
 * ewf_info.c reads what the image says about itself, ewf_table.c finds chunks,
 * ewf.c inflates and serves them, ewf_cache.c keeps what was inflated.
 */
#ifndef EVIDENCEFS_IMAGE_EWF_PRIV_H
#define EVIDENCEFS_IMAGE_EWF_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "image/ewf.h"
#include "image/source.h"

#define EWF_FILE_HEADER    13 /* bytes: signature, 1, segment number, 0 */
#define EWF_SECTION_HEADER 76 /* bytes: type, next, size, padding, checksum */
#define EWF_TABLE_HEADER   24 /* bytes: entries, padding, base offset, padding, checksum */
#define EWF_CHUNK_MAX      (128u << 20) /* 32768 sectors of 4096 bytes */

struct ewf_segment {
	char *path;    /* for messages */
	int fd;        /* borrowed */
	uint64_t size; /* bytes */
};

/* One copy of a chunk table: section `table`, or its mirror `table2`. */
struct ewf_copy {
	uint64_t entries; /* segment offset of the first entry; 0: no such copy */
	uint64_t base;    /* added to each entry */
	bool has_checksum;
};

/*
 * The chunks that one table covers. `state` is found at the first use: 0 not
 * yet known, else which copy is good (TABLE_*) in the low 32 bits and, in the
 * high ones, the first entry whose top bit is part of the offset. Threads that
 * race find the same value.
 */
struct ewf_table {
	uint64_t first; /* number of its first chunk */
	uint32_t count; /* chunks, > 0 */
	uint32_t segment;
	uint64_t at;          /* segment offset of the section */
	uint64_t end;         /* where the section ends */
	uint64_t sectors;     /* payload of the `sectors` section before it ... */
	uint64_t sectors_end; /* ... and its end; 0 without one: chunks follow the entries */
	struct ewf_copy copy[2];
	_Atomic uint64_t state;
};

enum { TABLE_FIRST = 1, TABLE_SECOND = 2, TABLE_BAD = 3 };

/* Where a chunk lies in its segment. */
struct ewf_place {
	uint32_t segment;
	uint64_t offset;
	uint32_t stored; /* bytes, at most what a chunk can take */
	bool compressed;
};

struct ewf_cache;
struct ewf_pool;

struct ewf {
	struct source base;
	struct ewf_segment *segments;
	size_t n_segments;
	struct ewf_table *tables; /* sorted by first, without gaps */
	size_t n_tables;
	uint64_t table_chunks; /* chunks that tables cover */
	uint64_t chunks;       /* chunks of the media */
	uint32_t chunk_size;   /* bytes */
	struct ewf_pool *pool;
	struct ewf_cache *cache;
};

/** ewf_pread_exact() - all @n bytes of a segment at @off. Return: 0 or -EIO. */
int ewf_pread_exact(const struct ewf_segment *s, void *p, size_t n, uint64_t off);

/** ewf_table_find() - the place of a chunk. Return: 0; -EIO, @e says why. */
int ewf_table_find(const struct ewf *w, uint64_t chunk, struct ewf_place *out, struct err *e);

/** ewf_stored_max() - more than any chunk takes in a segment: zlib's bound, and a checksum. */
uint32_t ewf_stored_max(uint32_t chunk_size);

/** ewf_chunk_bytes() - what a chunk holds: chunk_size, fewer for the last. */
uint32_t ewf_chunk_bytes(const struct ewf *w, uint64_t chunk);

/**
 * ewf_inflate() - one chunk as its table says, whatever the media size says
 * @buf: [chunk_size]
 * Return: bytes it holds, its checksum verified; -EIO, -ENOMEM.
 */
ssize_t ewf_inflate(const struct ewf *w, uint64_t chunk, void *buf, struct err *e);

/** ewf_new() - an empty reader; ewf_free() closes a whole or a half made one. */
struct ewf *ewf_new(void);
void ewf_free(struct ewf *w);

/* What a section of text or hashes says; damaged ones are left out, they hold no media. */
struct ewf_section {
	const struct ewf_segment *segment;
	uint64_t payload; /* segment offset */
	uint64_t length;  /* bytes of the payload */
};

/** ewf_info_header() - header (@utf16 false) or header2. Return: 0 or -ENOMEM. */
int ewf_info_header(const struct ewf_section *s, bool utf16, struct ewf_info *info);
void ewf_info_hash(const struct ewf_section *s, struct ewf_info *info);
void ewf_info_digest(const struct ewf_section *s, struct ewf_info *info);
void ewf_info_error2(const struct ewf_section *s, struct ewf_info *info);

#endif
