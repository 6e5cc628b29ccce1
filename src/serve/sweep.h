/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep.h - SHA-256 of the files of an image while its bytes go by, once, in order
 *
 * Does what suits it (sweep_plan.h) and is bounded in memory; the rest, and whatever lies
 * in a place that could not be read, is left to who reads trace by trace. Reads nothing of
 * the image itself. Used by one thread.
 */
#ifndef EVIDENCEFS_SERVE_SWEEP_H
#define EVIDENCEFS_SERVE_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "serve/evidence.h"

struct sweep;

struct sweep_opts {
	size_t planned_max; /* traces planned at a time; 0: two million */
	size_t open_max;    /* begun and not ended at a time; 0: 16,384 */
	/* whether a trace needs no hash any more; NULL: none is known */
	bool (*known)(void *ctx, uint64_t id);
	/* the hash of one; else than 0 ends the sweep */
	int (*found)(void *ctx, uint64_t id, const uint8_t sha256[static 32]);
	void *ctx;
};

int sweep_new(struct evidence *ev, const struct sweep_opts *o, struct sweep **out);
/**
 * sweep_bytes() - the image from byte @off on; each call goes on where the one before ended
 * @p: NULL: they could not be read
 * Return: 0; what found() returned; -ENOMEM; what the indexes gave.
 */
int sweep_bytes(struct sweep *s, uint64_t off, const uint8_t *p, uint64_t n);
/** sweep_free() - NULL allowed. */
void sweep_free(struct sweep *s);

#endif
