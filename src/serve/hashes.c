/* SPDX-License-Identifier: Apache-2.0 */
/* hashes.c - hash totals and the hash of every trace; see hashes.h. */
#include "serve/hashes.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/db.h"
#include "base/digest.h"
#include "base/file.h"
#include "serve/content.h"
#include "serve/totals.h"

#define BLOCK        ((size_t)4 << 20)
#define RAW_PIECE    UINT64_C(65536) /* passed over around an unreadable byte of a raw image */
#define COMMIT_EVERY 2000            /* traces between two commits */
#define ALWAYS_HASHED                                                                              \
	(UINT64_C(4) << 30) /* bytes; a larger trace only if the image could hold it */
#define NICENESS 5          /* readers come first */

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS total(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS trace(id INTEGER PRIMARY KEY, sha256 BLOB);"
	"CREATE TABLE IF NOT EXISTS state(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS by_sha256 ON trace(sha256);";

struct hashes {
	struct evidence *ev;
	bool wanted;
	char *path;
	int lock_fd; /* held while this process makes hashes; -1: not */
	struct db *db;
	struct db_stmt *get;
	struct db_stmt *put;
	struct db_stmt *each;
	struct db_stmt *with;
	pthread_mutex_t lock; /* over db, its statements, status */
	struct hashes_status status;
	pthread_t thread;
	bool started;
	atomic_bool stop;
};

/* ---- status ------------------------------------------------------------------ */

void hashes_status(struct hashes *h, struct hashes_status *s)
{
	pthread_mutex_lock(&h->lock);
	*s = h->status;
	pthread_mutex_unlock(&h->lock);
}

static void set_state(struct hashes *h, enum hashes_state state, uint64_t done, uint64_t total)
{
	pthread_mutex_lock(&h->lock);
	h->status.state = state;
	h->status.done = done;
	h->status.total = total;
	pthread_mutex_unlock(&h->lock);
}

static void set_failed(struct hashes *h, const char *text)
{
	pthread_mutex_lock(&h->lock);
	h->status.state = HASHES_FAILED;
	snprintf(h->status.error, sizeof(h->status.error), "%s", text);
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

int hashes_each(struct hashes *h, uint64_t first, uint64_t last, hashes_fn *each, void *ctx)
{
	int r = 0;

	pthread_mutex_lock(&h->lock);
	if (h->each) {
		db_bind_int(h->each, 1, (int64_t)first);
		db_bind_int(h->each, 2, (int64_t)(last > INT64_MAX ? INT64_MAX : last));
		r = each_row(h->each, each, ctx);
	}
	pthread_mutex_unlock(&h->lock);
	return r;
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

/* ---- the indexes against their digests ------------------------------------- */

static int check_indexes(struct hashes *h)
{
	struct evidence *ev = h->ev;

	set_state(h, HASHES_CHECKING, 0, 0);
	for (size_t k = 0; k < ev->manifest.n && !h->stop; k++) {
		uint8_t digest[32];
		char *path = NULL;
		int r = 0;

		if (!ev->volumes[k].index)
			continue;
		path = manifest_index_path(ev->dir, k);
		r = path ? digest_file(path, digest, NULL) : -ENOMEM;
		free(path);
		if (r == 0 && memcmp(digest, ev->manifest.volumes[k].digest, sizeof(digest)) == 0)
			continue;
		ev->damaged = true;
		evidence_fault(ev,
			"an index of this evidence was changed after it was made: nothing "
			"of it is served; unmount, run `evidencefs state remove`, mount again");
		set_failed(h, "an index is damaged");
		return -EBADMSG;
	}
	return 0;
}

/* ---- totals ---------------------------------------------------------------------- */

static int put_total(struct hashes *h, const char *name, const void *p, size_t n)
{
	struct db_stmt *s = NULL;
	int r = db_prepare(h->db, "INSERT OR REPLACE INTO total VALUES(?1,?2)", &s, NULL);

	if (r == 0) {
		db_bind_text(s, 1, name);
		db_bind_blob(s, 2, p, n);
		r = db_run(s, NULL);
	}
	db_stmt_free(s);
	return r;
}

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

static int keep_totals(struct hashes *h, const struct totals *t)
{
	int r = 0;

	pthread_mutex_lock(&h->lock);
	h->status.unreadable_bytes = t->unreadable;
	if (t->unreadable) {
		r = put_total(h, "unreadable", &t->unreadable, sizeof(t->unreadable));
	} else {
		memcpy(h->status.md5, t->md5, sizeof(t->md5));
		memcpy(h->status.sha1, t->sha1, sizeof(t->sha1));
		memcpy(h->status.sha256, t->sha256, sizeof(t->sha256));
		r = put_total(h, "md5", t->md5, sizeof(t->md5));
		if (r == 0)
			r = put_total(h, "sha1", t->sha1, sizeof(t->sha1));
		if (r == 0)
			r = put_total(h, "sha256", t->sha256, sizeof(t->sha256));
		h->status.totals_known = true;
	}
	pthread_mutex_unlock(&h->lock);
	return r;
}

static void on_totals(void *ctx, uint64_t done, uint64_t size)
{
	set_state(ctx, HASHES_IMAGE, done, size);
}

static int make_totals(struct hashes *h)
{
	uint32_t chunk = h->ev->manifest.image.chunk_size;
	const struct totals_opts o = {.piece = chunk ? chunk : RAW_PIECE,
		.stop = &h->stop,
		.progress = on_totals,
		.ctx = h};
	struct totals t = {.unreadable = 0};
	int r = 0;

	set_state(h, HASHES_IMAGE, 0, source_size(h->ev->media));
	r = totals_make(h->ev->media, &o, &t);
	if (r == -EINTR)
		return 0;
	return r ? r : keep_totals(h, &t);
}

/* ---- every trace ----------------------------------------------------------------- */

static int locked_exec(struct hashes *h, const char *sql)
{
	int r = 0;

	pthread_mutex_lock(&h->lock);
	r = db_exec(h->db, sql, NULL);
	pthread_mutex_unlock(&h->lock);
	return r;
}

static int put_trace(struct hashes *h, uint64_t id, const uint8_t *sha256, uint64_t bytes)
{
	int r = 0;

	pthread_mutex_lock(&h->lock);
	db_bind_int(h->put, 1, (int64_t)id);
	if (sha256)
		db_bind_blob(h->put, 2, sha256, 32);
	else
		db_bind_null(h->put, 2);
	r = db_run(h->put, NULL);
	h->status.done += bytes;
	if (sha256)
		h->status.traces_hashed++;
	else
		h->status.traces_unreadable++;
	pthread_mutex_unlock(&h->lock);
	return r;
}

static int hash_contents(
	struct hashes *h, uint64_t id, struct digest *d, uint8_t *block, uint8_t out[32])
{
	struct content *c = NULL;
	uint64_t off = 0;
	int r = content_open(h->ev, id, &c);

	while (r == 0 && off < content_size(c) && !h->stop) {
		ssize_t n = content_read(c, block, BLOCK, off);

		if (n <= 0) {
			r = -EIO;
		} else {
			digest_update(d, block, (size_t)n);
			off += (uint64_t)n;
		}
	}
	/* also after a fault: leaves the digest ready for the next */
	if (digest_final(d, out))
		r = -EIO;
	content_close(c);
	return r;
}

static int hash_trace(struct hashes *h, const struct trace *t, struct digest *d, uint8_t *block)
{
	uint8_t value[32];
	int r = 0;

	if (t->first != t->id && hashes_get(h, t->first, value) == 0)
		return put_trace(h, t->id, value, t->size);
	if (t->size > ALWAYS_HASHED && t->size / 2 > h->ev->manifest.image.media_size)
		return put_trace(h, t->id, NULL, t->size);
	r = hash_contents(h, t->id, d, block, value);
	if (h->stop)
		return 0;
	return put_trace(h, t->id, r ? NULL : value, t->size);
}

/* Where an earlier run ended: the counts, and the last trace of each volume. */
static uint64_t resume_at(struct hashes *h, uint64_t low, uint64_t high)
{
	struct db_stmt *s = NULL;
	uint64_t id = low;

	pthread_mutex_lock(&h->lock);
	if (db_prepare(h->db, "SELECT max(id) FROM trace WHERE id>=?1 AND id<?2", &s, NULL) == 0) {
		db_bind_int(s, 1, (int64_t)low);
		db_bind_int(s, 2, (int64_t)high);
		if (db_step(s, NULL) == 1 && !db_is_null(s, 0))
			id = (uint64_t)db_int(s, 0);
	}
	db_stmt_free(s);
	pthread_mutex_unlock(&h->lock);
	return id;
}

static int hash_volume(struct hashes *h, unsigned k, struct digest *d, uint8_t *block)
{
	uint64_t after = resume_at(h, trace_of_index(k, 0), trace_of_index(k + 1, 0));
	uint64_t since = 0;
	int r = locked_exec(h, "BEGIN");

	while (r == 0 && !h->stop) {
		struct evidence_cursor c;
		struct index_reader *reader = NULL;
		struct trace t = {0};

		evidence_cursor_init(&c, h->ev);
		r = evidence_reader(&c, trace_of_index(k, 0), &reader);
		if (r == 0)
			r = trace_next_file(reader, after - trace_of_index(k, 0), &t);
		after = trace_of_index(k, t.id);
		t.id = after;
		t.first = trace_of_index(k, t.first);
		evidence_cursor_release(&c); /* the numbers of t stay good, its names do not */
		if (r == 0)
			r = hash_trace(h, &t, d, block);
		if (r == 0 && ++since % COMMIT_EVERY == 0)
			r = locked_exec(h, "COMMIT; BEGIN");
	}
	if (r == 0 || r == -ENOENT)
		r = locked_exec(h, "COMMIT");
	else
		locked_exec(h, "COMMIT");
	return r;
}

static uint64_t contents_bytes(struct hashes *h)
{
	uint64_t total = 0;

	for (unsigned k = 0; k < h->ev->manifest.n; k++) {
		struct evidence_cursor c;
		struct index_reader *reader = NULL;
		struct index_counts counts = {0};

		evidence_cursor_init(&c, h->ev);
		if (evidence_reader(&c, trace_of_index(k, 0), &reader) == 0 &&
			index_counts(reader, &counts) == 0)
			total += counts.content_bytes;
		evidence_cursor_release(&c);
	}
	return total;
}

static int hash_traces(struct hashes *h)
{
	struct digest *d = digest_new(DIGEST_SHA256);
	uint8_t *block = malloc(BLOCK);
	int r = d && block ? 0 : -ENOMEM;

	set_state(h, HASHES_TRACES, 0, contents_bytes(h));
	for (unsigned k = 0; r == 0 && k < h->ev->manifest.n && !h->stop; k++) {
		if (h->ev->volumes[k].index)
			r = hash_volume(h, k, d, block);
	}
	digest_free(d);
	free(block);
	return r;
}

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

static bool is_done(struct hashes *h)
{
	struct db_stmt *s = NULL;
	bool done = false;

	if (h->db && db_prepare(h->db, "SELECT 1 FROM state WHERE key='done'", &s, NULL) == 0)
		done = db_step(s, NULL) == 1;
	db_stmt_free(s);
	return done;
}

static void *hashes_main(void *arg)
{
	struct hashes *h = arg;
	char text[256];
	int r = check_indexes(h);

	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICENESS);
	if (r || !h->wanted || h->lock_fd < 0 || h->stop) {
		if (r == 0)
			set_state(h,
				is_done(h)  ? HASHES_DONE
				: h->wanted ? HASHES_ELSEWHERE
					    : HASHES_OFF,
				0, 0);
		return NULL;
	}
	if (!is_done(h) && !h->ev->media) {
		set_state(h, HASHES_ELSEWHERE, 0, 0);
		return NULL;
	}
	if (!is_done(h)) {
		if (!h->status.totals_known && !h->status.unreadable_bytes)
			r = make_totals(h);
		if (r == 0 && !h->stop)
			r = hash_traces(h);
		if (r == 0 && !h->stop)
			r = locked_exec(h, "INSERT OR REPLACE INTO state VALUES('done',1)");
	}
	if (r) {
		snprintf(text, sizeof(text), "%s: %s", h->path, strerror(-r));
		set_failed(h, text);
	} else if (!h->stop) {
		set_state(h, HASHES_DONE, 0, 0);
	}
	return NULL;
}

/* ---- open, start, close -------------------------------------------------------- */

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
	if (r == 0 && h->lock_fd >= 0)
		r = db_prepare(h->db, "INSERT OR REPLACE INTO trace VALUES(?1,?2)", &h->put, e);
	if (r == 0) {
		load_totals(h->db, &h->status);
		count_traces(h);
	}
	return r;
}

int hashes_open(struct evidence *ev, bool hash, struct hashes **out, struct err *e)
{
	struct hashes *h = calloc(1, sizeof(*h));
	char *lock_path = NULL;
	int r = 0;

	if (!h)
		return err_errno(e, ENOMEM, "%s", ev->dir);
	h->ev = ev;
	h->wanted = hash;
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
	int r = pthread_create(&h->thread, NULL, hashes_main, h);

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
	db_close(h->db);
	if (h->lock_fd >= 0)
		close(h->lock_fd);
	pthread_mutex_destroy(&h->lock);
	free(h->path);
	free(h);
}
