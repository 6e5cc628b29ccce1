/* SPDX-License-Identifier: Apache-2.0 */
/*
 * note.h - checkpoints as C2SP signed notes, and keys as their verifier keys
 *
 * As text only: what is signed with what is signer.h's. docs/FORMAT.audit.md,
 * "Keys" and "Checkpoints". There is one encoding of each.
 */
#ifndef EVIDENCEFS_AUDIT_NOTE_H
#define EVIDENCEFS_AUDIT_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/record.h"

#define NOTE_NAME_MAX 64  /* bytes of a name, with its NUL */
#define NOTE_MAX      512 /* bytes of a note with one signature, or of a key, with its NUL */
#define NOTE_SIGNERS  16  /* signature lines that are looked at */

/* A checkpoint. */
struct note {
	uint64_t size; /* of the tree; 0: there is none */
	uint8_t root[RECORD_ROOT];
	unsigned signatures;               /* lines of the log's own name */
	uint8_t key_hash[NOTE_SIGNERS][4]; /* of each */
	uint8_t signature[NOTE_SIGNERS][RECORD_SIGNATURE];
};

/** note_name() - "evidencefs/<log id>", which is name and origin alike. */
void note_name(const uint8_t log_id[static RECORD_LOG_ID], char out[static NOTE_NAME_MAX]);
/** note_key_hash() - the four bytes by which a signature names its key. */
void note_key_hash(const char *name, const uint8_t key[static RECORD_KEY], uint8_t out[static 4]);

/** note_text() - the lines that are signed. Return: bytes. */
size_t note_text(const char *name, uint64_t size, const uint8_t root[static RECORD_ROOT],
	char out[static NOTE_MAX]);
/** note_encode() - a whole checkpoint with its first signature. Return: bytes. */
size_t note_encode(const char *name, const struct note *note, char out[static NOTE_MAX]);
/**
 * note_decode() - the checkpoint that [n] bytes begin with
 * @others: further signature lines may follow, which are taken in
 * Return: its bytes; 0 these are a part of one, or of one of which a part was not written;
 * -EBADMSG neither.
 */
int note_decode(const char *name, const char *p, size_t n, bool others, struct note *out);

/** note_key_encode() - a verifier key, with its newline. Return: bytes. */
size_t note_key_encode(
	const char *name, const uint8_t key[static RECORD_KEY], char out[static NOTE_MAX]);
/** note_key_decode() - @name: taken from it. Return: 0; -EBADMSG. */
int note_key_decode(
	const char *text, char name[static NOTE_NAME_MAX], uint8_t key[static RECORD_KEY]);
/** note_fingerprint() - "SHA256:..." of a key. */
void note_fingerprint(const uint8_t key[static RECORD_KEY], char out[static NOTE_NAME_MAX]);
/** note_base64() - with padding and NUL. Return: characters. */
size_t note_base64(const uint8_t *p, size_t n, char *out);

#endif
