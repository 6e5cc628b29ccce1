/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tap.h - test points in TAP (Test Anything Protocol), for tests/unit/
 *
 * One test program includes this once. Each ok() prints a point and goes on;
 * main() ends with `return done_testing();`, which prints the plan and is
 * non-zero when a point failed. A program that cannot run prints skip_all().
 * For test programs only: it keeps its counts in static variables. Points are
 * printed from one thread.
 */
#ifndef EVIDENCEFS_TESTS_TAP_H
#define EVIDENCEFS_TESTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_points;
static int tap_failures;

__attribute__((format(printf, 4, 0))) static inline bool tap_vok(
	bool pass, const char *file, int line, const char *fmt, va_list ap)
{
	tap_points++;
	if (!pass)
		tap_failures++;
	printf("%sok %d - ", pass ? "" : "not ", tap_points);
	vprintf(fmt, ap);
	putchar('\n');
	if (!pass)
		printf("# at %s:%d\n", file, line);
	fflush(stdout);
	return pass;
}

__attribute__((format(printf, 4, 5))) static inline bool tap_ok(
	bool pass, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_vok(pass, file, line, fmt, ap);
	va_end(ap);
	return pass;
}

/** diag() - a comment line. */
__attribute__((format(printf, 1, 2), unused)) static inline void diag(const char *fmt, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

static inline bool tap_is_int(
	long long got, long long want, const char *file, int line, const char *name)
{
	tap_ok(got == want, file, line, "%s", name);
	if (got != want)
		diag("got %lld, want %lld", got, want);
	return got == want;
}

static inline bool tap_is_str(
	const char *got, const char *want, const char *file, int line, const char *name)
{
	bool same = got && want ? strcmp(got, want) == 0 : got == want;

	tap_ok(same, file, line, "%s", name);
	if (!same)
		diag("got \"%s\", want \"%s\"", got ? got : "(null)", want ? want : "(null)");
	return same;
}

/** ok() - a point: passes when @cond; the name is a printf format. Value: @cond. */
#define ok(cond, ...) tap_ok(!!(cond), __FILE__, __LINE__, __VA_ARGS__)
/** is_int() - equal integers, both shown when they differ. */
#define is_int(got, want, name)                                                                    \
	tap_is_int((long long)(got), (long long)(want), __FILE__, __LINE__, name)
/** is_str() - equal strings, both shown when they differ. */
#define is_str(got, want, name) tap_is_str(got, want, __FILE__, __LINE__, name)

/** skip() - a point that cannot be made here. */
__attribute__((unused)) static inline void skip(const char *why)
{
	tap_points++;
	printf("ok %d # SKIP %s\n", tap_points, why);
	fflush(stdout);
}

/** bail_out() - the test itself cannot go on: prints why and exits with 255. */
__attribute__((unused, noreturn)) static inline void bail_out(const char *why)
{
	printf("Bail out! %s\n", why);
	fflush(stdout);
	exit(255);
}

/** skip_all() - nothing can be tested here; before the first point. Return: 0 from main(). */
__attribute__((unused)) static inline int skip_all(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	return 0;
}

/** done_testing() - print the plan. Return: exit status for main(). */
__attribute__((unused)) static inline int done_testing(void)
{
	printf("1..%d\n", tap_points);
	if (tap_failures)
		printf("# %d of %d failed\n", tap_failures, tap_points);
	fflush(stdout);
	return tap_failures ? 1 : 0;
}

#endif
