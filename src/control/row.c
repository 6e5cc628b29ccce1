/* SPDX-License-Identifier: Apache-2.0 */
/* row.c - one object of an answer; see row.h. */
#include "control/row.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

static void put_head(struct buf *out, const char *key, enum row_kind kind)
{
	buf_put_blob(out, key, strlen(key));
	buf_put_u8(out, (uint8_t)kind);
}

void row_null(struct buf *out, const char *key)
{
	put_head(out, key, ROW_NULL);
}

void row_bool(struct buf *out, const char *key, bool v)
{
	put_head(out, key, ROW_BOOL);
	buf_put_u8(out, v);
}

void row_u64(struct buf *out, const char *key, uint64_t v)
{
	put_head(out, key, ROW_U64);
	buf_put_varint(out, v);
}

void row_i64(struct buf *out, const char *key, int64_t v)
{
	put_head(out, key, ROW_I64);
	buf_put_svarint(out, v);
}

void row_i64_if(struct buf *out, const char *key, bool there, int64_t v)
{
	if (there)
		row_i64(out, key, v);
	else
		row_null(out, key);
}

void row_str(struct buf *out, const char *key, const char *s)
{
	row_bytes(out, key, s, s ? strlen(s) : 0);
}

void row_bytes(struct buf *out, const char *key, const void *p, size_t n)
{
	put_head(out, key, p ? ROW_BYTES : ROW_NULL);
	if (p)
		buf_put_blob(out, p, n);
}

void row_hex(struct buf *out, const char *key, bool known, const void *p, size_t n)
{
	struct buf hex = BUF_INIT;

	if (known)
		text_hex(&hex, p, n);
	row_bytes(out, key, known ? hex.data : NULL, hex.len);
	buf_release(&hex);
}

void row_time(struct buf *out, const char *key, int64_t ns)
{
	put_head(out, key, ROW_TIME_NS);
	buf_put_svarint(out, ns);
}

void row_time_if(struct buf *out, const char *key, bool known, int64_t ns)
{
	if (known)
		row_time(out, key, ns);
	else
		row_null(out, key);
}

void row_u64_if(struct buf *out, const char *key, bool known, uint64_t v)
{
	if (known)
		row_u64(out, key, v);
	else
		row_null(out, key);
}

void row_f64(struct buf *out, const char *key, double v)
{
	uint64_t bits = 0;

	memcpy(&bits, &v, sizeof(bits));
	put_head(out, key, ROW_F64);
	buf_put_u64(out, bits);
}

void row_list(struct buf *out, const char *key, size_t n)
{
	put_head(out, key, ROW_LIST);
	buf_put_varint(out, n);
}

void row_item(struct buf *out, const void *p, size_t n)
{
	buf_put_blob(out, p, n);
}

/* ---- reading ------------------------------------------------------------------------ */

static bool key_ok(const uint8_t *p, size_t n)
{
	if (!p || n == 0 || n > CONTROL_NAME_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= '0' && p[i] <= '9') || p[i] == '_'))
			return false;
	}
	return true;
}

static int parse_list(struct cur *c, struct row_field *f)
{
	uint64_t n = cur_varint(c);
	const uint8_t *begin = c->p;

	if (c->bad || n > CONTROL_LIST_MAX)
		return -EPROTO;
	for (uint64_t i = 0; i < n && !c->bad; i++) {
		size_t len = 0;

		cur_blob(c, &len);
	}
	if (c->bad)
		return -EPROTO;
	f->items = (size_t)n;
	f->v.bytes = cur_of(begin, (size_t)(c->p - begin));
	return 0;
}

static int parse_value(struct cur *c, struct row_field *f)
{
	uint64_t bits = 0;
	const uint8_t *p = NULL;
	size_t n = 0;

	switch (f->kind) {
	case ROW_NULL:
		break;
	case ROW_BOOL:
		bits = cur_u8(c);
		f->v.yes = bits == 1;
		return c->bad || bits > 1 ? -EPROTO : 0;
	case ROW_U64:
		f->v.u = cur_varint(c);
		break;
	case ROW_I64:
	case ROW_TIME_NS:
		f->v.i = cur_svarint(c);
		break;
	case ROW_BYTES:
		p = cur_blob(c, &n);
		f->v.bytes = cur_of(p ? p : (const uint8_t *)"", n);
		break;
	case ROW_F64:
		bits = cur_u64(c);
		memcpy(&f->v.f, &bits, sizeof(f->v.f));
		break;
	case ROW_LIST:
		return parse_list(c, f);
	default:
		return -EPROTO;
	}
	return c->bad ? -EPROTO : 0;
}

int row_parse(struct cur payload, struct row *r)
{
	struct cur c = payload;

	r->n = 0;
	while (cur_left(&c) > 0) {
		struct row_field *f = &r->f[r->n];
		size_t n = 0;
		const uint8_t *key = cur_blob(&c, &n);

		if (r->n == CONTROL_FIELDS_MAX || !key_ok(key, n))
			return -EPROTO;
		*f = (struct row_field){.items = 0};
		memcpy(f->key, key, n);
		f->kind = (enum row_kind)cur_u8(&c);
		if (c.bad || row_get(r, f->key) || parse_value(&c, f))
			return -EPROTO;
		r->n++;
	}
	return 0;
}

const struct row_field *row_get(const struct row *r, const char *key)
{
	for (size_t i = 0; i < r->n; i++) {
		if (!strcmp(r->f[i].key, key))
			return &r->f[i];
	}
	return NULL;
}

/* ---- showing ------------------------------------------------------------------------ */

static void json_list(const struct row_field *f, struct json *j)
{
	struct cur c = f->v.bytes;

	json_array(j, f->key);
	for (size_t i = 0; i < f->items; i++) {
		size_t n = 0;
		const uint8_t *p = cur_blob(&c, &n);

		json_bytes(j, NULL, p ? p : (const uint8_t *)"", n);
	}
	json_end(j);
}

static void json_field(const struct row_field *f, struct json *j)
{
	switch (f->kind) {
	case ROW_NULL:
		json_null(j, f->key);
		break;
	case ROW_BOOL:
		json_bool(j, f->key, f->v.yes);
		break;
	case ROW_U64:
		json_u64(j, f->key, f->v.u);
		break;
	case ROW_I64:
		json_i64(j, f->key, f->v.i);
		break;
	case ROW_BYTES:
		json_bytes(j, f->key, f->v.bytes.p, cur_left(&f->v.bytes));
		break;
	case ROW_TIME_NS:
		json_time_ns(j, f->key, f->v.i);
		break;
	case ROW_F64:
		/* what is no number has no place in JSON */
		if (f->v.f - f->v.f == 0)
			json_seconds(j, f->key, f->v.f);
		else
			json_null(j, f->key);
		break;
	case ROW_LIST:
		json_list(f, j);
		break;
	}
}

void row_json(const struct row *r, struct buf *out)
{
	struct json j;

	json_begin(&j, out);
	json_object(&j, NULL);
	for (size_t i = 0; i < r->n; i++)
		json_field(&r->f[i], &j);
	json_end(&j);
	json_line(&j);
}

static void cell_list(const struct row_field *f, struct buf *out)
{
	struct cur c = f->v.bytes;

	for (size_t i = 0; i < f->items; i++) {
		size_t n = 0;
		const uint8_t *p = cur_blob(&c, &n);

		if (i > 0)
			buf_puts(out, ", ");
		if (p)
			buf_put(out, p, n);
	}
}

void row_cell(const struct row_field *f, struct buf *out)
{
	char when[TEXT_TIME_MAX];

	switch (f->kind) {
	case ROW_NULL:
		break;
	case ROW_BOOL:
		buf_puts(out, f->v.yes ? "yes" : "no");
		break;
	case ROW_U64:
		buf_printf(out, "%" PRIu64, f->v.u);
		break;
	case ROW_I64:
		buf_printf(out, "%" PRId64, f->v.i);
		break;
	case ROW_BYTES:
		buf_put(out, f->v.bytes.p, cur_left(&f->v.bytes));
		break;
	case ROW_TIME_NS:
		buf_puts(out, text_time_ns(f->v.i, when));
		break;
	case ROW_F64:
		buf_printf(out, "%.3f", f->v.f);
		break;
	case ROW_LIST:
		cell_list(f, out);
		break;
	}
}
