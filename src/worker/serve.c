/* SPDX-License-Identifier: Apache-2.0 */
/* serve.c - the worker's side: answers requests about one image; see serve.h. */
#include "worker/serve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/fs.h"
#include "image/ewf.h"
#include "image/extent.h"
#include "image/raw.h"
#include "volume/volume.h"
#include "worker/members.h"
#include "worker/sieve.h"

#define FLUSH_MS 200  /* entries found are not kept back longer while the media is read */
#define ALIVE_MS 5000 /* a walk that reads and finds nothing says so this often */

struct image {
	const struct serve *s;
	struct source *media; /* NULL until the first request */
	struct ewf_info ewf;
	struct source tap; /* over media: what libraries read from */
	bool scanned;
	struct volume_table table;
	struct fs **fs;      /* [table.n], NULL until used */
	bool walking;        /* the root has been sent */
	uint64_t read_bytes; /* since then */
	int64_t spoke_ms;
	struct members_walk members; /* while walking */
	struct members_open opened;
	struct sieve *sieve; /* NULL: no PATTERNS have come */
	struct buf scratch;
};

/* A walk may read for long and find nothing, but not the same bytes for ever. */
static bool may_say_alive(const struct image *im)
{
	return im->walking && im->read_bytes / 4 < source_size(im->media) + (256u << 20);
}

/* No frame is open while a library works. */
static void say_alive(struct image *im)
{
	struct wire *w = im->s->wire;

	if (w->out.len == 0 && wire_now_ms() - im->spoke_ms > ALIVE_MS) {
		wire_begin(w, WIRE_ALIVE);
		wire_end(w);
	}
}

static void let_go(struct image *im)
{
	struct wire *w = im->s->wire;
	int64_t now = wire_now_ms();

	if (w->out.len > 0 && now - im->spoke_ms > FLUSH_MS) {
		wire_flush(w, 0); /* a broken pipe has ended the process */
		im->spoke_ms = now;
	}
}

/* A container that expands has a budget of its own for time. */
static void members_alive(void *ctx)
{
	say_alive(ctx);
	let_go(ctx);
}

/*
 * Before the media is read, which may take long or be the end: let go of what
 * is finished. No frame is open while a library reads.
 */
static ssize_t tap_pread(const struct source *s, void *buf, size_t len, uint64_t off)
{
	/* Embedded in image, which is this thread's own. */
	struct image *im = (struct image *)((uintptr_t)s - offsetof(struct image, tap));

	im->read_bytes += len;
	if (may_say_alive(im))
		say_alive(im);
	let_go(im);
	return source_pread(im->media, buf, len, off);
}

static void tap_close(struct source *s)
{
	(void)s;
}

static int open_media(struct image *im, struct err *e)
{
	static const struct source_ops ops = {.pread = tap_pread, .close = tap_close};
	const struct image_files *f = &im->s->hello->files;
	int r = 0;

	if (im->media)
		return 0;
	if (f->format == IMAGE_RAW)
		r = raw_open(f->v, f->n, &im->media);
	else
		r = ewf_open(f->v, f->n, &im->ewf, &im->media, e);
	if (r < 0)
		return err_errno(e, -r, "cannot open the image");
	im->tap = (struct source){.ops = &ops, .size = source_size(im->media)};
	return 0;
}

/* A place that several volumes share is listed once for each. */
static int share_places(struct image *im, struct err *e)
{
	char type[HELLO_TYPE_MAX] = "";
	struct volume_table *t = &im->table;

	for (size_t i = 0; i < t->n && t->n < WIRE_VOLUMES_MAX;) {
		int forced = hello_type_of(im->s->hello->types, t->v[i].number, type, NULL);
		unsigned n = 1;

		if (forced <= 0 || strcmp(type, "apfs") == 0)
			n = fs_pool_volumes(&im->tap, t->v[i].offset, t->v[i].length);
		if (volume_table_share(t, i, n) < 0)
			return err_set(e, ENOMEM, "no memory for the volumes");
		i += n;
	}
	return 0;
}

static int open_table(struct image *im, struct err *e)
{
	int r = open_media(im, e);

	if (r < 0 || im->scanned)
		return r;
	r = volume_scan(&im->tap, &im->table, e);
	if (r < 0)
		return err_errno(e, -r, "cannot read the partition table");
	r = share_places(im, e);
	if (r < 0)
		return r;
	if (im->table.n > WIRE_VOLUMES_MAX)
		im->table.n = WIRE_VOLUMES_MAX;
	im->fs = calloc(im->table.n + 1, sizeof(im->fs[0]));
	if (!im->fs)
		return err_set(e, ENOMEM, "no memory for the volumes");
	im->scanned = true;
	return 0;
}

static int open_fs(struct image *im, size_t volume, struct fs **out, struct err *e)
{
	char type[HELLO_TYPE_MAX] = "";
	const struct volume *v = NULL;
	int r = open_table(im, e);

	if (r < 0)
		return r;
	if (volume >= im->table.n)
		return err_set(e, ENOENT, "the image has no volume at place %zu", volume);
	v = &im->table.v[volume];
	if (!im->fs[volume]) {
		r = hello_type_of(im->s->hello->types, v->number, type, e);
		if (r < 0)
			return r;
		r = fs_open_member(&im->tap, v->offset, v->length, v->member, r ? type : NULL,
			&im->fs[volume], e);
	}
	if (r < 0)
		return err_errno(e, -r, "cannot open the file system");
	*out = im->fs[volume];
	return 0;
}

static void close_fs(struct image *im, size_t volume)
{
	fs_close(im->fs[volume]);
	im->fs[volume] = NULL;
}

static void put_text(struct buf *b, const char *s)
{
	buf_put_blob(b, s, strlen(s));
}

static int send_fail(struct image *im, int r, const struct err *e)
{
	struct buf *b = wire_begin(im->s->wire, WIRE_FAIL);

	buf_put_u16(b, (uint16_t)(r < 0 && r > -4096 ? -r : EIO));
	put_text(b, err_text(e, r));
	return wire_end(im->s->wire);
}

static int send_empty(struct image *im, enum wire_type type)
{
	wire_begin(im->s->wire, type);
	return wire_end(im->s->wire);
}

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

static int send_media(struct image *im)
{
	struct buf *b = wire_begin(im->s->wire, WIRE_MEDIA);
	const struct ewf_info *i = &im->ewf;
	const uint8_t *p = i->header.data;
	const uint8_t *end = p ? p + i->header.len : p;
	uint32_t strings = 0;

	buf_put_u64(b, source_size(im->media));
	buf_put_u32(b, i->chunk_size);
	put_text(b, im->table.kind);
	put_text(b, im->table.note);
	buf_put_u8(b, i->has_md5);
	buf_put(b, i->md5, sizeof(i->md5));
	buf_put_u8(b, i->has_sha1);
	buf_put(b, i->sha1, sizeof(i->sha1));
	for (const uint8_t *q = p; q < end; q++)
		strings += *q == '\0';
	buf_put_u32(b, strings / 2);
	for (uint32_t n = strings / 2 * 2; n > 0; n--) {
		size_t len = strnlen((const char *)p, (size_t)(end - p));

		buf_put_blob(b, p, len);
		p += len + 1;
	}
	return wire_end(im->s->wire);
}

static int send_volume(struct image *im, size_t i, bool skip)
{
	const struct volume *v = &im->table.v[i];
	const struct fs_info *info = NULL;
	struct fs *fs = NULL;
	struct err e = {0};
	struct buf *b = NULL;
	int r = 0;

	if (!skip && open_fs(im, i, &fs, &e) == 0)
		info = fs_info(fs);
	b = wire_begin(im->s->wire, WIRE_VOLUME);
	buf_put_u32(b, v->number);
	buf_put_u64(b, v->offset);
	buf_put_u64(b, v->length);
	buf_put_u8(b, info != NULL);
	put_text(b, info ? info->type : "unknown");
	put_text(b, v->desc);
	put_text(b, info ? info->label : "");
	put_text(b, info ? info->id : "");
	put_text(b, info ? info->note : e.text);
	buf_put_u32(b, info ? info->block_size : 0);
	buf_put_u64(b, info ? info->blocks : 0);
	r = wire_end(im->s->wire);
	close_fs(im, i);
	return r < 0 ? r : wire_flush(im->s->wire, 0);
}

/* Whether volume @i is among those the service leaves out. */
static bool is_skipped(struct cur skip, size_t i)
{
	while (cur_left(&skip) > 0)
		if (cur_u32(&skip) == i)
			return true;
	return false;
}

static int do_scan(struct image *im, struct cur *c)
{
	struct err e = {0};
	uint32_t n = cur_u32(c);
	int r = 0;

	if (c->bad || n > WIRE_VOLUMES_MAX || cur_left(c) != (size_t)n * 4)
		return -EPROTO;
	r = open_table(im, &e);
	if (r < 0)
		return send_fail(im, r, &e);
	r = send_media(im);
	if (r == 0)
		r = wire_flush(im->s->wire, 0);
	for (size_t i = 0; i < im->table.n && r == 0; i++)
		r = send_volume(im, i, is_skipped(*c, i));
	return r < 0 ? r : send_empty(im, WIRE_SCANNED);
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
	int r = send_empty(im, WIRE_LEAVE);

	return r ? r : members_leave(&im->members);
}

static int member_enter(void *ctx, const struct entry *e)
{
	return send_entry(ctx, WIRE_ENTER, e);
}

static int member_leave(void *ctx)
{
	return send_empty(ctx, WIRE_LEAVE);
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
	im->members.alive = members_alive;
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

static int do_walk(struct image *im, struct cur *c)
{
	uint64_t skip[WIRE_SKIP_MAX];
	uint32_t volume = cur_u32(c);
	struct entry root = {0};
	struct err e = {0};
	struct fs *fs = NULL;
	int r = take_heads(c, &im->members, skip);

	if (r)
		return r;
	r = open_media(im, &e);
	if (r < 0)
		return send_fail(im, r, &e);
	buf_put_u64(wire_begin(im->s->wire, WIRE_BEGIN), source_size(im->media));
	r = wire_end(im->s->wire);
	if (r == 0)
		r = wire_flush(im->s->wire, 0);
	if (r < 0)
		return r;
	r = open_fs(im, volume, &fs, &e);
	if (r == 0)
		r = fs_root(fs, &root);
	if (r == 0)
		r = send_entry(im, WIRE_ROOT, &root);
	im->walking = r == 0;
	im->read_bytes = 0;
	if (r == 0)
		r = walk_volume(im, fs, &e);
	im->walking = false;
	return r < 0 ? send_fail(im, r, &e) : send_empty(im, WIRE_WALKED);
}

static int do_read(struct image *im, struct cur *c)
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
	n = open_fs(im, volume, &fs, &e);
	buf_reset(&im->scratch);
	if (n == 0 && buf_reserve(&im->scratch, WIRE_READ_MAX))
		n = -ENOMEM;
	if (n == 0)
		n = fs_read(fs, inode, type, id, im->scratch.data, len, off);
	if (n < 0)
		return send_fail(im, (int)n, &e);
	buf_put(wire_begin(im->s->wire, WIRE_BYTES), im->scratch.data, (size_t)n);
	return wire_end(im->s->wire);
}

/* What a place needs: the media, and the file system where that is asked for contents. */
static int open_for(struct image *im, const struct members_place *at, struct fs **fs, struct err *e)
{
	int r = open_media(im, e);

	*fs = NULL;
	return r == 0 && at->content[0] == CONTENT_WORKER ? open_fs(im, at->volume, fs, e) : r;
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
		 : members_read(
			   &im->opened, &im->tap, fs, a, members_alive, im, im->scratch.data, e);
}

/* Its bytes (BYTES), or which messages they say it belongs to (IDS). */
static int answer_member(struct image *im, struct cur *c, enum wire_type with)
{
	struct members_ask a;
	struct err e = {0};
	ssize_t n = members_ask_decode(c, &a);
	struct buf *b = NULL;

	if (n < 0)
		return (int)n;
	n = read_member(im, &a, &e);
	if (n < 0)
		return send_fail(im, (int)n, &e);
	b = wire_begin(im->s->wire, with);
	if (with == WIRE_IDS)
		members_ids(im->scratch.data, (size_t)n, b);
	else
		buf_put(b, im->scratch.data, (size_t)n);
	return wire_end(im->s->wire);
}

static int do_patterns(struct image *im, struct cur *c)
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
	members_limits(at.size, members_alive, im, &b);
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
static int do_match(struct image *im, struct cur *c)
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

static int do_fill(struct image *im, struct cur *c)
{
	struct err e = {0};
	uint32_t n = cur_u32(c);
	int r = 0;

	if (c->bad || n == 0 || n > WIRE_FILL_MAX || cur_left(c) != (size_t)n * 12)
		return -EPROTO;
	r = open_media(im, &e);
	if (r == 0 && (!im->s->cache || im->s->hello->slot_bytes != im->ewf.chunk_size))
		r = err_set(&e, ESTALE, "the image has chunks of %u bytes now, not of %u",
			im->ewf.chunk_size, im->s->hello->slot_bytes);
	if (r < 0)
		return send_fail(im, r, &e);
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

static int answer(struct image *im, struct frame *f)
{
	int r = -EPROTO;

	im->spoke_ms = wire_now_ms();
	if (f->type == WIRE_SCAN)
		r = do_scan(im, &f->payload);
	else if (f->type == WIRE_WALK)
		r = do_walk(im, &f->payload);
	else if (f->type == WIRE_READ)
		r = do_read(im, &f->payload);
	else if (f->type == WIRE_THREAD)
		r = answer_member(im, &f->payload, WIRE_IDS);
	else if (f->type == WIRE_MEMBER)
		r = answer_member(im, &f->payload, WIRE_BYTES);
	else if (f->type == WIRE_FILL)
		r = do_fill(im, &f->payload);
	else if (f->type == WIRE_PATTERNS)
		r = do_patterns(im, &f->payload);
	else if (f->type == WIRE_MATCH)
		r = do_match(im, &f->payload);
	return r < 0 ? r : wire_flush(im->s->wire, 0);
}

int serve_run(const struct serve *s)
{
	struct image im = {.s = s};
	struct frame f;
	int r = 0;

	while (r == 0) {
		r = wire_recv(s->wire, WIRE_FRAME_MAX, 0, &f);
		if (r == -EPIPE && !wire_pending(s->wire))
			break;
		if (r == 0)
			r = answer(&im, &f);
	}
	members_forget(&im.opened);
	sieve_free(im.sieve);
	for (size_t i = 0; im.fs && i < im.table.n; i++)
		close_fs(&im, i);
	free(im.fs);
	if (im.scanned)
		volume_table_release(&im.table);
	ewf_info_release(&im.ewf);
	source_close(im.media);
	buf_release(&im.scratch);
	return r == -EPIPE ? 0 : r;
}
