/* SPDX-License-Identifier: Apache-2.0 */
/* export.c - rows of the access log in the formats of others; see export.h. */
#include "control/export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

#define NS_PER_MS 1000000

int export_format_of(const char *name, enum export_format *out)
{
	static const char *const names[] = {"ecs", "ocsf", "cef", "csv"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(name, names[i])) {
			*out = (enum export_format)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* ---- a row's fields ------------------------------------------------------------------------ */

static bool has(const struct row *r, const char *key)
{
	const struct row_field *f = row_get(r, key);

	return f && f->kind != ROW_NULL;
}

static int64_t number(const struct row *r, const char *key)
{
	const struct row_field *f = row_get(r, key);

	if (!f)
		return 0;
	return f->kind == ROW_U64                             ? (int64_t)f->v.u
	       : f->kind == ROW_I64 || f->kind == ROW_TIME_NS ? f->v.i
							      : 0;
}

static bool is(const struct row *r, const char *key, const char *value)
{
	const struct row_field *f = row_get(r, key);
	size_t n = strlen(value);

	return f && f->kind == ROW_BYTES && cur_left(&f->v.bytes) == n &&
	       !memcmp(f->v.bytes.p, value, n);
}

static bool is_one_of(const struct row *r, const char *key, const char *const *values)
{
	for (; *values; values++) {
		if (is(r, key, *values))
			return true;
	}
	return false;
}

static bool about_file(const struct row *r)
{
	static const char *const types[] = {
		"open", "read", "list", "lookup", "xattr", "readlink", "close", NULL};

	return is_one_of(r, "type", types);
}

/* What the log writes by itself nobody decided upon. */
static bool is_refused(const struct row *r)
{
	return has(r, "decision") && !is(r, "decision", "allowed");
}

static bool failed(const struct row *r)
{
	return !is(r, "decision", "allowed") ||
	       (!is(r, "type", "clock") && number(r, "result") < 0);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void put_bytes(struct json *j, const char *name, const struct row *r, const char *key)
{
	const struct row_field *f = row_get(r, key);

	if (f && f->kind == ROW_BYTES)
		json_bytes(j, name, f->v.bytes.p, cur_left(&f->v.bytes));
}

static void put_number(struct json *j, const char *name, const struct row *r, const char *key)
{
	const struct row_field *f = row_get(r, key);

	if (f && f->kind == ROW_U64)
		json_u64(j, name, f->v.u);
	else if (f && f->kind == ROW_I64)
		json_i64(j, name, f->v.i);
}

/* A number as a string: identifiers are, in these schemas. */
static void put_id(struct json *j, const char *name, const struct row *r, const char *key)
{
	char text[24];

	if (!has(r, key))
		return;
	snprintf(text, sizeof(text), "%" PRIu64, (uint64_t)number(r, key));
	json_str(j, name, text);
}

/* The last component of a path: what schemas call a name. */
static void put_base(struct json *j, const char *name, const struct row *r, const char *key)
{
	const struct row_field *f = row_get(r, key);
	const uint8_t *p = NULL;

	if (!f || f->kind != ROW_BYTES)
		return;
	for (p = f->v.bytes.end; p > f->v.bytes.p && p[-1] != '/'; p--)
		;
	json_bytes(j, name, p, (size_t)(f->v.bytes.end - p));
}

static void put_list(struct json *j, const char *name, const struct row *r, const char *key)
{
	const struct row_field *f = row_get(r, key);
	struct cur items = {0};

	if (!f || f->kind != ROW_LIST)
		return;
	items = f->v.bytes;
	json_array(j, name);
	for (size_t i = 0; i < f->items; i++) {
		size_t n = 0;
		const uint8_t *p = cur_blob(&items, &n);

		json_bytes(j, NULL, p, n);
	}
	json_end(j);
}

/* What these schemas have no name for, in an object of our own. */
static void put_own(struct json *j, const char *name, const struct row *r)
{
	json_object(j, name);
	put_bytes(j, "type", r, "type");
	put_bytes(j, "case", r, "case");
	put_bytes(j, "evidence", r, "evidence");
	put_number(j, "trace", r, "trace");
	put_number(j, "offset", r, "offset");
	put_number(j, "length", r, "length");
	put_number(j, "result", r, "result");
	put_bytes(j, "decision", r, "decision");
	put_number(j, "grant", r, "grant");
	put_number(j, "object", r, "object");
	put_number(j, "open", r, "open");
	put_number(j, "policy", r, "policy");
	put_number(j, "loginuid", r, "loginuid");
	put_number(j, "process_start", r, "process_start");
	put_number(j, "reads", r, "reads");
	put_number(j, "bytes", r, "bytes");
	put_list(j, "ranges", r, "ranges");
	put_bytes(j, "label", r, "label");
	json_end(j);
}

/* ---- ECS ---------------------------------------------------------------------------------------
 */

struct ecs_kind {
	const char *type; /* of the record */
	const char *category;
	const char *kind;
};

/* event.category and event.type, of the values that ECS allows together. */
static const struct ecs_kind ecs_kinds[] = {{"start", "process", "start"},
	{"stop", "process", "end"}, {"open", "file", "access"}, {"read", "file", "access"},
	{"list", "file", "access"}, {"lookup", "file", "access"}, {"xattr", "file", "access"},
	{"readlink", "file", "access"}, {"close", "file", "access"}, {"grant", "iam", "change"},
	{"revoke", "iam", "change"}, {"exclude", "iam", "change"}, {"session", "session", "info"},
	{"add", "configuration", "creation"}, {"release", "configuration", "change"},
	{"relocate", "configuration", "change"}, {"mark", "configuration", "change"},
	{"scan", "configuration", "change"}, {"note", "configuration", "creation"},
	{"case", "configuration", "change"}, {"config", "configuration", "change"},
	{"query", "configuration", "access"}, {"verify", "configuration", "access"}};

static const struct ecs_kind *ecs_kind(const struct row *r)
{
	static const struct ecs_kind other = {"", "configuration", "info"};

	for (size_t i = 0; i < sizeof(ecs_kinds) / sizeof(ecs_kinds[0]); i++) {
		if (is(r, "type", ecs_kinds[i].type))
			return &ecs_kinds[i];
	}
	return &other;
}

static void ecs_event(struct json *j, const struct row *r)
{
	const struct ecs_kind *k = ecs_kind(r);

	json_object(j, "event");
	json_str(j, "kind", "event");
	json_array(j, "category");
	json_str(j, NULL, k->category);
	json_end(j);
	json_array(j, "type");
	json_str(j, NULL, k->kind);
	json_end(j);
	put_bytes(j, "action", r, "type");
	json_str(j, "outcome", failed(r) ? "failure" : "success");
	put_bytes(j, "reason", r, "decision");
	put_number(j, "sequence", r, "seq");
	put_id(j, "id", r, "seq");
	json_str(j, "module", "evidencefs");
	json_str(j, "dataset", "evidencefs.audit");
	json_str(j, "provider", "evidencefs");
	json_end(j);
}

static void ecs_row(const struct row *r, const char *host, struct buf *out)
{
	struct json j;

	json_begin(&j, out);
	json_object(&j, NULL);
	json_time_ns(&j, "@timestamp", number(r, "time"));
	json_object(&j, "ecs");
	json_str(&j, "version", "8.11.0");
	json_end(&j);
	ecs_event(&j, r);
	json_object(&j, "host");
	json_str(&j, "hostname", host);
	json_end(&j);
	json_object(&j, "user");
	put_bytes(&j, "name", r, "user");
	put_id(&j, "id", r, "uid");
	json_object(&j, "group");
	put_id(&j, "id", r, "gid");
	json_end(&j);
	json_end(&j);
	json_object(&j, "process");
	put_number(&j, "pid", r, "pid");
	put_bytes(&j, "executable", r, "exe");
	put_base(&j, "name", r, "exe");
	json_end(&j);
	if (about_file(r) && has(r, "path")) {
		json_object(&j, "file");
		put_bytes(&j, "path", r, "path");
		put_base(&j, "name", r, "path");
		json_end(&j);
	}
	put_own(&j, "evidencefs", r);
	json_end(&j);
	json_line(&j);
}

/* ---- OCSF --------------------------------------------------------------------------------------
 */

#define OCSF_FILE   1001 /* File System Activity */
#define OCSF_ENTITY 3004 /* Entity Management */

static unsigned ocsf_file_activity(const struct row *r)
{
	static const char *const attributes[] = {"xattr", "lookup", NULL};

	if (is(r, "type", "open"))
		return 14;
	if (is_one_of(r, "type", attributes))
		return 8;                       /* Get Attributes */
	return is(r, "type", "close") ? 99 : 2; /* Other; Read */
}

static unsigned ocsf_entity_activity(const struct row *r)
{
	static const char *const create[] = {"grant", "exclude", "add", "note", "start", NULL};
	static const char *const read[] = {"query", "verify", "checkpoint", NULL};
	static const char *const end[] = {"revoke", "stop", NULL};

	if (is_one_of(r, "type", create))
		return 1;
	if (is_one_of(r, "type", read))
		return 2;
	return is_one_of(r, "type", end) ? 4 : 3;
}

static void ocsf_actor(struct json *j, const struct row *r)
{
	json_object(j, "actor");
	json_object(j, "user");
	put_bytes(j, "name", r, "user");
	put_id(j, "uid", r, "uid");
	json_end(j);
	json_object(j, "process");
	put_number(j, "pid", r, "pid");
	put_base(j, "name", r, "exe");
	if (has(r, "exe")) {
		json_object(j, "file");
		put_base(j, "name", r, "exe");
		put_bytes(j, "path", r, "exe");
		json_u64(j, "type_id", 1);
		json_end(j);
	}
	json_end(j);
	json_end(j);
}

static void ocsf_subject(struct json *j, const struct row *r, bool file)
{
	json_object(j, file ? "file" : "entity");
	if (has(r, "path")) {
		put_base(j, "name", r, "path");
		put_bytes(j, file ? "path" : "uid", r, "path");
	} else {
		json_str(j, "name", file ? "" : "access log");
		put_id(j, "uid", r, "object");
	}
	if (file)
		json_u64(j, "type_id", is(r, "type", "list") ? 2 : 0); /* folder; unknown */
	else
		put_bytes(j, "type", r, "type");
	json_end(j);
}

static void ocsf_row(const struct row *r, const char *host, struct buf *out)
{
	bool file = about_file(r);
	unsigned class = file ? OCSF_FILE : OCSF_ENTITY;
	unsigned activity = file ? ocsf_file_activity(r) : ocsf_entity_activity(r);
	struct json j;

	json_begin(&j, out);
	json_object(&j, NULL);
	json_u64(&j, "class_uid", class);
	json_u64(&j, "category_uid", class / 1000);
	json_u64(&j, "activity_id", activity);
	json_u64(&j, "type_uid", class * 100 + activity);
	json_u64(&j, "severity_id", failed(r) ? 2 : 1); /* Low, Informational */
	json_u64(&j, "status_id", failed(r) ? 2 : 1);   /* Failure, Success */
	put_bytes(&j, "status_detail", r, "decision");
	json_i64(&j, "time", number(r, "time") / NS_PER_MS);
	json_object(&j, "metadata");
	json_str(&j, "version", "1.1.0");
	put_id(&j, "uid", r, "seq");
	put_number(&j, "sequence", r, "seq");
	json_str(&j, "log_name", "evidencefs access log");
	json_object(&j, "product");
	json_str(&j, "name", "evidencefs");
	json_str(&j, "vendor_name", "evidencefs");
	json_str(&j, "version", VERSION);
	json_end(&j);
	json_end(&j);
	json_object(&j, "device");
	json_str(&j, "hostname", host);
	json_u64(&j, "type_id", 0);
	json_end(&j);
	ocsf_actor(&j, r);
	ocsf_subject(&j, r, file);
	put_own(&j, "unmapped", r);
	json_end(&j);
	json_line(&j);
}

/* ---- CEF
 * ------------------------------------------------------------------------------------------ */

/* As CEF escapes values: backslash and equals sign. Line ends are gone already (text_escape()). */
static void cef_text(struct buf *out, const char *p, size_t n, char special)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\\' || p[i] == special)
			buf_put_u8(out, '\\');
		buf_put_u8(out, (uint8_t)p[i]);
	}
}

static void cef_bytes(struct buf *out, const char *name, const struct row *r, const char *key)
{
	const struct row_field *f = row_get(r, key);
	struct buf text = BUF_INIT;

	if (!f || f->kind != ROW_BYTES || cur_left(&f->v.bytes) == 0)
		return;
	text_escape(&text, f->v.bytes.p, cur_left(&f->v.bytes));
	buf_printf(out, " %s=", name);
	cef_text(out, (const char *)text.data, text.len, '=');
	if (text.error)
		out->error = text.error;
	buf_release(&text);
}

static void cef_number(struct buf *out, const char *name, const struct row *r, const char *key)
{
	if (has(r, key))
		buf_printf(out, " %s=%" PRId64, name, number(r, key));
}

static void cef_custom_text(struct buf *out, unsigned i, const struct row *r, const char *key)
{
	char name[8];

	if (!has(r, key))
		return;
	snprintf(name, sizeof(name), "cs%u", i);
	buf_printf(out, " %sLabel=%s", name, key);
	cef_bytes(out, name, r, key);
}

static void cef_custom_number(struct buf *out, unsigned i, const struct row *r, const char *key)
{
	char name[8];

	if (!has(r, key))
		return;
	snprintf(name, sizeof(name), "cn%u", i);
	buf_printf(out, " %sLabel=%s", name, key);
	cef_number(out, name, r, key);
}

static void cef_row(const struct row *r, const char *host, struct buf *out)
{
	const struct row_field *type = row_get(r, "type");
	size_t n = type ? cur_left(&type->v.bytes) : 0;
	const char *name = n ? (const char *)type->v.bytes.p : "";

	buf_puts(out, "CEF:0|evidencefs|evidencefs|" VERSION "|");
	cef_text(out, name, n, '|'); /* a word of ours: nothing else needs care */
	buf_puts(out, "|");
	cef_text(out, name, n, '|');
	buf_printf(out, "|%d|rt=%" PRId64,
		is_refused(r)   ? 6
		: about_file(r) ? 2
				: 4,
		number(r, "time") / NS_PER_MS);
	cef_number(out, "externalId", r, "seq");
	buf_puts(out, " dvchost=");
	cef_text(out, host, strlen(host), '=');
	cef_bytes(out, "act", r, "type");
	buf_printf(out, " outcome=%s", failed(r) ? "failure" : "success");
	cef_bytes(out, "reason", r, "decision");
	cef_bytes(out, "suser", r, "user");
	cef_number(out, "suid", r, "uid");
	cef_number(out, "spid", r, "pid");
	cef_bytes(out, "sproc", r, "exe");
	cef_bytes(out, "filePath", r, "path");
	cef_number(out, "out", r, "bytes");
	cef_number(out, "cnt", r, "reads");
	cef_custom_text(out, 1, r, "case");
	cef_custom_text(out, 2, r, "evidence");
	cef_custom_text(out, 3, r, "label");
	cef_custom_number(out, 1, r, "offset");
	cef_custom_number(out, 2, r, "result");
	cef_custom_number(out, 3, r, "grant");
	buf_puts(out, "\n");
}

/* ---- CSV
 * ------------------------------------------------------------------------------------------- */

static const char *const csv_keys[] = {"seq", "time", "type", "user", "uid", "gid", "loginuid",
	"pid", "process_start", "exe", "label", "case", "evidence", "path", "trace", "offset",
	"length", "result", "decision", "grant", "open", "object", "policy", "reads", "bytes",
	"ranges"};

#define CSV_KEYS (sizeof(csv_keys) / sizeof(csv_keys[0]))

/* A spreadsheet takes text that begins so for a formula, and runs it. */
static bool is_formula(const struct buf *text)
{
	uint32_t code = 0;

	if (text->len == 0)
		return false;
	text_next(text->data, text->len, &code);
	return code == '=' || code == '+' || code == '-' || code == '@' || code == '|' ||
	       code == '%' || code == 0xff1d || code == 0xff0b || code == 0xff0d || code == 0xff20;
}

static void csv_cell(const struct row *r, const char *key, struct buf *out)
{
	const struct row_field *f = row_get(r, key);
	struct buf raw = BUF_INIT;
	struct buf text = BUF_INIT;

	if (f && f->kind == ROW_LIST) {
		row_cell(f, &text);
	} else if (f && f->kind == ROW_BYTES) {
		text_escape(&text, f->v.bytes.p, cur_left(&f->v.bytes));
	} else if (f) {
		row_cell(f, &raw);
		buf_put(out, raw.data, raw.len); /* a number or a time of ours */
		buf_release(&raw);
		return;
	}
	buf_puts(out, "\"");
	if (is_formula(&text))
		buf_puts(out, "'");
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '"')
			buf_puts(out, "\"");
		buf_put_u8(out, text.data[i]);
	}
	buf_puts(out, "\"");
	if (text.error)
		out->error = text.error;
	buf_release(&text);
}

static void csv_row(const struct row *r, struct buf *out)
{
	for (size_t i = 0; i < CSV_KEYS; i++) {
		if (i > 0)
			buf_puts(out, ",");
		if (has(r, csv_keys[i]))
			csv_cell(r, csv_keys[i], out);
	}
	buf_puts(out, "\r\n");
}

/* ---- all of them
 * ------------------------------------------------------------------------------------ */

void export_head(enum export_format format, struct buf *out)
{
	if (format != EXPORT_CSV)
		return;
	for (size_t i = 0; i < CSV_KEYS; i++)
		buf_printf(out, "%s%s", i > 0 ? "," : "", csv_keys[i]);
	buf_puts(out, "\r\n");
}

void export_row(enum export_format format, const struct row *r, const char *host, struct buf *out)
{
	switch (format) {
	case EXPORT_ECS:
		ecs_row(r, host, out);
		break;
	case EXPORT_OCSF:
		ocsf_row(r, host, out);
		break;
	case EXPORT_CEF:
		cef_row(r, host, out);
		break;
	case EXPORT_CSV:
		csv_row(r, out);
		break;
	}
}
