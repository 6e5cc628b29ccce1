/* SPDX-License-Identifier: Apache-2.0 */
/* t-db.c - the database adapter: values come back, faults are told apart. */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/db.h"
#include "base/file.h"

static char dir[] = "/tmp/t-db.XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static struct db *open_db(const char *name, enum db_mode mode)
{
	struct db *d = NULL;
	struct err e = {.code = 0};

	if (db_open(in_dir(name), mode, &d, &e))
		bail_out(e.text);
	return d;
}

static void fill(struct db *d)
{
	struct db_stmt *s = NULL;

	is_int(db_exec(d, "CREATE TABLE t(i INTEGER, b BLOB, s TEXT); BEGIN", NULL), 0, "a table");
	is_int(db_prepare(d, "INSERT INTO t VALUES(?1,?2,?3)", &s, NULL), 0, "a statement");
	db_bind_int(s, 1, INT64_MIN);
	db_bind_blob(s, 2, "a\0b", 3);
	db_bind_text(s, 3, "text");
	is_int(db_run(s, NULL), 0, "a row");
	db_bind_int(s, 1, 2);
	db_bind_blob(s, 2, NULL, 0);
	db_bind_null(s, 3);
	is_int(db_run(s, NULL), 0, "another");
	db_stmt_free(s);
	is_int(db_exec(d, "COMMIT", NULL), 0, "kept");
}

static void look(struct db *d)
{
	struct db_stmt *s = NULL;
	size_t n = 99;

	is_int(db_prepare(d, "SELECT i, b, s FROM t ORDER BY rowid", &s, NULL), 0, "a query");
	is_int(db_step(s, NULL), 1, "a row");
	ok(db_int(s, 0) == INT64_MIN, "its number");
	ok(memcmp(db_blob(s, 1, &n), "a\0b", 3) == 0 && n == 3, "its bytes");
	is_str(db_text(s, 2), "text", "its text");
	is_int(db_step(s, NULL), 1, "the next");
	db_blob(s, 1, &n);
	ok(n == 0 && !db_is_null(s, 1), "no bytes are not NULL");
	ok(db_is_null(s, 2), "NULL is");
	is_str(db_text(s, 2), "", "and no text");
	is_int(db_step(s, NULL), 0, "no more");
	db_stmt_reset(s);
	is_int(db_step(s, NULL), 1, "from the first again");
	db_stmt_free(s);
}

static void test_modes(void)
{
	/* a name that a URI would read otherwise */
	static const char name[] = "a ?b#c%41&d.db";
	struct db *d = open_db(name, DB_BUILD);

	fill(d);
	db_close(d);
	ok(access(in_dir(name), F_OK) == 0, "the file has the name that was given");
	d = open_db(name, DB_IMMUTABLE);
	look(d);
	ok(db_exec(d, "INSERT INTO t VALUES(1,2,3)", NULL) < 0, "an immutable one takes no rows");
	db_close(d);
	d = open_db(name, DB_WRITE);
	is_int(db_exec(d, "INSERT INTO t VALUES(1,2,3)", NULL), 0, "one open for writing does");
	db_close(d);
	d = open_db(name, DB_READ);
	ok(db_exec(d, "DELETE FROM t", NULL) < 0, "one open for reading does not");
	db_close(d);
	db_close(NULL);
	db_stmt_free(NULL);
}

static void test_own(void)
{
	struct db *d = NULL;
	struct db *second = NULL;
	struct stat st;

	is_int(db_open(in_dir("own.db"), DB_OWN, &d, NULL), -ENOENT, "DB_OWN makes no file");
	d = open_db("own.db", DB_BUILD);
	fill(d);
	db_close(d);
	d = open_db("own.db", DB_OWN);
	is_int(db_open(in_dir("own.db"), DB_OWN, &second, NULL), -EBUSY,
		"a database that is owned is not opened again");
	is_int(db_exec(d, "INSERT INTO t VALUES(3, 4, 5); DELETE FROM t WHERE i=3", NULL), 0,
		"its owner writes");
	ok(stat(in_dir("own.db-journal"), &st) == 0 && st.st_size == 0,
		"and has all in one file then");
	db_close(d);
	d = open_db("own.db", DB_OWN);
	look(d);
	db_close(d);
}

static void is_fault(const char *name, enum db_mode mode, int want, const char *what)
{
	struct err e = {.code = 0};
	struct db *d = NULL;
	struct db_stmt *s = NULL;
	int r = db_open(in_dir(name), mode, &d, &e);

	if (r == 0)
		r = db_prepare(d, "SELECT * FROM t", &s, &e);
	while (r == 0 && (r = db_step(s, &e)) == 1)
		r = 0;
	is_int(r, want, what);
	ok(strstr(e.text, name) != NULL, "and named: %s", e.text);
	db_stmt_free(s);
	db_close(d);
}

static void put(const char *name, const char *text)
{
	struct err e = {.code = 0};

	if (file_write(in_dir(name), text, strlen(text), &e))
		bail_out(e.text);
}

static void test_faults(void)
{
	struct db *d = open_db("small.db", DB_BUILD);
	struct db_stmt *s = NULL;
	struct err e = {.code = 0};

	is_fault("none.db", DB_IMMUTABLE, -ENOENT, "a missing file");
	is_fault("none/new.db", DB_BUILD, -ENOENT, "a missing folder");
	put("text.db", "this is no database, however long it is; it is only text, and more of it");
	is_fault("text.db", DB_IMMUTABLE, -EBADMSG, "a file that is no database");
	is_int(db_exec(d, "PRAGMA max_page_count=4; CREATE TABLE t(i INTEGER PRIMARY KEY, b BLOB)",
		       &e),
		0, "a database that is as good as full");
	is_int(db_prepare(d, "INSERT INTO t VALUES(?1, zeroblob(100000))", &s, &e), 0,
		"a large row");
	db_bind_int(s, 1, 1);
	is_int(db_run(s, &e), -ENOSPC, "does not fit");
	ok(strstr(e.text, "No space left") != NULL, "in the system's words: %s", e.text);
	db_stmt_free(s);
	is_int(db_exec(d, "INSERT INTO t VALUES(7, 1); INSERT INTO t VALUES(7, 2)", NULL), -EEXIST,
		"a key that is there");
	is_int(db_exec(d, "SELECT x FROM none", NULL), -EBADMSG, "a table that is not there");
	db_close(d);
}

static void test_damage(void)
{
	struct db *d = open_db("bad.db", DB_BUILD);
	char noise[4096];
	int fd = -1;

	is_int(db_exec(d,
		       "CREATE TABLE t(i INTEGER, b BLOB); INSERT INTO t VALUES(1, "
		       "zeroblob(50000))",
		       NULL),
		0, "a database");
	db_close(d);
	memset(noise, 0xa5, sizeof(noise));
	fd = open(in_dir("bad.db"), O_WRONLY);
	if (fd < 0 || pwrite(fd, noise, sizeof(noise), 4096) != (ssize_t)sizeof(noise))
		bail_out("cannot damage the test file");
	close(fd);
	is_fault("bad.db", DB_IMMUTABLE, -EBADMSG, "one with a damaged page");
}

int main(void)
{
	if (!mkdtemp(dir))
		bail_out("no folder for the test");
	test_modes();
	test_own();
	test_faults();
	test_damage();
	file_remove_tree(dir, NULL);
	return done_testing();
}
