/* SPDX-License-Identifier: Apache-2.0 */
/*
 * budget.h - how much work one volume may make
 *
 * A small image can describe files of billions of runs and inodes without end.
 * Work is processor time, so that slow media cost a walk nothing.
 */
#ifndef EVIDENCEFS_FS_BUDGET_H
#define EVIDENCEFS_FS_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct budget {
	int64_t end_ns; /* processor time of this process when it is used up */
	unsigned asked; /* the clock is looked at now and then */
	bool spent;
};

/** budget_begin() - for a volume of @bytes: 20 s, and 10 s more for each GiB. */
void budget_begin(struct budget *b, uint64_t bytes);
/** budget_spent() - true from when it is used up; @often: look at the clock each time. */
bool budget_spent(struct budget *b, bool often);

#endif
