/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acts.h - rows of the catalog against their records in the log, at the start
 *
 * Each act's record commits to its row and to the act before it (docs/FORMAT.catalog.md,
 * "Commitment"): so the record of the newest act stands for all rows, and only what
 * came behind it is read. Changes nothing.
 */
#ifndef EVIDENCEFS_CONTROL_ACTS_H
#define EVIDENCEFS_CONTROL_ACTS_H

#include <stddef.h>
#include <stdint.h>

#include "audit/audit.h"
#include "base/err.h"
#include "catalog/store.h"

/**
 * acts_check() - are the rows of @store those that were recorded?
 * @end:  records in the log
 * @from: where acts without a row are to be looked for: behind the newest row's record, or
 *        behind a START or STOP that knew of no later act
 * Return: 0; -EBADMSG they are not: @e says which, and what to do; else of reading.
 */
int acts_check(
	const char *log_dir, uint64_t end, struct store *store, uint64_t *from, struct err *e);

/* Acts that were recorded and have no row; those that were voided before are not among them. */
struct acts_lost {
	struct audit_event *v;
	size_t n, cap;
	uint64_t next; /* how many stand before the next of the same command */
	bool apart;    /* they are of several commands */
	bool outlived; /* a service ended well, or began, behind one of them */
};

/**
 * acts_find_lost() - from record @from to @end
 * @out: empty
 * Return: 0; -EBADMSG there are more than one command can leave behind, or a service went on
 * without them: rows are missing.
 */
int acts_find_lost(
	const char *log_dir, uint64_t from, uint64_t end, struct acts_lost *out, struct err *e);
void acts_lost_release(struct acts_lost *l);

#endif
