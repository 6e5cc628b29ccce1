/* SPDX-License-Identifier: Apache-2.0 */
/* other.c - BSD, Sun and Apple partition tables, through libtsk; numbers are slot + 1. */
#include "volume/tables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#pragma GCC diagnostic ignored "-Wundef"
#include <tsk/libtsk.h>
#pragma GCC diagnostic pop

/*
 * What libtsk is told of the size of the media: it refuses a whole table when an early partition
 * begins past the end, and media may be cut off. table_add() clips, and notes it.
 */
#define MEDIA_CLAIMED ((TSK_OFF_T)1 << 60)

struct table_img {
	TSK_IMG_INFO tsk; /* first: libtsk sees only this */
	const struct source *s;
};

static ssize_t img_read(TSK_IMG_INFO *img, TSK_OFF_T off, char *buf, size_t len)
{
	const struct table_img *i = (const struct table_img *)img;
	ssize_t n = off < 0 ? -1 : source_read_all(i->s, buf, len, (uint64_t)off);

	return n < 0 ? -1 : n;
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

static bool is_used(const TSK_VS_PART_INFO *p)
{
	return p->flags & TSK_VS_PART_FLAG_ALLOC && !(p->flags & TSK_VS_PART_FLAG_META) &&
	       p->slot_num >= 0;
}

/* The whole disk as one of its own slices: another lies within it. */
static bool is_whole(const TSK_VS_INFO *vs, const TSK_VS_PART_INFO *whole)
{
	if (whole->start != 0)
		return false;
	for (const TSK_VS_PART_INFO *p = vs->part_list; p; p = p->next) {
		if (p != whole && is_used(p) && p->len < whole->len && p->start < whole->len &&
			p->len <= whole->len - p->start)
			return true;
	}
	return false;
}

static int take(TSK_VS_INFO *vs, const char *kind, const struct source *s, struct volume_table *t)
{
	int r = 0;

	snprintf(t->kind, sizeof(t->kind), "%s", kind);
	for (const TSK_VS_PART_INFO *p = vs->part_list; p && r == 0; p = p->next) {
		uint64_t off = 0;
		uint64_t len = 0;

		if (!is_used(p) || is_whole(vs, p))
			continue;
		if (__builtin_mul_overflow(p->start, (uint64_t)vs->block_size, &off) ||
			__builtin_mul_overflow(p->len, (uint64_t)vs->block_size, &len))
			continue;
		r = table_add(t, s, (unsigned)p->slot_num + 1, off, len, p->desc ? p->desc : "");
	}
	return r ? r : t->n > 0;
}

int other_read(const struct source *s, struct volume_table *t)
{
	static const struct {
		TSK_VS_TYPE_ENUM type;
		const char *kind;
	} kinds[] = {{TSK_VS_TYPE_BSD, "bsd"}, {TSK_VS_TYPE_SUN, "sun"}, {TSK_VS_TYPE_MAC, "mac"}};
	struct table_img *i = NULL;
	int r = 0;

	if (source_size(s) > INT64_MAX || source_size(s) < (uint64_t)VOLUME_SECTOR * 2)
		return 0;
	i = calloc(1, sizeof(*i));
	if (!i)
		return -ENOMEM;
	i->s = s;
	if (!tsk_img_open_external(
		    &i->tsk, MEDIA_CLAIMED, VOLUME_SECTOR, img_read, img_close, img_stat)) {
		free(i);
		return 0;
	}
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]) && r == 0; k++) {
		TSK_VS_INFO *vs = tsk_vs_open(&i->tsk, 0, kinds[k].type);

		tsk_error_reset();
		if (!vs)
			continue;
		r = take(vs, kinds[k].kind, s, t);
		tsk_vs_close(vs);
	}
	tsk_img_close(&i->tsk);
	return r;
}
