/* SPDX-License-Identifier: Apache-2.0 */
/* row.c - the `meta` column of an index; see row.h. */
#include "trace/row.h"

#include <errno.h>

static void put_time(struct buf *b, const struct entry_time *t)
{
	buf_put_varint(b, t->known ? (uint64_t)t->nsec + 1 : 0);
	if (t->known)
		buf_put_svarint(b, t->sec);
}

static struct entry_time get_time(struct cur *c)
{
	uint64_t nsec = cur_varint(c);
	struct entry_time t = {.known = nsec != 0};

	if (t.known) {
		t.nsec = (uint32_t)(nsec - 1);
		t.sec = cur_svarint(c);
	}
	return t;
}

void row_encode(struct buf *b, const struct trace *t)
{
	buf_put_varint(b, t->seq);
	buf_put_varint(b, t->mode);
	buf_put_varint(b, t->uid);
	buf_put_varint(b, t->gid);
	put_time(b, &t->mtime);
	put_time(b, &t->atime);
	put_time(b, &t->ctime);
	put_time(b, &t->crtime);
	buf_put_varint(b, t->attr_type);
	buf_put_varint(b, t->attr_id);
	buf_put_u8(b, t->original != NULL);
	if (t->original)
		buf_put_blob(b, t->original, t->original_len);
	if (t->kind == ENTRY_LINK)
		buf_put_blob(b, t->target, t->target_len);
}

int row_decode(const void *p, size_t n, struct trace *t)
{
	struct cur c = cur_of(p, n);

	t->seq = (uint32_t)cur_varint(&c);
	t->mode = (uint32_t)cur_varint(&c);
	t->uid = (uint32_t)cur_varint(&c);
	t->gid = (uint32_t)cur_varint(&c);
	t->mtime = get_time(&c);
	t->atime = get_time(&c);
	t->ctime = get_time(&c);
	t->crtime = get_time(&c);
	t->attr_type = (uint32_t)cur_varint(&c);
	t->attr_id = (uint32_t)cur_varint(&c);
	t->original = NULL;
	t->original_len = 0;
	t->target = NULL;
	t->target_len = 0;
	if (cur_u8(&c))
		t->original = cur_blob(&c, &t->original_len);
	if (t->kind == ENTRY_LINK)
		t->target = cur_blob(&c, &t->target_len);
	return c.bad ? -EBADMSG : 0;
}
