/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ewf2_sections.c - the sections of an EWF2-Ex01 segment; see ewf_priv.h
 *
 * A section is described behind its data, and names the descriptor before it: a
 * segment is read from its end, where descriptors must go backwards, so that a
 * walk ends. What lies between the data of two sections is passed over, as it
 * is left where an acquisition was begun again.
 *
 * Refused: encrypted images (their format is not published), and bzip2, which
 * the format knows and EnCase does not offer.
 *
 * Source: J. Metz, "Expert Witness Compression Format version 2 specification"
 * (libewf documentation), 2 (segment files), 3 (sections).
 */
#include "image/ewf_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/buf.h"

#define SECTIONS_MAX    (1u << 22) /* of a segment: 100 times what 8 TB have */
#define FLAG_ENCRYPTED  2u
#define METHOD_DEFLATE  1u
#define TABLE_HEADER    32 /* bytes: first chunk, entries, padding, checksum, padding */
#define TABLE_HEADER_OK 16 /* bytes of it that the checksum covers */

enum type {
	DEVICE_INFORMATION = 1,
	CASE_DATA = 2,
	SECTOR_DATA = 3,
	SECTOR_TABLE = 4,
	ERROR_TABLE = 5,
	MD5_HASH = 8,
	SHA1_HASH = 9,
	ENCRYPTION_KEYS = 11,
	NEXT = 13,
	DONE = 15,
};

struct section {
	uint32_t type;
	uint64_t at;       /* segment offset of its descriptor */
	uint64_t payload;  /* of its data, which end at @at */
	uint64_t previous; /* descriptor; 0: it is the first */
};

static int read_file_header(struct ewf_walk *k)
{
	uint8_t p[EWF2_FILE_HEADER] = {0};
	struct cur c = cur_of(p + 8, 8);
	int r = ewf_walk_read(k, p, sizeof(p), 0);
	unsigned major = 0;
	unsigned method = 0;

	if (r)
		return r;
	if (memcmp(p, EWF2_SIGNATURE, 8) != 0)
		return ewf_walk_bad(k, EBADMSG, 0, "not a segment of an Ex01 image");
	major = cur_u8(&c);
	cur_u8(&c); /* minor version */
	method = cur_u16(&c);
	if (major != 2)
		return ewf_walk_bad(k, ENOTSUP, 8, "an EWF version that is not known");
	if (method > METHOD_DEFLATE)
		return ewf_walk_bad(k, ENOTSUP, 10,
			"compressed by a method that is not read here; write it as E01");
	r = ewf_walk_number(k, cur_u32(&c));
	if (r == 0 && k->segment > 0 && memcmp(p + 16, k->set, sizeof(k->set)) != 0)
		r = ewf_walk_bad(k, EBADMSG, 0, "the segment belongs to another image");
	memcpy(k->set, p + 16, sizeof(k->set));
	return r ? r : (int)method;
}

static int read_section(const struct ewf_walk *k, uint64_t at, struct section *s)
{
	uint8_t p[EWF2_DESCRIPTOR] = {0};
	struct cur c = cur_of(p, 28);
	uint64_t size = 0;
	uint32_t flags = 0;
	int r = ewf_walk_read(k, p, sizeof(p), at);

	if (r)
		return r;
	if (!ewf_checksum_ok(p, sizeof(p) - 4))
		return ewf_walk_bad(k, EBADMSG, at,
			"the section descriptor is damaged, or the segment is truncated; copy it "
			"again");
	*s = (struct section){.type = cur_u32(&c), .at = at};
	flags = cur_u32(&c);
	s->previous = cur_u64(&c);
	size = cur_u64(&c);
	if (flags & FLAG_ENCRYPTED || s->type == ENCRYPTION_KEYS)
		return ewf_walk_bad(k, ENOTSUP, at,
			"the image is encrypted; write it without a password with EnCase");
	if (cur_u32(&c) != EWF2_DESCRIPTOR || size > at - EWF2_FILE_HEADER)
		return ewf_walk_bad(k, EBADMSG, at, "the section descriptor has impossible sizes");
	s->payload = at - size;
	if (s->previous && (s->previous < EWF2_FILE_HEADER || s->previous >= s->payload ||
				   s->payload - s->previous < EWF2_DESCRIPTOR))
		return ewf_walk_bad(k, EBADMSG, at, "the section chain goes forwards");
	return 0;
}

static int add_table(struct ewf_walk *k, const struct section *s)
{
	uint8_t p[TABLE_HEADER] = {0};
	struct cur c = cur_of(p, sizeof(p));
	uint64_t room = s->at - s->payload;
	uint64_t first = 0;
	uint32_t count = 0;
	struct ewf_table *t = NULL;
	int r = room < sizeof(p) ? 0 : ewf_walk_read(k, p, sizeof(p), s->payload);

	if (r)
		return r;
	first = cur_u64(&c);
	count = cur_u32(&c);
	if (room < sizeof(p) || !ewf_checksum_ok(p, TABLE_HEADER_OK) ||
		((uint64_t)count * EWF2_ENTRY) + 4 > room - sizeof(p))
		return ewf_walk_bad(k, EBADMSG, s->at, "the chunk table is damaged");
	if (first != k->w->table_chunks)
		return ewf_walk_bad(k, EBADMSG, s->at, "a chunk table before this one is missing");
	if (count == 0)
		return 0;
	t = ewf_walk_table(k, s->at, s->at, count);
	if (!t)
		return ewf_walk_no_memory(k);
	t->copy[0] = (struct ewf_copy){.entries = s->payload + sizeof(p), .has_checksum = true};
	return 0;
}

static int read_text(
	struct ewf_walk *k, const struct section *s, const struct ewf_section *part, bool deflated)
{
	struct ewf2_geometry *g = &k->geometry;
	int r = 0;

	if (k->segment > 0) /* copies of what the first one says */
		return 0;
	r = ewf2_info_text(part, deflated, &k->info, g);
	if (r)
		return ewf_walk_no_memory(k);
	if (k->has_volume || !g->bytes_per_sector || !g->sectors_per_chunk)
		return 0;
	if (g->bytes_per_sector > UINT32_MAX || g->sectors_per_chunk > UINT32_MAX)
		return ewf_walk_bad(k, EBADMSG, s->at, "the image has an impossible chunk size");
	k->info.chunks = g->chunks;
	return ewf_walk_chunks(k, s->at, g->sectors, (uint32_t)g->bytes_per_sector,
		(uint32_t)g->sectors_per_chunk);
}

static int take_section(struct ewf_walk *k, const struct section *s, bool deflated)
{
	const struct ewf_section part = {ewf_walk_segment_of(k), s->payload, s->at - s->payload};

	switch (s->type) {
	case DEVICE_INFORMATION:
	case CASE_DATA:
		return read_text(k, s, &part, deflated);
	case SECTOR_TABLE:
		return add_table(k, s);
	case ERROR_TABLE:
		ewf2_info_errors(&part, &k->info);
		return 0;
	case MD5_HASH:
		ewf2_info_md5(&part, &k->info);
		return 0;
	case SHA1_HASH:
		ewf2_info_sha1(&part, &k->info);
		return 0;
	default: /* sectors are found by their tables; the others hold no media */
		return 0;
	}
}

/* Descriptors from the last to the first. Return: how many, and *@out (caller frees); -errno. */
static ssize_t find_sections(const struct ewf_walk *k, struct section **out)
{
	uint64_t size = ewf_walk_segment_of(k)->size;
	uint64_t at = size < EWF2_DESCRIPTOR ? 0 : size - EWF2_DESCRIPTOR;
	size_t cap = 0;
	size_t n = 0;
	int r = 0;

	if (at < EWF2_FILE_HEADER)
		return ewf_walk_bad(k, ENODATA, size, "the segment is truncated; copy it again");
	do {
		if (n == SECTIONS_MAX)
			r = ewf_walk_bad(k, EBADMSG, at, "more sections than a segment has");
		else if (array_room(out, sizeof(**out), n, &cap))
			r = ewf_walk_no_memory(k);
		else
			r = read_section(k, at, &(*out)[n]);
		if (r == 0)
			at = (*out)[n++].previous;
	} while (r == 0 && at);
	return r ? r : (ssize_t)n;
}

int ewf2_sections_walk(struct ewf_walk *k)
{
	struct section *sections = NULL;
	int method = read_file_header(k);
	ssize_t n = method < 0 ? method : find_sections(k, &sections);
	int r = n < 0 ? (int)n : 0;
	bool goes_on = n > 0 && sections[0].type == NEXT;

	if (n > 0 && !goes_on && sections[0].type != DONE)
		r = ewf_walk_bad(k, ENODATA, sections[0].at,
			"the segment ends before its end; copy it again");
	for (ssize_t i = n - 1; r == 0 && i >= 0; i--)
		r = take_section(k, &sections[i], method == METHOD_DEFLATE);
	free(sections);
	return r ? r : goes_on;
}
