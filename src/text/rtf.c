/* SPDX-License-Identifier: Apache-2.0 */
/* rtf.c - the text of an RTF file; see rtf.h. */
#include "text/rtf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/charset.h"

#define BLOCK ((size_t)64 << 10)
#define DEPTH 512 /* groups in groups whose settings are kept */
#define FONTS 65536
#define PAGES 24 /* code pages in one file */
#define WORD  32 /* letters of a control word that are kept */

/* What a group has, and gives back where it ends. */
struct state {
	bool skip;      /* not for reading */
	bool fonts;     /* the table of fonts */
	bool fresh;     /* nothing was read yet */
	bool starred;   /* \* was: whoever does not know the next word skips the group */
	bool apart;     /* a text of its own: no word goes over its ends */
	unsigned page;  /* code page */
	unsigned after; /* characters behind \u that stand for it */
};

struct rtf {
	struct input *in;
	struct out *out;
	uint8_t bytes[BLOCK];
	size_t n, at;
	struct state state[DEPTH];
	size_t depth;              /* of the group being read, from 1 */
	unsigned page;             /* of the document */
	unsigned font;             /* whose entry of the table is being read */
	uint16_t font_page[FONTS]; /* 0: the document's */
	struct {
		unsigned page;
		struct charset *charset;
	} set[PAGES];
	size_t pages;
	unsigned skip;  /* characters that still stand for the last \u */
	uint32_t first; /* of two surrogates; 0: none */
};

bool rtf_detect(const uint8_t *head, size_t n)
{
	return n > 5 && memcmp(head, "{\\rtf", 5) == 0;
}

static int next(struct rtf *r)
{
	if (r->at == r->n) {
		r->n = out_work(r->out) ? 0 : input_read(r->in, r->bytes, BLOCK);
		r->at = 0;
	}
	return r->n == 0 ? EOF : r->bytes[r->at++];
}

/* The byte that next() gave last comes again. */
static void again(struct rtf *r)
{
	if (r->n > 0)
		r->at--;
}

static struct state *top(struct rtf *r)
{
	size_t i = r->depth == 0 ? 0 : r->depth - 1;

	return &r->state[i < DEPTH ? i : DEPTH - 1];
}

static void take_text(void *ctx, const char *utf8, size_t n)
{
	out_put(ctx, utf8, n);
}

static struct charset *charset_of(struct rtf *r, unsigned page)
{
	char name[16];
	struct charset *c = NULL;

	for (size_t i = 0; i < r->pages; i++) {
		if (r->set[i].page == page)
			return r->set[i].charset;
	}
	if (r->pages == PAGES)
		return NULL;
	snprintf(name, sizeof(name), page == 10000 ? "MACINTOSH" : "CP%u", page);
	if (charset_open(name, take_text, r->out, &c) < 0)
		c = NULL;
	r->set[r->pages].page = page;
	r->set[r->pages++].charset = c;
	return c;
}

static void put(struct rtf *r, uint32_t c)
{
	if (!top(r)->skip)
		out_char(r->out, c);
}

/* A byte of text. */
static void put_byte(struct rtf *r, uint8_t c)
{
	const struct state *s = top(r);
	unsigned page = s->page ? s->page : r->page;
	struct charset *set = page == 1252 ? NULL : charset_of(r, page);

	if (r->skip > 0)
		r->skip--;
	else if (set && !s->skip)
		charset_feed(set, &c, 1);
	else
		put(r, charset_1252(c));
}

static unsigned page_of_charset(long charset)
{
	static const uint16_t pages[][2] = {{77, 10000}, {128, 932}, {129, 949}, {130, 1361},
		{134, 936}, {136, 950}, {161, 1253}, {162, 1254}, {163, 1258}, {177, 1255},
		{178, 1256}, {186, 1257}, {204, 1251}, {222, 874}, {238, 1250}, {255, 437}};

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (pages[i][0] == charset)
			return pages[i][1];
	}
	return 0;
}

/* A unit of UTF-16. */
static void put_unit(struct rtf *r, long value)
{
	uint32_t c = (uint32_t)(value < 0 ? value + 65536 : value);

	if (c >= 0xD800 && c < 0xDC00) {
		r->first = c;
	} else if (c >= 0xDC00 && c < 0xE000 && r->first) {
		put(r, 0x10000 + ((r->first - 0xD800) << 10) + (c - 0xDC00));
		r->first = 0;
	} else {
		put(r, c >= 0xF020 && c <= 0xF0FF ? c - 0xF000 : c); /* a font of symbols */
		r->first = 0;
	}
	r->skip = top(r)->after;
}

static bool among(const char *word, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(word, list[i]) == 0)
			return true;
	}
	return false;
}

#define AMONG(word, list) among(word, list, sizeof(list) / sizeof((list)[0]))

/* The first word of a group says what it is for. */
static void begin_destination(struct rtf *r, const char *word)
{
	static const char *const texts[] = {"fldinst", "shpinst", "shptxt", "annotation",
		"atnauthor", "atnid", "footnote", "header", "headerf", "headerl", "headerr",
		"footer", "footerf", "footerl", "footerr", "title", "author", "operator", "subject",
		"keywords", "comment", "doccomm", "company", "manager", "category", "hlinkbase",
		"listtext", "result", "field"};
	static const char *const others[] = {"colortbl", "stylesheet", "pict", "objdata",
		"themedata", "colorschememapping", "datastore", "latentstyles", "listtable",
		"listoverridetable", "rsidtbl", "generator", "xmlnstbl", "filetbl", "fontemb",
		"objclass", "sn", "passwordhash"};
	struct state *s = top(r);

	if (!s->fresh)
		return;
	if (strcmp(word, "fonttbl") == 0)
		s->fonts = s->skip = true;
	else if (AMONG(word, others) || (s->starred && !AMONG(word, texts)))
		s->skip = true;
	else if (AMONG(word, texts))
		s->apart = strcmp(word, "field") != 0 && strcmp(word, "result") != 0;
	s->fresh = false;
	if (s->apart)
		put(r, '\n');
}

static void skip_bytes(struct rtf *r, long n)
{
	while (n-- > 0 && next(r) != EOF)
		;
}

/* Words that stand for a character. */
static bool put_named(struct rtf *r, const char *word)
{
	static const struct {
		const char *word;
		uint32_t c;
	} named[] = {{"par", '\n'}, {"line", '\n'}, {"page", '\n'}, {"sect", '\n'},
		{"column", '\n'}, {"cell", '\n'}, {"row", '\n'}, {"nestcell", '\n'},
		{"nestrow", '\n'}, {"softline", '\n'}, {"softpage", '\n'}, {"tab", '\t'},
		{"emdash", 0x2014}, {"endash", 0x2013}, {"lquote", 0x2018}, {"rquote", 0x2019},
		{"ldblquote", 0x201C}, {"rdblquote", 0x201D}, {"bullet", 0x2022},
		{"emspace", 0x2003}, {"enspace", 0x2002}, {"qmspace", 0x2005}};

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (strcmp(word, named[i].word) == 0) {
			put(r, named[i].c);
			return true;
		}
	}
	return false;
}

static void do_word(struct rtf *r, const char *word, bool has_number, long number)
{
	struct state *s = top(r);

	begin_destination(r, word);
	if (strcmp(word, "u") == 0 && has_number) {
		put_unit(r, number);
	} else if (strcmp(word, "uc") == 0) {
		s->after = number >= 0 && number < 100 ? (unsigned)number : 1;
	} else if (strcmp(word, "bin") == 0) {
		skip_bytes(r, number);
	} else if (strcmp(word, "ansicpg") == 0) {
		r->page = number > 0 && number < 65536 ? (unsigned)number : 1252;
	} else if (strcmp(word, "mac") == 0) {
		r->page = 10000;
	} else if (strcmp(word, "f") == 0 && number >= 0 && number < FONTS) {
		r->font = (unsigned)number;
		s->page = s->fonts ? 0 : r->font_page[number];
	} else if (strcmp(word, "fcharset") == 0 && s->fonts) {
		r->font_page[r->font] = (uint16_t)page_of_charset(number);
	} else {
		put_named(r, word);
	}
}

static int hex(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void do_symbol(struct rtf *r, int c)
{
	switch (c) {
	case '\'': {
		int high = hex(next(r));
		int low = hex(next(r));

		if (high >= 0 && low >= 0)
			put_byte(r, (uint8_t)(high << 4 | low));
		break;
	}
	case '*':
		top(r)->starred = true;
		break;
	case '~':
		put(r, 0xA0);
		break;
	case '_':
		put(r, '-');
		break;
	case '\n':
	case '\r':
		put(r, '\n');
		break;
	case '{':
	case '}':
	case '\\':
		put_byte(r, (uint8_t)c);
		break;
	default: /* "\-" may be a hyphen, "\:" and "\|" are for indexes and formulas */
		break;
	}
}

static void do_control(struct rtf *r)
{
	char word[WORD] = {0};
	char digits[12] = {0};
	size_t n = 0;
	size_t d = 0;
	int c = next(r);

	if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')) {
		do_symbol(r, c);
		return;
	}
	for (; (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); c = next(r)) {
		if (n + 1 < sizeof(word))
			word[n++] = (char)c;
	}
	for (; (c >= '0' && c <= '9') || (c == '-' && d == 0); c = next(r)) {
		if (d + 1 < sizeof(digits))
			digits[d++] = (char)c;
	}
	if (c != ' ' && c != EOF)
		again(r);
	if (r->skip > 0 && strcmp(word, "u") != 0) { /* it stands for the \u before */
		r->skip--;
		return;
	}
	do_word(r, word, d > 0, strtol(digits, NULL, 10));
}

static void begin_group(struct rtf *r)
{
	struct state s = r->depth > 0 ? *top(r) : (struct state){.after = 1};

	s.fresh = true;
	s.starred = s.apart = false;
	r->depth++;
	r->skip = 0;
	if (r->depth <= DEPTH)
		*top(r) = s;
}

static void end_group(struct rtf *r)
{
	if (top(r)->apart)
		put(r, '\n');
	r->skip = 0;
	if (r->depth > 1)
		r->depth--;
}

static void parse(struct rtf *r)
{
	int c = 0;

	while ((c = next(r)) != EOF) {
		if (c == '{') {
			begin_group(r);
		} else if (c == '}') {
			end_group(r);
		} else if (c == '\\') {
			do_control(r);
		} else if (c != '\n' && c != '\r' && c != 0) {
			top(r)->fresh = false;
			put_byte(r, (uint8_t)c);
		}
	}
}

int rtf_extract(struct input *in, struct out *out)
{
	struct rtf *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->in = in;
	r->out = out;
	r->page = 1252;
	r->state[0].after = 1;
	parse(r);
	for (size_t i = 0; i < r->pages; i++)
		charset_close(r->set[i].charset);
	free(r);
	return out_end(out);
}
