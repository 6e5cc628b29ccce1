/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.h - is a log intact, and how far is it complete?
 *
 * From its files alone, by whoever can read them, also while it grows: "What a
 * verifier checks" of docs/FORMAT.audit.md, in that order. tools/evidencefs-verify
 * is another one, written from that page.
 */
#ifndef EVIDENCEFS_AUDIT_VERIFY_H
#define EVIDENCEFS_AUDIT_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#include "audit/note.h"
#include "base/buf.h"
#include "base/err.h"

/* As exit statuses. */
enum verdict {
	VERDICT_COMPLETE = 0, /* intact, and complete up to an anchor */
	VERDICT_TAMPERED = 1,
	VERDICT_INTACT = 3, /* but nothing from outside says how far */
	VERDICT_UNKNOWN = 4 /* it could not be checked */
};

/* Something kept elsewhere: what it says, and the name it is spoken of by. */
struct verify_text {
	const char *name;
	const char *text; /* NULL: not given */
};

struct verify_opts {
	struct verify_text key;            /* the origin key */
	const struct verify_text *anchors; /* checkpoints, one or more in each */
	size_t anchors_n;
	/** line() - one line for people, as it is found; NULL */
	void (*line)(void *ctx, const char *text);
	void *ctx;
};

/** audit_verify() - Return: the verdict; when it is not good, @e says why and where. */
enum verdict audit_verify(const char *dir, const struct verify_opts *o, struct err *e);

/** audit_newest() - the newest checkpoint of a log, as text. Return: its length; -ENOENT there is
 * none; -errno. */
int audit_newest(const char *dir, char out[static NOTE_MAX], struct err *e);

/**
 * audit_prove() - one record with its proof under the newest checkpoint that covers all
 * of the log that is sealed
 * @out: a C2SP tlog-proof, appended
 * Errors: -ENOENT no such record; -EAGAIN it is not sealed yet; -EBADMSG the log is damaged.
 */
int audit_prove(const char *dir, uint64_t seq, struct buf *out, struct err *e);

#endif
