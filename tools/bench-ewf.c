/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-ewf.c - a sparse raw image as an E01, for the scaling part of tools/bench
 *
 * ewfacquire would read 8 TB of zeros for hours. Here a hole costs the packed chunk of zeros
 * that stands for it, 32 KiB of media each, in sections of as many chunks as EnCase 6 puts
 * into a table. What makes a reader's memory and time grow is there: 240 million chunks,
 * each with an entry of its own.
 *
 *	bench-ewf RAW OUT.E01
 *
 * Source: the sections of EWF as libewf's documentation has them ("Expert Witness
 * Compression Format", volume, sectors, table).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libdeflate.h>

#define CHUNK       32768u
#define SECTOR      512u
#define GROUP       65534u /* chunks of one table */
#define PACKED_MAX  (2 * CHUNK)
#define SECTION     76u
#define TABLE_HEAD  24u
#define IS_PACKED   0x80000000u
#define VOLUME_SIZE 1052u

struct out {
	FILE *f;
	uint64_t at; /* bytes written */
};

static void fail(const char *what)
{
	fprintf(stderr, "bench-ewf: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

/* The Adler-32 of what stands before it in the last four of [n] bytes. */
static void seal(uint8_t *p, size_t n)
{
	put32(p + n - 4, libdeflate_adler32(1, p, n - 4));
}

static void put(struct out *o, const void *p, size_t n)
{
	if (fwrite(p, 1, n, o->f) != n)
		fail("cannot write");
	o->at += n;
}

/* @last: it points to itself. */
static void put_section(struct out *o, const char *type, uint64_t payload, bool last)
{
	uint8_t p[SECTION] = {0};

	memcpy(p, type, strlen(type));
	put64(p + 16, last ? o->at : o->at + SECTION + payload);
	put64(p + 24, SECTION + payload);
	seal(p, sizeof(p));
	put(o, p, sizeof(p));
}

static void put_volume(struct out *o, uint64_t size)
{
	uint8_t p[VOLUME_SIZE] = {1};

	put32(p + 4, (uint32_t)((size + CHUNK - 1) / CHUNK));
	put32(p + 8, CHUNK / SECTOR);
	put32(p + 12, SECTOR);
	put64(p + 16, size / SECTOR);
	seal(p, sizeof(p));
	put_section(o, "volume", sizeof(p), false);
	put(o, p, sizeof(p));
}

static void put_table(struct out *o, const char *type, uint64_t base, uint8_t *table, uint32_t n)
{
	const size_t size = TABLE_HEAD + (size_t)n * 4 + 4;

	memset(table, 0, TABLE_HEAD);
	put32(table, n);
	put64(table + 8, base);
	seal(table, TABLE_HEAD);
	seal(table + TABLE_HEAD, size - TABLE_HEAD);
	put_section(o, type, size, false);
	put(o, table, size);
}

/* Whether the chunk at @off is a hole; @next is where the next data is, and moves on. */
static bool is_hole(int fd, uint64_t off, uint64_t *next)
{
	if (*next < off) {
		off_t at = lseek(fd, (off_t)off, SEEK_DATA);

		*next = at < 0 ? UINT64_MAX : (uint64_t)at;
	}
	return *next >= off + CHUNK;
}

struct packer {
	struct libdeflate_compressor *z;
	int fd;
	uint64_t size;
	uint64_t data; /* media byte where the next data is */
	uint8_t zeros[256];
	size_t zeros_n;
	uint8_t chunk[CHUNK];
};

static size_t pack(struct packer *k, uint64_t off, uint8_t *out)
{
	const size_t want = k->size - off < CHUNK ? (size_t)(k->size - off) : CHUNK;
	size_t n = 0;

	if (want == CHUNK && is_hole(k->fd, off, &k->data)) {
		memcpy(out, k->zeros, k->zeros_n);
		return k->zeros_n;
	}
	if (pread(k->fd, k->chunk, want, (off_t)off) != (ssize_t)want)
		fail("cannot read");
	n = libdeflate_zlib_compress(k->z, k->chunk, want, out, PACKED_MAX);
	if (n == 0)
		fail("cannot compress");
	return n;
}

/* The chunks from byte @off on, and their tables. */
static void put_group(
	struct out *o, struct packer *k, uint64_t off, uint32_t n, uint8_t *packed, uint8_t *table)
{
	const uint64_t base = o->at; /* of the section: entries count from its header on */
	size_t used = 0;

	for (uint32_t i = 0; i < n; i++) {
		put32(table + TABLE_HEAD + (size_t)i * 4, (uint32_t)(SECTION + used) | IS_PACKED);
		used += pack(k, off + (uint64_t)i * CHUNK, packed + used);
	}
	put_section(o, "sectors", used, false);
	put(o, packed, used);
	put_table(o, "table", base, table, n);
	put_table(o, "table2", base, table, n);
}

int main(int argc, char **argv)
{
	static const uint8_t begin[13] = {'E', 'V', 'F', 9, 13, 10, 255, 0, 1, 1, 0, 0, 0};
	static struct packer k = {.z = NULL};
	struct out o = {.f = NULL};
	uint8_t *packed = malloc((size_t)GROUP * PACKED_MAX);
	uint8_t *table = malloc(TABLE_HEAD + (size_t)GROUP * 4 + 4);

	if (argc != 3) {
		fprintf(stderr, "usage: bench-ewf RAW OUT.E01\n");
		return 2;
	}
	k.z = libdeflate_alloc_compressor(1);
	k.fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	o.f = fopen(argv[2], "wbe");
	if (!packed || !table || !k.z || k.fd < 0 || !o.f)
		fail("cannot begin");
	k.size = (uint64_t)lseek(k.fd, 0, SEEK_END);
	k.zeros_n = libdeflate_zlib_compress(k.z, k.chunk, CHUNK, k.zeros, sizeof(k.zeros));
	put(&o, begin, sizeof(begin));
	put_volume(&o, k.size);
	for (uint64_t off = 0; off < k.size;) {
		const uint64_t left = (k.size - off + CHUNK - 1) / CHUNK;
		const uint32_t n = left < GROUP ? (uint32_t)left : GROUP;

		put_group(&o, &k, off, n, packed, table);
		off += (uint64_t)n * CHUNK;
	}
	put_section(&o, "done", 0, true);
	if (fclose(o.f))
		fail("cannot write");
	libdeflate_free_compressor(k.z);
	free(packed);
	free(table);
	return 0;
}
