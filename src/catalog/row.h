/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row.h - an act as a row of the table acts (docs/FORMAT.catalog.md)
 *
 * Within the catalog folder only. What row_read() gives is what row_bind() took,
 * byte for byte: a sum over all fields stands in the row, and is checked.
 */
#ifndef EVIDENCEFS_CATALOG_ROW_H
#define EVIDENCEFS_CATALOG_ROW_H

#include "base/buf.h"
#include "base/db.h"
#include "base/err.h"
#include "catalog/act.h"
#include "catalog/store.h"

/* Memory that is used again from row to row. */
struct row {
	struct act act; /* as read; borrows from the buffers */
	struct buf text;
	struct buf covers;
	struct buf sum;
};

/** row_insert_sql(), row_select_sql() - the statements these functions are for; the select
 * has all acts in order. */
const char *row_insert_sql(void);
const char *row_select_sql(void);

/**
 * row_bind() - fill an insert
 * @a: borrowed until the statement was run; seq, case_id and object at most INT64_MAX
 * @r: likewise
 * Return: 0; -ENOMEM.
 */
int row_bind(struct db_stmt *s, const struct act *a, struct row *r);
/**
 * row_commitment() - to all that @a says but its seq, and to the act before it:
 * docs/FORMAT.catalog.md
 * @r: memory; not that which @a borrows from
 * Return: 0; -ENOMEM.
 */
int row_commitment(const struct store_link *before, const struct act *a, struct row *r,
	uint8_t out[static AUDIT_COMMITMENT]);
/** row_read() - @r->act from a row of the select. Return: 0; -EBADMSG; -ENOMEM. */
int row_read(struct db_stmt *s, struct row *r, struct err *e);
void row_release(struct row *r);

#endif
