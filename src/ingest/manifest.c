/* SPDX-License-Identifier: Apache-2.0 */
/* manifest.c - what is known of one piece of evidence; see manifest.h. */
#include "ingest/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/db.h"
#include "base/digest.h"
#include "base/file.h"

#define MANIFEST_VERSION 1

static const char schema[] =
	"CREATE TABLE head(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"CREATE TABLE header(n INTEGER PRIMARY KEY, key TEXT NOT NULL, value TEXT NOT NULL);"
	"CREATE TABLE segment(n INTEGER PRIMARY KEY, path BLOB NOT NULL, size INTEGER NOT NULL);"
	"CREATE TABLE volume(k INTEGER PRIMARY KEY, number INTEGER, offset INTEGER, length INTEGER,"
	" known INTEGER, type TEXT, descr TEXT, label TEXT, id TEXT, note TEXT, block_size INTEGER,"
	" blocks INTEGER, name TEXT, digest BLOB, ended TEXT);";

char *manifest_index_path(const char *dir, size_t volume)
{
	char *path = NULL;

	return asprintf(&path, "%s/volume-%zu.idx", dir, volume) < 0 ? NULL : path;
}

static char *manifest_path(const char *dir, const char *suffix)
{
	char *path = NULL;

	return asprintf(&path, "%s/manifest.db%s", dir, suffix) < 0 ? NULL : path;
}

/* Several volumes in one pool share a number: they get -1, -2, ... */
static void name_volume(struct manifest *m, size_t k)
{
	struct manifest_volume *v = &m->volumes[k];
	size_t same = 0;
	size_t before = 0;

	for (size_t i = 0; i < m->n; i++) {
		if (m->volumes[i].scan.number != v->scan.number)
			continue;
		same++;
		before += i < k;
	}
	if (same > 1)
		snprintf(v->name, sizeof(v->name), "p%u-%s-%zu", v->scan.number, v->scan.type,
			before + 1);
	else
		snprintf(v->name, sizeof(v->name), "p%u-%s", v->scan.number, v->scan.type);
}

static int take_segments(struct manifest *m, const struct image_files *f, struct err *e)
{
	m->segments = calloc(f->n, sizeof(*m->segments));
	if (!m->segments)
		return err_errno(e, ENOMEM, "%s", f->v[0].path);
	m->segment_count = f->n;
	for (size_t i = 0; i < f->n; i++) {
		m->segments[i].path = strdup(f->v[i].path);
		m->segments[i].size = f->v[i].size;
		if (!m->segments[i].path)
			return err_errno(e, ENOMEM, "%s", f->v[0].path);
	}
	return 0;
}

int manifest_init(struct manifest *m, struct scan *s, const struct image_files *f, struct err *e)
{
	*m = (struct manifest){.ingested_sec = time(NULL), .n = s->n};
	snprintf(m->format, sizeof(m->format), "%s", image_format_name(f));
	m->volumes = calloc(s->n ? s->n : 1, sizeof(*m->volumes));
	if (!m->volumes || digest_random(&m->key, sizeof(m->key))) {
		manifest_release(m);
		return err_errno(e, ENOMEM, "%s", f->v[0].path);
	}
	for (size_t i = 0; i < s->n; i++)
		m->volumes[i].scan = s->v[i];
	for (size_t i = 0; i < s->n; i++)
		name_volume(m, i);
	m->image = *s;
	free(m->image.v);
	m->image.v = NULL;
	m->image.n = 0;
	*s = (struct scan){0};
	return take_segments(m, f, e);
}

void manifest_release(struct manifest *m)
{
	for (size_t i = 0; i < m->segment_count; i++)
		free(m->segments[i].path);
	free(m->segments);
	free(m->volumes);
	scan_release(&m->image);
	*m = (struct manifest){0};
}

/* ---- writing --------------------------------------------------------------- */

static int put_head(struct db *d, const char *key, const void *p, size_t n, struct err *e)
{
	struct db_stmt *s = NULL;
	int r = db_prepare(d, "INSERT INTO head VALUES(?1,?2)", &s, e);

	if (r == 0) {
		db_bind_text(s, 1, key);
		db_bind_blob(s, 2, p, n);
		r = db_run(s, e);
	}
	db_stmt_free(s);
	return r;
}

static int put_head_int(struct db *d, const char *key, int64_t v, struct err *e)
{
	struct db_stmt *s = NULL;
	int r = db_prepare(d, "INSERT INTO head VALUES(?1,?2)", &s, e);

	if (r == 0) {
		db_bind_text(s, 1, key);
		db_bind_int(s, 2, v);
		r = db_run(s, e);
	}
	db_stmt_free(s);
	return r;
}

static int put_heads(struct db *d, const struct manifest *m, struct err *e)
{
	int r = put_head_int(d, "version", MANIFEST_VERSION, e);

	if (r == 0)
		r = put_head_int(d, "ingested", m->ingested_sec, e);
	if (r == 0)
		r = put_head_int(d, "media_size", (int64_t)m->image.media_size, e);
	if (r == 0)
		r = put_head_int(d, "chunk_size", m->image.chunk_size, e);
	if (r == 0)
		r = put_head(d, "format", m->format, strlen(m->format), e);
	if (r == 0)
		r = put_head(d, "table", m->image.table, strlen(m->image.table), e);
	if (r == 0)
		r = put_head(d, "note", m->image.note, strlen(m->image.note), e);
	if (r == 0)
		r = put_head(d, "key", &m->key, sizeof(m->key), e);
	if (r == 0 && m->image.has_md5)
		r = put_head(d, "md5", m->image.md5, sizeof(m->image.md5), e);
	if (r == 0 && m->image.has_sha1)
		r = put_head(d, "sha1", m->image.sha1, sizeof(m->image.sha1), e);
	if (r == 0)
		r = put_head(d, "header", m->image.header.data, m->image.header.len, e);
	return r;
}

static int put_segments(struct db *d, const struct manifest *m, struct err *e)
{
	struct db_stmt *s = NULL;
	int r = db_prepare(d, "INSERT INTO segment VALUES(?1,?2,?3)", &s, e);

	for (size_t i = 0; r == 0 && i < m->segment_count; i++) {
		db_bind_int(s, 1, (int64_t)i + 1);
		db_bind_blob(s, 2, m->segments[i].path, strlen(m->segments[i].path));
		db_bind_int(s, 3, (int64_t)m->segments[i].size);
		r = db_run(s, e);
	}
	db_stmt_free(s);
	return r;
}

static int put_volumes(struct db *d, const struct manifest *m, struct err *e)
{
	struct db_stmt *s = NULL;
	int r = db_prepare(d,
		"INSERT INTO volume VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)", &s,
		e);

	for (size_t i = 0; r == 0 && i < m->n; i++) {
		const struct manifest_volume *v = &m->volumes[i];

		db_bind_int(s, 1, (int64_t)i);
		db_bind_int(s, 2, v->scan.number);
		db_bind_int(s, 3, (int64_t)v->scan.offset);
		db_bind_int(s, 4, (int64_t)v->scan.length);
		db_bind_int(s, 5, v->scan.known);
		db_bind_text(s, 6, v->scan.type);
		db_bind_text(s, 7, v->scan.desc);
		db_bind_text(s, 8, v->scan.label);
		db_bind_text(s, 9, v->scan.id);
		db_bind_text(s, 10, v->scan.note);
		db_bind_int(s, 11, v->scan.block_size);
		db_bind_int(s, 12, (int64_t)v->scan.blocks);
		db_bind_text(s, 13, v->name);
		db_bind_blob(s, 14, v->digest, sizeof(v->digest));
		db_bind_text(s, 15, v->ended);
		r = db_run(s, e);
	}
	db_stmt_free(s);
	return r;
}

int manifest_write(struct manifest *m, const char *dir, struct err *e)
{
	char *path = manifest_path(dir, "");
	char *partial = manifest_path(dir, ".partial");
	struct db *d = NULL;
	int r = path && partial ? 0 : err_errno(e, ENOMEM, "%s", dir);

	if (r == 0) {
		unlink(partial);
		r = db_open(partial, DB_BUILD, &d, e);
	}
	if (r == 0)
		r = db_exec(d, schema, e);
	if (r == 0)
		r = db_exec(d, "BEGIN", e);
	if (r == 0)
		r = put_heads(d, m, e);
	if (r == 0)
		r = put_segments(d, m, e);
	if (r == 0)
		r = put_volumes(d, m, e);
	if (r == 0)
		r = db_exec(d, "COMMIT", e);
	db_close(d);
	if (r == 0)
		r = file_commit(partial, path, e);
	if (r == 0)
		r = digest_file(path, m->digest, e);
	else if (partial)
		unlink(partial);
	free(path);
	free(partial);
	return r;
}

/* ---- reading --------------------------------------------------------------- */

static void take_text(char *out, size_t size, const void *p, size_t n)
{
	snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), (const char *)p);
}

static void take_head(struct manifest *m, struct db_stmt *s, int64_t *version)
{
	const char *key = db_text(s, 0);
	size_t n = 0;
	int64_t i = db_int(s, 1);
	const void *p = NULL;

	if (!strcmp(key, "version"))
		*version = i;
	else if (!strcmp(key, "ingested"))
		m->ingested_sec = i;
	else if (!strcmp(key, "media_size"))
		m->image.media_size = (uint64_t)i;
	else if (!strcmp(key, "chunk_size"))
		m->image.chunk_size = (uint32_t)i;
	p = db_blob(s, 1, &n);
	if (!strcmp(key, "format"))
		take_text(m->format, sizeof(m->format), p, n);
	else if (!strcmp(key, "table"))
		take_text(m->image.table, sizeof(m->image.table), p, n);
	else if (!strcmp(key, "note"))
		take_text(m->image.note, sizeof(m->image.note), p, n);
	else if (!strcmp(key, "key") && n == sizeof(m->key))
		memcpy(&m->key, p, n);
	else if (!strcmp(key, "header"))
		buf_put(&m->image.header, p, n);
	else if (!strcmp(key, "md5") && n == sizeof(m->image.md5)) {
		memcpy(m->image.md5, p, n);
		m->image.has_md5 = true;
	} else if (!strcmp(key, "sha1") && n == sizeof(m->image.sha1)) {
		memcpy(m->image.sha1, p, n);
		m->image.has_sha1 = true;
	}
}

static int get_heads(struct db *d, struct manifest *m, struct err *e)
{
	struct db_stmt *s = NULL;
	int64_t version = 0;
	int r = db_prepare(d, "SELECT key, value FROM head", &s, e);

	while (r == 0 && (r = db_step(s, e)) == 1) {
		take_head(m, s, &version);
		r = 0;
	}
	db_stmt_free(s);
	if (r == 0 && version != MANIFEST_VERSION)
		r = err_set(e, EBADMSG,
			"the manifest is of version %" PRId64 ", this program's is %d", version,
			MANIFEST_VERSION);
	return r;
}

static int count_rows(struct db *d, const char *sql, size_t *n, struct err *e)
{
	struct db_stmt *s = NULL;
	int r = db_prepare(d, sql, &s, e);

	if (r == 0 && (r = db_step(s, e)) == 1) {
		*n = (size_t)db_int(s, 0);
		r = 0;
	}
	db_stmt_free(s);
	return r;
}

static int get_segments(struct db *d, struct manifest *m, struct err *e)
{
	struct db_stmt *s = NULL;
	size_t i = 0;
	int r = count_rows(d, "SELECT count(*) FROM segment", &m->segment_count, e);

	if (r == 0 && !(m->segments = calloc(m->segment_count + 1, sizeof(*m->segments))))
		r = err_errno(e, ENOMEM, "manifest");
	if (r == 0)
		r = db_prepare(d, "SELECT path, size FROM segment ORDER BY n", &s, e);
	while (r == 0 && i < m->segment_count && (r = db_step(s, e)) == 1) {
		size_t n = 0;
		const void *p = db_blob(s, 0, &n);

		m->segments[i].path = strndup(p, n);
		m->segments[i].size = (uint64_t)db_int(s, 1);
		i++;
		r = 0;
	}
	db_stmt_free(s);
	return r;
}

static void take_volume(struct manifest_volume *v, struct db_stmt *s)
{
	size_t n = 0;
	const void *p = db_blob(s, 12, &n);

	v->scan.number = (unsigned)db_int(s, 0);
	v->scan.offset = (uint64_t)db_int(s, 1);
	v->scan.length = (uint64_t)db_int(s, 2);
	v->scan.known = db_int(s, 3) != 0;
	if (p && n == sizeof(v->digest))
		memcpy(v->digest, p, n);
	snprintf(v->scan.type, sizeof(v->scan.type), "%s", db_text(s, 4));
	snprintf(v->scan.desc, sizeof(v->scan.desc), "%s", db_text(s, 5));
	snprintf(v->scan.label, sizeof(v->scan.label), "%s", db_text(s, 6));
	snprintf(v->scan.id, sizeof(v->scan.id), "%s", db_text(s, 7));
	snprintf(v->scan.note, sizeof(v->scan.note), "%s", db_text(s, 8));
	v->scan.block_size = (uint32_t)db_int(s, 9);
	v->scan.blocks = (uint64_t)db_int(s, 10);
	snprintf(v->name, sizeof(v->name), "%s", db_text(s, 11));
	snprintf(v->ended, sizeof(v->ended), "%s", db_text(s, 13));
}

static int get_volumes(struct db *d, struct manifest *m, struct err *e)
{
	struct db_stmt *s = NULL;
	size_t i = 0;
	int r = count_rows(d, "SELECT count(*) FROM volume", &m->n, e);

	if (r == 0 && !(m->volumes = calloc(m->n + 1, sizeof(*m->volumes))))
		r = err_errno(e, ENOMEM, "manifest");
	if (r == 0)
		r = db_prepare(d,
			"SELECT number, offset, length, known, type, descr, label, id, note,"
			" block_size, blocks, name, digest, ended FROM volume ORDER BY k",
			&s, e);
	while (r == 0 && i < m->n && (r = db_step(s, e)) == 1) {
		take_volume(&m->volumes[i++], s);
		r = 0;
	}
	db_stmt_free(s);
	return r;
}

int manifest_read(struct manifest *m, const char *dir, struct err *e)
{
	char *path = manifest_path(dir, "");
	struct db *d = NULL;
	int r = path ? 0 : err_errno(e, ENOMEM, "%s", dir);

	*m = (struct manifest){0};
	if (r == 0 && access(path, F_OK))
		r = -errno;
	if (r == 0)
		r = digest_file(path, m->digest, e);
	if (r == 0)
		r = db_open(path, DB_IMMUTABLE, &d, e);
	if (r == 0)
		r = get_heads(d, m, e);
	if (r == 0)
		r = get_segments(d, m, e);
	if (r == 0)
		r = get_volumes(d, m, e);
	db_close(d);
	free(path);
	if (r)
		manifest_release(m);
	return r;
}
