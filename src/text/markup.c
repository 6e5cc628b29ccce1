/* SPDX-License-Identifier: Apache-2.0 */
/*
 * markup.c - the text of HTML and XML; see markup.h
 *
 * The only file that includes libxml2. Bytes are made UTF-8 before the parser
 * has them, so that it converts nothing. No entity is declared to it but those
 * of HTML and XML themselves: there is nothing that could expand. Values of
 * declared ones are given as text.
 */
#include "text/markup.h"

#include <errno.h>
#include <libxml/HTMLparser.h>
#include <libxml/parser.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "text/charset.h"
#include "text/markup_rules.h"

#define SAMPLE    ((size_t)64 << 10) /* that the character set is guessed by */
#define PIECE     ((size_t)4 << 10)  /* for the parser: what it may cost is looked at behind each */
#define CROWD     10000              /* of attributes, or what could divide them, in one tag */
#define ENDS      100                /* of documents in one file */
#define ASIDE_MAX ((size_t)64 << 10)

struct markup {
	enum markup_kind kind;
	struct out *out;
	struct buf aside; /* what comes where the line ends */
	unsigned drop;    /* elements deep in one whose text is none */
	unsigned asides;  /* the same of one whose text comes behind the line */
	bool raw;         /* the parser has given up */
	unsigned ends;    /* of HTML that went on */
	size_t tag;       /* where the one is that the parser waits for the end of */
	size_t looked;    /* bytes of it that were looked at */
	size_t gaps;      /* in them, that may divide attributes */
	xmlParserCtxtPtr parser;
	struct charset *charset;
};

static void break_line(struct markup *m)
{
	out_put(m->out, "\n", 1);
	if (m->aside.len == 0)
		return;
	out_put(m->out, (const char *)m->aside.data, m->aside.len);
	out_put(m->out, "\n", 1);
	m->aside.len = 0;
}

static void put_aside(struct markup *m, const void *p, size_t n)
{
	if (m->aside.len + n > ASIDE_MAX)
		break_line(m);
	if (n > ASIDE_MAX)
		out_put(m->out, p, n);
	else
		buf_put(&m->aside, p, n);
}

static void give(struct markup *m, const xmlChar *p, int n)
{
	if (n <= 0 || m->drop)
		return;
	if (m->asides)
		put_aside(m, p, (size_t)n);
	else
		out_put(m->out, (const char *)p, (size_t)n);
	if (m->out->ended)
		xmlStopParser(m->parser);
}

static void begin_element(struct markup *m, enum markup_rule rule)
{
	if (m->drop || rule == RULE_DROP)
		m->drop++;
	if (m->asides || rule == RULE_ASIDE)
		m->asides++;
	if (rule == RULE_BREAK)
		break_line(m);
	else if (rule == RULE_SPACE)
		out_put(m->out, " ", 1);
	else if (rule == RULE_HYPHEN)
		out_put(m->out, "-", 1);
}

static void end_element(struct markup *m, enum markup_rule rule)
{
	if (m->drop)
		m->drop--;
	if (m->asides && --m->asides == 0)
		put_aside(m, "\n", 1);
	if (rule == RULE_BREAK)
		break_line(m);
	if (m->out->ended)
		xmlStopParser(m->parser);
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 32);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value of an attribute; and, where it is another, what %20 and the like stand for in it. */
static void give_value(struct markup *m, const char *p, size_t n)
{
	struct buf plain = BUF_INIT;

	put_aside(m, p, n);
	put_aside(m, "\n", 1);
	if (!memchr(p, '%', n))
		return;
	for (size_t i = 0; i < n; i++) {
		int high = i + 2 < n && p[i] == '%' ? hex(p[i + 1]) : -1;
		int low = high >= 0 ? hex(p[i + 2]) : -1;

		buf_put_u8(&plain, (uint8_t)(low >= 0 ? high << 4 | low : p[i]));
		i += low >= 0 ? 2 : 0;
	}
	if (!plain.error && text_is_utf8(plain.data, plain.len)) {
		put_aside(m, plain.data, plain.len);
		put_aside(m, "\n", 1);
	}
	buf_release(&plain);
}

/* ---- what the parsers tell --------------------------------------------------------------- */

static void on_text(void *ctx, const xmlChar *p, int n)
{
	give(ctx, p, n);
}

/* Of HTML: scripts and style sheets. */
static void on_script(void *ctx, const xmlChar *p, int n)
{
	(void)ctx;
	(void)p;
	(void)n;
}

static void on_comment(void *ctx, const xmlChar *p)
{
	put_aside(ctx, p, strlen((const char *)p));
	put_aside(ctx, "\n", 1);
}

static void on_html_begin(void *ctx, const xmlChar *name, const xmlChar **attributes)
{
	struct markup *m = ctx;

	begin_element(m, markup_rule_html((const char *)name));
	for (size_t i = 0; attributes && attributes[i]; i += 2) {
		const char *value = (const char *)attributes[i + 1];

		if (value && markup_attribute_html((const char *)attributes[i], value))
			give_value(m, value, strlen(value));
	}
}

static void on_html_end(void *ctx, const xmlChar *name)
{
	end_element(ctx, markup_rule_html((const char *)name));
}

static enum markup_rule rule_of(const struct markup *m, const xmlChar *name, const xmlChar *uri)
{
	return m->kind == MARKUP_OFFICE ? markup_rule_office((const char *)uri, (const char *)name)
					: RULE_BREAK;
}

/* A cell of a table that has the number of a text, not the text. */
static bool is_index(const xmlChar *name, const xmlChar **a, int n)
{
	if (strcmp((const char *)name, "c") != 0)
		return false;
	for (int i = 0; i < n; i++) {
		if (strcmp((const char *)a[5 * i], "t") == 0)
			return a[5 * i + 4] - a[5 * i + 3] == 1 && *a[5 * i + 3] == 's';
	}
	return false;
}

/* @a: [n] times local name, prefix, URI, where the value begins and where it ends */
static void on_xml_begin(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
	int namespaces, const xmlChar **declared, int n, int defaulted, const xmlChar **a)
{
	struct markup *m = ctx;
	enum markup_rule rule = rule_of(m, name, uri);

	(void)prefix;
	(void)namespaces;
	(void)declared;
	(void)defaulted;
	if (m->kind == MARKUP_OFFICE && uri && strstr((const char *)uri, "spreadsheetml") &&
		is_index(name, a, n)) {
		break_line(m);
		rule = RULE_DROP;
	}
	begin_element(m, rule);
	for (int i = 0; i < n; i++) {
		const char *value = (const char *)a[5 * i + 3];
		size_t len = (size_t)(a[5 * i + 4] - a[5 * i + 3]);

		if (m->kind == MARKUP_XML || markup_attribute_office((const char *)name,
						     (const char *)a[5 * i], value, len))
			give_value(m, value, len);
	}
}

static void on_xml_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	(void)prefix;
	end_element(ctx, rule_of(ctx, name, uri));
}

static void on_entity(void *ctx, const xmlChar *name, int type, const xmlChar *public_id,
	const xmlChar *system_id, xmlChar *content)
{
	(void)name;
	(void)type;
	(void)public_id;
	(void)system_id;
	if (content)
		give_value(ctx, (const char *)content, strlen((const char *)content));
}

static void on_instruction(void *ctx, const xmlChar *target, const xmlChar *data)
{
	(void)target;
	if (data)
		on_comment(ctx, data);
}

/* ---- feeding them ------------------------------------------------------------------------ */

static xmlParserCtxtPtr new_parser(struct markup *m)
{
	xmlSAXHandler sax = {.characters = on_text,
		.ignorableWhitespace = on_text,
		.comment = on_comment,
		.cdataBlock = m->kind == MARKUP_HTML ? on_script : on_text};
	xmlParserCtxtPtr p = NULL;

	if (m->kind == MARKUP_HTML) {
		sax.startElement = on_html_begin;
		sax.endElement = on_html_end;
		p = htmlCreatePushParserCtxt(&sax, m, NULL, 0, NULL, XML_CHAR_ENCODING_UTF8);
		if (p)
			htmlCtxtUseOptions(p, HTML_PARSE_RECOVER | HTML_PARSE_NOERROR |
						      HTML_PARSE_NOWARNING | HTML_PARSE_NONET |
						      HTML_PARSE_IGNORE_ENC);
		return p;
	}
	sax.initialized = XML_SAX2_MAGIC;
	sax.startElementNs = on_xml_begin;
	sax.endElementNs = on_xml_end;
	sax.entityDecl = on_entity;
	sax.processingInstruction = on_instruction;
	p = xmlCreatePushParserCtxt(&sax, m, NULL, 0, NULL);
	if (p)
		xmlCtxtUseOptions(p, XML_PARSE_RECOVER | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
					     XML_PARSE_NONET | XML_PARSE_IGNORE_ENC);
	return p;
}

static void free_parser(xmlParserCtxtPtr p)
{
	if (p && p->myDoc) /* is made for declarations of entities */
		xmlFreeDoc(p->myDoc);
	if (p)
		p->myDoc = NULL;
	if (p && p->html)
		htmlFreeParserCtxt(p);
	else
		xmlFreeParserCtxt(p);
}

/* HTML goes on behind its end: another parser takes what is left. Return: whether one did. */
static bool start_again(struct markup *m)
{
	const xmlParserInput *in = m->parser->input;
	size_t n = in && in->end > in->cur ? (size_t)(in->end - in->cur) : 0;
	xmlParserCtxtPtr old = m->parser;
	xmlParserCtxtPtr p =
		m->kind == MARKUP_HTML && n > 0 && m->ends < ENDS ? new_parser(m) : NULL;

	if (!p)
		return false;
	m->ends++;
	m->parser = p;
	break_line(m);
	htmlParseChunk(p, (const char *)in->cur, (int)n, 0);
	free_parser(old);
	return p->instate != XML_PARSER_EOF || start_again(m);
}

/*
 * Whether the parser waits for the end of a tag that has thousands of attributes: it compares
 * each with each. A long one with few (a picture in an address) is none.
 */
static bool is_crowded(struct markup *m)
{
	const xmlParserInput *in = m->parser->input;
	size_t n = in && in->end > in->cur ? (size_t)(in->end - in->cur) : 0;
	size_t at = n > 0 ? in->consumed + (size_t)(in->cur - in->base) : 0;

	if (n < CROWD || *in->cur != '<' || in->cur[1] == '!')
		return false;
	if (at != m->tag || n < m->looked) {
		m->tag = at;
		m->looked = m->gaps = 0;
	}
	for (; m->looked < n; m->looked++)
		m->gaps += strchr(" \n\t\r\"'/", in->cur[m->looked]) != NULL;
	return m->gaps >= CROWD;
}

/* The parser has given up, or is given up: [n] bytes it had not read. */
static void go_raw(struct markup *m, const void *p, size_t n)
{
	m->raw = true;
	break_line(m);
	out_put(m->out, p, n);
}

static void feed(struct markup *m, const char *p, size_t n, bool last)
{
	if (m->out->ended)
		return;
	if (m->raw) {
		out_put(m->out, p, n);
		return;
	}
	if (m->kind == MARKUP_HTML)
		htmlParseChunk(m->parser, p, (int)n, last);
	else
		xmlParseChunk(m->parser, p, (int)n, last);
	/* An error is not the end, but it may be. */
	if ((m->parser->disableSAX || m->parser->instate == XML_PARSER_EOF) && !last &&
		!out_work(m->out) && !start_again(m))
		go_raw(m, p, n);
	else if (is_crowded(m))
		go_raw(m, m->parser->input->cur,
			(size_t)(m->parser->input->end - m->parser->input->cur));
	out_work(m->out);
}

/* What the character set's decoder gives: to the parser without NULs, which end its text. */
static void take_text(void *ctx, const char *utf8, size_t n)
{
	char piece[PIECE];

	while (n > 0) {
		size_t k = n < PIECE ? n : PIECE;

		/* whole characters, for what stands as it is */
		while (k < n && k > PIECE - 4 && ((unsigned char)utf8[k] & 0xC0) == 0x80)
			k--;
		memcpy(piece, utf8, k);
		for (size_t i = 0; i < k; i++) {
			if ((unsigned char)piece[i] < ' ' && piece[i] != '\n' && piece[i] != '\t' &&
				piece[i] != '\r')
				piece[i] = ' ';
		}
		feed(ctx, piece, k, false);
		utf8 += k;
		n -= k;
	}
}

/* ---- what it is, and in which character set --------------------------------------------- */

/* The beginning as lower-case ASCII, whatever its character set: no NULs, no other bytes. */
static size_t as_ascii(const uint8_t *p, size_t n, char *out, size_t room)
{
	size_t len = 0;

	for (size_t i = 0; i < n && len + 1 < room; i++) {
		if (p[i] > 0 && p[i] < 0x80)
			out[len++] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
	}
	out[len] = '\0';
	return len;
}

static bool has_html_element(const char *s)
{
	static const char *const tags[] = {"html", "head", "body", "meta", "title", "table", "div",
		"span", "font", "p", "br", "a", "h1", "h2", "h3", "b", "i", "ul", "ol", "pre",
		"center", "blockquote", "style", "script", "img", "hr", "strong", "em"};

	for (; (s = strchr(s, '<')) != NULL; s++) {
		size_t n = strcspn(s + 1, " \t\r\n/><");

		for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
			if (strlen(tags[i]) == n && strncmp(tags[i], s + 1, n) == 0)
				return true;
		}
	}
	return false;
}

enum markup_kind markup_detect(const uint8_t *head, size_t n)
{
	char ascii[4096];
	const char *s = ascii;

	as_ascii(head, n, ascii, sizeof(ascii));
	s += strspn(s, " \t\r\n");
	if (*s != '<')
		return MARKUP_NONE;
	if (strncmp(s, "<?xml", 5) == 0)
		return strstr(s, "<html") ? MARKUP_HTML : MARKUP_XML;
	if (strncmp(s, "<!doctype html", 14) == 0 || has_html_element(s))
		return MARKUP_HTML;
	return s[1] >= 'a' && s[1] <= 'z' && strstr(s, " xmlns") ? MARKUP_XML : MARKUP_NONE;
}

/* [n] bytes that may end within a character. */
static bool is_utf8_cut(const uint8_t *p, size_t n)
{
	size_t cut = 0;

	while (cut < 4 && cut < n && p[n - cut - 1] >= 0x80)
		cut++;
	for (size_t i = 0; i <= cut; i++) {
		if (text_is_utf8(p, n - i))
			return true;
	}
	return false;
}

/* What it says of itself. Return: whether it does. */
static bool declared(const uint8_t *p, size_t n, char *name, size_t room)
{
	char ascii[4096];
	const char *s = NULL;
	size_t len = 0;

	as_ascii(p, n, ascii, sizeof(ascii));
	s = strstr(ascii, "charset=");
	s = s ? s + 8 : strstr(ascii, "encoding=");
	if (s && strncmp(s, "encoding=", 9) == 0)
		s += 9;
	if (!s)
		return false;
	s += strspn(s, " \"'");
	len = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_:.");
	if (len == 0 || len >= room)
		return false;
	memcpy(name, s, len);
	name[len] = '\0';
	return true;
}

static int open_charset(struct markup *m, const uint8_t *p, size_t n, size_t *mark)
{
	const char *name = charset_of_mark(p, n, mark);
	bool ascii = true;
	char said[64];

	if (!name && n >= 4 && p[1] == 0 && p[3] == 0)
		name = "UTF-16LE";
	else if (!name && n >= 4 && p[0] == 0 && p[2] == 0)
		name = "UTF-16BE";
	for (size_t i = 0; i < n && ascii; i++)
		ascii = p[i] < 0x80;
	/* UTF-16 that says so in letters of ASCII is none */
	if (!name && (ascii || !is_utf8_cut(p, n)) && declared(p, n, said, sizeof(said)) &&
		strncmp(said, "utf-16", 6) != 0 && strncmp(said, "utf-32", 6) != 0)
		name = said;
	if (name && charset_open(name, take_text, m, &m->charset) == 0)
		return 0;
	return charset_open(NULL, take_text, m, &m->charset);
}

int markup_extract(enum markup_kind kind, struct input *in, struct out *out)
{
	struct markup m = {.kind = kind, .out = out, .aside = BUF_INIT};
	uint8_t *bytes = malloc(SAMPLE);
	size_t n = bytes ? input_read(in, bytes, SAMPLE) : 0;
	size_t mark = 0;
	int r = bytes ? open_charset(&m, bytes, n, &mark) : -ENOMEM;

	if (r == 0 && !(m.parser = new_parser(&m)))
		r = -ENOMEM;
	for (; r == 0 && n > 0 && !out->ended; mark = 0) {
		charset_feed(m.charset, bytes + mark, n - mark);
		n = input_read(in, bytes, SAMPLE);
	}
	if (r == 0) {
		charset_close(m.charset); /* feeds the last */
		m.charset = NULL;
		feed(&m, "", 0, true);
		break_line(&m);
	}
	charset_close(m.charset);
	free_parser(m.parser);
	buf_release(&m.aside);
	free(bytes);
	return r < 0 ? r : out_end(out);
}

void markup_prepare(void)
{
	xmlInitParser();
}
