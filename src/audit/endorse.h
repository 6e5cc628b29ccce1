/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endorse.h - people vouch for a key that came with a discontinuity
 *
 * An owner and an auditor, each with a key of his own (Ed25519, PKCS#8 as openssl
 * writes it) that never leaves his process: he is told what to sign, and what he
 * signed is checked and recorded. docs/FORMAT.audit.md, ENDORSEMENT.
 */
#ifndef EVIDENCEFS_AUDIT_ENDORSE_H
#define EVIDENCEFS_AUDIT_ENDORSE_H

#include "audit/audit.h"
#include "audit/record.h"

/* A DISCONTINUITY that nobody has vouched for in full. */
struct audit_breach {
	uint64_t seq;
	uint8_t key[RECORD_KEY];
	uint8_t log_id[RECORD_LOG_ID];
};

/**
 * audit_breach() - the oldest one that lacks @role, in the log in @dir
 * Return: 0; -ENOENT there is none; as audit_reader_next().
 */
int audit_breach(const char *dir, enum record_role role, struct audit_breach *out, struct err *e);

/** audit_endorse_sign() - with the private key in @pem. Errors: -EINVAL it is none of Ed25519. */
int audit_endorse_sign(const char *pem, const struct audit_breach *b, enum record_role role,
	struct record_seal *out, struct err *e);

/**
 * audit_endorse() - record it, for @uid and @pid
 * Errors: -EBADMSG the signature does not hold; as audit_append_act().
 */
int audit_endorse(struct audit_log *l, const struct audit_breach *b, const struct record_seal *seal,
	uint32_t uid, uint32_t pid, struct err *e);

#endif
