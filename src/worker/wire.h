/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - frames over the socket between the service and a worker
 *
 * Both ends use it. Sizes are bounded before memory is asked for; what a frame
 * means is for serve.c and reply.c. The service's end waits at most until a
 * deadline (looked at every 100 ms); the worker's end for ever, with read() and
 * write() alone. See docs/PROTOCOL.worker.md. Not safe from
 * several threads at once.
 */
#ifndef EVIDENCEFS_WORKER_WIRE_H
#define EVIDENCEFS_WORKER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define WIRE_VERSION     1
#define WIRE_FD          3                  /* the worker's end */
#define WIRE_FRAME_MAX   (64 * 1024 * 1024) /* bytes of payload */
#define WIRE_HEADER      6
#define WIRE_BATCH       (64 * 1024)   /* bytes gathered before they are written */
#define WIRE_FDS_MAX     200           /* descriptors in one FDS frame */
#define WIRE_SEGMENTS    65536         /* segments of one image */
#define WIRE_READ_MAX    (1024 * 1024) /* bytes of one READ */
#define WIRE_SKIP_MAX    16            /* files that one WALK leaves alone */
#define WIRE_FILL_MAX    64            /* chunks of one FILL */
#define WIRE_VOLUMES_MAX 1024
#define WIRE_TYPES_MAX   1024 /* bytes of forced types */

/* Of a WALK: which files of the volume are looked into for members. */
enum wire_heads {
	WIRE_HEADS_NONE = 0,
	WIRE_HEADS_NAMED = 1, /* those whose names end as containers' do */
	WIRE_HEADS_ALL = 2
};

enum wire_type {
	WIRE_HELLO = 1,
	WIRE_FDS = 2,
	WIRE_SCAN = 3,
	WIRE_WALK = 4,
	WIRE_READ = 5,
	WIRE_FILL = 6,
	WIRE_MEMBER = 7,
	WIRE_THREAD = 8,
	WIRE_PATTERNS = 9,
	WIRE_MATCH = 10,
	WIRE_READY = 129,
	WIRE_FAIL = 130,
	WIRE_MEDIA = 131,
	WIRE_VOLUME = 132,
	WIRE_SCANNED = 133,
	WIRE_BEGIN = 134,
	WIRE_ROOT = 135,
	WIRE_ENTER = 136,
	WIRE_LEAVE = 137,
	WIRE_PROBLEM = 138,
	WIRE_UNALLOCATED = 139,
	WIRE_WALKED = 140,
	WIRE_BYTES = 141,
	WIRE_FILLED = 142,
	WIRE_ALIVE = 143,
	WIRE_PLACES = 144,
	WIRE_PLACED = 145,
	WIRE_CONTAINER = 146,
	WIRE_IDS = 147,
	WIRE_UNOPENED = 148,
	WIRE_MATCHED = 149
};

/* Of PATTERNS. */
enum wire_pattern {
	WIRE_ADDRESS = 1,
	WIRE_DOMAIN = 2,
	WIRE_PHONE = 3,
	WIRE_KEYWORD = 4,
};

#define WIRE_PATTERNS_MAX 65535
#define WIRE_PATTERN_MAX  4096  /* bytes of one */
#define WIRE_NAME_MAX     65536 /* bytes of a name in MATCH */
#define WIRE_MATCH_MAX    64    /* traces of one MATCH */

/* Of a trace in MATCH */
#define WIRE_HAS_MEMBERS 1u
/* and in MATCHED. */
#define WIRE_OWN_TEXT 1u /* it is text of the message that it stands in */
#define WIRE_REPEATS  2u /* its members stand beside it once more */
#define WIRE_UNREAD   4u /* it could not be read, or not to its end */
#define WIRE_DOCUMENT 8u /* its members are what its text is made of */
#define WIRE_BITS     15u

struct wire {
	int fd;
	bool service; /* the service's end: has deadlines, and no SIGPIPE */
	bool exact;   /* read no byte of the next frame: it may bring descriptors */
	/* Service: called while it waits, several times a second, and after each read; non-zero
	 * ends the wait with -EINTR. NULL: nobody. */
	int (*tick)(void *ctx);
	void *tick_ctx;
	struct buf in;
	size_t in_pos; /* bytes of in already handed out */
	struct buf out;
	size_t frame; /* where the frame being written begins in out */
};

struct frame {
	uint16_t type;
	struct cur payload; /* borrowed until the next call on the wire */
};

/** wire_init() - takes @fd; the worker's end begins exact. */
void wire_init(struct wire *w, int fd, bool service);
void wire_release(struct wire *w);

/** wire_now_ms() - monotonic milliseconds, for deadlines. */
int64_t wire_now_ms(void);

/**
 * wire_parse() - the next frame of bytes in memory
 * @p, @n:  bytes
 * @max:    largest payload allowed
 * @used:   bytes of the frame, header included
 * Return: 1 and *@f; 0 more bytes are needed (*@used: how many in all); -EPROTO too large.
 */
int wire_parse(const uint8_t *p, size_t n, size_t max, struct frame *f, size_t *used);

/**
 * wire_recv() - the next frame
 * @max:         largest payload allowed
 * @deadline_ms: as wire_now_ms() counts; the whole frame must be there by then
 *
 * Return: 0 and *@f. -EPIPE the other end is gone; -EPROTO frame too large;
 * -ETIMEDOUT; -ENOMEM.
 */
int wire_recv(struct wire *w, size_t max, int64_t deadline_ms, struct frame *f);
/** wire_pending() - whether bytes have come that no frame has used yet. */
bool wire_pending(const struct wire *w);

/** wire_begin() - begin a frame; the payload is put into the returned buffer. */
struct buf *wire_begin(struct wire *w, enum wire_type type);
/**
 * wire_end() - end the frame; it is written with others once WIRE_BATCH bytes are there
 * Return: 0; -EMSGSIZE payload too large, -ENOMEM: the frame is dropped, the wire
 * goes on; -EPIPE.
 */
int wire_end(struct wire *w);
/** wire_flush() - write what is gathered. Return: 0, -EPIPE, -ETIMEDOUT. */
int wire_flush(struct wire *w, int64_t deadline_ms);

/** wire_send_fds() - one FDS frame with @n (1 .. WIRE_FDS_MAX) descriptors. Service's end. */
int wire_send_fds(struct wire *w, const int *fds, size_t n, int64_t deadline_ms);
/**
 * wire_recv_fds() - the next FDS frame; worker's end, before the sandbox
 * @fds: [max] filled
 * Return: how many (>= 1); -EPROTO anything else came; -EPIPE.
 */
int wire_recv_fds(struct wire *w, int *fds, size_t max);

#endif
