/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print.h - rows of an answer on stdout: JSON Lines, a table, or an id alone
 *
 * The first row decides which columns the table has: those whose keys it knows.
 * Everything is escaped on its way.
 */
#ifndef EVIDENCEFS_CMD_PRINT_H
#define EVIDENCEFS_CMD_PRINT_H

#include <stdbool.h>

#include "base/err.h"
#include "base/table.h"
#include "control/row.h"

enum print_flags {
	PRINT_RIGHT = TABLE_RIGHT,
	PRINT_WHOLE = TABLE_WHOLE,
	PRINT_SIZE = 16, /* a number of bytes, for people */
	PRINT_FINE = 32, /* a time with its nanoseconds */
};

struct print_column {
	const char *key;
	const char *head;
	unsigned flags;
	void (*cell)(const struct row *r, struct buf *out); /* NULL: the value of @key */
};

struct print {
	bool json;
	bool id;                            /* only the value of `id`, where not JSON */
	const struct print_column *columns; /* up to one without a key */
	/* private */
	const struct print_column *used[TABLE_COLUMNS_MAX];
	struct table_column heads[TABLE_COLUMNS_MAX];
	size_t n;
	bool begun;
	struct table table;
	struct buf line;
};

/** print_row() - one row; the table waits for the others. @p begins with the three above set. */
void print_row(struct print *p, const struct row *r);
/** print_text() - a line for people; nothing where JSON is asked for. */
void print_text(struct print *p, const char *text, size_t n);
/** print_end() - the table. Return: 0; -errno stdout cannot be written. Releases @p. */
int print_end(struct print *p, struct err *e);

#endif
