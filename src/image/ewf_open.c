/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ewf_open.c - walks the sections of an EWF image; see ewf_priv.h
 *
 * Reads the headers of sections and of tables, the volume section, hashes and
 * texts, and one chunk, the last: nothing that grows with the media but the
 * number of tables. Sections must go forward, so that a walk ends; where a
 * section ends is where the next one begins (old writers leave its size wrong).
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
 * Source: EWF specification, 2 (segment file), 3 (sections).
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

struct section {
	char type[17];
	uint64_t at;      /* segment offset of its header */
	uint64_t payload; /* segment offset behind the header */
	uint64_t end;     /* where it ends; for the last one where its segment does */
	bool last;        /* done or next */
};

struct walk {
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
	struct err *e;
};

static const struct ewf_segment *segment_of(const struct walk *k)
{
	return &k->w->segments[k->segment];
}

/* "PATH (segment N), offset O: WHAT" */
static int bad(const struct walk *k, int code, uint64_t at, const char *what)
{
	return err_set(k->e, code, "%s (segment %u), offset %llu: %s", segment_of(k)->path,
		k->segment + 1, (unsigned long long)at, what);
}

static int no_memory(const struct walk *k)
{
	return err_set(k->e, ENOMEM, "out of memory");
}

/* Reads a fixed part of a segment; past its end the segment is truncated. */
static int read_part(const struct walk *k, void *p, size_t n, uint64_t at)
{
	const struct ewf_segment *s = segment_of(k);

	if (at > s->size || n > s->size - at)
		return bad(k, ENODATA, s->size, "the segment is truncated; copy it again");
	if (ewf_pread_exact(s, p, n, at))
		return bad(k, EIO, at, "the segment cannot be read");
	return 0;
}

static bool checksum_ok(const uint8_t *p, size_t n)
{
	struct cur c = cur_of(p + n, 4);

	return cur_u32(&c) == libdeflate_adler32(1, p, n);
}

static bool is_type(const struct section *s, const char *type)
{
	return strcmp(s->type, type) == 0;
}

static int read_file_header(struct walk *k)
{
	uint8_t p[EWF_FILE_HEADER] = {0};
	struct cur c = cur_of(p + 9, 2);
	int r = read_part(k, p, sizeof(p), 0);
	unsigned number = 0;

	if (r)
		return r;
	if (memcmp(p, "LVF\x09\x0d\x0a\xff\x00", 8) == 0)
		return bad(k, ENOTSUP, 0, "logical evidence (L01), not an image of a medium");
	if (memcmp(p, "EVF\x09\x0d\x0a\xff\x00", 8) != 0)
		return bad(k, EBADMSG, 0, "not an EWF segment");
	number = cur_u16(&c);
	if (number != (k->segment + 1) % 0x10000)
		return err_set(k->e, EBADMSG,
			"%s says that it is segment %u, but stands as segment %u; put the segments "
			"back "
			"under the names they had",
			segment_of(k)->path, number, k->segment + 1);
	return 0;
}

static int read_section(const struct walk *k, uint64_t at, struct section *s)
{
	uint8_t p[EWF_SECTION_HEADER] = {0};
	struct cur c = cur_of(p + 16, 8);
	uint64_t next = 0;
	int r = read_part(k, p, sizeof(p), at);

	if (r)
		return r;
	if (!checksum_ok(p, sizeof(p) - 4))
		return bad(k, EBADMSG, at, "the section header is damaged: checksum");
	next = cur_u64(&c);
	*s = (struct section){.at = at, .payload = at + sizeof(p)};
	memcpy(s->type, p, 16);
	s->last = is_type(s, "done") || is_type(s, "next");
	if (s->last) {
		s->end = segment_of(k)->size;
		return 0;
	}
	if (next < s->payload)
		return bad(k, EBADMSG, at, "the section chain goes backwards");
	if (next > segment_of(k)->size)
		return bad(k, ENODATA, at,
			"the segment is truncated: a section goes past its end; copy it again");
	s->end = next;
	return 0;
}

/* Chunk and sector counts: bytes 4 to 24 in both the EnCase and the SMART form. */
static int parse_volume(struct walk *k, const struct section *s, const uint8_t *p, bool smart)
{
	struct cur c = cur_of(p + 4, 20);
	uint32_t chunks = cur_u32(&c);
	uint32_t per_chunk = cur_u32(&c);
	uint32_t bytes = cur_u32(&c);
	uint64_t sectors = smart ? cur_u32(&c) : cur_u64(&c);
	uint64_t size = 0;
	uint32_t chunk_size = 0;

	if (bytes == 0 || __builtin_mul_overflow(per_chunk, bytes, &chunk_size) ||
		chunk_size == 0 || chunk_size > EWF_CHUNK_MAX)
		return bad(k, EBADMSG, s->at, "the volume section has an impossible chunk size");
	if (__builtin_mul_overflow(sectors, bytes, &size) || size > INT64_MAX - EWF_CHUNK_MAX)
		return bad(k, EBADMSG, s->at, "the volume section has an impossible media size");
	k->has_volume = true;
	k->smart = smart;
	k->sectors = sectors;
	k->info.chunk_size = chunk_size;
	k->info.bytes_per_sector = bytes;
	k->info.chunks = chunks;
	if (!smart)
		memcpy(k->set, p + 64, sizeof(k->set));
	return 0;
}

/* volume, disk, and data: the copy of it in each further segment. */
static int read_volume(struct walk *k, const struct section *s)
{
	static const uint8_t zeros[16] = {0};
	uint8_t p[1052];
	uint64_t length = s->end - s->payload;
	bool smart = length < sizeof(p);
	size_t n = smart ? 94 : sizeof(p);
	bool copy = k->has_volume;
	int r = 0;

	if (length < n)
		return copy ? 0 : bad(k, EBADMSG, s->at, "the volume section is too short");
	r = read_part(k, p, n, s->payload);
	if (r)
		return r;
	if (!checksum_ok(p, n - 4))
		return copy ? 0 : bad(k, EBADMSG, s->at, "the volume section is damaged: checksum");
	if (!copy)
		return parse_volume(k, s, p, smart);
	if (!smart && memcmp(k->set, zeros, 16) != 0 && memcmp(p + 64, zeros, 16) != 0 &&
		memcmp(p + 64, k->set, 16) != 0)
		return bad(k, EBADMSG, s->at, "the segment belongs to another image");
	return 0;
}

/* The header of a table and its place; *@count is 0 when it cannot be used. */
static int read_table(
	const struct walk *k, const struct section *s, struct ewf_copy *copy, uint32_t *count)
{
	uint8_t p[EWF_TABLE_HEADER] = {0};
	struct cur c = cur_of(p, sizeof(p));
	uint64_t room = s->end - s->payload;
	uint64_t bytes = 0;
	uint32_t n = 0;
	int r = 0;

	*count = 0;
	if (room < sizeof(p))
		return 0;
	r = read_part(k, p, sizeof(p), s->payload);
	if (r)
		return r;
	room -= sizeof(p);
	n = cur_u32(&c);
	cur_u32(&c);
	bytes = (uint64_t)n * 4;
	if (!checksum_ok(p, sizeof(p) - 4) || bytes > room)
		return 0;
	copy->entries = s->payload + sizeof(p);
	copy->base = cur_u64(&c);
	copy->has_checksum = !k->smart && room - bytes >= 4;
	*count = n;
	return 0;
}

static struct ewf_table *push_table(struct walk *k)
{
	struct ewf *w = k->w;

	if (array_room(&w->tables, sizeof(*w->tables), w->n_tables, &k->cap))
		return NULL;
	w->tables[w->n_tables] = (struct ewf_table){.first = w->table_chunks};
	return &w->tables[w->n_tables++];
}

/*
 * A table whose header is damaged is entered with count 0 and waits for its
 * mirror: without one, no chunk behind it has a number.
 */
static int add_table(struct walk *k, const struct section *s)
{
	struct ewf_copy copy = {0};
	struct ewf_table *t = NULL;
	uint32_t count = 0;
	int r = 0;

	if (!k->has_volume)
		return bad(k, EBADMSG, s->at, "a chunk table before the volume section");
	r = read_table(k, s, &copy, &count);
	if (r)
		return r;
	if (count == 0 && copy.entries) /* a table without chunks */
		return 0;
	t = push_table(k);
	if (!t)
		return no_memory(k);
	t->segment = k->segment;
	t->count = count;
	t->copy[0] = copy;
	t->at = s->at;
	t->end = s->end;
	t->sectors = k->data;
	t->sectors_end = k->data_end;
	k->w->table_chunks += count;
	k->mirror = true;
	return 0;
}

static int add_mirror(struct walk *k, const struct section *s)
{
	struct ewf_table *t = NULL;
	struct ewf_copy copy = {0};
	uint32_t count = 0;
	int r = 0;

	if (!k->mirror || k->w->n_tables == 0)
		return add_table(k, s);
	k->mirror = false;
	t = &k->w->tables[k->w->n_tables - 1];
	r = read_table(k, s, &copy, &count);
	if (r || count == 0)
		return r;
	if (t->count == 0) {
		t->count = count;
		k->w->table_chunks += count;
	}
	if (t->count == count)
		t->copy[1] = copy;
	return 0;
}

/* A damaged table must have got its count from its mirror before the next one counts on. */
static int settle_table(struct walk *k)
{
	const struct ewf *w = k->w;

	k->mirror = false;
	if (w->n_tables && w->tables[w->n_tables - 1].count == 0)
		return bad(k, EBADMSG, w->tables[w->n_tables - 1].at,
			"the chunk table is damaged, and so is its copy");
	return 0;
}

static int read_text(struct walk *k, const struct ewf_section *s, bool utf16)
{
	int r = 0;

	if (k->has_header2 && !utf16)
		return 0;
	r = ewf_info_header(s, utf16, &k->info);
	if (r)
		return no_memory(k);
	k->has_header2 = utf16 && k->info.header.len > 0;
	return 0;
}

static int take_section(struct walk *k, const struct section *s)
{
	struct ewf_section part = {segment_of(k), s->payload, s->end - s->payload};
	int r = 0;

	if (is_type(s, "table2"))
		return add_mirror(k, s);
	r = settle_table(k);
	if (r)
		return r;
	if (is_type(s, "table"))
		return add_table(k, s);
	if (is_type(s, "sectors")) {
		k->data = s->payload;
		k->data_end = s->end;
	} else if (is_type(s, "volume") || is_type(s, "disk") || is_type(s, "data")) {
		return read_volume(k, s);
	} else if (is_type(s, "header") || is_type(s, "header2")) {
		return read_text(k, &part, is_type(s, "header2"));
	} else if (is_type(s, "hash")) {
		ewf_info_hash(&part, &k->info);
	} else if (is_type(s, "digest")) {
		ewf_info_digest(&part, &k->info);
	} else if (is_type(s, "error2")) {
		ewf_info_error2(&part, &k->info);
	} else if (is_type(s, "ltree") || is_type(s, "ltypes")) {
		return bad(k, ENOTSUP, s->at, "logical evidence (L01), not an image of a medium");
	}
	return 0; /* session, xheader and whatever else a writer adds hold no media */
}

/* Walks one segment. Return: 1 the image goes on; 0 it is done; -errno. */
static int walk_segment(struct walk *k)
{
	uint64_t at = EWF_FILE_HEADER;
	struct section s;
	int r = read_file_header(k);

	k->data = 0;
	k->data_end = 0;
	while (r == 0) {
		r = read_section(k, at, &s);
		if (r)
			break;
		if (s.last) {
			r = settle_table(k);
			return r ? r : is_type(&s, "next");
		}
		r = take_section(k, &s);
		at = s.end;
	}
	return r;
}

/* All that were found were walked, and the last says that it is not the last. */
static int goes_on(struct walk *k)
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
			number, segment_of(k)->path);
	series_suffix(&s, (uint32_t)number, suffix);
	return err_set(k->e, ENXIO,
		"segment %zu, %.*s%s, is missing: the image goes on in it; put it beside the "
		"others",
		number, (int)(dir + s.stem), path, suffix);
}

static int walk_segments(struct walk *k)
{
	size_t n = k->w->n_segments;
	int r = 1;

	for (k->segment = 0; r == 1 && k->segment < n; k->segment++)
		r = walk_segment(k);
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
		return bad(k, EBADMSG, 0, "the image has no volume section");
	if (k->w->n_tables == 0)
		return bad(k, EBADMSG, 0, "the image has no chunk table");
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
static void find_end(struct walk *k)
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

static int walk_image(struct walk *k)
{
	struct ewf *w = k->w;
	int r = walk_segments(k);

	if (r)
		return r;
	w->chunk_size = k->info.chunk_size;
	w->pool = ewf_pool_new(ewf_stored_max(w->chunk_size));
	w->cache = ewf_cache_new(w->chunk_size);
	if (!w->pool || !w->cache)
		return no_memory(k);
	find_end(k);
	return 0;
}

int ewf_open(const struct image_file *seg, size_t n, struct ewf_info *info, struct source **out,
	struct err *e)
{
	struct walk k = {.w = ewf_new(), .e = e};
	int r = 0;

	if (n == 0 || n > UINT16_MAX) {
		r = err_set(e, EINVAL, "an EWF image has 1 to 65535 segments, not %zu", n);
		goto out;
	}
	if (!k.w || copy_segments(k.w, seg, n)) {
		r = no_memory(&k);
		goto out;
	}
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
