/* SPDX-License-Identifier: Apache-2.0 */
/* remnant_blocks.c - given contents within other files; see remnant_blocks.h. */
#include "serve/remnant_blocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "serve/blocks.h"

#define SECTOR      512u
#define WINDOWS_MAX (UINT64_C(1) << 20)
#define SAME_MAX    4u /* windows of one hash; of what stands in more places any will do */
#define CHUNK       (1024u * 1024)
#define COMPARED    (64u * 1024) /* at a time */

/* BLOCK_BYTES of contents. */
struct window {
	uint64_t hash;
	uint64_t off;
	uint32_t source;
	bool used;
};

struct remnant_blocks {
	struct window *v; /* open addressing, a power of two of them */
	size_t slots;
	size_t n;
	uint64_t stride; /* from one window to the next */
	uint8_t *maybe;  /* a bit for each of some hashes */
	uint64_t maybe_mask;
	uint8_t *buf; /* [BLOCK_BYTES + CHUNK]: contents of `source` up to byte `end` */
	size_t kept;  /* bytes in it that windows to come begin in */
	uint32_t source;
	uint64_t end;
};

/* ---- what is looked for ---------------------------------------------------------------------- */

/*
 * Where a copy begins at a sector, its blocks begin at any of eight places in a block of the
 * contents: windows at each sector meet every one of them. When that is too many, one at each
 * eighth place meets each of the eight in turn, and a copy that is long enough is met.
 */
static uint64_t stride_for(uint64_t bytes)
{
	uint64_t blocks = 1;

	if (bytes / SECTOR <= WINDOWS_MAX)
		return SECTOR;
	while (bytes / (blocks * BLOCK_BYTES + SECTOR) > WINDOWS_MAX)
		blocks *= 2;
	return blocks * BLOCK_BYTES + SECTOR;
}

int remnant_blocks_new(uint64_t bytes, size_t sources, struct remnant_blocks **out)
{
	struct remnant_blocks *b = calloc(1, sizeof(*b));
	uint64_t windows = 0;
	uint64_t bits = 1 << 16;

	if (!b)
		return -ENOMEM;
	b->stride = stride_for(bytes);
	windows = bytes / b->stride + sources + 1;
	for (b->slots = 1024; b->slots < 2 * windows;)
		b->slots *= 2;
	while (bits < 16 * windows)
		bits *= 2;
	b->maybe_mask = bits - 1;
	b->v = calloc(b->slots, sizeof(*b->v));
	b->maybe = calloc(1, (size_t)(bits / 8));
	b->buf = malloc(BLOCK_BYTES + CHUNK);
	if (!b->v || !b->maybe || !b->buf) {
		remnant_blocks_free(b);
		return -ENOMEM;
	}
	*out = b;
	return 0;
}

void remnant_blocks_free(struct remnant_blocks *b)
{
	if (!b)
		return;
	free(b->v);
	free(b->maybe);
	free(b->buf);
	free(b);
}

static bool may_be(const struct remnant_blocks *b, uint64_t hash)
{
	uint64_t bit = hash & b->maybe_mask;

	return b->maybe[bit >> 3] >> (bit & 7) & 1;
}

static size_t slot_of(const struct remnant_blocks *b, uint64_t hash)
{
	return (size_t)(hash >> 32) & (b->slots - 1);
}

static void add_window(struct remnant_blocks *b, const uint8_t *p, uint64_t off)
{
	uint64_t hash = 0;
	unsigned same = 0;
	size_t i = 0;

	if (block_kind(p, &hash) != BLOCK_HASHED)
		return;
	for (i = slot_of(b, hash); b->v[i].used; i = (i + 1) & (b->slots - 1)) {
		if (b->v[i].hash == hash && ++same == SAME_MAX)
			return;
	}
	b->v[i] = (struct window){hash, off, b->source, true};
	b->maybe[(hash & b->maybe_mask) >> 3] |= (uint8_t)(1u << (hash & 7));
	b->n++;
}

/* All windows that end in the @n bytes at buf[kept]. */
static void add_windows(struct remnant_blocks *b, size_t n)
{
	uint64_t begin = b->end - b->kept;
	uint64_t past = b->end + n;

	for (uint64_t off = (begin + b->stride - 1) / b->stride * b->stride;
		off + BLOCK_BYTES <= past; off += b->stride) {
		if (off + BLOCK_BYTES > b->end)
			add_window(b, b->buf + (off - begin), off);
	}
}

void remnant_blocks_add(
	struct remnant_blocks *b, uint32_t source, const uint8_t *p, size_t n, uint64_t off)
{
	if (source != b->source || off != b->end)
		b->kept = 0;
	b->source = source;
	b->end = off;
	while (n > 0) {
		size_t some = n < CHUNK ? n : CHUNK;
		size_t all = b->kept + some;

		memcpy(b->buf + b->kept, p, some);
		add_windows(b, some);
		b->end += some;
		b->kept = all < BLOCK_BYTES - 1 ? all : BLOCK_BYTES - 1;
		memmove(b->buf, b->buf + all - b->kept, b->kept);
		p += some;
		n -= some;
	}
}

/* ---- comparing ------------------------------------------------------------------------------- */

struct looking {
	const struct remnant_blocks *b;
	const struct remnant_blocks_in *in;
	const struct source *media;
	struct remnants *out;
	uint64_t media_size;
	uint64_t until;  /* what is before is found, or read */
	size_t file;     /* of in->files: the first that does not end before what is looked at */
	uint8_t *mine;   /* [COMPARED] of the contents */
	uint8_t *theirs; /* [COMPARED] of the media */
	uint8_t *chunk;  /* [CHUNK], of the media where there is no table */
	struct extent_map own; /* of the source `owner` */
	uint32_t owner;
	bool owned; /* they are known */
};

/* All of [@len], or as much as can be read. */
static size_t fill(const struct source *media, uint8_t *buf, size_t len, uint64_t off)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = source_pread(media, buf + done, len - done, off + done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done;
}

/* Whether the window is that very block. */
static bool is_itself(struct looking *x, const struct window *w, uint64_t off)
{
	const struct remnant_source *from = &x->in->sources[w->source];
	const struct extent *e = NULL;
	uint64_t in = 0;
	size_t n = 0;

	if (from->kind != REMNANT_CONTENTS || from->ev != x->in->ev)
		return false;
	if (!x->owned || x->owner != w->source) {
		extent_map_release(&x->own);
		x->own = (struct extent_map){NULL, 0};
		x->owned = true;
		x->owner = w->source;
		if (content_extents(from->ev, from->trace, &x->own))
			x->own = (struct extent_map){NULL, 0};
	}
	e = x->own.n > 0 ? extent_map_part(&x->own, w->off, BLOCK_BYTES, &in, &n) : NULL;
	return e && e->kind == EXTENT_DATA && n == BLOCK_BYTES && e->offset + in == off;
}

/* How many bytes agree from contents byte @mine and media byte @theirs on. */
static uint64_t agree_behind(
	struct looking *x, const struct remnant_text *t, uint64_t mine, uint64_t theirs)
{
	uint64_t same = 0;

	for (;;) {
		size_t n = remnant_text_fill(t, x->mine, COMPARED, mine + same);
		size_t m = fill(x->media, x->theirs, n, theirs + same);
		size_t i = 0;

		while (i < m && x->mine[i] == x->theirs[i])
			i++;
		same += i;
		if (i < COMPARED)
			return same;
	}
}

/* The same backwards, of what lies before them. */
static uint64_t agree_before(
	struct looking *x, const struct remnant_text *t, uint64_t mine, uint64_t theirs)
{
	uint64_t same = 0;

	for (;;) {
		uint64_t left = mine < theirs ? mine - same : theirs - same;
		size_t n = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
		size_t i = 0;

		if (remnant_text_fill(t, x->mine, n, mine - same - n) < n ||
			fill(x->media, x->theirs, n, theirs - same - n) < n)
			return same;
		while (i < n && x->mine[n - 1 - i] == x->theirs[n - 1 - i])
			i++;
		same += i;
		if (i < BLOCK_BYTES)
			return same;
	}
}

/* As much of it as lies in files. */
static int take(struct looking *x, uint64_t begin, uint64_t end, uint32_t source)
{
	const struct spans *files = x->in->files;
	struct remnants *o = x->out;

	for (size_t i = spans_from(files, begin); i < files->n && files->v[i].begin < end; i++) {
		const struct span *f = &files->v[i];

		if (array_room(&o->v, sizeof(*o->v), o->n, &o->cap))
			return -ENOMEM;
		o->v[o->n++] = (struct remnant){.begin = begin > f->begin ? begin : f->begin,
			.end = end < f->end ? end : f->end,
			.source = source,
			.shared = true};
	}
	return 0;
}

/* Return: 1 they are equal, and what agrees is taken; 0 they are not; -ENOMEM. */
static int compare(struct looking *x, const struct window *w, uint64_t off)
{
	const struct remnant_text *t = &x->in->texts[w->source];
	uint64_t behind = BLOCK_BYTES;
	uint64_t before = 0;
	int r = 0;

	if (is_itself(x, w, off))
		return 1;
	/* in doubt they are */
	if (remnant_text_fill(t, x->mine, BLOCK_BYTES, w->off) == BLOCK_BYTES &&
		fill(x->media, x->theirs, BLOCK_BYTES, off) == BLOCK_BYTES) {
		if (memcmp(x->mine, x->theirs, BLOCK_BYTES) != 0)
			return 0;
		behind += agree_behind(x, t, w->off + BLOCK_BYTES, off + BLOCK_BYTES);
		before = agree_before(x, t, w->off, off);
	}
	r = take(x, off - before, off + behind, w->source);
	x->until = off + behind;
	return r ? r : 1;
}

/* A block of the media, whose hash is that of some window. */
static int met(struct looking *x, uint64_t hash, uint64_t off)
{
	const struct remnant_blocks *b = x->b;
	const struct spans *files = x->in->files;
	int r = 0;

	while (x->file < files->n && files->v[x->file].end <= off)
		x->file++;
	if (off + BLOCK_BYTES <= x->until || x->file == files->n ||
		files->v[x->file].begin >= off + BLOCK_BYTES)
		return 0;
	for (size_t i = slot_of(b, hash); r == 0 && b->v[i].used; i = (i + 1) & (b->slots - 1)) {
		if (b->v[i].hash == hash)
			r = compare(x, &b->v[i], off);
	}
	return r < 0 ? r : 0;
}

/* ---- looking --------------------------------------------------------------------------------- */

/* Whole blocks from media byte @begin to @end, of which some could not be read before. */
static int read_blocks(struct looking *x, uint64_t begin, uint64_t end)
{
	int r = 0;

	while (r == 0 && begin < end) {
		size_t want = end - begin < CHUNK ? (size_t)(end - begin) : CHUNK;
		size_t n = fill(x->media, x->chunk, want, begin);

		if (*x->in->stop)
			return -EINTR;
		for (size_t at = 0; r == 0 && at + BLOCK_BYTES <= n; at += BLOCK_BYTES) {
			uint64_t hash = 0;

			if (block_kind(x->chunk + at, &hash) == BLOCK_HASHED && may_be(x->b, hash))
				r = met(x, hash, begin + at);
		}
		/* what cannot be read is shown to nobody */
		begin += n < want ? n - n % BLOCK_BYTES + BLOCK_BYTES : n;
	}
	return r;
}

/* The same, of files alone. */
static int read_files(struct looking *x, uint64_t begin, uint64_t end)
{
	const struct spans *files = x->in->files;
	int r = 0;

	for (size_t i = spans_from(files, begin);
		r == 0 && i < files->n && files->v[i].begin < end && begin < end; i++) {
		uint64_t first = files->v[i].begin / BLOCK_BYTES * BLOCK_BYTES;
		uint64_t last = (files->v[i].end + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;

		if (first < begin)
			first = begin;
		if (last > end)
			last = end;
		if (first < last)
			r = read_blocks(x, first, last);
		begin = last > begin ? last : begin;
	}
	return r;
}

static int on_blocks(
	void *ctx, enum block_kind kind, uint64_t first, uint64_t n, const uint64_t *hashes)
{
	struct looking *x = ctx;
	int r = *x->in->stop ? -EINTR : 0;

	if (r == 0 && kind == BLOCK_UNREAD)
		return read_files(x, first * BLOCK_BYTES, (first + n) * BLOCK_BYTES);
	for (uint64_t i = 0; r == 0 && kind == BLOCK_HASHED && i < n; i++) {
		if (may_be(x->b, hashes[i]))
			r = met(x, hashes[i], (first + i) * BLOCK_BYTES);
	}
	return r;
}

static int look(struct looking *x)
{
	size_t before = x->out->n;
	int r = blocks_each(x->in->ev->dir, x->media_size, on_blocks, x);

	if (r == 0 || r == -EINTR || r == -ENOMEM)
		return r;
	/* no table that can be relied on */
	x->out->n = before;
	x->until = 0;
	x->file = 0;
	return read_files(x, 0, x->media_size / BLOCK_BYTES * BLOCK_BYTES);
}

int remnant_blocks_find(
	struct remnant_blocks *b, const struct remnant_blocks_in *in, struct remnants *out)
{
	struct looking x = {.b = b,
		.in = in,
		.media = evidence_media(in->ev),
		.out = out,
		.media_size = in->ev->manifest.image.media_size,
		.mine = malloc(COMPARED),
		.theirs = malloc(COMPARED),
		.chunk = malloc(CHUNK)};
	int r = x.mine && x.theirs && x.chunk ? 0 : -ENOMEM;

	if (r == 0 && b->n > 0 && in->files->n > 0)
		r = x.media ? look(&x) : -EIO;
	extent_map_release(&x.own);
	free(x.mine);
	free(x.theirs);
	free(x.chunk);
	return r;
}
