/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mask.h - bytes of the media that one viewer is not shown
 *
 * A property of the media, whoever asks for it: a file, a deleted entry over clusters
 * that another file has now, a byte stream. Immutable once made, so safe from several
 * threads, and shared by counting. A read pays a binary search.
 */
#ifndef EVIDENCEFS_SERVE_MASK_H
#define EVIDENCEFS_SERVE_MASK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/place.h"
#include "serve/spans.h"

struct mask_range {
	uint64_t begin; /* media bytes */
	uint64_t end;
	uint32_t value; /* as place_at.value */
	enum place_action action;
};

struct mask {
	_Atomic unsigned uses;
	struct mask_range *v; /* in order and apart */
	size_t n, cap;
	struct spans streams; /* zeros in byte streams, and in no file that has them */
	uint64_t *blank; /* traces whose contents only a worker can tell, over such bytes: zeros */
	size_t blank_n, blank_cap;
	bool *volumes; /* those whose byte streams are masked, whether or not a byte is */
	size_t volumes_n;
};

/** mask_new() - one that blanks nothing yet. Return: NULL no memory. */
struct mask *mask_new(size_t volumes);
/** mask_add() - while it is made. Return: 0; -ENOMEM. */
int mask_add(struct mask *m, const struct mask_range *r);
/** mask_add_streams() - bytes that a file may show, and no byte stream. Return: 0; -ENOMEM. */
int mask_add_streams(struct mask *m, uint64_t begin, uint64_t end);
/** mask_add_blank() - the contents of this trace read as zeros. */
int mask_add_blank(struct mask *m, uint64_t trace);
/**
 * mask_settle() - ranges in order and apart; nothing is added from then on but blank traces
 * Where two lie one over the other every byte is blanked; a checksum only where nothing
 * else is.
 */
int mask_settle(struct mask *m);
/** mask_settle_blank() - after the last mask_add_blank(). */
void mask_settle_blank(struct mask *m);

struct mask *mask_get(struct mask *m);
/** mask_put() - NULL allowed. */
void mask_put(struct mask *m);

/** mask_touches() - whether it changes any media byte from @begin to @end. NULL allowed. */
bool mask_touches(const struct mask *m, uint64_t begin, uint64_t end);
/** mask_touches_stream() - whether it does in a byte stream. NULL allowed. */
bool mask_touches_stream(const struct mask *m, uint64_t begin, uint64_t end);
/** mask_blanks() - whether a trace's contents read as zeros in whole. NULL allowed. */
bool mask_blanks(const struct mask *m, uint64_t trace);
/** mask_streams() - whether the byte streams of volume @k are masked; of any: @k SIZE_MAX. */
bool mask_streams(const struct mask *m, size_t k);
/** mask_same() - whether both blank the same. NULL allowed. */
bool mask_same(const struct mask *a, const struct mask *b);
/** mask_apply() - blank what of [@len] media bytes from @off on is masked. */
void mask_apply(const struct mask *m, uint8_t *buf, size_t len, uint64_t off);
/** mask_apply_stream() - the same of a byte stream. */
void mask_apply_stream(const struct mask *m, uint8_t *buf, size_t len, uint64_t off);

#endif
