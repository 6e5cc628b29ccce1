/* SPDX-License-Identifier: Apache-2.0 */
/* db.c - SQLite, in the few shapes this program uses it; see db.h. */
#include "base/db.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#define WAIT_MS     10000 /* for somebody who writes */
#define OWN_WAIT_MS 1000  /* for somebody who had a short look */

struct db {
	sqlite3 *handle;
	char *path;
};

struct db_stmt {
	sqlite3_stmt *handle;
	struct db *db;
};

static int code_errno(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_NOMEM:
		return ENOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_MISMATCH:
	case SQLITE_ERROR: /* the file does not have the tables that our SQL is for */
		return EBADMSG;
	case SQLITE_READONLY:
		return EROFS;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return EACCES;
	case SQLITE_CANTOPEN:
		return ENOENT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return EBUSY;
	case SQLITE_CONSTRAINT:
		return EEXIST;
	default:
		return EIO;
	}
}

/* errno of the last write to the file or its journal that failed. SQLite tells a full disk
 * from a fault, but takes a quota or a limit of the process for the latter. */
static int write_errno(const struct db *d)
{
	sqlite3_file *journal = NULL;
	int error = 0;

	sqlite3_file_control(d->handle, "main", SQLITE_FCNTL_LAST_ERRNO, &error);
	if (error)
		return error;
	sqlite3_file_control(d->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &journal);
	if (journal && journal->pMethods)
		journal->pMethods->xFileControl(journal, SQLITE_FCNTL_LAST_ERRNO, &error);
	return error;
}

static int report(const struct db *d, int code, struct err *e)
{
	int sys = code == SQLITE_IOERR_WRITE ? write_errno(d) : sqlite3_system_errno(d->handle);
	int error = code_errno(code);

	if ((error == EIO || error == ENOENT) && sys)
		error = sys;
	return err_set(e, error, "%s: %s", d->path,
		error == EBADMSG ? sqlite3_errmsg(d->handle) : strerror(error));
}

static const char *setup_sql(enum db_mode mode)
{
	switch (mode) {
	case DB_BUILD:
		return "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA page_size=4096;"
		       "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-65536;";
	case DB_IMMUTABLE:
		return "PRAGMA query_only=1; PRAGMA cache_size=-2048; PRAGMA "
		       "mmap_size=274877906944;"
		       "PRAGMA trusted_schema=0; PRAGMA cell_size_check=1;"
		       /* one transaction for good: nobody writes, so that no statement has to
			  begin and end one of its own */
		       "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1;";
	case DB_READ:
		return "PRAGMA query_only=1; PRAGMA trusted_schema=0;";
	case DB_WRITE:
		return "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA "
		       "trusted_schema=0;";
	case DB_OWN:
		return "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=TRUNCATE; "
		       "PRAGMA synchronous=FULL; PRAGMA trusted_schema=0; "
		       "PRAGMA cell_size_check=1; BEGIN EXCLUSIVE; COMMIT;";
	}
	return "";
}

static char *uri_of(const char *path, enum db_mode mode)
{
	size_t n = strlen(path);
	char *uri = malloc(3 * n + 64);
	char *p = uri;

	if (!uri)
		return NULL;
	p = stpcpy(p, "file:");
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)path[i];

		if (c == '?' || c == '#' || c == '%' || c < 0x20 || c > 0x7e)
			p += sprintf(p, "%%%02x", c);
		else
			*p++ = (char)c;
	}
	strcpy(p, mode == DB_IMMUTABLE ? "?immutable=1" : "");
	return uri;
}

/* Of SQLite as a whole: it counts what it allocates, under one lock, unless told not to. */
static void configure(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int db_open(const char *path, enum db_mode mode, struct db **out, struct err *e)
{
	static pthread_once_t configured = PTHREAD_ONCE_INIT;
	int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	struct db *d = calloc(1, sizeof(*d));
	char *uri = uri_of(path, mode);
	int r = 0;

	if (!d || !uri || !(d->path = strdup(path))) {
		free(uri);
		free(d);
		return err_errno(e, ENOMEM, "%s", path);
	}
	if (mode == DB_BUILD || mode == DB_WRITE)
		flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	else if (mode == DB_OWN)
		flags |= SQLITE_OPEN_READWRITE;
	else
		flags |= SQLITE_OPEN_READONLY;
	pthread_once(&configured, configure);
	r = sqlite3_open_v2(uri, &d->handle, flags, NULL);
	free(uri);
	if (r == SQLITE_OK) {
		sqlite3_busy_timeout(d->handle, mode == DB_OWN ? OWN_WAIT_MS : WAIT_MS);
		r = sqlite3_exec(d->handle, setup_sql(mode), NULL, NULL, NULL);
	}
	if (r != SQLITE_OK) {
		r = report(d, r, e);
		db_close(d);
		return r;
	}
	*out = d;
	return 0;
}

void db_close(struct db *d)
{
	if (!d)
		return;
	sqlite3_close(d->handle);
	free(d->path);
	free(d);
}

int db_exec(struct db *d, const char *sql, struct err *e)
{
	int r = sqlite3_exec(d->handle, sql, NULL, NULL, NULL);

	return r == SQLITE_OK ? 0 : report(d, r, e);
}

int db_prepare(struct db *d, const char *sql, struct db_stmt **out, struct err *e)
{
	struct db_stmt *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return err_errno(e, ENOMEM, "%s", d->path);
	s->db = d;
	r = sqlite3_prepare_v3(d->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->handle, NULL);
	if (r != SQLITE_OK) {
		free(s);
		return report(d, r, e);
	}
	*out = s;
	return 0;
}

void db_stmt_free(struct db_stmt *s)
{
	if (!s)
		return;
	sqlite3_finalize(s->handle);
	free(s);
}

void db_bind_int(struct db_stmt *s, int pos, int64_t v)
{
	sqlite3_bind_int64(s->handle, pos, v);
}

void db_bind_blob(struct db_stmt *s, int pos, const void *p, size_t n)
{
	/* a NULL pointer would bind NULL, not zero bytes */
	sqlite3_bind_blob64(s->handle, pos, p ? p : "", n, SQLITE_STATIC);
}

void db_bind_text(struct db_stmt *s, int pos, const char *text)
{
	sqlite3_bind_text(s->handle, pos, text, -1, SQLITE_STATIC);
}

void db_bind_null(struct db_stmt *s, int pos)
{
	sqlite3_bind_null(s->handle, pos);
}

int db_step(struct db_stmt *s, struct err *e)
{
	int r = sqlite3_step(s->handle);

	if (r == SQLITE_ROW)
		return 1;
	return r == SQLITE_DONE ? 0 : report(s->db, r, e);
}

int db_run(struct db_stmt *s, struct err *e)
{
	int r = db_step(s, e);

	db_stmt_reset(s);
	return r < 0 ? r : 0;
}

void db_stmt_reset(struct db_stmt *s)
{
	sqlite3_reset(s->handle);
}

uint64_t db_stmt_steps(struct db_stmt *s)
{
	return (uint64_t)sqlite3_stmt_status(s->handle, SQLITE_STMTSTATUS_VM_STEP, 1);
}

int64_t db_int(struct db_stmt *s, int col)
{
	return sqlite3_column_int64(s->handle, col);
}

const void *db_blob(struct db_stmt *s, int col, size_t *n)
{
	const void *p = sqlite3_column_blob(s->handle, col);

	*n = (size_t)sqlite3_column_bytes(s->handle, col);
	return p;
}

const char *db_text(struct db_stmt *s, int col)
{
	const unsigned char *p = sqlite3_column_text(s->handle, col);

	return p ? (const char *)p : "";
}

int db_is_null(struct db_stmt *s, int col)
{
	return sqlite3_column_type(s->handle, col) == SQLITE_NULL;
}
