/* SPDX-License-Identifier: Apache-2.0 */
/*
 * foresee.h - whoever opens files one behind the other, as cp and grep do, opens the next ones
 *
 * Where opens go on in the order of the index, the beginnings of the next files are said to be
 * expected (source_expect()), so that they are in memory when they are opened. Of the media
 * nothing is read here, and nothing is shown.
 */
#ifndef EVIDENCEFS_SERVE_FORESEE_H
#define EVIDENCEFS_SERVE_FORESEE_H

#include <stdbool.h>
#include <stdint.h>

#include "serve/evidence.h"

/* What is opened next. */
struct foreseen {
	struct evidence *ev;
	uint64_t first, last; /* traces */
};

/**
 * foresee() - trace @id was opened as a file
 * Only for who may see all of the evidence: what is fetched for him would tell others, by how
 * fast it is, of what they are not shown. Waits for nothing.
 * Return: whether foreseen_expect() or foreseen_drop() is to be called with @out. Until one was,
 * nothing more is foreseen of this evidence: storage that does not answer holds one thread.
 */
bool foresee(struct evidence *ev, uint64_t id, struct foreseen *out);
/** foreseen_expect() - say so. May wait for storage; with no lock that others wait for. */
void foreseen_expect(const struct foreseen *f);
/** foreseen_drop() - it is not to be said. */
void foreseen_drop(const struct foreseen *f);

#endif
