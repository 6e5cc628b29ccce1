/* SPDX-License-Identifier: Apache-2.0 */
/* serve_read.c - READ, MEMBER, THREAD, PATTERNS, MATCH and FILL: bytes of one trace, of a member,
 * of chunks, and what is found in them. */
#include "worker/serve_private.h"

#include <errno.h>

#include "image/extent.h"

int serve_read(struct image *im, struct cur *c)
{
	uint32_t volume = cur_u32(c);
	uint64_t inode = cur_u64(c);
	uint32_t type = cur_u32(c);
	uint32_t id = cur_u32(c);
	uint64_t off = cur_u64(c);
	uint32_t len = cur_u32(c);
	struct err e = {0};
	struct fs *fs = NULL;
	ssize_t n = 0;

	if (c->bad || len > WIRE_READ_MAX)
		return -EPROTO;
	n = serve_open_fs(im, volume, &fs, &e);
	buf_reset(&im->scratch);
	if (n == 0 && buf_reserve(&im->scratch, WIRE_READ_MAX))
		n = -ENOMEM;
	if (n == 0)
		n = fs_read(fs, inode, type, id, im->scratch.data, len, off);
	if (n < 0)
		return serve_send_fail(im, (int)n, &e);
	buf_put(wire_begin(im->s->wire, WIRE_BYTES), im->scratch.data, (size_t)n);
	return wire_end(im->s->wire);
}

/* What a place needs: the media, and the file system where that is asked for contents. */
static int open_for(struct image *im, const struct members_place *at, struct fs **fs, struct err *e)
{
	int r = serve_open_media(im, e);

	*fs = NULL;
	return r == 0 && at->content[0] == CONTENT_WORKER ? serve_open_fs(im, at->volume, fs, e)
							  : r;
}

/* Bytes of a member into `scratch`; saying now and then that it is being looked for. */
static ssize_t read_member(struct image *im, const struct members_ask *a, struct err *e)
{
	struct fs *fs = NULL;
	int r = open_for(im, &a->at, &fs, e);

	buf_reset(&im->scratch);
	if (r == 0 && buf_reserve(&im->scratch, WIRE_READ_MAX))
		r = -ENOMEM;
	return r ? r
		 : members_read(&im->opened, &im->tap, fs, a, serve_alive, im, im->scratch.data, e);
}

/* Its bytes (BYTES), or which messages they say it belongs to (IDS). */
int serve_member(struct image *im, struct cur *c, enum wire_type with)
{
	struct members_ask a;
	struct err e = {0};
	ssize_t n = members_ask_decode(c, &a);
	struct buf *b = NULL;

	if (n < 0)
		return (int)n;
	n = read_member(im, &a, &e);
	if (n < 0)
		return serve_send_fail(im, (int)n, &e);
	b = wire_begin(im->s->wire, with);
	if (with == WIRE_IDS)
		members_ids(im->scratch.data, (size_t)n, b);
	else
		buf_put(b, im->scratch.data, (size_t)n);
	return wire_end(im->s->wire);
}

int serve_patterns(struct image *im, struct cur *c)
{
	sieve_free(im->sieve);
	im->sieve = NULL;
	return sieve_new(c, &im->sieve);
}

/* A trace's contents, opened; what cannot be is one that cannot be read. */
static int open_place(struct image *im, const struct members_place *at,
	const struct container_budget *b, struct members_source *out)
{
	struct err e = {0};
	struct fs *fs = NULL;
	int r = open_for(im, at, &fs, &e);

	return r ? r : members_source_open(&im->opened, &im->tap, fs, at, b, out, &e);
}

static int match_one(struct image *im, struct cur *c)
{
	struct container_budget b;
	struct members_place at;
	struct members_source src = {.s = NULL};
	struct sieve_trace t = {.has_members = cur_u8(c) & WIRE_HAS_MEMBERS, .budget = &b};
	int r = 0;

	t.name = cur_blob(c, &t.name_len);
	r = c->bad || t.name_len > WIRE_NAME_MAX ? -EPROTO : members_place_decode(c, &at);
	if (r)
		return r;
	members_limits(at.size, serve_alive, im, &b);
	t.unread = at.content_len > 0 && open_place(im, &at, &b, &src) < 0;
	t.s = src.s;
	t.role = src.role;
	t.unread = !sieve_run(im->sieve, &t, &im->scratch);
	members_source_close(&src);
	if (t.unread) /* what went wrong in a container may stay with it */
		members_forget(&im->opened);
	return im->scratch.error;
}

/* Into the scratch: no frame is open while the media is read. */
int serve_match(struct image *im, struct cur *c)
{
	uint32_t n = cur_u32(c);
	int r = im->sieve && !c->bad && n > 0 && n <= WIRE_MATCH_MAX ? 0 : -EPROTO;

	buf_reset(&im->scratch);
	for (uint32_t i = 0; r == 0 && i < n; i++)
		r = match_one(im, c);
	if (r == 0 && cur_left(c) > 0)
		r = -EPROTO;
	if (r)
		return r;
	buf_put(wire_begin(im->s->wire, WIRE_MATCHED), im->scratch.data, im->scratch.len);
	return wire_end(im->s->wire);
}

static void fill_one(struct image *im, uint64_t chunk, uint32_t slot, struct buf *b)
{
	const struct hello *h = im->s->hello;
	struct err e = {0};
	ssize_t n = -EINVAL;

	if (chunk < im->ewf.chunks && slot < h->slots)
		n = ewf_chunk(im->media, chunk, im->s->cache + (size_t)slot * h->slot_bytes, &e);
	buf_put_u16(b, n < 0 ? (uint16_t)(n > -4096 ? -n : EIO) : 0);
	buf_put_u32(b, n < 0 ? 0 : (uint32_t)n);
	put_text(b, n < 0 ? err_text(&e, (int)n) : "");
}

int serve_fill(struct image *im, struct cur *c)
{
	struct err e = {0};
	uint32_t n = cur_u32(c);
	int r = 0;

	if (c->bad || n == 0 || n > WIRE_FILL_MAX || cur_left(c) != (size_t)n * 12)
		return -EPROTO;
	r = serve_open_media(im, &e);
	if (r == 0 && (!im->s->cache || im->s->hello->slot_bytes != im->ewf.chunk_size))
		r = err_set(&e, ESTALE, "the image has chunks of %u bytes now, not of %u",
			im->ewf.chunk_size, im->s->hello->slot_bytes);
	if (r < 0)
		return serve_send_fail(im, r, &e);
	/* Into the scratch: no frame is open while the media is read. */
	buf_reset(&im->scratch);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t chunk = cur_u64(c);

		fill_one(im, chunk, cur_u32(c), &im->scratch);
	}
	if (im->scratch.error)
		return -ENOMEM;
	buf_put(wire_begin(im->s->wire, WIRE_FILLED), im->scratch.data, im->scratch.len);
	return wire_end(im->s->wire);
}
