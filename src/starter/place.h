/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h - what a team service has on the host: folders, locks, the control socket
 *
 * One at a time: a second start on a state, or on a folder of mounts, that is
 * in use is refused. The locks are on the folders themselves, and the service
 * holds that of the state too: it is free when both processes are gone.
 */
#ifndef EVIDENCEFS_STARTER_PLACE_H
#define EVIDENCEFS_STARTER_PLACE_H

#include <stdbool.h>

#include "base/err.h"
#include "starter/config.h"

struct place {
	const struct config *config;
	int state;       /* the folder, locked */
	int mounts;      /* the folder, locked */
	int socket;      /* control, listening */
	bool own_socket; /* made here, goes with us; else systemd's */
};

/**
 * place_open() - make the folders, lock them, listen
 * @listening: a socket that systemd gave; -1
 * Return: 0 and *@p. -EBUSY in use, in words.
 */
int place_open(struct place *p, const struct config *c, int listening, struct err *e);
/** place_keys() - the folder of keyd_user below state_dir, made. Return: a descriptor; -errno. */
int place_keys(const struct config *c, struct err *e);
/** place_close() - the socket goes from the file system. */
void place_close(struct place *p);

#endif
