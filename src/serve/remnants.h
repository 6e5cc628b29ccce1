/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remnants.h - pieces of given contents where they have no name
 *
 * What was written once may stand in free space that no deleted entry claims, behind
 * the end of other files, between volumes. Found by its bytes: pieces of 32 bytes of
 * the contents, compared at every byte of what no allocated file has as its contents;
 * what is met is compared with the contents themselves as far as they agree. It may stand
 * within an allocated file, too: there whole blocks of it are looked for (remnant_blocks.h).
 * Reads the media, so it may take long: for a thread of its own.
 */
#ifndef EVIDENCEFS_SERVE_REMNANTS_H
#define EVIDENCEFS_SERVE_REMNANTS_H

#include "serve/evidence.h"

#define REMNANT_PIECE 32u
#define REMNANT_MIN   64u /* bytes that must agree, or all of the contents */

enum remnant_kind {
	REMNANT_CONTENTS, /* of the trace */
	REMNANT_LOST,     /* what it had besides (claims_lost()) */
	REMNANT_NAME      /* its name, in what was a directory (remnant_names.h) */
};

/* What is looked for. */
struct remnant_source {
	struct evidence *ev;
	uint64_t trace;
	enum remnant_kind kind;
};

struct remnant {
	uint64_t begin; /* media bytes */
	uint64_t end;
	size_t source;
	bool shared; /* an allocated file has these bytes, as its own contents */
};
struct remnants {
	struct remnant *v;
	size_t n, cap;
};

/**
 * remnants_find() - all pieces of @n sources in @ev
 * @stop: looked at now and then: true ends it
 * Return: 0; the caller frees @out->v. -EINTR, -ENOMEM, -EIO: what could not be read may have any.
 */
int remnants_find(struct evidence *ev, const struct remnant_source *sources, size_t n,
	const _Atomic bool *stop, struct remnants *out);

#endif
