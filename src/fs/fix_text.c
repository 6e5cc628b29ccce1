/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fix_text.c - libtsk's conversions of names, defined again
 *
 * See fix_runs.c on how these take effect. libtsk 4.11.1 writes '^' for what
 * it takes for bad text, so that different names look the same:
 *
 * tsk_UTF16toUTF8()      '^' for an unpaired surrogate; here its three bytes
 *                        (WTF-8). Control characters pass in disguise, see
 *                        text.h.
 * fatfs_cleanup_ascii()  '^' for each byte above ASCII in a short FAT name;
 *                        here they stay: the code page is not known.
 */
#include "fs/tsk.h"

#include "fs/text.h"
#include "volume/utf16.h"

enum conversion { CONVERSION_OK = 0, CONVERSION_NO_ROOM = 2 };

int tsk_UTF16toUTF8(TSK_ENDIAN_ENUM endian, const uint8_t **src, const uint8_t *src_end,
	uint8_t **dst, const uint8_t *dst_end, int flags);
void fatfs_cleanup_ascii(char *name);

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

		if (c > 0 && c < 0x20) {
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
