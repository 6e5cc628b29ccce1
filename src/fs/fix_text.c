/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fix_text.c - libtsk's conversions of names, defined again
 *
 * See fix_runs.c on how these take effect. libtsk 4.11.1 writes '^' for what
 * it takes for bad text, so that different names look the same:
 *
 * tsk_UTF16toUTF8()      '^' for an unpaired surrogate; here its three bytes
 *                        (WTF-8). Control characters pass in disguise, see
 *                        text.h; so does NUL where more of the name follows.
 * hfs_UTF16toUTF8()      '^' for NUL, which HFS+ names may have, and for control
 *                        characters; here they pass in disguise. Two names
 *                        keep theirs, since libtsk looks for them by it.
 * fatfs_cleanup_ascii()  '^' for each byte above ASCII in a short FAT name;
 *                        here they stay: the code page is not known.
 * fatfs_utf16_inode_str_2_utf8()  ends the process at an exFAT name without
 *                        characters, and writes behind a name that fills its
 *                        place.
 */
#include "fs/tsk.h"

#include <string.h>

#include "fs/text.h"
#include "volume/utf16.h"

enum conversion { CONVERSION_OK = 0, CONVERSION_NO_ROOM = 2, CONVERSION_ILLEGAL = 3 };

int tsk_UTF16toUTF8(TSK_ENDIAN_ENUM endian, const uint8_t **src, const uint8_t *src_end,
	uint8_t **dst, const uint8_t *dst_end, int flags);
void fatfs_cleanup_ascii(char *name);
int fatfs_utf16_inode_str_2_utf8(TSK_FS_INFO *fs, uint16_t *src, size_t src_len, uint8_t *dest,
	size_t dest_len, TSK_INUM_T inum, const char *what);

/* What fills up the place of a name, in FAT and exFAT: NULs, and 0xffff behind the first of them.
 */
static bool is_filling(const uint8_t *p, const uint8_t *end)
{
	for (; end - p >= 2; p += 2) {
		if (p[0] != p[1] || (p[0] != 0 && p[0] != 0xff))
			return false;
	}
	return true;
}

int tsk_UTF16toUTF8(TSK_ENDIAN_ENUM endian, const uint8_t **src, const uint8_t *src_end,
	uint8_t **dst, const uint8_t *dst_end, int flags)
{
	const uint8_t *p = *src;
	uint8_t *q = *dst;
	int r = CONVERSION_OK;

	(void)flags;
	while (p < src_end && src_end - p >= 2) {
		uint8_t out[4];
		size_t used = 0;
		uint32_t c = utf16_next(p, (size_t)(src_end - p), endian == TSK_BIG_ENDIAN, &used);
		size_t n = utf8_encode(c, out);

		if (c < 0x20 && (c > 0 || !is_filling(p, src_end))) {
			out[0] = TEXT_DISGUISE;
			out[1] = (uint8_t)(0x80 | c);
			n = 2;
		}
		if (n > (size_t)(dst_end - q)) {
			r = CONVERSION_NO_ROOM;
			break;
		}
		for (size_t i = 0; i < n; i++)
			*q++ = out[i];
		p += used;
	}
	*src = p;
	*dst = q;
	return r;
}

void fatfs_cleanup_ascii(char *name)
{
	(void)name;
}

int fatfs_utf16_inode_str_2_utf8(TSK_FS_INFO *fs, uint16_t *src, size_t src_len, uint8_t *dest,
	size_t dest_len, TSK_INUM_T inum, const char *what)
{
	const uint8_t *p = (const uint8_t *)src;
	uint8_t *q = dest;
	int r = CONVERSION_OK;

	if (!fs || !src || !dest || dest_len == 0 || src_len > SIZE_MAX / 2)
		return CONVERSION_ILLEGAL;
	r = tsk_UTF16toUTF8(fs->endian, &p, p + src_len * 2, &q, dest + dest_len - 1, 0);
	*q = '\0';
	if (r != CONVERSION_OK) {
		*dest = '\0';
		tsk_error_reset();
		tsk_error_set_errno(TSK_ERR_FS_UNICODE);
		tsk_error_set_errstr("%s of inode %" PRIuINUM " is too long", what, inum);
	}
	return r;
}

/* Directories of HFS+ that hard links lead to, as libtsk writes their names. */
static bool is_private(const uint8_t *p, size_t n, bool big)
{
	static const char *const name[] = {TEXT_HFS_FILES, TEXT_HFS_DIRS};

	for (size_t k = 0; k < 2; k++) {
		size_t i = 0;

		if (strlen(name[k]) * 2 != n)
			continue;
		for (; i < n / 2; i++) {
			unsigned c = p[i * 2 + (big ? 1 : 0)];

			if (p[i * 2 + (big ? 0 : 1)] != 0 ||
				c != (name[k][i] == '^' ? (k == 0 ? 0u : 13u)
							: (unsigned char)name[k][i]))
				break;
		}
		if (i == n / 2)
			return true;
	}
	return false;
}

/* One character; Unix systems see ':' where HFS+ has '/'. */
static size_t hfs_character(uint32_t c, bool plain, uint8_t out[4])
{
	if (c == '/')
		c = ':';
	if (c >= 0x20)
		return utf8_encode(c, out);
	out[0] = plain ? '^' : TEXT_DISGUISE;
	out[1] = (uint8_t)(0x80 | c);
	return plain ? 1 : 2;
}

uint8_t hfs_UTF16toUTF8(
	TSK_FS_INFO *fs, uint8_t *uni, int ulen, char *asc, int alen, uint32_t flags)
{
	const uint8_t *p = uni;
	size_t left = ulen > 0 ? (size_t)ulen * 2 : 0;
	size_t room = alen > 0 ? (size_t)alen : 0;
	bool big = fs->endian == TSK_BIG_ENDIAN;
	bool plain = is_private(p, left, big);

	(void)flags;
	if (room == 0)
		return 1;
	memset(asc, 0, room--);
	while (left >= 2) {
		uint8_t out[4];
		size_t used = 0;
		size_t n = hfs_character(utf16_next(p, left, big, &used), plain, out);

		if (n > room)
			return 1;
		memcpy(asc, out, n);
		asc += n;
		room -= n;
		p += used;
		left -= used;
	}
	return 0;
}

int text_plain(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((uint8_t)p[i] == TEXT_DISGUISE)
			return 0;
	}
	return 1;
}

void text_put(struct buf *b, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)p[i];
		uint8_t next = i + 1 < n ? (uint8_t)p[i + 1] : 0;

		if (c == TEXT_DISGUISE && next >= 0x80 && next < 0xa0) {
			buf_put_u8(b, next & 0x1f);
			i++;
		} else {
			buf_put_u8(b, c);
		}
	}
}
