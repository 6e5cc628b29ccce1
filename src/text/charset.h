/* SPDX-License-Identifier: Apache-2.0 */
/*
 * charset.h - bytes in some character set as UTF-8
 *
 * What has no meaning in the character set becomes U+FFFD, and what stands
 * behind it is read on. Only what container_prepare() loaded is known.
 */
#ifndef EVIDENCEFS_TEXT_CHARSET_H
#define EVIDENCEFS_TEXT_CHARSET_H

#include <stddef.h>
#include <stdint.h>

struct charset;
/* Who is given UTF-8, whole characters. */
typedef void charset_take(void *ctx, const char *utf8, size_t n);

/**
 * charset_open() - decode a character set
 * @name: of iconv; NULL, or what Latin-1 and its kin are called: UTF-8, and bytes that are
 *        no UTF-8 are windows-1252
 * Return: 0 and *@out; -ENOENT it is not known; -ENOMEM.
 */
int charset_open(const char *name, charset_take *take, void *ctx, struct charset **out);
void charset_feed(struct charset *c, const void *p, size_t n);
/** charset_close() - what was held back is given. NULL is allowed. */
void charset_close(struct charset *c);

/** charset_1252() - the character that a byte is in windows-1252. */
uint32_t charset_1252(uint8_t byte);
/**
 * charset_of_mark() - what a mark at the beginning says (UTF-8, UTF-16, UTF-32)
 * *@mark: its bytes. Return: the name, or NULL: there is none.
 */
const char *charset_of_mark(const uint8_t *p, size_t n, size_t *mark);

#endif
