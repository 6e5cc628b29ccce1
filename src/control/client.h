/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - ask the service one thing and take its answer
 *
 * For one thread. What comes is checked; a service that breaks the protocol is
 * an error. A signal that ends the process closes the connection, and with it
 * the request.
 */
#ifndef EVIDENCEFS_CONTROL_CLIENT_H
#define EVIDENCEFS_CONTROL_CLIENT_H

#include "control/row.h"
#include "control/wire.h"

#define CLIENT_SOCKET "/run/evidencefs/control.sock"

/* What the answer is given to; each NULL: not wanted. Texts are not escaped. */
struct client_sink {
	void (*row)(void *ctx, const struct row *r);
	void (*text)(void *ctx, const char *p, size_t n);
	void (*note)(void *ctx, const char *p, size_t n);
	void (*progress)(void *ctx, const struct control_progress *p);
	void *ctx;
};

/**
 * client_ask() - send a request, hand on its answer
 * @path: of the socket
 *
 * Return: 0 done; -errno, with the service's words or why it could not be asked:
 * -ECONNREFUSED, -ENOENT the service is not running; -EPROTO it ended in the middle.
 */
int client_ask(const char *path, const char *command, const struct control_arg *args, size_t n,
	const struct client_sink *sink, struct err *e);

#endif
