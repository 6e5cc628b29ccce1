/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - evidencefs.conf(5): its keys, and a reader of it; see config.h. */
#include "starter/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit/label.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"

#define FILE_MAX_BYTES (1024 * 1024)

enum kind {
	KIND_PATH,   /* absolute; an empty one is NULL where the default is NULL */
	KIND_TEXT,   /* NULL when empty */
	KIND_BOOL,   /* yes, no */
	KIND_COUNT,  /* unsigned */
	KIND_BYTES,  /* uint64_t; K, M, G */
	KIND_SAFETY, /* bool: commit, strict */
	KIND_AGE     /* uint64_t, seconds: never, or a number and s, m, h, d or w */
};

#define AGE_MAX_S (UINT64_C(100) * 366 * 86400) /* a hundred years */

struct key {
	const char *section;
	const char *name;
	enum kind kind;
	size_t at; /* in struct config */
	const char *usual;
	uint64_t min;
	uint64_t max;
};

#define AT(field) offsetof(struct config, field)

/* man/evidencefs.conf.5 has the same in words: change both. */
static const struct key keys[] = {
	{"service", "state_dir", KIND_PATH, AT(state_dir), "/var/lib/evidencefs", 0, 0},
	{"service", "mount_root", KIND_PATH, AT(mount_root), "/evidence", 0, 0},
	{"service", "socket", KIND_PATH, AT(socket), "/run/evidencefs/control.sock", 0, 0},
	{"service", "user", KIND_TEXT, AT(user), "evidencefs", 0, 0},
	{"service", "worker_user", KIND_TEXT, AT(worker_user), "", 0, 0},
	{"service", "keyd_user", KIND_TEXT, AT(keyd_user), "", 0, 0},
	{"service", "privacy", KIND_PATH, AT(privacy), "", 0, 0},
	{"service", "allow_degraded", KIND_BOOL, AT(allow_degraded), "no", 0, 0},
	{"service", "degraded", KIND_TEXT, AT(degraded), "", 0, 0},
	{"log", "officers", KIND_TEXT, AT(officers), "", 0, 0},
	{"log", "witnesses", KIND_TEXT, AT(witnesses), "", 0, 0},
	{"log", "thumbnailers", KIND_TEXT, AT(thumbnailers), LABEL_THUMBNAILERS, 0, 0},
	{"log", "indexers", KIND_TEXT, AT(indexers), LABEL_INDEXERS, 0, 0},
	{"log", "sniffers", KIND_TEXT, AT(sniffers), LABEL_SNIFFERS, 0, 0},
	{"log", "durability", KIND_SAFETY, AT(strict), "commit", 0, 0},
	{"log", "segment_size", KIND_BYTES, AT(segment_size), "64M", 64 << 10, 64 << 20},
	{"log", "compress", KIND_BOOL, AT(compress), "yes", 0, 0},
	{"log", "retention", KIND_AGE, AT(retention_s), "never", 0, 0},
	{"limits", "cache", KIND_BYTES, AT(cache_bytes), "64M", 1 << 20, 1ull << 40},
	{"limits", "connections", KIND_COUNT, AT(connections), "64", 1, 4096},
	{"limits", "workers", KIND_COUNT, AT(workers), "0", 0, 8},
	{"limits", "copy_floor", KIND_BYTES, AT(copy_floor), "256", 0, 1ull << 40},
	{"limits", "block_hashes", KIND_BOOL, AT(block_hashes), "yes", 0, 0},
	{"limits", "keep_awake", KIND_BOOL, AT(keep_awake), "yes", 0, 0},
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

/* Sections that may stand in a file; some have no keys yet. */
static const char *const sections[] = {"service", "log", "siem", "catalog", "limits"};

static char **text_at(struct config *c, const struct key *k)
{
	return (char **)(void *)((char *)c + k->at);
}

static bool is_text(const struct key *k)
{
	return k->kind == KIND_PATH || k->kind == KIND_TEXT;
}

static int set_text(struct config *c, const struct key *k, const char *value)
{
	char *copy = NULL;

	if (value[0]) {
		copy = strdup(value);
		if (!copy)
			return -ENOMEM;
	}
	free(*text_at(c, k));
	*text_at(c, k) = copy;
	return 0;
}

static int set_path(struct config *c, const struct key *k, const char *value, struct err *e)
{
	if (value[0] != '/' && (value[0] || k->usual[0]))
		return err_set(e, EINVAL, "%s must be an absolute path", k->name);
	if (strlen(value) > 3800)
		return err_set(e, EINVAL, "%s: too long a path", k->name);
	for (const char *p = value; *p; p += strcspn(p, "/")) {
		size_t n = 0;

		p += strspn(p, "/");
		n = strcspn(p, "/");
		if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return err_set(e, EINVAL, "%s: a path without . and .. is needed", k->name);
	}
	return set_text(c, k, value);
}

static int set_bool(struct config *c, const struct key *k, const char *value, struct err *e)
{
	bool yes = strcmp(value, "yes") == 0;

	if (!yes && strcmp(value, "no") != 0)
		return err_set(e, EINVAL, "%s must be yes or no", k->name);
	*(bool *)(void *)((char *)c + k->at) = yes;
	return 0;
}

static int set_safety(struct config *c, const struct key *k, const char *value, struct err *e)
{
	bool strict = strcmp(value, "strict") == 0;

	if (!strict && strcmp(value, "commit") != 0)
		return err_set(e, EINVAL, "%s must be commit or strict", k->name);
	*(bool *)(void *)((char *)c + k->at) = strict;
	return 0;
}

/* "64", and where bytes are meant "64K", "64M", "64G". Return: whether it is one. */
static bool number_of(const char *s, bool bytes, uint64_t *out)
{
	uint64_t v = 0;
	unsigned shift = 0;

	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		if (__builtin_mul_overflow(v, 10u, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return false;
	}
	if (bytes && *s) {
		shift = *s == 'K' ? 10 : *s == 'M' ? 20 : *s == 'G' ? 30 : 0;
		s += shift > 0;
	}
	if (*s || v > UINT64_MAX >> shift)
		return false;
	*out = v << shift;
	return true;
}

/* "never", or "400d". */
static int set_age(struct config *c, const struct key *k, const char *value, struct err *e)
{
	static const char units[] = "smhdw";
	static const uint64_t seconds[] = {1, 60, 3600, 86400, 7 * 86400};
	const size_t digits = strspn(value, "0123456789");
	const char *unit = value[digits] ? strchr(units, value[digits]) : NULL;
	uint64_t v = 0;

	if (strcmp(value, "never") != 0) {
		char number[16] = "";

		if (digits > 0 && digits < sizeof(number))
			memcpy(number, value, digits);
		if (!unit || value[digits + 1] || !number_of(number, false, &v) || v == 0 ||
			v > AGE_MAX_S / seconds[unit - units])
			return err_set(e, EINVAL,
				"%s must be never, or a number and s, m, h, d or w: 400d", k->name);
		v *= seconds[unit - units];
	}
	*(uint64_t *)(void *)((char *)c + k->at) = v;
	return 0;
}

static int set_number(struct config *c, const struct key *k, const char *value, struct err *e)
{
	uint64_t v = 0;

	if (!number_of(value, k->kind == KIND_BYTES, &v) || v < k->min || v > k->max)
		return err_set(e, EINVAL, "%s must be a number from %llu to %llu%s", k->name,
			(unsigned long long)k->min, (unsigned long long)k->max,
			k->kind == KIND_BYTES ? " (K, M and G may follow)" : "");
	if (k->kind == KIND_BYTES)
		*(uint64_t *)(void *)((char *)c + k->at) = v;
	else
		*(unsigned *)(void *)((char *)c + k->at) = (unsigned)v;
	return 0;
}

static int set(struct config *c, const struct key *k, const char *value, struct err *e)
{
	int r = 0;

	switch (k->kind) {
	case KIND_PATH:
		r = set_path(c, k, value, e);
		break;
	case KIND_TEXT:
		if (!value[0] && k->usual[0])
			r = err_set(e, EINVAL, "%s must not be empty", k->name);
		else
			r = set_text(c, k, value);
		break;
	case KIND_BOOL:
		r = set_bool(c, k, value, e);
		break;
	case KIND_SAFETY:
		r = set_safety(c, k, value, e);
		break;
	case KIND_AGE:
		r = set_age(c, k, value, e);
		break;
	default:
		r = set_number(c, k, value, e);
	}
	return r == -ENOMEM ? err_set(e, ENOMEM, "no memory") : r;
}

int config_defaults(struct config *c)
{
	*c = (struct config){.user = NULL};
	for (size_t i = 0; i < KEYS; i++) {
		if (set(c, &keys[i], keys[i].usual, NULL) < 0) {
			config_release(c);
			return -ENOMEM;
		}
	}
	return 0;
}

void config_release(struct config *c)
{
	for (size_t i = 0; i < KEYS; i++) {
		if (is_text(&keys[i]))
			free(*text_at(c, &keys[i]));
	}
	free(c->privacy_text);
	*c = (struct config){.user = NULL};
}

/* ---- the file ----------------------------------------------------------- */

/* A file while it is read. */
struct reading {
	const char *path;
	unsigned line;
	const char *section;  /* one of sections[]; NULL before the first */
	unsigned given[KEYS]; /* line of each key, 0: not yet */
	struct config *config;
};

static char *trim(char *s)
{
	char *end = NULL;

	s += strspn(s, " \t");
	end = s + strlen(s);
	while (end > s && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		*--end = '\0';
	return s;
}

/* What a line says may be anything: it is shown as text. Return: -@code. */
static int complain(
	const struct reading *r, int code, const char *what, const char *why, struct err *e)
{
	struct buf b = BUF_INIT;

	text_escape_str(&b, what);
	err_set(e, code, "%s:%u: %s%s%s", r->path, r->line, buf_cstr(&b), b.len ? ": " : "", why);
	buf_release(&b);
	return -code;
}

static int read_section(struct reading *r, char *s, struct err *e)
{
	size_t n = strlen(s);

	if (n < 2 || s[n - 1] != ']')
		return complain(r, EINVAL, s, "a section is [NAME]", e);
	s[n - 1] = '\0';
	s = trim(s + 1);
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		if (!strcmp(s, sections[i])) {
			r->section = sections[i];
			return 0;
		}
	}
	return complain(r, EINVAL, s,
		"no such section; there are [service] [log] [siem] [catalog] [limits]", e);
}

/* Where a key of that name stands, if it is in another section. */
static int unknown_key(const struct reading *r, const char *name, struct err *e)
{
	for (size_t i = 0; i < KEYS; i++) {
		if (!strcmp(name, keys[i].name))
			return err_set(e, EINVAL,
				"%s:%u: %s: no such key in [%s]; it belongs to [%s]", r->path,
				r->line, name, r->section, keys[i].section);
	}
	return complain(r, EINVAL, name, "no such key; see evidencefs.conf(5)", e);
}

static int read_key(struct reading *r, char *s, struct err *e)
{
	char *equals = strchr(s, '=');
	struct err why = {0};
	size_t i = 0;
	int n = 0;

	if (!equals)
		return complain(r, EINVAL, s, "neither a section nor KEY = VALUE", e);
	*equals = '\0';
	s = trim(s);
	if (!r->section)
		return complain(r, EINVAL, s, "stands before the first section", e);
	while (i < KEYS && (strcmp(keys[i].name, s) || strcmp(keys[i].section, r->section)))
		i++;
	if (i == KEYS)
		return unknown_key(r, s, e);
	if (r->given[i])
		return err_set(e, EINVAL, "%s:%u: %s: given before, in line %u", r->path, r->line,
			s, r->given[i]);
	r->given[i] = r->line;
	n = set(r->config, &keys[i], trim(equals + 1), &why);
	return n < 0 ? complain(r, -n, "", why.text, e) : 0;
}

static int read_line(struct reading *r, char *line, struct err *e)
{
	char *s = trim(line);

	r->line++;
	if (!s[0] || s[0] == '#' || s[0] == ';')
		return 0;
	return s[0] == '[' ? read_section(r, s, e) : read_key(r, s, e);
}

static int read_text(const char *path, char *text, struct config *c, struct err *e)
{
	struct reading r = {.path = path, .config = c};
	int n = 0;

	while (n == 0 && text) {
		char *end = strchr(text, '\n');

		if (end)
			*end++ = '\0';
		n = read_line(&r, text, e);
		text = end;
	}
	return n;
}

int config_read(const char *path, struct config *c, struct err *e)
{
	struct config got = {.user = NULL};
	struct err why = {0};
	char *text = NULL;
	int r = config_defaults(&got);

	if (r < 0)
		return err_set(e, ENOMEM, "no memory for the configuration");
	r = file_read(path ? path : CONFIG_PATH, FILE_MAX_BYTES, &text, &why);
	if (r == -ENOENT && !path)
		r = 0;
	else if (r < 0)
		err_set(e, -r, "%s", err_text(&why, r));
	else
		r = read_text(path ? path : CONFIG_PATH, text, &got, e);
	free(text);
	if (r < 0)
		config_release(&got);
	else
		*c = got;
	return r;
}

/* ---- from the starter to the service ------------------------------------ */

static void encode_text(struct buf *out, const char *s)
{
	buf_put_u8(out, s != NULL);
	buf_put_blob(out, s ? s : "", s ? strlen(s) : 0);
}

static int decode_text(struct cur *in, char **out)
{
	bool there = cur_u8(in) != 0;
	size_t n = 0;
	const uint8_t *p = cur_blob(in, &n);

	if (in->bad || (n > 0 && memchr(p, '\0', n)))
		return -EPROTO;
	if (!there)
		return 0;
	*out = strndup(n > 0 ? (const char *)p : "", n);
	return *out ? 0 : -ENOMEM;
}

void config_encode(const struct config *c, struct buf *out)
{
	for (size_t i = 0; i < KEYS; i++) {
		const char *p = (const char *)c + keys[i].at;

		if (is_text(&keys[i]))
			encode_text(out, *(char *const *)(const void *)p);
		else if (keys[i].kind == KIND_BOOL || keys[i].kind == KIND_SAFETY)
			buf_put_u8(out, *(const bool *)(const void *)p);
		else if (keys[i].kind == KIND_COUNT)
			buf_put_u32(out, *(const unsigned *)(const void *)p);
		else
			buf_put_u64(out, *(const uint64_t *)(const void *)p);
	}
	buf_put_u32(out, c->uid);
	buf_put_u32(out, c->gid);
	buf_put_u32(out, c->worker_uid);
	buf_put_u32(out, c->keyd_uid);
	encode_text(out, c->privacy_text);
}

int config_decode(struct cur *in, struct config *c)
{
	struct config got = {.user = NULL};
	int r = 0;

	for (size_t i = 0; i < KEYS && r == 0; i++) {
		char *p = (char *)&got + keys[i].at;

		if (is_text(&keys[i]))
			r = decode_text(in, text_at(&got, &keys[i]));
		else if (keys[i].kind == KIND_BOOL || keys[i].kind == KIND_SAFETY)
			*(bool *)(void *)p = cur_u8(in) != 0;
		else if (keys[i].kind == KIND_COUNT)
			*(unsigned *)(void *)p = cur_u32(in);
		else
			*(uint64_t *)(void *)p = cur_u64(in);
	}
	got.uid = cur_u32(in);
	got.gid = cur_u32(in);
	got.worker_uid = cur_u32(in);
	got.keyd_uid = cur_u32(in);
	if (r == 0)
		r = decode_text(in, &got.privacy_text);
	if (r == 0 && (in->bad || !got.state_dir || !got.mount_root || !got.socket || !got.user))
		r = -EPROTO;
	if (r < 0)
		config_release(&got);
	else
		*c = got;
	return r;
}
