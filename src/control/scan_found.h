/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_found.h - which rule has met which trace: what is marked already, and what is new
 *
 * A trace that was marked by a rule is never marked by the same rule again, whatever became of
 * the mark since.
 */
#ifndef EVIDENCEFS_CONTROL_SCAN_FOUND_H
#define EVIDENCEFS_CONTROL_SCAN_FOUND_H

#include "base/siphash.h"
#include "catalog/model.h"

struct scan_found {
	struct scan_pair {
		uint64_t a, b; /* keyed hashes of path and rule; both 0: free */
		bool counted;  /* met by the scan under way */
	} * v;
	size_t n, cap;
	struct siphash_key key[2];
};

enum scan_hit { SCAN_AGAIN, SCAN_MARKED, SCAN_NEW };

/** scan_found_init() - with the marks that rules have made in a case. Return: 0; -ENOMEM; -EIO. */
int scan_found_init(struct scan_found *f, const struct model *m, uint64_t case_id);
void scan_found_release(struct scan_found *f);
/**
 * scan_found_add() - @rule meets the trace at @path
 * @out: SCAN_AGAIN it was added before; SCAN_MARKED it is marked by it; SCAN_NEW
 * Return: 0; -ENOMEM.
 */
int scan_found_add(struct scan_found *f, const char *path, const char *rule, enum scan_hit *out);

#endif
