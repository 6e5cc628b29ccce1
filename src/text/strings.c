/* SPDX-License-Identifier: Apache-2.0 */
/* strings.c - runs of text in bytes that are not text; see strings.h. */
#include "text/strings.h"

#include "base/text.h"
#include "text/charset.h"
#include "volume/utf16.h"

#define RUN_MIN  4
#define CJK_MIN  6 /* random bytes are Chinese one time in three */
#define HIGH_MAX 2 /* bytes of windows-1252 beside each other: more is noise */

static bool is_ascii_text(uint32_t c)
{
	return (c >= ' ' && c < 0x7F) || c == '\t' || c == '\n' || c == '\r';
}

static bool is_1252_text(uint8_t c)
{
	return c >= 0xC0 || (c >= 0x91 && c <= 0x97) || c == 0xA0 || c == 0xAD || c == 0x8A ||
	       c == 0x8C || c == 0x8E || c == 0x9A || c == 0x9C || c == 0x9E || c == 0x9F;
}

static void put_8bit(const uint8_t *p, size_t n, struct out *out)
{
	for (size_t at = 0; at < n;) {
		size_t plain = at;
		uint32_t c = 0;
		size_t used = 0;

		while (plain < n && p[plain] < 0x80)
			plain++;
		out_put(out, (const char *)p + at, plain - at);
		at = plain;
		if (at == n)
			break;
		used = text_next(p + at, n - at, &c);
		out_char(out, used > 0 ? c : charset_1252(p[at]));
		at += used > 0 ? used : 1;
	}
	out_put(out, "\n", 1);
}

void strings_8bit(const uint8_t *p, size_t n, struct out *out)
{
	size_t start = 0;
	size_t chars = 0;
	unsigned high = 0; /* bytes of windows-1252 in a row */
	size_t at = 0;

	while (at < n) {
		uint32_t c = p[at];
		size_t used = is_ascii_text(c) ? 1 : 0;

		high = used ? 0 : high;
		if (!used && c >= 0x80) {
			used = text_next(p + at, n - at, &c);
			if (used > 0 && c < 0xA0)
				used = 0;
			if (!used && chars > 0 && high < HIGH_MAX && is_1252_text(p[at])) {
				used = 1;
				high++;
			}
		}
		if (used) {
			chars++;
			at += used;
			continue;
		}
		if (chars >= RUN_MIN)
			put_8bit(p + start, at - start, out);
		start = ++at;
		chars = high = 0;
	}
	if (chars >= RUN_MIN)
		put_8bit(p + start, at - start, out);
}

#define NOT_TEXT 0u
#define NEUTRAL  1u   /* stands in text of any script */
#define CJK      256u /* other values: the high byte */

/* What a unit of 16 bits belongs to: a run is of one script. */
static unsigned script_of(uint32_t c)
{
	uint32_t high = c >> 8;

	if (c < 0x300)
		return is_ascii_text(c) || c >= 0xA0 ? NEUTRAL : NOT_TEXT;
	if (c > 0xFFFF || high == 0x1E || high == 0x20 || high == 0x21)
		return NEUTRAL;
	if ((high >= 0x30 && high < 0xA0) || high == 0xFE || (c >= 0xFF01 && c < 0xFFF0))
		return CJK;
	if ((c >= 0xD800 && c < 0xF900) || high == 0xFF)
		return NOT_TEXT;
	if (high >= 0xAC && high <= 0xD7)
		return 0xAC; /* Hangul */
	return high;
}

/* A run as it is found. */
struct run {
	size_t start;
	size_t chars;
	size_t odd; /* Chinese ones that are no two letters of ASCII */
	unsigned script;
};

static void end_run(
	const struct run *r, const uint8_t *p, size_t end, bool big_endian, struct out *out)
{
	bool cjk = r->script == CJK;

	if (r->chars < (cjk ? CJK_MIN : RUN_MIN) || (cjk && r->odd * 4 < r->chars))
		return;
	for (size_t at = r->start; at + 2 <= end;) {
		size_t used = 2;

		out_char(out, utf16_next(p + at, end - at, big_endian, &used));
		at += used;
	}
	out_put(out, "\n", 1);
}

void strings_16bit(const uint8_t *p, size_t n, bool big_endian, struct out *out)
{
	struct run r = {.script = NEUTRAL};
	size_t at = 0;

	while (at + 2 <= n) {
		size_t used = 2;
		uint32_t c = utf16_next(p + at, n - at, big_endian, &used);
		unsigned script = script_of(c);

		if (script == NOT_TEXT ||
			(script != NEUTRAL && r.script != NEUTRAL && script != r.script)) {
			end_run(&r, p, at, big_endian, out);
			r = (struct run){.start = at, .script = NEUTRAL};
		}
		at += used;
		if (script == NOT_TEXT) {
			r.start = at;
			continue;
		}
		r.chars++;
		if (script != NEUTRAL)
			r.script = script;
		r.odd += script == CJK && !(is_ascii_text(c >> 8) && is_ascii_text(c & 0xFF));
	}
	end_run(&r, p, at, big_endian, out);
}
