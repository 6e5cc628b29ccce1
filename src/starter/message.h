/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h - packets between the starter and the service
 *
 * Form only: type, id, payload, descriptors, and their bounds. What they mean
 * is for requests.c (starter) and channel.c (service). docs/PROTOCOL.starter.md.
 */
#ifndef EVIDENCEFS_STARTER_MESSAGE_H
#define EVIDENCEFS_STARTER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "starter/channel.h"

#define MESSAGE_VERSION  1
#define MESSAGE_FD       3 /* the service's end */
#define MESSAGE_LOCK_FD  4 /* only held by the service */
#define MESSAGE_MAX      65536
#define MESSAGE_HEADER   6
#define MESSAGE_FDS      200
#define MESSAGE_SEGMENTS 65536 /* of an image */
#define MESSAGE_SLOW     32    /* slow requests at once */
#define MESSAGE_WAIT_MS  10000 /* for room in the socket */

enum message_type {
	MESSAGE_IMAGE = 1,
	MESSAGE_MOUNT = 2,
	MESSAGE_BEGUN = 3,
	MESSAGE_UNMOUNT = 4,
	MESSAGE_EXE = 5,
	MESSAGE_RUN = 6,
	MESSAGE_REAP = 7,
	MESSAGE_READY = 8,
	MESSAGE_KEYD = 9,
	MESSAGE_START = 64,
	MESSAGE_SESSION = 65,
	MESSAGE_DONE = 66,
	MESSAGE_FAIL = 67,
	MESSAGE_PART = 68,
	MESSAGE_END = 69
};

/* One received; descriptors are the receiver's. */
struct message {
	uint16_t type;
	uint32_t id;
	struct cur payload; /* borrowed from the memory it was received into */
	int fds[MESSAGE_FDS];
	size_t n_fds;
	bool lost_fds; /* there were more than this process may open */
};

/** message_begin() - an empty @b with the header; the payload is put behind it. */
void message_begin(struct buf *b, enum message_type type, uint32_t id);
/**
 * message_send() - one packet, whole or not at all; waits for room at most MESSAGE_WAIT_MS
 * Safe from several threads.
 * Return: 0; -EPIPE nobody there; -ETIMEDOUT; -EMSGSIZE; -ENOMEM.
 */
int message_send(int sock, const struct buf *b, const int *fds, size_t n);
/** message_fail() - a FAIL with @r (-errno) and @text. */
int message_fail(int sock, uint32_t id, int r, const char *text);
/**
 * message_recv() - the next packet
 * @memory: [MESSAGE_MAX]
 * @wait:   false: -EAGAIN when there is none
 * Return: 0 and *@m, caller: message_close_fds(); -EPIPE; -EPROTO not of the form.
 */
int message_recv(int sock, uint8_t *memory, struct message *m, bool wait);
/** message_take_fd() - the @i-th descriptor, now the caller's; -1: there is none. */
int message_take_fd(struct message *m, size_t i);
/** message_close_fds() - those not taken. */
void message_close_fds(struct message *m);

/** message_text() - the next text as a string. Return: 0; -EPROTO: too long for @size, or NUL. */
int message_text(struct cur *c, char *out, size_t size);

/** message_put_session(), message_session() - a session without its descriptors (-1). */
void message_put_session(struct buf *b, const struct channel_session *s);
int message_session(struct cur *c, struct channel_session *s);

#endif
