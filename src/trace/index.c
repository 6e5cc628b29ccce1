/* SPDX-License-Identifier: Apache-2.0 */
/* index.c - the traces of one volume, read from its finished index; see index.h. */
#include "trace/index.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/db.h"
#include "image/extent.h"
#include "trace/id.h"
#include "trace/row.h"

#define COLUMNS        "id, parent, last, name, kind, flags, inode, first, nlink, size, meta"
#define CONTENT_COLUMN 11 /* behind them */

struct index_reader {
	struct db *db;
	struct db_stmt *get;
	struct db_stmt *from; /* rows on from an id; kept within a listing */
	uint64_t from_next;   /* the id that its next step is to give; 0: begin it anew */
	struct db_stmt *lookup;
	struct db_stmt *open; /* with the content */
	struct db_stmt *big;
	struct db_stmt *next_file;
	struct db_stmt *same_inode; /* prepared at its first use, as is the next */
	struct db_stmt *contents;
	struct db_stmt *busy; /* whose row the last struct trace points into */
	struct trace row;     /* that, while there is one: asked for again, it is at hand */
	struct index_reader *next;
};

struct index {
	char *path;
	pthread_mutex_t lock;
	struct index_reader *idle;
};

static void reader_free(struct index_reader *r)
{
	if (!r)
		return;
	db_stmt_free(r->get);
	db_stmt_free(r->from);
	db_stmt_free(r->lookup);
	db_stmt_free(r->open);
	db_stmt_free(r->big);
	db_stmt_free(r->next_file);
	db_stmt_free(r->same_inode);
	db_stmt_free(r->contents);
	db_close(r->db);
	free(r);
}

static int reader_new(const char *path, struct index_reader **out, struct err *e)
{
	struct index_reader *r = calloc(1, sizeof(*r));
	const char *next_file = "SELECT " COLUMNS " FROM trace WHERE id > ?1 AND kind IN (1,4) AND"
				" size > 0 AND flags & 0x80 = 0 ORDER BY id LIMIT 1";
	int rc = r ? db_open(path, DB_IMMUTABLE, &r->db, e) : err_errno(e, ENOMEM, "%s", path);

	if (rc == 0)
		rc = db_prepare(r->db, "SELECT " COLUMNS " FROM trace WHERE id=?1", &r->get, e);
	if (rc == 0)
		rc = db_prepare(r->db, "SELECT " COLUMNS " FROM trace WHERE id>=?1 ORDER BY id",
			&r->from, e);
	if (rc == 0)
		rc = db_prepare(r->db,
			"SELECT " COLUMNS " FROM trace WHERE (parent, name) <= (?1, ?2)"
			" ORDER BY parent DESC, name DESC LIMIT 1",
			&r->lookup, e);
	if (rc == 0)
		rc = db_prepare(
			r->db, "SELECT " COLUMNS ", content FROM trace WHERE id=?1", &r->open, e);
	if (rc == 0)
		rc = db_prepare(r->db, "SELECT content, size FROM big WHERE id=?1", &r->big, e);
	if (rc == 0)
		rc = db_prepare(r->db, next_file, &r->next_file, e);
	if (rc) {
		reader_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

static int check_version(struct index_reader *r, const char *path, struct err *e)
{
	struct db_stmt *s = NULL;
	int rc = db_prepare(r->db, "SELECT value FROM head WHERE key='version'", &s, e);

	if (rc == 0) {
		rc = db_step(s, e);
		if (rc == 1 && db_int(s, 0) == INDEX_VERSION)
			rc = 0;
		else if (rc >= 0)
			rc = err_set(e, EBADMSG, "%s: not an index of this version", path);
	}
	db_stmt_free(s);
	return rc;
}

int index_open(const char *path, struct index **out, struct err *e)
{
	struct index *x = calloc(1, sizeof(*x));
	int r = 0;

	if (!x || !(x->path = strdup(path))) {
		free(x);
		return err_errno(e, ENOMEM, "%s", path);
	}
	pthread_mutex_init(&x->lock, NULL);
	r = reader_new(path, &x->idle, e);
	if (r == 0)
		r = check_version(x->idle, path, e);
	if (r) {
		index_close(x);
		return r;
	}
	*out = x;
	return 0;
}

void index_close(struct index *x)
{
	if (!x)
		return;
	while (x->idle) {
		struct index_reader *r = x->idle;

		x->idle = r->next;
		reader_free(r);
	}
	pthread_mutex_destroy(&x->lock);
	free(x->path);
	free(x);
}

int index_get_reader(struct index *x, struct index_reader **out)
{
	struct index_reader *r = NULL;

	pthread_mutex_lock(&x->lock);
	r = x->idle;
	if (r)
		x->idle = r->next;
	pthread_mutex_unlock(&x->lock);
	if (!r)
		return reader_new(x->path, out, NULL);
	*out = r;
	return 0;
}

/* The row of the last call goes; a listing stays where it is. */
static void settle(struct index_reader *r)
{
	if (r->busy)
		db_stmt_reset(r->busy);
	r->busy = NULL;
}

static void end_listing(struct index_reader *r)
{
	if (r->from_next)
		db_stmt_reset(r->from);
	r->from_next = 0;
}

void index_put_reader(struct index *x, struct index_reader *r)
{
	end_listing(r);
	pthread_mutex_lock(&x->lock);
	r->next = x->idle;
	x->idle = r;
	pthread_mutex_unlock(&x->lock);
}

static int take_row(struct db_stmt *s, struct trace *t)
{
	size_t n = 0;
	const void *meta = NULL;
	int rc = db_step(s, NULL);

	if (rc != 1)
		return rc < 0 ? rc : -ENOENT;
	*t = (struct trace){
		.id = (uint64_t)db_int(s, 0),
		.parent = (uint64_t)db_int(s, 1),
		.last = (uint64_t)db_int(s, 2),
		.kind = (enum entry_kind)db_int(s, 4),
		.flags = (uint32_t)db_int(s, 5),
		.inode = (uint64_t)db_int(s, 6),
		.nlink = (uint32_t)db_int(s, 8),
		.size = (uint64_t)db_int(s, 9),
	};
	t->first = db_is_null(s, 7) ? t->id : (uint64_t)db_int(s, 7);
	t->name = db_blob(s, 3, &t->name_len);
	meta = db_blob(s, 10, &n);
	if (t->last < t->id || trace_part(t->last) != trace_part(t->id))
		return -EBADMSG;
	return row_decode(meta, n, t);
}

/* The one row of a statement whose parameters are bound. */
static int take_only(struct index_reader *r, struct db_stmt *s, struct trace *t)
{
	int rc = take_row(s, t);

	if (rc) {
		db_stmt_reset(s);
		return rc;
	}
	r->busy = s;
	r->row = *t;
	return 0;
}

int trace_get(struct index_reader *r, uint64_t id, struct trace *t)
{
	if (r->busy && r->row.id == id) {
		*t = r->row;
		return 0;
	}
	settle(r);
	db_bind_int(r->get, 1, (int64_t)id);
	return take_only(r, r->get, t);
}

int trace_nearest(
	struct index_reader *r, uint64_t parent, const void *name, size_t n, struct trace *t)
{
	int rc = 0;

	settle(r);
	db_bind_int(r->lookup, 1, (int64_t)parent);
	db_bind_blob(r->lookup, 2, name, n);
	rc = take_only(r, r->lookup, t);
	if (rc) /* the first root stands before everything */
		return rc == -ENOENT ? -EBADMSG : rc;
	/* a root is its own parent, under the empty name */
	return n > 0 && t->parent == parent && t->name_len == n && memcmp(t->name, name, n) == 0;
}

int trace_lookup(
	struct index_reader *r, uint64_t parent, const void *name, size_t n, struct trace *t)
{
	int rc = trace_nearest(r, parent, name, n, t);

	return rc < 0 ? rc : rc ? 0 : -ENOENT;
}

uint64_t index_steps(const struct index_reader *r)
{
	return db_stmt_steps(r->lookup);
}

int trace_child(struct index_reader *r, const struct trace *dir, uint64_t from, struct trace *t)
{
	int rc = 0;

	if (from <= dir->id || from > dir->last)
		return -ENOENT;
	settle(r);
	/* the next row, while children have no subtrees of their own to hop over */
	if (from != r->from_next) {
		end_listing(r);
		db_bind_int(r->from, 1, (int64_t)from);
	}
	r->from_next = from + 1;
	rc = take_row(r->from, t);
	if (rc)
		end_listing(r);
	/* ids are without gaps: a missing row is damage, not an end; another's child means that
	 * @from is no place in this directory */
	return rc == -ENOENT || (rc == 0 && (t->id != from || t->parent != dir->id)) ? -EBADMSG
										     : rc;
}

static int take_big(struct index_reader *r, int64_t id, struct buf *out, uint64_t *size)
{
	size_t n = 0;
	const void *p = NULL;
	int rc = 0;

	db_bind_int(r->big, 1, id);
	rc = db_step(r->big, NULL);
	if (rc == 1) {
		p = db_blob(r->big, 0, &n);
		buf_put(out, p, n);
		*size = (uint64_t)db_int(r->big, 1);
	}
	db_stmt_reset(r->big);
	return rc == 1 ? out->error : rc < 0 ? rc : -ENOENT;
}

int trace_open(struct index_reader *r, uint64_t id, struct trace *t, struct buf *out)
{
	uint64_t size = 0;
	size_t n = 0;
	const void *p = NULL;
	int rc = 0;

	settle(r);
	db_bind_int(r->open, 1, (int64_t)id);
	rc = take_only(r, r->open, t);
	if (rc)
		return rc;
	if (db_is_null(r->open, CONTENT_COLUMN)) {
		rc = take_big(r, (int64_t)id, out, &size);
		return rc == -ENOENT ? -EBADMSG : rc;
	}
	p = db_blob(r->open, CONTENT_COLUMN, &n);
	buf_put(out, p, n);
	return out->error;
}

int trace_unallocated(struct index_reader *r, struct buf *out, uint64_t *size)
{
	settle(r);
	return take_big(r, INDEX_UNALLOCATED, out, size);
}

int trace_next_file(struct index_reader *r, uint64_t after, struct trace *t)
{
	settle(r);
	db_bind_int(r->next_file, 1, (int64_t)after);
	return take_only(r, r->next_file, t);
}

static int head_value(struct index_reader *r, const char *sql, uint64_t *out)
{
	struct db_stmt *s = NULL;
	int rc = db_prepare(r->db, sql, &s, NULL);

	if (rc == 0) {
		rc = db_step(s, NULL);
		if (rc == 1)
			*out = (uint64_t)db_int(s, 0);
		rc = rc == 1 ? 0 : -EBADMSG;
	}
	db_stmt_free(s);
	return rc;
}

int index_counts(struct index_reader *r, struct index_counts *c)
{
	int rc = 0;

	settle(r);
	rc = head_value(r, "SELECT value FROM head WHERE key='allocated'", &c->allocated);
	if (rc == 0)
		rc = head_value(r, "SELECT value FROM head WHERE key='deleted'", &c->deleted);
	if (rc == 0)
		rc = head_value(
			r, "SELECT value FROM head WHERE key='with_contents'", &c->with_contents);
	if (rc == 0)
		rc = head_value(
			r, "SELECT value FROM head WHERE key='content_bytes'", &c->content_bytes);
	if (rc == 0)
		rc = head_value(r, "SELECT value FROM head WHERE key='problems'", &c->problems);
	return rc;
}

int index_containers(
	struct index_reader *r, int (*each)(void *ctx, uint64_t first, uint64_t last), void *ctx)
{
	struct db_stmt *s = NULL;
	int rc = db_prepare(r->db, "SELECT id, last FROM container ORDER BY id", &s, NULL);

	while (rc == 0 && (rc = db_step(s, NULL)) == 1)
		rc = each(ctx, (uint64_t)db_int(s, 0), (uint64_t)db_int(s, 1));
	db_stmt_free(s);
	return rc;
}

int index_unopened(
	struct index_reader *r, int (*each)(void *ctx, uint64_t id, const char *reason), void *ctx)
{
	struct db_stmt *s = NULL;
	int rc = db_prepare(r->db, "SELECT id, reason FROM unopened ORDER BY id", &s, NULL);

	while (rc == 0 && (rc = db_step(s, NULL)) == 1)
		rc = each(ctx, (uint64_t)db_int(s, 0), db_text(s, 1));
	db_stmt_free(s);
	return rc;
}

int index_apart(
	struct index_reader *r, int (*each)(void *ctx, const struct index_apart *a), void *ctx)
{
	struct db_stmt *s = NULL;
	int rc = 0;

	settle(r);
	rc = db_prepare(r->db,
		"SELECT t.id, t.last, t.flags FROM apart a CROSS JOIN trace t ON t.id = a.id"
		" ORDER BY a.id",
		&s, NULL);
	while (rc == 0 && (rc = db_step(s, NULL)) == 1) {
		const struct index_apart a = {.first = (uint64_t)db_int(s, 0),
			.last = (uint64_t)db_int(s, 1),
			.orphans = (db_int(s, 2) & ENTRY_META) == 0};

		rc = each(ctx, &a);
	}
	db_stmt_free(s);
	return rc;
}

/* ---- many at once --------------------------------------------------------------------- */

#define ITEM         "id, last, inode, size, kind, flags"
#define ITEM_COLUMNS 6

static struct index_item take_item(struct db_stmt *s)
{
	return (struct index_item){.id = (uint64_t)db_int(s, 0),
		.last = (uint64_t)db_int(s, 1),
		.inode = (uint64_t)db_int(s, 2),
		.size = (uint64_t)db_int(s, 3),
		.kind = (enum entry_kind)db_int(s, 4),
		.flags = (uint32_t)db_int(s, 5)};
}

static int each_item(struct db_stmt *s, index_item_fn *each, void *ctx)
{
	int rc = 0;

	while (rc == 0 && (rc = db_step(s, NULL)) == 1) {
		const struct index_item item = take_item(s);

		rc = item.last < item.id ? -EBADMSG : each(ctx, &item);
	}
	return rc;
}

int index_items(
	struct index_reader *r, uint64_t first, uint64_t last, index_item_fn *each, void *ctx)
{
	struct db_stmt *s = NULL;
	int rc = 0;

	settle(r);
	rc = db_prepare(r->db, "SELECT " ITEM " FROM trace WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
		&s, NULL);
	if (rc == 0) {
		db_bind_int(s, 1, (int64_t)first);
		db_bind_int(s, 2, (int64_t)last);
		rc = each_item(s, each, ctx);
	}
	db_stmt_free(s);
	return rc;
}

int index_links(struct index_reader *r, index_item_fn *each, void *ctx)
{
	struct db_stmt *s = NULL;
	int rc = 0;

	settle(r);
	rc = db_prepare(r->db, "SELECT " ITEM " FROM trace WHERE kind = 3 ORDER BY id", &s, NULL);
	if (rc == 0)
		rc = each_item(s, each, ctx);
	db_stmt_free(s);
	return rc;
}

/* Whether two streams are the same attribute. */
static int same_attribute(struct index_reader *r, uint64_t a, uint64_t b)
{
	struct trace t;
	uint32_t type = 0;
	uint32_t id = 0;
	int rc = trace_get(r, a, &t);

	if (rc)
		return rc;
	type = t.attr_type;
	id = t.attr_id;
	rc = trace_get(r, b, &t);
	return rc ? rc : t.attr_type == type && t.attr_id == id;
}

int index_same_inode(struct index_reader *r, uint64_t first, uint64_t last, bool reused,
	index_item_fn *each, void *ctx)
{
	struct db_stmt *s = NULL;
	int rc = 0;

	settle(r);
	rc = r->same_inode ? 0
			   : db_prepare(r->db,
				     "SELECT b.id, b.last, b.inode, b.size, b.kind, b.flags, a.id "
				     "FROM trace a"
				     " CROSS JOIN trace b ON b.inode = a.inode WHERE a.id BETWEEN "
				     "?1 AND ?2"
				     " AND a.inode <> 0 AND (?3 OR a.flags & 4 = 0) AND NOT (b.id "
				     "BETWEEN ?1 AND ?2)"
				     /* folders made up in the deleted tree stand for others, and
					have their inode */
				     " AND (a.flags | b.flags) & 0x200 = 0 AND (a.kind = 4) = "
				     "(b.kind = 4)",
				     &r->same_inode, NULL);
	s = r->same_inode;
	if (rc == 0) {
		db_bind_int(s, 1, (int64_t)first);
		db_bind_int(s, 2, (int64_t)last);
		db_bind_int(s, 3, reused);
	}
	while (rc == 0 && (rc = db_step(s, NULL)) == 1) {
		const struct index_item item = take_item(s);
		uint64_t from = (uint64_t)db_int(s, ITEM_COLUMNS);

		rc = item.kind == ENTRY_STREAM ? same_attribute(r, from, item.id) : 1;
		if (rc >= 0)
			rc = rc ? each(ctx, &item) : 0;
	}
	if (s)
		db_stmt_reset(s);
	return rc;
}

int index_of_inode(struct index_reader *r, uint64_t inode, index_item_fn *each, void *ctx)
{
	struct db_stmt *s = NULL;
	int rc = 0;

	settle(r);
	rc = db_prepare(r->db, "SELECT " ITEM " FROM trace WHERE inode = ?1 AND flags & 0x200 = 0",
		&s, NULL);
	if (rc == 0) {
		db_bind_int(s, 1, (int64_t)inode);
		rc = each_item(s, each, ctx);
	}
	db_stmt_free(s);
	return rc;
}

int index_children_named(
	struct index_reader *r, uint64_t dir, const char *name, index_item_fn *each, void *ctx)
{
	struct db_stmt *s = NULL;
	int rc = 0;

	settle(r);
	rc = db_prepare(r->db,
		"SELECT " ITEM " FROM trace WHERE parent = ?1 AND id <> ?1"
		" AND lower(CAST(name AS TEXT)) = lower(?2)",
		&s, NULL);
	if (rc == 0) {
		db_bind_int(s, 1, (int64_t)dir);
		db_bind_text(s, 2, name);
		rc = each_item(s, each, ctx);
	}
	db_stmt_free(s);
	return rc;
}

int index_all(struct index_reader *r,
	int (*each)(void *ctx, const struct trace *t, const uint8_t *content, size_t n), void *ctx)
{
	struct db_stmt *s = NULL;
	int rc = 0;

	settle(r);
	rc = db_prepare(r->db,
		"SELECT " COLUMNS ", coalesce(content, (SELECT b.content FROM big b WHERE b.id ="
		" trace.id)) FROM trace ORDER BY id",
		&s, NULL);
	while (rc == 0) {
		struct trace t;
		size_t n = 0;
		const uint8_t *content = NULL;

		rc = take_row(s, &t);
		if (rc)
			break;
		content = db_blob(s, CONTENT_COLUMN, &n);
		rc = each(ctx, &t, content, n);
	}
	db_stmt_free(s);
	return rc == -ENOENT ? 0 : rc;
}

int index_contents(struct index_reader *r, uint64_t first, uint64_t last,
	int (*each)(void *ctx, const struct index_item *item, const uint8_t *content, size_t n),
	void *ctx)
{
	struct db_stmt *s = NULL;
	int rc = 0;

	settle(r);
	if (!r->contents)
		rc = db_prepare(r->db,
			"SELECT " ITEM
			", content FROM trace WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
			&r->contents, NULL);
	s = r->contents;
	if (rc == 0) {
		db_bind_int(s, 1, (int64_t)first);
		db_bind_int(s, 2, (int64_t)last);
	}
	while (rc == 0 && (rc = db_step(s, NULL)) == 1) {
		const struct index_item item = take_item(s);
		size_t n = 0;
		const uint8_t *p = db_blob(s, ITEM_COLUMNS, &n);

		rc = each(ctx, &item, p, n);
	}
	if (s)
		db_stmt_reset(s);
	return rc;
}

int index_range(struct index_reader *r, uint64_t first, uint64_t last,
	int (*each)(void *ctx, const struct trace *t), void *ctx)
{
	struct db_stmt *s = NULL;
	int rc = 0;

	settle(r);
	rc = db_prepare(r->db,
		"SELECT " COLUMNS " FROM trace WHERE id BETWEEN ?1 AND ?2 ORDER BY id", &s, NULL);
	if (rc == 0) {
		db_bind_int(s, 1, (int64_t)first);
		db_bind_int(s, 2, (int64_t)last);
	}
	while (rc == 0) {
		struct trace t;

		rc = take_row(s, &t);
		if (rc == 0)
			rc = each(ctx, &t);
	}
	db_stmt_free(s);
	return rc == -ENOENT ? 0 : rc;
}

/* A number in the head. Return: 1 and *@out; 0 it is not there; -errno. */
static int head_number(struct index_reader *r, const char *key, uint64_t *out)
{
	struct db_stmt *s = NULL;
	int rc = db_prepare(r->db, "SELECT value FROM head WHERE key=?1", &s, NULL);

	if (rc == 0) {
		db_bind_text(s, 1, key);
		rc = db_step(s, NULL);
	}
	if (rc == 1)
		*out = (uint64_t)db_int(s, 0);
	db_stmt_free(s);
	return rc;
}

int index_places(struct index_reader *r, uint32_t *cluster, uint64_t *base,
	int (*each)(void *ctx, const uint8_t *p, size_t n), void *ctx)
{
	struct db_stmt *s = NULL;
	uint64_t unit = 0;
	int rc = 0;

	settle(r);
	rc = head_number(r, "cluster", &unit);
	if (rc == 1)
		rc = head_number(r, "base", base);
	if (rc != 1)
		return rc;
	if (unit == 0 || unit > UINT32_MAX)
		return -EBADMSG;
	*cluster = (uint32_t)unit;
	rc = db_prepare(r->db, "SELECT packed FROM place ORDER BY n", &s, NULL);
	while (rc == 0 && (rc = db_step(s, NULL)) == 1) {
		size_t n = 0;
		const uint8_t *p = db_blob(s, 0, &n);

		rc = each(ctx, p, n);
	}
	db_stmt_free(s);
	return rc < 0 ? rc : rc == 0 ? 1 : rc;
}

bool index_has_places(struct index_reader *r)
{
	uint64_t cluster = 0;

	settle(r);
	return head_number(r, "cluster", &cluster) == 1 && cluster > 0;
}

int index_ended(struct index_reader *r, char *out, size_t size)
{
	struct db_stmt *s = NULL;
	int rc = 0;

	settle(r);
	rc = db_prepare(r->db, "SELECT value FROM head WHERE key='ended'", &s, NULL);
	if (rc)
		return rc;
	rc = db_step(s, NULL);
	snprintf(out, size, "%s", rc == 1 ? db_text(s, 0) : "");
	db_stmt_free(s);
	return rc < 0 ? rc : 0;
}

int index_problems(
	struct index_reader *r, size_t max, void (*each)(void *ctx, const char *text), void *ctx)
{
	struct db_stmt *s = NULL;
	int rc = 0;

	settle(r);
	rc = db_prepare(r->db, "SELECT text FROM problem ORDER BY n LIMIT ?1", &s, NULL);
	if (rc)
		return rc;
	db_bind_int(s, 1, (int64_t)max);
	while ((rc = db_step(s, NULL)) == 1)
		each(ctx, db_text(s, 0));
	db_stmt_free(s);
	return rc;
}
