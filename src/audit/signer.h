/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signer.h - the key that signs the log's heads, and its going
 *
 * It signs only what grows: never a smaller tree, never a second root for a size.
 * Each key ends with the EPOCH that names the next one. It knows no files of the
 * log but the one in which a key waits between two runs. Used by one thread at a
 * time; keyholder.h is what uses it.
 */
#ifndef EVIDENCEFS_AUDIT_SIGNER_H
#define EVIDENCEFS_AUDIT_SIGNER_H

#include "audit/note.h"
#include "audit/record.h"
#include "base/err.h"

struct signer;

/** signer_blank() - of the log @log_id, without a key. Return: 0; -ENOMEM. */
int signer_blank(const uint8_t log_id[static RECORD_LOG_ID], struct signer **out);
/** signer_make() - a new key, the first of its log. */
int signer_make(struct signer *s);
/**
 * signer_take() - the key that signer_hand_over() left in @dirfd, which it is removed from
 * Nothing below what was signed then is signed.
 * Return: 0; -ENOENT there is none; -EBADMSG it is none of this log: it is removed then too.
 */
int signer_take(struct signer *s, int dirfd, struct err *e);
/** signer_hand_over() - leave the key in @dirfd, synced. Return: 0, also without a key; -errno. */
int signer_hand_over(const struct signer *s, int dirfd, struct err *e);
/** signer_floor() - what was signed before, by whom ever: nothing smaller will be. */
void signer_floor(struct signer *s, uint64_t size, const uint8_t root[static RECORD_ROOT]);
/** signer_free() - and the keys are erased from memory. NULL allowed. */
void signer_free(struct signer *s);

/** signer_of_device() - the key in @dirfd/device.key, made when it is missing. Of no log. */
int signer_of_device(int dirfd, struct signer **out, struct err *e);

/** signer_log() - the log's id. Borrowed. */
const uint8_t *signer_log(const struct signer *s);
/** signer_has_key() - whether there is one in force here. */
bool signer_has_key(const struct signer *s);
/** signer_key() - its public half; zeros: none. Borrowed. */
const uint8_t *signer_key(const struct signer *s);
/** signer_next() - that of the next key, which must be made; signer_next_is() - is it @key? */
void signer_next(const struct signer *s, uint8_t out[static RECORD_KEY]);
bool signer_next_is(const struct signer *s, const uint8_t key[static RECORD_KEY]);

/**
 * signer_checkpoint() - sign the head of a tree
 * Return: 0 and *@out whole; -EPERM smaller than one before, or another root, or the next key
 * is named already; -EIO; -ENOKEY.
 */
int signer_checkpoint(
	struct signer *s, uint64_t size, const uint8_t root[static RECORD_ROOT], struct note *out);
/**
 * signer_epoch() - make the next key, and name it with the newest checkpoint
 * The same answer until signer_evolve(): then that key is in force, this one erased.
 */
int signer_epoch(struct signer *s, struct record_seal *out);
/** signer_evolve() - Return: 0; -EPERM there is no next key. */
int signer_evolve(struct signer *s);
/** signer_begin() - make the next key behind the checkpoint @last: what its DISCONTINUITY says.
 * signer_evolve() puts it in force; until then each call makes another. */
int signer_begin(struct signer *s, const struct note *last, struct record_seal *out);
/**
 * signer_vouch() - sign a DEVICE or an ENDORSEMENT by the key in force
 * @key: goes into @seal as the key that is named (DEVICE), or endorses: the own one
 */
int signer_vouch(const struct signer *s, enum audit_type type,
	const uint8_t log_id[static RECORD_LOG_ID], const uint8_t key[static RECORD_KEY],
	struct record_seal *seal);

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
