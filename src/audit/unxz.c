/* SPDX-License-Identifier: Apache-2.0 */
/* unxz.c - a closed segment, compressed and not; see unxz.h. */
#include "audit/unxz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <lzma.h>

#define PRESET       1           /* nonces do not compress, the rest does at any preset */
#define MEMORY_BYTES (64u << 20) /* for decoding: what a preset of 6 needs is a sixth of it */

bool unxz_is(const uint8_t *p, size_t n)
{
	static const uint8_t magic[UNXZ_MAGIC] = {0xfd, '7', 'z', 'X', 'Z', 0};

	return n >= UNXZ_MAGIC && memcmp(p, magic, UNXZ_MAGIC) == 0;
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

	if (lzma_stream_decoder(&s, MEMORY_BYTES, 0) != LZMA_OK)
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

int unxz_make(const uint8_t *p, size_t n, uint8_t **out, size_t *out_n)
{
	size_t bound = lzma_stream_buffer_bound(n);
	uint8_t *made = bound ? malloc(bound) : NULL;
	size_t made_n = 0;
	lzma_ret r = LZMA_MEM_ERROR;

	if (made)
		r = lzma_easy_buffer_encode(
			PRESET, LZMA_CHECK_CRC32, NULL, p, n, made, &made_n, bound);
	if (r != LZMA_OK) {
		free(made);
		return r == LZMA_MEM_ERROR ? -ENOMEM : -EIO;
	}
	*out = made;
	*out_n = made_n;
	return 0;
}
