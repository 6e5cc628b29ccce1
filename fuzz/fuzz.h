/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.h - what every fuzzer has: its entry, which libFuzzer or replay.c calls, and its end. */
#ifndef EVIDENCEFS_FUZZ_FUZZ_H
#define EVIDENCEFS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** must() - what does not hold is a defect. */
static inline void must(bool cond)
{
	if (!cond)
		abort();
}

#endif
