/* SPDX-License-Identifier: Apache-2.0 */
/* t-match.c - keywords and phone numbers in text, whatever pieces it comes in. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "text/match.h"
#include "tap.h"

static void on_hit(void *ctx, unsigned id)
{
	buf_printf(ctx, "%s%u", ((struct buf *)ctx)->len ? " " : "", id);
}

/* Which of the patterns are met: "1 3". Pieces of @step bytes; 0: all at once. */
static void run(struct match *m, const char *text, size_t step, struct buf *out)
{
	size_t n = strlen(text);

	buf_reset(out);
	match_begin(m);
	for (size_t at = 0; at < n; at += step ? step : n)
		match_feed(m, text + at, step && n - at > step ? step : n - at);
	match_end(m, on_hit, out);
}

/* The same answer in one piece and byte by byte. */
static void meets(struct match *m, const char *text, const char *want)
{
	struct buf whole = BUF_INIT;
	struct buf bytes = BUF_INIT;

	run(m, text, 0, &whole);
	run(m, text, 1, &bytes);
	is_str(buf_cstr(&whole), want, text);
	if (strcmp(buf_cstr(&whole), buf_cstr(&bytes)) != 0)
		is_str(buf_cstr(&bytes), want, "byte by byte");
	buf_release(&whole);
	buf_release(&bytes);
}

static struct match *of(enum match_kind kind, const char *const *patterns, size_t n)
{
	struct match *m = NULL;

	if (match_new(&m) < 0)
		bail_out("no memory");
	for (size_t i = 0; i < n; i++) {
		if (match_add(m, kind, patterns[i], strlen(patterns[i]), (unsigned)i) < 0)
			bail_out(patterns[i]);
	}
	if (match_ready(m) < 0)
		bail_out("no memory");
	return m;
}

#define OF(kind, patterns) of(kind, patterns, sizeof(patterns) / sizeof((patterns)[0]))

static void whole_words(void)
{
	static const char *const words[] = {"advocaat", "Jan  Jansen", "vertrouwelijk", "C++", "a"};
	struct match *m = OF(MATCH_KEYWORD, words);

	meets(m, "Mijn advocaat belt.", "0");
	meets(m, "ADVOCAAT", "0");
	meets(m, "advocaatkantoor, superadvocaat", "");
	meets(m, "brief_advocaat_2.docx", "0");
	meets(m, "advocaat2 2advocaat", "");
	meets(m,
		"advocaat's, \xe2\x80\x98"
		"advocaat\xe2\x80\x99",
		"0");
	meets(m,
		"advo\xc2\xad"
		"caat",
		"0");
	meets(m,
		"advo\xe2\x80\x8b"
		"caat",
		"0");
	meets(m, "advo-\r\n  caat", "0");
	meets(m, "advo-\ncaten; advo- caat; advo-caat", "");
	meets(m, "een advo-\ncaat, en", "0");
	meets(m, "een advo\xc2\xad\ncaat, en", "0");
	meets(m, "jan\njansen", "1");
	meets(m, "Jan \t\r\n Jansen", "1");
	meets(m, "Jan\xc2\xa0Jansen", "1");
	meets(m, "Jan\xe2\x80\x83Jansens", "");
	meets(m, "JanJansen, Jan-Jansen", "");
	meets(m, "Jan Jan-\nsen is vertrou-\nwelijk", "1 2");
	meets(m, "in C++ en C", "3");
	meets(m, "C++11", "3");
	meets(m, "a", "4");
	meets(m,
		"\xff"
		"a\xff",
		"4");
	meets(m, "", "");
	match_free(m);
}

static void all_scripts(void)
{
	static const char *const words[] = {"Andr\xc3\xa9",
		"\xd0\x90\xd0\x94\xd0\x92\xd0\x9e\xd0\x9a\xd0\x90\xd0\xa2",
		"\xe5\xbc\x81\xe8\xad\xb7\xe5\xa3\xab", "\xce\x9f\xce\x94\xce\xa5\xce\xa3", "cafe",
		"s\xcc\xa3\xcc\x87"};
	struct match *m = OF(MATCH_KEYWORD, words);

	meets(m, "ANDR\xc3\x89", "0");
	meets(m, "Andre\xcc\x81", "0");
	meets(m, "Andre", "");
	meets(m, "\xd0\xb0\xd0\xb4\xd0\xb2\xd0\xbe\xd0\xba\xd0\xb0\xd1\x82", "1");
	meets(m, "\xd0\xb0\xd0\xb4\xd0\xb2\xd0\xbe\xd0\xba\xd0\xb0\xd1\x82\xd1\x8b", "");
	meets(m, "\xe3\x81\xae\xe5\xbc\x81\xe8\xad\xb7\xe5\xa3\xab\xe3\x81\xaf", "2");
	meets(m, "\xce\xbf\xce\xb4\xcf\x85\xcf\x82", "3"); /* with a final sigma */
	meets(m, "caf\xc3\xa9, cafe\xcc\x81", "");
	meets(m, "caf\xef\xbd\x85, cafe", "4");
	meets(m, "\xe1\xb9\xa9 S\xcc\x87\xcc\xa3",
		"5"); /* composed, and marks the other way round */
	match_free(m);
}

/* A number that is given with its country, and one without. */
static void forms_of_numbers(void)
{
	static const char *const numbers[] = {
		"+31201234567", "0201234567", "00442079460018", "2125550123", "+31612345678"};
	static const char *const both[] = {"+31 (0)20 123 45 67", "+31-20-1234567", "+31201234567",
		"0031 20 123 4567", "0031(0)20-1234567", "020-1234567", "020 123 45 67",
		"(020) 123.45.67", "(020)1234567", "020/1234567", "0201234567",
		"tel:+31.20.123.45.67", "(+31) 20 1234567", "+31 020 1234567", "011 31 20 1234567",
		"T 020 - 1234567.", "31201234567@example.org",
		"020\xc2\xa0"
		"123\xe2\x80\x91"
		"4567",
		"\xe2\x80\xaa+31 20 1234567\xe2\x80\xac", "020\n1234567", "kamer 12 020-1234567",
		"020-1234567 1234 AB", "tel_0201234567_jan.m4a",
		"\xd9\xa0\xd9\xa2\xd9\xa0\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4\xd9\xa5\xd9\xa6\xd9\xa7"};
	struct match *m = OF(MATCH_PHONE, numbers);

	for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++)
		meets(m, both[i], "0 1");
	meets(m, "+32 20 1234567", "1"); /* another country's */
	meets(m, "+44 20 7946 0018", "2");
	meets(m, "(020) 7946 0018", "2");
	meets(m, "+44 (0)20 7946 0018 / +31 6 12345678", "2 4");
	meets(m, "(212) 555-0123", "3");
	meets(m, "+1 212.555.0123", "3");
	meets(m, "1-212-555-0123", "3");
	meets(m, "06 12 34 56 78", "4");
	meets(m, "31 20 1234567", "0 1");
	match_free(m);
}

static void no_numbers(void)
{
	static const char *const numbers[] = {"0201234567", "+31201234567", "0532013000"};
	static const char *const none[] = {"NL91ABNA0201234567", "NL91 ABNA 0201 2345 67",
		"DE89 3704 0044 0532 0130 00", "00201234567", "02012345678", "90201234567",
		"A0201234567", "0201234567b", "020-123456", "020,1234567", "020-12345678",
		"020 123 ----- 4567", "0 2 0 1 2 3 4 5 6 8", "1020-1234567"};
	struct match *m = OF(MATCH_PHONE, numbers);

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		meets(m, none[i], "");
	match_free(m);
}

static void refusals(void)
{
	struct match *m = NULL;

	if (match_new(&m) < 0)
		bail_out("no memory");
	is_int(match_add(m, MATCH_KEYWORD, " \t", 2, 0), -EINVAL, "a keyword without characters");
	is_int(match_add(m, MATCH_KEYWORD, "\xc2\xad", 2, 0), -EINVAL, "only a soft hyphen");
	is_int(match_add(m, MATCH_KEYWORD, "\xff", 1, 0), -EINVAL, "not UTF-8");
	is_int(match_add(m, MATCH_PHONE, "0201", 4, 0), -EINVAL, "four digits");
	is_int(match_add(m, MATCH_PHONE, "0201234567890123", 16, 0), -EINVAL, "sixteen digits");
	is_int(match_add(m, MATCH_PHONE, "020-x234567", 11, 0), -EINVAL, "a letter in a number");
	is_int(match_add(m, MATCH_PHONE, "", 0, 0), -EINVAL, "no number");
	is_int(match_ready(m), 0, "without patterns");
	meets(m, "nothing is met", "");
	is_int(match_add(m, MATCH_KEYWORD, "late", 4, 0), -EBUSY, "a pattern that comes late");
	match_free(m);
	match_free(NULL);
}

static void same_ids(void)
{
	struct match *m = NULL;
	struct buf got = BUF_INIT;

	if (match_new(&m) < 0 || match_add(m, MATCH_KEYWORD, "raad", 4, 7) < 0 ||
		match_add(m, MATCH_KEYWORD, "RAAD", 4, 7) < 0 ||
		match_add(m, MATCH_KEYWORD, "raad", 4, 3) < 0 ||
		match_add(m, MATCH_PHONE, "0201234567", 10, 7) < 0 || match_ready(m) < 0)
		bail_out("no memory");
	run(m, "raad, raad 020-1234567", 0, &got);
	is_str(buf_cstr(&got), "3 7", "an id is told once");
	buf_release(&got);
	match_free(m);
}

/* ---- against a search that looks at each word by itself ----------------------------------- */

#define WORDS 3000

static uint32_t random_state = 20261129;

static uint32_t draw(uint32_t below)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % below;
}

/* Few letters, so that keywords begin, end and contain each other. */
static void draw_word(char *out)
{
	size_t n = 1 + draw(7);

	for (size_t i = 0; i < n; i++)
		*out++ = "abcd"[draw(4)];
	*out = '\0';
}

static bool stands_in(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = text; (p = strstr(p, word)) != NULL; p++) {
		bool before = p == text || p[-1] == ' ' || p[-1] == '.';

		if (before && (p[n] == '\0' || p[n] == ' ' || p[n] == '.'))
			return true;
	}
	return false;
}

static void thousands(void)
{
	static char words[WORDS][20];
	static char text[20000];
	struct match *m = NULL;
	struct buf got = BUF_INIT;
	struct buf want = BUF_INIT;
	size_t at = 0;

	if (match_new(&m) < 0)
		bail_out("no memory");
	for (size_t i = 0; i < WORDS; i++) {
		draw_word(words[i]);
		if (draw(3) == 0) { /* of two words */
			strcat(words[i], " ");
			draw_word(words[i] + strlen(words[i]));
		}
		if (match_add(m, MATCH_KEYWORD, words[i], strlen(words[i]), (unsigned)i) < 0)
			bail_out("no memory");
	}
	if (match_ready(m) < 0)
		bail_out("no memory");
	while (at + 20 < sizeof(text)) {
		draw_word(text + at);
		at += strlen(text + at);
		text[at++] = draw(10) == 0 ? '.' : ' ';
	}
	text[at] = '\0';
	for (unsigned i = 0; i < WORDS; i++) {
		if (stands_in(text, words[i]))
			on_hit(&want, i);
	}
	run(m, text, 777, &got);
	ok(want.len > 2000, "many keywords stand in the text");
	ok(strcmp(buf_cstr(&got), buf_cstr(&want)) == 0,
		"those that strstr() finds as words are met");
	buf_release(&got);
	buf_release(&want);
	match_free(m);
}

int main(void)
{
	whole_words();
	all_scripts();
	forms_of_numbers();
	no_numbers();
	refusals();
	same_ids();
	thousands();
	return done_testing();
}
