/* SPDX-License-Identifier: Apache-2.0 */
/*
 * foresee.h - whoever opens files one behind the other, as cp and grep do, opens the next ones
 *
 * Where opens go on in the order of the index, the beginnings of the next files are said to be
 * expected (source_expect()), so that they are in memory when they are opened. Nothing is
 * read here, and nothing shown.
 */
#ifndef EVIDENCEFS_SERVE_FORESEE_H
#define EVIDENCEFS_SERVE_FORESEE_H

#include <stdint.h>

#include "serve/evidence.h"

/**
 * foresee() - trace @id was opened as a file
 * Only for who may see all of the evidence: what is fetched for him would tell others, by how
 * fast it is, of what they are not shown. Never waits for the media.
 */
void foresee(struct evidence *ev, uint64_t id);

#endif
