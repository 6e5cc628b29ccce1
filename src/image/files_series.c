/* SPDX-License-Identifier: Apache-2.0 */
/* files_series.c - how the segments of one image are named; see files_series.h. */
#include "image/files_series.h"

#include <stdio.h>
#include <string.h>

#define X 23u /* letter_value('x') */

/* Names come from evidence and from users: ASCII only, whatever the locale. */
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_letter(char c)
{
	return is_upper(c) || (c >= 'a' && c <= 'z');
}

static uint32_t letter_value(char c)
{
	return (uint32_t)(is_upper(c) ? c - 'A' : c - 'a');
}

static bool all_digits(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_digit(p[i]))
			return false;
	return n > 0;
}

static bool all_letters(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_letter(p[i]))
			return false;
	return n > 0;
}

static uint32_t value_of(const char *p, size_t n, bool letters)
{
	uint32_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = letters ? v * 26 + letter_value(p[i]) : v * 10 + (uint32_t)(p[i] - '0');
	return v;
}

/* Bytes of @name up to and including its last dot; all of it when there is none. */
static size_t stem_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? (size_t)(dot - name) + 1 : strlen(name);
}

struct series series_raw(const char *name)
{
	size_t len = strlen(name);
	size_t stem = stem_of(name);
	const char *ext = name + stem;
	size_t n = len - stem;
	struct series s = {.scheme = SERIES_NONE, .stem = stem, .width = n};

	if (n >= 2 && n <= 4 && all_digits(ext, n)) {
		s.scheme = SERIES_DIGITS;
		s.number = value_of(ext, n, false);
		if (n == 4 && s.number >= 1000)
			s.width = 3; /* .1000 comes after .999 */
		return s;
	}
	if ((n != 2 && n != 3) || !all_letters(ext, n)) {
		if (len < 3 || !all_letters(name + len - 2, 2))
			return s;
		s.stem = len - 2;
		s.width = 2;
	}
	s.scheme = SERIES_LETTERS;
	s.number = value_of(name + s.stem, s.width, true);
	s.upper = is_upper(name[s.stem]);
	return s;
}

/* Ex01 ... Ex99 ExAA ... ExZZ EyAA ... EzZZ */
static struct series series_ewf2(size_t stem, const char *ext)
{
	struct series s = {.scheme = SERIES_NONE, .stem = stem, .first = 'E'};
	uint32_t x = is_letter(ext[1]) ? letter_value(ext[1]) : 0;

	if ((ext[0] != 'E' && ext[0] != 'e') || x < X)
		return s;
	s.upper = is_upper(ext[0]);
	s.upper_x = is_upper(ext[1]);
	if (x == X && all_digits(ext + 2, 2))
		s.number = value_of(ext + 2, 2, false);
	else if (all_letters(ext + 2, 2))
		s.number = value_of(ext + 2, 2, true) + (x - X) * 676 + 100;
	if (s.number > 0)
		s.scheme = SERIES_EWF2;
	return s;
}

struct series series_ewf(const char *name, char first)
{
	size_t stem = stem_of(name);
	const char *ext = name + stem;
	struct series s = {.scheme = SERIES_NONE, .stem = stem};

	if (strlen(ext) == 4)
		return series_ewf2(stem, ext);
	if (strlen(ext) != 3 || !is_letter(ext[0]))
		return s;
	s.upper = is_upper(ext[0]);
	if (all_digits(ext + 1, 2)) {
		s.first = (char)('A' + letter_value(ext[0]));
		s.number = value_of(ext + 1, 2, false);
		if (s.number > 0 && (!first || first == s.first))
			s.scheme = SERIES_EWF;
	} else if (first && all_letters(ext, 3) && letter_value(ext[0]) >= letter_value(first)) {
		s.first = first;
		s.number = value_of(ext, 3, true) - letter_value(first) * 676 + 100;
		s.scheme = SERIES_EWF;
	}
	return s;
}

bool series_match(const struct series *s, const char *like, const char *name, uint32_t *number)
{
	size_t len = strlen(name);
	const char *ext = name + s->stem;
	size_t n = 0;

	if (len <= s->stem || memcmp(name, like, s->stem) != 0)
		return false;
	n = len - s->stem;
	if (s->scheme == SERIES_EWF || s->scheme == SERIES_EWF2) {
		struct series other = series_ewf(name, s->first);

		if (other.scheme != s->scheme || other.stem != s->stem)
			return false;
		*number = other.number;
		return true;
	}
	if (s->scheme == SERIES_LETTERS) {
		if (n != s->width || !all_letters(ext, n))
			return false;
		*number = value_of(ext, n, true);
		return true;
	}
	if (s->scheme != SERIES_DIGITS || !all_digits(ext, n))
		return false;
	if (n != s->width && !(s->width == 3 && n == 4 && ext[0] != '0'))
		return false;
	*number = value_of(ext, n, false);
	return true;
}

static void letters_suffix(const struct series *s, uint32_t number, size_t width, char *out)
{
	char a = s->upper ? 'A' : 'a';

	for (size_t i = width; i > 0; i--) {
		out[i - 1] = (char)(a + (char)(number % 26));
		number /= 26;
	}
	out[width] = '\0';
}

static void ewf2_suffix(const struct series *s, uint32_t number, char *out)
{
	char letters[SERIES_SUFFIX_MAX] = "";
	char head = s->upper ? 'E' : 'e';
	char x = s->upper_x ? 'X' : 'x';

	if (number < 100) {
		snprintf(out, SERIES_SUFFIX_MAX, "%c%c%02u", head, x, number);
		return;
	}
	letters_suffix(s, (number - 100) % 676, 2, letters);
	x = (char)(x + (char)((number - 100) / 676 % 3));
	snprintf(out, SERIES_SUFFIX_MAX, "%c%c%.2s", head, x, letters);
}

void series_suffix(const struct series *s, uint32_t number, char out[SERIES_SUFFIX_MAX])
{
	char lower = s->upper ? 0 : 'a' - 'A';

	if (s->scheme == SERIES_DIGITS)
		snprintf(out, SERIES_SUFFIX_MAX, "%0*u", (int)s->width, number);
	else if (s->scheme == SERIES_LETTERS)
		letters_suffix(s, number, s->width, out);
	else if (s->scheme == SERIES_EWF2)
		ewf2_suffix(s, number, out);
	else if (s->scheme == SERIES_EWF && number < 100)
		snprintf(out, SERIES_SUFFIX_MAX, "%c%02u", (char)(s->first + lower), number);
	else if (s->scheme == SERIES_EWF)
		letters_suffix(s, number - 100 + letter_value(s->first) * 676, 3, out);
	else
		out[0] = '\0';
}
