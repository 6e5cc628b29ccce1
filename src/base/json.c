/* SPDX-License-Identifier: Apache-2.0 */
/* json.c - a JSON writer; see json.h. */
#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"

/* text_escape() leaves no control character; were there one, JSON has \u00xx for it. */
static void put_quoted(struct buf *out, const char *s, size_t n)
{
	size_t from = 0;

	buf_put_u8(out, '"');
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)s[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_put(out, s + from, i - from);
		if (c < 0x20)
			buf_printf(out, "\\u%04x", c);
		else
			buf_printf(out, "\\%c", c);
		from = i + 1;
	}
	buf_put(out, s + from, n - from);
	buf_put_u8(out, '"');
}

static void put_string(struct buf *out, const void *p, size_t n)
{
	struct buf text = BUF_INIT;

	text_escape(&text, p, n);
	put_quoted(out, buf_cstr(&text), text.len);
	if (text.error)
		out->error = text.error;
	buf_release(&text);
}

/* The comma and the name before a value. */
static void lead(struct json *j, const char *key)
{
	if (j->more)
		buf_put_u8(j->out, ',');
	j->more = true;
	if (key) {
		put_string(j->out, key, strlen(key));
		buf_put_u8(j->out, ':');
	}
}

static void open_level(struct json *j, const char *key, char open, char close)
{
	lead(j, key);
	buf_put_u8(j->out, (uint8_t)open);
	if (j->depth < JSON_DEPTH_MAX)
		j->close[j->depth] = close;
	else
		j->out->error = -ENOMEM;
	j->depth++;
	j->more = false;
}

void json_begin(struct json *j, struct buf *out)
{
	*j = (struct json){.out = out};
}

void json_line(struct json *j)
{
	buf_put_u8(j->out, '\n');
	j->more = false;
}

void json_object(struct json *j, const char *key)
{
	open_level(j, key, '{', '}');
}

void json_array(struct json *j, const char *key)
{
	open_level(j, key, '[', ']');
}

void json_end(struct json *j)
{
	if (j->depth == 0)
		return;
	j->depth--;
	if (j->depth < JSON_DEPTH_MAX)
		buf_put_u8(j->out, (uint8_t)j->close[j->depth]);
	j->more = true;
}

void json_str(struct json *j, const char *key, const char *s)
{
	json_bytes(j, key, s, s ? strlen(s) : 0);
}

void json_bytes(struct json *j, const char *key, const void *p, size_t n)
{
	if (!p) {
		json_null(j, key);
		return;
	}
	lead(j, key);
	put_string(j->out, p, n);
}

void json_text(struct json *j, const char *key, const char *s)
{
	if (!s) {
		json_null(j, key);
		return;
	}
	lead(j, key);
	put_quoted(j->out, s, strlen(s));
}

void json_hex(struct json *j, const char *key, const void *p, size_t n)
{
	if (!p) {
		json_null(j, key);
		return;
	}
	lead(j, key);
	buf_put_u8(j->out, '"');
	text_hex(j->out, p, n);
	buf_put_u8(j->out, '"');
}

void json_u64(struct json *j, const char *key, uint64_t v)
{
	lead(j, key);
	buf_printf(j->out, "%" PRIu64, v);
}

void json_seconds(struct json *j, const char *key, double v)
{
	lead(j, key);
	buf_printf(j->out, "%.3f", v);
}

void json_i64(struct json *j, const char *key, int64_t v)
{
	lead(j, key);
	buf_printf(j->out, "%" PRId64, v);
}

void json_bool(struct json *j, const char *key, bool v)
{
	lead(j, key);
	buf_puts(j->out, v ? "true" : "false");
}

void json_null(struct json *j, const char *key)
{
	lead(j, key);
	buf_puts(j->out, "null");
}

void json_time(struct json *j, const char *key, int64_t sec, uint32_t nsec)
{
	char text[TEXT_TIME_MAX];

	json_text(j, key, text_time_rfc3339(sec, nsec, text));
}

void json_time_ns(struct json *j, const char *key, int64_t ns)
{
	char text[TEXT_TIME_MAX];

	json_text(j, key, text_time_ns(ns, text));
}
