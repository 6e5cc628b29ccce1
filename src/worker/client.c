/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - scan, walk and reads through workers; see client.h. */
#include "worker/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/raw.h"
#include "worker/pool.h"
#include "worker/process.h"
#include "worker/reply.h"

#define SKIP_MAX   8                  /* volumes that one scan leaves out */
#define SCAN_TRIES (2 * SKIP_MAX + 2) /* workers that it may cost */

/* Where a try of a scan was lost, beside the place of a volume. */
#define NOWHERE  SIZE_MAX
#define AT_MEDIA (SIZE_MAX - 1)

/* A scan in tries: volumes that killed two workers are left out. */
struct scanning {
	struct workers *w;
	struct {
		uint32_t volume;
		char why[160];
	} skip[SKIP_MAX];
	uint32_t n_skip;
};

void scan_release(struct scan *s)
{
	buf_release(&s->header);
	free(s->v);
	*s = (struct scan){.n = 0};
}

/* What a file system says must not look like a lost worker. */
static int plain_error(int r)
{
	return r == -EPIPE || r == -ETIMEDOUT || r == -EPROTO ? -EIO : r;
}

static uint64_t known_size(struct workers *w)
{
	uint64_t size = 0;

	pthread_mutex_lock(&w->lock);
	size = w->media_size;
	pthread_mutex_unlock(&w->lock);
	return size;
}

static int scan_frame(struct scanning *sc, struct process *p, struct frame *f, struct scan *s,
	bool *begun, struct err *e)
{
	bool ewf = sc->w->files->format == IMAGE_EWF;
	struct err said = {0};
	int r = -EPROTO;

	if (f->type == WIRE_FAIL && !*begun) {
		r = reply_fail(&f->payload, &said);
		if (said.code)
			return err_set(e, -r, "%s", said.text);
	} else if (f->type == WIRE_MEDIA && !*begun) {
		r = reply_media(&f->payload, ewf, known_size(sc->w), s);
		*begun = r == 0;
	} else if (f->type == WIRE_VOLUME && *begun) {
		r = reply_volume(&f->payload, s);
	} else if (f->type == WIRE_SCANNED && *begun && cur_left(&f->payload) == 0 &&
		   !wire_pending(&p->wire)) {
		r = 1;
	}
	return r < 0 ? process_break(p, r, e) : r;
}

/* One try. Return: 0; -errno, with p->broken if the worker was lost after s->n volumes. */
static int scan_on(struct scanning *sc, struct process *p, struct scan *s, struct err *e)
{
	struct buf *b = wire_begin(&p->wire, WIRE_SCAN);
	bool begun = false;
	struct frame f;
	int r = 0;

	buf_put_u32(b, sc->n_skip);
	for (uint32_t i = 0; i < sc->n_skip; i++)
		buf_put_u32(b, sc->skip[i].volume);
	r = process_ask(p, e);
	while (r == 0) {
		r = process_answer(p, REPLY_SCAN_MAX, PROCESS_OPEN_MS, &f, e);
		if (r == 0)
			r = scan_frame(sc, p, &f, s, &begun, e);
	}
	return r < 0 ? r : 0;
}

static void note_skipped(const struct scanning *sc, struct scan *s)
{
	for (uint32_t i = 0; i < sc->n_skip; i++) {
		struct scan_volume *v = NULL;

		if (sc->skip[i].volume >= s->n)
			continue;
		v = &s->v[sc->skip[i].volume];
		v->known = false;
		snprintf(v->type, sizeof(v->type), "unknown");
		snprintf(v->note, sizeof(v->note), "its file system could not be opened: %s, twice",
			sc->skip[i].why);
		pool_fault(sc->w, "volume p%u at byte %llu: %s", v->number,
			(unsigned long long)v->offset, v->note);
	}
}

/* One try on a worker of its own; *@lost: where it was lost, or NOWHERE. */
static int scan_once(struct scanning *sc, struct scan *s, size_t *lost, struct err *e)
{
	struct process *p = NULL;
	int r = pool_fresh(sc->w, &p, e);

	*lost = NOWHERE;
	if (r < 0)
		return r;
	r = scan_on(sc, p, s, e);
	if (r < 0 && p->broken)
		*lost = s->media_size > 0 ? s->n : AT_MEDIA;
	if (r < 0)
		scan_release(s);
	process_end(p);
	return r;
}

static int scan_tries(struct scanning *sc, struct scan *s, struct err *e)
{
	size_t before = NOWHERE;
	struct err why = {0};

	for (unsigned try = 0; try < SCAN_TRIES; try++) {
		size_t lost = NOWHERE;
		int r = 0;

		err_clear(&why);
		r = scan_once(sc, s, &lost, &why);
		if (r == 0)
			return 0;
		if (lost == NOWHERE || r == -EINTR)
			return err_set(e, -plain_error(r), "%s", err_text(&why, r));
		if (lost != before) {
			before = lost;
			continue;
		}
		if (lost == AT_MEDIA || sc->n_skip == SKIP_MAX)
			break;
		sc->skip[sc->n_skip].volume = (uint32_t)lost;
		snprintf(sc->skip[sc->n_skip].why, sizeof(sc->skip[0].why), "%.159s",
			err_text(&why, r));
		sc->n_skip++;
		before = NOWHERE;
	}
	return err_set(e, EIO, "the image cannot be scanned: %s, and other workers before it",
		err_text(&why, -EIO));
}

int workers_scan(struct workers *w, struct scan *s, struct err *e)
{
	struct scanning sc = {.w = w};
	struct scan got = {.n = 0};
	int r = scan_tries(&sc, &got, e);

	if (r < 0)
		return r;
	note_skipped(&sc, &got);
	pthread_mutex_lock(&w->lock);
	w->media_size = got.media_size;
	pthread_mutex_unlock(&w->lock);
	*s = got;
	return 0;
}

static int walk_on(struct process *p, struct reply_walk *walk, bool *failed, struct err *e)
{
	int r = process_ask(p, e);

	while (r == 0) {
		unsigned ms = walk->rooted ? PROCESS_PROGRESS_MS : PROCESS_OPEN_MS;
		struct frame f;

		r = process_answer(p, WIRE_FRAME_MAX, ms, &f, e);
		if (r < 0)
			break;
		r = reply_walk(walk, &f, failed, e);
		if (r < 0 && !*failed)
			r = process_break(p, r, e);
	}
	return r;
}

static void put_walk(struct process *p, size_t volume, const struct walk_opts *o)
{
	struct buf *b = wire_begin(&p->wire, WIRE_WALK);

	buf_put_u32(b, (uint32_t)volume);
	buf_put_u8(b, (uint8_t)o->heads);
	buf_put_u32(b, (uint32_t)o->skip_n);
	for (size_t i = 0; i < o->skip_n; i++)
		buf_put_u64(b, o->skip[i]);
}

int workers_walk(struct workers *w, size_t volume, struct walk_opts *o,
	const struct walk_sink *sink, struct err *e)
{
	struct reply_walk walk = {.sink = sink, .media_size = known_size(w)};
	struct process *p = NULL;
	struct err why = {0};
	bool failed = false;
	int r = 0;

	if (volume >= WIRE_VOLUMES_MAX)
		return err_set(e, EINVAL, "no volume at place %zu", volume);
	r = pool_fresh(w, &p, &why);
	if (r < 0)
		return err_set(e, -plain_error(r), "%s", err_text(&why, r));
	put_walk(p, volume, o);
	r = walk_on(p, &walk, &failed, &why);
	process_end(p);
	o->met = walk.met;
	if (walk.stopped)
		return walk.stopped;
	if (failed)
		return err_set(e, -plain_error(r), "%s", err_text(&why, r));
	if (r < 0)
		return err_set(e, -r, "%s, %s%s%s after %llu entries", err_text(&why, r),
			walk.last[0] ? "after \"" : "at the start", walk.last,
			walk.last[0] ? "\"," : ",", (unsigned long long)walk.entries);
	return 0;
}

struct read_request {
	uint32_t volume;
	uint64_t inode;
	uint32_t attr_type;
	uint32_t attr_id;
	uint64_t off;
	uint32_t len;
	void *buf;
};

static ssize_t take_bytes(const struct frame *f, void *buf)
{
	size_t n = cur_left(&f->payload);

	if (n > 0)
		memcpy(buf, f->payload.p, n);
	return (ssize_t)n;
}

static ssize_t read_on(struct process *p, const void *request, struct err *e)
{
	const struct read_request *q = request;
	struct buf *b = wire_begin(&p->wire, WIRE_READ);
	struct frame f;
	int r = 0;

	buf_put_u32(b, q->volume);
	buf_put_u64(b, q->inode);
	buf_put_u32(b, q->attr_type);
	buf_put_u32(b, q->attr_id);
	buf_put_u64(b, q->off);
	buf_put_u32(b, q->len);
	r = process_ask(p, e);
	if (r == 0)
		r = process_expect(p, WIRE_BYTES, q->len, PROCESS_PROGRESS_MS, &f, e);
	return r < 0 ? r : take_bytes(&f, q->buf);
}

typedef ssize_t asking_fn(struct process *p, const void *q, struct err *e);

/* For pool_get(): a file whose containers a worker keeps open. */
static uint64_t about_file(size_t volume, uint64_t inode)
{
	return (UINT64_C(1) << 63) | (((uint64_t)volume << 48) ^ inode);
}

/* Tried once more when the worker is lost. */
static ssize_t ask_twice(
	struct workers *w, uint64_t about, asking_fn *ask, const void *q, struct err *e)
{
	unsigned shots = 0;

	for (int try = 0; try < 2;) {
		struct process *p = NULL;
		bool lost = false;
		ssize_t n = 0;

		err_clear(e);
		n = pool_get(w, POOL_WAIT, about, &p, e);
		if (n < 0)
			break;
		n = ask(p, q, e);
		lost = p->broken;
		try += !(p->shot && ++shots < POOL_SHOTS);
		pool_put(w, p);
		if (!lost)
			return n;
	}
	return -EPIPE;
}

static ssize_t read_once(struct workers *w, const struct read_request *q)
{
	struct err e = {0};
	ssize_t n = ask_twice(w, 0, read_on, q, &e);

	if (n != -EPIPE)
		return n >= 0 || n == -ENOENT ? n : -EIO;
	pool_fault(w, "volume at place %u, inode %llu (attribute %u-%u), byte %llu: %s", q->volume,
		(unsigned long long)q->inode, q->attr_type, q->attr_id, (unsigned long long)q->off,
		err_text(&e, -EIO));
	return -EIO;
}

/* A piece of a read: at most WIRE_READ_MAX bytes. */
typedef ssize_t piece_fn(struct workers *w, const void *of, void *buf, uint32_t len, uint64_t off);

static ssize_t in_pieces(
	struct workers *w, piece_fn *piece, const void *of, void *buf, size_t len, uint64_t off)
{
	size_t done = 0;

	while (done < len) {
		uint32_t want = len - done < WIRE_READ_MAX ? (uint32_t)(len - done) : WIRE_READ_MAX;
		uint64_t at = 0;
		ssize_t n = 0;

		if (__builtin_add_overflow(off, done, &at))
			break;
		n = piece(w, of, (uint8_t *)buf + done, want, at);
		if (n < 0)
			return done > 0 ? (ssize_t)done : n;
		done += (size_t)n;
		if ((size_t)n < want)
			break;
	}
	return (ssize_t)done;
}

static ssize_t read_piece(struct workers *w, const void *of, void *buf, uint32_t len, uint64_t off)
{
	struct read_request q = *(const struct read_request *)of;

	q.buf = buf;
	q.len = len;
	q.off = off;
	return read_once(w, &q);
}

ssize_t workers_read(struct workers *w, size_t volume, uint64_t inode, uint32_t attr_type,
	uint32_t attr_id, void *buf, size_t len, uint64_t off)
{
	const struct read_request of = {.volume = (uint32_t)volume,
		.inode = inode,
		.attr_type = attr_type,
		.attr_id = attr_id};

	if (volume >= WIRE_VOLUMES_MAX)
		return -EIO;
	return in_pieces(w, read_piece, &of, buf, len, off);
}

/* ---- members ----------------------------------------------------------------------------------
 */

struct member_request {
	const struct member_way *way;
	uint64_t off;
	uint32_t len;
	void *buf;
};

/* It says now and then that it is still looking: so often at most (5 s each). */
#define ALIVE_MAX 64

void member_way_put(struct buf *b, const struct member_way *way)
{
	buf_put_u32(b, (uint32_t)way->volume);
	buf_put_u64(b, way->inode);
	buf_put_u32(b, way->attr_type);
	buf_put_u32(b, way->attr_id);
	buf_put_u64(b, way->size);
	buf_put_blob(b, way->content.data, way->content.len);
	buf_put_u8(b, (uint8_t)way->n);
	for (unsigned i = 0; i < way->n; i++) {
		buf_put_u64(b, way->steps[i].size);
		buf_put_blob(b, way->steps[i].locator, way->steps[i].locator_len);
	}
}

/* Ask about a member, and wait as long as it says that it is at it. */
static int ask_member(struct process *p, const struct member_request *q, enum wire_type ask,
	enum wire_type want, size_t max, struct frame *f, struct err *e)
{
	struct buf *b = wire_begin(&p->wire, ask);
	int r = 0;

	member_way_put(b, q->way);
	buf_put_u64(b, q->off);
	buf_put_u32(b, q->len);
	r = process_ask(p, e);
	f->type = WIRE_ALIVE;
	for (unsigned i = 0; r == 0 && f->type == WIRE_ALIVE; i++) {
		r = process_next(p, want, max, PROCESS_PROGRESS_MS, f, e);
		if (r == 0 && f->type == WIRE_ALIVE && i == ALIVE_MAX)
			r = process_break(p, -ETIMEDOUT, e);
	}
	return r;
}

static ssize_t member_on(struct process *p, const void *request, struct err *e)
{
	const struct member_request *q = request;
	struct frame f;
	int r = ask_member(p, q, WIRE_MEMBER, WIRE_BYTES, q->len, &f, e);

	return r < 0 ? r : take_bytes(&f, q->buf);
}

static ssize_t ids_on(struct process *p, const void *request, struct err *e)
{
	const struct member_request *q = request;
	struct frame f;
	int r = ask_member(p, q, WIRE_THREAD, WIRE_IDS, REPLY_IDS_MAX, &f, e);
	struct buf *out = q->buf;
	size_t len = out->len;

	if (r < 0)
		return r;
	r = reply_ids(&f.payload, out);
	if (r < 0)
		out->len = len;
	return r == -EPROTO ? process_break(p, r, e) : r;
}

static ssize_t ask_of_member(struct workers *w, asking_fn *ask, const struct member_request *q)
{
	struct err e = {0};
	ssize_t n = ask_twice(w, about_file(q->way->volume, q->way->inode), ask, q, &e);

	if (n < 0 && n != -ENOMEM)
		pool_fault(w, "volume at place %zu, a member of inode %llu, byte %llu of it: %s",
			q->way->volume, (unsigned long long)q->way->inode,
			(unsigned long long)q->off, err_text(&e, -EIO));
	return n >= 0 ? n : -EIO;
}

static ssize_t member_piece(
	struct workers *w, const void *of, void *buf, uint32_t len, uint64_t off)
{
	const struct member_request q = {.way = of, .off = off, .len = len, .buf = buf};

	return ask_of_member(w, member_on, &q);
}

ssize_t workers_member(
	struct workers *w, const struct member_way *way, void *buf, size_t len, uint64_t off)
{
	return in_pieces(w, member_piece, way, buf, len, off);
}

#define HEADERS_MAX (256u * 1024)

int workers_ids(struct workers *w, const struct member_way *way, struct buf *out)
{
	const struct member_request q = {.way = way, .len = HEADERS_MAX, .buf = out};

	return (int)ask_of_member(w, ids_on, &q);
}

int workers_source(struct workers *w, uint64_t media_size, uint32_t chunk_size, struct source **out,
	struct err *e)
{
	struct source *s = NULL;
	int r = 0;

	if (w->files->format == IMAGE_EWF) {
		if (chunk_size == 0 || chunk_size > REPLY_CHUNK_MAX || media_size > INT64_MAX)
			return err_set(e, EINVAL, "chunks of %u bytes cannot be", chunk_size);
		return chunks_source(w, media_size, chunk_size, out, e);
	}
	r = raw_open(w->files->v, w->files->n, &s);
	if (r < 0)
		return err_errno(e, -r, "cannot open the image");
	if (chunk_size != 0 || source_size(s) != media_size) {
		r = err_set(e, EINVAL, "the image has %llu bytes, not %llu",
			(unsigned long long)source_size(s), (unsigned long long)media_size);
		source_close(s);
		return r;
	}
	*out = s;
	return 0;
}
