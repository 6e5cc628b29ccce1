/* SPDX-License-Identifier: Apache-2.0 */
/* describe.h - EVIDENCE.txt: acquisition data, volumes, hash totals, problems, in words. */
#ifndef EVIDENCEFS_SERVE_DESCRIBE_H
#define EVIDENCEFS_SERVE_DESCRIBE_H

#include "base/buf.h"
#include "serve/evidence.h"

/** describe() - append the text as it is now. Every byte of it can be shown on a terminal. */
void describe(struct evidence *ev, struct buf *out);
/** describe_size() - its length now. */
uint64_t describe_size(struct evidence *ev);

#endif
