/* SPDX-License-Identifier: Apache-2.0 */
/* mime_stream.c - a run of a source's bytes as a GMimeStream; see mime_stream.h. */
#include "container/mime_stream.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "container/mime.h"

#define PIECE  (64 * 1024)
#define MARGIN 32 /* longer than what is not shown */

struct stream {
	GMimeStream parent;
	struct mime_bytes *bytes;
};

struct stream_class {
	GMimeStreamClass parent_class;
};

/* What is not shown, and the byte of it that reads 'x'. */
static const struct {
	const char *text;
	size_t at;
} unshown[] = {{"message/", 6}, {"multipart/digest", 15}};

static GType stream_get_type(void);

/* Blank what stands in p[0 .. n) of the bytes from @from on, looking a margin around. */
static void blank(uint8_t *p, size_t n, const uint8_t *wide, size_t before, size_t wide_len)
{
	for (size_t i = 0; i < wide_len; i++) {
		if (wide[i] != 'm' && wide[i] != 'M')
			continue;
		for (size_t k = 0; k < sizeof(unshown) / sizeof(unshown[0]); k++) {
			size_t len = strlen(unshown[k].text);
			size_t at = i + unshown[k].at;

			if (wide_len - i >= len && at >= before && at - before < n &&
				strncasecmp((const char *)wide + i, unshown[k].text, len) == 0)
				p[at - before] = 'x';
		}
	}
}

static void count_dashes(struct mime_bytes *b, const uint8_t *p, size_t n)
{
	for (const uint8_t *at = p; n - (size_t)(at - p) >= 3; at++) {
		at = memchr(at, '\n', n - (size_t)(at - p) - 2);
		if (!at)
			return;
		b->dashes += at[1] == '-' && at[2] == '-';
	}
}

/* Bytes as the parser is shown them. */
static ssize_t read_shown(struct mime_bytes *b, uint8_t *buf, size_t len, uint64_t off)
{
	uint8_t wide[PIECE + 2 * MARGIN];
	uint64_t begin = off - b->off > MARGIN ? off - MARGIN : b->off;
	size_t before = (size_t)(off - begin);
	size_t n = 0;
	ssize_t r = source_read_all(b->source, wide, before + len + MARGIN, begin);

	if (r < 0 || (size_t)r <= before)
		return r < 0 ? r : 0;
	n = (size_t)r - before < len ? (size_t)r - before : len;
	memcpy(buf, wide + before, n);
	blank(buf, n, wide, before, (size_t)r);
	count_dashes(b, buf, n);
	if (b->dashes > MIME_PARTS_MAX)
		return -E2BIG;
	return b->budget && container_spend(b->budget, n) < 0 ? -E2BIG : (ssize_t)n;
}

/* Where reading ends: behind the line break that is shown, too. */
static gint64 end_of(const GMimeStream *stream)
{
	const struct mime_bytes *b = ((const struct stream *)stream)->bytes;

	return stream->bound_end + (b->parsing ? (gint64)b->line_len : 0);
}

static ssize_t read_line_break(GMimeStream *stream, char *buf, size_t len)
{
	const struct mime_bytes *b = ((struct stream *)stream)->bytes;
	size_t at = (size_t)(stream->position - stream->bound_end);
	size_t n = b->line_len - at < len ? b->line_len - at : len;

	memcpy(buf, b->line + at, n);
	stream->position += (gint64)n;
	return (ssize_t)n;
}

static ssize_t stream_read(GMimeStream *stream, char *buf, size_t len)
{
	struct mime_bytes *b = ((struct stream *)stream)->bytes;
	size_t n = len < PIECE ? len : PIECE;
	ssize_t r = 0;
	gint64 left = stream->bound_end - stream->position;

	if (b->error)
		return b->parsing ? 0 : -1;
	if (left <= 0)
		return stream->position < end_of(stream) ? read_line_break(stream, buf, len) : 0;
	n = (gint64)n < left ? n : (size_t)left;
	if (b->parsing)
		r = read_shown(b, (uint8_t *)buf, n, b->off + (uint64_t)stream->position);
	else
		r = source_pread(b->source, buf, n, b->off + (uint64_t)stream->position);
	if (r < 0) {
		b->error = (int)r;
		return b->parsing ? 0 : -1;
	}
	stream->position += r;
	return r;
}

static ssize_t stream_write(GMimeStream *stream, const char *buf, size_t len)
{
	(void)stream, (void)buf, (void)len;
	return -1;
}

static int stream_nothing(GMimeStream *stream)
{
	(void)stream;
	return 0;
}

static int stream_reset(GMimeStream *stream)
{
	stream->position = stream->bound_start;
	return 0;
}

static gint64 stream_length(GMimeStream *stream)
{
	return stream->bound_end - stream->bound_start;
}

static gboolean stream_eos(GMimeStream *stream)
{
	struct mime_bytes *b = ((struct stream *)stream)->bytes;

	return b->error || stream->position >= end_of(stream);
}

static gint64 stream_seek(GMimeStream *stream, gint64 offset, GMimeSeekWhence whence)
{
	gint64 from = whence == GMIME_STREAM_SEEK_SET   ? 0
		      : whence == GMIME_STREAM_SEEK_CUR ? stream->position
							: stream->bound_end;
	gint64 to = from + offset;

	if (to < stream->bound_start || to > end_of(stream))
		return -1;
	stream->position = to;
	return to;
}

static gint64 stream_tell(GMimeStream *stream)
{
	return stream->position;
}

static GMimeStream *stream_between(struct mime_bytes *bytes, gint64 start, gint64 end)
{
	struct stream *s = g_object_new(stream_get_type(), NULL);

	g_mime_stream_construct(&s->parent, start, end);
	s->bytes = bytes;
	return &s->parent;
}

static GMimeStream *stream_part(GMimeStream *stream, gint64 start, gint64 end)
{
	/* Without an end, or with one behind ours: up to ours. */
	if (end < 0 || end > stream->bound_end)
		end = stream->bound_end;
	return stream_between(((struct stream *)stream)->bytes, start, end);
}

static void stream_class_init(gpointer class, gpointer data)
{
	GMimeStreamClass *c = class;

	(void)data;
	c->read = stream_read;
	c->write = stream_write;
	c->flush = stream_nothing;
	c->close = stream_nothing;
	c->eos = stream_eos;
	c->reset = stream_reset;
	c->seek = stream_seek;
	c->tell = stream_tell;
	c->length = stream_length;
	c->substream = stream_part;
}

static GType stream_get_type(void)
{
	GType type = g_type_from_name("EvidencefsStream");

	if (type == 0)
		type = g_type_register_static_simple(g_mime_stream_get_type(), "EvidencefsStream",
			sizeof(struct stream_class), stream_class_init, sizeof(struct stream), NULL,
			0);
	return type;
}

GMimeStream *mime_stream_new(struct mime_bytes *bytes, uint64_t len)
{
	return stream_between(bytes, 0, (gint64)len);
}
