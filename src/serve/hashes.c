/* SPDX-License-Identifier: Apache-2.0 */
/* hashes.c - what is kept of hashes, and asked; hashes_make.c makes it. See hashes.h. */
#include "serve/hashes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "serve/hashes_private.h"

#define STRETCH 4096u /* rows read without a pause */

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS total(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS trace(id INTEGER PRIMARY KEY, sha256 BLOB);"
	"CREATE TABLE IF NOT EXISTS state(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS by_sha256 ON trace(sha256);";

/* ---- status ------------------------------------------------------------------ */

void hashes_status(struct hashes *h, struct hashes_status *s)
{
	pthread_mutex_lock(&h->lock);
	*s = h->status;
	pthread_mutex_unlock(&h->lock);
}

int hashes_get(struct hashes *h, uint64_t trace, uint8_t out[32])
{
	int r = -ENOENT;

	pthread_mutex_lock(&h->lock);
	if (h->get) {
		size_t n = 0;
		const void *p = NULL;

		db_bind_int(h->get, 1, (int64_t)trace);
		if (db_step(h->get, NULL) == 1) {
			p = db_blob(h->get, 0, &n);
			if (p && n == 32) {
				memcpy(out, p, 32);
				r = 0;
			}
		}
		db_stmt_reset(h->get);
	}
	pthread_mutex_unlock(&h->lock);
	return r;
}

bool hashes_has(struct hashes *h, uint64_t trace)
{
	bool has = false;

	pthread_mutex_lock(&h->lock);
	db_bind_int(h->get, 1, (int64_t)trace);
	has = db_step(h->get, NULL) == 1;
	db_stmt_reset(h->get);
	pthread_mutex_unlock(&h->lock);
	return has;
}

/* With the lock. */
static int each_row(struct db_stmt *s, hashes_fn *each, void *ctx)
{
	int r = 0;

	while (r == 0 && (r = db_step(s, NULL)) == 1) {
		size_t n = 0;
		const void *p = db_blob(s, 1, &n);

		r = n == 32 ? each(ctx, (uint64_t)db_int(s, 0), p) : -EBADMSG;
	}
	db_stmt_reset(s);
	return r;
}

/* A stretch of it: who wants one hash meanwhile must not wait for a million. */
struct stretch {
	hashes_fn *each;
	void *ctx;
	uint64_t next; /* behind the last row of it */
	unsigned left;
	bool more;
};

static int take_row(void *ctx, uint64_t trace, const uint8_t sha256[static 32])
{
	struct stretch *x = ctx;
	int r = x->each(x->ctx, trace, sha256);

	x->next = trace + 1;
	x->more = r == 0 && --x->left == 0;
	return x->more ? 1 : r;
}

int hashes_each(struct hashes *h, uint64_t first, uint64_t last, hashes_fn *each, void *ctx)
{
	struct stretch x = {.each = each, .ctx = ctx, .next = first, .more = true};
	int r = 0;

	last = last > INT64_MAX ? INT64_MAX : last;
	while (x.more && x.next <= last) {
		x.more = false;
		x.left = STRETCH;
		pthread_mutex_lock(&h->lock);
		if (h->each) {
			db_bind_int(h->each, 1, (int64_t)x.next);
			db_bind_int(h->each, 2, (int64_t)last);
			r = each_row(h->each, take_row, &x);
		}
		pthread_mutex_unlock(&h->lock);
	}
	return x.more ? 0 : r;
}

int hashes_with(struct hashes *h, const uint8_t sha256[static 32], hashes_fn *each, void *ctx)
{
	int r = 0;

	pthread_mutex_lock(&h->lock);
	if (h->with) {
		db_bind_blob(h->with, 1, sha256, 32);
		r = each_row(h->with, each, ctx);
	}
	pthread_mutex_unlock(&h->lock);
	return r;
}

int hashes_within(struct hashes *h, const uint8_t sha256[static 32], uint64_t first, uint64_t last)
{
	int r = 0;

	pthread_mutex_lock(&h->lock);
	if (h->within) {
		db_bind_blob(h->within, 1, sha256, 32);
		db_bind_int(h->within, 2, (int64_t)first);
		db_bind_int(h->within, 3, (int64_t)(last > INT64_MAX ? INT64_MAX : last));
		r = db_step(h->within, NULL);
		db_stmt_reset(h->within);
	}
	pthread_mutex_unlock(&h->lock);
	return r;
}

/* ---- totals ---------------------------------------------------------------------- */

static bool get_total(struct db *db, const char *name, void *p, size_t n)
{
	struct db_stmt *s = NULL;
	bool found = false;

	if (db_prepare(db, "SELECT value FROM total WHERE name=?1", &s, NULL) == 0) {
		size_t len = 0;
		const void *v = NULL;

		db_bind_text(s, 1, name);
		if (db_step(s, NULL) == 1) {
			v = db_blob(s, 0, &len);
			found = v && len == n;
			if (found)
				memcpy(p, v, n);
		}
	}
	db_stmt_free(s);
	return found;
}

static void load_totals(struct db *db, struct hashes_status *s)
{
	uint64_t unreadable = 0;

	s->totals_known = get_total(db, "md5", s->md5, sizeof(s->md5)) &&
			  get_total(db, "sha1", s->sha1, sizeof(s->sha1)) &&
			  get_total(db, "sha256", s->sha256, sizeof(s->sha256));
	if (get_total(db, "unreadable", &unreadable, sizeof(unreadable)))
		s->unreadable_bytes = unreadable;
}

void hashes_known(const char *dir, struct hashes_status *s)
{
	struct db *db = NULL;
	char *path = NULL;

	*s = (struct hashes_status){.state = HASHES_OFF};
	if (asprintf(&path, "%s/hashes.db", dir) >= 0 && access(path, F_OK) == 0 &&
		db_open(path, DB_READ, &db, NULL) == 0)
		load_totals(db, s);
	db_close(db);
	free(path);
}

/* ---- open, start, close -------------------------------------------------------- */

static void count_traces(struct hashes *h)
{
	struct db_stmt *s = NULL;

	if (db_prepare(h->db, "SELECT count(sha256), count(*) - count(sha256) FROM trace", &s,
		    NULL) == 0 &&
		db_step(s, NULL) == 1) {
		h->status.traces_hashed = (uint64_t)db_int(s, 0);
		h->status.traces_unreadable = (uint64_t)db_int(s, 1);
	}
	db_stmt_free(s);
}

static int open_db(struct hashes *h, struct err *e)
{
	bool there = access(h->path, F_OK) == 0;
	int r = 0;

	if (!there && h->lock_fd < 0)
		return 0; /* nothing was made, and this process makes nothing */
	r = db_open(h->path, h->lock_fd >= 0 ? DB_WRITE : DB_READ, &h->db, e);
	if (r == 0 && h->lock_fd >= 0)
		r = db_exec(h->db, schema, e);
	if (r == 0)
		r = db_prepare(h->db, "SELECT sha256 FROM trace WHERE id=?1", &h->get, e);
	if (r == 0)
		r = db_prepare(h->db,
			"SELECT id, sha256 FROM trace WHERE id BETWEEN ?1 AND ?2"
			" AND sha256 NOT NULL ORDER BY id",
			&h->each, e);
	if (r == 0)
		r = db_prepare(h->db, "SELECT id, sha256 FROM trace WHERE sha256=?1", &h->with, e);
	if (r == 0)
		r = db_prepare(h->db,
			"SELECT 1 FROM trace WHERE sha256=?1 AND id BETWEEN ?2 AND ?3 LIMIT 1",
			&h->within, e);
	if (r == 0 && h->lock_fd >= 0)
		r = db_prepare(h->db, "INSERT OR REPLACE INTO trace VALUES(?1,?2)", &h->put, e);
	if (r == 0) {
		load_totals(h->db, &h->status);
		count_traces(h);
	}
	return r;
}

int hashes_open(struct evidence *ev, bool hash, bool blocks, struct hashes **out, struct err *e)
{
	struct hashes *h = calloc(1, sizeof(*h));
	char *lock_path = NULL;
	int r = 0;

	if (!h)
		return err_errno(e, ENOMEM, "%s", ev->dir);
	h->ev = ev;
	h->wanted = hash;
	h->blocks_wanted = blocks;
	h->lock_fd = -1;
	h->status.state = HASHES_CHECKING;
	pthread_mutex_init(&h->lock, NULL);
	if (asprintf(&h->path, "%s/hashes.db", ev->dir) < 0 ||
		asprintf(&lock_path, "%s/hashes.lock", ev->dir) < 0)
		r = err_errno(e, ENOMEM, "%s", ev->dir);
	if (r == 0 && hash) {
		h->lock_fd = file_lock(lock_path, 0, e);
		if (h->lock_fd < 0 && h->lock_fd != -EAGAIN)
			r = h->lock_fd;
	}
	free(lock_path);
	if (r == 0)
		r = open_db(h, e);
	if (r) {
		hashes_close(h);
		return r;
	}
	*out = h;
	return 0;
}

int hashes_start(struct hashes *h, struct err *e)
{
	int r = pthread_create(&h->thread, NULL, hashes_make, h);

	if (r)
		return err_errno(e, r, "cannot start the hashing thread");
	h->started = true;
	return 0;
}

bool hashes_stop(struct hashes *h, const struct timespec *until)
{
	h->stop = true;
	if (h->started && until && pthread_timedjoin_np(h->thread, NULL, until) == 0)
		h->started = false;
	return !h->started;
}

void hashes_close(struct hashes *h)
{
	if (!h)
		return;
	h->stop = true;
	if (h->started)
		pthread_join(h->thread, NULL);
	db_stmt_free(h->get);
	db_stmt_free(h->put);
	db_stmt_free(h->each);
	db_stmt_free(h->with);
	db_stmt_free(h->within);
	db_close(h->db);
	if (h->lock_fd >= 0)
		close(h->lock_fd);
	pthread_mutex_destroy(&h->lock);
	free(h->path);
	free(h);
}
