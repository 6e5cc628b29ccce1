/* SPDX-License-Identifier: Apache-2.0 */
/*
 * starter.h - the process that is root, ancestor of all others
 *
 * Makes folders, locks and the control socket; starts the service and starts it
 * again at once whenever it ends; does for it what needs root (requests.c).
 * Parses no evidence, serves nobody else, knows no policy. When it ends, by
 * whatever road, all others end.
 */
#ifndef EVIDENCEFS_STARTER_STARTER_H
#define EVIDENCEFS_STARTER_STARTER_H

#include "base/err.h"
#include "starter/config.h"

struct starter;

struct starter_opts {
	const struct config *config; /* resolved; borrowed */
	/* where an evidencefs-keyd listens that somebody else runs; NULL: it is a child */
	const char *keyd;
	const char *service;       /* program of the service; NULL: this one */
	char *const *service_argv; /* its arguments, NULL-terminated; borrowed */
	const char *worker;        /* program of the workers; NULL: beside this one, ... */
	/* The service can be asked, for the first time; NULL. */
	void (*ready)(void *ctx);
	void *ctx;
};

/**
 * starter_open() - all that can be refused: folders, locks, socket, programs
 * What systemd kept and handed over is taken up, stale mounts are taken away.
 * Return: 0 and *@out; -EBUSY the state is in use; ..., in words.
 */
int starter_open(const struct starter_opts *o, struct starter **out, struct err *e);
/**
 * starter_run() - run the service until SIGTERM or SIGINT; the rest of the process's life
 * In the main thread, with no other thread. SIGHUP is ignored. Faults are told on stderr.
 * Return: 0 ended in order; -errno, in words.
 */
int starter_run(struct starter *s, struct err *e);
/** starter_close() - unmounts nothing: starter_run() did. NULL allowed. */
void starter_close(struct starter *s);

#endif
