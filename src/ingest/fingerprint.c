/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fingerprint.c - the key under which an image's indexes are kept; see fingerprint.h.
 *
 * A thread of its own reads, on descriptors and into memory of its own: when storage
 * does not answer, it can be left behind.
 */
#include "ingest/fingerprint.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/now.h"
#include "base/thread.h"

#define SAMPLES      16
#define SAMPLE_BYTES 4096
#define TICK_NS      100000000

/* Reads of one file: at SAMPLES + 1 places. */
struct samples {
	int fd;
	uint64_t size;
	ssize_t n[SAMPLES + 1]; /* bytes, or -errno */
	uint8_t bytes[SAMPLES + 1][SAMPLE_BYTES];
};

/* Shared with the thread; freed by the last of the two. */
struct reading {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool left; /* nobody waits for it any more */
	bool done;
	size_t files;
	struct samples file[2];
};

static void reading_free(struct reading *r)
{
	for (size_t i = 0; i < r->files; i++)
		if (r->file[i].fd >= 0)
			close(r->file[i].fd);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static int reading_add(struct reading *r, const struct image_file *f)
{
	struct samples *s = &r->file[r->files++];

	s->size = f->size;
	s->fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 3);
	return s->fd < 0 ? -errno : 0;
}

static void sample(struct samples *s)
{
	uint64_t last = s->size > SAMPLE_BYTES ? s->size - SAMPLE_BYTES : 0;

	for (uint64_t i = 0; i <= SAMPLES; i++) {
		ssize_t n = 0;

		do
			n = pread(s->fd, s->bytes[i], SAMPLE_BYTES, (off_t)(last / SAMPLES * i));
		while (n < 0 && errno == EINTR);
		s->n[i] = n < 0 ? -errno : n;
	}
}

static void *reading_main(void *arg)
{
	struct reading *r = arg;
	bool left = false;

	for (size_t i = 0; i < r->files; i++)
		sample(&r->file[i]);
	pthread_mutex_lock(&r->lock);
	r->done = true;
	left = r->left;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	if (left)
		reading_free(r);
	return NULL;
}

/* Signals are for the thread that waits. */
static int begin(struct reading *r)
{
	int e = 0;

	e = thread_start(&r->thread, reading_main, r);
	return -e;
}

/* Return: 0 it is done and its thread has ended, so that the caller may fork; -EINTR it is left
 * alone, and frees itself. */
static int wait_for(struct reading *r, int (*tick)(void *ctx), void *ctx)
{
	pthread_t thread = r->thread;
	bool stop = false;

	pthread_mutex_lock(&r->lock);
	while (!r->done && !stop) {
		struct timespec until = now_plus(CLOCK_REALTIME, TICK_NS);

		pthread_cond_timedwait(&r->changed, &r->lock, &until);
		pthread_mutex_unlock(&r->lock);
		stop = tick && tick(ctx) != 0;
		pthread_mutex_lock(&r->lock);
	}
	stop = stop && !r->done;
	r->left = stop;
	pthread_mutex_unlock(&r->lock);
	if (stop)
		pthread_detach(thread);
	else
		pthread_join(thread, NULL);
	return stop ? -EINTR : 0;
}

/* Return: 0 and *@out, all read, caller frees. */
static int read_samples(const struct image_files *f, int (*tick)(void *ctx), void *ctx,
	struct reading **out, struct err *e)
{
	struct reading *r = calloc(1, sizeof(*r));
	int code = 0;

	if (!r)
		return err_errno(e, ENOMEM, "%s", f->v[0].path);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	code = reading_add(r, &f->v[0]);
	if (code == 0 && f->n > 1)
		code = reading_add(r, &f->v[f->n - 1]);
	if (code == 0)
		code = begin(r);
	if (code) {
		reading_free(r);
		return err_errno(e, -code, "cannot read %s", f->v[0].path);
	}
	code = wait_for(r, tick, ctx);
	if (code)
		return err_set(e, EINTR, "interrupted");
	*out = r;
	return 0;
}

static int add_samples(
	struct digest *d, const struct samples *s, const struct image_file *f, struct err *e)
{
	for (size_t i = 0; i <= SAMPLES; i++) {
		if (s->n[i] < 0)
			return err_errno(e, (int)-s->n[i], "cannot read %s", f->path);
		if (digest_update(d, s->bytes[i], (size_t)s->n[i]))
			return err_errno(e, EIO, "%s", f->path);
	}
	return 0;
}

/* @times: two copies of an image differ in them. */
static void describe(const struct image_files *f, const char *types, bool times, struct buf *b)
{
	buf_put_u32(b, f->format);
	for (size_t i = 0; i < f->n; i++) {
		buf_put_u64(b, f->v[i].size);
		if (times)
			buf_put_u64(b, (uint64_t)f->v[i].mtime_ns);
	}
	buf_puts(b, types ? types : "");
}

/* Of what was described, and of samples. */
static int digest_of(const struct image_files *f, const struct buf *b, const struct reading *read,
	uint8_t *value, struct err *e)
{
	struct digest *d = digest_new(DIGEST_SHA256);
	int r = d ? 0 : err_errno(e, ENOMEM, "%s", f->v[0].path);

	if (r == 0 && (b->error || digest_update(d, b->data, b->len)))
		r = err_errno(e, ENOMEM, "%s", f->v[0].path);
	for (size_t i = 0; r == 0 && i < read->files; i++)
		r = add_samples(d, &read->file[i], &f->v[i ? f->n - 1 : 0], e);
	if (r == 0 && digest_final(d, value))
		r = err_errno(e, EIO, "%s", f->v[0].path);
	digest_free(d);
	return r;
}

int fingerprint(const struct image_files *f, const char *types, int (*tick)(void *ctx), void *ctx,
	char out[FINGERPRINT_HEX], struct err *e)
{
	struct reading *read = NULL;
	struct buf b = BUF_INIT;
	uint8_t value[DIGEST_MAX];
	int r = read_samples(f, tick, ctx, &read, e);

	describe(f, types, true, &b);
	if (r == 0)
		r = digest_of(f, &b, read, value, e);
	if (r == 0)
		digest_hex(value, (FINGERPRINT_HEX - 1) / 2, out);
	if (read)
		reading_free(read);
	buf_release(&b);
	return r;
}

int fingerprint_sample(
	const struct image_files *f, char out[static FINGERPRINT_SAMPLE_HEX], struct err *e)
{
	struct reading *read = NULL;
	struct buf b = BUF_INIT;
	uint8_t value[DIGEST_MAX];
	int r = read_samples(f, NULL, NULL, &read, e);

	describe(f, NULL, false, &b);
	if (r == 0)
		r = digest_of(f, &b, read, value, e);
	if (r == 0)
		digest_hex(value, (FINGERPRINT_SAMPLE_HEX - 1) / 2, out);
	if (read)
		reading_free(read);
	buf_release(&b);
	return r;
}
