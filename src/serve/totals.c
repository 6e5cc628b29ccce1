/* SPDX-License-Identifier: Apache-2.0 */
/*
 * totals.c - three digests from one read; see totals.h.
 *
 * MD5 is the slowest of the three: a second thread works on it while the first
 * does the other two and reads on.
 */
#include "serve/totals.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/digest.h"

#define BLOCK ((size_t)4 << 20)

/* A digest that another thread works on. */
struct lane {
	struct digest *digest;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	const void *block; /* NULL: idle */
	size_t len;
	bool end;
};

static void *lane_main(void *arg)
{
	struct lane *l = arg;

	pthread_mutex_lock(&l->lock);
	for (;;) {
		while (!l->block && !l->end)
			pthread_cond_wait(&l->changed, &l->lock);
		if (!l->block)
			break;
		pthread_mutex_unlock(&l->lock);
		digest_update(l->digest, l->block, l->len);
		pthread_mutex_lock(&l->lock);
		l->block = NULL;
		pthread_cond_broadcast(&l->changed);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

static void lane_feed(struct lane *l, const void *block, size_t len)
{
	pthread_mutex_lock(&l->lock);
	l->block = block;
	l->len = len;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

static void lane_wait(struct lane *l)
{
	pthread_mutex_lock(&l->lock);
	while (l->block)
		pthread_cond_wait(&l->changed, &l->lock);
	pthread_mutex_unlock(&l->lock);
}

static int lane_begin(struct lane *l, enum digest_kind kind)
{
	*l = (struct lane){.digest = digest_new(kind)};
	if (!l->digest)
		return -ENOMEM;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->changed, NULL);
	if (pthread_create(&l->thread, NULL, lane_main, l)) {
		digest_free(l->digest);
		return -EAGAIN;
	}
	return 0;
}

static void lane_end(struct lane *l)
{
	pthread_mutex_lock(&l->lock);
	l->end = true;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->lock);
	digest_free(l->digest);
}

struct reading {
	const struct source *media;
	const struct totals_opts *o;
	struct lane md5;
	struct digest *sha1;
	struct digest *sha256;
	uint64_t unreadable;
};

/* The next block, or past an unreadable piece: its place is skipped and counted. */
static ssize_t next_block(struct reading *t, uint8_t *block, uint64_t *off)
{
	uint64_t piece = t->o->piece - *off % t->o->piece;
	uint64_t left = source_size(t->media) - *off;
	ssize_t n = source_pread(t->media, block, BLOCK, *off);

	if (n >= 0)
		return n;
	if (piece > left)
		piece = left;
	t->unreadable += piece;
	*off += piece;
	return 0;
}

static int read_all(struct reading *t, uint8_t *blocks)
{
	uint64_t size = source_size(t->media);
	uint64_t off = 0;
	unsigned turn = 0;

	while (off < size && !*t->o->stop) {
		uint8_t *block = blocks + (turn++ % 2) * BLOCK;
		ssize_t n = next_block(t, block, &off);

		lane_wait(&t->md5);
		if (n > 0) {
			lane_feed(&t->md5, block, (size_t)n);
			digest_update(t->sha1, block, (size_t)n);
			digest_update(t->sha256, block, (size_t)n);
			off += (uint64_t)n;
		}
		t->o->progress(t->o->ctx, off, size);
	}
	lane_wait(&t->md5);
	return off < size ? -EINTR : 0;
}

static int finish(struct reading *t, struct totals *out)
{
	out->unreadable = t->unreadable;
	if (digest_final(t->md5.digest, out->md5) || digest_final(t->sha1, out->sha1) ||
		digest_final(t->sha256, out->sha256))
		return -EIO;
	return 0;
}

int totals_make(const struct source *media, const struct totals_opts *o, struct totals *out)
{
	struct reading t = {.media = media, .o = o};
	uint8_t *blocks = malloc(2 * BLOCK);
	int r = blocks ? lane_begin(&t.md5, DIGEST_MD5) : -ENOMEM;

	if (r == 0) {
		t.sha1 = digest_new(DIGEST_SHA1);
		t.sha256 = digest_new(DIGEST_SHA256);
		r = t.sha1 && t.sha256 ? read_all(&t, blocks) : -ENOMEM;
		if (r == 0)
			r = finish(&t, out);
		lane_end(&t.md5);
	}
	digest_free(t.sha1);
	digest_free(t.sha256);
	free(blocks);
	return r;
}
