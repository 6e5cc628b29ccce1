/* SPDX-License-Identifier: Apache-2.0 */
/* reply.c - what a worker says, decoded and checked; see reply.h. */
#include "worker/reply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "image/extent.h"
#include "worker/hello.h"
#include "worker/sandbox.h"

#define HEADER_PAIRS 1024

void reply_text(char *dst, size_t size, const uint8_t *p, size_t n)
{
	size_t used = 0;

	while (n > 0) {
		uint32_t code = 0;
		size_t len = text_next(p, n, &code);
		bool plain = len > 0 && !text_is_control(code);
		size_t take = len > 0 ? len : 1;
		size_t need = plain ? take : 4 * take;

		if (need >= size - used)
			break;
		if (plain)
			memcpy(dst + used, p, take);
		for (size_t i = 0; !plain && i < take; i++)
			snprintf(dst + used + 4 * i, 5, "\\x%02x", p[i]);
		used += need;
		p += take;
		n -= take;
	}
	dst[used] = '\0';
}

static void take_text(struct cur *c, char *dst, size_t size)
{
	size_t n = 0;
	const uint8_t *p = cur_blob(c, &n);

	reply_text(dst, size, p, n);
}

static bool take_bool(struct cur *c)
{
	uint8_t v = cur_u8(c);

	if (v > 1)
		c->bad = true;
	return v == 1;
}

static bool used_up(const struct cur *c)
{
	return !c->bad && cur_left(c) == 0;
}

int reply_ready(struct cur *c, struct reply_ready *out)
{
	const uint32_t needed = SANDBOX_NO_NEW_PRIVS | SANDBOX_SECCOMP;
	struct reply_ready got = {0};
	uint32_t version = cur_u32(c);

	got.applied = cur_u32(c);
	got.landlock_abi = cur_u32(c);
	got.uid = cur_u32(c);
	if (!used_up(c) || version != WIRE_VERSION || (got.applied & needed) != needed)
		return -EPROTO;
	*out = got;
	return 0;
}

int reply_fail(struct cur *c, struct err *e)
{
	char text[ERR_TEXT_MAX];
	int code = cur_u16(c);

	take_text(c, text, sizeof(text));
	if (!used_up(c) || code < 1 || code > 4095)
		return -EPROTO;
	return err_set(e, code, "%s", text);
}

/* One string of the header, cleaned, NUL included. */
static void take_header(struct cur *c, struct buf *out)
{
	size_t n = 0;
	const uint8_t *p = cur_blob(c, &n);
	size_t room = 4 * n + 1;

	if (c->bad || buf_reserve(out, room))
		return;
	reply_text((char *)out->data + out->len, room, p, n);
	out->len += strlen((char *)out->data + out->len) + 1;
}

int reply_media(struct cur *c, bool ewf, uint64_t size, struct scan *s)
{
	struct scan got = {.media_size = cur_u64(c)};
	uint32_t pairs = 0;
	const uint8_t *p = NULL;

	got.chunk_size = cur_u32(c);
	take_text(c, got.table, sizeof(got.table));
	take_text(c, got.note, sizeof(got.note));
	got.has_md5 = take_bool(c);
	p = cur_take(c, sizeof(got.md5));
	if (p)
		memcpy(got.md5, p, sizeof(got.md5));
	got.has_sha1 = take_bool(c);
	p = cur_take(c, sizeof(got.sha1));
	if (p)
		memcpy(got.sha1, p, sizeof(got.sha1));
	pairs = cur_u32(c);
	if (c->bad || pairs > HEADER_PAIRS || got.media_size > INT64_MAX)
		return -EPROTO;
	if (size && got.media_size != size)
		return -EPROTO;
	if (ewf ? got.chunk_size == 0 || got.chunk_size > REPLY_CHUNK_MAX : got.chunk_size != 0)
		return -EPROTO;
	for (uint32_t i = 0; i < 2 * pairs && !c->bad; i++)
		take_header(c, &got.header);
	if (!used_up(c) || got.header.error) {
		int r = got.header.error ? -ENOMEM : -EPROTO;

		buf_release(&got.header);
		return r;
	}
	*s = got;
	return 0;
}

int reply_volume(struct cur *c, struct scan *s)
{
	struct scan_volume v = {.number = cur_u32(c)};
	struct scan_volume *grown = NULL;
	const uint8_t *type = NULL;
	size_t n = 0;

	v.offset = cur_u64(c);
	v.length = cur_u64(c);
	v.known = take_bool(c);
	type = cur_blob(c, &n);
	if (c->bad || !hello_type_ok((const char *)type, n) || s->n >= WIRE_VOLUMES_MAX)
		return -EPROTO;
	memcpy(v.type, type, n);
	take_text(c, v.desc, sizeof(v.desc));
	take_text(c, v.label, sizeof(v.label));
	take_text(c, v.id, sizeof(v.id));
	take_text(c, v.note, sizeof(v.note));
	v.block_size = cur_u32(c);
	v.blocks = cur_u64(c);
	if (!used_up(c) || v.offset > s->media_size || v.length > s->media_size - v.offset)
		return -EPROTO;
	grown = realloc(s->v, (s->n + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	s->v = grown;
	s->v[s->n++] = v;
	return 0;
}

static int walk_begin(struct reply_walk *w, struct cur *c)
{
	uint64_t size = cur_u64(c);

	if (w->begun || !used_up(c) || size > INT64_MAX || (w->media_size && size != w->media_size))
		return -EPROTO;
	w->media_size = size;
	w->begun = true;
	return 0;
}

static int walk_root(struct reply_walk *w, struct cur *c)
{
	struct entry e;

	if (w->rooted || entry_decode(c, w->media_size, &e) < 0 || e.kind != ENTRY_DIR)
		return -EPROTO;
	w->rooted = true;
	w->may_stream = true;
	w->stopped = w->sink->root(w->sink->ctx, &e);
	return w->stopped != 0;
}

/* Members stand in the folder of a container, which stands behind a file; nothing else does. */
static bool member_ok(const struct reply_walk *w, const struct entry *e)
{
	if (e->flags & ENTRY_CONTAINER)
		return w->left_file && e->name_len == 0;
	return (w->inside > 0) == ((e->flags & ENTRY_MEMBER) != 0);
}

static int walk_enter(struct reply_walk *w, struct cur *c)
{
	struct entry e;

	if (!w->rooted || w->entered_file || w->unallocated ||
		entry_decode(c, w->media_size, &e) < 0)
		return -EPROTO;
	if ((e.kind == ENTRY_STREAM && !w->may_stream) || !member_ok(w, &e))
		return -EPROTO;
	if (e.kind == ENTRY_DIR && ++w->depth > REPLY_DEPTH_MAX)
		return -EPROTO;
	if ((e.flags & ENTRY_CONTAINER) && !w->inside)
		w->inside = w->depth;
	w->entered_file = e.kind != ENTRY_DIR;
	w->holds = e.kind == ENTRY_FILE || e.kind == ENTRY_STREAM;
	w->left_file = false;
	w->may_stream = false;
	w->entries++;
	reply_text(w->last, sizeof(w->last), e.name, e.name_len);
	w->stopped = w->sink->enter(w->sink->ctx, &e);
	return w->stopped != 0;
}

static int walk_leave(struct reply_walk *w, const struct cur *c)
{
	if (!used_up(c) || (!w->entered_file && w->depth == 0))
		return -EPROTO;
	w->left_file = w->entered_file && w->holds;
	w->unopened = false;
	if (!w->entered_file && w->depth-- == w->inside)
		w->inside = 0;
	w->entered_file = false;
	w->may_stream = true;
	w->stopped = w->sink->leave(w->sink->ctx);
	return w->stopped != 0;
}

static int walk_problem(struct reply_walk *w, struct cur *c)
{
	char text[REPLY_TEXT_MAX];

	take_text(c, text, sizeof(text));
	if (!used_up(c))
		return -EPROTO;
	w->stopped = w->sink->problem(w->sink->ctx, text);
	return w->stopped != 0;
}

static int walk_unopened(struct reply_walk *w, struct cur *c)
{
	char text[REPLY_TEXT_MAX];

	take_text(c, text, sizeof(text));
	if (!used_up(c) || !w->left_file || w->unopened)
		return -EPROTO;
	w->unopened = true;
	if (w->sink->unopened)
		w->stopped = w->sink->unopened(w->sink->ctx, text);
	return w->stopped != 0;
}

static int walk_unallocated(struct reply_walk *w, struct cur *c)
{
	struct extent_map m = {NULL, 0};
	uint64_t size = cur_u64(c);
	size_t n = cur_left(c);
	const uint8_t *p = cur_take(c, n);

	if (!w->rooted || w->entered_file || w->depth > 0 || w->unallocated || !p || n == 0)
		return -EPROTO;
	if (p[0] == CONTENT_EXTENTS) {
		int r = extent_map_decode(p, n, size, w->media_size, &m);

		if (r < 0)
			return r == -ENOMEM ? r : -EPROTO;
		extent_map_release(&m);
	} else if (p[0] != CONTENT_EMPTY || n != 1 || size != 0) {
		return -EPROTO;
	}
	w->unallocated = true;
	w->stopped = w->sink->unallocated(w->sink->ctx, p, n, size);
	return w->stopped != 0;
}

/* What is open has been left: places stand behind the last LEAVE. */
static bool may_place(const struct reply_walk *w)
{
	return w->rooted && !w->entered_file && w->depth == 0 && !w->placed;
}

static int walk_places(struct reply_walk *w, struct cur *c)
{
	struct place_state state = {.end = 0};
	struct place_at at;
	size_t n = cur_left(c);
	const uint8_t *p = cur_take(c, n);
	struct cur batch = cur_of(p, n);
	int r = 1;

	if (!may_place(w) || n == 0 || n > PLACE_BATCH)
		return -EPROTO;
	while (r == 1)
		r = place_get(&batch, &state, w->media_size, &at);
	if (r)
		return -EPROTO;
	if (w->sink->places)
		w->stopped = w->sink->places(w->sink->ctx, p, n);
	return w->stopped != 0;
}

static int walk_placed(struct reply_walk *w, struct cur *c)
{
	uint32_t cluster = cur_u32(c);
	uint64_t base = cur_u64(c);

	if (!used_up(c) || !may_place(w) || cluster == 0 || cluster > REPLY_CLUSTER_MAX ||
		base > w->media_size)
		return -EPROTO;
	w->placed = true;
	if (w->sink->placed)
		w->stopped = w->sink->placed(w->sink->ctx, cluster, base);
	return w->stopped != 0;
}

/* What the walk says at once of a container that it opens. */
static int walk_container(struct reply_walk *w, struct cur *c)
{
	uint64_t met = cur_u64(c);

	if (!used_up(c) || !w->left_file || met <= w->met)
		return -EPROTO;
	w->met = met;
	return 0;
}

/* No media has room for more than this, however it is made; what is compressed has limits. */
static bool too_much(struct reply_walk *w, const struct frame *f)
{
	if (w->inside) {
		w->member_frames++;
		w->member_bytes += cur_left(&f->payload);
		return w->member_frames > REPLY_MEMBERS_MAX || w->member_bytes > REPLY_MEMBER_BYTES;
	}
	w->frames++;
	w->bytes += cur_left(&f->payload);
	return w->frames > 65536 + w->media_size / 16 || w->bytes / 4 > (64u << 20) + w->media_size;
}

int reply_walk(struct reply_walk *w, struct frame *f, bool *failed, struct err *e)
{
	struct cur *c = &f->payload;
	int r = 0;

	if (f->type == WIRE_FAIL) {
		struct err said = {0};

		r = reply_fail(c, &said);
		*failed = said.code != 0;
		return *failed ? err_set(e, -r, "%s", said.text) : -EPROTO;
	}
	if (f->type == WIRE_BEGIN)
		return walk_begin(w, c);
	if (!w->begun || too_much(w, f))
		return -EPROTO;
	switch (f->type) {
	case WIRE_ROOT:
		return walk_root(w, c);
	case WIRE_ENTER:
		return walk_enter(w, c);
	case WIRE_LEAVE:
		return walk_leave(w, c);
	case WIRE_PROBLEM:
		return walk_problem(w, c);
	case WIRE_UNOPENED:
		return walk_unopened(w, c);
	case WIRE_UNALLOCATED:
		return walk_unallocated(w, c);
	case WIRE_PLACES:
		return walk_places(w, c);
	case WIRE_PLACED:
		return walk_placed(w, c);
	case WIRE_CONTAINER:
		return walk_container(w, c);
	case WIRE_ALIVE:
		return used_up(c) && w->rooted ? 0 : -EPROTO;
	case WIRE_WALKED:
		return used_up(c) && w->rooted && !w->entered_file && w->depth == 0 ? 1 : -EPROTO;
	default:
		return -EPROTO;
	}
}

int reply_ids(struct cur *c, struct buf *out)
{
	int n = 0;

	for (; cur_left(c) > 0; n++) {
		size_t len = 0;
		const uint8_t *p = cur_blob(c, &len);

		if (c->bad || len == 0 || len > REPLY_ID_MAX || n == REPLY_IDS)
			return -EPROTO;
		buf_put_blob(out, p, len);
	}
	return out->error ? -ENOMEM : n;
}

uint32_t reply_chunk_bytes(uint64_t chunk, uint64_t media_size, uint32_t chunk_size)
{
	uint64_t left = media_size - chunk * chunk_size;

	return left < chunk_size ? (uint32_t)left : chunk_size;
}

int reply_filled(struct cur *c, uint32_t full, struct reply_chunk *v)
{
	int status = cur_u16(c);

	v->status = -status;
	v->bytes = cur_u32(c);
	take_text(c, v->text, sizeof(v->text));
	if (c->bad || status > 4095 || v->bytes != (status ? 0 : full))
		return -EPROTO;
	return 0;
}

int reply_matched(struct cur *c, size_t n, uint32_t patterns, struct reply_match *out)
{
	for (size_t i = 0; i < n; i++) {
		struct reply_match m = {.bits = cur_u8(c)};
		uint32_t next = 0;

		m.n = cur_u32(c);
		if (c->bad || (m.bits & ~WIRE_BITS) || m.n > patterns)
			return -EPROTO;
		m.at = cur_of(c->p, cur_left(c));
		for (uint32_t k = 0; k < m.n; k++) {
			uint32_t id = cur_u32(c);

			if (c->bad || id < next || id >= patterns)
				return -EPROTO;
			next = id + 1;
		}
		out[i] = m;
	}
	return used_up(c) ? 0 : -EPROTO;
}
