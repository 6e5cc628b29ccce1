/* SPDX-License-Identifier: Apache-2.0 */
/* row.c - an act as a row of the table acts; see row.h. */
#include "catalog/row.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/crc32c.h"

/* In the order of both statements and of docs/FORMAT.catalog.md. */
enum {
	SEQ,
	SECRET,
	NS,
	BOOT_NS,
	BOOT_ID,
	BY_UID,
	BY_NAME,
	KIND,
	CASE_ID,
	OBJECT,
	WHO_KIND,
	WHO_TYPED,
	WHO_NAME,
	WHO_ID,
	NAME,
	TITLE,
	REASON,
	PATH,
	RIGHTS,
	FUTURE,
	FROM_NS,
	UNTIL_NS,
	COVERS,
	IMAGE,
	DIR,
	TYPES,
	DIGEST,
	MD5,
	SHA1,
	SHA256,
	TOTALS,
	MISMATCH_ACCEPTED,
	MATCHED,
	IDLE_DAYS,
	TRACE,
	INODE,
	MARK_STATE,
	MARK_ORIGIN,
	WITH_MEMBERS,
	BASIS,
	TEXT,
	SUM,
	COLUMNS_N
};

#define COLUMNS                                                                                    \
	"seq, secret, ns, boot_ns, boot_id, by_uid, by_name, kind, case_id, object, who_kind, "    \
	"who_typed, "                                                                              \
	"who_name, who_id, name, title, reason, path, rights, future, from_ns, until_ns, covers, " \
	"image, dir, types, digest, md5, sha1, sha256, totals, mismatch_accepted, matched, "       \
	"idle_days, trace, inode, mark_state, mark_origin, with_members, basis, text, sum"

const char *row_insert_sql(void)
{
	_Static_assert(COLUMNS_N == 42, "a place for each");
	return "INSERT INTO acts(" COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,"
	       "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
}

const char *row_select_sql(void)
{
	return "SELECT " COLUMNS " FROM acts ORDER BY seq";
}

/* Texts, in the order of their columns. */
#define TEXTS 12
static const int text_columns[TEXTS] = {
	BY_NAME, WHO_TYPED, WHO_NAME, NAME, TITLE, REASON, PATH, IMAGE, DIR, TYPES, BASIS, TEXT};

static void text_fields(struct act *a, char **fields[static TEXTS])
{
	char **const all[TEXTS] = {&a->by_name, &a->who.typed, &a->who.name, &a->name, &a->title,
		&a->reason, &a->path, &a->image, &a->dir, &a->types, &a->basis, &a->text};

	memcpy(fields, all, sizeof(all));
}

/* The secret and the sums of evidence, in the order of their columns. */
#define HASHES 5
struct hash_field {
	int column;
	uint8_t *p;
	size_t n;
};

static void hash_fields(struct act *a, struct hash_field fields[static HASHES])
{
	fields[0] = (struct hash_field){SECRET, a->secret, sizeof(a->secret)};
	fields[1] = (struct hash_field){DIGEST, a->digest, sizeof(a->digest)};
	fields[2] = (struct hash_field){MD5, a->totals.md5, sizeof(a->totals.md5)};
	fields[3] = (struct hash_field){SHA1, a->totals.sha1, sizeof(a->totals.sha1)};
	fields[4] = (struct hash_field){SHA256, a->totals.sha256, sizeof(a->totals.sha256)};
}

/* Numbers, in the order of their columns. */
#define NUMBERS 23
struct number {
	int column;
	int64_t v;
};

static void numbers_of(const struct act *a, struct number out[static NUMBERS])
{
	const struct number all[NUMBERS] = {{SEQ, (int64_t)a->seq}, {NS, a->ns},
		{BOOT_NS, a->boot_ns}, {BY_UID, a->by_uid}, {KIND, (int64_t)a->kind},
		{CASE_ID, (int64_t)a->case_id}, {OBJECT, (int64_t)a->object},
		{WHO_KIND, (int64_t)a->who.kind}, {WHO_ID, a->who.id}, {RIGHTS, a->rights},
		{FUTURE, a->future}, {FROM_NS, a->from_ns}, {UNTIL_NS, a->until_ns},
		{TOTALS, a->totals.known}, {MISMATCH_ACCEPTED, a->totals.mismatch_accepted},
		{MATCHED, a->matched}, {IDLE_DAYS, a->idle_days}, {TRACE, (int64_t)a->trace},
		{INODE, (int64_t)a->inode}, {MARK_STATE, (int64_t)a->mark_state},
		{MARK_ORIGIN, (int64_t)a->mark_origin}, {WITH_MEMBERS, a->with_members},
		{COLUMNS_N, 0}};

	memcpy(out, all, sizeof(all));
}

static bool all_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

static void put_bytes(struct buf *b, const void *p, size_t n)
{
	buf_put_u8(b, p != NULL);
	if (!p)
		return;
	buf_put_u64(b, n);
	buf_put(b, p, n);
}

/* The fields as the sum is over them: column by column. @covers: as stored. */
static int put_fields(struct act *a, const struct buf *covers, struct buf *b)
{
	struct number numbers[NUMBERS];
	char **texts[TEXTS];
	struct hash_field hashes[HASHES];
	size_t number = 0;
	size_t text = 0;
	size_t hash = 0;

	numbers_of(a, numbers);
	text_fields(a, texts);
	hash_fields(a, hashes);
	buf_reset(b);
	for (int c = SEQ; c < SUM; c++) {
		if (numbers[number].column == c) {
			buf_put_u64(b, (uint64_t)numbers[number++].v);
		} else if (text < TEXTS && text_columns[text] == c) {
			const char *t = *texts[text++];

			put_bytes(b, t, t ? strlen(t) : 0);
		} else if (hash < HASHES && hashes[hash].column == c) {
			buf_put(b, hashes[hash].p, hashes[hash].n);
			hash++;
		} else if (c == BOOT_ID) {
			put_bytes(b, a->boot_id, strlen(a->boot_id));
		} else {
			put_bytes(b, covers->len ? covers->data : NULL, covers->len);
		}
	}
	return b->error;
}

static int sum_of(struct act *a, const struct buf *covers, struct buf *b, uint32_t *sum)
{
	int rc = put_fields(a, covers, b);

	if (rc == 0)
		*sum = crc32c(0, b->data, b->len);
	return rc;
}

static int put_covers(const struct act *a, struct buf *b)
{
	buf_reset(b);
	for (size_t i = 0; i < a->covers_n; i++)
		buf_put_u64(b, a->covers[i]);
	return b->error;
}

/* What the act before is known by takes the place of the columns seq and secret. */
int row_commitment(const struct store_link *before, const struct act *from, struct row *r,
	uint8_t out[static AUDIT_COMMITMENT])
{
	const uint64_t seq = htole64(before->seq);
	struct act a = *from; /* shares what it points to */
	uint8_t salt[COMMIT_SALT];
	int rc = put_covers(&a, &r->covers);

	_Static_assert(COMMIT_SECRET == AUDIT_COMMITMENT, "they take each other's place");

	if (rc == 0)
		rc = put_fields(&a, &r->covers, &r->sum);
	if (rc < 0)
		return rc;
	memcpy(r->sum.data, &seq, sizeof(seq));
	memcpy(r->sum.data + sizeof(seq), before->commitment, AUDIT_COMMITMENT);
	commit_act_salt(a.secret, salt);
	commit(salt, r->sum.data, r->sum.len, out);
	return 0;
}

static void bind_bytes(struct db_stmt *s, int c, const void *p, size_t n)
{
	if (p)
		db_bind_blob(s, c + 1, p, n);
	else
		db_bind_null(s, c + 1);
}

int row_bind(struct db_stmt *s, const struct act *from, struct row *r)
{
	struct act a = *from; /* shares what it points to */
	struct number numbers[NUMBERS];
	char **texts[TEXTS];
	struct hash_field hashes[HASHES];
	uint32_t sum = 0;
	int rc = put_covers(&a, &r->covers);

	if (rc == 0)
		rc = sum_of(&a, &r->covers, &r->sum, &sum);
	if (rc < 0)
		return rc;
	numbers_of(&a, numbers);
	for (size_t i = 0; numbers[i].column < COLUMNS_N; i++)
		db_bind_int(s, numbers[i].column + 1, numbers[i].v);
	text_fields(&a, texts);
	for (size_t i = 0; i < TEXTS; i++)
		bind_bytes(s, text_columns[i], *texts[i], *texts[i] ? strlen(*texts[i]) : 0);
	/* @a ends before the statement is run: bind what @from has */
	hash_fields(&a, hashes);
	for (size_t i = 0; i < HASHES; i++) {
		const uint8_t *p = (const uint8_t *)from + (hashes[i].p - (uint8_t *)&a);

		bind_bytes(s, hashes[i].column, all_zero(p, hashes[i].n) ? NULL : p, hashes[i].n);
	}
	db_bind_text(s, BOOT_ID + 1, from->boot_id);
	bind_bytes(s, COVERS, r->covers.len ? r->covers.data : NULL, r->covers.len);
	db_bind_int(s, SUM + 1, sum);
	return 0;
}

static void read_numbers(struct db_stmt *s, struct act *a)
{
	*a = (struct act){.seq = (uint64_t)db_int(s, SEQ),
		.ns = db_int(s, NS),
		.boot_ns = db_int(s, BOOT_NS),
		.by_uid = (uid_t)db_int(s, BY_UID),
		.kind = (enum act_kind)db_int(s, KIND),
		.case_id = (uint64_t)db_int(s, CASE_ID),
		.object = (uint64_t)db_int(s, OBJECT),
		.who = {.kind = (enum subject_kind)db_int(s, WHO_KIND),
			.id = (uint32_t)db_int(s, WHO_ID)},
		.rights = (unsigned)db_int(s, RIGHTS),
		.future = db_int(s, FUTURE) != 0,
		.from_ns = db_int(s, FROM_NS),
		.until_ns = db_int(s, UNTIL_NS),
		.totals = {.known = db_int(s, TOTALS) != 0,
			.mismatch_accepted = db_int(s, MISMATCH_ACCEPTED) != 0},
		.matched = db_int(s, MATCHED) != 0,
		.idle_days = (uint32_t)db_int(s, IDLE_DAYS),
		.trace = (uint64_t)db_int(s, TRACE),
		.inode = (uint64_t)db_int(s, INODE),
		.mark_state = (enum mark_state)db_int(s, MARK_STATE),
		.mark_origin = (enum mark_origin)db_int(s, MARK_ORIGIN),
		.with_members = db_int(s, WITH_MEMBERS) != 0};
}

/* Texts go into one buffer, which may move while it grows. Return: 0; -EBADMSG; -ENOMEM. */
static int read_texts(struct db_stmt *s, struct row *r)
{
	char **texts[TEXTS];
	size_t at[TEXTS] = {0};

	buf_reset(&r->text);
	for (size_t i = 0; i < TEXTS; i++) {
		size_t n = 0;
		const void *p = db_blob(s, text_columns[i], &n);

		at[i] = r->text.len;
		if (n > 0 && memchr(p, 0, n))
			return -EBADMSG;
		if (n > 0)
			buf_put(&r->text, p, n);
		buf_put_u8(&r->text, 0);
	}
	if (r->text.error)
		return r->text.error;
	text_fields(&r->act, texts);
	for (size_t i = 0; i < TEXTS; i++)
		if (!db_is_null(s, text_columns[i]))
			*texts[i] = (char *)r->text.data + at[i];
	return 0;
}

static int read_fixed(struct db_stmt *s, struct act *a)
{
	struct hash_field hashes[HASHES];
	const char *boot_id = db_text(s, BOOT_ID);

	if (strlen(boot_id) >= sizeof(a->boot_id))
		return -EBADMSG;
	strcpy(a->boot_id, boot_id);
	hash_fields(a, hashes);
	for (size_t i = 0; i < HASHES; i++) {
		size_t n = 0;
		const void *p = db_blob(s, hashes[i].column, &n);

		if (db_is_null(s, hashes[i].column))
			continue;
		if (n != hashes[i].n)
			return -EBADMSG;
		memcpy(hashes[i].p, p, n);
	}
	return 0;
}

/* @stored: the bytes as they are in the row, for the sum. */
static int read_covers(struct db_stmt *s, struct row *r, struct buf *stored)
{
	size_t n = 0;
	const void *p = db_blob(s, COVERS, &n);
	uint64_t *v = NULL;

	if (n % sizeof(uint64_t) != 0)
		return -EBADMSG;
	*stored = (struct buf){.data = NULL};
	if (n == 0)
		return 0;
	/* twice: as stored, and as numbers of this machine */
	buf_reset(&r->covers);
	buf_put(&r->covers, p, n);
	buf_put(&r->covers, p, n);
	if (r->covers.error)
		return r->covers.error;
	*stored = (struct buf){.data = r->covers.data + n, .len = n};
	v = (uint64_t *)(void *)r->covers.data; /* malloc()ed, and so aligned */
	for (size_t i = 0; i < n / sizeof(*v); i++)
		v[i] = le64toh(v[i]);
	r->act.covers = v;
	r->act.covers_n = n / sizeof(*v);
	return 0;
}

int row_read(struct db_stmt *s, struct row *r, struct err *e)
{
	struct buf stored = BUF_INIT;
	uint32_t sum = 0;
	int rc = 0;

	read_numbers(s, &r->act);
	rc = read_texts(s, r);
	if (rc == 0)
		rc = read_fixed(s, &r->act);
	if (rc == 0)
		rc = read_covers(s, r, &stored);
	if (rc == 0)
		rc = sum_of(&r->act, &stored, &r->sum, &sum);
	if (rc == 0 && (int64_t)sum != db_int(s, SUM))
		rc = -EBADMSG;
	if (rc == -EBADMSG)
		return err_set(e, EBADMSG, "act %" PRIu64 " is damaged", r->act.seq);
	return rc < 0 ? err_errno(e, -rc, "act %" PRIu64, r->act.seq) : 0;
}

void row_release(struct row *r)
{
	buf_release(&r->text);
	buf_release(&r->covers);
	buf_release(&r->sum);
}
