/* SPDX-License-Identifier: Apache-2.0 */
/* t-text-extract.c - the text of files, from bytes that are whole, odd, or broken. */
#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "container/walk.h"
#include "text/text.h"
#include "tap.h"

static int take(void *ctx, const char *utf8, size_t n)
{
	buf_put(ctx, utf8, n);
	return n == 0 || !text_is_utf8(utf8, n) ? -EPROTO : 0;
}

static int extract_within(const void *p, size_t n, uint64_t bytes, struct buf *out, struct err *e)
{
	const struct text_sink sink = {.piece = take, .ctx = out};
	struct container_budget b = {.members = 1000, .bytes = bytes};
	struct source *s = NULL;
	int r = 0;

	buf_reset(out);
	if (source_memory(p, n, &s) < 0)
		bail_out("no memory");
	r = text_extract(s, &b, &sink, e);
	source_close(s);
	return r;
}

static int extract(const void *p, size_t n, struct buf *out)
{
	return extract_within(p, n, 64 << 20, out, NULL);
}

/* White space is one space, as whoever matches sees it. */
static const char *squeezed(struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++) {
		bool space = b->data[i] == ' ' || b->data[i] == '\n' || b->data[i] == '\t' ||
			     b->data[i] == '\r';

		if (!space)
			b->data[n++] = b->data[i];
		else if (n > 0 && b->data[n - 1] != ' ')
			b->data[n++] = ' ';
	}
	while (n > 0 && b->data[n - 1] == ' ')
		n--;
	b->len = n;
	return buf_cstr(b);
}

static void gives(const void *p, size_t n, const char *want, const char *name)
{
	struct buf out = BUF_INIT;
	int r = extract(p, n, &out);

	if (r != 0)
		is_int(r, 0, name);
	is_str(squeezed(&out), want, name);
	buf_release(&out);
}

/* Among other text: @want on a line of its own. */
static void has(const void *p, size_t n, const char *want, const char *name)
{
	struct buf out = BUF_INIT;

	is_int(extract(p, n, &out), 0, name);
	ok(strstr(buf_cstr(&out), want), "%s: it is among what is given", name);
	buf_release(&out);
}

#define GIVES(s, want, name) gives(s, sizeof(s) - 1, want, name)

/* ---- text ---------------------------------------------------------------------------------- */

static size_t convert(const char *to, const char *text, char *out, size_t room)
{
	iconv_t cd = iconv_open(to, "UTF-8");
	char *from = strdup(text);
	char *in = from;
	size_t left = strlen(text);
	char *end = out;

	if (cd == (iconv_t)-1 || iconv(cd, &in, &left, &end, &room) == (size_t)-1)
		bail_out(to);
	iconv_close(cd);
	free(from);
	return (size_t)(end - out);
}

static void character_sets(void)
{
	static const char text[] = "Gesch\xc3\xa4"
				   "ft f\xc3\xbcr \xe2\x82\xac 5 \xe2\x80\x93 advocaat";
	static const char *const sets[] = {"UTF-16", "UTF-32", "CP1252"};
	static const char cyrillic[] = "\xd0\xb0\xd0\xb4\xd0\xb2\xd0\xbe\xd0\xba\xd0\xb0\xd1\x82";
	char bytes[400];

	GIVES(text, text, "UTF-8");
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		gives(bytes, convert(sets[i], text, bytes, sizeof(bytes)), text, sets[i]);
	GIVES("\xef\xbb\xbfwith a mark", "with a mark", "a mark is no text");
	GIVES("caf\xe9 en caf\xc3\xa9", "caf\xc3\xa9 en caf\xc3\xa9", "both in one file");
	GIVES("", "", "an empty file");
	has(bytes, convert("UTF-16LE", text, bytes, sizeof(bytes)), text,
		"UTF-16LE without a mark");
	has(bytes, convert("UTF-16BE", text, bytes, sizeof(bytes)), text,
		"UTF-16BE without a mark");
	has(bytes, convert("UTF-16LE", cyrillic, bytes, sizeof(bytes)), cyrillic,
		"Cyrillic without a mark");
}

/* Bytes that are no text, with strings in them: in 8 bits, and in 16 from an odd byte on. */
static void binary(void)
{
	struct buf b = BUF_INIT;
	struct buf out = BUF_INIT;
	char wide[100];
	size_t n = convert("UTF-16LE", "Jan Jansen, Zuidas", wide, sizeof(wide));

	for (unsigned i = 0; i < 400000; i++)
		buf_put_u8(&b, (uint8_t)(i * 7 % 32));
	memcpy(b.data + 1000, "vertrouwelijk stuk", 18);
	memcpy(b.data + 2001, wide, n);
	memcpy(b.data + (256 << 10) - 9, "over de rand heen", 17);
	memcpy(b.data + 300000, "cr\xe9\xe9r", 5);
	is_int(extract(b.data, b.len, &out), 0, "a binary file");
	ok(strstr(buf_cstr(&out), "vertrouwelijk stuk\n"), "a string");
	ok(strstr(buf_cstr(&out), "Jan Jansen, Zuidas\n"), "one of 16 bits");
	ok(strstr(buf_cstr(&out), "over de rand heen\n"), "one over the border of two stretches");
	ok(strstr(buf_cstr(&out), "cr\xc3\xa9\xc3\xa9r\n"), "one of windows-1252");
	buf_release(&b);
	buf_release(&out);
}

/* ---- markup --------------------------------------------------------------------------------- */

static void html(void)
{
	GIVES("<html><p>a</html><p>b<i>c</i></html> d</html>", "a bc d",
		"HTML goes on behind its end");
	GIVES("<!DOCTYPE html><title>Zaak</title><p>ad<b>vo</b>c<span "
	      "class=x>aat</span><p>een<td>twee",
		"Zaak advocaat een twee", "words over inline tags, not over others");
	GIVES("<html><body>a&eacute;&#233;&#xe9;&nbsp;b&amp;&lt;c&gt;</body>",
		"a\xc3\xa9\xc3\xa9\xc3\xa9\xc2\xa0"
		"b&<c>",
		"entities");
	GIVES("<html><script>var geheim = 1;</script><style>p { color: red }</style>tekst", "tekst",
		"no scripts and style sheets");
	GIVES("<p>bel<a href=\"tel:+31%2020%201234567\" title='De advocaat'>len</a> nu",
		"bellen nu tel:+31%2020%201234567 tel:+31 20 1234567 De advocaat",
		"attributes, behind the line that they stand in");
	GIVES("<div>zicht<!-- verborgen --></div>", "zicht verborgen", "comments");
	GIVES("<meta charset=windows-1251><p>\xe0\xe4\xe2\xee\xea\xe0\xf2",
		"\xd0\xb0\xd0\xb4\xd0\xb2\xd0\xbe\xd0\xba\xd0\xb0\xd1\x82", "its character set");
	GIVES("<meta "
	      "charset=windows-1251><p>\xd0\xb0\xd0\xb4\xd0\xb2\xd0\xbe\xd0\xba\xd0\xb0\xd1\x82",
		"\xd0\xb0\xd0\xb4\xd0\xb2\xd0\xbe\xd0\xba\xd0\xb0\xd1\x82",
		"UTF-8 that says it is another");
	GIVES("<meta charset=utf-16><p>text", "text", "UTF-16 that is none");
	GIVES("<p>b\xe9"
	      "b\xe9",
		"b\xc3\xa9"
		"b\xc3\xa9",
		"windows-1252 that says nothing");
	GIVES("<\0h\0t\0m\0l\0>\0<\0p\0>\0w\0i\0d\0e\0", "wide", "UTF-16 without a mark");
	GIVES("<p>a\0b</p><p unclosed=\"", "a b", "a NUL, and an end in a tag");
	GIVES("<p>een<o:p></o:p>heid <st1:PersonName>Jan</st1:PersonName>sen", "eenheid Jansen",
		"elements of Word");
}

static void xml(void)
{
	GIVES("<?xml version='1.0'?><a b='een'>twee<c/>drie<![CDATA[vier]]></a>",
		"twee een drievier", "XML");
	GIVES("<?xml version='1.0' encoding='iso-8859-2'?><a>\xb3</a>", "\xc5\x82",
		"its character set");
	GIVES("<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x 'geheim'>]><a>op &x; en &#228;</a>",
		"geheim op en \xc3\xa4", "an entity");
	GIVES("<?xml version='1.0'?><a><b>een</c>twee</a>drie",
		"een twee <?xml version='1.0'?><a><b>een</c>twee</a>drie",
		"broken XML: where the parser gives up, all as it stands");
	GIVES("<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><p>a<b>b</b>c</p>",
		"abc", "XHTML");
	GIVES("<jan@example.org> schreef", "<jan@example.org> schreef", "what is no markup");
}

/* ---- RTF ------------------------------------------------------------------------------------ */

static void rtf(void)
{
	GIVES("{\\rtf1\\ansi{\\fonttbl{\\f0\\fcharset0 Arial;}{\\f1\\fcharset204 Arial;}}"
	      "{\\*\\generator X;}{\\info{\\title De zaak}}ad{\\b vo}caat\\par b\\'e9b\\'e9 "
	      "\\f1\\'e0\\'e4\\f0\\par \\u8364?5 \\u-10179?\\u-9119?}",
		"De zaak advocaat b\xc3\xa9"
		"b\xc3\xa9 \xd0\xb0\xd0\xb4 \xe2\x82\xac"
		"5 \xf0\x9f\x91\xa1",
		"RTF");
	GIVES("{\\rtf1\\uc2\\u233??x{\\uc0\\u233y}{\\field{\\*\\fldinst HYPERLINK \"tel:020\"}"
	      "{\\fldrslt bel}}{\\*\\unknown geen}{\\pict 0102}\\bin3 {{{op}",
		"\xc3\xa9x\xc3\xa9y HYPERLINK \"tel:020\" bel"
		"op",
		"fields, pictures, bytes");
	GIVES("{\\rtf1 open {{{{\\'", "open", "RTF that ends early");
	GIVES("{\\rtf1 }}}}}}na", "na", "more ends than groups");
}

/* ---- what it may cost ------------------------------------------------------------------------ */

static void nested(const char *begin, const char *tag, size_t times, const char *name)
{
	struct buf b = BUF_INIT;
	struct buf out = BUF_INIT;

	buf_puts(&b, begin);
	for (size_t i = 0; i < times; i++)
		buf_puts(&b, tag);
	buf_puts(&b, "bodem");
	is_int(extract(b.data, b.len, &out), 0, name);
	ok(strstr(buf_cstr(&out), "bodem"), "%s: what is in it is given", name);
	buf_release(&b);
	buf_release(&out);
}

static int stop(void *ctx, const char *utf8, size_t n)
{
	(void)utf8;
	(void)n;
	++*(int *)ctx;
	return 42;
}

static void limits(void)
{
	struct container_budget b = {.members = 10, .bytes = 1 << 20};
	int pieces = 0;
	const struct text_sink sink = {.piece = stop, .ctx = &pieces};
	struct buf big = BUF_INIT;
	struct buf out = BUF_INIT;
	struct err e = {0};
	struct source *s = NULL;

	nested("<html>", "<div>", 100000, "HTML nested 100,000 deep");
	nested("<?xml version='1.0'?>", "<a>", 100000, "XML nested 100,000 deep");
	nested("{\\rtf1 ", "{", 100000, "RTF nested 100,000 deep");
	nested("<html><p", " a=b c='d'", 100000, "200,000 attributes");
	nested("<?xml version='1.0'?><p", " a='b'", 100000, "100,000 attributes in XML");
	for (size_t i = 0; i < 100000; i++)
		buf_puts(&big, "advocaat ");
	is_int(extract_within(big.data, big.len, 50000, &out, &e), -E2BIG,
		"more text than allowed");
	is_str(e.text, "it expands to too many bytes", "why");
	ok(out.len > 0 && out.len <= 50000, "what was allowed was given");
	if (source_memory(big.data, big.len, &s) < 0)
		bail_out("no memory");
	is_int(text_extract(s, &b, &sink, NULL), 42, "whoever is given text ends it");
	is_int(pieces, 1, "and is given no more");
	source_close(s);
	buf_release(&big);
	buf_release(&out);
}

/* A source whose second page cannot be read. */
static ssize_t bad_pread(const struct source *s, void *buf, size_t len, uint64_t off)
{
	(void)s;
	if (off >= 4096 && off < 8192)
		return -EIO;
	if (off < 4096 && len > 4096 - off)
		len = (size_t)(4096 - off);
	if (len > 12288 - off)
		len = (size_t)(12288 - off);
	memset(buf, off < 4096 ? 'a' : 'b', len);
	return (ssize_t)len;
}

static void faults(void)
{
	static const struct source_ops ops = {.pread = bad_pread};
	const struct source s = {.ops = &ops, .size = 12288};
	struct container_budget b = {.members = 10, .bytes = 1 << 20};
	struct buf out = BUF_INIT;
	const struct text_sink sink = {.piece = take, .ctx = &out};

	is_int(text_extract(&s, &b, &sink, NULL), -EIO, "bytes that cannot be read");
	ok(strchr(buf_cstr(&out), 'a') && strchr(buf_cstr(&out), 'b'), "the others are given");
	buf_release(&out);
}

int main(void)
{
	container_prepare();
	text_prepare();
	character_sets();
	binary();
	html();
	xml();
	rtf();
	limits();
	faults();
	return done_testing();
}
