/* SPDX-License-Identifier: Apache-2.0 */
/* remnant_spans.h - where pieces of contents and old names may stand. */
#ifndef EVIDENCEFS_SERVE_REMNANT_SPANS_H
#define EVIDENCEFS_SERVE_REMNANT_SPANS_H

#include "serve/claims.h"

/**
 * remnant_spans_of() - what no allocated file of @ev has, and what one has
 * @look: as its contents, in each volume for itself
 * @free_space: not even as a directory: in volumes whose directories are known, and in none
 * @in_files: what allocated files have, but for the file system's own
 * Return: 0, the caller frees all three; -ENOMEM, -EIO.
 */
int remnant_spans_of(
	struct evidence *ev, struct spans *look, struct spans *free_space, struct spans *in_files);

#endif
