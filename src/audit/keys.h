/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h - what the log asks of whoever holds its keys
 *
 * The asking side of docs/PROTOCOL.keyd.md, over whatever carries a request to a
 * keyholder and its answer back: a call within this process, or a connection to
 * evidencefs-keyd. What comes back is checked before it is used: a signature that
 * does not hold is -EBADMSG. Used by one thread at a time.
 */
#ifndef EVIDENCEFS_AUDIT_KEYS_H
#define EVIDENCEFS_AUDIT_KEYS_H

#include <stdbool.h>

#include "audit/keyholder.h"
#include "audit/note.h"
#include "audit/record.h"
#include "base/buf.h"

/* The road to a keyholder. */
struct keys_road {
	/**
	 * call() - a request there, its answer back into @answer (two bytes, then what is asked)
	 * Return: 0; -ENOTCONN: the keyholder is another than before, or is one again: HELLO comes
	 * first; -errno: it cannot be reached.
	 */
	int (*call)(void *ctx, const void *p, size_t n, struct buf *answer);
	/** gone() - whether who was asked last is there no more; NULL: he cannot go. */
	bool (*gone)(void *ctx);
	/** close() - nothing more is asked. */
	void (*close)(void *ctx);
	void *ctx;
};

struct keys;

/** keys_over() - @road is copied, and closed by keys_free(), also when this fails. */
int keys_over(const struct keys_road *road, struct keys **out);
/** keys_own() - a keyholder in this process; @dirfd: its directory; becomes its own. */
int keys_own(int dirfd, struct keys **out, struct err *e);
/** keys_free() - NULL allowed. */
void keys_free(struct keys *k);

/** keys_can_go() - whether who holds them is another process. */
bool keys_can_go(const struct keys *k);
/** keys_gone() - whether that one has ended since the last HELLO. Waits for nothing. */
bool keys_gone(const struct keys *k);

/* What the log says of itself. */
struct keys_log {
	const uint8_t *log_id;
	bool known; /* it has an origin key */
	const uint8_t *in_force;
	const struct note *last; /* its newest checkpoint; size 0: none */
};

/**
 * keys_hello() - who holds what? First of all, and again after -ENOTCONN.
 * @key: that signs now; zeros with KEYHOLDER_LOST
 */
int keys_hello(struct keys *k, const struct keys_log *log, enum keyholder_held *held,
	uint8_t key[static RECORD_KEY]);
/** keys_device() - the device's public key, as the last HELLO said. Borrowed. */
const uint8_t *keys_device(const struct keys *k);

/** keys_checkpoint() - *@out: whole. -EPERM: refused. */
int keys_checkpoint(
	struct keys *k, uint64_t size, const uint8_t root[static RECORD_ROOT], struct note *out);
/** keys_epoch(), keys_begin() - an EPOCH, a DISCONTINUITY behind @last, and the next key. */
int keys_epoch(struct keys *k, struct record_seal *out);
int keys_begin(struct keys *k, const struct note *last, struct record_seal *out);
/** keys_evolve() - that record is in the log: the next key is in force. */
int keys_evolve(struct keys *k);
/** keys_endorse() - of the DISCONTINUITY @seq, whose key is @key, before keys_evolve(). -ENOENT:
 * nobody there vouches for it. */
int keys_endorse(struct keys *k, uint64_t seq, const uint8_t key[static RECORD_KEY],
	struct record_seal *out);
/** keys_name_device() - a DEVICE, by the key in force. */
int keys_name_device(struct keys *k, struct record_seal *out);
/** keys_end() - a checkpoint covers all, and nothing more is written. */
int keys_end(struct keys *k);

#endif
