/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply.h - what a worker says, decoded and checked
 *
 * Pure functions over bytes in memory: no socket, no process. Every check of
 * docs/PROTOCOL.worker.md "What the service checks" is here or in
 * entry_decode(). A breach is -EPROTO; nothing is handed on before its check.
 */
#ifndef EVIDENCEFS_WORKER_REPLY_H
#define EVIDENCEFS_WORKER_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "image/place.h"
#include "worker/client.h"
#include "worker/wire.h"

/* largest payloads */
#define REPLY_FAIL_MAX     (64 * 1024)
#define REPLY_SCAN_MAX     (2 * 1024 * 1024)
#define REPLY_FILL_MAX     (256 * 1024)
#define REPLY_IDS_MAX      (512 * 1024)
#define REPLY_IDS          401  /* message ids */
#define REPLY_ID_MAX       998  /* bytes of one: a line of a message is no longer */
#define REPLY_TEXT_MAX     4096 /* bytes of cleaned text, NUL included */
#define REPLY_DEPTH_MAX    4096
#define REPLY_MEMBERS_MAX  UINT64_C(16777216) /* frames about members, in one walk */
#define REPLY_MEMBER_BYTES (UINT64_C(4) << 30)
#define REPLY_CLUSTER_MAX  (1u << 31)           /* bytes of an allocation unit */
#define REPLY_CHUNK_MAX    (128u * 1024 * 1024) /* bytes of an EWF chunk */

/* What a trace meets. */
struct reply_match {
	uint8_t bits;  /* WIRE_OWN_TEXT, ... */
	uint32_t n;    /* patterns */
	struct cur at; /* their numbers, four bytes each, in the frame */
};
/** reply_matched() - of [n] traces, with @patterns asked. Return: 0; -EPROTO. */
int reply_matched(struct cur *c, size_t n, uint32_t patterns, struct reply_match *out);

/**
 * reply_text() - text of a worker as a string that can be shown
 * What is not UTF-8 and controls become \xhh; cut between characters at @size.
 */
void reply_text(char *dst, size_t size, const uint8_t *p, size_t n);

struct reply_ready {
	uint32_t applied; /* SANDBOX_* */
	uint32_t landlock_abi;
	uint32_t uid;
};

int reply_ready(struct cur *c, struct reply_ready *out);
/** reply_fail() - Return: the negative errno that is said (@e: with its words); -EPROTO. */
int reply_fail(struct cur *c, struct err *e);

/**
 * reply_media() - begin a scan
 * @ewf, @size: the format; media bytes if known (raw), else 0
 * @s: filled but for volumes
 */
int reply_media(struct cur *c, bool ewf, uint64_t size, struct scan *s);
/** reply_volume() - append to s->v. */
int reply_volume(struct cur *c, struct scan *s);

/* One walk so far. Begin with {.sink, .media_size (0: not known)}. */
struct reply_walk {
	const struct walk_sink *sink;
	uint64_t media_size;
	bool begun;
	bool rooted;
	bool entered_file; /* only LEAVE may follow */
	bool may_stream;   /* a stream may follow */
	bool unallocated;  /* has come */
	bool placed;       /* has come */
	unsigned depth;    /* open directories below the root */
	unsigned inside;   /* `depth` of the folder of members that is open; 0: none is */
	bool holds;        /* what was entered is a file or a stream */
	bool unopened;     /* that was said of it */
	bool left_file;    /* the last frame left a file or a stream: its members may follow */
	uint64_t met;      /* file of the container that is being opened; 0: none yet */
	uint64_t member_frames;
	uint64_t member_bytes;
	uint64_t frames;
	uint64_t bytes;
	uint64_t entries; /* handed on */
	int stopped;      /* what a sink returned, not 0 */
	char last[256];   /* name of the entry that came last, cleaned */
};

/**
 * reply_walk() - take one frame of a walk; hand it on to the sink
 * Return: 0 more follows; 1 complete, or stopped by the sink (w->stopped);
 * -errno of a FAIL (@failed set, @e has its words); -EPROTO.
 */
int reply_walk(struct reply_walk *w, struct frame *f, bool *failed, struct err *e);

/** reply_ids() - the answer to a THREAD: blobs, appended to @out. Return: how many; -EPROTO;
 * -ENOMEM. */
int reply_ids(struct cur *c, struct buf *out);

struct reply_chunk {
	int status;     /* 0 or -errno */
	uint32_t bytes; /* in its slot */
	char text[256]; /* why it is bad */
};

/** reply_chunk_bytes() - of chunk @chunk, which is within the media. */
uint32_t reply_chunk_bytes(uint64_t chunk, uint64_t media_size, uint32_t chunk_size);
/**
 * reply_filled() - the answer to a FILL, chunk by chunk
 * @full: bytes the chunk must have
 * @v:    filled; cur_left() is 0 after the last one
 */
int reply_filled(struct cur *c, uint32_t full, struct reply_chunk *v);

#endif
