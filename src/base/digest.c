/* SPDX-License-Identifier: Apache-2.0 */
/* digest.c - MD5, SHA-1 and SHA-256; see digest.h. */
#define OPENSSL_SUPPRESS_DEPRECATED /* the calls without a context: they cannot fail */
#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

struct digest {
	EVP_MD_CTX *ctx;
	enum digest_kind kind;
};

static const EVP_MD *method(enum digest_kind kind)
{
	switch (kind) {
	case DIGEST_MD5:
		return EVP_md5();
	case DIGEST_SHA1:
		return EVP_sha1();
	case DIGEST_SHA256:
		return EVP_sha256();
	}
	return NULL;
}

void digest_sha256(const void *p, size_t n, uint8_t out[static 32])
{
	SHA256_CTX c;

	SHA256_Init(&c);
	SHA256_Update(&c, p, n);
	SHA256_Final(out, &c);
}

size_t digest_size(enum digest_kind kind)
{
	return kind == DIGEST_MD5 ? 16 : kind == DIGEST_SHA1 ? 20 : 32;
}

struct digest *digest_new(enum digest_kind kind)
{
	struct digest *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->kind = kind;
	d->ctx = EVP_MD_CTX_new();
	if (!d->ctx || EVP_DigestInit_ex(d->ctx, method(kind), NULL) != 1) {
		digest_free(d);
		return NULL;
	}
	return d;
}

int digest_update(struct digest *d, const void *p, size_t n)
{
	return EVP_DigestUpdate(d->ctx, p, n) == 1 ? 0 : -EIO;
}

int digest_final(struct digest *d, uint8_t *out)
{
	if (EVP_DigestFinal_ex(d->ctx, out, NULL) != 1)
		return -EIO;
	return EVP_DigestInit_ex(d->ctx, method(d->kind), NULL) == 1 ? 0 : -EIO;
}

void digest_free(struct digest *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->ctx);
	free(d);
}

int digest_file(const char *path, uint8_t out[32], struct err *e)
{
	struct digest *d = digest_new(DIGEST_SHA256);
	uint8_t *block = malloc(1 << 20);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;
	int r = 0;

	if (!d || !block)
		r = err_errno(e, ENOMEM, "%s", path);
	else if (fd < 0)
		r = err_errno(e, errno, "%s", path);
	while (r == 0 && (n = read(fd, block, 1 << 20)) > 0)
		r = digest_update(d, block, (size_t)n);
	if (r == 0 && n < 0)
		r = err_errno(e, errno, "%s", path);
	if (r == 0)
		r = digest_final(d, out);
	if (fd >= 0)
		close(fd);
	free(block);
	digest_free(d);
	return r;
}

char *digest_hex(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = '\0';
	return out;
}

int digest_random(void *p, size_t n)
{
	return getrandom(p, n, 0) == (ssize_t)n ? 0 : -EIO;
}
