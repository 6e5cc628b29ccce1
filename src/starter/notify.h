/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h - what systemd is told, and what it hands over
 *
 * The protocols of sd_notify(3) and sd_listen_fds(3). Where nobody listens,
 * telling does nothing.
 */
#ifndef EVIDENCEFS_STARTER_NOTIFY_H
#define EVIDENCEFS_STARTER_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>

/* Descriptors that were handed over. */
struct notify_given {
	struct {
		int fd;
		char name[64];
	} * v;
	size_t n;
};

/** notify_wanted() - whether somebody listens. */
bool notify_wanted(void);
/** notify_state() - e.g. "READY=1". */
void notify_state(const char *state);
/** notify_store() - keep @fd under @name over a restart of this process. */
void notify_store(const char *name, int fd);
/** notify_forget() - keep what is under @name no more. */
void notify_forget(const char *name);

/** notify_given() - take what was handed over, once; caller frees .v. Return: 0, -ENOMEM. */
int notify_given(struct notify_given *out);

#endif
