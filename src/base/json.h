/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - a JSON writer: one object a line, into a struct buf
 *
 * Whatever bytes come in, valid JSON in valid UTF-8 comes out: strings go
 * through the rules of text_escape() first, so that a byte which is not UTF-8
 * is the four characters \xhh (in JSON "\\xhh"). Commas are kept here; begin
 * and end must be paired by the caller. Errors stick in the buf.
 *
 *	json_begin(&j, &b);
 *	json_object(&j, NULL);
 *	json_str(&j, "path", path);
 *	json_u64(&j, "size", size);
 *	json_end(&j);
 *	json_line(&j);
 */
#ifndef EVIDENCEFS_BASE_JSON_H
#define EVIDENCEFS_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define JSON_DEPTH_MAX 32

struct json {
	struct buf *out;
	unsigned depth;
	bool more;                  /* a value stands before: the next needs a comma */
	char close[JSON_DEPTH_MAX]; /* what ends each open level */
};

/** json_begin() - write into @out, behind what is there. */
void json_begin(struct json *j, struct buf *out);
/** json_line() - end the line. */
void json_line(struct json *j);

/*
 * In all of these @key is the member's name within an object, and NULL within
 * an array and at the top.
 */

/** json_object(), json_array() - open one, ended by json_end(); deeper than JSON_DEPTH_MAX
 * sets the buf's error to -ENOMEM. */
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
void json_end(struct json *j);

/** json_str() - a string; NULL is null. */
void json_str(struct json *j, const char *key, const char *s);
/** json_bytes() - a string of [n] bytes; @p NULL is null. */
void json_bytes(struct json *j, const char *key, const void *p, size_t n);
/** json_text() - a string that text_escape() has made already; NULL is null. */
void json_text(struct json *j, const char *key, const char *s);
/** json_hex() - a string of 2 * [n] hex digits; @p NULL is null. */
void json_hex(struct json *j, const char *key, const void *p, size_t n);
void json_u64(struct json *j, const char *key, uint64_t v);
void json_i64(struct json *j, const char *key, int64_t v);
/** json_seconds() - a number with three decimals. */
void json_seconds(struct json *j, const char *key, double v);
void json_bool(struct json *j, const char *key, bool v);
void json_null(struct json *j, const char *key);
/** json_time() - as text_time_rfc3339(). */
void json_time(struct json *j, const char *key, int64_t sec, uint32_t nsec);
/** json_time_ns() - as text_time_ns(). */
void json_time_ns(struct json *j, const char *key, int64_t ns);

#endif
