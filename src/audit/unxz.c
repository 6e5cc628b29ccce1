/* SPDX-License-Identifier: Apache-2.0 */
/* unxz.c - a closed segment, compressed and not; see unxz.h. */
#include "audit/unxz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lzma.h>

#include "base/file.h"

#define PRESET       0           /* nonces do not compress, the rest does at any preset */
#define MEMORY_BYTES (64u << 20) /* for decoding: what a preset of 6 needs is a sixth of it */
#define BLOCK_BYTES  (8u << 20)  /* that can be decoded side by side */
#define THREADS_MAX  4
#define CHUNK        ((size_t)64 << 10)

bool unxz_is(const uint8_t *p, size_t n)
{
	static const uint8_t magic[UNXZ_MAGIC] = {0xfd, '7', 'z', 'X', 'Z', 0};

	return n >= UNXZ_MAGIC && memcmp(p, magic, UNXZ_MAGIC) == 0;
}

static lzma_ret begin_decoder(lzma_stream *s)
{
#if LZMA_VERSION >= UINT32_C(50040002) /* 5.4.0 */
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	const lzma_mt mt = {.threads = cpus < 1             ? 1
				       : cpus > THREADS_MAX ? THREADS_MAX
							    : (uint32_t)cpus,
		.memlimit_threading = 2 * (uint64_t)MEMORY_BYTES,
		.memlimit_stop = MEMORY_BYTES};

	return lzma_stream_decoder_mt(s, &mt);
#else
	return lzma_stream_decoder(s, MEMORY_BYTES, 0);
#endif
}

/* Decode into @out, which grows up to @max and one byte, so that more is noticed. */
static int decode(lzma_stream *s, size_t max, uint8_t **out, size_t *out_n)
{
	size_t size = 0;
	lzma_ret r = LZMA_OK;

	while (r == LZMA_OK) {
		if (s->avail_out == 0) {
			size_t next = size ? size * 2 : (size_t)1 << 20;
			uint8_t *more = NULL;

			if (size > max)
				return -EBADMSG;
			next = next > max + 1 ? max + 1 : next;
			more = realloc(*out, next);
			if (!more)
				return -ENOMEM;
			*out = more;
			s->next_out = more + size;
			s->avail_out = next - size;
			size = next;
		}
		r = lzma_code(s, LZMA_FINISH);
	}
	*out_n = size - s->avail_out;
	if (r == LZMA_MEM_ERROR)
		return -ENOMEM;
	return r == LZMA_STREAM_END && s->avail_in == 0 && *out_n <= max ? 0 : -EBADMSG;
}

int unxz(const uint8_t *p, size_t n, size_t max, uint8_t **out, size_t *out_n)
{
	lzma_stream s = LZMA_STREAM_INIT;
	uint8_t *found = NULL;
	size_t found_n = 0;
	int rc = 0;

	if (begin_decoder(&s) != LZMA_OK)
		return -ENOMEM;
	s.next_in = p;
	s.avail_in = n;
	rc = decode(&s, max, &found, &found_n);
	lzma_end(&s);
	if (rc < 0) {
		free(found);
		return rc;
	}
	*out = found;
	*out_n = found_n;
	return 0;
}

int unxz_begin(const uint8_t *p, size_t n, uint8_t *out, size_t want)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_ret r = lzma_stream_decoder(&s, MEMORY_BYTES, 0);
	int rc = 0;

	s.next_in = p;
	s.avail_in = n;
	s.next_out = out;
	s.avail_out = want;
	while (r == LZMA_OK && s.avail_out > 0)
		r = lzma_code(&s, LZMA_RUN);
	if (s.avail_out > 0)
		rc = r == LZMA_MEM_ERROR ? -ENOMEM : -EBADMSG;
	lzma_end(&s);
	return rc;
}

/* Records are multiples of 64 bytes, their fields of 4 and more: that is said to the coder. */
static lzma_ret begin_encoder(lzma_stream *s)
{
	lzma_options_lzma lzma;
	lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &lzma}, {LZMA_VLI_UNKNOWN, NULL}};
	const lzma_mt mt = {.threads = 1,
		.block_size = BLOCK_BYTES,
		.filters = filters,
		.check = LZMA_CHECK_CRC32};

	if (lzma_lzma_preset(&lzma, PRESET))
		return LZMA_OPTIONS_ERROR;
	lzma.lc = 0;
	lzma.lp = 4;
	lzma.pb = 4;
	return lzma_stream_encoder_mt(s, &mt);
}

static int error_of(lzma_ret r)
{
	return r == LZMA_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

static ssize_t read_some(int fd, void *p, size_t n)
{
	ssize_t r = 0;

	do
		r = read(fd, p, n);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

/* What comes out of a coder. */
typedef int take_bytes(int fd, const void *p, size_t n);

/* The next bytes of @fd are these. */
static int compare_bytes(int fd, const void *p, size_t n)
{
	uint8_t plain[CHUNK];
	size_t got = 0;

	while (got < n) {
		ssize_t r = read_some(fd, plain + got, n - got);

		if (r <= 0)
			return r < 0 ? (int)r : -EBADMSG;
		got += (size_t)r;
	}
	return memcmp(plain, p, n) == 0 ? 0 : -EBADMSG;
}

/* All of @in through @s, what comes out to @take. */
static int run(lzma_stream *s, int in, take_bytes *take, int out, unxz_stop *stop, void *ctx)
{
	uint8_t from[CHUNK];
	uint8_t to[CHUNK];
	lzma_action action = LZMA_RUN;
	lzma_ret r = LZMA_OK;

	while (r == LZMA_OK) {
		ssize_t n = 0;
		int rc = 0;

		if (stop && stop(ctx))
			return -ECANCELED;
		if (s->avail_in == 0 && action == LZMA_RUN) {
			n = read_some(in, from, sizeof(from));
			if (n < 0)
				return (int)n;
			s->next_in = from;
			s->avail_in = (size_t)n;
			action = n == 0 ? LZMA_FINISH : LZMA_RUN;
		}
		s->next_out = to;
		s->avail_out = sizeof(to);
		r = lzma_code(s, action);
		if (r != LZMA_OK && r != LZMA_STREAM_END)
			return error_of(r);
		rc = take(out, to, sizeof(to) - s->avail_out);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int unxz_pack(int in, int out, unxz_stop *stop, void *ctx)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_ret r = begin_encoder(&s);
	int rc = r == LZMA_OK ? run(&s, in, file_write_all, out, stop, ctx) : error_of(r);

	lzma_end(&s);
	return rc;
}

int unxz_same(int packed, int plain, unxz_stop *stop, void *ctx)
{
	lzma_stream s = LZMA_STREAM_INIT;
	uint8_t more = 0;
	lzma_ret r = LZMA_OK;
	ssize_t n = 0;
	int rc = 0;

	if (lseek(packed, 0, SEEK_SET) < 0 || lseek(plain, 0, SEEK_SET) < 0)
		return -errno;
	r = begin_decoder(&s);
	rc = r == LZMA_OK ? run(&s, packed, compare_bytes, plain, stop, ctx) : error_of(r);
	lzma_end(&s);
	if (rc < 0)
		return rc;
	/* neither has more */
	n = read_some(plain, &more, 1);
	return n < 0 ? (int)n : n == 0 ? 0 : -EBADMSG;
}
