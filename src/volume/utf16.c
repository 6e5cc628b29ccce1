/* SPDX-License-Identifier: Apache-2.0 */
/* utf16.c - UTF-16LE -> UTF-8; see utf16.h. */
#include "volume/utf16.h"

static uint32_t unit(const uint8_t *p, int big_endian)
{
	return big_endian ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

uint32_t utf16_next(const uint8_t *p, size_t n, int big_endian, size_t *used)
{
	uint32_t hi = unit(p, big_endian);
	uint32_t lo = 0;

	*used = 2;
	if (hi < 0xd800 || hi > 0xdbff || n < 4)
		return hi;
	lo = unit(p + 2, big_endian);
	if (lo < 0xdc00 || lo > 0xdfff)
		return hi;
	*used = 4;
	return 0x10000 + ((hi - 0xd800) << 10) + (lo - 0xdc00);
}

size_t utf8_encode(uint32_t c, uint8_t out[4])
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (uint8_t)(0xe0 | c >> 12);
		out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | c >> 18);
	out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

static void put(struct buf *b, const uint8_t *p, size_t n, int whole)
{
	while (n >= 2) {
		size_t used = 0;
		uint8_t out[4];
		uint32_t c = utf16_next(p, n, 0, &used);

		if (c == 0 && !whole)
			return;
		buf_put(b, out, utf8_encode(c, out));
		p += used;
		n -= used;
	}
}

void utf16le_put(struct buf *b, const uint8_t *p, size_t n)
{
	put(b, p, n, 1);
}

void utf16le_put_str(struct buf *b, const uint8_t *p, size_t n)
{
	put(b, p, n, 0);
}
