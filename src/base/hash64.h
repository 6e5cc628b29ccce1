/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash64.h - a 64-bit hash at the speed of memory (XXH3)
 *
 * Tells what may be equal. Whoever chooses the bytes can make collisions: what counts is
 * compared afterwards.
 */
#ifndef EVIDENCEFS_BASE_HASH64_H
#define EVIDENCEFS_BASE_HASH64_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash64(const void *p, size_t n);

#endif
