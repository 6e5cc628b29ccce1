/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime_stream.h - a run of a source's bytes as a GMimeStream
 *
 * While `parsing`, GMime is not shown what would make it take a message in the
 * message apart ("message/" reads "messagx/", "multipart/digest"
 * "multipart/digesx"): such a part is a leaf then, of exactly the bytes between
 * its boundaries, and no depth of messages costs depth of calls. And the last
 * line is shown with a line break, without which GMime leaves half of the one
 * before a boundary to the part. Nothing moves; afterwards the bytes are as
 * they are.
 */
#ifndef EVIDENCEFS_CONTAINER_MIME_STREAM_H
#define EVIDENCEFS_CONTAINER_MIME_STREAM_H

#include <gmime/gmime.h>

#include "container/container.h"
#include "image/source.h"

/* What streams of one message share. */
struct mime_bytes {
	const struct source *source;
	uint64_t off; /* where in it the message begins */
	struct container_budget *budget;
	bool parsing;
	char line[2]; /* the line break that the last line lacks, as the others have it */
	size_t line_len;
	uint64_t dashes; /* lines seen while parsing that begin as boundaries do */
	int error;       /* -EIO or -E2BIG, the first one: bytes end there */
};

/** mime_stream_new() - @bytes and what they point to outlive it. Free with g_object_unref(). */
GMimeStream *mime_stream_new(struct mime_bytes *bytes, uint64_t len);

#endif
