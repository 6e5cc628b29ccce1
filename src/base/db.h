/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db.h - SQLite, in the few shapes this program uses it
 *
 * Connections and statements are used by one thread at a time. Statements are
 * described by their SQL and bound by position; a failed step is translated
 * here, once, into -errno (a full disk is -ENOSPC, damage is -EBADMSG).
 */
#ifndef EVIDENCEFS_BASE_DB_H
#define EVIDENCEFS_BASE_DB_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct db;
struct db_stmt;

enum db_mode {
	DB_BUILD,     /* new file, no journal, no syncs: thrown away unless it is finished */
	DB_IMMUTABLE, /* read only, and nobody will ever change it: no locks, no checks */
	DB_READ,      /* read only, somebody else may be writing */
	DB_WRITE,     /* read and write, made if missing, write-ahead log */
	DB_OWN        /* read and write an existing file that nobody else may open until it is
		       * closed (-EBUSY somebody has it); a commit is durable, in that one file */
};

/**
 * db_open() - open a database file
 * Return: 0 and *@out; -errno with what failed and why.
 */
int db_open(const char *path, enum db_mode mode, struct db **out, struct err *e);
/** db_close() - all statements must have been freed. NULL allowed. */
void db_close(struct db *d);
/** db_exec() - one or more statements without results. */
int db_exec(struct db *d, const char *sql, struct err *e);
int db_prepare(struct db *d, const char *sql, struct db_stmt **out, struct err *e);
void db_stmt_free(struct db_stmt *s);

/* Binding: positions from 1. Bytes are borrowed until the next db_stmt_reset(). */
void db_bind_int(struct db_stmt *s, int pos, int64_t v);
void db_bind_blob(struct db_stmt *s, int pos, const void *p, size_t n);
void db_bind_text(struct db_stmt *s, int pos, const char *text);
void db_bind_null(struct db_stmt *s, int pos);

/** db_step() - Return: 1 a row stands ready, 0 done, -errno. */
int db_step(struct db_stmt *s, struct err *e);
/** db_run() - step a statement without results to its end, and reset it. */
int db_run(struct db_stmt *s, struct err *e);
/** db_stmt_reset() - make ready to be bound and stepped again. */
void db_stmt_reset(struct db_stmt *s);

/** db_stmt_steps() - that SQLite's machine has made for it since it was last asked. */
uint64_t db_stmt_steps(struct db_stmt *s);

/* Columns: positions from 0; bytes are valid until the next step or reset. */
int64_t db_int(struct db_stmt *s, int col);
const void *db_blob(struct db_stmt *s, int col, size_t *n);
const char *db_text(struct db_stmt *s, int col); /* "" for NULL */
int db_is_null(struct db_stmt *s, int col);

#endif
