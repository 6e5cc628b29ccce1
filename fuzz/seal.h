/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.h - sums that a mutation cannot guess, put right
 *
 * Only those that something looks at: the headers and entries of a GPT, the
 * objects of APFS, the ends of the sectors of NTFS records.
 */
#ifndef EVIDENCEFS_FUZZ_SEAL_H
#define EVIDENCEFS_FUZZ_SEAL_H

#include "sparse.h"

/** seal_image() - for inputs of @kind ("ntfs", ...); kinds without sums stay as they are. */
void seal_image(const struct sparse *s, const char *kind);

#endif
