/* SPDX-License-Identifier: Apache-2.0 */
/* remnants.c - pieces of given contents where no file has them; see remnants.h. */
#include "serve/remnants.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "serve/remnant_blocks.h"
#include "serve/remnant_names.h"
#include "serve/remnant_spans.h"
#include "serve/remnant_text.h"

#define STRIDE_MIN 64u
#define PIECES_MAX (UINT64_C(1) << 20)
#define CHUNK      (1024u * 1024)
#define KEPT       4096u /* bytes before a chunk, for what began there */
#define FACTOR     UINT64_C(0x9e3779b97f4a7c15)

struct piece {
	uint64_t hash;
	uint64_t off; /* in its contents */
	uint32_t source;
	bool used;
};

struct search {
	struct evidence *ev;
	const struct remnant_source *sources;
	struct remnant_text *texts; /* of each source */
	size_t n;
	const _Atomic bool *stop;
	struct piece *pieces; /* open addressing, a power of two of them */
	size_t slots;
	uint8_t *maybe; /* a bit for each of some hashes */
	uint64_t maybe_mask;
	uint64_t out_factor; /* of the byte that leaves a piece */
	struct spans look;   /* settled */
	struct spans files;
	struct spans free; /* those of them that may have been a directory */
	size_t free_at;    /* the first that does not end before what is looked at */
	struct remnant_names *names;
	struct remnant_blocks *blocks;
	uint8_t *buf; /* [KEPT + CHUNK] */
	uint8_t *other;
	struct remnants *out;
};

/* ---- pieces --------------------------------------------------------------------------------- */

static uint64_t hash_of(const uint8_t *p)
{
	uint64_t h = 0;

	for (size_t i = 0; i < REMNANT_PIECE; i++)
		h = h * FACTOR + p[i] + 1;
	return h;
}

/* Of what is mostly one byte there is much everywhere, and it says nothing. */
static bool says_something(const uint8_t *p)
{
	unsigned kinds = 0;

	for (size_t i = 0; i < REMNANT_PIECE && kinds < 6; i++)
		kinds += memchr(p, p[i], i) == NULL;
	return kinds >= 6;
}

static size_t slot_of(const struct search *s, uint64_t hash)
{
	return (size_t)(hash >> 20) & (s->slots - 1);
}

static void add_piece(struct search *s, const uint8_t *p, uint32_t source, uint64_t off)
{
	uint64_t h = hash_of(p);
	size_t i = slot_of(s, h);

	if (!says_something(p))
		return;
	while (s->pieces[i].used) {
		if (s->pieces[i].hash == h)
			return;
		i = (i + 1) & (s->slots - 1);
	}
	s->pieces[i] = (struct piece){h, off, source, true};
	s->maybe[(h >> 40 & s->maybe_mask) >> 3] |= (uint8_t)(1u << (h >> 40 & 7));
}

static int add_source(struct search *s, uint32_t source, uint64_t stride)
{
	const struct remnant_text *t = &s->texts[source];
	uint64_t size = t->size;
	uint64_t step = CHUNK / stride * stride;

	for (uint64_t off = 0; off < size; off += step) {
		size_t want = size - off < CHUNK ? (size_t)(size - off) : CHUNK;
		/* what cannot be read is not known, here or elsewhere */
		size_t done = remnant_text_fill(t, s->buf, want, off);

		remnant_blocks_add(s->blocks, source, s->buf, done, off);
		for (uint64_t at = 0; at + REMNANT_PIECE <= done; at += stride)
			add_piece(s, s->buf + at, source, off + at);
		if (*s->stop)
			return -EINTR;
	}
	return 0;
}

static int add_name(struct search *s, struct evidence *ev, uint64_t trace, size_t source)
{
	struct evidence_cursor c;
	struct trace t;
	int r = 0;

	evidence_cursor_init(&c, ev);
	r = evidence_get(&c, trace, &t);
	if (r == 0 && t.original)
		r = remnant_names_add(s->names, t.original, t.original_len, source);
	else if (r == 0 && t.name)
		r = remnant_names_add(s->names, (const uint8_t *)t.name, t.name_len, source);
	evidence_cursor_release(&c);
	return r;
}

static int open_sources(struct search *s, uint64_t *total)
{
	s->texts = calloc(s->n + 1, sizeof(*s->texts));
	if (!s->texts)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++) {
		const struct remnant_source *from = &s->sources[i];
		int r = from->kind == REMNANT_NAME ? add_name(s, from->ev, from->trace, i)
						   : remnant_text_open(from, &s->texts[i]);

		if (r == -ENOMEM)
			return r;
		*total += s->texts[i].size;
	}
	return 0;
}

static int take_sources(struct search *s)
{
	uint64_t total = 0;
	uint64_t stride = STRIDE_MIN;
	uint64_t pieces = 0;
	uint64_t bits = 1 << 16;
	int r = open_sources(s, &total);

	while (total / stride > PIECES_MAX)
		stride *= 2;
	if (stride > CHUNK)
		stride = CHUNK;
	pieces = total / stride + s->n + 1;
	for (s->slots = 1024; s->slots < 2 * pieces;)
		s->slots *= 2;
	while (bits < 16 * pieces)
		bits *= 2;
	s->maybe_mask = bits - 1;
	s->pieces = r ? NULL : calloc(s->slots, sizeof(*s->pieces));
	s->maybe = r ? NULL : calloc(1, (size_t)(bits / 8));
	if (r == 0 && (!s->pieces || !s->maybe))
		r = -ENOMEM;
	if (r == 0)
		r = remnant_blocks_new(total, s->n, &s->blocks);
	for (size_t i = 0; r == 0 && i < s->n; i++) {
		if (s->texts[i].size > 0)
			r = add_source(s, (uint32_t)i, stride);
	}
	return r;
}

/* ---- looking --------------------------------------------------------------------------------- */

static const struct piece *piece_of(const struct search *s, uint64_t h)
{
	if (!(s->maybe[(h >> 40 & s->maybe_mask) >> 3] >> (h >> 40 & 7) & 1))
		return NULL;
	for (size_t i = slot_of(s, h); s->pieces[i].used; i = (i + 1) & (s->slots - 1)) {
		if (s->pieces[i].hash == h)
			return &s->pieces[i];
	}
	return NULL;
}

/* How many bytes agree from contents byte @off and [@p, @p + @n) on. */
static size_t agree_behind(
	struct search *s, const struct remnant_text *t, uint64_t off, const uint8_t *p, size_t n)
{
	size_t same = 0;

	while (same < n) {
		size_t want = n - same < CHUNK ? n - same : CHUNK;
		ssize_t got = remnant_text_read(t, s->other, want, off + same);
		size_t at = same;

		for (ssize_t i = 0; i < got && s->other[i] == p[at + (size_t)i]; i++)
			same++;
		if (got <= 0 || same < at + (size_t)got)
			break;
	}
	return same;
}

/* The same backwards, from before @off and @p, at most @n bytes. */
static size_t agree_before(
	struct search *s, const struct remnant_text *t, uint64_t off, const uint8_t *p, size_t n)
{
	size_t want = off < n ? (size_t)off : n;
	size_t same = 0;
	ssize_t got = 0;

	if (want > CHUNK)
		want = CHUNK;
	got = want ? remnant_text_read(t, s->other, want, off - want) : 0;
	if (got != (ssize_t)want)
		return 0;
	while (same < want && s->other[want - 1 - same] == p[-1 - (ptrdiff_t)same])
		same++;
	return same;
}

static int add_remnant(struct search *s, uint64_t begin, uint64_t end, size_t source)
{
	struct remnants *o = s->out;
	struct remnant *last = o->n > 0 ? &o->v[o->n - 1] : NULL;

	if (last && last->source == source && begin <= last->end && begin >= last->begin) {
		last->end = end > last->end ? end : last->end;
		return 0;
	}
	if (array_room(&o->v, sizeof(*o->v), o->n, &o->cap))
		return -ENOMEM;
	o->v[o->n++] = (struct remnant){.begin = begin, .end = end, .source = source};
	return 0;
}

/*
 * A piece was met at buf[@at] of [@n]; buf[0] is media byte @off. *@next: where to go on.
 */
static int met(struct search *s, const struct piece *piece, size_t at, size_t n, uint64_t off,
	size_t *next)
{
	const struct remnant_text *t = &s->texts[piece->source];
	size_t behind = agree_behind(s, t, piece->off, s->buf + at, n - at);
	size_t before = 0;

	if (behind < REMNANT_PIECE)
		return 0;
	before = agree_before(s, t, piece->off, s->buf + at, at);
	*next = at + behind;
	/* at the end of the chunk: what follows is met in the next one */
	if (before + behind < REMNANT_MIN && before + behind < t->size && at + behind < n)
		return 0;
	return add_remnant(s, off + at - before, off + at + behind, piece->source);
}

static bool is_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* In buf[@from .. @n); what is before was looked at with the chunk before. */
static int look_at(struct search *s, size_t from, size_t n, uint64_t off)
{
	size_t at = from > REMNANT_PIECE ? from - REMNANT_PIECE + 1 : 0;
	uint64_t h = 0;
	int r = 0;

	if (n < REMNANT_PIECE || is_zero(s->buf + from, n - from))
		return 0;
	h = at + REMNANT_PIECE <= n ? hash_of(s->buf + at) : 0;
	while (r == 0 && at + REMNANT_PIECE <= n) {
		const struct piece *piece = piece_of(s, h);
		size_t next = at + 1;

		if (piece)
			r = met(s, piece, at, n, off, &next);
		if (next + REMNANT_PIECE > n)
			break;
		if (next == at + 1)
			h = (h - (s->buf[at] + UINT64_C(1)) * s->out_factor) * FACTOR +
			    s->buf[at + REMNANT_PIECE] + 1;
		else
			h = hash_of(s->buf + next);
		at = next;
	}
	return r;
}

struct at_names {
	struct search *s;
	const struct span *within;
	uint64_t off; /* media byte of the first */
};

/* Allocation units that *@begin to *@end lies in, in all volumes that have it. */
static void whole_units(struct evidence *ev, uint64_t *begin, uint64_t *end)
{
	for (unsigned k = 0; k < ev->manifest.n; k++) {
		const struct scan_volume *at = &ev->manifest.volumes[k].scan;
		const struct claims *c = NULL;

		if (*begin < at->offset || *end > at->offset + at->length || claims_of(ev, k, &c) ||
			c->unit == 0 || *begin < c->base)
			continue;
		*begin -= (*begin - c->base) % c->unit;
		*end += c->unit - 1 - (*end - c->base + c->unit - 1) % c->unit;
	}
}

/* What else was in that directory is of nobody: as much of it as is free is blanked too. */
static int met_name(void *ctx, size_t begin, size_t end, size_t source)
{
	const struct at_names *x = ctx;
	uint64_t first = x->off + begin;
	uint64_t last = x->off + end;

	whole_units(x->s->ev, &first, &last);
	return add_remnant(x->s, first > x->within->begin ? first : x->within->begin,
		last < x->within->end ? last : x->within->end, source);
}

/* Names in buf[@from .. @n), which is media byte @off on; @from: what is before is looked at again
 * as far as a name may reach. */
static int look_for_names(struct search *s, size_t from, size_t n, uint64_t off)
{
	struct at_names x = {.s = s};
	uint64_t begin = off + (from > REMNANT_NAME_MAX ? from - REMNANT_NAME_MAX : 0);
	int r = 0;

	while (s->free_at < s->free.n && s->free.v[s->free_at].end <= begin)
		s->free_at++;
	for (size_t i = s->free_at; r == 0 && i < s->free.n && s->free.v[i].begin < off + n; i++) {
		const struct span *f = &s->free.v[i];
		uint64_t first = f->begin > begin ? f->begin : begin;
		uint64_t last = f->end < off + n ? f->end : off + n;
		uint64_t room = f->begin > off ? f->begin : off;

		x.off = room;
		x.within = f;
		r = remnant_names_look(s->names, s->buf + (room - off), (size_t)(last - room),
			(size_t)(first - room), (size_t)(last - room), met_name, &x);
	}
	return r;
}

/* Bytes of the media from @begin to @end. */
static int look_through(struct search *s, uint64_t begin, uint64_t end)
{
	const struct source *media = evidence_media(s->ev);
	size_t kept = 0;
	int r = media ? 0 : -EIO;

	while (r == 0 && begin < end) {
		size_t want = end - begin < CHUNK ? (size_t)(end - begin) : CHUNK;
		ssize_t n = 0;

		source_ahead(media, begin, want, end - begin - want);
		n = source_pread(media, s->buf + kept, want, begin);
		if (*s->stop)
			return -EINTR;
		if (n <= 0) { /* a fault: nobody is shown these bytes */
			begin += want < 512 ? want : 512 - begin % 512;
			kept = 0;
			continue;
		}
		r = look_at(s, kept, kept + (size_t)n, begin - kept);
		if (r == 0)
			r = look_for_names(s, kept, kept + (size_t)n, begin - kept);
		begin += (size_t)n;
		n += (ssize_t)kept;
		kept = (size_t)n < KEPT ? (size_t)n : KEPT;
		memmove(s->buf, s->buf + n - kept, kept);
	}
	return r;
}

static int look(struct search *s)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->look.n; i++)
		r = look_through(s, s->look.v[i].begin, s->look.v[i].end);
	return r;
}

static int look_in_files(struct search *s)
{
	const struct remnant_blocks_in in = {.ev = s->ev,
		.sources = s->sources,
		.texts = s->texts,
		.files = &s->files,
		.stop = s->stop};

	return remnant_blocks_find(s->blocks, &in, s->out);
}

int remnants_find(struct evidence *ev, const struct remnant_source *sources, size_t n,
	const _Atomic bool *stop, struct remnants *out)
{
	struct remnants found = {NULL, 0, 0};
	struct search s = {.ev = ev,
		.sources = sources,
		.n = n,
		.stop = stop,
		.buf = malloc(KEPT + CHUNK),
		.other = malloc(CHUNK),
		.out_factor = 1,
		.out = &found};
	int r = s.buf && s.other ? remnant_names_new(&s.names) : -ENOMEM;

	for (size_t i = 1; i < REMNANT_PIECE; i++)
		s.out_factor *= FACTOR;
	if (r == 0)
		r = take_sources(&s);
	if (r == 0)
		r = remnant_spans_of(ev, &s.look, &s.free, &s.files);
	if (r == 0)
		r = look(&s);
	if (r == 0)
		r = look_in_files(&s);
	for (size_t i = 0; s.texts && i < n; i++)
		remnant_text_close(&s.texts[i]);
	free(s.texts);
	free(s.pieces);
	free(s.maybe);
	free(s.look.v);
	free(s.free.v);
	free(s.files.v);
	remnant_blocks_free(s.blocks);
	remnant_names_free(s.names);
	free(s.buf);
	free(s.other);
	if (r) {
		free(found.v);
		return r;
	}
	*out = found;
	return 0;
}
