/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyd.h - evidencefs-keyd, as the starter sees it: its child, or a unit of systemd's
 *
 * A child that dies is started again; connections wait meanwhile, as the listening
 * socket is the starter's.
 */
#ifndef EVIDENCEFS_STARTER_KEYD_H
#define EVIDENCEFS_STARTER_KEYD_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/err.h"
#include "starter/config.h"

struct keyd_child {
	struct sockaddr_un at; /* where it listens */
	socklen_t at_n;
	int program; /* -1: it is not ours to start */
	int listener;
	int dir;
	uid_t uid;
	pid_t pid; /* 0: it does not run */
	unsigned quick;
	int64_t began_ms;
	int64_t begin_at_ms; /* when it is to be started, if it does not run */
};

void keyd_child_init(struct keyd_child *k);
/** keyd_child_open() - @path: where one listens that somebody else runs; NULL: it is to be ours. */
int keyd_child_open(struct keyd_child *k, const struct config *c, const char *path, struct err *e);
void keyd_child_close(struct keyd_child *k);

/** keyd_child_step() - start it when that is due. */
void keyd_child_step(struct keyd_child *k, int64_t now_ms);
/** keyd_child_due() - when that is; INT64_MAX: it runs, or is not ours. */
int64_t keyd_child_due(const struct keyd_child *k);
/** keyd_child_collect() - after SIGCHLD. */
void keyd_child_collect(struct keyd_child *k, int64_t now_ms);
/** keyd_child_stop() - in order: it keeps its key. Waits, and kills it after some seconds. */
void keyd_child_stop(struct keyd_child *k);
/** keyd_child_connect() - a new connection. Return: descriptor; -errno. */
int keyd_child_connect(const struct keyd_child *k);

#endif
