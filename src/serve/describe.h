/* SPDX-License-Identifier: Apache-2.0 */
/* describe.h - EVIDENCE.txt: acquisition data, volumes, hash totals, problems, in words. */
#ifndef EVIDENCEFS_SERVE_DESCRIBE_H
#define EVIDENCEFS_SERVE_DESCRIBE_H

#include "base/buf.h"
#include "serve/evidence.h"

/* What a viewer may see; NULL in its place: everything. */
struct describe_filter {
	/** shows() - @by_name: a directory that is there by name only is enough. */
	bool (*shows)(void *ctx, uint64_t trace, bool by_name);
	void *ctx;
};

/**
 * describe() - append the text as it is now. Every byte of it can be shown on a terminal.
 * @f: volumes of which nothing may be seen are left out, and so are counts of traces, and
 *     problems with what may not be seen or cannot be told. NULL: nothing is left out.
 */
void describe(struct evidence *ev, const struct describe_filter *f, struct buf *out);
/** describe_size() - its length now. */
uint64_t describe_size(struct evidence *ev);

#endif
