/* SPDX-License-Identifier: Apache-2.0 */
/* members.c - containers among the files that a walk finds, and bytes of their members; see
 * members.h. */
#include "worker/members.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "container/chain.h"
#include "container/mime.h"
#include "image/extent.h"
#include "worker/contents.h"

#define SIZE_MIN 20 /* bytes: no container is smaller */
#define NOT_OPEN                                                                                   \
	(ENTRY_REALLOC | ENTRY_ENCRYPTED | ENTRY_UNREADABLE | ENTRY_NOHASH | ENTRY_META |          \
		ENTRY_VIRTUAL)
#define VOLUME_BYTES (UINT64_C(64) << 30) /* and 20 times the media: all containers of a volume */
#define READ_MS      300000

/* ---- what a file system is asked ------------------------------------------------------------ */

struct asking {
	struct fs *fs;
	uint64_t inode;
	uint32_t attr_type, attr_id;
};

static ssize_t ask(void *ctx, void *buf, size_t len, uint64_t off)
{
	const struct asking *a = ctx;

	return fs_read(a->fs, a->inode, a->attr_type, a->attr_id, buf, len, off);
}

/* ---- while a volume is walked --------------------------------------------------------------- */

void members_begin(struct members_walk *w)
{
	uint64_t media = source_size(w->media);

	w->bytes_left = VOLUME_BYTES;
	if (__builtin_mul_overflow(media, 20, &media) ||
		__builtin_add_overflow(w->bytes_left, media, &w->bytes_left))
		w->bytes_left = UINT64_MAX;
}

void members_end(struct members_walk *w)
{
	buf_release(&w->path);
	buf_release(&w->marks);
	buf_release(&w->name);
	buf_release(&w->content);
}

static bool may_be_container(const struct members_walk *w, const struct entry *e)
{
	if (w->heads == WIRE_HEADS_NONE || (e->kind != ENTRY_FILE && e->kind != ENTRY_STREAM) ||
		e->size < SIZE_MIN || (e->flags & NOT_OPEN) || e->content_len == 0 ||
		e->content[0] == CONTENT_ERROR || e->content[0] == CONTENT_EMPTY)
		return false;
	return w->heads == WIRE_HEADS_ALL || container_named(e->name, e->name_len);
}

static int enter_folder(struct members_walk *w, const struct entry *e)
{
	buf_put_u64(&w->marks, w->path.len);
	buf_put(&w->path, e->name, e->name_len);
	buf_put_u8(&w->path, '/');
	return w->path.error || w->marks.error ? -ENOMEM : 0;
}

int members_enter(struct members_walk *w, const struct entry *e)
{
	w->ordinal++;
	w->open = false;
	if (e->kind == ENTRY_DIR)
		return enter_folder(w, e);
	buf_put_u64(&w->marks, w->path.len);
	if (!may_be_container(w, e))
		return w->marks.error;
	buf_reset(&w->content);
	buf_reset(&w->name);
	buf_put(&w->name, e->name, e->name_len);
	buf_put(&w->content, e->content, e->content_len);
	w->size = e->size;
	w->inode = e->inode;
	w->attr_type = e->attr_type;
	w->attr_id = e->attr_id;
	w->flags = e->flags;
	w->mtime = e->mtime;
	w->open = true;
	return w->marks.error || w->content.error || w->name.error ? -ENOMEM : 0;
}

static bool is_skipped(const struct members_walk *w)
{
	for (size_t i = 0; i < w->skip_n; i++) {
		if (w->skip[i] == w->ordinal)
			return true;
	}
	return false;
}

/* A line with the path of what it is about in front, as it is shown. */
static int on_problem(void *ctx, const uint8_t *path, size_t n, const char *text)
{
	struct members_walk *w = ctx;
	struct buf line = BUF_INIT;
	int r = 0;

	buf_put(&line, w->path.data, w->path.len);
	buf_put(&line, w->name.data, w->name.len);
	if (n > 0)
		buf_puts(&line, ".d/");
	buf_put(&line, path, n);
	buf_puts(&line, ": ");
	buf_puts(&line, text);
	r = line.error ? -ENOMEM : w->problem(w->ctx, buf_cstr(&line));
	buf_release(&line);
	return r;
}

static int on_enter(void *ctx, const struct entry *e)
{
	struct members_walk *w = ctx;

	return w->enter(w->ctx, e);
}

static int on_leave(void *ctx)
{
	struct members_walk *w = ctx;

	return w->leave(w->ctx);
}

static int on_unopened(void *ctx, const char *reason)
{
	struct members_walk *w = ctx;

	return w->unopened(w->ctx, reason);
}

/* Who opened it before did not survive that. */
static int leave_alone(struct members_walk *w)
{
	int r = on_problem(w, NULL, 0, "whoever opened it was lost: nobody has looked inside");

	return r ? r : w->unopened(w->ctx, "whoever opened it was lost");
}

static int look_inside(struct members_walk *w, const struct source *s)
{
	const struct container_sink sink = {on_enter, on_leave, on_problem, on_unopened, w};
	const struct container_kind *kind = container_detect(s);
	struct container_budget b;
	uint64_t before = 0;
	int r = 0;

	if (!kind)
		return 0;
	if (is_skipped(w))
		return leave_alone(w);
	container_limits(w->size, &b);
	if (b.bytes > w->bytes_left)
		b.bytes = w->bytes_left;
	before = b.bytes;
	b.alive = w->alive;
	b.ctx = w->ctx;
	r = w->met(w->ctx, w->ordinal);
	if (r == 0)
		r = container_walk(kind, s, &b, w->flags, w->mtime, &sink);
	w->bytes_left -= before - b.bytes;
	return r < 0 ? r : 0;
}

int members_leave(struct members_walk *w)
{
	struct asking asking = {w->fs, w->inode, w->attr_type, w->attr_id};
	const struct contents_opts o = {w->media, ask, &asking};
	struct source *s = NULL;
	int r = 0;

	if (w->marks.len >= sizeof(uint64_t)) {
		struct cur c = cur_of(w->marks.data + w->marks.len - 8, 8);

		w->path.len = (size_t)cur_u64(&c);
		w->marks.len -= 8;
	}
	if (!w->open)
		return 0;
	w->open = false;
	r = contents_source(&o, w->content.data, w->content.len, w->size, &s);
	if (r == 0)
		r = look_inside(w, s);
	source_close(s);
	return r == -EIO ? 0 : r;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* A file whose containers are open. */
struct members_file {
	struct asking asking;
	struct source *s;
	struct chain *chain;
};

static void file_close(struct members_file *f)
{
	if (!f)
		return;
	chain_close(f->chain);
	source_close(f->s);
	free(f);
}

void members_forget(struct members_open *m)
{
	for (size_t i = 0; i < sizeof(m->v) / sizeof(*m->v); i++) {
		file_close(m->v[i].file);
		buf_release(&m->v[i].key);
	}
	*m = (struct members_open){.uses = 0};
}

int members_place_decode(struct cur *c, struct members_place *out)
{
	struct members_place p = {.volume = cur_u32(c)};
	const uint8_t *from = NULL;

	p.inode = cur_u64(c);
	p.attr_type = cur_u32(c);
	p.attr_id = cur_u32(c);
	p.size = cur_u64(c);
	p.content = cur_blob(c, &p.content_len);
	p.n = cur_u8(c);
	from = c->p;
	for (unsigned i = 0; i < p.n && i < CONTAINER_DEPTH; i++) {
		size_t len = 0;

		cur_u64(c);
		if (!cur_blob(c, &len) || len == 0 || len > CONTAINER_LOCATOR_MAX)
			return -EPROTO;
	}
	if (c->bad || p.n > CONTAINER_DEPTH || p.size > INT64_MAX)
		return -EPROTO;
	p.steps = cur_of(from, (size_t)(c->p - from));
	*out = p;
	return 0;
}

int members_ask_decode(struct cur *c, struct members_ask *out)
{
	struct members_ask a;
	int r = members_place_decode(c, &a.at);

	if (r)
		return r;
	a.off = cur_u64(c);
	a.len = cur_u32(c);
	if (c->bad || cur_left(c) > 0 || a.at.n == 0 || a.at.content_len == 0 ||
		a.len > WIRE_READ_MAX)
		return -EPROTO;
	*out = a;
	return 0;
}

/* Everything but the last step: where the member stands. */
static void steps_of(const struct members_place *a, struct chain_step *v, struct buf *key)
{
	struct cur c = a->steps;

	buf_put_u32(key, a->volume);
	buf_put_u64(key, a->inode);
	buf_put_u32(key, a->attr_type);
	buf_put_u32(key, a->attr_id);
	buf_put_u64(key, a->size);
	buf_put_blob(key, a->content, a->content_len);
	for (unsigned i = 0; i < a->n; i++) {
		v[i].size = cur_u64(&c);
		v[i].locator = cur_blob(&c, &v[i].locator_len);
		if (i + 1 < a->n) {
			buf_put_u64(key, v[i].size);
			buf_put_blob(key, v[i].locator, v[i].locator_len);
		}
	}
}

static int file_open(const struct source *media, struct fs *fs, const struct members_place *a,
	const struct chain_step *steps, struct members_file **out, struct err *e)
{
	struct members_file *f = calloc(1, sizeof(*f));
	int r = f ? 0 : -ENOMEM;

	if (f) {
		struct contents_opts o = {media, fs ? ask : NULL, &f->asking};

		f->asking = (struct asking){fs, a->inode, a->attr_type, a->attr_id};
		r = contents_source(&o, a->content, a->content_len, a->size, &f->s);
		if (r == 0)
			r = chain_open(f->s, steps, a->n, &f->chain, e);
	}
	if (r) {
		file_close(f);
		return r;
	}
	*out = f;
	return 0;
}

/* What is open of that file already, or the place that was used longest ago. */
static struct members_kept *find(struct members_open *m, const struct buf *key)
{
	struct members_kept *oldest = &m->v[0];

	for (size_t i = 0; i < sizeof(m->v) / sizeof(*m->v); i++) {
		struct members_kept *k = &m->v[i];

		if (k->file && k->key.len == key->len &&
			memcmp(k->key.data, key->data, key->len) == 0)
			return k;
		if (k->used < oldest->used)
			oldest = k;
	}
	file_close(oldest->file);
	oldest->file = NULL;
	return oldest;
}

/*
 * The containers that a member stands in, open. Return: 0 and *@out, which is kept for the next
 * that stands there, unless forget_one(); -errno.
 */
static int open_around(struct members_open *m, const struct source *media, struct fs *fs,
	const struct members_place *at, struct chain_step steps[static CONTAINER_DEPTH],
	struct members_kept **out, struct err *e)
{
	struct members_kept *k = NULL;
	struct buf key = BUF_INIT;
	int r = 0;

	steps_of(at, steps, &key);
	if (key.error) {
		buf_release(&key);
		return -ENOMEM;
	}
	k = find(m, &key);
	if (!k->file)
		r = file_open(media, fs, at, steps, &k->file, e);
	buf_release(&k->key);
	k->key = key;
	k->used = ++m->uses;
	if (r == 0)
		*out = k;
	return r;
}

static void forget_one(struct members_kept *k)
{
	file_close(k->file);
	k->file = NULL;
}

void members_limits(uint64_t size, void (*alive)(void *ctx), void *ctx, struct container_budget *b)
{
	container_limits(size, b);
	b->until_ms = wire_now_ms() + READ_MS;
	b->alive = alive;
	b->ctx = ctx;
}

ssize_t members_read(struct members_open *m, const struct source *media, struct fs *fs,
	const struct members_ask *a, void (*alive)(void *ctx), void *ctx, void *buf, struct err *e)
{
	struct chain_step steps[CONTAINER_DEPTH];
	const struct chain_step *last = &steps[a->at.n - 1];
	struct container_budget b;
	struct members_kept *k = NULL;
	ssize_t n = open_around(m, media, fs, &a->at, steps, &k, e);

	if (n < 0)
		return n;
	members_limits(a->at.size, alive, ctx, &b);
	n = chain_read(
		k->file->chain, &b, last->locator, last->locator_len, buf, a->len, a->off, e);
	if (n < 0)
		forget_one(k);
	return n;
}

static ssize_t ask_source(void *ctx, void *buf, size_t len, uint64_t off)
{
	const struct members_source *s = ctx;

	return fs_read(s->fs, s->inode, s->attr_type, s->attr_id, buf, len, off);
}

int members_source_open(struct members_open *m, const struct source *media, struct fs *fs,
	const struct members_place *at, const struct container_budget *b,
	struct members_source *out, struct err *e)
{
	struct chain_step steps[CONTAINER_DEPTH];
	struct members_kept *k = NULL;
	int r = 0;

	*out = (struct members_source){
		.fs = fs, .inode = at->inode, .attr_type = at->attr_type, .attr_id = at->attr_id};
	if (at->n == 0) {
		struct contents_opts o = {media, fs ? ask_source : NULL, out};

		return contents_source(&o, at->content, at->content_len, at->size, &out->s);
	}
	r = open_around(m, media, fs, at, steps, &k, e);
	if (r == 0)
		r = chain_source(k->file->chain, b, &steps[at->n - 1], &out->s, &out->role);
	return r;
}

void members_source_close(struct members_source *s)
{
	source_close(s->s);
	s->s = NULL;
}

/* ---- which messages belong together ------------------------------------------------------------
 */

#define ID_MAX 998

static int put_id(void *ctx, const char *id)
{
	size_t n = strlen(id);

	if (n <= ID_MAX)
		buf_put_blob(ctx, id, n);
	return 0;
}

void members_ids(const uint8_t *p, size_t n, struct buf *out)
{
	struct source *s = NULL;
	struct mime *m = NULL;
	struct err why = {0};

	if (n > 0 && source_memory(p, n, &s) == 0 && mime_open(s, 0, n, NULL, &m, &why) == 0)
		mime_ids(m, put_id, out);
	mime_close(m);
	source_close(s);
}
