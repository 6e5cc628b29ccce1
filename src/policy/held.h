/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held.h - what may be on a road from something marked, while the roads are being found
 *
 * A mark on a large folder is in force at once for what is below it; which other traces have
 * the same bytes takes longer to find. Until then it is asked of each trace whose contents
 * somebody wants: two look-ups in indexes. Immutable; shared by counting; safe from several
 * threads.
 */
#ifndef EVIDENCEFS_POLICY_HELD_H
#define EVIDENCEFS_POLICY_HELD_H

#include "policy/view.h"

struct held;

/** held_new() - @copy_floor: as roads_opts. NULL: no memory. */
struct held *held_new(uint64_t copy_floor);
/** held_add() - while it is made: [@n] traces of @ev that are marked, in order and apart; taken,
 * also on failure. */
int held_add(struct held *h, struct evidence *ev, struct view_interval *v, size_t n);
struct held *held_get(struct held *h);
/** held_put() - NULL allowed. */
void held_put(struct held *h);

/**
 * held_trace() - whether a trace may have contents of what is marked
 * Another name of the same inode, the same SHA-256, or a symbolic link in a volume where something
 * is marked.
 * Return: 1, 0; -errno: it cannot be told.
 */
int held_trace(const struct held *h, struct evidence *ev, uint64_t trace);

#endif
