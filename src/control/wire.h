/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - the control socket's messages (docs/PROTOCOL.control.md)
 *
 * A request is a command's name and its arguments, each a name and bytes. The
 * answer is any number of notes, progress and rows (control/row.h), then one
 * end: done, or an error in words. Encoding and decoding only: no sockets here.
 * Whatever comes is checked before it is used.
 */
#ifndef EVIDENCEFS_CONTROL_WIRE_H
#define EVIDENCEFS_CONTROL_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CONTROL_VERSION     1
#define CONTROL_REQUEST_MAX (4 * 1024 * 1024)
#define CONTROL_FRAME_MAX   (1024 * 1024)
#define CONTROL_ARGS_MAX    20000
#define CONTROL_COMMAND_MAX 63          /* bytes */
#define CONTROL_NAME_MAX    31          /* of an argument's name, of a row's key */
#define CONTROL_VALUE_MAX   (64 * 1024) /* of an argument's value */
#define CONTROL_FIELDS_MAX  64
#define CONTROL_LIST_MAX    65536

enum control_frame {
	CONTROL_REQUEST = 1,
	CONTROL_ROW = 2,
	CONTROL_TEXT = 3,     /* a line for stdout: an id */
	CONTROL_NOTE = 4,     /* a line for stderr */
	CONTROL_PROGRESS = 5, /* what, done, total (0 unknown) */
	CONTROL_END = 6,      /* errno (0 done), text */
};

/* One argument of a request. `value` has a NUL behind it and none in it. */
struct control_arg {
	const char *name;
	const char *value;
};

struct control_request {
	char command[CONTROL_COMMAND_MAX + 1]; /* "grant", "audit show" */
	struct control_arg *args;
	size_t n;
	struct buf memory; /* holds the strings */
};
/** control_arg() - value of the first argument of that name; NULL. */
const char *control_arg(const struct control_request *q, const char *name);
/** control_arg_n() - value of its @i-th occurrence. */
const char *control_arg_n(const struct control_request *q, const char *name, size_t i);

/**
 * control_request_put() - append a REQUEST, its frame and all
 * Return: 0; -E2BIG more than a request may hold; -EINVAL not a command or name; -ENOMEM.
 */
int control_request_put(struct buf *out, const char *command, const struct control_arg *args,
	size_t n, struct err *e);
/**
 * control_request_parse() - the payload of a REQUEST
 * Return: 0 and *@q, control_request_release() it; -EPROTO with why; -ENOMEM.
 */
int control_request_parse(struct cur payload, struct control_request *q, struct err *e);
void control_request_release(struct control_request *q);

/** control_frame_begin() - begin a frame; put its payload behind. Return: for the end. */
size_t control_frame_begin(struct buf *out, enum control_frame type);
/** control_frame_end() - Return: 0; -EMSGSIZE too large, -ENOMEM: the frame is dropped. */
int control_frame_end(struct buf *out, size_t begun);

/** control_text_put() - append a TEXT or NOTE of [n] bytes, cut where it is too long. */
void control_text_put(struct buf *out, enum control_frame type, const void *p, size_t n);
void control_progress_put(struct buf *out, const char *what, uint64_t done, uint64_t total);
/** control_end_put() - @code: 0 or a positive errno. */
void control_end_put(struct buf *out, int code, const char *text);

struct control_progress {
	char what[256]; /* cut */
	uint64_t done;
	uint64_t total;
};
/* Payloads that came. Return: 0; -EPROTO. */
int control_progress_parse(struct cur payload, struct control_progress *p);
/** control_end_parse() - @e is filled when the request failed. Return: 0; -errno; -EPROTO. */
int control_end_parse(struct cur payload, struct err *e);

#endif
