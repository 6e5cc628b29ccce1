/* SPDX-License-Identifier: Apache-2.0 */
/* fold.c - text as characters that can be compared; see fold.h. */
#include "text/fold.h"

#include <glib.h>
#include <string.h>

#include "base/text.h"

#define SOFT    0xADu   /* hyphen */
#define NOTHING 0xFFFDu /* for a byte that is no character */

static bool is_ascii_letter(uint32_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

/* What is there for the eye, or for the layout, only. */
static bool is_ignored(uint32_t c)
{
	return c == SOFT || (c >= 0x200B && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) ||
	       (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || c == 0x61C ||
	       (c >= 0xFE00 && c <= 0xFE0F);
}

static bool is_line_break(uint32_t c)
{
	return (c >= '\n' && c <= '\r') || c == 0x85 || c == 0x2028 || c == 0x2029;
}

static uint32_t plain(uint32_t c)
{
	switch (c) {
	case 0x2018:
	case 0x2019:
	case 0x201A:
	case 0x201B:
	case 0x2BC:
		return '\'';
	case 0x201C:
	case 0x201D:
	case 0x201E:
	case 0x201F:
		return '"';
	case 0x2010:
	case 0x2011:
	case 0x2012:
	case 0x2013:
	case 0x2014:
	case 0x2015:
	case 0x2212:
	case 0xFE63:
	case 0xFF0D:
		return '-';
	case 0xFF0B:
		return '+';
	default:
		break;
	}
	if (g_unichar_isdigit(c))
		return '0' + (uint32_t)g_unichar_digit_value(c);
	return g_unichar_tolower(g_unichar_toupper(c));
}

static void give_marks(struct fold *f)
{
	for (size_t i = 0; i < f->marks; i++)
		f->take(f->ctx, f->mark[i].c);
	f->marks = 0;
}

/* A character that nothing is combined with yet. */
static void give(struct fold *f, uint32_t c)
{
	give_marks(f);
	if (f->space) {
		f->take(f->ctx, (uint32_t)f->space);
		f->space = 0;
	}
	f->begun = true;
	f->take(f->ctx, c);
}

/* In canonical order: by class, and as they came within one. */
static void add_mark(struct fold *f, uint32_t c, int order)
{
	size_t at = f->marks;

	if (f->space || f->marks == FOLD_MARKS) {
		give(f, c);
		return;
	}
	for (; at > 0 && f->mark[at - 1].order > order; at--)
		f->mark[at] = f->mark[at - 1];
	f->mark[at].c = c;
	f->mark[at].order = order;
	f->marks++;
}

static void add_space(struct fold *f, bool line_break)
{
	give_marks(f);
	if (f->begun && (f->space == 0 || line_break))
		f->space = line_break ? FOLD_BREAK : ' ';
}

static void add(struct fold *f, uint32_t c)
{
	gunichar parts[G_UNICHAR_MAX_DECOMPOSITION_LENGTH];
	gsize n = 0;

	if (c < 0x80 && c > ' ' && c != 0x7F) {
		f->soft = false;
		give(f, c >= 'A' && c <= 'Z' ? c + 32 : c);
		return;
	}
	if (c == SOFT)
		f->soft = true;
	if (is_ignored(c))
		return;
	if (f->soft && is_line_break(c)) /* it shows */
		give(f, '-');
	f->soft = false;
	if (is_line_break(c) || c == ' ' || c == '\t' || g_unichar_isspace(c)) {
		add_space(f, is_line_break(c));
		return;
	}
	n = g_unichar_fully_decompose(c, FALSE, parts, G_N_ELEMENTS(parts));
	for (gsize i = 0; i < n; i++) {
		int order = g_unichar_combining_class(parts[i]);

		if (order > 0)
			add_mark(f, plain(parts[i]), order);
		else
			give(f, plain(parts[i]));
	}
}

void fold_begin(struct fold *f, fold_take *take, void *ctx)
{
	*f = (struct fold){.take = take, .ctx = ctx};
}

/* Whether [n] bytes may be the beginning of a character that goes on. */
static bool is_cut(const uint8_t *p, size_t n)
{
	size_t want = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : p[0] >= 0xC2 ? 2 : 1;

	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return false;
	}
	return n < want && p[0] < 0xF5;
}

/* Return: bytes that one character had, 0 when it goes on behind them. */
static size_t one(struct fold *f, const uint8_t *p, size_t n)
{
	uint32_t c = p[0];
	size_t used = 1;

	if (c >= 0x80) {
		used = text_next(p, n, &c);
		if (used == 0 && is_cut(p, n))
			return 0;
		if (used == 0) {
			used = 1;
			c = NOTHING;
		}
	}
	add(f, c);
	return used;
}

void fold_feed(struct fold *f, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	size_t at = 0;

	while (f->cut_n > 0 && at < n) {
		size_t used = 0;

		f->cut[f->cut_n++] = p[at++];
		used = one(f, f->cut, f->cut_n);
		if (used == 0)
			continue;
		f->cut_n -= used;
		memmove(f->cut, f->cut + used, f->cut_n);
		while (f->cut_n > 0 && (used = one(f, f->cut, f->cut_n)) > 0) {
			f->cut_n -= used;
			memmove(f->cut, f->cut + used, f->cut_n);
		}
	}
	while (at < n) {
		size_t used = one(f, p + at, n - at);

		if (used == 0) {
			f->cut_n = n - at;
			memcpy(f->cut, p + at, f->cut_n);
			break;
		}
		at += used;
	}
}

void fold_end(struct fold *f)
{
	if (f->cut_n > 0)
		add(f, NOTHING);
	f->cut_n = 0;
	give_marks(f);
}

bool fold_is_letter(uint32_t c)
{
	return c < 0x80 ? is_ascii_letter(c) : g_unichar_isalnum(c) || g_unichar_ismark(c);
}

/* Scripts that put no space between words. */
static bool is_alone(uint32_t c)
{
	if (c < 0xE00)
		return false;
	switch (g_unichar_get_script(c)) {
	case G_UNICODE_SCRIPT_HAN:
	case G_UNICODE_SCRIPT_HIRAGANA:
	case G_UNICODE_SCRIPT_BOPOMOFO:
	case G_UNICODE_SCRIPT_YI:
	case G_UNICODE_SCRIPT_THAI:
	case G_UNICODE_SCRIPT_LAO:
	case G_UNICODE_SCRIPT_KHMER:
	case G_UNICODE_SCRIPT_MYANMAR:
	case G_UNICODE_SCRIPT_TIBETAN:
		return true;
	default:
		return false;
	}
}

bool fold_joined(uint32_t a, uint32_t b)
{
	if (!fold_is_letter(a) || !fold_is_letter(b))
		return false;
	if (a < 0x80 && b < 0x80)
		return true;
	return (b >= 0x80 && g_unichar_ismark(b)) || (!is_alone(a) && !is_alone(b));
}
