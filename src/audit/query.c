/* SPDX-License-Identifier: Apache-2.0 */
/* query.c - query.db as a file: made, followed, dropped; see query.h. */
#include "audit/query_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APPLICATION_ID 0x45564651 /* "EVFQ" */
#define TABLES         1          /* version of them */
#define BATCH          8192       /* records in one transaction */
#define BATCH_SOME     1024       /* of the thread in the background: others may wait for it */

static const char tables[] =
	"BEGIN;"
	"PRAGMA application_id=0x45564651;"
	"CREATE TABLE state(version INTEGER, seq INTEGER, time INTEGER, nonce BLOB);"
	"INSERT INTO state VALUES(1, 0, 0, NULL);"
	"CREATE TABLE records(seq INTEGER PRIMARY KEY, time INTEGER, type INTEGER,"
	" decision INTEGER, uid INTEGER, gid INTEGER, loginuid INTEGER, pid INTEGER,"
	" start INTEGER, program INTEGER, evidence INTEGER, trace INTEGER, case_id INTEGER,"
	" object INTEGER, grant_id INTEGER, policy INTEGER, open_seq INTEGER, offset INTEGER,"
	" length INTEGER, result INTEGER);"
	"CREATE INDEX by_user ON records(uid, seq);"
	"CREATE INDEX by_case ON records(case_id, seq);"
	"CREATE INDEX by_trace ON records(evidence, trace);"
	"CREATE INDEX by_act ON records(type, seq) WHERE type >= 9 OR type <= 2;"
	"CREATE INDEX by_refusal ON records(decision, seq) WHERE decision <> 1;"
	"CREATE TABLE evidence(id INTEGER PRIMARY KEY, digest BLOB UNIQUE);"
	"CREATE TABLE programs(id INTEGER PRIMARY KEY, path BLOB UNIQUE);"
	"CREATE TABLE sums(seq INTEGER PRIMARY KEY, reads INTEGER, bytes INTEGER, first INTEGER,"
	" last INTEGER, ranges BLOB);"
	"CREATE TABLE places(seq INTEGER PRIMARY KEY, offset INTEGER);"
	"COMMIT;";

/* One number of one row. Return: 0; -errno. */
static int ask_int(struct db *d, const char *sql, int64_t *out, struct err *e)
{
	struct db_stmt *s = NULL;
	int r = db_prepare(d, sql, &s, e);

	if (r == 0)
		r = db_step(s, e);
	if (r == 1)
		*out = db_int(s, 0);
	db_stmt_free(s);
	return r == 1 ? 0 : r == 0 ? err_set(e, EBADMSG, "it has no state") : r;
}

/* New tables, or those that are there and of this version. */
static int check_tables(struct db *d, struct err *e)
{
	int64_t id = 0;
	int64_t count = 0;
	int64_t version = 0;
	int r = ask_int(d, "SELECT count(*) FROM sqlite_master", &count, e);

	if (r == 0 && count == 0)
		return db_exec(d, tables, e);
	if (r == 0)
		r = ask_int(d, "PRAGMA application_id", &id, e);
	if (r == 0 && id != APPLICATION_ID)
		return err_set(e, EBADMSG, "it is not a database of this program");
	if (r == 0)
		r = ask_int(d, "SELECT version FROM state", &version, e);
	if (r == 0 && version != TABLES)
		return err_set(e, EBADMSG, "it is of version %d", (int)version);
	return r;
}

static void shut(struct query *q)
{
	query_adder_free(q->adder);
	q->adder = NULL;
	db_close(q->db);
	q->db = NULL;
}

/* For nobody else: SQLite would leave that to the umask. */
static void make_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0) /* one that is there is not touched: closing it would give up its locks */
		close(fd);
}

static int open_once(struct query *q, struct err *e)
{
	int r = 0;

	if (q->path)
		make_private(q->path);
	r = db_open(q->path ? q->path : ":memory:", DB_WRITE, &q->db, e);

	if (r == 0)
		r = db_exec(q->db,
			"PRAGMA wal_autocheckpoint=4000; PRAGMA cache_size=-16384;"
			"PRAGMA journal_size_limit=67108864; PRAGMA temp_store=MEMORY;",
			e);
	if (r == 0)
		r = check_tables(q->db, e);
	if (r == 0)
		r = query_adder_new(q->db, q->log, &q->adder, e);
	if (r == 0)
		atomic_store(&q->seq, query_adder_seq(q->adder));
	else
		shut(q);
	return r;
}

static int drop(struct query *q, const char *why, struct err *e)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};

	shut(q);
	atomic_store(&q->seq, 0);
	atomic_store(&q->sick, false);
	snprintf(q->dropped, sizeof(q->dropped), "%s", why);
	for (size_t i = 0; q->path && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char *name = NULL;

		if (asprintf(&name, "%s%s", q->path, suffixes[i]) < 0)
			return err_errno(e, ENOMEM, "%s", q->path);
		if (unlink(name) < 0 && errno != ENOENT) {
			int code = errno;

			free(name);
			return err_errno(e, code, "%s: cannot be removed", q->path);
		}
		free(name);
	}
	return 0;
}

/* What can be mended by building it again. */
static bool is_damage(int r)
{
	return r == -EBADMSG || r == -ESTALE;
}

/* By opening it again. */
static bool is_mendable(int r)
{
	return r == -ESTALE || r == -EAGAIN;
}

/* Called with the lock. */
static int ensure_open(struct query *q, struct err *e)
{
	struct err why = {.code = 0};
	int r = 0;

	if (q->adder && !atomic_load(&q->sick))
		return 0;
	if (atomic_load(&q->sick)) {
		r = drop(q, "it is damaged", e);
		if (r < 0)
			return r;
	}
	shut(q);
	r = open_once(q, &why);
	if (is_damage(r)) {
		r = drop(q, err_text(&why, r), e);
		return r == 0 ? open_once(q, e) : r;
	}
	return r < 0 ? err_set(e, -r, "%s", err_text(&why, r)) : 0;
}

int query_open(const char *path, const char *log, struct query **out, struct err *e)
{
	struct query *q = calloc(1, sizeof(*q));
	int r = 0;

	if (!q)
		return err_errno(e, ENOMEM, "query.db");
	pthread_mutex_init(&q->lock, NULL);
	q->path = path ? strdup(path) : NULL;
	q->log = strdup(log);
	r = (path && !q->path) || !q->log ? err_errno(e, ENOMEM, "query.db") : ensure_open(q, e);
	if (r < 0) {
		query_close(q);
		return r;
	}
	*out = q;
	return 0;
}

void query_close(struct query *q)
{
	if (!q)
		return;
	shut(q);
	pthread_mutex_destroy(&q->lock);
	free(q->path);
	free(q->log);
	free(q);
}

void query_dropped(struct query *q, char out[static ERR_TEXT_MAX])
{
	pthread_mutex_lock(&q->lock);
	memcpy(out, q->dropped, ERR_TEXT_MAX);
	q->dropped[0] = '\0';
	pthread_mutex_unlock(&q->lock);
}

int query_reindex(struct query *q, struct err *e)
{
	int r = 0;

	atomic_fetch_add(&q->waiting, 1);
	pthread_mutex_lock(&q->lock);
	atomic_fetch_sub(&q->waiting, 1);
	r = drop(q, "", e);
	if (r == 0)
		r = ensure_open(q, e);
	pthread_mutex_unlock(&q->lock);
	return r;
}

/* What went wrong with the database is mended where it can be. Return: 0 go on; -errno. */
static int mend(struct query *q, int r, const struct err *why, struct err *e)
{
	shut(q); /* what it keeps in memory is not to be trusted any more */
	if (r == -ESTALE)
		return drop(q, err_text(why, r), e);
	return r == -EAGAIN ? 0 : err_set(e, -r, "%s", err_text(why, r));
}

/* Called with the lock. Return: how many; -errno. */
static int add_batch(struct query *q, uint64_t upto, unsigned max, struct err *e)
{
	int r = -ESTALE;

	for (unsigned tries = 0; tries < 3 && is_mendable(r); tries++) {
		struct err why = {.code = 0};
		int opened = ensure_open(q, e);

		if (opened < 0)
			return opened;
		r = query_add(q->adder, upto, max, &why);
		if (r >= 0)
			atomic_store(&q->seq, query_adder_seq(q->adder));
		else if (mend(q, r, &why, e) < 0)
			return r;
	}
	return r < 0 ? err_set(e, EIO, "query.db is damaged again and again") : r;
}

int query_follow(struct query *q, uint64_t upto, query_progress *progress, void *ctx, struct err *e)
{
	int r = 1;

	while (r > 0 && atomic_load(&q->seq) < upto) {
		atomic_fetch_add(&q->waiting, 1);
		pthread_mutex_lock(&q->lock);
		atomic_fetch_sub(&q->waiting, 1);
		r = add_batch(q, upto, BATCH, e);
		pthread_mutex_unlock(&q->lock);
		if (r > 0 && progress) {
			int given_up = progress(ctx, atomic_load(&q->seq), upto);

			if (given_up)
				return given_up;
		}
	}
	return r < 0 ? r : 0;
}

int query_follow_some(struct query *q, uint64_t upto, struct err *e)
{
	int r = 0;

	if (atomic_load(&q->waiting) > 0 || pthread_mutex_trylock(&q->lock))
		return 1;
	r = add_batch(q, upto, BATCH_SOME, e);
	pthread_mutex_unlock(&q->lock);
	return r < 0 ? r : r == BATCH_SOME;
}

uint64_t query_seq(struct query *q)
{
	return atomic_load(&q->seq);
}
