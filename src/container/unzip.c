/* SPDX-License-Identifier: Apache-2.0 */
/* unzip.c - a small member of a zip file, expanded whole; see unzip.h. */
#include "container/unzip.h"

#include <string.h>

#include <libdeflate.h>

#define LOCAL_HEADER    0x04034b50u
#define DATA_DESCRIPTOR 0x08074b50u
#define LOCAL_FIXED     30u
#define EXTRA_MAX       1024u
#define DESCRIPTOR_MAX  24u
#define ENCRYPTED       0x0001u
#define STREAMED        0x0008u /* CRC and sizes stand behind the data */
#define DEFLATED        8u

/* What a local header says. */
struct local {
	bool streamed;
	uint32_t crc;
	uint32_t packed;
};

/* One of [@n] bytes, its name and extra field with it, that is of such a member. */
static bool take_local(const uint8_t *p, size_t n, const char *name, size_t size, struct local *out)
{
	struct cur c = cur_of(p, n);
	bool good = cur_u32(&c) == LOCAL_HEADER;
	uint16_t flags = 0;
	size_t name_len = 0;
	size_t extra_len = 0;
	uint32_t expanded = 0;
	const uint8_t *there = NULL;

	cur_u16(&c); /* version needed */
	flags = cur_u16(&c);
	good = good && !(flags & ENCRYPTED) && cur_u16(&c) == DEFLATED;
	cur_u32(&c); /* time and date */
	out->streamed = flags & STREAMED;
	out->crc = cur_u32(&c);
	out->packed = cur_u32(&c);
	expanded = cur_u32(&c);
	name_len = cur_u16(&c);
	extra_len = cur_u16(&c);
	there = cur_take(&c, name_len);
	cur_take(&c, extra_len);
	return good && !c.bad && cur_left(&c) == 0 && name_len == strlen(name) &&
	       memcmp(there, name, name_len) == 0 && (out->streamed || expanded == size);
}

/* That which ends where [@n] bytes end: how long its extra field is, it says itself. */
static bool find_local(const uint8_t *p, size_t n, const char *name, size_t size, struct local *out)
{
	const size_t least = LOCAL_FIXED + strlen(name);

	for (size_t extra = 0; extra <= EXTRA_MAX && least + extra <= n; extra++) {
		if (take_local(p + n - least - extra, least + extra, name, size, out))
			return true;
	}
	return false;
}

/* The CRC that stands behind the data, with a signature or without. */
static bool take_descriptor(struct cur *c, uint32_t *crc)
{
	*crc = cur_u32(c);
	if (*crc == DATA_DESCRIPTOR)
		*crc = cur_u32(c);
	return !c->bad;
}

static bool expand(struct cur *c, struct local *l, size_t size, uint8_t *out)
{
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	size_t used = 0;
	size_t got = 0;
	bool good = d && libdeflate_deflate_decompress_ex(d, c->p, cur_left(c), out, size, &used,
				 &got) == LIBDEFLATE_SUCCESS;

	libdeflate_free_decompressor(d);
	if (!good || got != size || !cur_take(c, used))
		return false;
	if (l->streamed)
		good = take_descriptor(c, &l->crc);
	else
		good = used == l->packed;
	return good && libdeflate_crc32(0, out, size) == l->crc;
}

bool unzip_whole(const struct source *s, uint64_t at, const char *name, size_t size,
	struct buf *scratch, uint8_t *out)
{
	const size_t most = LOCAL_FIXED + strlen(name) + EXTRA_MAX;
	const size_t before = at < most ? (size_t)at : most;
	/* what does not compress is stored, in blocks with 5 bytes more */
	const size_t want = before + size + 5 * (size / 16384 + 1) + DESCRIPTOR_MAX;
	struct local l = {.streamed = false};
	ssize_t n = 0;
	struct cur c;

	buf_reset(scratch);
	if (size == 0 || size > UNZIP_MAX || at >= source_size(s) || buf_reserve(scratch, want))
		return false;
	n = source_read_all(s, scratch->data, want, at - before);
	if (n < (ssize_t)before || !find_local(scratch->data, before, name, size, &l))
		return false;
	c = cur_of(scratch->data + before, (size_t)n - before);
	return expand(&c, &l, size, out);
}
