/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row.h - one object of an answer: keys and typed values in a fixed order
 *
 * The service puts fields one after the other into the payload of a ROW; the
 * client reads them back and prints JSON or a line of a table. A command that
 * needs no service makes and prints its rows in the same way.
 */
#ifndef EVIDENCEFS_CONTROL_ROW_H
#define EVIDENCEFS_CONTROL_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "control/wire.h"

/* Numbers of the wire. */
enum row_kind {
	ROW_NULL = 0,
	ROW_BOOL = 1,
	ROW_U64 = 2,
	ROW_I64 = 3,
	ROW_BYTES = 4,
	ROW_TIME_NS = 5,
	ROW_F64 = 6,
	ROW_LIST = 7,
	ROW_KIND_MAX = 7
};

/* One field each, appended to @out. A key is of those bytes that the wire allows. */
void row_null(struct buf *out, const char *key);
void row_bool(struct buf *out, const char *key, bool v);
void row_u64(struct buf *out, const char *key, uint64_t v);
void row_i64(struct buf *out, const char *key, int64_t v);
/** row_i64_if() - none where not @there. */
void row_i64_if(struct buf *out, const char *key, bool there, int64_t v);
/** row_str() - NULL is none. */
void row_str(struct buf *out, const char *key, const char *s);
/** row_bytes() - @p NULL is none. */
void row_bytes(struct buf *out, const char *key, const void *p, size_t n);
/** row_hex() - bytes as hex digits; @known false is none. */
void row_hex(struct buf *out, const char *key, bool known, const void *p, size_t n);
void row_time(struct buf *out, const char *key, int64_t ns);
/** row_time_if() - none where not @known. */
void row_time_if(struct buf *out, const char *key, bool known, int64_t ns);
/** row_u64_if() - none where not @known. */
void row_u64_if(struct buf *out, const char *key, bool known, uint64_t v);
void row_f64(struct buf *out, const char *key, double v);
/** row_list() - begin a list of @n (at most CONTROL_LIST_MAX); row_item() follows n times. */
void row_list(struct buf *out, const char *key, size_t n);
void row_item(struct buf *out, const void *p, size_t n);

struct row_field {
	char key[CONTROL_NAME_MAX + 1];
	enum row_kind kind;
	union {
		bool yes;
		uint64_t u;
		int64_t i; /* also times */
		double f;
		struct cur bytes; /* borrowed from the payload; a list: its items */
	} v;
	size_t items; /* of a list */
};

struct row {
	struct row_field f[CONTROL_FIELDS_MAX];
	size_t n;
};

/** row_parse() - the payload of a ROW. Return: 0; -EPROTO. @r borrows from it. */
int row_parse(struct cur payload, struct row *r);
/** row_get() - the field of that key; NULL. */
const struct row_field *row_get(const struct row *r, const char *key);
/** row_json() - append it as one line of JSON. */
void row_json(const struct row *r, struct buf *out);
/** row_cell() - append a value as text for people, not escaped; a number, a time, "a, b". */
void row_cell(const struct row_field *f, struct buf *out);

#endif
