/* SPDX-License-Identifier: Apache-2.0 */
/* row.h - what build.c and index.c share: the tables of an index file (docs/FORMAT.index.md). */
#ifndef EVIDENCEFS_TRACE_ROW_H
#define EVIDENCEFS_TRACE_ROW_H

#include "base/buf.h"
#include "trace/index.h"

#define INDEX_VERSION     4
#define INDEX_INLINE_MAX  200  /* packed contents longer than this stand in table `big` */
#define INDEX_UNALLOCATED (-1) /* row of `big` that holds the unallocated units */

/** row_encode() - the `meta` column: what lookups never search for. */
void row_encode(struct buf *b, const struct trace *t);
/** row_decode() - Return: 0, -EBADMSG. Pointers lead into @p. */
int row_decode(const void *p, size_t n, struct trace *t);

#endif
