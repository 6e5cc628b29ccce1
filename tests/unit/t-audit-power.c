/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t-audit-power.c - the access log after a power cut, at any moment and with any loss
 *
 * A log is written, sealed, ended and taken up again on a disk that notes all of it
 * (disk.h). Then, seed by seed, the power is cut at some moment, what may be left is made,
 * and the log is opened again as at a start; of some of these the power is cut again
 * while it is taken up. Each time: what was promised to be safe is there, byte by byte;
 * what is lost is named by a DISCONTINUITY, what is torn is kept; what was sealed is
 * complete, and what was not there any more is never called so.
 *
 * EVIDENCEFS_SEEDS: how many (3000); EVIDENCEFS_SEED: that one only.
 */
#include "tap.h"

#include "audit-help.h"
#include "disk.h"

#include <dirent.h>
#include <inttypes.h>
#include <time.h>

#include "audit/log_private.h"
#include "audit/reader_private.h"
#include "audit/tree.h"
#include "audit/verify.h"

#define SEGMENT    (16 * 1024) /* so that there are several */
#define HASH       TREE_HASH
#define AGAIN      4   /* of so many, one is cut a second time */
#define BY_PYTHON  400 /* of so many, one is looked at by the other verifier too */
#define TEXT       512
#define FIRST_SEED 1

enum mark_kind { OPENING, OPENED, WRITTEN, SAFE, SEALED, CLOSING, CLOSED };

/* What had been answered when so much had been done to the disk. */
struct mark {
	enum mark_kind kind;
	size_t moment;
	uint64_t seq; /* WRITTEN, SAFE: up to which; SEALED: the tree size */
	char *text;   /* SEALED: the checkpoint */
};

/* The files of a log as they were found after a cut. */
struct file {
	char name[NAME_MAX + 1];
	uint8_t *bytes;
	size_t n;
};

struct files {
	struct file *all;
	size_t n;
};

/* A log's life on a disk. */
struct life {
	struct files begun; /* its segments as they were at its beginning */
	struct disk *disk;  /* NULL: it is not noted */
	struct mark *marks;
	size_t marks_n;
	uint8_t (*records)[HASH]; /* of each record, as it was in the end */
	uint64_t records_n;
	char origin[AUDIT_TEXT_MAX];
	uint64_t sealed; /* by the newest checkpoint that was answered */
	char *newest;
};

/* What was answered before a cut. */
struct promised {
	bool opened, used, clean;
	uint64_t written, safe, sealed;
	const char *checkpoint; /* NULL: none yet */
};

static void mark(struct life *f, enum mark_kind kind, uint64_t seq, const char *text)
{
	struct mark *m = realloc(f->marks, (f->marks_n + 1) * sizeof(*m));

	if (!m)
		bail_out("no memory");
	f->marks = m;
	f->marks[f->marks_n++] = (struct mark){.kind = kind,
		.moment = f->disk ? disk_moment(f->disk) : 0,
		.seq = seq,
		.text = text ? strdup(text) : NULL};
}

static struct promised promised_at(const struct life *f, size_t moment)
{
	struct promised p = {.opened = false};

	for (size_t i = 0; i < f->marks_n && f->marks[i].moment <= moment; i++) {
		const struct mark *m = &f->marks[i];

		p.opened |= m->kind == OPENED;
		p.used = m->kind == OPENED || (p.used && m->kind != CLOSING);
		p.clean = m->kind == CLOSED || (p.clean && m->kind != OPENING);
		if (m->kind == WRITTEN)
			p.written = m->seq;
		if (m->kind == SAFE)
			p.safe = m->seq;
		if (m->kind == SEALED) {
			p.sealed = m->seq;
			p.checkpoint = m->text;
		}
	}
	return p;
}

/* All files in @dir whose names begin with @prefix. */
static void load_files(const char *dir, const char *prefix, struct files *f)
{
	DIR *d = opendir(dir);
	const struct dirent *entry = NULL;

	while (d && (entry = readdir(d))) {
		struct file *more = NULL;

		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		more = realloc(f->all, (f->n + 1) * sizeof(*more));
		if (!more)
			bail_out("no memory");
		f->all = more;
		more += f->n++;
		snprintf(more->name, sizeof(more->name), "%s", entry->d_name);
		more->bytes = load_file(dir, entry->d_name, &more->n);
	}
	if (d)
		closedir(d);
}

static void files_free(struct files *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->all[i].bytes);
	free(f->all);
	*f = (struct files){.n = 0};
}

/* Whether each byte of @was is in the same place of the log, or was kept. */
static bool all_is_kept(const struct place *at, const struct files *was)
{
	struct files now = {.n = 0};
	struct files torn = {.n = 0};
	char dir[96];
	bool good = true;

	snprintf(dir, sizeof(dir), "%s/torn", at->top);
	load_files(at->log, "log-", &now);
	load_files(dir, "log-", &torn);
	for (size_t i = 0; i < was->n && good; i++) {
		const struct file *w = &was->all[i];
		size_t same = 0;

		for (size_t k = 0; k < now.n; k++)
			if (strcmp(now.all[k].name, w->name) == 0)
				while (same < w->n && same < now.all[k].n &&
					w->bytes[same] == now.all[k].bytes[same])
					same++;
		good = same == w->n;
		for (size_t k = 0; k < torn.n && !good; k++) {
			const struct file *t = &torn.all[k];
			size_t from = strtoul(t->name + strlen(w->name) + strlen("-at-"), NULL, 10);

			good = strncmp(t->name, w->name, strlen(w->name)) == 0 && from <= same &&
			       from + t->n == w->n && memcmp(t->bytes, w->bytes + from, t->n) == 0;
		}
	}
	files_free(&now);
	files_free(&torn);
	return good;
}

static void life_free(struct life *f)
{
	files_free(&f->begun);
	for (size_t i = 0; i < f->marks_n; i++)
		free(f->marks[i].text);
	if (f->disk)
		disk_free(f->disk);
	free(f->marks);
	free(f->records);
	*f = (struct life){.disk = NULL};
}

/* All records of the log in @dir, as far as they can be read. */
static uint64_t load_records(const char *dir, uint8_t (**out)[HASH])
{
	struct audit_reader *r = NULL;
	struct audit_event ev;
	uint8_t(*hashes)[HASH] = NULL;
	uint64_t n = 0;
	int rc = audit_reader_open(dir, &r, NULL);

	while (rc >= 0 && (rc = audit_reader_next(r, &ev, NULL)) > 0) {
		if ((n & (n - 1)) == 0)
			hashes = realloc(hashes, (n ? 2 * n : 1) * sizeof(*hashes));
		if (!hashes)
			bail_out("no memory");
		tree_leaf(segment_bytes(&r->at), r->at.size, hashes[n++]);
	}
	audit_reader_close(r);
	*out = hashes;
	return n;
}

static void quiet(void *context, const char *text)
{
	snprintf(context, TEXT, "%.500s", text);
}

/* What is answered about the log now. */
static void mark_log(struct life *f, struct audit_log *l)
{
	char text[AUDIT_TEXT_MAX];
	uint64_t sealed = audit_checkpoint(l, text);

	mark(f, WRITTEN, audit_size(l), NULL);
	mark(f, SAFE, audit_safe(l), NULL);
	if (sealed > f->sealed) {
		mark(f, SEALED, sealed, text);
		f->sealed = sealed;
		f->newest = f->marks[f->marks_n - 1].text;
	}
}

/* One more record of some kind. */
static bool add(struct life *f, struct audit_log *l, bool strict, unsigned i)
{
	char exe[AUDIT_EXE_MAX + 1];
	struct audit_event ev = event_read(1, i);
	int rc = 0;

	memset(exe, 'x', sizeof(exe) - 1);
	exe[i * 37 % sizeof(exe)] = '\0';
	exe[sizeof(exe) - 1] = '\0';
	if (i % 7 == 0)
		ev = event_open(exe);
	if (i % 29 == 28) {
		ev = (struct audit_event){.type = AUDIT_GRANT,
			.decision = AUDIT_ALLOWED,
			.loginuid = AUDIT_NO_LOGINUID,
			.object = 7};
		rc = audit_append_act(l, &ev);
	} else {
		rc = audit_append(l, &ev);
	}
	if (rc < 0)
		return false;
	if (strict || ev.type == AUDIT_GRANT)
		mark(f, SAFE, ev.seq, NULL);
	mark_log(f, l);
	return true;
}

/* With records that wait for a checkpoint of their own in between. */
static bool work(struct life *f, struct audit_log *l, bool strict, unsigned records, unsigned seals)
{
	bool good = true;

	for (unsigned round = 0; round <= seals; round++) {
		uint64_t from = f->sealed;

		for (unsigned i = 0; i < records && good; i++)
			good = add(f, l, strict, round * records + i);
		while (good && round < seals && f->sealed == from) {
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
			mark_log(f, l);
		}
	}
	return good;
}

/* From a start to a clean stop. @told: what the log says; @found: records it began with.
 * Return: what is wrong, or NULL. */
static const char *session(struct life *f, const char *log, bool strict, unsigned records,
	unsigned seals, char told[static TEXT], uint64_t *found)
{
	static char why[ERR_TEXT_MAX + 32];
	struct audit_log *l = NULL;
	struct err e = {.code = 0};
	char print[AUDIT_TEXT_MAX];

	mark(f, OPENING, 0, NULL);
	if (audit_open(log, &l, &e) < 0) {
		snprintf(why, sizeof(why), "cannot be opened: %s", e.text);
		return why;
	}
	*found = audit_size(l);
	audit_on_fault(l, quiet, told);
	l->segment_bytes = SEGMENT;
	audit_strict(l, strict);
	if (audit_seal(l, NULL, NULL, &e) < 0) {
		audit_close(l);
		snprintf(why, sizeof(why), "cannot be sealed: %s", e.text);
		return why;
	}
	audit_origin(l, f->origin, print);
	strcat(f->origin, "\n");
	mark(f, OPENED, 0, NULL);
	mark_log(f, l);
	if (!work(f, l, strict, records, seals))
		return "cannot be appended to";
	mark(f, CLOSING, 0, NULL);
	audit_close(l);
	mark(f, CLOSED, 0, NULL);
	return NULL;
}

static enum verdict judge(const char *dir, const char *key, const char *anchor, struct err *e)
{
	const struct verify_text a = {"anchor", anchor};
	const struct verify_opts o = {
		.key = {"key", key}, .anchors = &a, .anchors_n = anchor ? 1 : 0};

	err_clear(e);
	return audit_verify(dir, &o, e);
}

/* What the disk has before anything is done to it. Where the disk kept the order of things,
 * it is a log without a flaw. */
static bool raw_is_good(const char *log, const struct life *f, const struct promised *p,
	enum disk_loss loss, struct err *e)
{
	enum verdict v = judge(log, p->opened ? f->origin : NULL, p->checkpoint, e);

	if (v == VERDICT_UNKNOWN)
		return !p->opened;
	if (v == VERDICT_TAMPERED)
		return loss > DISK_ORDERED || !p->opened;
	return v == (p->checkpoint ? VERDICT_COMPLETE : VERDICT_INTACT);
}

/* The first record that the log got after @found: its type. */
static enum audit_type type_behind(const char *log, uint64_t found)
{
	struct audit_reader *r = NULL;
	struct audit_event ev = {.type = 0};

	if (audit_reader_open(log, &r, NULL) < 0 || audit_reader_seek(r, found + 1, NULL) < 0 ||
		audit_reader_next(r, &ev, NULL) != 1)
		ev.type = 0;
	audit_reader_close(r);
	return ev.type;
}

static bool python_agrees(const struct place *at, const char *key, const char *anchor, int want)
{
	const char *srcdir = getenv("srcdir");
	char command[1024];

	store_file(at->top, "key", key, strlen(key));
	if (anchor)
		store_file(at->top, "anchor", anchor, strlen(anchor));
	snprintf(command, sizeof(command),
		"%s/tools/evidencefs-verify --key %s/key %s%s%s %s >/dev/null 2>&1",
		srcdir ? srcdir : ".", at->top, anchor ? "--anchor " : "", anchor ? at->top : "",
		anchor ? "/anchor" : "", at->log);
	return WEXITSTATUS(system(command)) == want;
}

/* After the log was taken up: what is there, and what is said of the rest. */
static const char *result_is_good(const struct place *at, const struct life *before,
	const struct promised *p, uint64_t found, struct life *after)
{
	static char why[ERR_TEXT_MAX + 64];
	enum verdict want = p->checkpoint ? VERDICT_COMPLETE : VERDICT_INTACT;
	enum verdict v = VERDICT_UNKNOWN;
	enum audit_type behind = type_behind(at->log, found);
	struct err e = {.code = 0};

	snprintf(why, sizeof(why),
		"%" PRIu64 " records are there; %" PRIu64 " were written, %" PRIu64 " safe", found,
		p->written, p->safe);
	if (found < p->safe || found < p->sealed || found > before->records_n)
		return why;
	after->records_n = load_records(at->log, &after->records);
	if (memcmp(after->records, before->records, found * HASH) != 0)
		return "what is there is not what was written";
	if (p->clean && (found < p->written || behind != AUDIT_EPOCH))
		return "a clean stop has lost something";
	if ((p->used || found < p->written) && behind != AUDIT_DISCONTINUITY)
		return "no DISCONTINUITY tells of the loss";
	v = judge(at->log, p->opened ? before->origin : NULL, p->checkpoint, &e);
	snprintf(why, sizeof(why), "verdict %d: %s", (int)v, e.text);
	if (v != want)
		return why;
	if (found < before->sealed &&
		judge(at->log, before->origin, before->newest, &e) != VERDICT_TAMPERED)
		return "what is missing is called complete";
	return NULL;
}

static void count_loss(const struct promised *p, uint64_t found, const char *told)
{
	static unsigned long cuts, losing, torn;
	static uint64_t lost;

	cuts++;
	losing += found < p->written;
	lost += found < p->written ? p->written - found : 0;
	torn += strstr(told, "was torn") != NULL;
	if (cuts % 1000 == 0)
		diag("%lu cuts: %lu lost records, %" PRIu64 " in all", cuts, losing, lost);
}

static bool cut_once(const struct life *f, uint64_t seed, unsigned depth);

/* The power is cut at @moment; the log is taken up again. */
static const char *cut(const struct life *f, size_t moment, enum disk_loss loss, uint64_t seed,
	const struct place *at, unsigned depth)
{
	static char why[ERR_TEXT_MAX + 64];
	struct promised p = promised_at(f, moment);
	struct life after = {.disk = NULL};
	struct err e = {.code = 0};
	char told[TEXT] = "";
	const char *wrong = NULL;
	uint64_t found = 0;

	disk_cut(f->disk, moment, loss, seed, at->top);
	if (!raw_is_good(at->log, f, &p, loss, &e)) {
		snprintf(why, sizeof(why), "as it is: %s", e.text);
		return why;
	}
	load_files(at->log, "log-", &after.begun);
	if (depth == 0 && seed % AGAIN == 0)
		after.disk = disk_watch(at->top);
	wrong = session(&after, at->log, seed % 3 == 0, 3, 0, told, &found);
	if (after.disk)
		disk_stop(after.disk);
	if (!wrong)
		wrong = result_is_good(at, f, &p, found, &after);
	if (!wrong && (!all_is_kept(at, &after.begun) || !all_is_kept(at, &f->begun)))
		wrong = "what was torn is not kept";
	if (!wrong && seed % BY_PYTHON == 0 &&
		!python_agrees(at, after.origin, p.checkpoint, p.checkpoint ? 0 : 3))
		wrong = "the other verifier says something else";
	count_loss(&p, found, told);
	if (!wrong && after.disk && !cut_once(&after, seed + (seed << 32), depth + 1))
		wrong = "cut again while it was taken up";
	life_free(&after);
	return wrong;
}

static bool cut_once(const struct life *f, uint64_t seed, unsigned depth)
{
	uint64_t state = seed;
	size_t moments = disk_moment(f->disk);
	size_t moment = (size_t)(disk_random(&state) % (moments + 1));
	enum disk_loss loss = disk_random(&state) % DISK_LOSSES;
	const char *wrong = NULL;
	struct place at;

	place_make(&at);
	wrong = cut(f, moment, loss, seed, &at, depth);
	if (wrong)
		diag("seed %" PRIu64 ", moment %zu of %zu, loss %d: %s (%s)", seed, moment, moments,
			(int)loss, wrong, at.top);
	if (!wrong || !getenv("EVIDENCEFS_KEEP"))
		place_remove(&at);
	return !wrong;
}

/* A log that is made, sealed while it is used, ended, and taken up twice. */
static void live(struct life *f, struct place *at, bool strict)
{
	char told[TEXT] = "";
	uint64_t found = 0;
	const char *wrong = NULL;

	place_make(at);
	f->disk = disk_watch(at->top);
	wrong = session(f, at->log, strict, 60, 2, told, &found);
	if (!wrong)
		wrong = session(f, at->log, strict, 30, 0, told, &found);
	if (!wrong)
		wrong = session(f, at->log, strict, 40, 1, told, &found);
	if (wrong)
		bail_out(wrong);
	disk_stop(f->disk);
	f->records_n = load_records(at->log, &f->records);
	diag("%s: %" PRIu64 " records, %zu operations", strict ? "strict" : "commit", f->records_n,
		disk_moment(f->disk));
}

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

int main(void)
{
	unsigned long seeds = number("EVIDENCEFS_SEEDS", 3000);
	unsigned long only = number("EVIDENCEFS_SEED", 0);
	unsigned long good = 0;

	if (!freopen("/dev/null", "w", stderr))
		bail_out("/dev/null");
	for (int strict = 0; strict < 2; strict++) {
		struct life f = {.disk = NULL};
		struct place at;
		unsigned long n = 0;

		good = 0;
		live(&f, &at, strict);
		for (uint64_t seed = only ? only : FIRST_SEED; n < (only ? 1 : seeds / 2);
			seed++, n++)
			good += cut_once(&f, seed, 0);
		is_int(good, (long long)n,
			strict ? "strict: nothing that was answered is lost, at no cut"
			       : "commit: what is lost was not promised, and is told, at every "
				 "cut");
		life_free(&f);
		place_remove(&at);
	}
	return done_testing();
}
