/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contents.h - packed contents of one trace as a source; in the worker
 *
 * What an entry says of its bytes (image/extent.h): where they lie in the media,
 * the bytes themselves, or that a file system is asked.
 */
#ifndef EVIDENCEFS_WORKER_CONTENTS_H
#define EVIDENCEFS_WORKER_CONTENTS_H

#include "image/source.h"

struct contents_opts {
	const struct source *media;
	/* For CONTENT_WORKER. Return: bytes; -errno. */
	ssize_t (*ask)(void *ctx, void *buf, size_t len, uint64_t off);
	void *ctx;
};

/**
 * contents_source() - @packed: [n], copied as far as needed
 * Return: 0 and *@out; -EIO its bytes cannot be told; -ENOMEM.
 */
int contents_source(const struct contents_opts *o, const uint8_t *packed, size_t n, uint64_t size,
	struct source **out);

#endif
