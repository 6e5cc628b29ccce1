/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - what time it is for the policy
 *
 * Two clocks: real time, which people set, and boot time, which counts through
 * suspend and cannot be set. A grant begins when both have passed its `from`,
 * ends when either has passed its `until`. The highest real time ever seen is
 * kept: now is never below it. So a clock that is moved, forward or back, makes
 * nothing come alive. What takes away is the other way round for the same reason:
 * an exclusion begins when either clock has passed its `from`, ends when both have
 * passed its `until`.
 */
#ifndef EVIDENCEFS_POLICY_CLOCK_H
#define EVIDENCEFS_POLICY_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define TIME_FOREVER INT64_MAX /* as TIME_NEVER of catalog/act.h: an end that does not come */
#define MOMENT_PAST  INT64_MIN /* boot_ns of a moment in the past: real time alone counts */

/* A moment on both clocks. */
struct moment {
	int64_t real_ns; /* never below the highest seen */
	int64_t boot_ns; /* CLOCK_BOOTTIME; MOMENT_PAST: to ask what was in force then */
};

struct clock;

/**
 * clock_new() - @highest: highest real time kept from before; @boot: when this boot of
 * the machine was first seen, on both clocks: acts of earlier boots count from there
 */
struct clock *clock_new(int64_t highest_ns, const struct moment *boot, const char *boot_id);
void clock_free(struct clock *c);
/** clock_set_source() - tests: @read fills both clocks in place of the system's. */
void clock_set_source(struct clock *c, void (*read)(void *ctx, struct moment *m), void *ctx);

/** clock_now() - safe from several threads. */
struct moment clock_now(struct clock *c);
/**
 * clock_jumped() - whether real time has moved against boot time by more than two
 * seconds since a jump was last told, or the first call; *@by: nanoseconds, negative
 * backwards. Small steps add up: a jump in pieces is one. NTP's slewing moves both
 * clocks alike and is none.
 */
bool clock_jumped(struct clock *c, int64_t *by);

/* When an act was seen: by the clocks of the machine that recorded it. */
struct seen {
	int64_t real_ns;
	int64_t boot_ns;
};
/** clock_seen() - of an act recorded at (@real_ns, @boot_ns) in boot @boot_id. */
struct seen clock_seen(
	const struct clock *c, int64_t real_ns, int64_t boot_ns, const char *boot_id);

/** span_active() - whether [@from, @until) of an act seen at @s holds @now. Pure. */
bool span_active(const struct seen *s, int64_t from_ns, int64_t until_ns, const struct moment *now);
/**
 * span_next() - boot time of the next moment when span_active() may change if nobody
 * touches the clocks; INT64_MAX: never. Pure.
 */
int64_t span_next(
	const struct seen *s, int64_t from_ns, int64_t until_ns, const struct moment *now);
/** span_bars(), span_bars_next() - the same for an exclusion: begins with either clock, ends with
 * both. */
bool span_bars(const struct seen *s, int64_t from_ns, int64_t until_ns, const struct moment *now);
int64_t span_bars_next(
	const struct seen *s, int64_t from_ns, int64_t until_ns, const struct moment *now);

#endif
