/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ntfs_record.c - MFT records whose run lists leave them
 *
 * libtsk follows a run list to its end mark, wherever that is, and believes
 * where a list begins. Records in which a list begins or ends behind its own
 * attribute are shown to it as zeros.
 * Source: Linux, fs/ntfs3/ntfs.h.
 */
#include "fs/ntfs_record.h"

#include <string.h>

#define SECTOR     512u
#define RECORD_MAX 4096u
#define END        0xffffffffu
#define HEAD_BYTES 16u /* of an attribute of either form */
#define RUNS_BYTES 64u /* of one that has a run list, before it */

static uint64_t le(const uint8_t *p, size_t off, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[off + n];
	return v;
}

/* The last two bytes of each sector stand at the record's beginning. */
static void put_back(uint8_t *r, size_t n)
{
	size_t list = (size_t)le(r, 4, 2);
	size_t count = (size_t)le(r, 6, 2);

	if (count > n / SECTOR + 1 || list + count * 2 > n)
		return;
	for (size_t i = 1; i < count; i++)
		memcpy(r + i * SECTOR - 2, r + list + i * 2, 2);
}

/* A run is a byte of two lengths and the fields they tell of; a length of 0 ends the list. */
static bool list_ends(const uint8_t *p, size_t n)
{
	size_t at = 0;

	while (at < n && (p[at] & 15) > 0)
		at += 1u + (p[at] & 15) + (p[at] >> 4);
	return at < n;
}

static bool record_unsound(const uint8_t *b, size_t n)
{
	uint8_t r[RECORD_MAX];
	size_t at = 0;

	if (n > sizeof(r) || memcmp(b, "FILE", 4) != 0)
		return false;
	memcpy(r, b, n);
	put_back(r, n);
	at = (size_t)le(r, 0x14, 2);
	while (at <= n && n - at >= HEAD_BYTES && le(r, at, 4) != END) {
		size_t len = (size_t)le(r, at + 4, 4);
		size_t list = 0;

		/* libtsk looks at this itself. */
		if (len < HEAD_BYTES || len > n - at)
			return false;
		if (r[at + 8]) {
			if (len < RUNS_BYTES)
				return true;
			list = (size_t)le(r, at + 0x20, 2);
			if (list >= len || !list_ends(r + at + list, len - list))
				return true;
		}
		at += len;
	}
	return false;
}

void ntfs_guard(struct fs *f)
{
	struct tsk_img_check c = {.from = f->offset, .step = SECTOR, .unsound = record_unsound};
	uint8_t b[SECTOR];
	uint64_t size = 0;

	if (source_read_all(f->s, b, sizeof(b), f->offset) != (ssize_t)sizeof(b))
		return;
	if (b[0x40] > 0x80)
		size = UINT64_C(1) << (256u - b[0x40] < 32 ? 256u - b[0x40] : 32);
	else
		size = le(b, 11, 2) * b[13] * b[0x40];
	if (size < SECTOR || size > RECORD_MAX)
		return;
	c.size = (uint32_t)size;
	tsk_img_check(f->img, &c);
}
