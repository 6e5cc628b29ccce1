/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h - which message a trace stands in, and which messages that one belongs to
 *
 * Header fields are parsed by a worker, when they are asked for.
 */
#ifndef EVIDENCEFS_SERVE_MESSAGE_H
#define EVIDENCEFS_SERVE_MESSAGE_H

#include "serve/evidence.h"

/**
 * message_headers() - where the header fields stand of the message that @trace is, or stands in
 * Return: 0 and *@out; -ENOENT it is in none; -EIO.
 */
int message_headers(struct evidence *ev, uint64_t trace, uint64_t *out);

/**
 * message_ids() - message ids in header fields: the message's own and those it answers
 * @headers: of message_headers()
 * @out: each a blob, appended
 * Return: how many; -EIO; -ENOMEM.
 */
int message_ids(struct evidence *ev, uint64_t headers, struct buf *out);

#endif
