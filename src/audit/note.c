/* SPDX-License-Identifier: Apache-2.0 */
/* note.c - checkpoints and keys as text; see note.h. */
#include "audit/note.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/digest.h"

#define ALGORITHM 1 /* Ed25519, in C2SP signed notes */
#define DASH      "\xe2\x80\x94 "
#define OTHER_MAX 1024 /* of a signature that is not ours */

void note_name(const uint8_t log_id[static RECORD_LOG_ID], char out[static NOTE_NAME_MAX])
{
	static const char origin[] = "evidencefs/";

	memcpy(out, origin, sizeof(origin));
	digest_hex(log_id, RECORD_LOG_ID, out + sizeof(origin) - 1);
}

void note_key_hash(const char *name, const uint8_t key[static RECORD_KEY], uint8_t out[static 4])
{
	uint8_t text[NOTE_NAME_MAX + 2 + RECORD_KEY];
	uint8_t hash[32];
	size_t n = strnlen(name, NOTE_NAME_MAX);

	memcpy(text, name, n);
	text[n] = '\n';
	text[n + 1] = ALGORITHM;
	memcpy(text + n + 2, key, RECORD_KEY);
	digest_sha256(text, n + 2 + RECORD_KEY, hash);
	memcpy(out, hash, 4);
}

size_t note_base64(const uint8_t *p, size_t n, char *out)
{
	return (size_t)EVP_EncodeBlock((uint8_t *)out, p, (int)n);
}

size_t note_text(const char *name, uint64_t size, const uint8_t root[static RECORD_ROOT],
	char out[static NOTE_MAX])
{
	char base64[64];

	note_base64(root, RECORD_ROOT, base64);
	return (size_t)snprintf(out, NOTE_MAX, "%s\n%" PRIu64 "\n%s\n", name, size, base64);
}

size_t note_encode(const char *name, const struct note *note, char out[static NOTE_MAX])
{
	uint8_t signature[4 + RECORD_SIGNATURE];
	char base64[128];
	size_t n = note_text(name, note->size, note->root, out);

	memcpy(signature, note->key_hash[0], 4);
	memcpy(signature + 4, note->signature[0], RECORD_SIGNATURE);
	note_base64(signature, sizeof(signature), base64);
	return n + (size_t)snprintf(out + n, NOTE_MAX - n, "\n" DASH "%s %s\n", name, base64);
}

/* ---- reading: what runs out of bytes is a part of one, what differs is none ------------- */

struct scan {
	const char *p;
	size_t n;
	int rc; /* 1 all right so far; 0 it ends too early; -EBADMSG */
};

static void take_text(struct scan *s, const char *text)
{
	size_t n = strlen(text);
	size_t have = s->n < n ? s->n : n;

	if (s->rc <= 0)
		return;
	if (memcmp(s->p, text, have) != 0)
		s->rc = -EBADMSG;
	else if (have < n)
		s->rc = 0;
	s->p += have;
	s->n -= have;
}

static uint64_t take_number(struct scan *s)
{
	uint64_t v = 0;

	for (size_t i = 0; s->rc > 0; i++, s->p++, s->n--) {
		if (s->n == 0)
			s->rc = 0;
		else if (i > 0 && *s->p == '\n')
			break;
		else if (*s->p < (i ? '0' : '1') || *s->p > '9' ||
			 __builtin_mul_overflow(v, 10, &v) ||
			 __builtin_add_overflow(v, (uint64_t)(*s->p - '0'), &v))
			s->rc = -EBADMSG;
		if (s->rc <= 0)
			break;
	}
	return v;
}

static void take_base64(struct scan *s, uint8_t *out, size_t bytes)
{
	char again[128] = "";
	uint8_t decoded[96];
	size_t chars = (bytes + 2) / 3 * 4;

	for (size_t i = 0; s->rc > 0 && i < chars && i < s->n; i++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=",
			    s->p[i]) ||
			s->p[i] == '\0')
			s->rc = -EBADMSG;
	if (s->rc <= 0)
		return;
	if (s->n < chars) {
		s->rc = 0;
		return;
	}
	if (EVP_DecodeBlock(decoded, (const uint8_t *)s->p, (int)chars) < 0)
		s->rc = -EBADMSG;
	else if (note_base64(decoded, bytes, again) != chars || memcmp(again, s->p, chars) != 0)
		s->rc = -EBADMSG;
	else
		memcpy(out, decoded, bytes);
	s->p += chars;
	s->n -= chars;
}

static void take_signature(struct scan *s, const char *name, struct note *out)
{
	uint8_t signature[4 + RECORD_SIGNATURE];

	take_text(s, DASH);
	take_text(s, name);
	take_text(s, " ");
	take_base64(s, signature, sizeof(signature));
	take_text(s, "\n");
	if (s->rc <= 0)
		return;
	memcpy(out->key_hash[out->signatures], signature, 4);
	memcpy(out->signature[out->signatures++], signature + 4, RECORD_SIGNATURE);
}

/* A line of somebody else: passed over. */
static void take_other(struct scan *s, const char *name, struct note *out)
{
	const char *end = memchr(s->p, '\n', s->n < OTHER_MAX ? s->n : OTHER_MAX);
	size_t own = strlen(DASH) + strlen(name);

	if (s->n > own && !memcmp(s->p + strlen(DASH), name, strlen(name)) && s->p[own] == ' ' &&
		out->signatures < NOTE_SIGNERS) {
		take_signature(s, name, out);
	} else if (!end) {
		s->rc = -EBADMSG;
	} else {
		s->n -= (size_t)(end + 1 - s->p);
		s->p = end + 1;
	}
}

/* Zeros only; or a part of one in which a sector is still missing. */
static bool was_not_written(const char *p, size_t n)
{
	size_t zeros = 0;

	for (size_t i = 0; i < n; i++)
		zeros += p[i] == '\0';
	return zeros == n || (zeros > 0 && n < NOTE_MAX);
}

int note_decode(const char *name, const char *p, size_t n, bool others, struct note *out)
{
	struct scan s = {p, n, 1};
	struct note note = {.size = 0};

	take_text(&s, name);
	take_text(&s, "\n");
	note.size = take_number(&s);
	take_text(&s, "\n");
	take_base64(&s, note.root, RECORD_ROOT);
	take_text(&s, "\n\n");
	if (others)
		while (s.rc > 0 && s.n > strlen(DASH) && !memcmp(s.p, DASH, strlen(DASH)))
			take_other(&s, name, &note);
	else
		take_signature(&s, name, &note);
	if (s.rc > 0)
		*out = note;
	return s.rc > 0 ? (int)(n - s.n) : s.rc == 0 || was_not_written(p, n) ? 0 : s.rc;
}

/* ---- keys --------------------------------------------------------------------------------- */

size_t note_key_encode(
	const char *name, const uint8_t key[static RECORD_KEY], char out[static NOTE_MAX])
{
	uint8_t bytes[1 + RECORD_KEY] = {ALGORITHM};
	uint8_t hash[4];
	char hex[9];
	char base64[64];

	memcpy(bytes + 1, key, RECORD_KEY);
	note_base64(bytes, sizeof(bytes), base64);
	note_key_hash(name, key, hash);
	return (size_t)snprintf(
		out, NOTE_MAX, "%s+%s+%s\n", name, digest_hex(hash, sizeof(hash), hex), base64);
}

int note_key_decode(
	const char *text, char name[static NOTE_NAME_MAX], uint8_t key[static RECORD_KEY])
{
	const char *plus = strchr(text, '+');
	const char *second = plus ? strchr(plus + 1, '+') : NULL;
	struct scan s = {second ? second + 1 : NULL, second ? strlen(second + 1) : 0, 1};
	uint8_t bytes[1 + RECORD_KEY];
	char again[NOTE_MAX];
	char found[NOTE_NAME_MAX];

	if (!second || plus == text || plus - text >= NOTE_NAME_MAX)
		return -EBADMSG;
	memcpy(found, text, (size_t)(plus - text));
	found[plus - text] = '\0';
	take_base64(&s, bytes, sizeof(bytes));
	take_text(&s, "\n");
	if (s.rc <= 0 || s.n > 0)
		return -EBADMSG;
	note_key_encode(found, bytes + 1, again);
	if (strcmp(again, text) != 0)
		return -EBADMSG;
	memcpy(name, found, NOTE_NAME_MAX);
	memcpy(key, bytes + 1, RECORD_KEY);
	return 0;
}

void note_fingerprint(const uint8_t key[static RECORD_KEY], char out[static NOTE_NAME_MAX])
{
	uint8_t hash[32];
	char base64[64];
	size_t n = 0;

	digest_sha256(key, RECORD_KEY, hash);
	n = note_base64(hash, sizeof(hash), base64);
	while (n > 0 && base64[n - 1] == '=')
		base64[--n] = '\0';
	snprintf(out, NOTE_NAME_MAX, "SHA256:%.50s", base64);
}
