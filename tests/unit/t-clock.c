/* SPDX-License-Identifier: Apache-2.0 */
/* t-clock.c - two clocks: jumps both ways, suspend, boots of the machine; grants and exclusions. */
#include "tap.h"

#include "policy/clock.h"

#define S    INT64_C(1000000000)
#define HOUR (3600 * S)

static struct moment fake; /* what the machine's clocks show */

static void read_fake(void *ctx, struct moment *m)
{
	(void)ctx;
	*m = fake;
}

static struct clock *clock_at(int64_t highest, int64_t real, int64_t boot)
{
	const struct moment first = {.real_ns = real, .boot_ns = boot};
	struct clock *c = clock_new(highest, &first, "this");

	if (!c)
		bail_out("no memory");
	fake = first;
	clock_set_source(c, read_fake, NULL);
	return c;
}

static void pass(int64_t ns)
{
	fake.real_ns += ns;
	fake.boot_ns += ns;
}

static void test_now(void)
{
	struct clock *c = clock_at(1000 * S, 900 * S, 5 * S);
	struct moment now = clock_now(c);

	ok(now.real_ns == 1000 * S && now.boot_ns == 5 * S, "now is not below the highest kept");
	pass(200 * S);
	is_int(clock_now(c).real_ns / S, 1100, "but goes on above it");
	fake.real_ns -= 500 * S;
	is_int(clock_now(c).real_ns / S, 1100, "a clock set back stands still");
	pass(100 * S);
	now = clock_now(c);
	ok(now.real_ns == 1100 * S && now.boot_ns == 305 * S, "boot time goes on meanwhile");
	clock_free(c);
	clock_free(NULL);
	c = clock_new(0, &fake, "this");
	now = c ? clock_now(c) : fake;
	ok(c && now.real_ns > INT64_C(1700000000) * S && now.boot_ns > 0,
		"the system's clocks are read");
	clock_free(c);
}

static void test_jumps(void)
{
	struct clock *c = clock_at(0, 1000 * S, 5 * S);
	int64_t by = 0;

	ok(!clock_jumped(c, &by), "nothing to compare with at first");
	pass(HOUR);
	ok(!clock_jumped(c, &by), "an hour passes: no jump (suspend counts in both clocks)");
	fake.real_ns += 2 * S;
	ok(!clock_jumped(c, &by), "two seconds are none");
	fake.real_ns += S;
	ok(clock_jumped(c, &by) && by == 3 * S, "small steps add up");
	ok(!clock_jumped(c, &by), "told once");
	fake.real_ns -= 100 * S;
	ok(clock_jumped(c, &by) && by == -100 * S, "backwards too");
	fake.real_ns += 400 * 24 * HOUR;
	ok(clock_jumped(c, &by) && by == 400 * 24 * HOUR, "a year and more");
	clock_free(c);
}

static void test_seen(void)
{
	struct clock *c = clock_at(0, 1000 * S, 5 * S);
	struct seen s = clock_seen(c, 1500 * S, 505 * S, "this");

	ok(s.real_ns == 1500 * S && s.boot_ns == 505 * S, "an act of this boot was seen then");
	s = clock_seen(c, 900 * S, 77777 * S, "another");
	ok(s.real_ns == 1000 * S && s.boot_ns == 5 * S,
		"one of an earlier boot, when this boot was first seen");
	clock_free(c);
}

struct at {
	int64_t real, boot; /* seconds */
	bool active, bars;
	const char *what;
};

/* An act of second 1000, boot 100, from second 2000 until 3000: on the boot clock 1100 to 2100. */
static const struct at table[] = {
	{1000, 100, false, false, "when it was made"},
	{1999, 1099, false, false, "a moment before"},
	{2000, 1100, true, true, "when it begins"},
	{2999, 2099, true, true, "a moment before its end"},
	{3000, 2100, false, false, "its end"},
	{9000, 8100, false, false, "long after"},
	{2500, 200, false, true, "the clock was put forward into it"},
	{3500, 200, false, true, "the clock was put forward past it"},
	{1000, 1500, false, true, "the clock was put back before it, and time went on"},
	{2000, 1099, false, true, "boot time lacks a moment"},
	{1999, 1100, false, true, "real time lacks a moment"},
	{2500, 2100, false, true, "boot time has passed its end"},
	{3000, 1500, false, true, "real time has passed its end"},
	{1999, 2100, false, true, "put back: passed by boot time alone"},
};

static void test_spans(void)
{
	const struct seen s = {.real_ns = 1000 * S, .boot_ns = 100 * S};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct moment now = {table[i].real * S, table[i].boot * S};

		is_int(span_active(&s, 2000 * S, 3000 * S, &now), table[i].active, table[i].what);
		is_int(span_bars(&s, 2000 * S, 3000 * S, &now), table[i].bars,
			"  and of an exclusion");
	}
}

static void test_ends(void)
{
	const struct seen s = {.real_ns = 1000 * S, .boot_ns = 100 * S};
	const struct moment now = {1000 * S, 100 * S};
	const struct moment late = {INT64_MAX, INT64_MAX - 1};
	const struct moment then = {.real_ns = 2500 * S, .boot_ns = MOMENT_PAST};

	ok(span_active(&s, 0, TIME_FOREVER, &now) && span_active(&s, INT64_MIN, 1001 * S, &now),
		"from long ago");
	ok(span_bars(&s, INT64_MIN, TIME_FOREVER, &late), "an exclusion without end");
	ok(!span_active(&s, 1000 * S, 1000 * S, &now), "an empty span is never active");
	ok(span_active(&s, 2000 * S, 3000 * S, &then) &&
			!span_active(&s, 2600 * S, 3000 * S, &then) &&
			!span_active(&s, 2000 * S, 2500 * S, &then),
		"of the past, real time alone is asked");
	ok(span_bars(&s, 2000 * S, 3000 * S, &then) && !span_bars(&s, 2600 * S, 3000 * S, &then) &&
			!span_bars(&s, 2000 * S, 2500 * S, &then) &&
			span_next(&s, 2000 * S, 3000 * S, &then) == INT64_MAX &&
			span_bars_next(&s, 2000 * S, 3000 * S, &then) == INT64_MAX,
		"of exclusions too; and nothing comes next");
}

/* Stepping from one next to the other meets every change, and nothing changes in between. */
static unsigned walk(bool bars, int64_t real, int64_t boot, const char *what)
{
	const struct seen s = {.real_ns = 1000 * S, .boot_ns = 100 * S};
	struct moment now = {real * S, boot * S};
	unsigned changes = 0;
	unsigned steps = 0;

	while (steps++ < 10) {
		int64_t next = bars ? span_bars_next(&s, 2000 * S, 3000 * S, &now)
				    : span_next(&s, 2000 * S, 3000 * S, &now);
		bool was = bars ? span_bars(&s, 2000 * S, 3000 * S, &now)
				: span_active(&s, 2000 * S, 3000 * S, &now);
		struct moment end =
			next == INT64_MAX
				? (struct moment){now.real_ns + 9000 * S, now.boot_ns + 9000 * S}
				: (struct moment){now.real_ns + next - 1 - now.boot_ns, next - 1};

		for (struct moment m = now; m.boot_ns <= end.boot_ns;
			m.boot_ns += 50 * S, m.real_ns += 50 * S) {
			bool is = bars ? span_bars(&s, 2000 * S, 3000 * S, &m)
				       : span_active(&s, 2000 * S, 3000 * S, &m);

			if (is != was)
				return 99;
		}
		if (next == INT64_MAX)
			break;
		now = (struct moment){end.real_ns + 1, next};
		changes += was != (bars ? span_bars(&s, 2000 * S, 3000 * S, &now)
					: span_active(&s, 2000 * S, 3000 * S, &now));
	}
	ok(steps < 10, "%s comes to an end", what);
	return changes;
}

static void test_next(void)
{
	is_int(walk(false, 1000, 100, "a grant"), 2, "a grant begins and ends");
	is_int(walk(false, 1500, 100, "put forward"), 2, "later when the clock was put forward");
	is_int(walk(false, 3500, 100, "past"), 0, "never once it is over");
	is_int(walk(false, 1000, 2200, "by boot"), 0, "by boot time too");
	is_int(walk(true, 1000, 100, "an exclusion"), 2, "an exclusion begins and ends");
	is_int(walk(true, 2500, 100, "put forward"), 1, "ends when both have passed");
	is_int(walk(true, 1000, 1500, "put back"), 1, "put back likewise");
	is_int(walk(true, 3000, 2100, "over"), 0, "never once it is over");
}

int main(void)
{
	test_now();
	test_jumps();
	test_seen();
	test_spans();
	test_ends();
	test_next();
	return done_testing();
}
