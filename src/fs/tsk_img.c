/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsk_img.c - a libtsk image over a source
 *
 * libtsk reads through its own 2 MiB cache in 64 KiB pieces; this hands them
 * to the source. The image ends where the volume ends, so that a file system
 * whose metadata points past its partition meets an error there and not its
 * neighbour's bytes. Nodes of APFS trees that libtsk must not follow read as
 * zeros.
 */
#include "fs/tsk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/apfs_node.h"

#define PATCH_MAX 4096
#define BAD_MAX   64

struct source_img {
	TSK_IMG_INFO tsk; /* first: libtsk sees only this */
	const struct source *s;
	uint64_t end;
	uint64_t patch_at; /* image byte */
	uint8_t patch[PATCH_MAX];
	size_t patch_len;
	uint64_t bad[BAD_MAX]; /* image bytes before which a read ends */
	size_t bad_n;
	bool nodes;        /* are looked at, in blocks from */
	uint64_t nodes_at; /* this image byte on */
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

/* The whole block at @at, of which [len] bytes at @off are in @buf; false: it is not all there. */
static bool whole_block(const struct source_img *i, const char *buf, size_t len, uint64_t off,
	uint64_t at, uint8_t b[APFS_BLOCK])
{
	if (at >= off && at - off + APFS_BLOCK <= len) {
		memcpy(b, buf + (at - off), APFS_BLOCK);
		return true;
	}
	return at <= i->end && i->end - at >= APFS_BLOCK &&
	       source_read_all(i->s, b, APFS_BLOCK, at) == APFS_BLOCK;
}

static void drop_nodes(const struct source_img *i, char *buf, size_t len, uint64_t off)
{
	uint8_t b[APFS_BLOCK];
	uint64_t at = off < i->nodes_at ? 0 : (off - i->nodes_at) / APFS_BLOCK * APFS_BLOCK;

	for (at += i->nodes_at; at < off + len; at += APFS_BLOCK) {
		uint64_t from = at < off ? off : at;
		uint64_t to = at + APFS_BLOCK < off + len ? at + APFS_BLOCK : off + len;

		if (whole_block(i, buf, len, off, at, b) && apfs_node_is(b) && !apfs_node_sound(b))
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
	if (i->nodes)
		drop_nodes(i, buf, done, (uint64_t)off);
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

void tsk_img_check_nodes(TSK_IMG_INFO *img, bool on, uint64_t off)
{
	struct source_img *i = (struct source_img *)img;

	if (i->nodes == on && i->nodes_at == off)
		return;
	i->nodes = on;
	i->nodes_at = off;
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
