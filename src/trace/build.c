/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build.c - writes the index of one volume as its entries come; see build.h.
 *
 * Allocated entries get their numbers at once. Deleted ones are staged in a
 * second database, keyed by where they hang, and numbered at the end
 * (build_finish.c), when the directories that lead to them are known.
 */
#include "trace/build_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "image/extent.h"
#include "trace/id.h"
#include "trace/names.h"
#include "trace/row.h"

static const char schema[] =
	"CREATE TABLE head(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"CREATE TABLE trace(id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, last INTEGER NOT NULL,"
	" name BLOB NOT NULL, kind INTEGER NOT NULL, flags INTEGER NOT NULL, inode INTEGER NOT "
	"NULL,"
	" first INTEGER, nlink INTEGER NOT NULL, size INTEGER NOT NULL, meta BLOB NOT NULL,"
	" content BLOB);"
	"CREATE TABLE big(id INTEGER PRIMARY KEY, size INTEGER NOT NULL, content BLOB NOT NULL);"
	"CREATE TABLE problem(n INTEGER PRIMARY KEY, text TEXT NOT NULL);"
	"CREATE TABLE apart(id INTEGER PRIMARY KEY);"
	"CREATE TABLE container(id INTEGER PRIMARY KEY, last INTEGER NOT NULL);"
	"CREATE TABLE unopened(id INTEGER PRIMARY KEY, reason TEXT NOT NULL);"
	"CREATE TABLE place(n INTEGER PRIMARY KEY, packed BLOB NOT NULL);";

static const char stage_schema[] =
	"PRAGMA stage.journal_mode=OFF; PRAGMA stage.synchronous=OFF; PRAGMA "
	"stage.cache_size=-16384;"
	"CREATE TABLE stage.d(key INTEGER PRIMARY KEY, parent INTEGER NOT NULL, entry BLOB);"
	"CREATE TABLE stage.unopened(key INTEGER PRIMARY KEY, reason TEXT NOT NULL);"
	"CREATE TABLE stage.link(part INTEGER, inode INTEGER, attr INTEGER, id INTEGER);";

static int prepare_all(struct build *b)
{
	const struct {
		struct db_stmt **s;
		const char *sql;
	} all[] = {
		{&b->insert, "INSERT INTO trace(id,parent,last,name,kind,flags,inode,nlink,size,"
			     "meta,content) VALUES(?1,?2,?3,?4,?5,?6,?7,1,?8,?9,?10)"},
		{&b->set_last, "UPDATE trace SET last=?2 WHERE id=?1"},
		{&b->insert_big, "INSERT INTO big(id,size,content) VALUES(?1,?2,?3)"},
		{&b->insert_problem, "INSERT INTO problem(text) VALUES(?1)"},
		{&b->insert_unopened, "INSERT OR IGNORE INTO unopened(id,reason) VALUES(?1,?2)"},
		{&b->stage_unopened,
			"INSERT OR IGNORE INTO stage.unopened(key,reason) VALUES(?1,?2)"},
		{&b->insert_apart, "INSERT INTO apart(id) VALUES(?1)"},
		{&b->insert_place, "INSERT INTO place(packed) VALUES(?1)"},
		{&b->stage_entry, "INSERT INTO stage.d(key,parent,entry) VALUES(?1,?2,?3)"},
		{&b->stage_link, "INSERT INTO stage.link(part,inode,attr,id) VALUES(?1,?2,?3,?4)"},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(all) / sizeof(all[0]); i++)
		r = db_prepare(b->db, all[i].sql, all[i].s, &b->err);
	return r;
}

static int attach_stage(struct build *b)
{
	struct db_stmt *s = NULL;
	int r = db_prepare(b->db, "ATTACH ?1 AS stage", &s, &b->err);

	if (r == 0) {
		db_bind_text(s, 1, b->stage_path);
		r = db_run(s, &b->err);
	}
	db_stmt_free(s);
	return r ? r : db_exec(b->db, stage_schema, &b->err);
}

static int make_paths(struct build *b, const char *path)
{
	if (asprintf(&b->path, "%s", path) < 0 || asprintf(&b->partial, "%s.partial", path) < 0 ||
		asprintf(&b->stage_path, "%s.stage", path) < 0)
		return err_errno(&b->err, ENOMEM, "%s", path);
	unlink(b->partial);
	unlink(b->stage_path);
	return 0;
}

int build_open(const char *path, const struct siphash_key *key, struct build **out, struct err *e)
{
	struct build *b = calloc(1, sizeof(*b));
	int r = 0;

	if (!b)
		return err_errno(e, ENOMEM, "%s", path);
	b->key = *key;
	b->next_staged = BUILD_STAGED;
	r = make_paths(b, path);
	if (r == 0)
		r = db_open(b->partial, DB_BUILD, &b->db, &b->err);
	if (r == 0)
		r = db_exec(b->db, schema, &b->err);
	if (r == 0)
		r = attach_stage(b);
	if (r == 0)
		r = prepare_all(b);
	if (r == 0)
		r = db_exec(b->db, "BEGIN", &b->err);
	if (r) {
		err_set(e, -r, "%s", err_text(&b->err, r));
		build_abort(b);
		return r;
	}
	*out = b;
	return 0;
}

static void build_close_db(struct build *b)
{
	db_stmt_free(b->insert);
	db_stmt_free(b->set_last);
	db_stmt_free(b->insert_big);
	db_stmt_free(b->insert_problem);
	db_stmt_free(b->insert_unopened);
	db_stmt_free(b->stage_unopened);
	db_stmt_free(b->insert_apart);
	db_stmt_free(b->insert_place);
	db_stmt_free(b->stage_entry);
	db_stmt_free(b->stage_link);
	db_close(b->db);
	b->db = NULL;
}

void build_abort(struct build *b)
{
	if (!b)
		return;
	if (b->db)
		build_close_db(b);
	if (b->partial)
		unlink(b->partial);
	if (b->stage_path)
		unlink(b->stage_path);
	for (size_t i = 0; i < b->stack_cap; i++) {
		buf_release(&b->stack[i].child_name);
		buf_release(&b->stack[i].last_name);
	}
	free(b->stack);
	free(b->path);
	free(b->partial);
	free(b->stage_path);
	buf_release(&b->name);
	buf_release(&b->meta);
	buf_release(&b->packed);
	free(b);
}

const struct err *build_error(const struct build *b)
{
	return &b->err;
}

uint64_t build_traces(const struct build *b)
{
	return b->next_id + (b->next_staged - BUILD_STAGED);
}

void build_trace_of(const struct entry *e, struct trace *t)
{
	*t = (struct trace){
		.kind = e->kind,
		.flags = e->flags,
		.inode = e->inode,
		.seq = e->seq,
		.mode = e->mode,
		.uid = e->uid,
		.gid = e->gid,
		.size = e->size,
		.mtime = e->mtime,
		.atime = e->atime,
		.ctime = e->ctime,
		.crtime = e->crtime,
		.attr_type = e->attr_type,
		.attr_id = e->attr_id,
		.name = e->name,
		.name_len = e->name_len,
		.target = e->target,
		.target_len = e->target_len,
	};
}

static int insert_big(struct build *b, int64_t id, uint64_t size, const uint8_t *p, size_t n)
{
	db_bind_int(b->insert_big, 1, id);
	db_bind_int(b->insert_big, 2, (int64_t)size);
	db_bind_blob(b->insert_big, 3, p, n);
	return db_run(b->insert_big, &b->err);
}

static void count(struct build *b, const struct trace *t)
{
	b->counts.part[trace_part(t->id) != 0]++;
	if ((t->kind != ENTRY_FILE && t->kind != ENTRY_STREAM) || t->size == 0 ||
		(t->flags & ENTRY_NOHASH))
		return;
	b->counts.with_contents++;
	if (__builtin_add_overflow(b->counts.bytes, t->size, &b->counts.bytes) ||
		b->counts.bytes > INT64_MAX)
		b->counts.bytes = INT64_MAX;
}

int build_insert(struct build *b, struct trace *t, const uint8_t *content, size_t len)
{
	bool big = len > INDEX_INLINE_MAX;
	int r = 0;

	count(b, t);
	buf_reset(&b->name);
	buf_reset(&b->meta);
	if (t->id != trace_id(trace_part(t->id), 0) &&
		name_component(t->name, t->name_len, &b->key, &b->name)) {
		t->original = t->name;
		t->original_len = t->name_len;
	}
	row_encode(&b->meta, t);
	if (b->name.error || b->meta.error)
		return err_errno(&b->err, ENOMEM, "%s", b->path);
	db_bind_int(b->insert, 1, (int64_t)t->id);
	db_bind_int(b->insert, 2, (int64_t)t->parent);
	db_bind_int(b->insert, 3, (int64_t)t->last);
	db_bind_blob(b->insert, 4, b->name.data, b->name.len);
	db_bind_int(b->insert, 5, t->kind);
	db_bind_int(b->insert, 6, t->flags);
	db_bind_int(b->insert, 7, (int64_t)t->inode);
	db_bind_int(b->insert, 8, (int64_t)t->size);
	db_bind_blob(b->insert, 9, b->meta.data, b->meta.len);
	if (big)
		db_bind_null(b->insert, 10);
	else
		db_bind_blob(b->insert, 10, content, len);
	r = db_run(b->insert, &b->err);
	return r == 0 && big ? insert_big(b, (int64_t)t->id, t->size, content, len) : r;
}

int build_apart(struct build *b, uint64_t id)
{
	db_bind_int(b->insert_apart, 1, (int64_t)id);
	return db_run(b->insert_apart, &b->err);
}

int build_set_last(struct build *b, uint64_t id, uint64_t last)
{
	db_bind_int(b->set_last, 1, (int64_t)id);
	db_bind_int(b->set_last, 2, (int64_t)last);
	return db_run(b->set_last, &b->err);
}

int build_link(struct build *b, uint64_t id, const struct entry *e, uint32_t nlink)
{
	uint64_t attr =
		e->kind == ENTRY_STREAM ? ((uint64_t)e->attr_type << 20 | e->attr_id) + 1 : 0;

	if (nlink < 2 || e->kind == ENTRY_DIR || (e->flags & ENTRY_REALLOC))
		return 0;
	db_bind_int(b->stage_link, 1, trace_part(id));
	db_bind_int(b->stage_link, 2, (int64_t)e->inode);
	db_bind_int(b->stage_link, 3, (int64_t)attr);
	db_bind_int(b->stage_link, 4, (int64_t)id);
	return db_run(b->stage_link, &b->err);
}

static struct frame *top(struct build *b)
{
	return b->depth ? &b->stack[b->depth - 1] : NULL;
}

static int push(struct build *b, uint64_t key, bool deleted, bool directory)
{
	struct frame *f = NULL;

	if (b->depth == b->stack_cap) {
		size_t cap = b->stack_cap ? b->stack_cap * 2 : 32;
		struct frame *v = reallocarray(b->stack, cap, sizeof(*v));

		if (!v)
			return err_errno(&b->err, ENOMEM, "%s", b->path);
		memset(v + b->stack_cap, 0, (cap - b->stack_cap) * sizeof(*v));
		b->stack = v;
		b->stack_cap = cap;
	}
	f = &b->stack[b->depth++];
	f->key = key;
	f->deleted = deleted;
	f->directory = directory;
	f->meta = false;
	f->child_deleted = false;
	f->child_nlink = 0;
	buf_reset(&f->child_name);
	buf_reset(&f->last_name);
	return 0;
}

/* A stream is named after its owner, the sibling before it; anything else becomes that sibling. */
static int name_entry(struct build *b, struct frame *parent, struct entry *e, struct buf *full)
{
	if (e->kind != ENTRY_STREAM) {
		buf_reset(&parent->child_name);
		buf_put(&parent->child_name, e->name, e->name_len);
		parent->child_deleted = parent->deleted || (e->flags & ENTRY_DELETED);
		parent->child_nlink = e->nlink;
		return parent->child_name.error;
	}
	buf_put(full, parent->child_name.data, parent->child_name.len);
	buf_put_u8(full, ':');
	buf_put(full, e->name, e->name_len);
	e->name = full->data;
	e->name_len = full->len;
	if (parent->child_deleted)
		e->flags |= ENTRY_DELETED;
	return full->error ? err_errno(&b->err, ENOMEM, "%s", b->path) : 0;
}

/* A folder of members is named after what it is of. */
static int name_container(
	struct build *b, const struct frame *parent, struct entry *e, struct buf *full)
{
	buf_put(full, parent->last_name.data, parent->last_name.len);
	buf_puts(full, ".d");
	e->name = full->data;
	e->name_len = full->len;
	b->contains = true;
	return full->error ? err_errno(&b->err, ENOMEM, "%s", b->path) : 0;
}

/* A name that was made up has a hash: no running number, a gap would tell. */
static int name_member(struct build *b, struct entry *e, struct buf *full)
{
	struct buf salted = BUF_INIT;

	buf_put(&salted, e->name, e->name_len);
	buf_put(&salted, e->content, e->content_len);
	name_made_up(e->name, e->name_len, siphash(&b->key, salted.data, salted.len), full);
	full->error = full->error ? full->error : salted.error;
	buf_release(&salted);
	e->name = full->data;
	e->name_len = full->len;
	return full->error ? err_errno(&b->err, ENOMEM, "%s", b->path) : 0;
}

static int place_name(struct build *b, struct frame *parent, struct entry *e, struct buf *full)
{
	int r = 0;

	if (e->flags & ENTRY_CONTAINER)
		return name_container(b, parent, e, full);
	r = e->flags & ENTRY_MADE_UP ? name_member(b, e, full) : 0;
	if (r == 0)
		r = name_entry(b, parent, e, full);
	buf_reset(&parent->last_name);
	buf_put(&parent->last_name, e->name, e->name_len);
	return r ? r : parent->last_name.error;
}

static int stage(struct build *b, const struct frame *parent, const struct entry *e)
{
	bool orphan = (e->flags & ENTRY_ORPHAN) && !parent->deleted;
	uint64_t key = b->next_staged++;
	int r = 0;

	buf_reset(&b->packed);
	entry_encode(&b->packed, e);
	if (b->packed.error)
		return err_errno(&b->err, ENOMEM, "%s", b->path);
	db_bind_int(b->stage_entry, 1, (int64_t)key);
	db_bind_int(b->stage_entry, 2, (int64_t)(orphan ? BUILD_ORPHANS : parent->key));
	db_bind_blob(b->stage_entry, 3, b->packed.data, b->packed.len);
	r = db_run(b->stage_entry, &b->err);
	return r ? r : push(b, key, true, e->kind == ENTRY_DIR);
}

static int number(struct build *b, const struct frame *parent, const struct entry *e)
{
	uint64_t id = b->next_id++;
	bool meta = (e->flags & ENTRY_META) != 0;
	bool below = parent && parent->meta; /* push() may move @parent */
	struct trace t;
	int r = 0;

	if (id > TRACE_NUMBER_MAX)
		return err_set(&b->err, EOVERFLOW, "the volume has too many entries");
	build_trace_of(e, &t);
	t.id = id;
	t.last = id;
	t.parent = parent ? parent->key : 0;
	r = build_insert(b, &t, e->content, e->content_len);
	if (r == 0 && parent)
		r = build_link(b, id, e, e->kind == ENTRY_STREAM ? parent->child_nlink : e->nlink);
	if (r == 0 && meta && !below)
		r = build_apart(b, id);
	if (r == 0)
		r = push(b, id, false, e->kind == ENTRY_DIR);
	if (r == 0)
		b->stack[b->depth - 1].meta = meta || below;
	return r;
}

int build_root(struct build *b, const struct entry *e)
{
	return number(b, NULL, e);
}

int build_enter(struct build *b, const struct entry *e)
{
	struct frame *parent = top(b);
	struct entry named = *e;
	struct buf full = BUF_INIT;
	int r = 0;

	if (!parent || !parent->directory)
		return err_set(&b->err, EPROTO, "an entry outside a directory");
	r = place_name(b, parent, &named, &full);
	if (r == 0 && (parent->deleted || (named.flags & ENTRY_DELETED)))
		r = stage(b, parent, &named);
	else if (r == 0)
		r = number(b, parent, &named);
	buf_release(&full);
	return r;
}

int build_leave(struct build *b)
{
	struct frame *f = top(b);

	if (!f)
		return err_set(&b->err, EPROTO, "a leave without an enter");
	b->depth--;
	b->left = f->key;
	if (f->deleted || !f->directory)
		return 0;
	return build_set_last(b, f->key, b->next_id - 1);
}

int build_problem(struct build *b, const char *text)
{
	db_bind_text(b->insert_problem, 1, text);
	return db_run(b->insert_problem, &b->err);
}

int build_unopened(struct build *b, const char *reason)
{
	bool staged = b->left >= BUILD_STAGED;
	struct db_stmt *s = staged ? b->stage_unopened : b->insert_unopened;

	db_bind_int(s, 1, (int64_t)b->left);
	db_bind_text(s, 2, reason);
	b->unopened = b->unopened || staged;
	return db_run(s, &b->err);
}

int build_ended(struct build *b, const char *why)
{
	struct db_stmt *s = NULL;
	int r = db_prepare(b->db, "INSERT INTO head VALUES('ended', ?1)", &s, &b->err);

	if (r == 0) {
		db_bind_text(s, 1, why);
		r = db_run(s, &b->err);
	}
	db_stmt_free(s);
	return r ? r : build_problem(b, why);
}

int build_unallocated(struct build *b, const uint8_t *content, size_t len, uint64_t size)
{
	return insert_big(b, INDEX_UNALLOCATED, size, content, len);
}

int build_places(struct build *b, const uint8_t *packed, size_t len)
{
	db_bind_blob(b->insert_place, 1, packed, len);
	return db_run(b->insert_place, &b->err);
}

int build_placed(struct build *b, uint32_t cluster, uint64_t base)
{
	struct db_stmt *s = NULL;
	int r = db_prepare(
		b->db, "INSERT INTO head VALUES('cluster', ?1), ('base', ?2)", &s, &b->err);

	if (r == 0) {
		db_bind_int(s, 1, cluster);
		db_bind_int(s, 2, (int64_t)base);
		r = db_run(s, &b->err);
	}
	db_stmt_free(s);
	return r;
}

static int write_head(struct build *b)
{
	static const char containers[] =
		"INSERT INTO container SELECT id, last FROM trace WHERE flags & 0x800;";
	struct db_stmt *s = NULL;
	int r = db_prepare(b->db,
		"INSERT INTO head VALUES('version', 4), ('allocated', ?1), ('deleted', ?2),"
		" ('with_contents', ?3), ('content_bytes', ?4)",
		&s, &b->err);

	if (r == 0) {
		db_bind_int(s, 1, (int64_t)b->counts.part[0]);
		db_bind_int(s, 2, (int64_t)b->counts.part[1] - 1); /* but for its root */
		db_bind_int(s, 3, (int64_t)b->counts.with_contents);
		db_bind_int(s, 4, (int64_t)b->counts.bytes);
		r = db_run(s, &b->err);
	}
	db_stmt_free(s);
	if (r == 0)
		r = db_exec(b->db, "INSERT INTO head SELECT 'problems', count(*) FROM problem;",
			&b->err);
	return r || !b->contains ? r : db_exec(b->db, containers, &b->err);
}

static int complete(struct build *b)
{
	int r = 0;

	while (r == 0 && b->depth > 0)
		r = build_leave(b);
	if (r == 0 && b->next_id == 0)
		r = err_set(&b->err, EPROTO, "a volume without a root");
	if (r == 0)
		r = build_number_deleted(b);
	if (r == 0)
		r = build_names(b);
	if (r == 0)
		r = build_hard_links(b);
	if (r == 0)
		r = write_head(b);
	return r ? r : db_exec(b->db, "COMMIT", &b->err);
}

int build_finish(struct build *b, struct err *e)
{
	int r = complete(b);

	build_close_db(b);
	if (r == 0)
		r = file_commit(b->partial, b->path, &b->err);
	if (r)
		err_set(e, -r, "%s", err_text(&b->err, r));
	build_abort(b);
	return r;
}
