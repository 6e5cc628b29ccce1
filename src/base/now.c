/* SPDX-License-Identifier: Apache-2.0 */
/* now.c - what the system's clocks say; see now.h. */
#include "base/now.h"

int64_t now_ns(clockid_t clock)
{
	struct timespec t = {0};

	clock_gettime(clock, &t);
	return t.tv_sec * NOW_SECOND + t.tv_nsec;
}

int64_t now_ms(clockid_t clock)
{
	return now_ns(clock) / NOW_MS;
}

double now_since(int64_t begun_ns)
{
	return (double)(now_ns(CLOCK_MONOTONIC) - begun_ns) / NOW_SECOND;
}

struct timespec now_at(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / NOW_SECOND, .tv_nsec = (long)(ns % NOW_SECOND)};
}

struct timespec now_plus(clockid_t clock, int64_t ns)
{
	return now_at(now_ns(clock) + ns);
}
