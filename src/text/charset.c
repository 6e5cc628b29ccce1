/* SPDX-License-Identifier: Apache-2.0 */
/* charset.c - bytes in some character set as UTF-8; see charset.h. */
#include "text/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "volume/utf16.h"

#define BLOCK 8192
#define HELD  16 /* bytes that one character, with what shifts to it, may have */

struct charset {
	iconv_t cd; /* (iconv_t)-1: UTF-8 or windows-1252 */
	charset_take *take;
	void *ctx;
	size_t unit; /* bytes that are skipped where nothing can be read */
	uint8_t in[BLOCK + HELD];
	size_t held;
	char out[4 * BLOCK];
	size_t n;
};

uint32_t charset_1252(uint8_t byte)
{
	static const uint16_t high[32] = {0x20AC, 0xFFFD, 0x201A, 0x192, 0x201E, 0x2026, 0x2020,
		0x2021, 0x2C6, 0x2030, 0x160, 0x2039, 0x152, 0xFFFD, 0x17D, 0xFFFD, 0xFFFD, 0x2018,
		0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x2DC, 0x2122, 0x161, 0x203A, 0x153,
		0xFFFD, 0x17E, 0x178};

	return byte >= 0x80 && byte < 0xA0 ? high[byte - 0x80] : byte;
}

const char *charset_of_mark(const uint8_t *p, size_t n, size_t *mark)
{
	static const struct {
		const char *bytes, *name;
		size_t n;
	} marks[] = {{"\xFF\xFE\0\0", "UTF-32LE", 4}, {"\0\0\xFE\xFF", "UTF-32BE", 4},
		{"\xEF\xBB\xBF", "UTF-8", 3}, {"\xFF\xFE", "UTF-16LE", 2},
		{"\xFE\xFF", "UTF-16BE", 2}};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (n >= marks[i].n && memcmp(p, marks[i].bytes, marks[i].n) == 0) {
			*mark = marks[i].n;
			return marks[i].name;
		}
	}
	return NULL;
}

static bool is_latin(const char *name)
{
	static const char *const names[] = {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1",
		"iso8859-1", "latin1", "latin-1", "windows-1252", "cp1252", "x-unknown"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

int charset_open(const char *name, charset_take *take, void *ctx, struct charset **out)
{
	struct charset *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->cd = (iconv_t)-1;
	if (name && !is_latin(name)) {
		c->cd = iconv_open("UTF-8", name);
		if (c->cd == (iconv_t)-1) {
			free(c);
			return -ENOENT;
		}
		c->unit = strncasecmp(name, "UTF-16", 6) == 0   ? 2
			  : strncasecmp(name, "UTF-32", 6) == 0 ? 4
								: 1;
	}
	c->take = take;
	c->ctx = ctx;
	*out = c;
	return 0;
}

static void flush(struct charset *c)
{
	if (c->n > 0)
		c->take(c->ctx, c->out, c->n);
	c->n = 0;
}

static void put(struct charset *c, uint32_t code)
{
	if (sizeof(c->out) - c->n < 4)
		flush(c);
	c->n += utf8_encode(code, (uint8_t *)c->out + c->n);
}

/* Return: bytes used; the rest may go on. */
static size_t latin(struct charset *c, size_t n, bool last)
{
	size_t at = 0;

	while (at < n) {
		uint32_t code = 0;
		size_t used = text_next(c->in + at, n - at, &code);

		if (used == 0 && !last && n - at < 4 && c->in[at] >= 0xC2)
			break;
		put(c, used > 0 ? code : charset_1252(c->in[at]));
		at += used > 0 ? used : 1;
	}
	return at;
}

static size_t converted(struct charset *c, size_t n, bool last)
{
	char *from = (char *)c->in;
	size_t left = n;

	while (left > 0) {
		char *to = c->out + c->n;
		size_t room = sizeof(c->out) - c->n;
		size_t r = iconv(c->cd, &from, &left, &to, &room);
		int why = errno;

		c->n = sizeof(c->out) - room;
		if (r != (size_t)-1)
			break;
		if (why == E2BIG) {
			flush(c);
			continue;
		}
		if (why == EINVAL && !last && left < HELD)
			break;
		put(c, 0xFFFD);
		from += left < c->unit ? left : c->unit;
		left -= left < c->unit ? left : c->unit;
	}
	return n - left;
}

static void decode(struct charset *c, size_t n, bool last)
{
	size_t used = c->cd == (iconv_t)-1 ? latin(c, n, last) : converted(c, n, last);

	c->held = n - used;
	memmove(c->in, c->in + used, c->held);
}

void charset_feed(struct charset *c, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	while (n > 0) {
		size_t take = n < BLOCK ? n : BLOCK;

		memcpy(c->in + c->held, p, take);
		decode(c, c->held + take, false);
		p += take;
		n -= take;
	}
	flush(c);
}

void charset_close(struct charset *c)
{
	if (!c)
		return;
	decode(c, c->held, true);
	flush(c);
	if (c->cd != (iconv_t)-1)
		iconv_close(c->cd);
	free(c);
}
