/* SPDX-License-Identifier: Apache-2.0 */
/* session_private.h - shared by session.c, team.c, look.c and revoke.c */
#ifndef EVIDENCEFS_MOUNT_SESSION_PRIVATE_H
#define EVIDENCEFS_MOUNT_SESSION_PRIVATE_H

#include "mount/session.h"

/** session_make_fuse() - libfuse's session, not mounted yet. */
int session_make_fuse(struct session *s, struct err *e);
/** session_answer_init() - the first request is INIT: what the kernel can do is known then. */
int session_answer_init(struct session *s, struct err *e);

/** session_end_log() - personal: what is open is closed, and the log ended. */
void session_end_log(struct session *s);

/** session_serve() - team: start the threads; the first view is in force. */
void session_serve(struct session *s);

#endif
