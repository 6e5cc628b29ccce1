/* SPDX-License-Identifier: Apache-2.0 */
/* endorse.c - people vouch for a key that came with a discontinuity; see endorse.h. */
#include "audit/endorse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "audit/log_private.h"
#include "audit/reader_private.h"
#include "audit/signer.h"

struct found {
	struct audit_breach *v;
	unsigned *by;
	size_t n;
};

static int note(struct found *f, const struct audit_event *ev, const struct segment *at)
{
	struct audit_breach *v = realloc(f->v, (f->n + 1) * sizeof(*v));
	unsigned *by = v ? realloc(f->by, (f->n + 1) * sizeof(*by)) : NULL;
	struct record_seal seal;

	f->v = v ? v : f->v;
	f->by = by ? by : f->by;
	if (!v || !by)
		return -ENOMEM;
	record_seal_decode(segment_bytes(at), &seal);
	v[f->n] = (struct audit_breach){.seq = ev->seq};
	memcpy(v[f->n].key, seal.next, RECORD_KEY);
	memcpy(v[f->n].log_id, at->head.log_id, RECORD_LOG_ID);
	by[f->n++] = 0;
	return 0;
}

static void note_endorsement(struct found *f, const struct segment *at)
{
	struct record_seal seal;

	record_seal_decode(segment_bytes(at), &seal);
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].seq == seal.size)
			f->by[i] |= 1u << seal.role;
}

static int find_all(const char *dir, struct found *f, struct err *e)
{
	struct audit_reader *r = NULL;
	struct audit_event ev;
	int rc = audit_reader_open(dir, &r, e);

	while (rc == 0 && (rc = audit_reader_next(r, &ev, e)) == 1) {
		rc = 0;
		if (ev.type == AUDIT_DISCONTINUITY)
			rc = note(f, &ev, &r->at);
		else if (ev.type == AUDIT_ENDORSEMENT)
			note_endorsement(f, &r->at);
	}
	audit_reader_close(r);
	return rc;
}

int audit_breach(const char *dir, enum record_role role, struct audit_breach *out, struct err *e)
{
	struct found f = {.n = 0};
	int rc = find_all(dir, &f, e);
	bool any = false;

	for (size_t i = 0; rc == 0 && !any && i < f.n; i++) {
		any = !(f.by[i] & (1u << RECORD_BY_DEVICE)) && !(f.by[i] & (1u << role));
		if (any)
			*out = f.v[i];
	}
	free(f.v);
	free(f.by);
	if (rc == 0 && !any)
		return err_set(e, ENOENT, "no discontinuity of the log waits for that");
	return rc;
}

static size_t text_of(const struct audit_breach *b, const struct record_seal *seal,
	uint8_t text[static RECORD_SEAL_TEXT_MAX])
{
	return record_seal_text(AUDIT_ENDORSEMENT, b->log_id, seal, text);
}

static int sign(EVP_PKEY *key, const struct audit_breach *b, struct record_seal *seal)
{
	uint8_t text[RECORD_SEAL_TEXT_MAX];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = RECORD_KEY;
	size_t length = RECORD_SIGNATURE;
	bool good = ctx && EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 &&
		    EVP_PKEY_get_raw_public_key(key, seal->next, &n) == 1;

	n = good ? text_of(b, seal, text) : 0;
	good = good && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
	       EVP_DigestSign(ctx, seal->signature, &length, text, n) == 1;
	EVP_MD_CTX_free(ctx);
	return good ? 0 : -EINVAL;
}

int audit_endorse_sign(const char *pem, const struct audit_breach *b, enum record_role role,
	struct record_seal *out, struct err *e)
{
	struct record_seal seal = {.size = b->seq, .role = role};
	BIO *in = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
	int rc = key ? 0 : -EINVAL;

	memcpy(seal.root, b->key, RECORD_KEY);
	if (rc == 0)
		rc = sign(key, b, &seal);
	EVP_PKEY_free(key);
	BIO_free(in);
	if (rc < 0)
		return err_set(e, EINVAL,
			"not a private key of Ed25519; make one with: openssl genpkey -algorithm "
			"ed25519 -out FILE");
	*out = seal;
	return 0;
}

int audit_endorse(struct audit_log *l, const struct audit_breach *b, const struct record_seal *seal,
	uint32_t uid, uint32_t pid, struct err *e)
{
	uint64_t seq = 0;
	int rc = 0;

	if (seal->size != b->seq || memcmp(seal->root, b->key, RECORD_KEY) != 0 ||
		!signer_seal_checks(AUDIT_ENDORSEMENT, b->log_id, seal, b->key))
		return err_set(e, EBADMSG, "the signature does not hold");
	rc = log_append_endorsement(l, seal, uid, pid, &seq);
	return rc < 0 ? err_errno(e, -rc, "the access log cannot be written") : 0;
}
