/* SPDX-License-Identifier: Apache-2.0 */
/* content.c - the bytes of one trace; see content.h. */
#include "serve/content.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "serve/containers.h"
#include "serve/describe.h"

struct content {
	struct evidence *ev;
	uint64_t id; /* the trace; 0 (a folder) for a text */
	enum content_tag tag;
	uint64_t size;
	struct extent_map map; /* CONTENT_EXTENTS */
	struct buf bytes;      /* CONTENT_RESIDENT: from `skip` on */
	size_t skip;
	unsigned volume; /* CONTENT_WORKER: what to ask for */
	uint64_t inode;
	uint32_t attr_type;
	uint32_t attr_id;
	struct member_way *way; /* CONTENT_MEMBER */
	uint8_t name[NAME_MAX + 1];
	size_t name_len; /* 0: not met */
};

static int open_range(struct content *c, uint64_t offset, uint64_t length)
{
	c->tag = CONTENT_EXTENTS;
	c->size = length;
	if (length == 0)
		return 0;
	c->map.v = calloc(1, sizeof(*c->map.v));
	if (!c->map.v)
		return -ENOMEM;
	c->map.n = 1;
	c->map.v[0] = (struct extent){.length = length, .offset = offset, .kind = EXTENT_DATA};
	return 0;
}

static int open_member(struct content *c)
{
	c->way = calloc(1, sizeof(*c->way));
	return c->way ? containers_way(c->ev, c->id, c->way) : -ENOMEM;
}

/* @packed is moved into the content or left for the caller to release. */
static int open_packed(struct content *c, struct buf *packed, uint64_t size)
{
	if (packed->len == 0)
		return -EIO;
	c->tag = (enum content_tag)packed->data[0];
	c->size = size;
	switch (c->tag) {
	case CONTENT_EMPTY:
		return size == 0 ? 0 : -EIO;
	case CONTENT_EXTENTS:
		return extent_map_decode(packed->data, packed->len, size,
			       c->ev->manifest.image.media_size, &c->map)
			       ? -EIO
			       : 0;
	case CONTENT_RESIDENT:
		if (size != packed->len - 1)
			return -EIO;
		c->bytes = *packed;
		c->skip = 1;
		*packed = (struct buf)BUF_INIT;
		return 0;
	case CONTENT_MEMBER:
		return open_member(c);
	case CONTENT_WORKER:
	case CONTENT_ERROR:
		return 0;
	}
	return -EIO;
}

static int open_unallocated(struct content *c, unsigned k)
{
	struct evidence_cursor cur;
	struct index_reader *reader = NULL;
	struct buf packed = BUF_INIT;
	uint64_t size = 0;
	int r = 0;

	evidence_cursor_init(&cur, c->ev);
	r = evidence_reader(&cur, trace_id(1 + 2 * k, 0), &reader);
	if (r == 0)
		r = trace_unallocated(reader, &packed, &size);
	if (r == -ENOENT) {
		r = 0; /* none was told: empty */
		c->tag = CONTENT_EMPTY;
	} else if (r == 0) {
		r = open_packed(c, &packed, size);
	}
	evidence_cursor_release(&cur);
	buf_release(&packed);
	return r;
}

static int open_added(struct content *c, uint64_t number)
{
	const struct manifest *m = &c->ev->manifest;
	size_t k = (size_t)(number - TRACE_VOLUME_RAW(0)) / 2;

	if (number == TRACE_EVIDENCE_DIR)
		return -EISDIR;
	if (number == TRACE_IMAGE_RAW)
		return open_range(c, 0, m->image.media_size);
	if (number == TRACE_EVIDENCE_TXT) {
		c->tag = CONTENT_RESIDENT;
		describe(c->ev, NULL, &c->bytes);
		c->size = c->bytes.len;
		return c->bytes.error;
	}
	if (k >= m->n)
		return -ENOENT;
	if (number == TRACE_VOLUME_RAW(k))
		return open_range(c, m->volumes[k].scan.offset, m->volumes[k].scan.length);
	return open_unallocated(c, (unsigned)k);
}

static void take_name(struct content *c, const struct trace *t)
{
	if (t->name_len == 0 || t->name_len > sizeof(c->name))
		return;
	memcpy(c->name, t->name, t->name_len);
	c->name_len = t->name_len;
}

static int open_trace(struct content *c, uint64_t id)
{
	struct evidence_cursor cur;
	struct index_reader *reader = NULL;
	struct buf packed = BUF_INIT;
	struct trace t = {0};
	int r = 0;

	evidence_cursor_init(&cur, c->ev);
	r = evidence_reader(&cur, id, &reader);
	if (r == 0)
		r = trace_open(reader, trace_to_index(id), &t, &packed);
	if (r && r != -ENOENT && r != -ENOMEM)
		r = -EIO;
	if (r == 0 && t.kind == ENTRY_DIR)
		r = -EISDIR;
	if (r == 0) {
		c->volume = trace_volume(id);
		c->inode = t.inode;
		c->attr_type = t.attr_type;
		c->attr_id = t.attr_id;
		take_name(c, &t);
		r = open_packed(c, &packed, t.size);
	}
	evidence_cursor_release(&cur);
	buf_release(&packed);
	return r;
}

int content_open(struct evidence *ev, uint64_t id, struct content **out)
{
	struct content *c = calloc(1, sizeof(*c));
	int r = 0;

	if (!c)
		return -ENOMEM;
	c->ev = ev;
	c->id = id;
	if (trace_part(id) == 0)
		r = open_added(c, trace_number(id));
	else
		r = open_trace(c, id);
	if (r) {
		content_close(c);
		return r;
	}
	*out = c;
	return 0;
}

int content_extents(struct evidence *ev, uint64_t id, struct extent_map *map)
{
	struct content *c = NULL;
	int r = content_open(ev, id, &c);

	if (r == 0 && c->tag != CONTENT_EXTENTS)
		r = -ENODATA;
	if (r == 0) {
		*map = c->map;
		c->map = (struct extent_map){NULL, 0};
	}
	content_close(c);
	return r;
}

int content_of_text(struct buf *text, struct content **out)
{
	struct content *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->tag = CONTENT_RESIDENT;
	c->size = text->len;
	c->bytes = *text;
	*text = (struct buf)BUF_INIT;
	*out = c;
	return 0;
}

void content_close(struct content *c)
{
	if (!c)
		return;
	extent_map_release(&c->map);
	buf_release(&c->bytes);
	if (c->way)
		buf_release(&c->way->content);
	free(c->way);
	free(c);
}

bool content_at_hand(const struct content *c)
{
	return c->tag != CONTENT_EXTENTS && c->tag != CONTENT_WORKER && c->tag != CONTENT_MEMBER;
}

const void *content_name(const struct content *c, size_t *n)
{
	*n = c->name_len;
	return c->name_len > 0 ? c->name : NULL;
}

uint64_t content_size(const struct content *c)
{
	return c->size;
}

/* What of the media is read of an extent; the rest of it belongs to the same file. */
static void tell_ahead(const struct source *media, const struct extent *x, uint64_t in, size_t want)
{
	source_ahead(media, x->offset + in, want, x->length - in - want);
}

static ssize_t read_extents(
	const struct content *c, source_read_fn *read, uint8_t *buf, size_t len, uint64_t off)
{
	const struct source *media = evidence_media(c->ev);
	size_t done = 0;

	while (done < len) {
		uint64_t in = 0;
		size_t want = 0;
		const struct extent *x =
			extent_map_part(&c->map, off + done, len - done, &in, &want);
		ssize_t n = -EIO;

		if (x && x->kind == EXTENT_ZERO) {
			memset(buf + done, 0, want);
			n = (ssize_t)want;
		} else if (x && x->kind == EXTENT_DATA && media) {
			n = read(media, buf + done, want, x->offset + in);
			if (n != -EAGAIN)
				tell_ahead(media, x, in, want);
		}
		if (n == -EAGAIN)
			return n;
		if (n <= 0)
			return done ? (ssize_t)done : -EIO;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static ssize_t lend_extents(const struct content *c, size_t len, uint64_t off, struct loan *l)
{
	const struct source *media = evidence_media(c->ev);
	size_t done = 0;
	int r = 0;

	while (r == 0 && done < len) {
		uint64_t in = 0;
		size_t want = 0;
		const struct extent *x =
			extent_map_part(&c->map, off + done, len - done, &in, &want);

		if (x && x->kind == EXTENT_ZERO)
			r = loan_zeros(l, want);
		else if (!x || x->kind != EXTENT_DATA || !media ||
			 source_lend(media, want, x->offset + in, l) != (ssize_t)want)
			r = -EAGAIN;
		else
			tell_ahead(media, x, in, want);
		done += want;
	}
	if (r == 0)
		return (ssize_t)done;
	loan_return(l);
	return r;
}

/* @len, cut at the end. */
static size_t within(const struct content *c, size_t len, uint64_t off)
{
	if (off >= c->size)
		return 0;
	return len > c->size - off ? (size_t)(c->size - off) : len;
}

ssize_t content_now(const struct content *c, void *buf, size_t len, uint64_t off)
{
	len = within(c, len, off);
	if (len == 0 || content_at_hand(c))
		return content_read(c, buf, len, off);
	return c->tag == CONTENT_EXTENTS ? read_extents(c, source_now, buf, len, off) : -EAGAIN;
}

ssize_t content_lend(const struct content *c, size_t len, uint64_t off, struct loan *l)
{
	len = within(c, len, off);
	return c->tag == CONTENT_EXTENTS && len > 0 ? lend_extents(c, len, off, l) : -EAGAIN;
}

ssize_t content_read(const struct content *c, void *buf, size_t len, uint64_t off)
{
	ssize_t n = 0;

	len = within(c, len, off);
	if (len == 0)
		return 0;
	switch (c->tag) {
	case CONTENT_EMPTY:
		return 0;
	case CONTENT_EXTENTS:
		return read_extents(c, source_pread, buf, len, off);
	case CONTENT_RESIDENT:
		memcpy(buf, c->bytes.data + c->skip + off, len);
		return (ssize_t)len;
	case CONTENT_WORKER:
		if (!evidence_media(c->ev))
			return -EIO;
		n = workers_read(c->ev->workers, c->volume, c->inode, c->attr_type, c->attr_id, buf,
			len, off);
		/* before the end of the trace nothing may be missing */
		return n == 0 ? -EIO : n;
	case CONTENT_MEMBER:
		if (!evidence_media(c->ev))
			return -EIO;
		n = containers_read(c->ev, c->id, c->way, buf, len, off);
		return n == 0 ? -EIO : n;
	case CONTENT_ERROR:
		break;
	}
	return -EIO;
}

/* ---- what a viewer is not shown ------------------------------------------------------------ */

/* Of a volume, or of all of the image. */
static bool is_stream(const struct content *c)
{
	return trace_part(c->id) == 0 && trace_number(c->id) != TRACE_EVIDENCE_TXT;
}

void content_mask(
	const struct content *c, const struct mask *m, void *buf, size_t len, uint64_t off)
{
	void (*apply)(const struct mask *, uint8_t *, size_t, uint64_t) =
		is_stream(c) ? mask_apply_stream : mask_apply;
	uint64_t pos = off;

	if (!m)
		return;
	if (mask_blanks(m, c->id)) {
		memset(buf, 0, len);
		return;
	}
	while (c->tag == CONTENT_EXTENTS && pos < off + len) {
		const struct extent *x = extent_map_find(&c->map, pos);
		uint64_t end = 0;

		if (!x)
			return;
		end = x->start + x->length < off + len ? x->start + x->length : off + len;
		if (x->kind == EXTENT_DATA)
			apply(m, (uint8_t *)buf + (pos - off), (size_t)(end - pos),
				x->offset + (pos - x->start));
		pos = end;
	}
}

static bool is_masked_stream(const struct content *c, const struct mask *m)
{
	uint64_t number = trace_number(c->id);

	if (!is_stream(c))
		return false;
	return mask_streams(m,
		number == TRACE_IMAGE_RAW ? SIZE_MAX : (size_t)(number - TRACE_VOLUME_RAW(0)) / 2);
}

bool content_is_masked(const struct content *c, const struct mask *m)
{
	bool (*touches)(const struct mask *, uint64_t, uint64_t) =
		is_stream(c) ? mask_touches_stream : mask_touches;

	if (!m)
		return false;
	if (is_masked_stream(c, m) || mask_blanks(m, c->id))
		return true;
	for (size_t i = 0; c->tag == CONTENT_EXTENTS && i < c->map.n; i++) {
		const struct extent *x = &c->map.v[i];

		if (x->kind == EXTENT_DATA && touches(m, x->offset, x->offset + x->length))
			return true;
	}
	return false;
}
