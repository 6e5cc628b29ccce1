/* SPDX-License-Identifier: Apache-2.0 */
/* ewf.c - EWF-E01/S01/Ex01 media: inflating and serving chunks; see ewf.h. */
#include "image/ewf_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "image/ewf_cache.h"

/* A read of more than this is a pass over the media: it would only flush the cache. */
#define BULK_BYTES (64u << 10)

uint32_t ewf_chunk_bytes(const struct ewf *w, uint64_t chunk)
{
	uint64_t left = w->base.size - chunk * w->chunk_size;

	return left < w->chunk_size ? (uint32_t)left : w->chunk_size;
}

static bool adler32_follows(const uint8_t *p, uint32_t n)
{
	struct cur c = cur_of(p + n, 4);

	return cur_u32(&c) == libdeflate_adler32(1, p, n);
}

/*
 * How many bytes an uncompressed chunk holds: all that is stored but for the
 * checksum, at most a full chunk; when the last one has padding behind it, what
 * the media size says.
 */
static ssize_t plain_bytes(const struct ewf *w, uint64_t chunk, const uint8_t *p, uint32_t stored)
{
	uint32_t n = stored < 4 ? 0 : stored - 4;
	uint32_t expected = 0;

	if (n > w->chunk_size)
		n = w->chunk_size;
	if (n > 0 && adler32_follows(p, n))
		return n;
	if (chunk >= w->chunks)
		return -EIO;
	expected = ewf_chunk_bytes(w, chunk);
	return expected < n && adler32_follows(p, expected) ? (ssize_t)expected : -EIO;
}

static ssize_t zlib_bytes(
	const struct ewf *w, struct ewf_scratch *s, const struct ewf_place *at, void *buf)
{
	size_t in = 0;
	size_t out = 0;
	enum libdeflate_result r = libdeflate_zlib_decompress_ex(
		s->inflater, s->stored, at->stored, buf, w->chunk_size, &in, &out);

	return r == LIBDEFLATE_SUCCESS && out > 0 ? (ssize_t)out : -EIO;
}

/* A chunk without a checksum, which EWF2 allows. */
static ssize_t unchecked_bytes(const struct ewf *w, uint32_t stored)
{
	return stored < w->chunk_size ? stored : w->chunk_size;
}

static ssize_t fill_pattern(const struct ewf *w, const struct ewf_place *at, uint8_t *buf)
{
	for (uint32_t i = 0; i < w->chunk_size; i++)
		buf[i] = at->pattern[i % sizeof(at->pattern)];
	return w->chunk_size;
}

/* What is stored, unpacked. Return: bytes; -EIO. */
static ssize_t unpack(const struct ewf *w, struct ewf_scratch *s, uint64_t chunk,
	const struct ewf_place *at, void *buf)
{
	ssize_t n = 0;

	if (at->packing == EWF_PATTERN)
		return fill_pattern(w, at, buf);
	if (at->packing == EWF_DEFLATED)
		return zlib_bytes(w, s, at, buf);
	n = at->unchecked ? unchecked_bytes(w, at->stored)
			  : plain_bytes(w, chunk, s->stored, at->stored);
	if (n > 0)
		memcpy(buf, s->stored, (size_t)n);
	return n;
}

static ssize_t inflate(
	const struct ewf *w, struct ewf_scratch *s, uint64_t chunk, void *buf, struct err *e)
{
	struct ewf_place at = {0};
	const struct ewf_segment *seg = NULL;
	ssize_t n = ewf_table_find(w, chunk, &at, e);

	if (n)
		return n;
	seg = &w->segments[at.segment];
	if (at.packing != EWF_PATTERN && ewf_pread_exact(seg, s->stored, at.stored, at.offset))
		return err_set(e, EIO, "%s (segment %u): chunk %llu at offset %llu cannot be read",
			seg->path, at.segment + 1, (unsigned long long)chunk,
			(unsigned long long)at.offset);
	n = unpack(w, s, chunk, &at, buf);
	if (n < 0)
		return err_set(e, EIO, "%s (segment %u): chunk %llu at offset %llu is damaged: %s",
			seg->path, at.segment + 1, (unsigned long long)chunk,
			(unsigned long long)at.offset,
			at.packing == EWF_DEFLATED ? "it does not inflate"
						   : "its checksum does not match");
	return n;
}

ssize_t ewf_inflate(const struct ewf *w, uint64_t chunk, void *buf, struct err *e)
{
	struct ewf_scratch *s = ewf_pool_take(w->pool);
	ssize_t n = 0;

	if (!s)
		return err_set(e, ENOMEM, "out of memory");
	n = inflate(w, s, chunk, buf, e);
	ewf_pool_give(w->pool, s);
	return n;
}

/* A chunk must hold what the media size says; padding behind the media is not served. */
static ssize_t whole(const struct ewf *w, uint64_t chunk, ssize_t n, struct err *e)
{
	uint32_t expected = ewf_chunk_bytes(w, chunk);

	if (n >= 0 && n < (ssize_t)expected)
		return err_set(e, EIO, "chunk %llu holds %zd bytes where the media has %u",
			(unsigned long long)chunk, n, expected);
	return n < 0 ? n : (ssize_t)expected;
}

ssize_t ewf_chunk(const struct source *s, uint64_t chunk, void *buf, struct err *e)
{
	const struct ewf *w = (const struct ewf *)s;

	if (chunk >= w->chunks)
		return err_set(e, EINVAL, "chunk %llu: the image has %llu",
			(unsigned long long)chunk, (unsigned long long)w->chunks);
	return whole(w, chunk, ewf_inflate(w, chunk, buf, e), e);
}

/* Bytes of one chunk, through the cache. Return: 0 or -errno. */
static int read_chunk(const struct ewf *w, struct ewf_scratch **scratch, uint64_t chunk,
	uint32_t at, uint32_t n, bool keep, void *out)
{
	struct ewf_scratch *s = *scratch;
	ssize_t r = 0;

	if (ewf_cache_get(w->cache, chunk, at, n, out))
		return 0;
	if (!s)
		s = *scratch = ewf_pool_take(w->pool);
	if (!s)
		return -ENOMEM;
	if (!s->chunk)
		s->chunk = malloc(w->chunk_size);
	if (!s->chunk)
		return -ENOMEM;
	r = whole(w, chunk, inflate(w, s, chunk, s->chunk, NULL), NULL);
	if (r < 0)
		return (int)r;
	memcpy(out, s->chunk + at, n);
	if (keep)
		ewf_cache_put(w->cache, chunk, &s->chunk);
	return 0;
}

static ssize_t ewf_pread(const struct source *s, void *buf, size_t len, uint64_t off)
{
	const struct ewf *w = (const struct ewf *)s;
	struct ewf_scratch *scratch = NULL;
	size_t done = 0;
	int r = 0;

	while (done < len) {
		uint64_t chunk = (off + done) / w->chunk_size;
		uint32_t at = (uint32_t)((off + done) % w->chunk_size);
		uint32_t n = ewf_chunk_bytes(w, chunk) - at;
		bool part = n < w->chunk_size || len - done < n;

		if (n > len - done)
			n = (uint32_t)(len - done);
		r = read_chunk(w, &scratch, chunk, at, n, part || len <= BULK_BYTES,
			(uint8_t *)buf + done);
		if (r)
			break;
		done += n;
	}
	if (scratch)
		ewf_pool_give(w->pool, scratch);
	return done ? (ssize_t)done : r;
}

static void ewf_close(struct source *s)
{
	ewf_free((struct ewf *)s);
}

struct ewf *ewf_new(void)
{
	static const struct source_ops ops = {.pread = ewf_pread, .close = ewf_close};
	struct ewf *w = calloc(1, sizeof(*w));

	if (w)
		w->base.ops = &ops;
	return w;
}

void ewf_free(struct ewf *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->n_segments; i++)
		free(w->segments[i].path);
	free(w->segments);
	free(w->tables);
	ewf_pool_free(w->pool);
	ewf_cache_free(w->cache);
	free(w);
}

void ewf_info_release(struct ewf_info *info)
{
	buf_release(&info->header);
}
