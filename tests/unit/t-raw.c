/* SPDX-License-Identifier: Apache-2.0 */
/* t-raw.c - raw and split raw media, on memfds. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image/raw.h"
#include "tap.h"

#define SEGMENTS 4

static const uint64_t sizes[SEGMENTS] = {1000, 1, 4096, 333};

static uint8_t expected[8192];
static uint64_t total;

static struct image_file make_segment(uint64_t size)
{
	static char path[] = "segment";
	struct image_file f = {.path = path, .size = size, .fd = memfd_create("raw", MFD_CLOEXEC)};

	for (uint64_t i = 0; i < size; i++)
		expected[total + i] = (uint8_t)((total + i) * 2654435761u >> 13);
	if (f.fd < 0 || write(f.fd, expected + total, size) != (ssize_t)size)
		bail_out("memfd");
	total += size;
	return f;
}

static bool same_at_every_offset(const struct source *s)
{
	uint8_t buf[sizeof(expected)];

	for (uint64_t off = 0; off < total; off++) {
		for (size_t len = 1; len <= total - off; len = len * 3 + 1) {
			ssize_t n = source_pread(s, buf, len, off);

			if (n != (ssize_t)len || memcmp(buf, expected + off, len) != 0)
				return false;
		}
	}
	return true;
}

static void test_reads(const struct image_file *seg)
{
	struct source *s = NULL;
	uint8_t buf[16];

	is_int(raw_open(seg, SEGMENTS, &s), 0, "four segments open");
	is_int(source_size(s), total, "size is the sum");
	ok(same_at_every_offset(s), "bytes are those of the segments, across their borders");
	is_int(source_pread(s, buf, sizeof(buf), total), 0, "0 at the end");
	is_int(source_pread(s, buf, sizeof(buf), total - 3), 3, "short at the end");
	is_int(source_pread(s, buf, sizeof(buf), total + 1), -EINVAL, "past the end");
	is_int(source_pread(s, buf, 0, 5), 0, "nothing wanted, nothing read");
	source_close(s);
}

static void test_shrunk(const struct image_file *seg)
{
	struct source *s = NULL;
	uint8_t buf[2000];

	if (raw_open(seg, SEGMENTS, &s) || ftruncate(seg[2].fd, 100))
		bail_out("cannot shrink");
	is_int(source_pread(s, buf, sizeof(buf), 0), 1101, "short before what is no longer there");
	is_int(source_pread(s, buf, sizeof(buf), 1101), -EIO, "then an error, not an end");
	is_int(source_read_all(s, buf, sizeof(buf), 0), -EIO, "source_read_all reports it");
	is_int(source_pread(s, buf, 10, 1001 + 4096), 10, "a later segment is still read");
	source_close(s);
}

static void test_sizes(const struct image_file *seg)
{
	struct image_file huge[2] = {seg[0], seg[1]};
	struct source *s = NULL;

	huge[0].size = INT64_MAX;
	is_int(raw_open(huge, 2, &s), -EOVERFLOW, "sizes that do not fit are refused");
	ok(s == NULL, "and the out-parameter is left alone");
	huge[0].size = 0;
	huge[1].size = 0;
	is_int(raw_open(huge, 2, &s), 0, "empty segments open");
	is_int(source_size(s), 0, "as an empty medium");
	is_int(source_pread(s, huge, 1, 0), 0, "that is at its end");
	source_close(s);
}

int main(void)
{
	struct image_file seg[SEGMENTS];

	for (size_t i = 0; i < SEGMENTS; i++)
		seg[i] = make_segment(sizes[i]);
	test_reads(seg);
	test_sizes(seg);
	test_shrunk(seg);
	for (size_t i = 0; i < SEGMENTS; i++)
		close(seg[i].fd);
	return done_testing();
}
