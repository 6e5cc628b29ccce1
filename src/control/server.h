/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - the control socket's end in the service
 *
 * One thread accepts, each connection has a thread of its own. A client that
 * sends garbage, nothing or too much, does not read, or goes away, hurts itself
 * alone: no thread waits for a client while it holds anything of the service.
 */
#ifndef EVIDENCEFS_CONTROL_SERVER_H
#define EVIDENCEFS_CONTROL_SERVER_H

#include "base/err.h"

struct server;
struct service;

struct server_limits {
	unsigned connections; /* at once; 0: 256 */
	unsigned per_uid;     /* of one user at once; 0: 16 */
	int request_ms;       /* a request is whole by then; 0: 10,000 */
	int stall_ms; /* an answer of which no byte is taken for so long is given up; 0: 30,000 */
};

/**
 * server_new() - answer requests from now on
 * @listen_fd: a listening stream socket, borrowed until server_free(); made non-blocking
 * @limits: NULL: as they are by default
 */
int server_new(int listen_fd, struct service *s, const struct server_limits *limits,
	struct server **out, struct err *e);
/**
 * server_free() - accept no more, cut the connections, wait until their threads have ended
 * Long work gives up when it next tells of its progress. NULL allowed.
 */
void server_free(struct server *s);

#endif
