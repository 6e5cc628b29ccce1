/* SPDX-License-Identifier: Apache-2.0 */
/* claims_private.h - shared by claims.c (who has what) and claims_taken.c (what is left). */
#ifndef EVIDENCEFS_SERVE_CLAIMS_PRIVATE_H
#define EVIDENCEFS_SERVE_CLAIMS_PRIVATE_H

#include "serve/claims.h"

static inline int claims_compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/** claims_settle_taken() - `taken`, once claims are in order. Return: 0; -ENOMEM. */
int claims_settle_taken(struct claims *c);
/** claims_settle_lost() - `lost`, once `taken` is. Return: 0; -ENOMEM. */
int claims_settle_lost(struct claims *c);

#endif
