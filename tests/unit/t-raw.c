/* SPDX-License-Identifier: Apache-2.0 */
/* t-raw.c - raw and split raw media, on memfds. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
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

/* ---- what is in memory, and what is lent ------------------------------------------------ */

#define WINDOW    (UINT64_C(128) << 20) /* as in image/raw.c */
#define BIG_BYTES (WINDOW + 100000)

/* A byte that its place alone says. */
static uint8_t byte_at(uint64_t off)
{
	return (uint8_t)(off * 2654435761u >> 11);
}

/* A file system that can tell what is in memory: a memfd's cannot. */
static int make_file(void)
{
	char path[] = "/var/tmp/t-raw.XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || unlink(path))
		bail_out(path);
	return fd;
}

static bool tells_what_is_in_memory(void)
{
	struct iovec v = {.iov_base = (char[1]){0}, .iov_len = 1};
	int fd = make_file();
	bool can = write(fd, "x", 1) == 1 && preadv2(fd, &v, 1, 0, RWF_NOWAIT) == 1;

	close(fd);
	return can;
}

/* Sparse, but for what lies around the border of two windows and the end. */
static struct image_file big_segment(void)
{
	static char path[] = "big";
	struct image_file f = {.path = path, .size = BIG_BYTES, .fd = make_file()};
	static uint8_t around[400000];
	uint64_t from = BIG_BYTES - sizeof(around);

	for (size_t i = 0; i < sizeof(around); i++)
		around[i] = byte_at(from + i);
	if (f.fd < 0 || ftruncate(f.fd, (off_t)BIG_BYTES) ||
		pwrite(f.fd, around, sizeof(around), (off_t)from) != sizeof(around))
		bail_out("memfd");
	return f;
}

static bool loan_is_right(const struct loan *l, uint64_t off, size_t want)
{
	size_t done = 0;

	for (size_t i = 0; i < l->n; i++) {
		const uint8_t *p = l->piece[i].iov_base;

		for (size_t k = 0; k < l->piece[i].iov_len; k++, done++) {
			uint64_t at = off + done;

			/* a second, small segment follows: it begins anew */
			if (p[k] != byte_at(at < BIG_BYTES ? at : at - BIG_BYTES))
				return false;
		}
	}
	return done == want && l->bytes == want;
}

static void test_lend(void)
{
	static uint8_t small[70000];
	struct image_file seg[2] = {big_segment(), {.size = sizeof(small)}};
	static char path[] = "small";
	const uint64_t off = WINDOW - 90001;
	const size_t len = (size_t)(BIG_BYTES - off) + 65536;
	static uint8_t buf[sizeof(small)];
	struct loan loan = {.n = 0};
	struct source *s = NULL;

	for (size_t i = 0; i < sizeof(small); i++)
		small[i] = byte_at(i);
	seg[1].path = path;
	seg[1].fd = make_file();
	if (write(seg[1].fd, small, sizeof(small)) != sizeof(small) || raw_open(seg, 2, &s))
		bail_out("memfd");
	is_int(source_now(s, buf, 1000, BIG_BYTES + 5), 1000, "what is in memory is there now");
	ok(memcmp(buf, small + 5, 1000) == 0, "as it is");
	is_int(source_now(s, buf, 1000, BIG_BYTES - 5), -EAGAIN, "of one segment at a time");
	is_int(source_now(s, buf, 1000, BIG_BYTES + sizeof(small)), 0, "the end");
	is_int(source_lend(s, 1000, off, &loan), -EAGAIN, "a small read is not lent");
	is_int(source_lend(s, len, off, &loan), (ssize_t)len, "a large one is");
	is_int(loan.n, 3, "in two windows, and of the next segment");
	ok(loan_is_right(&loan, off, len), "the bytes as they are");
	is_int(source_lend(s, 1 << 20, BIG_BYTES + 3000, &loan), 67000, "more, to the end");
	is_int(loan_zeros(&loan, 70000), 0, "and zeros");
	is_int(loan.bytes, len + 67000 + 70000, "all of it counted");
	ok(((const uint8_t *)loan.piece[loan.n - 1].iov_base)[4463] == 0, "which are zeros");
	for (size_t i = loan.n; i < LOAN_PIECES; i++)
		loan_zeros(&loan, 1);
	is_int(source_lend(s, 1 << 20, 0, &loan), -EAGAIN, "without room nothing is lent");
	is_int(loan.n, LOAN_PIECES, "and the loan is as it was");
	loan_return(&loan);
	is_int(loan.n, 0, "it goes back");
	for (uint64_t i = 0; i < 40; i++) { /* each window again and again */
		uint64_t at = i % 2 ? WINDOW + 1 : WINDOW - 300000 + i;

		if (source_lend(s, 90000, at, &loan) != 90000 ||
			(i % 2 && !loan_is_right(&loan, at, 90000)))
			break;
		loan_return(&loan);
	}
	is_int(loan.n, 0, "again and again");
	if (ftruncate(seg[0].fd, (off_t)off + 70000))
		bail_out("cannot shrink");
	is_int(source_lend(s, len, off, &loan), -EAGAIN, "what is no longer there is not lent");
	is_int(source_now(s, buf, 1000, off + 69500), -EAGAIN, "nor there now");
	source_close(s);
	close(seg[0].fd);
	close(seg[1].fd);
}

int main(void)
{
	struct image_file seg[SEGMENTS];

	for (size_t i = 0; i < SEGMENTS; i++)
		seg[i] = make_segment(sizes[i]);
	test_reads(seg);
	test_sizes(seg);
	test_shrunk(seg);
	if (tells_what_is_in_memory())
		test_lend();
	else
		skip("what is lent: the file system of /var/tmp cannot tell what is in memory");
	for (size_t i = 0; i < SEGMENTS; i++)
		close(seg[i].fd);
	return done_testing();
}
