/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf16.h - UTF-16LE as disks have it -> UTF-8
 *
 * Nothing is lost: an unpaired surrogate becomes the three bytes that UTF-8
 * would give its code point (WTF-8), so that different names stay different.
 */
#ifndef EVIDENCEFS_VOLUME_UTF16_H
#define EVIDENCEFS_VOLUME_UTF16_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/** utf16_next() - the code point at @p ([n] bytes, n >= 2); *@used gets 2 or 4. */
uint32_t utf16_next(const uint8_t *p, size_t n, int big_endian, size_t *used);

/** utf8_encode() - @c's bytes into @out. Return: 1 to 4. */
size_t utf8_encode(uint32_t c, uint8_t out[4]);

/** utf16le_put() - append [n] bytes of UTF-16LE, NULs included; an odd last byte is dropped. */
void utf16le_put(struct buf *b, const uint8_t *p, size_t n);

/** utf16le_put_str() - the same up to the first NUL. */
void utf16le_put_str(struct buf *b, const uint8_t *p, size_t n);

#endif
