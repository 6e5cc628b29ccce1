/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit.h - commitments to names and texts, which stand in records in their place
 *
 * docs/FORMAT.audit.md, "Commitments". Who has name and salt can show what was
 * recorded; the record alone tells nothing, and nothing at all once the secret that
 * its salt is made from is destroyed. Pure.
 */
#ifndef EVIDENCEFS_AUDIT_COMMIT_H
#define EVIDENCEFS_AUDIT_COMMIT_H

#include <stddef.h>
#include <stdint.h>

#include "audit/audit.h"

#define COMMIT_SECRET 32
#define COMMIT_SALT   32

/** commit_act_salt() - the salt of the act whose row has @secret. */
void commit_act_salt(const uint8_t secret[static COMMIT_SECRET], uint8_t salt[static COMMIT_SALT]);
/** commit_names_key() - what salts of names are made with; @secret: of the act that added the
 * evidence, or of the personal mount. */
void commit_names_key(
	const uint8_t secret[static COMMIT_SECRET], uint8_t key[static COMMIT_SECRET]);
/** commit_name_salt() - the salt of one trace's name. */
void commit_name_salt(const uint8_t key[static COMMIT_SECRET],
	const uint8_t evidence[static AUDIT_EVIDENCE_ID], uint64_t trace,
	uint8_t salt[static COMMIT_SALT]);
/** commit() - to [n] bytes. */
void commit(const uint8_t salt[static COMMIT_SALT], const void *p, size_t n,
	uint8_t out[static AUDIT_COMMITMENT]);

#endif
