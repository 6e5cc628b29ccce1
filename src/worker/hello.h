/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello.h - what the service tells a new worker: HELLO of docs/PROTOCOL.worker.md
 *
 * The image's segments, the shape of the chunk cache, what user to become.
 * Descriptors follow on the wire (wire_send_fds()).
 */
#ifndef EVIDENCEFS_WORKER_HELLO_H
#define EVIDENCEFS_WORKER_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "image/files.h"
#include "worker/wire.h"

struct hello {
	uint32_t parent; /* process id of the service; 0: not checked */
	uint32_t uid;    /* to become when root; 0: stay */
	uint32_t slot_bytes;
	uint32_t slots; /* 0: no cache */
	char types[WIRE_TYPES_MAX];
	struct image_files files;
};

/** hello_encode() - the payload; errors stick in @b. */
void hello_encode(struct buf *b, const struct hello *h);
/**
 * hello_decode() - unpack and check
 * Return: 0 and *@h (descriptors -1), caller: hello_release(); -EPROTO, -ENOMEM.
 */
int hello_decode(struct cur *c, struct hello *h);
/** hello_release() - what hello_decode() made; descriptors stay open. */
void hello_release(struct hello *h);

#define HELLO_TYPE_MAX 16 /* bytes of a file-system type, NUL included */

/** hello_type_ok() - whether [n] bytes are a type: [a-z0-9]{1,15}. */
bool hello_type_ok(const char *p, size_t n);
/**
 * hello_type_of() - the type forced on volume @number by "p2=ntfs,p3=ext4"
 * @types: NULL or "": none are forced
 * Return: 1 and @out; 0 none; -EINVAL not of that form (@e says where).
 */
int hello_type_of(
	const char *types, unsigned number, char out[static HELLO_TYPE_MAX], struct err *e);

#endif
