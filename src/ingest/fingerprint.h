/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fingerprint.h - the key under which an image's indexes are kept
 *
 * From format, sizes and times of the segments, and bytes at several places of the
 * first and the last. Good for finding the indexes of an image again; no proof that
 * the image is the same.
 */
#ifndef EVIDENCEFS_INGEST_FINGERPRINT_H
#define EVIDENCEFS_INGEST_FINGERPRINT_H

#include "base/err.h"
#include "image/files.h"

#define FINGERPRINT_HEX 33 /* 32 hex digits and NUL */

/**
 * fingerprint() - of an image, read with forced file systems @types (NULL: none)
 * @tick: called several times a second while storage is waited for; non-zero ends that
 *        with -EINTR, though a read that storage does not answer goes on by itself until
 *        the process ends
 */
int fingerprint(const struct image_files *f, const char *types, int (*tick)(void *ctx), void *ctx,
	char out[FINGERPRINT_HEX], struct err *e);

#define FINGERPRINT_SAMPLE_HEX 65 /* 64 hex digits and NUL */
/**
 * fingerprint_sample() - what an image's bytes look like: sizes, format and samples, but no
 * times or places. A copy elsewhere has the same; it proves nothing.
 */
int fingerprint_sample(
	const struct image_files *f, char out[static FINGERPRINT_SAMPLE_HEX], struct err *e);

#endif
