/* SPDX-License-Identifier: Apache-2.0 */
/* serve_walk.c - WALK: a volume's entries, its members and what else stands in an index. */
#include "worker/serve_private.h"

#include <errno.h>

static int send_line(struct image *im, enum wire_type type, const char *text)
{
	struct buf *b = wire_begin(im->s->wire, type);
	size_t n = strlen(text);

	buf_put_blob(b, text, n < 4096 ? n : 4096);
	return wire_end(im->s->wire);
}

static int send_problem(struct image *im, const char *text)
{
	return send_line(im, WIRE_PROBLEM, text);
}

/* Put an entry as the service will check it; what would not pass goes without its contents. */
static int send_entry(struct image *im, enum wire_type type, const struct entry *e)
{
	static const uint8_t error[] = {CONTENT_ERROR};
	struct entry plain = *e;
	struct entry back;
	struct buf *b = wire_begin(im->s->wire, type);
	size_t at = b->len;
	struct cur c;

	entry_encode(b, e);
	if (!b->error && b->len - at <= WIRE_FRAME_MAX) {
		c = cur_of(b->data + at, b->len - at);
		if (entry_decode(&c, source_size(im->media), &back) == 0)
			return wire_end(im->s->wire);
	}
	b->len = at;
	b->error = 0;
	plain.name_len = e->name_len < ENTRY_NAME_MAX ? e->name_len : ENTRY_NAME_MAX;
	plain.target_len = 0;
	plain.size = e->size < INT64_MAX ? e->size : INT64_MAX;
	plain.flags = (e->flags & ENTRY_FLAGS_ALL) | ENTRY_UNREADABLE;
	plain.content = error;
	plain.content_len = sizeof(error);
	if (e->kind != ENTRY_FILE && e->kind != ENTRY_STREAM)
		plain.size = 0;
	entry_encode(b, &plain);
	return wire_end(im->s->wire);
}

static int walk_enter(void *ctx, const struct entry *e)
{
	struct image *im = ctx;
	int r = members_enter(&im->members, e);

	return r ? r : send_entry(im, WIRE_ENTER, e);
}

static int walk_leave(void *ctx)
{
	struct image *im = ctx;
	int r = serve_send_empty(im, WIRE_LEAVE);

	return r ? r : members_leave(&im->members);
}

static int member_enter(void *ctx, const struct entry *e)
{
	return send_entry(ctx, WIRE_ENTER, e);
}

static int member_leave(void *ctx)
{
	return serve_send_empty(ctx, WIRE_LEAVE);
}

/* Said at once: if this process does not survive it, the service knows where it was. */
static int container_met(void *ctx, uint64_t ordinal)
{
	struct image *im = ctx;
	int r = 0;

	buf_put_u64(wire_begin(im->s->wire, WIRE_CONTAINER), ordinal);
	r = wire_end(im->s->wire);
	return r ? r : wire_flush(im->s->wire, 0);
}

static int walk_problem(void *ctx, const char *text)
{
	return send_problem(ctx, text);
}

static int walk_unopened(void *ctx, const char *reason)
{
	return send_line(ctx, WIRE_UNOPENED, reason);
}

static int send_unallocated(struct image *im, struct fs *fs)
{
	struct err e = {0};
	struct buf *b = NULL;
	uint64_t size = 0;
	int r = 0;

	buf_reset(&im->scratch);
	r = fs_unallocated(fs, &im->scratch, &size, &e);
	if (r == 0 && im->scratch.error)
		r = err_set(&e, ENOMEM, "no memory");
	if (r == 0 && im->scratch.len > ENTRY_CONTENT_MAX)
		r = err_set(&e, EFBIG, "too many pieces");
	if (r < 0) {
		struct buf text = BUF_INIT;

		buf_printf(&text, "unallocated space cannot be listed: %s", err_text(&e, r));
		r = send_problem(im, buf_cstr(&text));
		buf_release(&text);
		return r;
	}
	b = wire_begin(im->s->wire, WIRE_UNALLOCATED);
	buf_put_u64(b, size);
	buf_put(b, im->scratch.data, im->scratch.len);
	return wire_end(im->s->wire);
}

static int send_batch(void *ctx, const uint8_t *p, size_t n)
{
	struct image *im = ctx;

	buf_put(wire_begin(im->s->wire, WIRE_PLACES), p, n);
	return wire_end(im->s->wire);
}

/* Where what has to be blanked with a trace stands; without it, who may not see all sees no bytes.
 */
static int send_places(struct image *im, struct fs *fs)
{
	uint32_t cluster = 0;
	uint64_t base = 0;
	struct buf *b = NULL;
	int r = fs_places(fs, send_batch, im, &cluster, &base);

	if (r <= 0)
		return r;
	b = wire_begin(im->s->wire, WIRE_PLACED);
	buf_put_u32(b, cluster);
	buf_put_u64(b, base);
	return wire_end(im->s->wire);
}

static int walk_volume(struct image *im, struct fs *fs, struct err *e)
{
	const struct fs_sink sink = {
		.enter = walk_enter, .leave = walk_leave, .problem = walk_problem, .ctx = im};
	int r = 0;

	im->members.fs = fs;
	im->members.media = &im->tap;
	im->members.enter = member_enter;
	im->members.leave = member_leave;
	im->members.problem = walk_problem;
	im->members.unopened = walk_unopened;
	im->members.met = container_met;
	im->members.alive = serve_alive;
	im->members.ctx = im;
	members_begin(&im->members);
	r = fs_walk(fs, &sink, e);
	members_end(&im->members);
	if (r == 0)
		r = send_unallocated(im, fs);
	return r == 0 ? send_places(im, fs) : r;
}

/* Which files are looked into: enum wire_heads, and those that are not. */
static int take_heads(struct cur *c, struct members_walk *w, uint64_t skip[WIRE_SKIP_MAX])
{
	uint8_t heads = cur_u8(c);
	uint32_t n = cur_u32(c);

	if (c->bad || heads > WIRE_HEADS_ALL || n > WIRE_SKIP_MAX || cur_left(c) != (size_t)n * 8)
		return -EPROTO;
	for (uint32_t i = 0; i < n; i++)
		skip[i] = cur_u64(c);
	*w = (struct members_walk){.heads = (enum wire_heads)heads, .skip = skip, .skip_n = n};
	return 0;
}

int serve_walk(struct image *im, struct cur *c)
{
	uint64_t skip[WIRE_SKIP_MAX];
	uint32_t volume = cur_u32(c);
	struct entry root = {0};
	struct err e = {0};
	struct fs *fs = NULL;
	int r = take_heads(c, &im->members, skip);

	if (r)
		return r;
	r = serve_open_media(im, &e);
	if (r < 0)
		return serve_send_fail(im, r, &e);
	buf_put_u64(wire_begin(im->s->wire, WIRE_BEGIN), source_size(im->media));
	r = wire_end(im->s->wire);
	if (r == 0)
		r = wire_flush(im->s->wire, 0);
	if (r < 0)
		return r;
	r = serve_open_fs(im, volume, &fs, &e);
	if (r == 0)
		r = fs_root(fs, &root);
	if (r == 0)
		r = send_entry(im, WIRE_ROOT, &root);
	im->walking = r == 0;
	im->read_bytes = 0;
	if (r == 0)
		r = walk_volume(im, fs, &e);
	im->walking = false;
	return r < 0 ? serve_send_fail(im, r, &e) : serve_send_empty(im, WIRE_WALKED);
}
