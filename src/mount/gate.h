/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.h - the one door: decide, fetch, decide again, record, reply
 *
 * Every reply that carries anything of the evidence goes through gate_decide()
 * before its bytes are fetched and again after, and through gate_record()
 * before it leaves. When the record cannot be written, nothing leaves.
 */
#ifndef EVIDENCEFS_MOUNT_GATE_H
#define EVIDENCEFS_MOUNT_GATE_H

#include "mount/session.h"

/* Who asks, as the kernel says. */
struct asker {
	uid_t uid;
	gid_t gid;
	pid_t pid; /* a thread id */
};

/** gate_decide() - 0 allowed, -ENOENT hidden, -EACCES denied. */
int gate_decide(const struct session *s, const struct asker *who, const struct node *n);

/* One act, as the log takes it. */
struct act {
	enum audit_type type;
	const struct node *node;
	uint64_t open_seq; /* of the open that a read or close belongs to */
	uint64_t offset;
	uint64_t length;
	int64_t result; /* delivered, or -errno */
};

/**
 * gate_record() - append the record of an act, allowed or denied by its result
 * @seq: set to its number; may be NULL
 * Return: 0; -EIO: the reply must be EIO and carry nothing.
 */
int gate_record(struct session *s, const struct asker *who, const struct act *a, uint64_t *seq);

#endif
