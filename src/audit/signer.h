/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signer.h - the key that signs the log's heads, and its going
 *
 * It signs only what grows: never a smaller tree, never a second root for a size.
 * Each key ends with the EPOCH that names the next one. It knows no files of the
 * log but the one in which a key waits between two runs; today it is part of the
 * process that writes the log, and could be one of its own behind this interface.
 * Used by one thread at a time.
 */
#ifndef EVIDENCEFS_AUDIT_SIGNER_H
#define EVIDENCEFS_AUDIT_SIGNER_H

#include "audit/note.h"
#include "audit/record.h"
#include "base/err.h"

struct signer;

/** signer_new() - a new key, for the log @log_id. */
int signer_new(const uint8_t log_id[static RECORD_LOG_ID], struct signer **out, struct err *e);
/**
 * signer_take() - the key that signer_hand_over() left in @dir, which it is removed from
 * @last: the newest checkpoint, below which nothing is signed
 * Return: 0; -ENOENT there is none; -EBADMSG it is none: it is removed then too.
 */
int signer_take(int dirfd, const uint8_t log_id[static RECORD_LOG_ID], const struct note *last,
	struct signer **out, struct err *e);
/** signer_hand_over() - leave the key in @dirfd, synced. */
int signer_hand_over(const struct signer *s, int dirfd, struct err *e);
/** signer_free() - and the key is erased from memory. */
void signer_free(struct signer *s);

/** signer_key() - its public half. Borrowed. */
const uint8_t *signer_key(const struct signer *s);

/**
 * signer_checkpoint() - sign the head of a tree
 * Return: 0 and *@out whole; -EPERM smaller than one before, or another root; -EIO.
 */
int signer_checkpoint(
	struct signer *s, uint64_t size, const uint8_t root[static RECORD_ROOT], struct note *out);
/**
 * signer_epoch() - make the next key, and name it with the newest checkpoint
 * The same answer until signer_evolve(): then that key is in force, this one erased.
 */
int signer_epoch(struct signer *s, struct record_seal *out);
void signer_evolve(struct signer *s);
/** signer_begin() - a new key behind the checkpoint @last: what its DISCONTINUITY says. */
int signer_begin(struct signer *s, const struct note *last, struct record_seal *out);

/** signer_checks() - whether @signature of [n] bytes is by @key. */
bool signer_checks(const uint8_t key[static RECORD_KEY], const void *p, size_t n,
	const uint8_t signature[static RECORD_SIGNATURE]);
/** signer_note_checks() - whether one signature of @note is by @key. */
bool signer_note_checks(
	const char *name, const struct note *note, const uint8_t key[static RECORD_KEY]);
/** signer_seal_checks() - an EPOCH, a DEVICE: by @key; the others: by the key that they bring. */
bool signer_seal_checks(enum audit_type type, const uint8_t log_id[static RECORD_LOG_ID],
	const struct record_seal *seal, const uint8_t key[static RECORD_KEY]);

#endif
