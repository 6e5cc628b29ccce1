/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime_read.c - contents of a part, decoded; see mime.h
 *
 * Text of a body becomes UTF-8 only if all of it converts: it is gone through
 * once to know. What claims a character set that it does not keep to, or one
 * that is not known, stays as it is: bytes that were never written are worse
 * than bytes that need another program.
 */
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "container/mime_private.h"

#define PIECE       (16 * 1024)
#define BASE64_LINE 57 /* bytes that make a line of 76 characters */

struct mime_reader {
	const struct mime_bytes *bytes;
	GMimeStream *stream;
};

/* Of glibc's, what mail was and is written in. It keeps what was loaded while it is open. */
void mime_charsets_load(void)
{
	static const char *const names[] = {"ISO-8859-1", "ISO-8859-2", "ISO-8859-3", "ISO-8859-4",
		"ISO-8859-5", "ISO-8859-6", "ISO-8859-7", "ISO-8859-8", "ISO-8859-9", "ISO-8859-10",
		"ISO-8859-11", "ISO-8859-13", "ISO-8859-14", "ISO-8859-15", "ISO-8859-16",
		"WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1252", "WINDOWS-1253", "WINDOWS-1254",
		"WINDOWS-1255", "WINDOWS-1256", "WINDOWS-1257", "WINDOWS-1258", "KOI8-R", "KOI8-U",
		"MACINTOSH", "IBM437", "IBM850", "IBM852", "IBM866", "EUC-JP", "SHIFT_JIS", "CP932",
		"ISO-2022-JP", "ISO-2022-JP-2", "ISO-2022-KR", "ISO-2022-CN", "EUC-KR", "CP949",
		"JOHAB", "GB2312", "GBK", "GB18030", "BIG5", "BIG5-HKSCS", "EUC-TW", "TIS-620",
		"CP874", "TCVN", "UTF-7", "UTF-16", "UTF-32"};

	/* Never closed, nor used: while they are open their libraries stay loaded. */
	static volatile iconv_t kept[sizeof(names) / sizeof(names[0])] __attribute__((unused));

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		kept[i] = iconv_open("UTF-8", names[i]);
}

/* The part's contents, decoded as its encoding says. */
static GMimeStream *decoded(GMimePart *part)
{
	GMimeDataWrapper *content = g_mime_part_get_content(part);
	GMimeContentEncoding encoding = GMIME_CONTENT_ENCODING_DEFAULT;
	GMimeStream *raw = NULL;
	GMimeStream *own = NULL;
	GMimeStream *stream = NULL;

	if (!content)
		return g_mime_stream_mem_new();
	raw = g_mime_data_wrapper_get_stream(content);
	encoding = g_mime_data_wrapper_get_encoding(content);
	own = g_mime_stream_substream(raw, raw->bound_start, raw->bound_end);
	stream = g_mime_stream_filter_new(own);
	g_object_unref(own);
	if (encoding == GMIME_CONTENT_ENCODING_BASE64 ||
		encoding == GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE ||
		encoding == GMIME_CONTENT_ENCODING_UUENCODE) {
		GMimeFilter *f = g_mime_filter_basic_new(encoding, FALSE);

		g_mime_stream_filter_add(GMIME_STREAM_FILTER(stream), f);
		g_object_unref(f);
	}
	return stream;
}

/* Convert p[0 .. *n): what is left over (a character cut in two) moves to its front. */
static bool convert(iconv_t cd, char *p, size_t *n)
{
	char out[4 * PIECE];
	char *from = p;
	size_t left = *n;

	while (left > 0) {
		char *to = out;
		size_t room = sizeof(out);

		if (iconv(cd, &from, &left, &to, &room) != (size_t)-1 || errno == E2BIG)
			continue;
		if (errno != EINVAL || left > 16)
			return false;
		break;
	}
	memmove(p, from, left);
	*n = left;
	return true;
}

static bool fits(const char *charset, GMimePart *part)
{
	iconv_t cd = g_mime_iconv_open("UTF-8", charset);
	GMimeStream *stream = NULL;
	char buf[PIECE + 16];
	size_t n = 0;
	ssize_t r = 1;
	bool good = true;

	if (cd == (iconv_t)-1)
		return false;
	stream = decoded(part);
	while (good && (r = g_mime_stream_read(stream, buf + n, PIECE)) > 0) {
		n += (size_t)r;
		good = convert(cd, buf, &n);
	}
	g_object_unref(stream);
	g_mime_iconv_close(cd);
	return good && r == 0 && n == 0;
}

/* What is UTF-8, or says that nobody knows: GMime would take that for the locale's. */
static bool is_kept(const char *charset)
{
	static const char *const kept[] = {
		"us-ascii", "utf-8", "utf8", "x-unknown", "unknown-8bit", "unknown"};

	return mime_in_list(charset, kept, sizeof(kept) / sizeof(kept[0]));
}

static void to_utf8(GMimeStream *stream, GMimePart *part)
{
	const char *charset =
		g_mime_object_get_content_type_parameter(GMIME_OBJECT(part), "charset");
	GMimeFilter *f = NULL;

	if (!charset || is_kept(charset) || !fits(charset, part))
		return;
	f = g_mime_filter_charset_new(charset, "UTF-8");
	if (!f)
		return;
	g_mime_stream_filter_add(GMIME_STREAM_FILTER(stream), f);
	g_object_unref(f);
}

int mime_part_open(const struct mime *m, size_t i, struct mime_reader **out)
{
	struct mime_reader *r = NULL;

	if (i >= m->leaves)
		return -ENOENT;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->bytes = &m->bytes;
	r->stream = decoded(m->leaf[i].part);
	if (m->leaf[i].kind == MIME_TEXT || m->leaf[i].kind == MIME_HTML)
		to_utf8(r->stream, m->leaf[i].part);
	*out = r;
	return 0;
}

ssize_t mime_read(struct mime_reader *r, void *buf, size_t len)
{
	size_t done = 0;

	/* A filter may give little, or nothing, and not be at the end. */
	while (done < len) {
		ssize_t n = g_mime_stream_read(r->stream, (char *)buf + done, len - done);

		if (n < 0 || r->bytes->error)
			return -EIO;
		done += (size_t)n;
		if (n == 0 && g_mime_stream_eos(r->stream))
			break;
	}
	return (ssize_t)done;
}

void mime_base64(const uint8_t *p, size_t n, struct buf *out)
{
	for (size_t at = 0; at < n; at += BASE64_LINE) {
		char line[BASE64_LINE * 2];
		gint state = 0;
		gint save = 0;
		gsize len = g_base64_encode_step(p + at,
			n - at < BASE64_LINE ? n - at : BASE64_LINE, FALSE, line, &state, &save);

		len += g_base64_encode_close(FALSE, line + len, &state, &save);
		buf_put(out, line, len);
		buf_puts(out, "\r\n");
	}
}

void mime_reader_close(struct mime_reader *r)
{
	if (!r)
		return;
	g_object_unref(r->stream);
	free(r);
}
