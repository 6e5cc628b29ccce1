/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - names as libtsk hands them on -> names as the disk has them
 *
 * libtsk replaces control characters by '^' after it has converted a name.
 * fix_text.c therefore lets them pass in disguise, as two bytes that no UTF-8
 * has; here they become themselves again.
 */
#ifndef EVIDENCEFS_FS_TEXT_H
#define EVIDENCEFS_FS_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define TEXT_DISGUISE 0xc0 /* first byte; the second is 0x80 + the control character */

/* Names that libtsk looks for: NULs, and a carriage return at the second's end. */
#define TEXT_HFS_FILES "^^^^HFS+ Private Data"
#define TEXT_HFS_DIRS  ".HFS+ Private Directory Data^"

/** text_plain() - does @p stand for itself? */
int text_plain(const char *p, size_t n);
/** text_put() - append [n] bytes of @p without disguise. */
void text_put(struct buf *b, const char *p, size_t n);

#endif
