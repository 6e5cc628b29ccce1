/* SPDX-License-Identifier: Apache-2.0 */
/* stamp.c - a checkpoint and a time-stamp authority; see stamp.h. */
#include "audit/stamp.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ts.h>
#include <openssl/x509.h>

#include "base/digest.h"

#define NONCE_BYTES 8

static bool hash(const void *p, size_t n, uint8_t out[static 32])
{
	return EVP_Digest(p, n, out, NULL, EVP_sha256(), NULL) == 1;
}

static bool set_imprint(TS_REQ *req, const void *p, size_t n)
{
	uint8_t sum[32];
	TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
	X509_ALGOR *algorithm = X509_ALGOR_new();
	bool good = imprint && algorithm && hash(p, n, sum);

	good = good && X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL) == 1;
	good = good && TS_MSG_IMPRINT_set_algo(imprint, algorithm) == 1 &&
	       TS_MSG_IMPRINT_set_msg(imprint, sum, sizeof(sum)) == 1 &&
	       TS_REQ_set_msg_imprint(req, imprint) == 1;
	TS_MSG_IMPRINT_free(imprint);
	X509_ALGOR_free(algorithm);
	return good;
}

static bool set_nonce(TS_REQ *req)
{
	uint8_t bytes[NONCE_BYTES];
	ASN1_INTEGER *nonce = ASN1_INTEGER_new();
	BIGNUM *number = NULL;
	bool good = false;

	if (nonce && digest_random(bytes, sizeof(bytes)) == 0) {
		bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 1);
		number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	}
	good = number && BN_to_ASN1_INTEGER(number, nonce) && TS_REQ_set_nonce(req, nonce) == 1;
	BN_free(number);
	ASN1_INTEGER_free(nonce);
	return good;
}

int stamp_request(const void *p, size_t n, struct buf *out, struct err *e)
{
	TS_REQ *req = TS_REQ_new();
	uint8_t *der = NULL;
	int size = -1;

	if (req && TS_REQ_set_version(req, 1) == 1 && set_imprint(req, p, n) && set_nonce(req) &&
		TS_REQ_set_cert_req(req, 1) == 1)
		size = i2d_TS_REQ(req, &der);
	if (size > 0)
		buf_put(out, der, (size_t)size);
	OPENSSL_free(der);
	TS_REQ_free(req);
	return size > 0 && !out->error ? 0 : err_set(e, EIO, "no time-stamp request can be made");
}

/* ---- the answer ----------------------------------------------------------------------------- */

static X509_STORE *store_of(const char *ca)
{
	BIO *in = BIO_new_mem_buf(ca, -1);
	X509_STORE *store = X509_STORE_new();
	X509 *one = NULL;
	int n = 0;

	while (in && store && (one = PEM_read_bio_X509(in, NULL, NULL, NULL))) {
		n += X509_STORE_add_cert(store, one) == 1;
		X509_free(one);
	}
	BIO_free(in);
	if (n > 0)
		return store;
	X509_STORE_free(store);
	return NULL;
}

/* @store: taken. */
static int verify(TS_RESP *resp, const void *p, size_t n, X509_STORE *store)
{
	TS_VERIFY_CTX *ctx = TS_VERIFY_CTX_new();
	uint8_t *sum = OPENSSL_malloc(32);
	int flags = TS_VFY_VERSION | TS_VFY_IMPRINT | (store ? TS_VFY_SIGNATURE : 0);
	bool good = ctx && sum && hash(p, n, sum);

	if (!good) {
		TS_VERIFY_CTX_free(ctx);
		OPENSSL_free(sum);
		X509_STORE_free(store);
		return -ENOMEM;
	}
	TS_VERIFY_CTX_set_flags(ctx, flags);
	TS_VERIFY_CTX_set_imprint(ctx, sum, 32); /* both are the context's now */
	if (store)
		TS_VERIFY_CTX_set_store(ctx, store);
	good = TS_RESP_verify_response(ctx, resp) == 1;
	TS_VERIFY_CTX_free(ctx);
	return good ? 0 : -EBADMSG;
}

static void put_time(const TS_RESP *resp, struct buf *out)
{
	const TS_TST_INFO *info = TS_RESP_get_tst_info((TS_RESP *)(uintptr_t)resp);
	const ASN1_GENERALIZEDTIME *at = info ? TS_TST_INFO_get_time(info) : NULL;
	struct tm t;

	if (at && ASN1_TIME_to_tm(at, &t) == 1)
		buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02dZ", t.tm_year + 1900, t.tm_mon + 1,
			t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
}

int stamp_check(const void *answer, size_t answer_n, const void *p, size_t n, const char *ca,
	struct buf *time, struct err *e)
{
	const uint8_t *at = answer;
	TS_RESP *resp = answer_n <= INT_MAX ? d2i_TS_RESP(NULL, &at, (long)answer_n) : NULL;
	X509_STORE *store = ca ? store_of(ca) : NULL;
	const TS_STATUS_INFO *status = resp ? TS_RESP_get_status_info(resp) : NULL;
	long granted = status ? ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(status)) : -1;
	int rc = 0;

	if (!resp)
		rc = err_set(e, EBADMSG, "it is no time-stamp response");
	else if (ca && !store)
		rc = err_set(e, EINVAL, "there is no certificate in what is to be believed");
	else if (granted != 0 && granted != 1)
		rc = err_set(e, EACCES, "the authority refused (status %ld)", granted);
	if (rc < 0) {
		X509_STORE_free(store);
	} else if (verify(resp, p, n, store) < 0) {
		rc = err_set(e, EBADMSG, "it is over something else%s",
			ca ? ", or its signature is not to be believed" : "");
	} else {
		put_time(resp, time);
	}
	TS_RESP_free(resp);
	return rc;
}
