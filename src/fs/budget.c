/* SPDX-License-Identifier: Apache-2.0 */
/* budget.c - how much work one volume may make; see budget.h. */
#include "fs/budget.h"
#include "base/now.h"

#define BASE_S    20
#define PER_GIB_S 10
#define EVERY     8 /* entries; one of them takes seconds at worst */

void budget_begin(struct budget *b, uint64_t bytes)
{
	int64_t gib = bytes >> 30 < 1000000 ? (int64_t)(bytes >> 30) : 1000000;

	*b = (struct budget){.end_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID) +
				       (BASE_S + gib * PER_GIB_S) * NOW_SECOND};
}

bool budget_spent(struct budget *b, bool often)
{
	if (!b->spent && (often || b->asked++ % EVERY == 0))
		b->spent = now_ns(CLOCK_PROCESS_CPUTIME_ID) > b->end_ns;
	return b->spent;
}
