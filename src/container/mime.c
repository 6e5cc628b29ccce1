/* SPDX-License-Identifier: Apache-2.0 */
/* mime.c - one mail message as its headers and its parts; see mime.h. */
#include "container/mime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "container/mime_private.h"

static int collect(struct mime *m, GMimeObject *holder, GMimeObject *part);

/* An error that GLib or GMime would print to a person: there is none here. */
static GLogWriterOutput no_output(
	GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
	(void)level, (void)fields, (void)n, (void)data;
	return G_LOG_WRITER_HANDLED;
}

void mime_prepare(void)
{
	g_log_set_writer_func(no_output, NULL, NULL);
	g_mime_init();
	mime_charsets_load();
}

bool mime_in_list(const char *s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(s, list[i]) == 0)
			return true;
	}
	return false;
}

/* "text/html", of the parser's making; what it was not shown is put right. */
static char *type_of(GMimeObject *part)
{
	static const char hidden[] = "messagx/";
	GMimeContentType *t = g_mime_object_get_content_type(part);
	char *s = t ? g_mime_content_type_get_mime_type(t) : NULL;
	char *type = s ? g_ascii_strdown(s, -1) : g_strdup("application/octet-stream");

	g_free(s);
	if (strncmp(type, hidden, sizeof(hidden) - 1) == 0)
		type[6] = 'e';
	return type;
}

static bool is_digest(GMimeObject *holder)
{
	GMimeContentType *t = holder ? g_mime_object_get_content_type(holder) : NULL;

	return t && g_mime_content_type_is_type(t, "multipart", "digesx");
}

static bool is_encrypted(GMimeObject *holder, GMimeObject *part, const char *type)
{
	static const char *const smime[] = {"application/pkcs7-mime", "application/x-pkcs7-mime"};
	GMimeContentType *t = holder ? g_mime_object_get_content_type(holder) : NULL;
	const char *what = NULL;

	if (t && g_mime_content_type_is_type(t, "multipart", "encrypted"))
		return strcmp(type, "application/pgp-encrypted") != 0;
	if (!mime_in_list(type, smime, 2))
		return false;
	what = g_mime_object_get_content_type_parameter(part, "smime-type");
	return !what || strcasecmp(what, "enveloped-data") == 0 ||
	       strcasecmp(what, "authenveloped-data") == 0;
}

static enum mime_kind kind_of(GMimeObject *holder, GMimeObject *part, const char *type)
{
	static const char *const messages[] = {"message/rfc822", "message/global", "message/news"};
	const char *disposition = g_mime_object_get_disposition(part);
	GMimeHeaderList *headers = g_mime_object_get_header_list(part);

	if (mime_in_list(type, messages, 3) ||
		(is_digest(holder) && !g_mime_header_list_contains(headers, "Content-Type")))
		return MIME_MESSAGE;
	if (g_mime_part_get_filename(GMIME_PART(part)) ||
		(disposition && strcasecmp(disposition, "attachment") == 0))
		return MIME_FILE;
	if (strcmp(type, "text/plain") == 0)
		return MIME_TEXT;
	return strcmp(type, "text/html") == 0 ? MIME_HTML : MIME_FILE;
}

static int add_leaf(struct mime *m, GMimeObject *holder, GMimeObject *part)
{
	struct mime_leaf *leaf = NULL;

	if (array_room(&m->leaf, sizeof(*m->leaf), m->leaves, &m->leaf_cap))
		return -ENOMEM;
	leaf = &m->leaf[m->leaves++];
	leaf->part = GMIME_PART(part);
	leaf->type = type_of(part);
	leaf->kind = kind_of(holder, part, leaf->type);
	leaf->encrypted = is_encrypted(holder, part, leaf->type);
	return 0;
}

/* What is below a multipart: as deep as GMime goes, 1024. */
static int collect_all(struct mime *m, GMimeMultipart *multi)
{
	int n = g_mime_multipart_get_count(multi);
	int r = 0;

	for (int i = 0; i < n && r == 0; i++)
		r = collect(m, GMIME_OBJECT(multi), g_mime_multipart_get_part(multi, i));
	return r;
}

static int collect(struct mime *m, GMimeObject *holder, GMimeObject *part)
{
	GMimeMessage *inner = NULL;

	if (GMIME_IS_MULTIPART(part))
		return collect_all(m, GMIME_MULTIPART(part));
	if (GMIME_IS_PART(part))
		return add_leaf(m, holder, part);
	/* A message that was seen after all ("message / rfc822"): its parts are parts. */
	if (GMIME_IS_MESSAGE_PART(part))
		inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(part));
	return inner && g_mime_message_get_mime_part(inner)
		       ? collect(m, part, g_mime_message_get_mime_part(inner))
		       : 0;
}

/* A message of parts in which none is found: all behind its headers is one, as it stands. */
static int add_rest(struct mime *m, uint64_t len)
{
	uint64_t begin = m->headers_off + m->headers_len - m->bytes.off;
	uint8_t line[2] = {0};
	GMimeStream *whole = NULL;
	GMimeStream *rest = NULL;
	GMimeDataWrapper *content = NULL;
	GMimePart *part = NULL;

	/* The empty line is nobody's. */
	if (source_read_all(m->bytes.source, line, sizeof(line), m->bytes.off + begin) > 0)
		begin += line[0] == '\n' ? 1 : line[0] == '\r' && line[1] == '\n' ? 2 : 0;
	if (begin >= len)
		return 0;
	whole = mime_stream_new(&m->bytes, len);
	rest = g_mime_stream_substream(whole, (gint64)begin, (gint64)len);
	content = g_mime_data_wrapper_new_with_stream(rest, GMIME_CONTENT_ENCODING_DEFAULT);
	part = g_mime_part_new_with_type("text", "plain");
	g_mime_part_set_content(part, content);
	g_object_unref(content);
	g_object_unref(rest);
	g_object_unref(whole);
	m->rest = part;
	return add_leaf(m, NULL, GMIME_OBJECT(part));
}

/* The line break that the last line lacks: that of the first line. */
static int end_line(struct mime_bytes *b, uint64_t len)
{
	char head[1024];
	char last = '\n';
	ssize_t n = source_read_all(
		b->source, head, len < sizeof(head) ? (size_t)len : sizeof(head), b->off);
	const char *end = n > 0 ? memchr(head, '\n', (size_t)n) : NULL;

	if (n > 0)
		n = source_read_all(b->source, &last, 1, b->off + len - 1);
	if (n < 0)
		return -EIO;
	if (last != '\n' && end > head && end[-1] == '\r')
		b->line[b->line_len++] = '\r';
	if (last != '\n')
		b->line[b->line_len++] = '\n';
	return 0;
}

static int parse(struct mime *m, uint64_t len)
{
	GMimeStream *stream = mime_stream_new(&m->bytes, len);
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	gint64 begin = 0;
	gint64 end = 0;

	m->bytes.parsing = true;
	m->message = g_mime_parser_construct_message(parser, NULL);
	m->bytes.parsing = false;
	begin = g_mime_parser_get_headers_begin(parser);
	end = g_mime_parser_get_headers_end(parser);
	m->headers_off = m->bytes.off + (begin > 0 ? (uint64_t)begin : 0);
	m->headers_len = end > begin && begin >= 0 ? (uint64_t)(end - begin) : 0;
	g_object_unref(parser);
	g_object_unref(stream);
	return m->message ? 0 : -EBADMSG;
}

int mime_open(const struct source *s, uint64_t off, uint64_t len, struct container_budget *b,
	struct mime **out, struct err *e)
{
	struct mime *m = calloc(1, sizeof(*m));
	int r = 0;

	if (!m)
		return err_set(e, ENOMEM, "no memory for a message");
	if (off > source_size(s))
		off = source_size(s);
	if (len > source_size(s) - off)
		len = source_size(s) - off;
	m->bytes = (struct mime_bytes){.source = s, .off = off, .budget = b};
	m->bytes.error = end_line(&m->bytes, len);
	r = parse(m, len);
	if (m->bytes.error == -E2BIG)
		r = err_set(e, E2BIG, "the message has too many parts, or takes too long");
	else if (m->bytes.error < 0)
		r = err_set(e, EIO, "the message cannot be read to its end");
	else if (r < 0)
		r = err_set(e, -r, "no mail message");
	if (r == 0 && g_mime_message_get_mime_part(m->message))
		r = collect(m, NULL, g_mime_message_get_mime_part(m->message));
	if (r == 0 && m->leaves == 0)
		r = add_rest(m, len);
	m->bytes.budget = NULL;
	if (r < 0) {
		mime_close(m);
		return r;
	}
	*out = m;
	return 0;
}

size_t mime_parts(const struct mime *m)
{
	return m->leaves;
}

struct mime_part mime_part(const struct mime *m, size_t i)
{
	const struct mime_leaf *leaf = &m->leaf[i];

	return (struct mime_part){.kind = leaf->kind,
		.type = leaf->type,
		.name = g_mime_part_get_filename(leaf->part),
		.encrypted = leaf->encrypted};
}

void mime_headers(const struct mime *m, uint64_t *off, uint64_t *len)
{
	*off = m->headers_off;
	*len = m->headers_len;
}

const char *mime_subject(const struct mime *m)
{
	const char *s = g_mime_message_get_subject(m->message);

	return s ? s : "";
}

struct entry_time mime_date(const struct mime *m)
{
	GDateTime *d = g_mime_message_get_date(m->message);

	return d ? (struct entry_time){.sec = g_date_time_to_unix(d), .known = true}
		 : (struct entry_time){.known = false};
}

void mime_close(struct mime *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->leaves; i++)
		g_free(m->leaf[i].type);
	if (m->rest)
		g_object_unref(m->rest);
	if (m->message)
		g_object_unref(m->message);
	free(m->leaf);
	free(m);
}
