/* SPDX-License-Identifier: Apache-2.0 */
/* blocks.c - hashes of the blocks of an image; see blocks.h, docs/FORMAT.blocks.md. */
#include "serve/blocks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/hash64.h"

#define MAGIC       "EVFSBLKS"
#define FORMAT      1u
#define HEADER      24u
#define END         5u /* kind of the last run */
#define DIGEST      32u
#define COUNT_SHIFT 8
#define HASHES      8192u /* of one run, at most; also read at a time */

enum block_kind block_kind(const uint8_t *p, uint64_t *hash)
{
	if (p[0] == p[BLOCK_BYTES - 1] && memcmp(p, p + 1, BLOCK_BYTES - 1) == 0)
		return p[0] ? BLOCK_CONSTANT : BLOCK_ZERO;
	*hash = hash64(p, BLOCK_BYTES);
	return BLOCK_HASHED;
}

/* ---- writing -------------------------------------------------------------------------------- */

struct blocks_writer {
	char *path;
	char *partial; /* what it is called meanwhile; NULL: it has its name */
	int fd;
	struct digest *digest;
	uint64_t blocks; /* whole ones of the image */
	uint64_t done;
	uint8_t part[BLOCK_BYTES]; /* of the block that is not whole yet */
	size_t part_n;
	bool part_unread;
	enum block_kind kind; /* of the run that goes on */
	uint64_t run;         /* blocks in it */
	uint64_t hashes[HASHES];
	struct buf out; /* not written yet */
};

static int put_out(struct blocks_writer *w)
{
	int r = w->out.error;

	if (r == 0)
		r = digest_update(w->digest, w->out.data, w->out.len);
	if (r == 0)
		r = file_write_all(w->fd, w->out.data, w->out.len);
	buf_reset(&w->out);
	return r;
}

static int end_run(struct blocks_writer *w)
{
	if (w->run == 0)
		return 0;
	buf_put_u64(&w->out, w->run << COUNT_SHIFT | w->kind);
	for (uint64_t i = 0; w->kind == BLOCK_HASHED && i < w->run; i++)
		buf_put_u64(&w->out, w->hashes[i]);
	w->run = 0;
	return w->out.len < HASHES * sizeof(uint64_t) ? w->out.error : put_out(w);
}

/* @n blocks of one kind, or one with its hash. */
static int add_blocks(struct blocks_writer *w, enum block_kind kind, uint64_t n, uint64_t hash)
{
	int r = 0;

	if (kind != w->kind || (kind == BLOCK_HASHED && w->run == HASHES))
		r = end_run(w);
	w->kind = kind;
	if (kind == BLOCK_HASHED)
		w->hashes[w->run] = hash;
	w->run += n;
	w->done += n;
	return r;
}

static int add_block(struct blocks_writer *w, const uint8_t *p)
{
	uint64_t hash = 0;
	enum block_kind kind = block_kind(p, &hash);

	return add_blocks(w, kind, 1, hash);
}

/* The rest of a block of which a part went by before. */
static int fill_part(struct blocks_writer *w, const uint8_t *p, size_t n)
{
	if (p)
		memcpy(w->part + w->part_n, p, n);
	w->part_unread = w->part_unread || !p;
	w->part_n += n;
	if (w->part_n < BLOCK_BYTES)
		return 0;
	w->part_n = 0;
	return w->part_unread ? add_blocks(w, BLOCK_UNREAD, 1, 0) : add_block(w, w->part);
}

static int begin_part(struct blocks_writer *w, const uint8_t *p, uint64_t n)
{
	w->part_unread = false;
	return n > 0 ? fill_part(w, p, (size_t)n) : 0;
}

int blocks_bytes(struct blocks_writer *w, uint64_t off, const uint8_t *p, uint64_t n)
{
	uint64_t at = 0;
	int r = off == w->done * BLOCK_BYTES + w->part_n ? 0 : -EINVAL;

	if (r == 0 && w->part_n > 0) {
		at = n < BLOCK_BYTES - w->part_n ? n : BLOCK_BYTES - w->part_n;
		r = fill_part(w, p, (size_t)at);
	}
	for (; r == 0 && p && n - at >= BLOCK_BYTES; at += BLOCK_BYTES)
		r = add_block(w, p + at);
	if (r == 0 && !p && n - at >= BLOCK_BYTES) {
		r = add_blocks(w, BLOCK_UNREAD, (n - at) / BLOCK_BYTES, 0);
		at += (n - at) / BLOCK_BYTES * BLOCK_BYTES;
	}
	if (r == 0 && at < n)
		r = begin_part(w, p ? p + at : NULL, n - at);
	return r;
}

static int begin_file(struct blocks_writer *w, const char *dir, uint64_t media_size)
{
	if (asprintf(&w->path, "%s/blocks", dir) < 0) {
		w->path = NULL;
		return -ENOMEM;
	}
	if (asprintf(&w->partial, "%s.partial", w->path) < 0) {
		w->partial = NULL;
		return -ENOMEM;
	}
	w->digest = digest_new(DIGEST_SHA256);
	if (!w->digest)
		return -ENOMEM;
	w->fd = open(w->partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (w->fd < 0)
		return -errno;
	buf_put(&w->out, MAGIC, sizeof(MAGIC) - 1);
	buf_put_u32(&w->out, FORMAT);
	buf_put_u32(&w->out, BLOCK_BYTES);
	buf_put_u64(&w->out, media_size);
	return w->out.error;
}

int blocks_begin(const char *dir, uint64_t media_size, struct blocks_writer **out)
{
	struct blocks_writer *w = calloc(1, sizeof(*w));
	int r = 0;

	if (!w)
		return -ENOMEM;
	w->fd = -1;
	w->blocks = media_size / BLOCK_BYTES;
	r = begin_file(w, dir, media_size);
	if (r) {
		blocks_free(w);
		return r;
	}
	*out = w;
	return 0;
}

int blocks_keep(struct blocks_writer *w, struct err *e)
{
	uint8_t sum[DIGEST_MAX];
	int r = w->done == w->blocks ? end_run(w) : -EINVAL;

	buf_put_u64(&w->out, END);
	if (r == 0)
		r = put_out(w);
	if (r == 0)
		r = digest_final(w->digest, sum);
	if (r == 0)
		r = file_write_all(w->fd, sum, DIGEST);
	if (r)
		return err_errno(e, -r, "%s", w->partial);
	r = file_commit(w->partial, w->path, e);
	if (r == 0) {
		free(w->partial);
		w->partial = NULL;
	}
	return r;
}

void blocks_free(struct blocks_writer *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	if (w->fd >= 0 && w->partial)
		unlink(w->partial);
	digest_free(w->digest);
	buf_release(&w->out);
	free(w->partial);
	free(w->path);
	free(w);
}

/* ---- reading -------------------------------------------------------------------------------- */

struct reading {
	FILE *f;
	struct digest *digest;
	uint64_t blocks; /* that are still to come */
	uint64_t next;
	blocks_fn *each;
	void *ctx;
	uint8_t raw[HASHES * sizeof(uint64_t)];
	uint64_t hashes[HASHES];
};

/* All of it, or the file is damaged. */
static int take(struct reading *x, size_t n)
{
	if (fread(x->raw, 1, n, x->f) != n)
		return ferror(x->f) ? -EIO : -EBADMSG;
	return 0;
}

static int take_summed(struct reading *x, size_t n)
{
	int r = take(x, n);

	return r ? r : digest_update(x->digest, x->raw, n);
}

static int read_header(struct reading *x, uint64_t media_size)
{
	int r = take_summed(x, HEADER);
	struct cur c = cur_of(x->raw, HEADER);

	if (r)
		return r;
	if (memcmp(cur_take(&c, sizeof(MAGIC) - 1), MAGIC, sizeof(MAGIC) - 1) != 0)
		return -EBADMSG;
	if (cur_u32(&c) != FORMAT || cur_u32(&c) != BLOCK_BYTES || cur_u64(&c) != media_size)
		return -EBADMSG;
	return 0;
}

static int read_hashes(struct reading *x, uint64_t n)
{
	int r = 0;

	while (r == 0 && n > 0) {
		size_t some = n < HASHES ? (size_t)n : HASHES;
		struct cur c;

		r = take_summed(x, some * sizeof(uint64_t));
		c = cur_of(x->raw, some * sizeof(uint64_t));
		for (size_t i = 0; r == 0 && i < some; i++)
			x->hashes[i] = cur_u64(&c);
		if (r == 0)
			r = x->each(x->ctx, BLOCK_HASHED, x->next, some, x->hashes);
		x->next += some;
		n -= some;
	}
	return r;
}

/* Return: 1 it was the last; 0; -errno. */
static int read_run(struct reading *x)
{
	int r = take_summed(x, sizeof(uint64_t));
	struct cur c = cur_of(x->raw, sizeof(uint64_t));
	uint64_t run = r ? 0 : cur_u64(&c);
	uint64_t n = run >> COUNT_SHIFT;
	unsigned kind = run & 0xff;

	if (r)
		return r;
	if (kind == END)
		return n == 0 && x->blocks == 0 ? 1 : -EBADMSG;
	if (kind < BLOCK_HASHED || kind > BLOCK_UNREAD || n == 0 || n > x->blocks)
		return -EBADMSG;
	x->blocks -= n;
	if (kind == BLOCK_HASHED)
		return read_hashes(x, n);
	r = x->each(x->ctx, (enum block_kind)kind, x->next, n, NULL);
	x->next += n;
	return r;
}

static int read_sum(struct reading *x)
{
	uint8_t sum[DIGEST_MAX];
	int r = digest_final(x->digest, sum);

	if (r == 0)
		r = take(x, DIGEST);
	if (r == 0 && (memcmp(sum, x->raw, DIGEST) != 0 || fgetc(x->f) != EOF))
		r = -EBADMSG;
	return r;
}

static int read_all(struct reading *x, uint64_t media_size)
{
	int r = read_header(x, media_size);

	while (r == 0)
		r = read_run(x);
	return r == 1 ? read_sum(x) : r;
}

int blocks_each(const char *dir, uint64_t media_size, blocks_fn *each, void *ctx)
{
	struct reading *x = calloc(1, sizeof(*x));
	char *path = NULL;
	int r = x && asprintf(&path, "%s/blocks", dir) >= 0 ? 0 : -ENOMEM;

	if (r == 0) {
		x->blocks = media_size / BLOCK_BYTES;
		x->each = each;
		x->ctx = ctx;
		x->digest = digest_new(DIGEST_SHA256);
		x->f = fopen(path, "rbe");
		r = x->f ? 0 : -errno;
	}
	if (r == 0)
		r = x->digest ? read_all(x, media_size) : -ENOMEM;
	if (x && x->f)
		fclose(x->f);
	if (x)
		digest_free(x->digest);
	free(x);
	free(path);
	return r;
}
