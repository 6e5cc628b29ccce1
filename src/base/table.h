/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - a table for people: cells are gathered, then printed in columns
 *
 * Every cell goes through text_escape(), so nothing in it can move the cursor. On a
 * terminal the heads are bold and text is cut to the width; elsewhere it is whole
 * and plain. No paging. Running out of memory is told by table_print().
 *
 *	static const struct table_column columns[] = {{"name", 0}, {"size", TABLE_RIGHT}};
 *
 *	table_init(&t, columns, 2);
 *	table_str(&t, name);
 *	table_size(&t, bytes);
 *	rc = table_print(&t, stdout, e);
 *	table_release(&t);
 */
#ifndef EVIDENCEFS_BASE_TABLE_H
#define EVIDENCEFS_BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"

#define TABLE_COLUMNS_MAX 32

enum table_flags {
	TABLE_RIGHT = 1, /* numbers: set to the right, never cut */
	TABLE_WHOLE = 2, /* never cut */
};

struct table_column {
	const char *head;
	unsigned flags;
};

struct table {
	const struct table_column *columns;
	size_t columns_n;
	size_t cells_n;
	struct buf cells; /* strings, each with its NUL, row by row */
};

/** table_init() - @columns is borrowed until table_release(); at most TABLE_COLUMNS_MAX. */
void table_init(struct table *t, const struct table_column *columns, size_t n);
void table_release(struct table *t);

/* One cell each, from left to right; the next row begins by itself. */

/** table_str() - NULL or "" is shown as "-". */
void table_str(struct table *t, const char *s);
void table_bytes(struct table *t, const void *p, size_t n);
/** table_text() - what text_escape() has made already; control characters are still escaped. */
void table_text(struct table *t, const char *s);
void table_u64(struct table *t, uint64_t v);
void table_i64(struct table *t, int64_t v);
/** table_size() - bytes as text_size_human(). */
void table_size(struct table *t, uint64_t bytes);
/** table_time() - as text_time_rfc3339(), without a fraction. */
void table_time(struct table *t, int64_t sec);

/**
 * table_format() - append the table as lines
 * @width: columns to fit into, 0 for any; a table of columns that are never cut
 *         may be wider
 * @bold:  write the heads bold
 */
void table_format(const struct table *t, struct buf *out, size_t width, bool bold);

/**
 * table_print() - write the table to @f, for a terminal when it is one
 * Errors: -ENOMEM; -EIO could not be written.
 */
int table_print(const struct table *t, FILE *f, struct err *e);

/** table_terminal() - columns of the terminal that @f is; 0: it is none. */
size_t table_terminal(FILE *f);

#endif
