/* SPDX-License-Identifier: Apache-2.0 */
/* schema.c - the tables of the catalog and their versions; see schema.h. */
#include "catalog/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "catalog/store.h"

#define APPLICATION_ID 0x45564653 /* "EVFS" */

static const char version_0[] = "PRAGMA application_id=0x45564653;"
				"CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) "
				"STRICT, WITHOUT ROWID;"
				"INSERT INTO meta VALUES('version', 0);";

/* [n] makes version n + 1 of version n. What was released is not edited. */
static const char *const steps[STORE_VERSION] = {
	"INSERT INTO meta VALUES('highest_time', 0), ('object', 0), ('checked', 0);"
	"CREATE TABLE boots(boot_id TEXT PRIMARY KEY, real_ns INTEGER NOT NULL,"
	" boot_ns INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE acts("
	" seq INTEGER PRIMARY KEY, secret BLOB, ns INTEGER NOT NULL, boot_ns INTEGER NOT NULL,"
	" boot_id TEXT NOT NULL, by_uid INTEGER NOT NULL, by_name BLOB,"
	" kind INTEGER NOT NULL, case_id INTEGER NOT NULL, object INTEGER NOT NULL,"
	" who_kind INTEGER NOT NULL, who_typed BLOB, who_name BLOB, who_id INTEGER NOT NULL,"
	" name BLOB, title BLOB, reason BLOB, path BLOB,"
	" rights INTEGER NOT NULL, future INTEGER NOT NULL,"
	" from_ns INTEGER NOT NULL, until_ns INTEGER NOT NULL, covers BLOB,"
	" image BLOB, dir BLOB, types BLOB, digest BLOB, md5 BLOB, sha1 BLOB, sha256 BLOB,"
	" totals INTEGER NOT NULL, mismatch_accepted INTEGER NOT NULL,"
	" matched INTEGER NOT NULL, idle_days INTEGER NOT NULL,"
	" trace INTEGER NOT NULL, inode INTEGER NOT NULL, mark_state INTEGER NOT NULL,"
	" mark_origin INTEGER NOT NULL, with_members INTEGER NOT NULL, basis BLOB, text BLOB,"
	" sum INTEGER NOT NULL) STRICT;"
	"CREATE UNIQUE INDEX acts_begun ON acts(object) WHERE kind IN (1, 5, 9, 10, 12, 13);"
	"CREATE TRIGGER acts_update BEFORE UPDATE ON acts"
	" BEGIN SELECT RAISE(ABORT, 'acts are never changed'); END;"
	"CREATE TRIGGER acts_delete BEFORE DELETE ON acts"
	" BEGIN SELECT RAISE(ABORT, 'acts are never removed'); END;"
	/* also INSERT OR REPLACE removes rows, without asking the trigger above */
	"CREATE TRIGGER acts_insert BEFORE INSERT ON acts"
	" WHEN NEW.seq <= (SELECT max(seq) FROM acts)"
	" OR (NEW.kind IN (1, 5, 9, 10, 12, 13) AND EXISTS (SELECT 1 FROM acts"
	"  WHERE object = NEW.object AND kind IN (1, 5, 9, 10, 12, 13)))"
	" BEGIN SELECT RAISE(ABORT, 'acts are only added'); END;",
};

/* What was reported, without the path that stands before it in each line. */
static const char *reason_of(const char *path, int rc, const struct err *found)
{
	const char *text = err_text(found, -rc);
	size_t n = strlen(path);

	return strncmp(text, path, n) == 0 && strncmp(text + n, ": ", 2) == 0 ? text + n + 2 : text;
}

int schema_explain(const char *path, int rc, const struct err *found, struct err *e)
{
	const char *reason = reason_of(path, rc, found);

	switch (-rc) {
	case EBUSY:
		return err_set(e, EBUSY,
			"%s: another process has the catalog open; end it, and try again", path);
	case EBADMSG:
		return err_set(e, EBADMSG,
			"%s: the catalog is damaged (%s); keep it, and put back a copy that is "
			"whole",
			path, reason);
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return err_set(e, ENOSPC,
			"%s: no space for the catalog to be written; make some, and try again",
			path);
	default:
		return err_set(e, -rc, "%s: the catalog: %s", path, reason);
	}
}

/* One number. Return: 0; -EBADMSG there is none; -errno. */
static int query(struct db *d, const char *sql, int64_t *out, struct err *e)
{
	struct db_stmt *s = NULL;
	int rc = db_prepare(d, sql, &s, e);

	if (rc < 0)
		return rc;
	rc = db_step(s, e);
	if (rc == 1)
		*out = db_int(s, 0);
	db_stmt_free(s);
	if (rc == 0)
		return err_set(e, EBADMSG, "nothing of it is there: %s", sql);
	return rc < 0 ? rc : 0;
}

/* From version @from to STORE_VERSION, whole or not at all. */
static int bring_up(struct db *d, int64_t from, struct err *e)
{
	int rc = db_exec(d, "BEGIN IMMEDIATE", e);

	if (rc < 0)
		return rc;
	for (int64_t v = from; v < STORE_VERSION && rc == 0; v++) {
		char set[64];

		snprintf(set, sizeof(set), "UPDATE meta SET value=%" PRId64 " WHERE key='version'",
			v + 1);
		rc = db_exec(d, steps[v], e);
		if (rc == 0)
			rc = db_exec(d, set, e);
	}
	if (rc == 0)
		rc = db_exec(d, "COMMIT", e);
	if (rc < 0)
		db_exec(d, "ROLLBACK", NULL);
	return rc;
}

/* ---- a new one ------------------------------------------------------------------------- */

static int make_empty(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int sync_path(const char *path, int flags)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
	int rc = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

static int fill(const char *path, struct err *e)
{
	struct db *d = NULL;
	int rc = make_empty(path);

	if (rc < 0)
		return err_errno(e, -rc, "%s", path);
	/* in one transaction: a limit is met before the file has its name, or not at all */
	rc = db_open(path, DB_BUILD, &d, e);
	if (rc == 0)
		rc = db_exec(d, version_0, e);
	if (rc == 0)
		rc = bring_up(d, 0, e);
	db_close(d);
	if (rc == 0) {
		rc = sync_path(path, 0);
		if (rc < 0)
			err_errno(e, -rc, "%s", path);
	}
	return rc;
}

/* A transaction that was not finished belongs to a catalog that is gone: SQLite would take it
 * for one of the new file. */
static int check_no_journal(const char *path, struct err *e)
{
	char *journal = NULL;
	struct stat st;
	int rc = 0;

	if (asprintf(&journal, "%s-journal", path) < 0)
		return err_errno(e, ENOMEM, "%s", path);
	if (stat(journal, &st) == 0 && st.st_size > 0)
		rc = err_set(e, EBADMSG, "it is not there, but its journal is");
	free(journal);
	return rc;
}

int schema_create(const char *path, struct err *e)
{
	struct err found = {.code = 0};
	char *fresh = NULL;
	char *dir = NULL;
	int rc = check_no_journal(path, &found);

	if (rc < 0)
		return schema_explain(path, rc, &found, e);
	dir = strdup(path);
	if (!dir || asprintf(&fresh, "%s.new-%d", path, (int)getpid()) < 0) {
		free(dir);
		return err_errno(e, ENOMEM, "%s", path);
	}
	rc = fill(fresh, &found);
	/* not rename(2): one that is there is never replaced */
	if (rc == 0 && link(fresh, path) < 0 && errno != EEXIST)
		rc = err_errno(&found, errno, "%s", path);
	unlink(fresh);
	if (rc == 0) {
		rc = sync_path(dirname(dir), O_DIRECTORY);
		if (rc < 0)
			err_errno(&found, -rc, "%s", dir);
	}
	free(fresh);
	free(dir);
	return rc < 0 ? schema_explain(path, rc, &found, e) : 0;
}

/* ---- one that is there ------------------------------------------------------------------ */

/* Version @version of the catalog into PATH.vN-backup; on disk when this returns 0. */
static int back_up(struct db *d, const char *path, int64_t version, struct err *e)
{
	struct db_stmt *s = NULL;
	char *to = NULL;
	char *fresh = NULL;
	int rc = -ENOMEM;

	if (asprintf(&to, "%s.v%" PRId64 "-backup", path, version) < 0)
		to = NULL;
	if (!to || asprintf(&fresh, "%s.new", to) < 0)
		fresh = NULL;
	if (fresh)
		rc = make_empty(fresh);
	if (rc < 0)
		err_errno(e, -rc, "%s", fresh ? fresh : path);
	if (rc == 0)
		rc = db_prepare(d, "VACUUM INTO ?1", &s, e);
	if (rc == 0) {
		db_bind_text(s, 1, fresh);
		rc = db_run(s, e);
	}
	db_stmt_free(s);
	if (rc == 0)
		rc = file_commit(fresh, to, e);
	if (rc < 0 && fresh)
		unlink(fresh);
	free(fresh);
	free(to);
	return rc;
}

/* Whether the file is a catalog at all, and its pages are sound. */
static int check_sound(struct db *d, struct err *e)
{
	struct db_stmt *s = NULL;
	int64_t id = 0;
	int rc = query(d, "PRAGMA application_id", &id, e);

	if (rc < 0)
		return rc;
	if (id != APPLICATION_ID)
		return err_set(e, EBADMSG, "it is no catalog of evidencefs");
	rc = db_prepare(d, "PRAGMA quick_check(1)", &s, e);
	if (rc < 0)
		return rc;
	rc = db_step(s, e);
	if (rc == 1 && strcmp(db_text(s, 0), "ok") != 0)
		rc = err_set(e, EBADMSG, "%s", db_text(s, 0));
	db_stmt_free(s);
	return rc < 0 ? rc : 0;
}

int schema_check(struct db *d, const char *path, struct err *e)
{
	struct err found = {.code = 0};
	int64_t version = 0;
	int64_t user_version = 0;
	int rc = check_sound(d, &found);

	if (rc == 0)
		rc = query(d, "SELECT value FROM meta WHERE key='version'", &version, &found);
	if (rc == 0)
		rc = query(d, "PRAGMA user_version", &user_version, &found);
	/* it is 0 up to now: one that is set is a later version's way to say so */
	if (rc == 0 && version <= STORE_VERSION && user_version != 0)
		version = user_version > STORE_VERSION ? user_version : -1;
	if (rc == 0 && version < 0)
		rc = err_set(&found, EBADMSG, "version %" PRId64, version);
	if (rc == 0 && version > STORE_VERSION)
		return err_set(e, ENOTSUP,
			"%s: the catalog is of version %" PRId64
			", this evidencefs knows %d: start the later one again, or put back a "
			"backup it made (%s.v%d-backup)",
			path, version, STORE_VERSION, path, STORE_VERSION);
	if (rc == 0 && version < STORE_VERSION) {
		rc = back_up(d, path, version, &found);
		if (rc == 0)
			rc = bring_up(d, version, &found);
	}
	return rc < 0 ? schema_explain(path, rc, &found, e) : 0;
}
