/* SPDX-License-Identifier: Apache-2.0 */
/* t-acts.c - rows of a catalog that are not what the log recorded are found, whatever was changed
 * in them: each field of each kind, rows that were removed, added, moved. */
#include "tap.h"

#include "act-help.h"
#include "audit-help.h"
#include "catalog/store.h"
#include "control/acts.h"

#define KINDS  ((size_t)ACT_KIND_MAX)
#define FIELDS 52 /* changes that change() makes */

/* A log and the acts that were recorded in it. */
struct world {
	struct place at;
	char db[96];
	struct audit_log *log;
	uint64_t end;
	struct act acts[ACT_KIND_MAX];
	uint64_t last_start; /* a START that knew of no act behind the last */
};

static void must(int rc, const char *what)
{
	if (rc < 0)
		bail_out(what);
}

static void record(struct world *w, enum audit_type type, struct act *a, struct store_link *before)
{
	struct audit_event ev = {.type = type,
		.decision = AUDIT_ALLOWED,
		.object = a->object,
		.length = a->kind,
		.loginuid = AUDIT_NO_LOGINUID};

	must(store_commitment(before, a, ev.commitment), "commitment");
	must(audit_append(w->log, &ev), "append");
	a->seq = before->seq = ev.seq;
	memcpy(before->commitment, ev.commitment, sizeof(ev.commitment));
}

/* Something that is no act, between acts. */
static uint64_t record_other(struct world *w, enum audit_type type, uint64_t policy)
{
	struct audit_event ev = event_open("/bin/cat");

	ev.type = type;
	ev.policy = policy;
	must(audit_append(w->log, &ev), "append");
	return ev.seq;
}

static void world_make(struct world *w)
{
	struct store_link before = {.seq = 0};
	struct err e = {.code = 0};

	place_make(&w->at);
	snprintf(w->db, sizeof(w->db), "%s/catalog.db", w->at.top);
	if (audit_open(w->at.log, &w->log, &e) < 0)
		bail_out(e.text);
	for (size_t i = 0; i < KINDS; i++) {
		record_other(w, AUDIT_OPEN, before.seq);
		record_other(w, AUDIT_OPEN, before.seq);
		w->acts[i] = act_full((enum act_kind)(i + 1));
		w->acts[i].ns = (int64_t)(i + 1) * 1000;
		w->acts[i].object = i >= ACT_CASE_OWNER - 1 && i < ACT_CASE_CLOSE ? 0 : 10 + i;
		record(w, AUDIT_GRANT, &w->acts[i], &before);
	}
	w->last_start = record_other(w, AUDIT_START, before.seq);
	record_other(w, AUDIT_OPEN, before.seq);
	w->end = audit_size(w->log);
}

static void world_end(struct world *w)
{
	audit_close(w->log);
	for (size_t i = 0; i < KINDS; i++)
		act_release(&w->acts[i]);
	place_remove(&w->at);
}

/* A catalog of its own with just these acts. */
static struct store *catalog_of(const struct world *w, const struct act *acts, size_t n)
{
	struct store *s = NULL;
	struct err e = {.code = 0};

	unlink(w->db);
	if (store_open(w->db, &s, &e) < 0 || store_append_all(s, acts, n, &e) < 0)
		bail_out(e.text);
	store_close(s);
	s = NULL;
	if (store_open(w->db, &s, &e) < 0)
		bail_out(e.text);
	return s;
}

static int check_acts(
	const struct world *w, const struct act *acts, size_t n, uint64_t *from, struct err *e)
{
	struct store *s = catalog_of(w, acts, n);
	int rc = acts_check(w->at.log, w->end, s, from, e);

	store_close(s);
	return rc;
}

/* ---- every field ------------------------------------------------------------------------- */

static char other_text[] = "another";

/* Change field @n of @a, which shares its texts. Return: false there is no such field. */
static bool change(struct act *a, size_t n)
{
	char **const texts[] = {&a->by_name, &a->who.typed, &a->who.name, &a->name, &a->title,
		&a->reason, &a->path, &a->image, &a->dir, &a->types, &a->basis, &a->text};
	uint8_t *const hashes[] = {
		a->secret, a->digest, a->totals.md5, a->totals.sha1, a->totals.sha256};
	bool *const flags[] = {&a->future, &a->totals.known, &a->totals.mismatch_accepted,
		&a->matched, &a->with_members};
	const size_t texts_n = sizeof(texts) / sizeof(*texts);
	const size_t hashes_n = sizeof(hashes) / sizeof(*hashes);
	const size_t flags_n = sizeof(flags) / sizeof(*flags);

	if (n < texts_n) {
		*texts[n] = other_text;
		return true;
	}
	n -= texts_n;
	if (n < texts_n) {
		*texts[n] = NULL;
		return true;
	}
	n -= texts_n;
	if (n < hashes_n) {
		hashes[n][3] ^= 1;
		return true;
	}
	n -= hashes_n;
	if (n < flags_n) {
		*flags[n] = !*flags[n];
		return true;
	}
	switch (n - flags_n) {
	case 0:
		a->ns++;
		return true;
	case 1:
		a->boot_ns--;
		return true;
	case 2:
		a->boot_id[0] ^= 1;
		return true;
	case 3:
		a->by_uid--;
		return true;
	case 4:
		if (a->object == 0)
			a->kind = a->kind == ACT_CASE_CLOSE ? ACT_CASE_OWNER : ACT_CASE_CLOSE;
		else
			a->kind = a->kind == ACT_GRANT ? ACT_EXCLUDE : ACT_GRANT;
		return true;
	case 5:
		a->case_id++;
		return true;
	case 6:
		a->object += 1000;
		return true;
	case 7:
		a->who.kind = SUBJECT_USER;
		return true;
	case 8:
		a->who.id ^= 1;
		return true;
	case 9:
		a->rights ^= RIGHT_PRIVILEGED;
		return true;
	case 10:
		a->from_ns++;
		return true;
	case 11:
		a->until_ns--;
		return true;
	case 12:
		a->covers_n--;
		return true;
	case 13:
		a->idle_days--;
		return true;
	case 14:
		a->trace--;
		return true;
	case 15:
		a->inode--;
		return true;
	case 16:
		a->mark_state = MARK_SUSPECTED;
		return true;
	case 17:
		a->mark_origin = MARK_BY_USER;
		return true;
	default:
		return false;
	}
}

static void test_fields(const struct world *w)
{
	char name[120];

	for (size_t i = 0; i < KINDS; i++) {
		size_t found = 0;
		size_t n = 0;

		for (; n < 2 * FIELDS; n++) {
			struct act acts[ACT_KIND_MAX];
			struct err e = {.code = 0};
			uint64_t from = 0;
			char want[40];

			memcpy(acts, w->acts, sizeof(acts));
			if (!change(&acts[i], n))
				break;
			snprintf(want, sizeof(want), "record %llu is not",
				(unsigned long long)acts[i].seq);
			if (check_acts(w, acts, KINDS, &from, &e) == -EBADMSG &&
				strstr(e.text, want))
				found++;
			else
				diag("field %zu of kind %zu: %s", n, i + 1, e.text);
		}
		snprintf(name, sizeof(name), "%s: each field that was changed is found",
			act_kind_name((enum act_kind)(i + 1)));
		ok(n == FIELDS && found == n, "%s", name);
	}
}

/* ---- whole rows -------------------------------------------------------------------------- */

static void is_found(
	const struct world *w, const struct act *acts, size_t n, const char *text, const char *name)
{
	struct err e = {.code = 0};
	uint64_t from = 0;

	is_int(check_acts(w, acts, n, &from, &e), -EBADMSG, name);
	ok(strstr(e.text, text) && strstr(e.text, "backup"), "told: %s", e.text);
}

static void test_rows(const struct world *w)
{
	struct act acts[ACT_KIND_MAX + 1];
	struct err e = {.code = 0};
	uint64_t from = 0;

	is_int(check_acts(w, w->acts, KINDS, &from, &e), 0, "rows as they were recorded are taken");
	ok(from == w->acts[KINDS - 1].seq + 1, "what is behind the newest is looked at");
	for (size_t i = 0; i < KINDS - 1; i += 5) {
		char text[40];

		memcpy(acts, w->acts, i * sizeof(*acts));
		memcpy(acts + i, w->acts + i + 1, (KINDS - 1 - i) * sizeof(*acts));
		snprintf(text, sizeof(text), "lacks the act of record %llu",
			(unsigned long long)w->acts[i].seq);
		is_found(w, acts, KINDS - 1, text, "a row that was removed is found");
	}
	memcpy(acts, w->acts, sizeof(w->acts));
	acts[4].seq = w->acts[5].seq;
	acts[5].seq = w->acts[4].seq;
	acts[4].ns = w->acts[5].ns;
	acts[5].ns = w->acts[4].ns;
	{
		struct act t = acts[4];

		acts[4] = acts[5];
		acts[5] = t;
	}
	is_found(w, acts, KINDS, "is not what was recorded", "rows that changed places are found");
	memcpy(acts, w->acts, sizeof(w->acts));
	acts[6].seq--;
	is_found(w, acts, KINDS, "the log has none there", "a row under another number is found");
	memcpy(acts, w->acts, sizeof(w->acts));
	acts[KINDS - 1].seq++;
	is_found(w, acts, KINDS, "the log has none there", "also of the newest");
	memcpy(acts, w->acts, sizeof(w->acts));
	acts[KINDS] = w->acts[8];
	acts[KINDS].seq = w->acts[KINDS - 1].seq + 2;
	acts[KINDS].ns = w->acts[KINDS - 1].ns;
	acts[KINDS].object = 5000;
	is_found(w, acts, KINDS + 1, "the log has none there", "a row that was added is found");
	acts[KINDS].seq = w->end + 1;
	is_found(w, acts, KINDS + 1, "do not belong together", "also behind the end of the log");
}

/* ---- acts without a row ------------------------------------------------------------------ */

static int lost_behind(const struct world *w, uint64_t from, size_t *n, struct err *e)
{
	struct acts_lost l = {.n = 0};
	int rc = acts_find_lost(w->at.log, from, audit_size(w->log), &l, e);

	*n = l.n;
	acts_lost_release(&l);
	return rc;
}

static void test_newest_removed(const struct world *w)
{
	struct err e = {.code = 0};
	uint64_t from = 0;
	size_t n = 0;

	is_int(check_acts(w, w->acts, KINDS - 1, &from, &e), 0, "rows but the newest agree");
	is_int(lost_behind(w, from, &n, &e), -EBADMSG, "the newest is missed all the same");
	ok(strstr(e.text, "acts that the catalog lacks (1)"), "told: %s", e.text);
	is_int(check_acts(w, w->acts, 0, &from, &e), 0, "an empty catalog has no row to compare");
	is_int(lost_behind(w, from, &n, &e), -EBADMSG, "all are missed");
}

/* How far was looked is believed only when the record there says so. */
static void test_checked(struct world *w)
{
	struct store *s = catalog_of(w, w->acts, KINDS);
	struct err e = {.code = 0};
	uint64_t from = 0;
	size_t n = 1;

	must(store_raise_checked(s, w->last_start - 1, &e), "raise");
	acts_check(w->at.log, w->end, s, &from, &e);
	ok(from == w->acts[KINDS - 1].seq + 1, "a number within the acts says nothing");
	must(store_raise_checked(s, w->last_start, &e), "raise");
	is_int(acts_check(w->at.log, w->end, s, &from, &e), 0, "a service began behind all acts");
	ok(from == w->last_start + 1, "what is behind that is looked at");
	is_int(lost_behind(w, from, &n, &e), 0, "nothing is there");
	store_close(s);
	s = catalog_of(w, w->acts, KINDS - 2);
	must(store_raise_checked(s, w->last_start, &e), "raise");
	is_int(acts_check(w->at.log, w->end, s, &from, &e), 0, "rows but two agree");
	ok(from == w->acts[KINDS - 3].seq + 1, "a START that knew of more is not believed");
	must(store_raise_checked(s, w->end, &e), "raise");
	acts_check(w->at.log, w->end, s, &from, &e);
	ok(from == w->acts[KINDS - 3].seq + 1, "nor a record that is none");
	store_close(s);
}

/* An act that was never answered, and one that was voided. */
static void test_unanswered(struct world *w)
{
	struct store_link before = {.seq = w->acts[KINDS - 1].seq};
	struct audit_event loss = {.type = AUDIT_LOSS, .decision = AUDIT_ALLOWED};
	struct act a = act_full(ACT_MARK);
	struct err e = {.code = 0};
	size_t n = 0;

	record(w, AUDIT_MARK, &a, &before);
	is_int(lost_behind(w, w->end + 1, &n, &e), 0, "one act without a row was never answered");
	is_int((long long)n, 1, "it is found");
	loss.object = a.seq;
	must(audit_append(w->log, &loss), "append");
	is_int(lost_behind(w, w->end + 1, &n, &e), 0, "once it is void");
	is_int((long long)n, 0, "it is not any more");
	act_release(&a);
}

int main(void)
{
	static struct world w;

	world_make(&w);
	test_rows(&w);
	test_fields(&w);
	test_newest_removed(&w);
	test_checked(&w);
	test_unanswered(&w);
	world_end(&w);
	return done_testing();
}
