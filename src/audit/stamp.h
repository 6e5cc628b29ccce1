/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stamp.h - a checkpoint and a time-stamp authority (RFC 3161)
 *
 * A request is made here and sent by whoever likes; what comes back is looked at:
 * is it over these very bytes, and of when? Whether the authority is to be believed
 * is for its certificate to say: `openssl ts -verify`.
 */
#ifndef EVIDENCEFS_AUDIT_STAMP_H
#define EVIDENCEFS_AUDIT_STAMP_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/** stamp_request() - DER, with a nonce, over the SHA-256 of [n] bytes; appended to @out. */
int stamp_request(const void *p, size_t n, struct buf *out, struct err *e);
/**
 * stamp_check() - an answer over [n] bytes
 * @ca: certificates in PEM that are believed; NULL: the signature is not looked at
 * @time: appended: when, as the authority says
 * Return: 0; -EACCES it was refused; -EBADMSG it is over something else, damaged, or not to be
 * believed.
 */
int stamp_check(const void *answer, size_t answer_n, const void *p, size_t n, const char *ca,
	struct buf *time, struct err *e);

#endif
