/* SPDX-License-Identifier: Apache-2.0 */
/* commit.c - commitments to names and texts; see commit.h. */
#define OPENSSL_SUPPRESS_DEPRECATED /* the calls without a context: one is made for each open */
#include "audit/commit.h"

#include <endian.h>
#include <string.h>

#include <openssl/sha.h>

#define BLOCK 64 /* bytes of SHA-256 */

/* HMAC-SHA-256 with a key of 32 bytes (RFC 2104). */
static void hmac(const uint8_t key[static COMMIT_SECRET], const void *p, size_t n,
	uint8_t out[static SHA256_DIGEST_LENGTH])
{
	uint8_t inner[BLOCK];
	uint8_t outer[BLOCK];
	SHA256_CTX c;

	memset(inner, 0x36, BLOCK);
	memset(outer, 0x5c, BLOCK);
	for (size_t i = 0; i < COMMIT_SECRET; i++) {
		inner[i] ^= key[i];
		outer[i] ^= key[i];
	}
	SHA256_Init(&c);
	SHA256_Update(&c, inner, BLOCK);
	SHA256_Update(&c, p, n);
	SHA256_Final(out, &c);
	SHA256_Init(&c);
	SHA256_Update(&c, outer, BLOCK);
	SHA256_Update(&c, out, SHA256_DIGEST_LENGTH);
	SHA256_Final(out, &c);
}

void commit_act_salt(const uint8_t secret[static COMMIT_SECRET], uint8_t salt[static COMMIT_SALT])
{
	static const char what[] = "evidencefs act v1";

	hmac(secret, what, sizeof(what) - 1, salt);
}

void commit_names_key(const uint8_t secret[static COMMIT_SECRET], uint8_t key[static COMMIT_SECRET])
{
	static const char what[] = "evidencefs names v1";

	hmac(secret, what, sizeof(what) - 1, key);
}

void commit_name_salt(const uint8_t key[static COMMIT_SECRET],
	const uint8_t evidence[static AUDIT_EVIDENCE_ID], uint64_t trace,
	uint8_t salt[static COMMIT_SALT])
{
	uint8_t what[AUDIT_EVIDENCE_ID + sizeof(trace)];

	trace = htole64(trace);
	memcpy(what, evidence, AUDIT_EVIDENCE_ID);
	memcpy(what + AUDIT_EVIDENCE_ID, &trace, sizeof(trace));
	hmac(key, what, sizeof(what), salt);
}

void commit(const uint8_t salt[static COMMIT_SALT], const void *p, size_t n,
	uint8_t out[static AUDIT_COMMITMENT])
{
	SHA256_CTX c;

	SHA256_Init(&c);
	SHA256_Update(&c, salt, COMMIT_SALT);
	SHA256_Update(&c, p, n);
	SHA256_Final(out, &c);
}
