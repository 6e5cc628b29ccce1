/* SPDX-License-Identifier: Apache-2.0 */
/* serve.c - the worker's side: answers requests about one image; see serve.h. */
#include "worker/serve_private.h"

#include <errno.h>
#include <stdlib.h>

#include "image/raw.h"

#define FLUSH_MS 200  /* entries found are not kept back longer while the media is read */
#define ALIVE_MS 5000 /* a walk that reads and finds nothing says so this often */

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
void serve_alive(void *ctx)
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

int serve_open_media(struct image *im, struct err *e)
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
	int r = serve_open_media(im, e);

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

int serve_open_fs(struct image *im, size_t volume, struct fs **out, struct err *e)
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

int serve_send_fail(struct image *im, int r, const struct err *e)
{
	struct buf *b = wire_begin(im->s->wire, WIRE_FAIL);

	buf_put_u16(b, (uint16_t)(r < 0 && r > -4096 ? -r : EIO));
	put_text(b, err_text(e, r));
	return wire_end(im->s->wire);
}

int serve_send_empty(struct image *im, enum wire_type type)
{
	wire_begin(im->s->wire, type);
	return wire_end(im->s->wire);
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

	if (!skip && serve_open_fs(im, i, &fs, &e) == 0)
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
		return serve_send_fail(im, r, &e);
	r = send_media(im);
	if (r == 0)
		r = wire_flush(im->s->wire, 0);
	for (size_t i = 0; i < im->table.n && r == 0; i++)
		r = send_volume(im, i, is_skipped(*c, i));
	return r < 0 ? r : serve_send_empty(im, WIRE_SCANNED);
}

static int answer(struct image *im, struct frame *f)
{
	int r = -EPROTO;

	im->spoke_ms = wire_now_ms();
	if (f->type == WIRE_SCAN)
		r = do_scan(im, &f->payload);
	else if (f->type == WIRE_WALK)
		r = serve_walk(im, &f->payload);
	else if (f->type == WIRE_READ)
		r = serve_read(im, &f->payload);
	else if (f->type == WIRE_THREAD)
		r = serve_member(im, &f->payload, WIRE_IDS);
	else if (f->type == WIRE_MEMBER)
		r = serve_member(im, &f->payload, WIRE_BYTES);
	else if (f->type == WIRE_FILL)
		r = serve_fill(im, &f->payload);
	else if (f->type == WIRE_PATTERNS)
		r = serve_patterns(im, &f->payload);
	else if (f->type == WIRE_MATCH)
		r = serve_match(im, &f->payload);
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
