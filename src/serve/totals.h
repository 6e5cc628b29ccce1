/* SPDX-License-Identifier: Apache-2.0 */
/*
 * totals.h - MD5, SHA-1 and SHA-256 of a whole image, from one read of it
 *
 * Who asks may look at the bytes as they go by, so that nothing else of the image
 * has to be read a second time.
 */
#ifndef EVIDENCEFS_SERVE_TOTALS_H
#define EVIDENCEFS_SERVE_TOTALS_H

#include <stdatomic.h>
#include <stdint.h>

#include "image/source.h"

struct totals {
	uint8_t md5[16];
	uint8_t sha1[20];
	uint8_t sha256[32];
	uint64_t unreadable; /* bytes left out: then the digests are not the image's */
};

/* How to go about it. */
struct totals_opts {
	uint64_t piece;          /* bytes passed over around an unreadable one */
	const atomic_bool *stop; /* set: give up at the next block */
	void (*progress)(void *ctx, uint64_t done, uint64_t size);
	/* Called for all of the image in order, in the caller's thread; @p: NULL, they are passed
	 * over. Else than 0 ends it. NULL: nobody looks. */
	int (*bytes)(void *ctx, uint64_t off, const uint8_t *p, uint64_t n);
	void *ctx;
};

/**
 * totals_make() - read all of @media
 * Return: 0; -EINTR stopped; -ENOMEM; -EAGAIN no thread; what bytes() returned.
 */
int totals_make(const struct source *media, const struct totals_opts *o, struct totals *out);

#endif
