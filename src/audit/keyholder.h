/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyholder.h - what holds the keys of one log, and what it signs
 *
 * A state and one function from a request to its answer (docs/PROTOCOL.keyd.md): no
 * sockets here, no process. It is all of evidencefs-keyd but its door; a personal mount
 * has it within its own process. Files only in the directory it is given. Who asks is
 * an enemy. Used by one thread at a time.
 */
#ifndef EVIDENCEFS_AUDIT_KEYHOLDER_H
#define EVIDENCEFS_AUDIT_KEYHOLDER_H

#include "base/buf.h"
#include "base/err.h"

#define KEYHOLDER_VERSION 1
#define KEYHOLDER_MAX     256 /* bytes of a request or an answer */

enum keyholder_request {
	KEYHOLDER_HELLO = 1,
	KEYHOLDER_CHECKPOINT = 2,
	KEYHOLDER_EPOCH = 3,
	KEYHOLDER_EVOLVE = 4,
	KEYHOLDER_BEGIN = 5,
	KEYHOLDER_ENDORSE = 6,
	KEYHOLDER_DEVICE = 7,
	KEYHOLDER_END = 8
};

/* What HELLO is told of the key in force. */
enum keyholder_held { KEYHOLDER_MADE = 1, KEYHOLDER_HELD = 2, KEYHOLDER_LOST = 3 };

struct keyholder;

/** keyholder_open() - @dirfd: its directory; borrowed. The device's key is made if missing. */
int keyholder_open(int dirfd, struct keyholder **out, struct err *e);
/** keyholder_answer() - one request. Return: 0 and the answer in @out, which is emptied before;
 * -EPROTO: it is none; -ENOMEM. */
int keyholder_answer(struct keyholder *k, const void *p, size_t n, struct buf *out);
/** keyholder_hang_up() - who asked is gone: the next begins with HELLO. */
void keyholder_hang_up(struct keyholder *k);
/** keyholder_close() - the key is kept for the next start if the log was ended; all keys are
 * erased from memory. Return: 0; -errno it could not be kept. NULL allowed. */
int keyholder_close(struct keyholder *k, struct err *e);

#endif
