/* SPDX-License-Identifier: Apache-2.0 */
/* remnant_text.h - the bytes that are looked for: contents, or media bytes one after the other */
#ifndef EVIDENCEFS_SERVE_REMNANT_TEXT_H
#define EVIDENCEFS_SERVE_REMNANT_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "serve/claims.h"
#include "serve/content.h"
#include "serve/remnants.h"

/* All zeros: none. */
struct remnant_text {
	struct content *content;
	const struct source *media;
	const struct claim_lost *v;
	size_t n;
	uint64_t size; /* 0: it cannot be read */
};

/** remnant_text_open() - of a source that is no name. Return: 0; -errno: as content_open(). */
int remnant_text_open(const struct remnant_source *from, struct remnant_text *t);
/** remnant_text_read() - as content_read(). */
ssize_t remnant_text_read(const struct remnant_text *t, void *buf, size_t len, uint64_t off);
/** remnant_text_fill() - all of [@len], or as much as can be read. Return: bytes. */
size_t remnant_text_fill(const struct remnant_text *t, uint8_t *buf, size_t len, uint64_t off);
void remnant_text_close(struct remnant_text *t);

#endif
