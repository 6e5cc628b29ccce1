/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_finish.c - what can only be said when the whole walk has been seen:
 * the tree of deleted entries, names that stand twice, names of one inode.
 */
#include "trace/build_private.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "image/extent.h"
#include "trace/id.h"
#include "trace/names.h"
#include "trace/row.h"

static const uint8_t no_content[1] = {CONTENT_EMPTY};

/* ---- the tree of deleted entries -------------------------------------- */

struct number {
	struct build *b;
	struct db_stmt *child;    /* the next staged entry below a key */
	struct db_stmt *unopened; /* why nobody has looked into one; NULL: there are none */
	struct db_stmt *original; /* an allocated directory that leads to one */
	uint64_t next;
	struct level {
		uint64_t key; /* in stage.d; 0: the root */
		uint64_t id;
		uint64_t after; /* the last child taken */
		bool meta;
	} * stack;
	size_t depth;
	size_t cap;
};

/* Every allocated directory above a staged entry gets a row without an entry. */
static int add_ancestors(struct build *b)
{
	static const char sql[] =
		"INSERT OR IGNORE INTO stage.d(key,parent,entry)"
		" WITH RECURSIVE up(id) AS ("
		"  SELECT DISTINCT parent FROM stage.d WHERE parent > 0 AND parent < 1<<40"
		"  UNION SELECT t.parent FROM up JOIN main.trace t ON t.id = up.id WHERE t.parent "
		"> 0)"
		" SELECT t.id, t.parent, NULL FROM up JOIN main.trace t ON t.id = up.id;"
		"CREATE INDEX stage.d_parent ON d(parent);";

	return db_exec(b->db, sql, &b->err);
}

static int add_orphans_dir(struct build *b)
{
	struct db_stmt *s = NULL;
	int r = db_prepare(b->db,
		"INSERT INTO stage.d(key,parent,entry) SELECT ?1, 0, NULL"
		" WHERE EXISTS(SELECT 1 FROM stage.d WHERE parent=?1)",
		&s, &b->err);

	if (r == 0) {
		db_bind_int(s, 1, (int64_t)BUILD_ORPHANS);
		r = db_run(s, &b->err);
	}
	db_stmt_free(s);
	return r;
}

static int level_push(struct number *n, const struct level *l)
{
	if (array_room(&n->stack, sizeof(*n->stack), n->depth, &n->cap))
		return err_errno(&n->b->err, ENOMEM, "deleted entries");
	n->stack[n->depth++] = *l;
	return 0;
}

static int insert_orphans_dir(struct number *n, uint64_t id, uint64_t parent)
{
	int r = 0;
	static const uint8_t name[] = "$Orphans";
	struct trace t = {.id = id,
		.parent = parent,
		.last = id,
		.kind = ENTRY_DIR,
		.flags = ENTRY_VIRTUAL | ENTRY_DELETED,
		.name = name,
		.name_len = sizeof(name) - 1};

	r = build_insert(n->b, &t, no_content, sizeof(no_content));
	return r ? r : build_apart(n->b, id);
}

/* An allocated directory stands in the deleted tree too when it leads to something deleted. */
static int insert_ancestor(struct number *n, uint64_t allocated, uint64_t id, uint64_t parent)
{
	struct err *e = &n->b->err;
	struct trace t = {.kind = ENTRY_DIR};
	size_t len = 0;
	const void *p = NULL;
	int r = 0;

	db_bind_int(n->original, 1, (int64_t)allocated);
	r = db_step(n->original, e);
	if (r != 1)
		return r < 0 ? r : err_set(e, EBADMSG, "a deleted entry hangs nowhere");
	t.inode = (uint64_t)db_int(n->original, 1);
	p = db_blob(n->original, 2, &len);
	r = row_decode(p, len, &t);
	if (t.original) {
		t.name = t.original;
		t.name_len = t.original_len;
		t.original = NULL;
	} else {
		t.name = db_blob(n->original, 0, &t.name_len);
	}
	t.id = id;
	t.last = id;
	t.parent = parent;
	t.flags = ENTRY_VIRTUAL;
	if (r == 0)
		r = build_insert(n->b, &t, no_content, sizeof(no_content));
	db_stmt_reset(n->original);
	return r;
}

static int take_unopened(struct number *n, uint64_t key, uint64_t id)
{
	if (!n->unopened)
		return 0;
	db_bind_int(n->unopened, 1, (int64_t)id);
	db_bind_int(n->unopened, 2, (int64_t)key);
	return db_run(n->unopened, &n->b->err);
}

static int insert_staged(struct number *n, const void *p, size_t len, uint64_t id, uint64_t parent,
	struct level *child)
{
	struct cur c = cur_of(p, len);
	struct entry e;
	struct trace t;
	int r = entry_decode(&c, UINT64_MAX, &e);

	if (r)
		return err_set(&n->b->err, EBADMSG, "a staged entry is damaged");
	r = take_unopened(n, child->key, id);
	if (r)
		return r;
	build_trace_of(&e, &t);
	t.id = id;
	t.last = id;
	t.parent = parent;
	t.flags |= ENTRY_DELETED;
	child->key = e.kind == ENTRY_DIR ? child->key : 0;
	child->meta = child->meta || (e.flags & ENTRY_META);
	r = build_insert(n->b, &t, e.content, e.content_len);
	if (r == 0 && (e.flags & ENTRY_META) && !n->stack[n->depth - 1].meta)
		r = build_apart(n->b, id);
	return r ? r : build_link(n->b, id, &e, e.nlink);
}

static int take_child(struct number *n, uint64_t key, const void *entry, size_t len)
{
	struct level *top = &n->stack[n->depth - 1];
	uint64_t id = trace_id(1, n->next++);
	uint64_t parent = top->id;
	struct level child = {.key = key, .id = id, .meta = top->meta};
	int r = 0;

	if (n->next > TRACE_NUMBER_MAX)
		return err_set(&n->b->err, EOVERFLOW, "the volume has too many deleted entries");
	top->after = key;
	if (entry)
		r = insert_staged(n, entry, len, id, parent, &child);
	else if (key == BUILD_ORPHANS)
		r = insert_orphans_dir(n, id, parent);
	else
		r = insert_ancestor(n, key, id, parent);
	return r == 0 && child.key ? level_push(n, &child) : r;
}

static int number_all(struct number *n)
{
	struct err *e = &n->b->err;
	const struct level root = {.id = trace_id(1, 0)};
	int r = level_push(n, &root);

	while (r == 0 && n->depth > 0) {
		const struct level *top = &n->stack[n->depth - 1];

		db_bind_int(n->child, 1, (int64_t)top->key);
		db_bind_int(n->child, 2, (int64_t)top->after);
		r = db_step(n->child, e);
		if (r == 1) {
			size_t len = 0;
			uint64_t key = (uint64_t)db_int(n->child, 0);
			const void *p = db_is_null(n->child, 1) ? NULL : db_blob(n->child, 1, &len);

			r = take_child(n, key, p, len);
		} else if (r == 0) {
			r = build_set_last(n->b, top->id, trace_id(1, n->next - 1));
			n->depth--;
		}
		db_stmt_reset(n->child);
	}
	return r;
}

int build_number_deleted(struct build *b)
{
	struct number n = {.b = b, .next = 1};
	int r = add_orphans_dir(b);

	if (r == 0)
		r = add_ancestors(b);
	if (r == 0)
		r = db_prepare(b->db,
			"SELECT key, entry FROM stage.d WHERE parent=?1 AND key>?2 ORDER BY key "
			"LIMIT 1",
			&n.child, &b->err);
	if (r == 0)
		r = db_prepare(b->db, "SELECT name, inode, meta FROM trace WHERE id=?1",
			&n.original, &b->err);
	if (r == 0 && b->unopened)
		r = db_prepare(b->db,
			"INSERT INTO unopened SELECT ?1, reason FROM stage.unopened WHERE key=?2",
			&n.unopened, &b->err);
	if (r == 0)
		r = insert_ancestor(&n, 0, trace_id(1, 0), trace_id(1, 0));
	if (r == 0)
		r = number_all(&n);
	db_stmt_free(n.child);
	db_stmt_free(n.unopened);
	db_stmt_free(n.original);
	free(n.stack);
	return r;
}

/* ---- names that stand twice --------------------------------------------- */

struct twin {
	struct build *b;
	struct db_stmt *rename;
	struct db_stmt *taken;
	struct buf name;
};

/* Give one twin a name that nobody else in its directory has. */
static int rename_twin(struct twin *w, uint64_t id, uint64_t parent, uint64_t inode,
	const void *name, size_t len, struct trace *t)
{
	struct err *e = &w->b->err;
	int r = 1;

	for (uint64_t salt = inode; r == 1; salt += UINT64_C(1) << 40) {
		buf_reset(&w->name);
		name_unique(name, len, &w->b->key, salt, &w->name);
		if (w->name.error)
			return err_errno(e, ENOMEM, "names");
		db_bind_int(w->taken, 1, (int64_t)parent);
		db_bind_blob(w->taken, 2, w->name.data, w->name.len);
		r = db_step(w->taken, e);
		db_stmt_reset(w->taken);
	}
	if (r)
		return r;
	if (!t->original) {
		t->original = name;
		t->original_len = len;
	}
	buf_reset(&w->b->meta);
	row_encode(&w->b->meta, t);
	if (w->b->meta.error)
		return err_errno(e, ENOMEM, "names");
	db_bind_int(w->rename, 1, (int64_t)id);
	db_bind_blob(w->rename, 2, w->name.data, w->name.len);
	db_bind_blob(w->rename, 3, w->b->meta.data, w->b->meta.len);
	return db_run(w->rename, e);
}

/* Its inode; members have none, and may be alike by the thousand. */
static uint64_t salt_of(struct db_stmt *find)
{
	uint64_t inode = (uint64_t)db_int(find, 2);

	return inode ? inode : (uint64_t)db_int(find, 0);
}

static int rename_twins(struct twin *w, struct db_stmt *find)
{
	struct err *e = &w->b->err;
	int r = 0;

	while ((r = db_step(find, e)) == 1) {
		struct trace t = {.kind = (enum entry_kind)db_int(find, 5)};
		size_t len = 0;
		size_t meta_len = 0;
		const void *meta = db_blob(find, 4, &meta_len);
		const void *name = db_blob(find, 3, &len);

		r = row_decode(meta, meta_len, &t);
		if (r == 0)
			r = rename_twin(w, (uint64_t)db_int(find, 0), (uint64_t)db_int(find, 1),
				salt_of(find), name, len, &t);
		if (r)
			return r;
	}
	return r;
}

int build_names(struct build *b)
{
	/* All but the first of each set of twins, set aside before any is renamed. */
	static const char sql[] =
		"CREATE INDEX by_name ON trace(parent, name);"
		"CREATE TABLE stage.twins AS SELECT parent, name FROM trace INDEXED BY by_name"
		" WHERE id & ((1<<40)-1) > 0 GROUP BY parent, name HAVING count(*) > 1;"
		"CREATE TABLE stage.twin AS SELECT t.id FROM"
		/* what was made up gives way to what the evidence has */
		" (SELECT w.parent, w.name, min((u.flags & 0x800) << 40 | u.id) & ((1<<51)-1) AS "
		"lowest FROM stage.twins w CROSS JOIN trace u ON u.parent = w.parent"
		"  AND u.name = w.name AND u.id & ((1<<40)-1) > 0 GROUP BY w.rowid) g"
		" CROSS JOIN trace t ON t.parent = g.parent AND t.name = g.name"
		" AND t.id <> g.lowest AND t.id & ((1<<40)-1) > 0;";
	struct twin w = {.b = b};
	struct db_stmt *find = NULL;
	int r = db_exec(b->db, sql, &b->err);

	if (r == 0)
		r = db_prepare(b->db,
			"SELECT t.id, t.parent, t.inode, t.name, t.meta, t.kind FROM stage.twin w"
			" CROSS JOIN trace t ON t.id = w.id",
			&find, &b->err);
	if (r == 0)
		r = db_prepare(
			b->db, "UPDATE trace SET name=?2, meta=?3 WHERE id=?1", &w.rename, &b->err);
	if (r == 0)
		r = db_prepare(b->db, "SELECT 1 FROM trace WHERE parent=?1 AND name=?2", &w.taken,
			&b->err);
	if (r == 0)
		r = rename_twins(&w, find);
	db_stmt_free(find);
	db_stmt_free(w.rename);
	db_stmt_free(w.taken);
	buf_release(&w.name);
	return r;
}

/* ---- names of one inode ---------------------------------------------------- */

int build_hard_links(struct build *b)
{
	static const char sql[] =
		"CREATE TABLE stage.inode AS SELECT part, inode, attr, count(*) AS names,"
		" min(id) AS lowest FROM stage.link GROUP BY part, inode, attr HAVING count(*) > 1;"
		"CREATE INDEX stage.inode_key ON inode(part, inode, attr);"
		"UPDATE trace SET first = i.lowest, nlink = i.names FROM stage.link l"
		" JOIN stage.inode i ON i.part = l.part AND i.inode = l.inode AND i.attr = l.attr"
		" WHERE trace.id = l.id;"
		/* to follow a mark from one name to the others */
		"CREATE INDEX by_inode ON trace(inode);";

	return db_exec(b->db, sql, &b->err);
}
