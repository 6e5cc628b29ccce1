/* SPDX-License-Identifier: Apache-2.0 */
/* now.h - what the system's clocks say, in nanoseconds, and the moments that waits end at */
#ifndef EVIDENCEFS_BASE_NOW_H
#define EVIDENCEFS_BASE_NOW_H

#include <stdint.h>
#include <time.h>

#define NOW_SECOND INT64_C(1000000000)
#define NOW_MS     INT64_C(1000000)

int64_t now_ns(clockid_t clock);
int64_t now_ms(clockid_t clock);
/** now_since() - seconds since now_ns(CLOCK_MONOTONIC) was @begun_ns */
double now_since(int64_t begun_ns);
/** now_at() - that moment, as pthread_cond_timedwait() and its like take it */
struct timespec now_at(int64_t ns);
/** now_plus() - @ns (0 or more) from now, likewise */
struct timespec now_plus(clockid_t clock, int64_t ns);

#endif
