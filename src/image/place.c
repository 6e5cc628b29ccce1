/* SPDX-License-Identifier: Apache-2.0 */
/* place.c - where in the image something of a file stands besides its contents; see place.h. */
#include "image/place.h"

#include <errno.h>

#define HEAD_PARENT 0x20u
#define HEAD_STREAM 0x40u
#define HEAD_ACTION 0x07u
#define HEAD_ALL    0x7fu

void place_put(struct buf *b, struct place_state *s, const struct place_at *p)
{
	unsigned head = (unsigned)p->action | (p->flags & (PLACE_DATA | PLACE_STALE)) |
			(p->parent ? HEAD_PARENT : 0) | (p->attr_type ? HEAD_STREAM : 0);

	buf_put_u8(b, (uint8_t)head);
	buf_put_svarint(b, (int64_t)(p->offset - s->end));
	buf_put_varint(b, p->length);
	buf_put_svarint(b, (int64_t)(p->inode - s->inode));
	if (head & HEAD_PARENT) {
		buf_put_svarint(b, (int64_t)(p->parent - s->parent));
		s->parent = p->parent;
	}
	if (head & HEAD_STREAM) {
		buf_put_varint(b, p->attr_type);
		buf_put_varint(b, p->attr_id);
	}
	if (p->action != PLACE_ZERO && p->action != PLACE_KEEP)
		buf_put_varint(b, p->value);
	s->end = p->offset + p->length;
	s->inode = p->inode;
}

static bool sound(const struct place_at *p, uint64_t size)
{
	if (p->length == 0 || p->offset > size || p->length > size - p->offset)
		return false;
	switch (p->action) {
	case PLACE_ZERO:
		return true;
	case PLACE_KEEP:
		return p->inode == 0 && p->flags == 0;
	case PLACE_FILL:
		return p->value <= UINT8_MAX;
	case PLACE_RECORD:
		return p->length >= 512 && p->length <= PLACE_RECORD_MAX && p->length % 512 == 0;
	case PLACE_XOR:
		return p->length == 4 && !(p->flags & PLACE_DATA);
	}
	return false;
}

static uint32_t take_u32(struct cur *c)
{
	uint64_t v = cur_varint(c);

	if (v > UINT32_MAX)
		c->bad = true;
	return (uint32_t)v;
}

int place_get(struct cur *c, struct place_state *s, uint64_t size, struct place_at *p)
{
	unsigned head = 0;
	struct place_at at = {.offset = 0};

	if (cur_left(c) == 0)
		return 0;
	head = cur_u8(c);
	at.action = (enum place_action)(head & HEAD_ACTION);
	at.flags = head & (PLACE_DATA | PLACE_STALE);
	at.offset = s->end + (uint64_t)cur_svarint(c);
	at.length = cur_varint(c);
	at.inode = s->inode + (uint64_t)cur_svarint(c);
	if (head & HEAD_PARENT)
		at.parent = s->parent + (uint64_t)cur_svarint(c);
	if (head & HEAD_STREAM) {
		at.attr_type = take_u32(c);
		at.attr_id = take_u32(c);
	}
	if (at.action != PLACE_ZERO && at.action != PLACE_KEEP)
		at.value = take_u32(c);
	if (c->bad || (head & ~HEAD_ALL) || !sound(&at, size))
		return -EBADMSG;
	s->end = at.offset + at.length;
	s->inode = at.inode;
	if (head & HEAD_PARENT)
		s->parent = at.parent;
	*p = at;
	return 1;
}
