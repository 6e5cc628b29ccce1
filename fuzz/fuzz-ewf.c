/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz-ewf.c - hostile EWF segments
 *
 * The input is one segment, or two: its last two bytes say where it is cut
 * (little endian, 0 or past the end: not cut), E01 or Ex01. Checksums of sections
 * and of table headers are put right first, since a mutation cannot guess them; the
 * low bit of the third byte from the end leaves them as they are.
 */
#include <libdeflate.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "image/ewf.h"

#define TRAILER     3
#define CHUNKS_READ 64
#define INPUT_MAX   (1u << 20)

static uint64_t le64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

/* Writes the checksum of [@at, @at + n) behind it, when all of it is there. */
static void seal(uint8_t *p, size_t size, size_t at, size_t n)
{
	uint32_t sum = 0;

	if (at > size || size - at < n + 4)
		return;
	sum = libdeflate_adler32(1, p + at, n);
	for (unsigned i = 0; i < 4; i++)
		p[at + n + i] = (uint8_t)(sum >> (8 * i));
}

/* EWF2: from the last descriptor to the first; in data the headers of tables and hashes. */
static void seal_segment2(uint8_t *p, size_t size)
{
	size_t at = size < 64 ? 0 : size - 64;

	for (unsigned i = 0; i < 1000 && at >= 32 && at < size && size - at >= 64; i++) {
		uint64_t length = le64(p + at + 16);
		uint64_t previous = le64(p + at + 8);
		size_t data = length > at ? at : at - (size_t)length;

		if (p[at] == 4) /* sector table */
			seal(p, at, data, 16);
		else if (p[at] == 5) /* error table */
			seal(p, at, data, 16);
		else if (p[at] == 8) /* MD5 */
			seal(p, at, data, 16);
		else if (p[at] == 9) /* SHA-1 */
			seal(p, at, data, 20);
		seal(p, size, at, 60);
		if (previous >= at)
			break;
		at = (size_t)previous;
	}
}

static void seal_segment(uint8_t *p, size_t size)
{
	size_t at = 13;

	if (size >= 8 && memcmp(p, "EVF2", 4) == 0) {
		seal_segment2(p, size);
		return;
	}

	while (at < size && size - at >= 76) {
		uint64_t next = le64(p + at + 16);

		if (memcmp(p + at, "table", 5) == 0)
			seal(p, size, at + 76, 20);
		else if (memcmp(p + at, "volume", 6) == 0 && next - at == 76 + 94)
			seal(p, size, at + 76, 90);
		else if (memcmp(p + at, "volume", 6) == 0)
			seal(p, size, at + 76, 1048);
		else if (memcmp(p + at, "hash", 4) == 0)
			seal(p, size, at + 76, 32);
		else if (memcmp(p + at, "digest", 6) == 0)
			seal(p, size, at + 76, 76);
		else if (memcmp(p + at, "error2", 6) == 0)
			seal(p, size, at + 76, 516);
		seal(p, size, at, 72);
		if (next <= at || next > size)
			break;
		at = (size_t)next;
	}
}

static int segment_file(const uint8_t *p, size_t n, struct image_file *f)
{
	static char path[] = "fuzz.E01";

	*f = (struct image_file){.path = path, .size = n, .fd = memfd_create("ewf", MFD_CLOEXEC)};
	return f->fd >= 0 && write(f->fd, p, n) == (ssize_t)n ? 0 : -1;
}

static void read_all(const struct source *s, const struct ewf_info *info)
{
	uint8_t *buf = malloc(info->chunk_size);
	uint8_t small[600];
	struct err e;

	for (uint64_t i = 0; buf && i < info->chunks && i < CHUNKS_READ; i++) {
		uint64_t off = i * info->chunk_size;
		ssize_t n = 0;

		err_clear(&e);
		n = ewf_chunk(s, i, buf, &e);
		if (n > (ssize_t)info->chunk_size || n == 0 || (n < 0) != (e.code != 0))
			abort();
		if (source_pread(s, small, sizeof(small), off) > (ssize_t)sizeof(small))
			abort();
		source_pread(s, buf, info->chunk_size, off / 2);
	}
	if (buf && info->chunks)
		ewf_chunk(s, info->chunks - 1, buf, NULL);
	if (source_pread(s, small, sizeof(small), source_size(s)) != 0)
		abort();
	free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_file seg[2] = {{.fd = -1}, {.fd = -1}};
	struct ewf_info info;
	struct source *s = NULL;
	struct err e = {0};
	uint8_t *copy = NULL;
	size_t body = 0;
	size_t cut = 0;
	size_t n = 1;

	if (size <= TRAILER || size > INPUT_MAX)
		return 0;
	body = size - TRAILER;
	cut = (size_t)(data[size - 2] | data[size - 1] << 8);
	copy = malloc(body);
	if (!copy)
		return 0;
	memcpy(copy, data, body);
	if (cut == 0 || cut >= body)
		cut = body;
	if (!(data[body] & 1)) {
		seal_segment(copy, cut);
		seal_segment(copy + cut, body - cut);
	}
	if (segment_file(copy, cut, &seg[0]))
		goto out;
	if (cut < body && segment_file(copy + cut, body - cut, &seg[n++]))
		goto out;
	if (ewf_open(seg, n, &info, &s, &e) == 0) {
		/* A bomb says nothing about the reader, but about the machine. */
		if (info.chunk_size <= 1u << 20)
			read_all(s, &info);
		source_close(s);
		ewf_info_release(&info);
	} else if (e.code == 0 || e.text[0] == '\0') {
		abort();
	}
out:
	close(seg[0].fd);
	if (seg[1].fd >= 0)
		close(seg[1].fd);
	free(copy);
	return 0;
}
