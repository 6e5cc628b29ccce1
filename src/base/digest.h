/* SPDX-License-Identifier: Apache-2.0 */
/* digest.h - MD5, SHA-1 and SHA-256 (OpenSSL). A struct digest is used by one thread at a time. */
#ifndef EVIDENCEFS_BASE_DIGEST_H
#define EVIDENCEFS_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum digest_kind { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256 };

#define DIGEST_MAX     32 /* bytes of the longest */
#define DIGEST_HEX_MAX (2 * DIGEST_MAX + 1)

struct digest;

/** digest_size() - bytes: 16, 20, 32. */
size_t digest_size(enum digest_kind kind);
/** digest_new() - Return: ready for the first byte; NULL without memory. */
struct digest *digest_new(enum digest_kind kind);
/** digest_update() - Return: 0 or -EIO. */
int digest_update(struct digest *d, const void *p, size_t n);
/** digest_final() - write digest_size() bytes to @out and make ready for the next. */
int digest_final(struct digest *d, uint8_t *out);
void digest_free(struct digest *d);

/** digest_sha256() - of what is in memory; needs none itself. */
void digest_sha256(const void *p, size_t n, uint8_t out[static 32]);
/** digest_file() - SHA-256 of a whole file. */
int digest_file(const char *path, uint8_t out[32], struct err *e);
/** digest_hex() - lower-case hex with NUL; @out: [2 * n + 1]. Returns @out. */
char *digest_hex(const uint8_t *p, size_t n, char *out);
/** digest_random() - @n bytes from the system's generator. Return: 0 or -EIO. */
int digest_random(void *p, size_t n);

#endif
