/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ewf_sections.c - the sections of an EWF-E01 or EWF-S01 segment; see ewf_priv.h
 *
 * Reads the headers of sections and of tables, the volume section, hashes and
 * texts: nothing that grows with the media but the number of tables. Sections
 * must go forward, so that a walk ends; where a section ends is where the next
 * one begins (old writers leave its size wrong).
 *
 * Source: EWF specification, 2 (segment file), 3 (sections).
 */
#include "image/ewf_priv.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"

struct section {
	char type[17];
	uint64_t at;      /* segment offset of its header */
	uint64_t payload; /* segment offset behind the header */
	uint64_t end;     /* where it ends; for the last one where its segment does */
	bool last;        /* done or next */
};

static bool is_type(const struct section *s, const char *type)
{
	return strcmp(s->type, type) == 0;
}

static int read_file_header(struct ewf_walk *k)
{
	uint8_t p[EWF_FILE_HEADER] = {0};
	struct cur c = cur_of(p + 9, 2);
	int r = ewf_walk_read(k, p, sizeof(p), 0);
	unsigned number = 0;

	if (r)
		return r;
	if (memcmp(p, "LVF\x09\x0d\x0a\xff\x00", 8) == 0)
		return ewf_walk_bad(
			k, ENOTSUP, 0, "logical evidence (L01), not an image of a medium");
	if (memcmp(p, "EVF\x09\x0d\x0a\xff\x00", 8) != 0)
		return ewf_walk_bad(k, EBADMSG, 0, "not an EWF segment");
	number = cur_u16(&c);
	/* 16 bits: segment 65536 would be 0, and there is none */
	return ewf_walk_number(k, number);
}

static int read_section(const struct ewf_walk *k, uint64_t at, struct section *s)
{
	uint8_t p[EWF_SECTION_HEADER] = {0};
	struct cur c = cur_of(p + 16, 8);
	uint64_t next = 0;
	int r = ewf_walk_read(k, p, sizeof(p), at);

	if (r)
		return r;
	if (!ewf_checksum_ok(p, sizeof(p) - 4))
		return ewf_walk_bad(k, EBADMSG, at, "the section header is damaged: checksum");
	next = cur_u64(&c);
	*s = (struct section){.at = at, .payload = at + sizeof(p)};
	memcpy(s->type, p, 16);
	s->last = is_type(s, "done") || is_type(s, "next");
	if (s->last) {
		s->end = ewf_walk_segment_of(k)->size;
		return 0;
	}
	if (next < s->payload)
		return ewf_walk_bad(k, EBADMSG, at, "the section chain goes backwards");
	if (next > ewf_walk_segment_of(k)->size)
		return ewf_walk_bad(k, ENODATA, at,
			"the segment is truncated: a section goes past its end; copy it again");
	s->end = next;
	return 0;
}

/* Chunk and sector counts: bytes 4 to 24 in both the EnCase and the SMART form. */
static int parse_volume(struct ewf_walk *k, const struct section *s, const uint8_t *p, bool smart)
{
	struct cur c = cur_of(p + 4, 20);
	uint32_t chunks = cur_u32(&c);
	uint32_t per_chunk = cur_u32(&c);
	uint32_t bytes = cur_u32(&c);
	uint64_t sectors = smart ? cur_u32(&c) : cur_u64(&c);
	int r = ewf_walk_chunks(k, s->at, sectors, bytes, per_chunk);

	if (r)
		return r;
	k->smart = smart;
	k->info.chunks = chunks;
	if (!smart)
		memcpy(k->set, p + 64, sizeof(k->set));
	return 0;
}

/* volume, disk, and data: the copy of it in each further segment. */
static int read_volume(struct ewf_walk *k, const struct section *s)
{
	static const uint8_t zeros[16] = {0};
	uint8_t p[1052];
	uint64_t length = s->end - s->payload;
	bool smart = length < sizeof(p);
	size_t n = smart ? 94 : sizeof(p);
	bool copy = k->has_volume;
	int r = 0;

	if (length < n)
		return copy ? 0
			    : ewf_walk_bad(k, EBADMSG, s->at, "the volume section is too short");
	r = ewf_walk_read(k, p, n, s->payload);
	if (r)
		return r;
	if (!ewf_checksum_ok(p, n - 4))
		return copy ? 0
			    : ewf_walk_bad(
				      k, EBADMSG, s->at, "the volume section is damaged: checksum");
	if (!copy)
		return parse_volume(k, s, p, smart);
	if (!smart && memcmp(k->set, zeros, 16) != 0 && memcmp(p + 64, zeros, 16) != 0 &&
		memcmp(p + 64, k->set, 16) != 0)
		return ewf_walk_bad(k, EBADMSG, s->at, "the segment belongs to another image");
	return 0;
}

/* The header of a table and its place; *@count is 0 when it cannot be used. */
static int read_table(
	const struct ewf_walk *k, const struct section *s, struct ewf_copy *copy, uint32_t *count)
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
	r = ewf_walk_read(k, p, sizeof(p), s->payload);
	if (r)
		return r;
	room -= sizeof(p);
	n = cur_u32(&c);
	cur_u32(&c);
	bytes = (uint64_t)n * 4;
	if (!ewf_checksum_ok(p, sizeof(p) - 4) || bytes > room)
		return 0;
	copy->entries = s->payload + sizeof(p);
	copy->base = cur_u64(&c);
	copy->has_checksum = !k->smart && room - bytes >= 4;
	*count = n;
	return 0;
}

/*
 * A table whose header is damaged is entered with count 0 and waits for its
 * mirror: without one, no chunk behind it has a number.
 */
static int add_table(struct ewf_walk *k, const struct section *s)
{
	struct ewf_copy copy = {0};
	struct ewf_table *t = NULL;
	uint32_t count = 0;
	int r = 0;

	if (!k->has_volume)
		return ewf_walk_bad(k, EBADMSG, s->at, "a chunk table before the volume section");
	r = read_table(k, s, &copy, &count);
	if (r)
		return r;
	if (count == 0 && copy.entries) /* a table without chunks */
		return 0;
	t = ewf_walk_table(k, s->at, s->end, count);
	if (!t)
		return ewf_walk_no_memory(k);
	t->copy[0] = copy;
	t->sectors = k->data;
	t->sectors_end = k->data_end;
	k->mirror = true;
	return 0;
}

static int add_mirror(struct ewf_walk *k, const struct section *s)
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
static int settle_table(struct ewf_walk *k)
{
	const struct ewf *w = k->w;

	k->mirror = false;
	if (w->n_tables && w->tables[w->n_tables - 1].count == 0)
		return ewf_walk_bad(k, EBADMSG, w->tables[w->n_tables - 1].at,
			"the chunk table is damaged, and so is its copy");
	return 0;
}

static int read_text(struct ewf_walk *k, const struct ewf_section *s, bool utf16)
{
	int r = 0;

	if (k->has_header2 && !utf16)
		return 0;
	r = ewf_info_header(s, utf16, &k->info);
	if (r)
		return ewf_walk_no_memory(k);
	k->has_header2 = utf16 && k->info.header.len > 0;
	return 0;
}

static int take_section(struct ewf_walk *k, const struct section *s)
{
	struct ewf_section part = {ewf_walk_segment_of(k), s->payload, s->end - s->payload};
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
		return ewf_walk_bad(
			k, ENOTSUP, s->at, "logical evidence (L01), not an image of a medium");
	}
	return 0; /* session, xheader and whatever else a writer adds hold no media */
}

int ewf_sections_walk(struct ewf_walk *k)
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
