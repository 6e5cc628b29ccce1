/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ewf_open.c - opens an EWF image from all its segments; see ewf_priv.h
 *
 * Of the chunks it reads one, the last. What a segment consists of differs:
 * ewf_sections.c (E01, S01), ewf2_sections.c (Ex01).
 *
 * The end of the media. The volume section counts whole sectors. ewfacquire,
 * given a medium of 100,001 bytes, writes 195 sectors there and the trailing
 * 161 bytes into the last chunk (or into a chunk of their own, which the chunk
 * count then includes), and the MD5 it stores covers all of them; libewf serves
 * the 195 sectors only. Here the media ends where the last chunk does, if that
 * is less than a sector further than the volume section says: what was acquired
 * is served, and its MD5 matches. A last chunk padded by a sector or more is
 * cut at what the volume section says.
 *
 * Source: the behaviour of ewfacquire and libewf.
 */
#include "image/ewf_priv.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/buf.h"
#include "image/ewf_cache.h"
#include "image/files_series.h"

const struct ewf_segment *ewf_walk_segment_of(const struct ewf_walk *k)
{
	return &k->w->segments[k->segment];
}

int ewf_walk_bad(const struct ewf_walk *k, int code, uint64_t at, const char *what)
{
	return err_set(k->e, code, "%s (segment %u), offset %llu: %s", ewf_walk_segment_of(k)->path,
		k->segment + 1, (unsigned long long)at, what);
}

int ewf_walk_no_memory(const struct ewf_walk *k)
{
	return err_set(k->e, ENOMEM, "out of memory");
}

int ewf_walk_read(const struct ewf_walk *k, void *p, size_t n, uint64_t at)
{
	const struct ewf_segment *s = ewf_walk_segment_of(k);

	if (at > s->size || n > s->size - at)
		return ewf_walk_bad(k, ENODATA, s->size, "the segment is truncated; copy it again");
	if (ewf_pread_exact(s, p, n, at))
		return ewf_walk_bad(k, EIO, at, "the segment cannot be read");
	return 0;
}

int ewf_walk_number(const struct ewf_walk *k, uint32_t number)
{
	if (number == k->segment + 1)
		return 0;
	return err_set(k->e, EBADMSG,
		"%s says that it is segment %u, but stands as segment %u; put the segments "
		"back under the names they had",
		ewf_walk_segment_of(k)->path, number, k->segment + 1);
}

int ewf_walk_chunks(
	struct ewf_walk *k, uint64_t at, uint64_t sectors, uint32_t bytes, uint32_t per_chunk)
{
	uint64_t size = 0;
	uint32_t chunk_size = 0;

	if (bytes == 0 || __builtin_mul_overflow(per_chunk, bytes, &chunk_size) ||
		chunk_size == 0 || chunk_size > EWF_CHUNK_MAX)
		return ewf_walk_bad(k, EBADMSG, at, "the image has an impossible chunk size");
	if (__builtin_mul_overflow(sectors, bytes, &size) || size > INT64_MAX - EWF_CHUNK_MAX)
		return ewf_walk_bad(k, EBADMSG, at, "the image has an impossible media size");
	k->has_volume = true;
	k->sectors = sectors;
	k->info.chunk_size = chunk_size;
	k->info.bytes_per_sector = bytes;
	return 0;
}

bool ewf_checksum_ok(const uint8_t *p, size_t n)
{
	struct cur c = cur_of(p + n, 4);

	return cur_u32(&c) == libdeflate_adler32(1, p, n);
}

struct ewf_table *ewf_walk_table(struct ewf_walk *k, uint64_t at, uint64_t end, uint32_t count)
{
	struct ewf *w = k->w;

	if (array_room(&w->tables, sizeof(*w->tables), w->n_tables, &k->cap))
		return NULL;
	w->tables[w->n_tables] = (struct ewf_table){.first = w->table_chunks,
		.count = count,
		.segment = k->segment,
		.at = at,
		.end = end};
	w->table_chunks += count;
	return &w->tables[w->n_tables++];
}

/* All that were found were walked, and the last says that it is not the last. */
static int goes_on(struct ewf_walk *k)
{
	const char *path = k->w->segments[0].path;
	const char *slash = strrchr(path, '/');
	size_t dir = slash ? (size_t)(slash - path) + 1 : 0;
	struct series s = series_ewf(path + dir, 0);
	size_t number = k->w->n_segments + 1;
	char suffix[SERIES_SUFFIX_MAX];

	if (s.scheme == SERIES_NONE)
		return err_set(k->e, ENXIO,
			"the image goes on in segment %zu, which is not there; put it beside %s",
			number, ewf_walk_segment_of(k)->path);
	series_suffix(&s, (uint32_t)number, suffix);
	return err_set(k->e, ENXIO,
		"segment %zu, %.*s%s, is missing: the image goes on in it; put it beside the "
		"others",
		number, (int)(dir + s.stem), path, suffix);
}

static int walk_segments(struct ewf_walk *k)
{
	size_t n = k->w->n_segments;
	int r = 1;

	for (k->segment = 0; r == 1 && k->segment < n; k->segment++)
		r = k->w->v2 ? ewf2_sections_walk(k) : ewf_sections_walk(k);
	k->segment--; /* back to the last one walked */
	if (r < 0)
		return r;
	if (r == 1)
		return goes_on(k);
	if (k->segment + 1 < n)
		return err_set(k->e, EBADMSG,
			"the image ends with segment %u; %s does not belong to it, move it "
			"elsewhere",
			k->segment + 1, k->w->segments[k->segment + 1].path);
	if (!k->has_volume)
		return ewf_walk_bad(
			k, EBADMSG, 0, "the image does not say how large its medium is");
	if (k->w->n_tables == 0)
		return ewf_walk_bad(k, EBADMSG, 0, "the image has no chunk table");
	return 0;
}

/* Where the last chunk of the tables ends, in media bytes; 0 when it cannot be read. */
static uint64_t acquired_end(const struct ewf *w)
{
	uint8_t *buf = malloc(w->chunk_size);
	uint64_t last = w->table_chunks - 1;
	ssize_t n = buf ? ewf_inflate(w, last, buf, NULL) : 0;
	uint64_t end = 0;

	free(buf);
	if (n <= 0 || __builtin_mul_overflow(last, w->chunk_size, &end) ||
		__builtin_add_overflow(end, (uint64_t)n, &end) || end > INT64_MAX)
		return 0;
	return end;
}

/* Sets size and chunks: see "The end of the media" above. */
static void find_end(struct ewf_walk *k)
{
	struct ewf *w = k->w;
	struct ewf_info *info = &k->info;
	uint64_t size = k->sectors * info->bytes_per_sector;
	uint64_t end = 0;
	uint64_t chunks = size / w->chunk_size + (size % w->chunk_size != 0);

	if (w->table_chunks == chunks || w->table_chunks == chunks + 1 || size == 0)
		end = acquired_end(w);
	if (end > size && (size == 0 || end - size < info->bytes_per_sector))
		size = end;
	else if (size == 0 && __builtin_mul_overflow(w->table_chunks, w->chunk_size, &size))
		size = 0;
	w->base.size = size;
	w->chunks = size / w->chunk_size + (size % w->chunk_size != 0);
	info->media_size = size;
	info->chunks = w->chunks;
}

static int copy_segments(struct ewf *w, const struct image_file *seg, size_t n)
{
	w->segments = calloc(n, sizeof(*w->segments));
	if (!w->segments)
		return -ENOMEM;
	for (; w->n_segments < n; w->n_segments++) {
		const struct image_file *f = &seg[w->n_segments];

		w->segments[w->n_segments] =
			(struct ewf_segment){.path = strdup(f->path), .fd = f->fd, .size = f->size};
		if (!w->segments[w->n_segments].path)
			return -ENOMEM;
	}
	return 0;
}

static bool is_v2(const struct ewf_segment *s)
{
	uint8_t p[8];

	return ewf_pread_exact(s, p, sizeof(p), 0) == 0 &&
	       memcmp(p, EWF2_SIGNATURE, sizeof(p)) == 0;
}

static int walk_image(struct ewf_walk *k)
{
	struct ewf *w = k->w;
	int r = walk_segments(k);

	if (r)
		return r;
	w->chunk_size = k->info.chunk_size;
	w->pool = ewf_pool_new(ewf_stored_max(w->chunk_size));
	w->cache = ewf_cache_new(w->chunk_size);
	if (!w->pool || !w->cache)
		return ewf_walk_no_memory(k);
	find_end(k);
	return 0;
}

int ewf_open(const struct image_file *seg, size_t n, struct ewf_info *info, struct source **out,
	struct err *e)
{
	struct ewf_walk k = {.w = ewf_new(), .e = e};
	int r = 0;

	if (n == 0 || n > UINT16_MAX) {
		r = err_set(e, EINVAL, "an EWF image has 1 to 65535 segments, not %zu", n);
		goto out;
	}
	if (!k.w || copy_segments(k.w, seg, n)) {
		r = ewf_walk_no_memory(&k);
		goto out;
	}
	k.w->v2 = is_v2(&k.w->segments[0]);
	r = walk_image(&k);
	if (r)
		goto out;
	*info = k.info;
	*out = &k.w->base;
	return 0;
out:
	ewf_info_release(&k.info);
	ewf_free(k.w);
	return r;
}
