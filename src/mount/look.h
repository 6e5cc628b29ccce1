/* SPDX-License-Identifier: Apache-2.0 */
/*
 * look.h - looks after reads that storage does not answer
 *
 * A thread for each session, which sleeps while nothing is being fetched: answers reads
 * whose reader is being killed, and ends a personal session that cannot end by itself.
 */
#ifndef EVIDENCEFS_MOUNT_LOOK_H
#define EVIDENCEFS_MOUNT_LOOK_H

#include "mount/session.h"

/** look_start() - Return: 0; -errno. */
int look_start(struct session *s);
/** look_end() - no-op where it was not started. */
void look_end(struct session *s);

#endif
