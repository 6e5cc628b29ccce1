/* SPDX-License-Identifier: Apache-2.0 */
/*
 * personal.h - marks and notes on a mount of one's own
 *
 * A team's service made small: one case, `personal`, one user who is its privilege
 * officer, one session, which is the mount itself. Acts go through the same rules, the
 * same records (of the mount's own log) and the same catalog, STATE/mounts/ID/catalog.db.
 * The catalog is made when the first command comes; until then nothing is withheld, and a
 * mount costs no more than without it.
 *
 * A case belongs to the pieces of evidence that are mounted together, by their names and
 * the keys of their images: they find their marks again, others begin without.
 */
#ifndef EVIDENCEFS_CONTROL_PERSONAL_H
#define EVIDENCEFS_CONTROL_PERSONAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct evidence;
struct personal;
struct session;

#define PERSONAL_CASE   "personal"
#define PERSONAL_SOCKET "control.sock" /* in the folder of the mount point, which is 0700 */

struct personal_opts {
	struct session *session; /* not mounted yet; its log is used */
	const char *dir;         /* STATE/mounts/ID */
	struct evidence **evidence;
	size_t n;
	bool privileged; /* the mount shows what is withheld */
};

/**
 * personal_new() - what is kept is in force in the session when this returns
 * Everything in @o is borrowed, also until personal_free().
 * Errors: -EBADMSG what is kept cannot be trusted: nothing may be mounted.
 */
int personal_new(const struct personal_opts *o, struct personal **out, struct err *e);
/** personal_start() - take commands, once the session is mounted. */
int personal_start(struct personal *p, struct err *e);
/** personal_stop() - take none any more; while the session still has its log. NULL allowed. */
void personal_stop(struct personal *p);
/** personal_free() - after session_free(), before the evidence is closed. NULL allowed. Return:
 * false: a search hangs in storage, and uses the evidence until the process ends. */
bool personal_free(struct personal *p);

#endif
