/* SPDX-License-Identifier: Apache-2.0 */
/* witness.c - cosignatures of witnesses; see witness.h. */
#include "audit/witness.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "audit/note.h"
#include "audit/signer.h"
#include "base/buf.h"
#include "base/digest.h"

#define DASH         "\xe2\x80\x94 "
#define COSIGNATURE  0x04 /* the kind of key */
#define WITNESS_NAME 256
#define KEY_HASH     4
#define TIME         8

struct witness {
	char name[WITNESS_NAME];
	uint8_t hash[KEY_HASH];
	uint8_t key[RECORD_KEY];
};

/* Just @want bytes, as padded base64 of [n] characters. */
static bool decode(const char *text, size_t n, uint8_t *out, size_t want)
{
	uint8_t bytes[128];
	char again[256];

	if (n != (want + 2) / 3 * 4 || n > sizeof(bytes) ||
		EVP_DecodeBlock(bytes, (const uint8_t *)text, (int)n) < 0)
		return false;
	/* one encoding only */
	if (note_base64(bytes, want, again) != n || memcmp(again, text, n) != 0)
		return false;
	memcpy(out, bytes, want);
	return true;
}

/* [n] bytes of "name+hash+key". */
static bool read_key(const char *text, size_t n, struct witness *out)
{
	const char *plus = memchr(text, '+', n);
	const size_t name = plus ? (size_t)(plus - text) : 0;
	uint8_t bytes[1 + RECORD_KEY];
	uint8_t sum[32] = {0};
	char hex[2 * KEY_HASH + 1];
	struct buf said = BUF_INIT;

	if (name == 0 || name >= sizeof(out->name) || n < name + 2 * KEY_HASH + 2 ||
		plus[1 + 2 * KEY_HASH] != '+' ||
		!decode(plus + 2 + 2 * KEY_HASH, n - name - 2 - 2 * KEY_HASH, bytes,
			sizeof(bytes)) ||
		bytes[0] != COSIGNATURE)
		return false;
	memcpy(out->name, text, name);
	out->name[name] = '\0';
	memcpy(out->key, bytes + 1, RECORD_KEY);
	buf_put(&said, text, name);
	buf_put_u8(&said, '\n');
	buf_put(&said, bytes, sizeof(bytes));
	if (!said.error)
		digest_sha256(said.data, said.len, sum);
	memcpy(out->hash, sum, KEY_HASH);
	digest_hex(sum, KEY_HASH, hex);
	buf_release(&said);
	return memcmp(plus + 1, hex, 2 * KEY_HASH) == 0;
}

/* Whether the signature holds: over when it was, and what the checkpoint says. */
static bool holds(const struct witness *w, const uint8_t *line, const char *note, size_t body)
{
	struct buf said = BUF_INIT;
	char head[64];
	uint64_t when = 0;
	bool good = false;

	memcpy(&when, line + KEY_HASH, TIME);
	snprintf(head, sizeof(head), "cosignature/v1\ntime %" PRIu64 "\n", be64toh(when));
	buf_put(&said, head, strlen(head));
	buf_put(&said, note, body);
	good = !said.error && signer_checks(w->key, said.data, said.len, line + KEY_HASH + TIME);
	buf_release(&said);
	return good;
}

/* Signature lines of one witness. Return: how many hold; -EBADMSG one does not. */
static int check_lines(const struct witness *w, const char *note, struct err *e)
{
	const char *p = strstr(note, "\n\n");
	const size_t body = p ? (size_t)(p + 1 - note) : 0;
	const size_t name = strlen(w->name);
	int n = 0;

	for (p = p ? p + 2 : NULL; p && *p;) {
		const char *end = strchr(p, '\n');
		const char *text = p + strlen(DASH) + name + 1;
		uint8_t line[KEY_HASH + TIME + RECORD_SIGNATURE];

		if (!end)
			break;
		if (text < end && strncmp(p, DASH, strlen(DASH)) == 0 &&
			strncmp(p + strlen(DASH), w->name, name) == 0 && text[-1] == ' ' &&
			decode(text, (size_t)(end - text), line, sizeof(line)) &&
			memcmp(line, w->hash, KEY_HASH) == 0) {
			if (!holds(w, line, note, body))
				return err_set(
					e, EBADMSG, "the cosignature of %s does not hold", w->name);
			n++;
		}
		p = end + 1;
	}
	return n;
}

int witness_check(const char *keys, const char *note, struct err *e)
{
	int all = 0;

	for (const char *p = keys ? keys + strspn(keys, " \t") : ""; *p;) {
		const size_t n = strcspn(p, " \t");
		struct witness w;
		int found = 0;

		if (!read_key(p, n, &w))
			return err_set(e, EINVAL, "%.*s: is no key of a witness", (int)n, p);
		found = check_lines(&w, note, e);
		if (found < 0)
			return found;
		all += found > 0;
		p += n + strspn(p + n, " \t");
	}
	return all ? all
		   : err_set(e, ENOENT,
			     "no cosignature of a witness that is known is in it: their keys are "
			     "witnesses in [log] of evidencefs.conf(5)");
}
