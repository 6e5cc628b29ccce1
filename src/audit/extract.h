/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extract.h - a copy of a log in which only some records are given in full
 *
 * The rest stands in it as hashes (docs/FORMAT.audit.md, "HASHES"), so that it is
 * checked like the log itself, and tells nothing of what is not in it but when and how
 * much. It ends at the newest checkpoint.
 */
#ifndef EVIDENCEFS_AUDIT_EXTRACT_H
#define EVIDENCEFS_AUDIT_EXTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/audit.h"
#include "base/err.h"

struct extract_to {
	/**
	 * wanted() - whether a record is given in full; asked of each but READs, CLOSEs and
	 * others that leave what they are about to their OPEN: they go with that
	 */
	bool (*wanted)(void *ctx, const struct audit_event *ev);
	/** put() - more of a file of the extract, in order, one file after the other.
	 * Return: 0; non-zero ends it. */
	int (*put)(void *ctx, const char *file, const void *p, size_t n);
	/** progress() - Return: non-zero: give up. NULL */
	int (*progress)(void *ctx, uint64_t done, uint64_t total);
	void *ctx;
};

struct extract_sums {
	uint64_t records; /* covered */
	uint64_t whole;   /* in full, those of the log's own among them */
};

/**
 * audit_extract() - of the log in @dir
 * Return: 0; -ENOENT there is no checkpoint yet; -EBADMSG the log is damaged; what put()
 * or progress() returned; -errno.
 */
int audit_extract(
	const char *dir, const struct extract_to *to, struct extract_sums *out, struct err *e);

#endif
