/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.h - the tables of the catalog, and how they come from one version to the next
 *
 * Within the catalog folder only. Version 0 is a file with `meta` alone; each
 * version is made from the one before by a piece of SQL, so a new catalog is
 * made as an old one is brought up to date.
 */
#ifndef EVIDENCEFS_CATALOG_SCHEMA_H
#define EVIDENCEFS_CATALOG_SCHEMA_H

#include "base/db.h"
#include "base/err.h"

/**
 * schema_create() - a new catalog at @path, whole or not at all, mode 0600
 * Return: 0, also when somebody else made one meanwhile; -errno.
 */
int schema_create(const char *path, struct err *e);

/**
 * schema_check() - is an open database a sound catalog? Bring it up to date if it is older
 * @d: DB_OWN
 * Errors: -EBADMSG; -ENOTSUP a later version; -ENOSPC...: nothing was changed.
 */
int schema_check(struct db *d, const char *path, struct err *e);

/**
 * schema_explain() - a fault of the catalog in words that say what to do
 * @rc: -errno as base/db.h has it, @found: its report
 * Return: what the fault amounts to for the catalog's callers.
 */
int schema_explain(const char *path, int rc, const struct err *found, struct err *e);

#endif
