/* SPDX-License-Identifier: Apache-2.0 */
/* glob.c - patterns for addresses, domains and paths; see glob.h. */
#include "base/glob.h"

#include <stdint.h>

#include "base/text.h"

/* One element of a pattern: what takes one character of the text, or a star. */
struct element {
	enum { GLOB_END, GLOB_STAR, GLOB_ANY, GLOB_SET, GLOB_BYTE, GLOB_WRONG } kind;
	uint32_t byte;
	const char *set; /* behind its bracket, and what negates it */
	const char *set_end;
	bool negated;
	const char *next;
};

/* A character of text, or a byte that is none; above all characters, so that it matches itself. */
static uint32_t character(const char *p, const char *end, size_t *n)
{
	uint32_t code = 0;

	*n = text_next(p, (size_t)(end - p), &code);
	if (*n > 0)
		return code;
	*n = 1;
	return 0x80000000u | (uint8_t)*p;
}

static struct element escaped(const char *p, const char *end)
{
	struct element e = {.kind = GLOB_WRONG, .next = end};

	if (p == end)
		return e;
	e.kind = GLOB_BYTE;
	e.byte = (uint8_t)*p;
	e.next = p + 1;
	if (*p == 'x' && end - p > 2 && text_hex_digit(p[1]) >= 0 && text_hex_digit(p[2]) >= 0) {
		e.byte = (uint32_t)(text_hex_digit(p[1]) << 4 | text_hex_digit(p[2]));
		e.next = p + 3;
	}
	return e;
}

static struct element set(const char *p, const char *end)
{
	struct element e = {.kind = GLOB_WRONG, .next = end};

	e.negated = p < end && (*p == '!' || *p == '^');
	p += e.negated;
	e.set = p;
	/* one that comes first is of the set */
	for (const char *at = p; at < end; at++) {
		if (*at != ']' || at == p)
			continue;
		e.kind = GLOB_SET;
		e.set_end = at;
		e.next = at + 1;
		break;
	}
	return e;
}

static struct element element(const char *p, const char *end)
{
	struct element e = {.kind = GLOB_END, .next = p};

	if (p == end)
		return e;
	e.next = p + 1;
	switch (*p) {
	case '*':
		e.kind = GLOB_STAR;
		return e;
	case '?':
		e.kind = GLOB_ANY;
		return e;
	case '[':
		return set(p + 1, end);
	case '\\':
		return escaped(p + 1, end);
	default:
		e.kind = GLOB_BYTE;
		e.byte = (uint8_t)*p;
		return e;
	}
}

static uint32_t lower(uint32_t c, bool fold)
{
	return fold && c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static bool in_set(const struct element *e, uint32_t c, bool fold)
{
	bool in = false;

	for (const char *p = e->set; p < e->set_end && !in;) {
		size_t n = 0;
		uint32_t low = lower(character(p, e->set_end, &n), fold);
		uint32_t high = low;

		p += n;
		if (e->set_end - p > 1 && *p == '-') {
			high = lower(character(p + 1, e->set_end, &n), fold);
			p += 1 + n;
		}
		in = low <= c && c <= high;
	}
	return in != e->negated;
}

/* Bytes of the text that an element takes; 0: it does not match. */
static size_t takes(const struct element *e, const char *p, const char *end, bool fold)
{
	size_t n = 0;
	uint32_t c = 0;

	if (p == end)
		return 0;
	if (e->kind == GLOB_BYTE)
		return lower((uint8_t)*p, fold) == lower(e->byte, fold);
	c = lower(character(p, end, &n), fold);
	if (e->kind == GLOB_SET)
		return in_set(e, c, fold) ? n : 0;
	return e->kind == GLOB_ANY ? n : 0;
}

const char *glob_wrong(const char *pattern, size_t n)
{
	const char *end = pattern + n;

	for (const char *p = pattern; p < end;) {
		struct element e = element(p, end);

		if (e.kind == GLOB_WRONG)
			return *p == '[' ? "a set without its ]" : "a backslash at the end";
		p = e.next;
	}
	return NULL;
}

bool glob_match(const char *pattern, size_t pattern_n, const char *text, size_t n, bool fold)
{
	const char *p_end = pattern + pattern_n;
	const char *end = text + n;
	const char *star = NULL; /* behind the last one, and where it was tried */
	const char *tried = text;
	const char *p = pattern;

	for (;;) {
		struct element e = element(p, p_end);
		size_t used = takes(&e, text, end, fold);

		if (e.kind == GLOB_STAR) {
			star = p = e.next;
			tried = text;
		} else if (e.kind == GLOB_END && text == end) {
			return true;
		} else if (used > 0) {
			p = e.next;
			text += used;
		} else if (star && tried < end) {
			/* the star takes one byte more */
			p = star;
			text = ++tried;
		} else {
			return false;
		}
	}
}
