/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mark_effect.h - how many traces marks would take or give back, by road
 *
 * Counts only what who asks sees now: nothing is told of what is hidden from him.
 */
#ifndef EVIDENCEFS_CONTROL_MARK_EFFECT_H
#define EVIDENCEFS_CONTROL_MARK_EFFECT_H

#include "policy/roads.h"

#define MARK_NAMED 20 /* traces of each kind that are named */

/* Paths below the case, in order of evidence and place; the first MARK_NAMED of them. */
struct mark_names {
	char *v[MARK_NAMED];
	size_t n;
};

struct mark_effect {
	uint64_t withheld[ROADS_N];       /* each trace once, by the first of its roads */
	uint64_t members[ROADS_N];        /* of these, in containers */
	uint64_t shown[ROADS_N];          /* withheld before, by the first of the roads it had */
	struct mark_names named[ROADS_N]; /* of other roads than by place: what they lead to */
	/* Containers that are there, with bytes that are refused for what is in them. */
	uint64_t closed;
	uint64_t opened;
	struct mark_names closes;
};

/** mark_effect() - from @before to @after, on what @v shows of the case. mark_effect_release() @out
 * in any case. Return: 0; -ENOMEM; -EIO. */
int mark_effect(const struct view *v, const struct roads *before, const struct roads *after,
	struct mark_effect *out);
void mark_effect_release(struct mark_effect *e);
uint64_t mark_effect_total(const uint64_t counts[static ROADS_N]);

#endif
