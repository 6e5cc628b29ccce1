/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz-wire.c - a worker's answer, as bytes, through the decoding of the service
 *
 * The first byte says which request is outstanding; the rest is what the worker
 * says. What comes out must hold what reply.h promises.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "worker/hello.h"
#include "worker/reply.h"
#include "worker/wire.h"

#define MEDIA (1u << 20)

/* What is handed on, and how deep it is. */
struct seen {
	unsigned depth;
	bool rooted;
};

static void must_be_text(const char *s)
{
	size_t n = strlen(s);

	while (n > 0) {
		uint32_t code = 0;
		size_t len = text_next(s, n, &code);

		must(len > 0 && !text_is_control(code));
		s += len;
		n -= len;
	}
}

static int on_root(void *ctx, const struct entry *e)
{
	struct seen *s = ctx;

	must(!s->rooted && e->kind == ENTRY_DIR);
	s->rooted = true;
	return 0;
}

static int on_enter(void *ctx, const struct entry *e)
{
	struct seen *s = ctx;

	must(s->rooted && e->content && e->content_len > 0 && e->name_len <= ENTRY_NAME_MAX);
	s->depth++;
	return 0;
}

static int on_leave(void *ctx)
{
	struct seen *s = ctx;

	must(s->depth-- > 0);
	return 0;
}

static int on_problem(void *ctx, const char *text)
{
	(void)ctx;
	must_be_text(text);
	return 0;
}

static int on_unopened(void *ctx, const char *reason)
{
	(void)ctx;
	must_be_text(reason);
	return 0;
}

static int on_unallocated(void *ctx, const uint8_t *content, size_t len, uint64_t size)
{
	struct seen *s = ctx;

	must(s->depth == 0 && content && len > 0 && size <= INT64_MAX);
	return 0;
}

static int next(struct cur *c, struct frame *f)
{
	size_t used = 0;
	int r = wire_parse(c->p, cur_left(c), WIRE_FRAME_MAX, f, &used);

	if (r == 1)
		cur_take(c, used);
	return r;
}

static void walk(struct cur c)
{
	struct seen seen = {.depth = 0};
	struct walk_sink sink = {.root = on_root,
		.enter = on_enter,
		.leave = on_leave,
		.problem = on_problem,
		.unopened = on_unopened,
		.unallocated = on_unallocated,
		.ctx = &seen};
	struct reply_walk w = {.sink = &sink, .media_size = MEDIA};
	struct frame f;
	int r = 0;

	while (r == 0 && next(&c, &f) == 1) {
		struct err e = {0};
		bool failed = false;

		r = reply_walk(&w, &f, &failed, &e);
		must_be_text(e.text);
	}
	must(r != 1 || (seen.rooted && seen.depth == 0));
}

static void scan(struct cur c, bool ewf)
{
	struct scan s = {.n = 0};
	struct frame f;
	int r = next(&c, &f) == 1 ? reply_media(&f.payload, ewf, ewf ? 0 : MEDIA, &s) : -1;

	must(r < 0 || ewf == (s.chunk_size > 0));
	while (r == 0 && next(&c, &f) == 1)
		r = reply_volume(&f.payload, &s);
	for (size_t i = 0; i < s.n; i++) {
		must(s.v[i].offset <= s.media_size &&
			s.v[i].length <= s.media_size - s.v[i].offset);
		must_be_text(s.v[i].note);
		must_be_text(s.v[i].desc);
	}
	buf_release(&s.header);
	free(s.v);
}

static void others(struct cur c)
{
	struct reply_chunk v;
	struct reply_ready ready;
	struct hello h;
	struct err e = {0};
	struct buf ids = BUF_INIT;
	struct cur at = c;

	must(reply_ids(&at, &ids) <= REPLY_IDS);
	buf_release(&ids);
	at = c;
	if (reply_filled(&at, 32768, &v) == 0)
		must_be_text(v.text);
	at = c;
	reply_ready(&at, &ready);
	at = c;
	if (reply_fail(&at, &e) < 0)
		must_be_text(e.text);
	at = c;
	if (hello_decode(&at, &h) == 0)
		hello_release(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	switch (data[0] & 3) {
	case 0:
		walk(cur_of(data + 1, size - 1));
		break;
	case 1:
		scan(cur_of(data + 1, size - 1), false);
		break;
	case 2:
		scan(cur_of(data + 1, size - 1), true);
		break;
	default:
		others(cur_of(data + 1, size - 1));
	}
	return 0;
}
