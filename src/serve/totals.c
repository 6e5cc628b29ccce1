/* SPDX-License-Identifier: Apache-2.0 */
/*
 * totals.c - three digests from one read; see totals.h.
 *
 * Each digest has a thread, which follows the reader through a ring of blocks: MD5, the
 * slowest, keeps one processor, and what is left of the others inflates, reads and does
 * the rest. The ring is as deep as it takes for nobody to wait while there is work.
 */
#include "serve/totals.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/digest.h"

#define BLOCK  ((size_t)1 << 20) /* stays in the processor's cache until all have seen it */
#define BLOCKS 8u
#define LANES  3u

struct ring;

/* A digest, and how far it is. */
struct lane {
	struct ring *ring;
	struct digest *digest;
	pthread_t thread;
	uint64_t done; /* blocks */
};

struct ring {
	pthread_mutex_t lock; /* over what follows, and `done` of the lanes */
	pthread_cond_t changed;
	uint64_t filled; /* blocks, ever */
	bool end;
	size_t len[BLOCKS];
	uint8_t *bytes;
	unsigned lanes; /* that have been started */
	struct lane lane[LANES];
};

static uint8_t *block_of(const struct ring *r, uint64_t number)
{
	return r->bytes + number % BLOCKS * BLOCK;
}

static void *lane_main(void *arg)
{
	struct lane *l = arg;
	struct ring *r = l->ring;

	pthread_mutex_lock(&r->lock);
	for (;;) {
		while (l->done == r->filled && !r->end)
			pthread_cond_wait(&r->changed, &r->lock);
		if (l->done == r->filled)
			break;
		pthread_mutex_unlock(&r->lock);
		digest_update(l->digest, block_of(r, l->done), r->len[l->done % BLOCKS]);
		pthread_mutex_lock(&r->lock);
		l->done++;
		pthread_cond_broadcast(&r->changed);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* With the lock: whether every lane is done with the blocks before @number. */
static bool is_behind(const struct ring *r, uint64_t number)
{
	for (unsigned i = 0; i < r->lanes; i++)
		if (r->lane[i].done < number)
			return false;
	return true;
}

/* Where the next block is to be read to. */
static uint8_t *ring_room(struct ring *r)
{
	pthread_mutex_lock(&r->lock);
	while (r->filled >= BLOCKS && !is_behind(r, r->filled - BLOCKS + 1))
		pthread_cond_wait(&r->changed, &r->lock);
	pthread_mutex_unlock(&r->lock);
	return block_of(r, r->filled);
}

static void ring_add(struct ring *r, size_t len)
{
	pthread_mutex_lock(&r->lock);
	r->len[r->filled % BLOCKS] = len;
	r->filled++;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

/* No more blocks come; the digests are of all that did. */
static void ring_end(struct ring *r)
{
	pthread_mutex_lock(&r->lock);
	r->end = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	for (unsigned i = 0; i < r->lanes; i++)
		pthread_join(r->lane[i].thread, NULL);
}

static int ring_begin(struct ring *r)
{
	static const enum digest_kind kind[LANES] = {DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256};

	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	r->bytes = malloc(BLOCKS * BLOCK);
	if (!r->bytes)
		return -ENOMEM;
	for (unsigned i = 0; i < LANES; i++) {
		struct lane *l = &r->lane[i];

		l->ring = r;
		l->digest = digest_new(kind[i]);
		if (!l->digest)
			return -ENOMEM;
		if (pthread_create(&l->thread, NULL, lane_main, l))
			return -EAGAIN;
		pthread_mutex_lock(&r->lock);
		r->lanes++;
		pthread_mutex_unlock(&r->lock);
	}
	return 0;
}

static void ring_release(struct ring *r)
{
	for (unsigned i = 0; i < LANES; i++)
		digest_free(r->lane[i].digest);
	free(r->bytes);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
}

struct reading {
	const struct source *media;
	const struct totals_opts *o;
	uint64_t off;
	uint64_t unreadable;
};

static int show(const struct reading *t, const uint8_t *p, uint64_t n)
{
	return t->o->bytes ? t->o->bytes(t->o->ctx, t->off, p, n) : 0;
}

/* The next block, or past an unreadable piece: its place is skipped and counted. */
static int next_block(struct reading *t, struct ring *r)
{
	uint64_t piece = t->o->piece - t->off % t->o->piece;
	uint64_t left = source_size(t->media) - t->off;
	uint8_t *block = ring_room(r);
	ssize_t n = 0;
	int rc = 0;

	source_ahead(t->media, t->off, BLOCK, left > BLOCK ? left - BLOCK : 0);
	n = source_pread(t->media, block, BLOCK, t->off);
	if (n > 0) {
		ring_add(r, (size_t)n);
		rc = show(t, block, (uint64_t)n);
		t->off += (uint64_t)n;
		return rc;
	}
	if (piece > left)
		piece = left;
	rc = show(t, NULL, piece);
	t->unreadable += piece;
	t->off += piece;
	return rc;
}

static int read_all(struct reading *t, struct ring *ring)
{
	uint64_t size = source_size(t->media);
	int r = 0;

	while (r == 0 && t->off < size && !*t->o->stop) {
		r = next_block(t, ring);
		t->o->progress(t->o->ctx, t->off, size);
	}
	return r == 0 && t->off < size ? -EINTR : r;
}

int totals_make(const struct source *media, const struct totals_opts *o, struct totals *out)
{
	struct reading t = {.media = media, .o = o};
	struct ring ring = {.filled = 0};
	struct totals found = {.unreadable = 0};
	int r = ring_begin(&ring);

	if (r == 0)
		r = read_all(&t, &ring);
	ring_end(&ring);
	if (r == 0 && (digest_final(ring.lane[0].digest, found.md5) ||
			      digest_final(ring.lane[1].digest, found.sha1) ||
			      digest_final(ring.lane[2].digest, found.sha256)))
		r = -EIO;
	ring_release(&ring);
	found.unreadable = t.unreadable;
	if (r == 0)
		*out = found;
	return r;
}
