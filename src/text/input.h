/* SPDX-License-Identifier: Apache-2.0 */
/*
 * input.h - bytes from their beginning, as parsers of text read them
 *
 * Of a file, or of a member of an archive while it is told. What cannot be read
 * is left out, and remembered.
 */
#ifndef EVIDENCEFS_TEXT_INPUT_H
#define EVIDENCEFS_TEXT_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "image/source.h"

struct input {
	const struct source *s; /* or NULL */
	uint64_t off;
	ssize_t (*read)(void *ctx, void *buf, size_t len); /* of what is no source */
	void *ctx;
	bool faults; /* some bytes were left out */
};

/** input_read() - the next bytes. Return: @len, fewer only at the end. */
size_t input_read(struct input *in, void *buf, size_t len);

#endif
