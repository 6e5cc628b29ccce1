/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep_plan.h - which traces can be hashed while the image goes by, in its order
 *
 * Those whose extents ascend in the image, without much that is zeros only: read front to
 * back they are read in their own order too. Names of one file count once. The plan is
 * bounded: of more traces than it holds it has those that begin first, and is made anew
 * from the indexes where it ends.
 */
#ifndef EVIDENCEFS_SERVE_SWEEP_PLAN_H
#define EVIDENCEFS_SERVE_SWEEP_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/extent.h"
#include "serve/evidence.h"

struct planned {
	uint64_t id;
	uint64_t offset; /* image bytes: of its first byte that is not a hole */
	uint64_t length; /* bytes, all in one extent; 0: ask the index for its extents */
};

struct sweep_plan {
	struct planned *v; /* in order of offsets */
	size_t n, cap;
	size_t next;    /* item */
	size_t max;     /* items, 2 or more */
	uint64_t bound; /* what begins before this is in it, or was */
	bool crowded;   /* all items it has room for begin at one offset: the rest is left out */
};

/**
 * sweep_plan_make() - what begins at image byte @from or behind it
 * @p: zero but for max, or made before
 * @known: whether a trace needs no hash any more; NULL: none is known
 * Return: 0; -ENOMEM; what the indexes gave.
 */
int sweep_plan_make(struct sweep_plan *p, struct evidence *ev, uint64_t from,
	bool (*known)(void *ctx, uint64_t id), void *ctx);
void sweep_plan_release(struct sweep_plan *p);

/** sweep_suits() - whether contents with these extents can be hashed in the image's order. */
bool sweep_suits(const struct extent_map *m);

#endif
