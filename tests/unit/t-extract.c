/* SPDX-License-Identifier: Apache-2.0 */
/* t-extract.c - a log of which only some records are given in full is checked, and asked, like
 * the log itself. */
#include "tap.h"

#include "audit-help.h"

#include <time.h>

#include "audit/extract.h"
#include "audit/query.h"
#include "audit/verify.h"

#define FILES 3000
#define CASE  7

static void put_file(struct audit_log *l, uint64_t case_id, unsigned reads)
{
	struct audit_event open = event_open("/bin/cat");
	struct audit_event ev;

	open.case_id = case_id;
	if (audit_append(l, &open) < 0)
		bail_out("append");
	for (unsigned i = 0; i < reads; i++) {
		ev = event_read(open.seq, i * UINT64_C(4096));
		if (audit_append(l, &ev) < 0)
			bail_out("append");
	}
}

/* Cases by turns, with runs of others between that are of every length. */
static void make_log(const char *dir)
{
	struct audit_log *l = NULL;
	struct err e = {.code = 0};

	must_open(dir, &l);
	if (audit_seal(l, NULL, NULL, &e) < 0)
		bail_out(e.text);
	for (unsigned i = 0; i < FILES; i++) {
		struct audit_event act = event_open("/bin/ev");

		put_file(l, i * 2654435761u >> 28 == 3 ? CASE : 1 + i % 5, i % 7);
		act.type = AUDIT_GRANT;
		act.case_id = 1 + i % 9;
		if (i % 500 == 0 && audit_append_act(l, &act) < 0)
			bail_out("append");
	}
	audit_close(l);
}

/* ---- where it goes -------------------------------------------------------------------- */

struct to {
	const char *dir;
	uint64_t given; /* records of the case that were asked for */
};

static bool wanted(void *ctx, const struct audit_event *ev)
{
	struct to *t = ctx;

	t->given += ev->case_id == CASE;
	return ev->case_id == CASE;
}

static int put(void *ctx, const char *file, const void *p, size_t n)
{
	const struct to *t = ctx;
	char path[PATH_MAX];
	int fd = -1;
	ssize_t done = 0;

	mkdir(t->dir, 0700);
	snprintf(path, sizeof(path), "%s/%s", t->dir, file);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	done = fd < 0 ? -1 : write(fd, p, n);
	if (fd >= 0)
		close(fd);
	return done == (ssize_t)n ? 0 : -EIO;
}

static enum verdict verdict(const char *dir, const struct verify_text *anchor)
{
	const struct verify_opts o = {.anchors = anchor, .anchors_n = anchor ? 1 : 0};
	struct err e = {.code = 0};
	enum verdict v = audit_verify(dir, &o, &e);

	if (e.code)
		diag("%s", e.text);
	return v;
}

/* ---- asked ------------------------------------------------------------------------------ */

struct seen {
	struct audit_event v[FILES * 8];
	struct query_sum sums[FILES * 8];
	size_t n;
};

static int on_row(void *ctx, struct audit_event *ev, const struct query_sum *sum)
{
	struct seen *s = ctx;

	if (s->n == FILES * 8)
		return -E2BIG;
	s->v[s->n] = *ev;
	s->sums[s->n++] = sum ? *sum : (struct query_sum){.reads = 0};
	return 0;
}

static struct seen *ask(const char *log, bool reads)
{
	struct query_filter f = {.reads = reads,
		.since_ns = INT64_MIN,
		.until_ns = INT64_MAX,
		.uid = -1,
		.case_id = CASE,
		.upto = UINT64_MAX};
	struct seen *s = calloc(1, sizeof(*s));
	struct query *q = NULL;
	struct err e = {.code = 0};

	if (!s || query_open(NULL, log, &q, &e) < 0 ||
		query_follow(q, UINT64_MAX, NULL, NULL, &e) < 0 ||
		query_each(q, &f, on_row, s, &e) < 0)
		bail_out(e.text);
	query_close(q);
	return s;
}

static void same_answers(const char *log, const char *extract, bool reads, const char *what)
{
	struct seen *a = ask(log, reads);
	struct seen *b = ask(extract, reads);
	bool same = a->n == b->n && a->n > 100;

	for (size_t i = 0; same && i < a->n; i++)
		same = a->v[i].seq == b->v[i].seq && a->v[i].type == b->v[i].type &&
		       a->v[i].time_ns == b->v[i].time_ns && a->v[i].trace == b->v[i].trace &&
		       !strcmp(a->v[i].exe, b->v[i].exe) && a->sums[i].reads == b->sums[i].reads &&
		       a->sums[i].bytes == b->sums[i].bytes;
	ok(same, "%s (%d rows)", what, (int)a->n);
	free(a);
	free(b);
}

int main(void)
{
	struct place at;
	char dir[128];
	char note[NOTE_MAX];
	struct verify_text anchor = {"anchor", note};
	struct to to = {.dir = dir};
	const struct extract_to x = {.wanted = wanted, .put = put, .ctx = &to};
	struct extract_sums sums = {0};
	struct err e = {.code = 0};
	struct stat st;
	size_t n = 0;
	uint8_t *data = NULL;

	place_make(&at);
	snprintf(dir, sizeof(dir), "%s/extract", at.top);
	make_log(at.log);
	is_int(audit_extract(at.log, &x, &sums, &e), 0, "an extract is made");
	ok(sums.whole > to.given && sums.whole < sums.records / 4, "%d of %d records are in full",
		(int)sums.whole, (int)sums.records);
	is_int(verdict(at.log, NULL), VERDICT_INTACT, "the log is intact");
	is_int(verdict(dir, NULL), VERDICT_INTACT, "so is the extract");
	if (audit_newest(at.log, note, &e) < 0)
		bail_out(e.text);
	is_int(verdict(dir, &anchor), VERDICT_COMPLETE, "and complete up to the log's checkpoint");
	same_answers(at.log, dir, false, "it answers about the case like the log");
	same_answers(at.log, dir, true, "and every read");
	data = load_file(dir, SEGMENT_ONE, &n);
	ok(stat(dir, &st) == 0 && n > 4096, "it has a segment");
	data[n / 2] ^= 1;
	store_file(dir, SEGMENT_ONE, data, n);
	is_int(verdict(dir, NULL), VERDICT_TAMPERED, "a bit in it that was changed is found");
	free(data);
	place_remove(&at);
	return done_testing();
}
