/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trail.h - where a library without coverage has been, for libFuzzer
 *
 * libtsk is the system's own, compiled without counters. What it calls of its
 * exported functions, and what it says, is told apart here, as counters that
 * libFuzzer looks at. Without libFuzzer nothing is done.
 */
#ifndef EVIDENCEFS_FUZZ_TRAIL_H
#define EVIDENCEFS_FUZZ_TRAIL_H

#include <stdint.h>

/** trail_add() - something with the value @what has happened. */
void trail_add(uint64_t what);
/** trail_text() - the same of a text, in which digits make no difference. */
void trail_text(const char *text);

#endif
