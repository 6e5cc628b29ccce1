/* SPDX-License-Identifier: Apache-2.0 */
/* hash64.c - XXH3 of libxxhash; see hash64.h. */
#include "base/hash64.h"

#include <xxhash.h>

uint64_t hash64(const void *p, size_t n)
{
	return XXH3_64bits(p, n);
}
