/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mark_effect.h - how many traces marks would take or give back, by road
 *
 * Counts only what who asks sees now: nothing is told of what is hidden from him.
 */
#ifndef EVIDENCEFS_CONTROL_MARK_EFFECT_H
#define EVIDENCEFS_CONTROL_MARK_EFFECT_H

#include "policy/roads.h"

struct mark_effect {
	uint64_t withheld[ROADS_N]; /* each trace once, by the first of its roads */
	uint64_t shown[ROADS_N];    /* withheld before, by the first of the roads it had */
};

/** mark_effect() - from @before to @after, on what @v shows of the case. Return: 0; -ENOMEM; -EIO.
 */
int mark_effect(const struct view *v, const struct roads *before, const struct roads *after,
	struct mark_effect *out);
uint64_t mark_effect_total(const uint64_t counts[static ROADS_N]);

#endif
