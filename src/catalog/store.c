/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c - where acts are kept; see store.h and docs/FORMAT.catalog.md.
 *
 * One connection under one lock. Each change is one transaction: what fails has
 * changed nothing. What is asked often (the newest
 * act, the last object) is kept in memory beside it.
 */
#include "catalog/store.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/db.h"
#include "catalog/row.h"
#include "catalog/schema.h"

struct store {
	pthread_mutex_t lock; /* all below but path */
	char *path;
	struct db *db;
	struct db_stmt *insert;
	struct db_stmt *set_meta; /* ?1: value, ?2: key; only upwards */
	struct row row;
	struct row again;         /* for commitments of what is borrowed from row */
	struct store_link newest; /* seq is not `last`: not known yet */
	uint64_t last;            /* seq of the newest act */
	int64_t last_ns;          /* its time */
	uint64_t object;          /* given last */
	int64_t highest;          /* time kept in meta */
	uint64_t checked;
};

static int explain(const struct store *s, int rc, const struct err *found, struct err *e)
{
	return schema_explain(s->path, rc, found, e);
}

/* The first row's first columns, 0 where they are NULL. Return: 0; -EBADMSG no row; -errno. */
static int read_numbers(struct db *d, const char *sql, int64_t *out, int n, struct err *e)
{
	struct db_stmt *q = NULL;
	int rc = db_prepare(d, sql, &q, e);

	if (rc < 0)
		return rc;
	rc = db_step(q, e);
	for (int i = 0; rc == 1 && i < n; i++)
		out[i] = db_int(q, i);
	db_stmt_free(q);
	if (rc == 0)
		return err_set(e, EBADMSG, "a row is missing");
	return rc < 0 ? rc : 0;
}

/* What is kept in memory, and the statements. */
static int load(struct store *s, struct err *e)
{
	int64_t last[2] = {0};
	int64_t objects[2] = {0};
	int64_t checked = 0;
	int rc = read_numbers(s->db,
		"SELECT (SELECT max(seq) FROM acts),"
		" (SELECT ns FROM acts ORDER BY seq DESC LIMIT 1)",
		last, 2, e);

	if (rc == 0)
		rc = read_numbers(s->db,
			"SELECT value, (SELECT max(object) FROM acts WHERE kind IN (1, 5, 9, 10, "
			"12, 13))"
			" FROM meta WHERE key='object'",
			objects, 2, e);
	if (rc == 0)
		rc = read_numbers(s->db, "SELECT value FROM meta WHERE key='highest_time'",
			&s->highest, 1, e);
	if (rc == 0)
		rc = read_numbers(s->db, "SELECT (SELECT value FROM meta WHERE key='checked')",
			&checked, 1, e);
	if (rc == 0)
		rc = db_prepare(s->db, row_insert_sql(), &s->insert, e);
	if (rc == 0)
		rc = db_prepare(s->db, "UPDATE meta SET value=?1 WHERE key=?2 AND value < ?1",
			&s->set_meta, e);
	if (rc < 0)
		return rc;
	if (last[0] < 0 || objects[0] < 0 || objects[1] < 0 || checked < 0)
		return err_set(e, EBADMSG, "numbers below zero");
	s->last = (uint64_t)last[0];
	s->last_ns = last[0] ? last[1] : INT64_MIN;
	s->checked = (uint64_t)checked;
	s->object = (uint64_t)(objects[0] > objects[1] ? objects[0] : objects[1]);
	return 0;
}

static int open_file(struct store *s, struct err *e)
{
	struct err found = {.code = 0};
	struct stat st;
	int rc = 0;

	/* SQLite takes it for a new database, and begins to write one */
	if (stat(s->path, &st) == 0 && st.st_size == 0) {
		err_set(&found, EBADMSG, "it is empty");
		return explain(s, -EBADMSG, &found, e);
	}
	rc = db_open(s->path, DB_OWN, &s->db, &found);
	if (rc == -ENOENT) {
		err_clear(&found);
		rc = schema_create(s->path, e);
		if (rc < 0)
			return rc;
		rc = db_open(s->path, DB_OWN, &s->db, &found);
	}
	if (rc < 0)
		return explain(s, rc, &found, e);
	rc = schema_check(s->db, s->path, e);
	if (rc < 0)
		return rc;
	rc = load(s, &found);
	return rc < 0 ? explain(s, rc, &found, e) : 0;
}

int store_open(const char *path, struct store **out, struct err *e)
{
	struct store *s = calloc(1, sizeof(*s));
	int rc = 0;

	if (!s || !(s->path = strdup(path))) {
		free(s);
		return err_errno(e, ENOMEM, "%s", path);
	}
	pthread_mutex_init(&s->lock, NULL);
	rc = open_file(s, e);
	if (rc < 0) {
		store_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	db_stmt_free(s->insert);
	db_stmt_free(s->set_meta);
	db_close(s->db);
	row_release(&s->row);
	row_release(&s->again);
	pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
}

/* Whether the columns can hold it, and it stands behind all before. */
static int check_act(const struct store *s, const struct act *a, struct err *e)
{
	if (!act_kind_name(a->kind) || a->seq == 0 || a->seq > INT64_MAX ||
		a->case_id > INT64_MAX || a->object > INT64_MAX ||
		(act_begins(a->kind) && a->object == 0) ||
		!memchr(a->boot_id, 0, sizeof(a->boot_id)))
		return err_set(e, EINVAL, "%s: not an act that the catalog can keep", s->path);
	if (a->seq <= s->last)
		return err_set(e, EEXIST, "%s: a later act is in the catalog already", s->path);
	if (a->ns < s->last_ns)
		return err_set(e, EINVAL, "%s: an act from before the newest one", s->path);
	return 0;
}

/* One more act behind @link. */
static int link_act(struct store *s, const struct act *a, struct store_link *link)
{
	struct store_link next = {.seq = a->seq};
	int rc = row_commitment(link, a, &s->again, next.commitment);

	if (rc == 0)
		*link = next;
	return rc;
}

static int append_locked(struct store *s, const struct act *a, struct err *e)
{
	struct err found = {.code = 0};
	int rc = check_act(s, a, e);

	if (rc < 0)
		return rc;
	rc = row_bind(s->insert, a, &s->row);
	if (rc == 0)
		rc = db_run(s->insert, &found);
	if (rc == -EEXIST)
		return err_set(e, EEXIST, "%s: the act's object is not new", s->path);
	if (rc < 0)
		return explain(s, rc, &found, e);
	/* where there is no memory it is made from all rows when it is asked for */
	if (s->newest.seq == s->last)
		(void)link_act(s, a, &s->newest);
	s->last = a->seq;
	s->last_ns = a->ns;
	if (act_begins(a->kind) && a->object > s->object)
		s->object = a->object;
	return 0;
}

static int append_in_one(struct store *s, const struct act *acts, size_t n, struct err *e)
{
	const uint64_t last = s->last;
	const int64_t last_ns = s->last_ns;
	const struct store_link newest = s->newest;
	struct err found = {.code = 0};
	int rc = db_exec(s->db, "BEGIN IMMEDIATE", &found);

	if (rc < 0)
		return explain(s, rc, &found, e);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = append_locked(s, &acts[i], e);
	if (rc == 0) {
		rc = db_exec(s->db, "COMMIT", &found);
		if (rc < 0)
			rc = explain(s, rc, &found, e);
	}
	if (rc < 0) {
		db_exec(s->db, "ROLLBACK", NULL);
		s->last = last;
		s->newest = newest;
		s->last_ns = last_ns; /* ids that were taken stay so */
	}
	return rc;
}

int store_append_all(struct store *s, const struct act *acts, size_t n, struct err *e)
{
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	if (n == 1)
		rc = append_locked(s, acts, e);
	else if (n > 1)
		rc = append_in_one(s, acts, n, e);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int store_append(struct store *s, const struct act *a, struct err *e)
{
	return store_append_all(s, a, 1, e);
}

/* Return: 0; what @each returned, *@ended set; -errno with @found. */
static int each_row(struct store *s, struct db_stmt *q, int64_t until_ns,
	int (*each)(void *ctx, const struct act *a), void *ctx, bool *ended, struct err *found)
{
	const bool linking = s->newest.seq != s->last;
	struct store_link link = {.seq = 0};
	uint64_t seq = 0;
	int64_t ns = INT64_MIN;
	int rc = 0;

	while ((rc = db_step(q, found)) == 1) {
		const struct act *a = &s->row.act;

		rc = row_read(q, &s->row, found);
		if (rc < 0)
			return rc;
		if (a->seq <= seq || a->ns < ns)
			return err_set(found, EBADMSG, "acts are not in order");
		seq = a->seq;
		ns = a->ns;
		if (ns > until_ns)
			return 0;
		if (linking && link_act(s, a, &link) < 0)
			return -ENOMEM;
		rc = each(ctx, a);
		if (rc != 0) {
			*ended = true;
			return rc;
		}
	}
	if (rc == 0 && seq != s->last)
		return err_set(found, EBADMSG, "acts are missing");
	if (rc == 0 && linking)
		s->newest = link;
	return rc;
}

static int each_locked(struct store *s, int64_t until_ns,
	int (*each)(void *ctx, const struct act *a), void *ctx, struct err *e)
{
	struct err found = {.code = 0};
	struct db_stmt *q = NULL;
	bool ended = false;
	int rc = db_prepare(s->db, row_select_sql(), &q, &found);

	if (rc == 0)
		rc = each_row(s, q, until_ns, each, ctx, &ended, &found);
	db_stmt_free(q);
	return rc < 0 && !ended ? explain(s, rc, &found, e) : rc;
}

int store_each(struct store *s, int64_t until_ns, int (*each)(void *ctx, const struct act *a),
	void *ctx, struct err *e)
{
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	rc = each_locked(s, until_ns, each, ctx, e);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int store_commitment(
	const struct store_link *before, const struct act *a, uint8_t out[static AUDIT_COMMITMENT])
{
	struct row r = {.covers = BUF_INIT};
	int rc = row_commitment(before, a, &r, out);

	row_release(&r);
	return rc;
}

static int nothing(void *ctx, const struct act *a)
{
	(void)ctx;
	(void)a;
	return 0;
}

int store_newest(struct store *s, struct store_link *out, struct err *e)
{
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	if (s->newest.seq != s->last)
		rc = each_locked(s, TIME_NEVER, nothing, NULL, e);
	if (rc == 0)
		*out = s->newest;
	pthread_mutex_unlock(&s->lock);
	return rc;
}

uint64_t store_last(struct store *s)
{
	uint64_t last = 0;

	pthread_mutex_lock(&s->lock);
	last = s->last;
	pthread_mutex_unlock(&s->lock);
	return last;
}

/* With the lock. A number of meta, which only grows. */
static int raise_meta(struct store *s, const char *key, int64_t value, struct err *e)
{
	struct err found = {.code = 0};
	int rc = 0;

	db_bind_int(s->set_meta, 1, value);
	db_bind_text(s->set_meta, 2, key);
	rc = db_run(s->set_meta, &found);
	return rc < 0 ? explain(s, rc, &found, e) : 0;
}

uint64_t store_next_objects(struct store *s, size_t n)
{
	uint64_t next = 0;

	pthread_mutex_lock(&s->lock);
	if (n > 0 && n <= INT64_MAX - s->object &&
		raise_meta(s, "object", (int64_t)(s->object + n), NULL) == 0) {
		next = s->object + 1;
		s->object += n;
	}
	pthread_mutex_unlock(&s->lock);
	return next;
}

uint64_t store_next_object(struct store *s)
{
	return store_next_objects(s, 1);
}

int store_boot(struct store *s, const char *boot_id, struct store_boot *out, struct err *e)
{
	struct err found = {.code = 0};
	struct db_stmt *q = NULL;
	struct store_boot b = {.real_ns = 0};
	int rc = 0;

	if (strlen(boot_id) >= sizeof(b.boot_id))
		return err_set(e, EINVAL, "%s: not the id of a boot", boot_id);
	pthread_mutex_lock(&s->lock);
	rc = db_prepare(s->db, "SELECT real_ns, boot_ns FROM boots WHERE boot_id=?1", &q, &found);
	if (rc == 0) {
		db_bind_text(q, 1, boot_id);
		rc = db_step(q, &found);
	}
	if (rc == 1) {
		strcpy(b.boot_id, boot_id);
		b.real_ns = db_int(q, 0);
		b.boot_ns = db_int(q, 1);
		*out = b;
	}
	db_stmt_free(q);
	pthread_mutex_unlock(&s->lock);
	if (rc == 0)
		return err_set(e, ENOENT, "%s: boot %s was not seen", s->path, boot_id);
	return rc < 0 ? explain(s, rc, &found, e) : 0;
}

int store_boot_add(struct store *s, const struct store_boot *b, struct err *e)
{
	struct err found = {.code = 0};
	struct db_stmt *q = NULL;
	int rc = 0;

	if (!memchr(b->boot_id, 0, sizeof(b->boot_id)))
		return err_set(e, EINVAL, "%s: not the id of a boot", s->path);
	pthread_mutex_lock(&s->lock);
	rc = db_prepare(s->db, "INSERT INTO boots(boot_id, real_ns, boot_ns) VALUES(?1, ?2, ?3)",
		&q, &found);
	if (rc == 0) {
		db_bind_text(q, 1, b->boot_id);
		db_bind_int(q, 2, b->real_ns);
		db_bind_int(q, 3, b->boot_ns);
		rc = db_run(q, &found);
	}
	db_stmt_free(q);
	pthread_mutex_unlock(&s->lock);
	if (rc == -EEXIST)
		return err_set(e, EEXIST, "%s: boot %s was seen before", s->path, b->boot_id);
	return rc < 0 ? explain(s, rc, &found, e) : 0;
}

int store_highest_time(struct store *s, int64_t *ns, struct err *e)
{
	(void)e;
	pthread_mutex_lock(&s->lock);
	*ns = s->last_ns > s->highest ? s->last_ns : s->highest;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

int store_raise_time(struct store *s, int64_t ns, struct err *e)
{
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	if (ns > s->highest) {
		rc = raise_meta(s, "highest_time", ns, e);
		if (rc == 0)
			s->highest = ns;
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

uint64_t store_checked(struct store *s)
{
	uint64_t seq = 0;

	pthread_mutex_lock(&s->lock);
	seq = s->checked;
	pthread_mutex_unlock(&s->lock);
	return seq;
}

int store_raise_checked(struct store *s, uint64_t seq, struct err *e)
{
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	if (seq > s->checked && seq <= INT64_MAX) {
		rc = raise_meta(s, "checked", (int64_t)seq, e);
		if (rc == 0)
			s->checked = seq;
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}
