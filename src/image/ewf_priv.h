/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ewf_priv.h - what the files of the EWF reader share; for image/ewf*.c only
 *
 * ewf_open.c walks the sections of all segments (ewf_sections.c: E01 and S01,
 * ewf2_sections.c: Ex01) into a table of tables, ewf_info.c reads what the image
 * says about itself, ewf_table.c finds chunks, ewf.c inflates and serves them,
 * ewf_cache.c keeps what was inflated.
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
#define EWF2_SIGNATURE     "EVF2\x0d\x0a\x81\x00"
#define EWF2_FILE_HEADER   32 /* bytes: signature, version, compression, segment number, set */
#define EWF2_DESCRIPTOR    64 /* bytes, behind the data of a section */
#define EWF2_ENTRY         16 /* bytes: offset, size, flags of a chunk */
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

enum ewf_packing { EWF_PLAIN, EWF_DEFLATED, EWF_PATTERN };

/* Where a chunk lies in its segment. */
struct ewf_place {
	uint32_t segment;
	uint64_t offset;
	uint32_t stored; /* bytes, at most what a chunk can take */
	enum ewf_packing packing;
	bool unchecked;     /* EWF_PLAIN: no checksum is behind it */
	uint8_t pattern[8]; /* EWF_PATTERN: what fills it; nothing is stored */
};

struct ewf_cache;
struct ewf_pool;

struct ewf {
	struct source base;
	bool v2; /* EWF2: Ex01 */
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

/* What the texts of EWF2 say of the medium; 0: not said. */
struct ewf2_geometry {
	uint64_t sectors;
	uint64_t bytes_per_sector;
	uint64_t sectors_per_chunk;
	uint64_t chunks;
};

/** ewf2_info_text() - device information or case data; @deflated. Return: 0 or -ENOMEM. */
int ewf2_info_text(const struct ewf_section *s, bool deflated, struct ewf_info *info,
	struct ewf2_geometry *geometry);
void ewf2_info_md5(const struct ewf_section *s, struct ewf_info *info);
void ewf2_info_sha1(const struct ewf_section *s, struct ewf_info *info);
void ewf2_info_errors(const struct ewf_section *s, struct ewf_info *info);

/* ---- while the sections are walked ----------------------------------------------------- */

struct ewf_walk {
	struct ewf *w;
	struct ewf_info info;
	bool has_volume;
	bool smart;       /* EWF-S01: table entries without a checksum */
	bool has_header2; /* header2 is richer than header */
	uint64_t sectors; /* of the volume section */
	uint8_t set[16];  /* identifies the image in all its segments; zeros: not given */
	size_t cap;       /* tables */
	uint32_t segment;
	uint64_t data; /* payload of the last `sectors` section of this segment ... */
	uint64_t data_end;
	bool mirror; /* a table2 would belong to the last table */
	struct ewf2_geometry geometry;
	struct err *e;
};

/** ewf_sections_walk() - one segment. Return: 1 the image goes on; 0 it is done; -errno. */
int ewf_sections_walk(struct ewf_walk *k);
int ewf2_sections_walk(struct ewf_walk *k);

const struct ewf_segment *ewf_walk_segment_of(const struct ewf_walk *k);
/** ewf_walk_bad() - "PATH (segment N), offset O: WHAT". Return: -@code. */
int ewf_walk_bad(const struct ewf_walk *k, int code, uint64_t at, const char *what);
int ewf_walk_no_memory(const struct ewf_walk *k);
/** ewf_walk_read() - a fixed part of the segment; past its end the segment is truncated. */
int ewf_walk_read(const struct ewf_walk *k, void *p, size_t n, uint64_t at);
/** ewf_walk_number() - that the segment says to be where it stands. Return: 0 or -EBADMSG. */
int ewf_walk_number(const struct ewf_walk *k, uint32_t number);
/** ewf_walk_chunks() - take sizes of sectors and chunks. @at: of the section, for the error. */
int ewf_walk_chunks(
	struct ewf_walk *k, uint64_t at, uint64_t sectors, uint32_t bytes, uint32_t per_chunk);
/** ewf_walk_table() - one more, of @count chunks, whose section is from @at to @end. NULL: no
 * memory. */
struct ewf_table *ewf_walk_table(struct ewf_walk *k, uint64_t at, uint64_t end, uint32_t count);
/** ewf_checksum_ok() - whether [@n] is followed by its Adler-32. */
bool ewf_checksum_ok(const uint8_t *p, size_t n);

#endif
