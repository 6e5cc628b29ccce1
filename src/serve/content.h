/* SPDX-License-Identifier: Apache-2.0 */
/* content.h - the bytes of one trace, open for reading. Safe from several threads. */
#ifndef EVIDENCEFS_SERVE_CONTENT_H
#define EVIDENCEFS_SERVE_CONTENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "image/extent.h"
#include "image/source.h"
#include "serve/evidence.h"
#include "serve/mask.h"

struct content;

/**
 * content_open() - make ready what a read needs: extents, resident bytes
 * EVIDENCE.txt is taken as it is at this moment.
 * Return: 0 and *@out; -EIO contents cannot be told; -EISDIR; -ENOMEM.
 */
int content_open(struct evidence *ev, uint64_t id, struct content **out);
/** content_of_text() - contents that are @text; its bytes are taken. */
int content_of_text(struct buf *text, struct content **out);
/**
 * content_extents() - where the bytes of a trace lie in the image
 * Return: 0, the caller releases @map; -ENODATA extents do not say; as content_open().
 */
int content_extents(struct evidence *ev, uint64_t id, struct extent_map *map);
/** content_close() - NULL allowed. */
void content_close(struct content *c);

/** content_at_hand() - whether reading it asks nothing of the storage that the image lies on. */
bool content_at_hand(const struct content *c);

/** content_name() - of the trace as it is shown, in [*@n] bytes; NULL: it was not met. */
const void *content_name(const struct content *c, size_t *n);
/** content_size() - bytes. */
uint64_t content_size(const struct content *c);

/**
 * content_read() - read at an offset
 * Return: bytes; fewer at the end, or before a fault that lies further on
 * (asking again from there reports it); 0 past the end; -EIO.
 */
ssize_t content_read(const struct content *c, void *buf, size_t len, uint64_t off);
/**
 * content_now() - like content_read(), without waiting for storage or a worker
 * Return: as content_read(); -EAGAIN: it may have to wait.
 */
ssize_t content_now(const struct content *c, void *buf, size_t len, uint64_t off);
/**
 * content_lend() - bytes where they lie (source_lend()): what content_read() would copy
 * @l: begun as {0}; good until loan_return(), and no longer than the content
 * Return: bytes, all that @len asks for up to the end; -EAGAIN: read them.
 */
ssize_t content_lend(const struct content *c, size_t len, uint64_t off, struct loan *l);

/**
 * content_mask() - blank what a viewer is not shown of [@len] bytes read at @off
 * @m: NULL: he is shown everything
 */
void content_mask(
	const struct content *c, const struct mask *m, void *buf, size_t len, uint64_t off);
/** content_is_masked() - whether any of it is blanked, or it is a byte stream that may be. */
bool content_is_masked(const struct content *c, const struct mask *m);

#endif
