/* SPDX-License-Identifier: Apache-2.0 */
/* t-mail.c - what is mail and what is not, parts of a message, addresses in its headers. */
#include <stdlib.h>

#include "container/mail.h"
#include "container/mime.h"
#include "tap.h"

#define TEXT(s) (const uint8_t *)(s), strlen(s)

static void t_is_message(void)
{
	ok(mail_is_message(TEXT("From: a@b\nSubject: x\n\nbody")), "two fields that tell");
	ok(mail_is_message(TEXT("\xef\xbb\xbf\r\nReceived: by x\r\n\ty; z\r\nTo: a@b\r\n\r\n")),
		"behind a byte order mark and an empty line, with a field that goes on");
	ok(mail_is_message(TEXT(">From x\nTo: a\nCc: b\n\n")), "behind an envelope line");
	ok(mail_is_message(TEXT("Received: x\nquite Delivered-To: y\nDate: z\n")),
		"a line that went astray");
	ok(mail_is_message(TEXT("MIME-Version: 1.0\nContent-Type: text/html\n\n")),
		"one field and a type");
	ok(mail_is_message(TEXT("Content-Type: multipart/signed; boundary=x\n\n")), "only parts");
	ok(!mail_is_message(TEXT("")), "nothing is none");
	ok(!mail_is_message(TEXT("Package: x\nVersion: 1\nMaintainer: a@b\n")), "a package");
	ok(!mail_is_message(TEXT("HTTP/1.1 200 OK\nDate: x\nContent-Type: text/html\n\n")),
		"an answer of a web server");
	ok(!mail_is_message(TEXT("Date: x\nContent-Type: text/html\n\n")), "nor without its line");
	ok(!mail_is_message(TEXT("Subject: only this\n\ntext")), "one field");
	ok(!mail_is_message(TEXT("Dear Bob,\n\nFrom: a@b\nTo: c@d\n")), "headers in a text");
}

static bool envelope(const char *line, const char *next, bool after_blank)
{
	return mail_is_envelope(TEXT(line), TEXT(next), after_blank);
}

static void t_is_envelope(void)
{
	ok(envelope("From a@b Mon Jan  1 10:00:00 2009\n", "To: x\n", false),
		"an envelope before a field, without an empty line before it");
	ok(envelope("From - Mon Jan 01 10:00:00 2009\r\n", "\r\n", true),
		"an envelope behind an empty line");
	ok(envelope("From 12ab Mon Sep 17 00:00:00 2001\n", "From: x\n", true), "a patch");
	ok(envelope("From a@b\n", "Subject: x\n", true), "no date, but a field that mail has");
	ok(envelope("From a@b\n", ">From x\n", true), "or an envelope that was quoted");
	ok(!envelope("From here on, it is ours.\n", "You see\n", true), "a sentence");
	ok(!envelope("From here on:\n", "Note: this\n", true), "before another word and a colon");
	ok(!envelope("From a@b Mon Jan  1 10:00:00 2009\n", "as I said\n", false),
		"an envelope in the middle of a paragraph");
	ok(!envelope(">From a@b Mon Jan  1 10:00:00 2009\n", "To: x\n", true), "a quoted one");
}

static void t_name(void)
{
	static const char bad[] = "  Re: a/b\n\x1b[2J\xff ";
	struct buf b = BUF_INIT;

	mail_name(&b, bad, strlen(bad), ".eml");
	is_str(buf_cstr(&b), "Re: a_b__[2J_.eml", "what cannot stand in a name");
	buf_reset(&b);
	mail_name(&b, "", 0, "");
	is_str(buf_cstr(&b), "message", "without a subject");
	buf_reset(&b);
	for (int i = 0; i < 100; i++)
		buf_puts(&b, "\xe2\x82\xac");
	mail_name(&b, (const char *)b.data, 300, ".eml");
	is_int(b.len, 300 + 120 + 4, "not longer than 120 bytes, of whole characters");
	buf_release(&b);
}

static struct mime *open_text(const char *text, size_t n, struct source **s)
{
	struct mime *m = NULL;
	struct err e = {0};

	if (source_memory(text, n, s) < 0 || mime_open(*s, 0, n, NULL, &m, &e) < 0)
		diag("%s", e.text);
	return m;
}

/* All of a part, as a string: freed by the caller. */
static char *part_text(const struct mime *m, size_t i, size_t piece)
{
	struct mime_reader *r = NULL;
	struct buf b = BUF_INIT;
	uint8_t buf[256];
	ssize_t n = 0;

	if (mime_part_open(m, i, &r) == 0) {
		while ((n = mime_read(r, buf, piece)) > 0)
			buf_put(&b, buf, (size_t)n);
	}
	mime_reader_close(r);
	buf_cstr(&b);
	return (char *)b.data;
}

static void is_part(const struct mime *m, size_t i, const char *want, const char *name)
{
	char *got = part_text(m, i, 256);
	char *bytewise = part_text(m, i, 1);

	is_str(got, want, name);
	ok(got && bytewise && strcmp(got, bytewise) == 0, "%s, a byte at a time", name);
	free(got);
	free(bytewise);
}

#define INNER                                                                                      \
	"Subject:  two  spaces \r\nX-Odd:\r\nContent-Type: multipart/mixed;\r\n\tboundary=\"in\""  \
	"\r\n\r\npreamble\r\n--in  \r\n\r\nhello\r\n--in--  \r\nepilogue"

static void t_parts(void)
{
	static const char text[] =
		"From: a@b\r\nSubject: =?iso-8859-1?Q?Gr=FC=DFe?=\r\n"
		"Date: Tue, 9 Jun 2009 23:58:45 -0400\r\nMIME-Version: 1.0\r\n"
		"Content-Type: multipart/mixed; boundary=out\r\n\r\npreamble\r\n"
		"--out\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdf"
		"e\r\n\r\n"
		"--out\r\nContent-Type: text/html; charset=utf-16le\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\nPABiAD4A\r\n"
		"--out\r\nContent-Type: text/plain; charset=utf-8; name=\"a.txt\"\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc\r\n"
		"--out\r\nContent-Type: message/rfc822\r\n\r\n" INNER "\r\n"
		"--out\r\nContent-Type: text/plain; charset=shift_jis\r\n\r\n\xfd\xfe\xff\r\n"
		"--out\r\nContent-Type: application/pkcs7-mime; "
		"smime-type=enveloped-data\r\n\r\nx\r\n"
		"--out--\r\n";
	struct source *s = NULL;
	struct mime *m = open_text(text, sizeof(text) - 1, &s);
	uint64_t off = 0;
	uint64_t len = 0;

	is_int(mime_parts(m), 6, "parts are leaves, and a message in the message is one");
	is_str(mime_subject(m),
		"Gr\xc3\xbc\xc3\x9f"
		"e",
		"the subject is decoded");
	is_int(mime_date(m).sec, 1244606325, "the time, too");
	mime_headers(m, &off, &len);
	ok(off == 0 && memcmp(text + len, "\r\npreamble", 10) == 0,
		"headers end before the preamble");
	is_int(mime_part(m, 0).kind, MIME_TEXT, "a body");
	is_part(m, 0,
		"Gr\xc3\xbc\xc3\x9f"
		"e\r\n",
		"as UTF-8, with the line break that is its own");
	is_int(mime_part(m, 1).kind, MIME_HTML, "a body that is HTML");
	is_part(m, 1, "<b>", "of UTF-16 in base64");
	is_int(mime_part(m, 2).kind, MIME_FILE, "text with a name is a file");
	is_str(mime_part(m, 2).name, "a.txt", "its name");
	is_part(m, 2, "a=bc", "quoted-printable");
	is_int(mime_part(m, 3).kind, MIME_MESSAGE, "a message");
	is_part(m, 3, INNER, "has exactly its bytes");
	is_str(mime_part(m, 3).type, "message/rfc822", "and its type");
	is_part(m, 4, "\xfd\xfe\xff", "what is not of its character set stays as it is");
	ok(mime_part(m, 5).encrypted, "S/MIME is said to be encrypted");
	mime_close(m);
	source_close(s);
}

static void t_odd(void)
{
	static const char none[] = "From: a@b\nTo: c@d\nContent-Type: multipart/mixed; boundary=x\n"
				   "\nno part at all\n";
	static const char digest[] = "From: a@b\nTo: c@d\nContent-Type: multipart/digest; "
				     "boundary=x\n\n--x\n\nSubject: inner\n\ntext\n--x--\n";
	struct source *s = NULL;
	struct mime *m = open_text(none, sizeof(none) - 1, &s);

	is_int(mime_parts(m), 1, "a message of parts without a part");
	is_part(m, 0, "no part at all\n", "shows what is behind its headers");
	mime_close(m);
	source_close(s);
	m = open_text(digest, sizeof(digest) - 1, &s);
	is_int(mime_parts(m), 1, "a digest");
	is_int(mime_part(m, 0).kind, MIME_MESSAGE, "holds messages");
	is_part(m, 0, "Subject: inner\n\ntext", "whole");
	mime_close(m);
	source_close(s);
}

/* What is before a boundary is its, also where the last line has no end. */
static void t_last_line(void)
{
	static const char text[] = "From: a@b\r\nTo: c@d\r\nContent-Type: multipart/mixed; "
				   "boundary=x\r\n\r\n--x\r\n\r\none\r\n--x\r\n\r\ntwo\r\n--x--";
	static const char single[] = "From: a@b\r\nTo: c@d\r\n\r\nno line break";
	struct source *s = NULL;
	struct mime *m = open_text(text, sizeof(text) - 1, &s);

	is_part(m, 0, "one", "a part");
	is_part(m, 1, "two", "the last part, before a boundary without a line break");
	mime_close(m);
	source_close(s);
	m = open_text(single, sizeof(single) - 1, &s);
	is_part(m, 0, "no line break", "a body without one");
	mime_close(m);
	source_close(s);
}

static void t_deep(unsigned depth)
{
	struct buf b = BUF_INIT;
	struct source *s = NULL;
	struct mime *m = NULL;
	size_t bytes = 0;

	buf_puts(&b, "From: a@b\nTo: c@d\n");
	for (unsigned i = 0; i < depth; i++)
		buf_printf(&b, "Content-Type: multipart/mixed; boundary=b%u\n\n--b%u\n", i, i);
	buf_puts(&b, "\ninnermost\n");
	m = open_text((const char *)b.data, b.len, &s);
	for (size_t i = 0; m && i < mime_parts(m); i++) {
		char *text = part_text(m, i, 256);

		bytes += strstr(text, "innermost") != NULL;
		free(text);
	}
	ok(bytes == 1, "%u parts in parts: the innermost text is in one", depth);
	mime_close(m);
	source_close(s);
	buf_release(&b);
}

static int note(void *ctx, const struct mime_address *a)
{
	struct buf *b = ctx;

	buf_printf(b, "%s|%s|%s\n", a->field, a->name ? a->name : "", a->address);
	return 0;
}

static void t_addresses(void)
{
	static const char text[] =
		"Return-Path: <bounce@x.example>\n"
		"Received: from h (h [1.2.3.4]) by y for <for@y.example>; Mon, 1 Jan 2001\n"
		"From: =?utf-8?B?SsO8cmdlbg==?= <jurgen@a.example>\n"
		"To: lawyers: \"Doe, Jane\" <jane@law.example>, j@law.example;,\n"
		"\tlast@b.example\n"
		"Resent-Cc: again@c.example\n"
		"Authentication-Results: z; smtp.mailfrom=auth@d.example\n"
		"Subject: =?utf-8?Q?ask_hidden=40e.example?=\n"
		"X-Original-To: orig@f.example\n\nbody@none.example\n";
	static const char *const want[] = {"Return-Path||bounce@x.example",
		"Received||for@y.example", "From|J\xc3\xbcrgen|jurgen@a.example",
		"To|Doe, Jane|jane@law.example", "To||j@law.example", "To||last@b.example",
		"Resent-Cc||again@c.example", "Authentication-Results||auth@d.example",
		"Subject||hidden@e.example", "X-Original-To||orig@f.example"};
	struct source *s = NULL;
	struct mime *m = open_text(text, sizeof(text) - 1, &s);
	struct buf b = BUF_INIT;

	is_int(mime_addresses(m, note, &b), 0, "addresses");
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		ok(strstr(buf_cstr(&b), want[i]) != NULL, "%s", want[i]);
	ok(!strstr(buf_cstr(&b), "none.example"), "not those of the body");
	buf_release(&b);
	mime_close(m);
	source_close(s);
}

int main(void)
{
	mime_prepare();
	t_is_message();
	t_is_envelope();
	t_name();
	t_parts();
	t_odd();
	t_last_line();
	t_deep(100);
	t_deep(1000);
	t_deep(3000);
	t_addresses();
	return done_testing();
}
