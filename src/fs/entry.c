/* SPDX-License-Identifier: Apache-2.0 */
/* entry.c - one trace as a walk finds it; see entry.h. */
#include "fs/entry.h"

#include <errno.h>

#include "image/extent.h"

#define FILETIME_UNIX INT64_C(11644473600) /* seconds from 1601 to 1970 */

struct entry_time entry_filetime(uint64_t v)
{
	return (struct entry_time){.sec = (int64_t)(v / 10000000) - FILETIME_UNIX,
		.nsec = (uint32_t)(v % 10000000) * 100,
		.known = true};
}

static void time_encode(struct buf *b, const struct entry_time *t)
{
	buf_put_u8(b, t->known);
	if (t->known) {
		buf_put_svarint(b, t->sec);
		buf_put_varint(b, t->nsec);
	}
}

static struct entry_time time_decode(struct cur *c)
{
	struct entry_time t = {0};
	uint64_t nsec = 0;

	t.known = cur_u8(c) != 0;
	if (t.known) {
		t.sec = cur_svarint(c);
		nsec = cur_varint(c);
		if (nsec >= 1000000000)
			c->bad = true;
		t.nsec = (uint32_t)nsec;
	}
	return t;
}

static uint32_t varint32(struct cur *c)
{
	uint64_t v = cur_varint(c);

	if (v > UINT32_MAX)
		c->bad = true;
	return (uint32_t)v;
}

void entry_encode(struct buf *b, const struct entry *e)
{
	buf_put_u8(b, (uint8_t)e->kind);
	buf_put_varint(b, e->flags);
	buf_put_blob(b, e->name, e->name_len);
	buf_put_varint(b, e->inode);
	buf_put_varint(b, e->seq);
	buf_put_varint(b, e->mode);
	buf_put_varint(b, e->uid);
	buf_put_varint(b, e->gid);
	buf_put_varint(b, e->nlink);
	buf_put_varint(b, e->size);
	time_encode(b, &e->mtime);
	time_encode(b, &e->atime);
	time_encode(b, &e->ctime);
	time_encode(b, &e->crtime);
	buf_put_blob(b, e->target, e->target_len);
	buf_put_varint(b, e->attr_type);
	buf_put_varint(b, e->attr_id);
	buf_put_blob(b, e->content, e->content_len);
}

static int content_check(const struct entry *e, uint64_t image_size)
{
	struct extent_map m = {NULL, 0};
	int r = 0;

	if (e->content_len == 0)
		return -EBADMSG;
	switch ((enum content_tag)e->content[0]) {
	case CONTENT_EMPTY:
		return e->size == 0 && e->content_len == 1 ? 0 : -EBADMSG;
	case CONTENT_RESIDENT:
		return e->size == e->content_len - 1 ? 0 : -EBADMSG;
	case CONTENT_EXTENTS:
		r = extent_map_decode(e->content, e->content_len, e->size, image_size, &m);
		if (r == 0)
			extent_map_release(&m);
		return r;
	case CONTENT_WORKER:
	case CONTENT_ERROR:
		return e->content_len == 1 ? 0 : -EBADMSG;
	case CONTENT_MEMBER:
		return (e->flags & ENTRY_MEMBER) && e->kind == ENTRY_FILE && e->size > 0 &&
				       e->content_len > 1 &&
				       e->content_len <= 1 + CONTENT_LOCATOR_MAX
			       ? 0
			       : -EBADMSG;
	}
	return -EBADMSG;
}

static bool shape_ok(const struct entry *e)
{
	if (e->kind < ENTRY_FILE || e->kind > ENTRY_SPECIAL)
		return false;
	if (e->flags & ~ENTRY_FLAGS_ALL)
		return false;
	if (e->name_len > ENTRY_NAME_MAX || e->target_len > ENTRY_NAME_MAX)
		return false;
	if (e->content_len > ENTRY_CONTENT_MAX || e->size > INT64_MAX)
		return false;
	if (e->kind != ENTRY_LINK && e->target_len > 0)
		return false;
	/* no file system has them */
	if ((e->flags & ENTRY_MEMBER) && (!(e->flags & ENTRY_VIRTUAL) || e->kind == ENTRY_STREAM))
		return false;
	if ((e->flags & ENTRY_CONTAINER) && (!(e->flags & ENTRY_MEMBER) || e->kind != ENTRY_DIR))
		return false;
	return e->kind == ENTRY_FILE || e->kind == ENTRY_STREAM || e->size == 0;
}

int entry_decode(struct cur *c, uint64_t image_size, struct entry *e)
{
	*e = (struct entry){.kind = (enum entry_kind)cur_u8(c)};
	e->flags = varint32(c);
	e->name = cur_blob(c, &e->name_len);
	e->inode = cur_varint(c);
	e->seq = varint32(c);
	e->mode = varint32(c);
	e->uid = varint32(c);
	e->gid = varint32(c);
	e->nlink = varint32(c);
	e->size = cur_varint(c);
	e->mtime = time_decode(c);
	e->atime = time_decode(c);
	e->ctime = time_decode(c);
	e->crtime = time_decode(c);
	e->target = cur_blob(c, &e->target_len);
	e->attr_type = varint32(c);
	e->attr_id = varint32(c);
	e->content = cur_blob(c, &e->content_len);
	if (c->bad || cur_left(c) > 0 || !shape_ok(e))
		return -EBADMSG;
	return content_check(e, image_size);
}
