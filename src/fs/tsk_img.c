/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsk_img.c - a libtsk image over a source
 *
 * libtsk reads through its own 2 MiB cache in 64 KiB pieces; this hands them
 * to the source. The image ends where the volume ends, so that a file system
 * whose metadata points past its partition meets an error there and not its
 * neighbour's bytes. What libtsk must not follow reads as zeros.
 */
#include "fs/tsk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PATCH_MAX 4096
#define BAD_MAX   64
#define CHECK_MAX 4096

struct source_img {
	TSK_IMG_INFO tsk; /* first: libtsk sees only this */
	const struct source *s;
	uint64_t end;
	uint64_t patch_at; /* image byte */
	uint8_t patch[PATCH_MAX];
	size_t patch_len;
	uint64_t bad[BAD_MAX]; /* image bytes before which a read ends */
	size_t bad_n;
	struct tsk_img_check check; /* .unsound is NULL: none */
	bool trusted;
};

static void put_patch(const struct source_img *i, char *buf, size_t len, uint64_t off)
{
	for (size_t k = 0; k < i->patch_len; k++) {
		uint64_t at = i->patch_at + k;

		if (at >= off && at - off < len)
			buf[at - off] = (char)i->patch[k];
	}
}

/* How much of [len] bytes at @off may be read; 0 when the first may not. */
static size_t before_bad(const struct source_img *i, size_t len, uint64_t off)
{
	for (size_t k = 0; k < i->bad_n; k++) {
		if (i->bad[k] >= off && i->bad[k] - off < len)
			len = (size_t)(i->bad[k] - off);
	}
	return len;
}

/* The [size] bytes at @at, of which [len] at @off are in @buf, or by way of @b; NULL: not there. */
static const uint8_t *whole(const struct source_img *i, const char *buf, size_t len, uint64_t off,
	uint64_t at, uint8_t b[CHECK_MAX])
{
	size_t size = i->check.size;

	if (at >= off && at - off <= len && len - (at - off) >= size)
		return (const uint8_t *)buf + (at - off);
	if (at > i->end || i->end - at < size ||
		source_read_all(i->s, b, size, at) != (ssize_t)size)
		return NULL;
	return b;
}

/* What is unsound, and what of it lies in [len] bytes at @off, becomes zeros. */
static void drop_unsound(const struct source_img *i, char *buf, size_t len, uint64_t off)
{
	const struct tsk_img_check *c = &i->check;
	uint64_t back = c->size - c->step;
	uint64_t at = off - c->from > back ? (off - c->from - back) / c->step * c->step : 0;
	uint8_t b[CHECK_MAX];

	if (off < c->from)
		at = 0;
	for (at += c->from; at < off + len; at += c->step) {
		uint64_t from = at < off ? off : at;
		uint64_t to = at + c->size < off + len ? at + c->size : off + len;
		const uint8_t *p = whole(i, buf, len, off, at, b);

		if (p && from < to && c->unsound(p, c->size))
			memset(buf + (from - off), 0, (size_t)(to - from));
	}
}

static ssize_t img_read(TSK_IMG_INFO *img, TSK_OFF_T off, char *buf, size_t len)
{
	const struct source_img *i = (const struct source_img *)img;
	size_t done = 0;

	if (off < 0 || (uint64_t)off > i->end) {
		tsk_error_set_errno(TSK_ERR_IMG_READ_OFF);
		return -1;
	}
	if (len > i->end - (uint64_t)off)
		len = (size_t)(i->end - (uint64_t)off);
	if (len > 0 && (len = before_bad(i, len, (uint64_t)off)) == 0) {
		tsk_error_set_errno(TSK_ERR_IMG_READ);
		return -1;
	}
	while (done < len) {
		ssize_t n = source_pread(i->s, buf + done, len - done, (uint64_t)off + done);

		/* What lies before a fault is given: libtsk asks for more than it needs. */
		if (n < 0 && done == 0) {
			tsk_error_set_errno(TSK_ERR_IMG_READ);
			return -1;
		}
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	put_patch(i, buf, done, (uint64_t)off);
	if (i->check.unsound && !i->trusted)
		drop_unsound(i, buf, done, (uint64_t)off);
	return (ssize_t)done;
}

static void img_close(TSK_IMG_INFO *img)
{
	free(img);
}

static void img_stat(TSK_IMG_INFO *img, FILE *out)
{
	(void)img;
	(void)out;
}

void tsk_img_patch(TSK_IMG_INFO *img, uint64_t off, const void *p, size_t n)
{
	struct source_img *i = (struct source_img *)img;

	if (n > PATCH_MAX)
		return;
	i->patch_at = off;
	memcpy(i->patch, p, n);
	i->patch_len = n;
	/* What was read before may lie in libtsk's cache. */
	memset(img->cache_len, 0, sizeof(img->cache_len));
}

bool tsk_img_bad(TSK_IMG_INFO *img, uint64_t off)
{
	struct source_img *i = (struct source_img *)img;

	if (i->bad_n == BAD_MAX)
		return false;
	i->bad[i->bad_n++] = off;
	memset(img->cache_len, 0, sizeof(img->cache_len));
	return true;
}

void tsk_img_no_bad(TSK_IMG_INFO *img)
{
	struct source_img *i = (struct source_img *)img;

	if (i->bad_n > 0)
		memset(img->cache_len, 0, sizeof(img->cache_len));
	i->bad_n = 0;
}

void tsk_img_check(TSK_IMG_INFO *img, const struct tsk_img_check *c)
{
	struct source_img *i = (struct source_img *)img;

	if (!c && !i->check.unsound)
		return;
	i->check = (struct tsk_img_check){.unsound = NULL};
	if (c && c->step > 0 && c->size >= c->step && c->size <= CHECK_MAX)
		i->check = *c;
	memset(img->cache_len, 0, sizeof(img->cache_len));
}

void tsk_img_trust(TSK_IMG_INFO *img, bool yes)
{
	struct source_img *i = (struct source_img *)img;

	if (i->trusted == yes || !i->check.unsound)
		return;
	i->trusted = yes;
	memset(img->cache_len, 0, sizeof(img->cache_len));
}

TSK_IMG_INFO *tsk_img_of_source(const struct source *s, uint64_t end)
{
	struct source_img *i = NULL;

	if (end > INT64_MAX)
		return NULL;
	i = calloc(1, sizeof(*i));
	if (!i)
		return NULL;
	i->s = s;
	i->end = end;
	if (!tsk_img_open_external(&i->tsk, (TSK_OFF_T)end, 512, img_read, img_close, img_stat)) {
		free(i);
		return NULL;
	}
	return &i->tsk;
}
