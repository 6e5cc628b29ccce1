/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life.h - the life of an access log on a disk that fails or loses its power, for tests
 *
 * What was answered is noted with the moment; after a cut at any moment what the disk may
 * have is compared with it. Included once, after tap.h.
 */
#ifndef EVIDENCEFS_TESTS_LIFE_H
#define EVIDENCEFS_TESTS_LIFE_H

#include "audit-help.h"
#include "disk.h"

#include <dirent.h>
#include <inttypes.h>
#include <time.h>

#include "audit/keep.h"
#include "audit/log_private.h"
#include "audit/reader_private.h"
#include "audit/tree.h"
#include "audit/unxz.h"
#include "audit/verify.h"
#include "audit/window.h"

#define LIFE_SEGMENT 4096 /* so that there are several */
#define LIFE_TEXT    512

/* By the linker in place of the program's: the disk is told of what is stored. */
int __real_window_store(struct window *w, const uint8_t *p, size_t n, uint64_t off);
int __wrap_window_store(struct window *w, const uint8_t *p, size_t n, uint64_t off);

int __wrap_window_store(struct window *w, const uint8_t *p, size_t n, uint64_t off)
{
	uint8_t *to = w->map + (off - w->from);
	int rc = -EIO;

	if (!disk_store_begin(to))
		rc = __real_window_store(w, p, n, off);
	else /* a part of it is there */
		memcpy(to + n / 2, p + n / 2, n / 2);
	disk_store_end(to, n, RECORD_UNIT);
	return rc;
}

enum mark_kind { OPENING, OPENED, WRITTEN, SAFE, SEALED, CLOSING, CLOSED };

/* What had been answered when so much had been done to the disk. */
struct mark {
	enum mark_kind kind;
	size_t moment;
	int64_t ns;   /* CLOCK_MONOTONIC */
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

/* Records by their hashes, in order. */
struct leaves {
	uint8_t (*all)[TREE_HASH];
	uint64_t n;
};

/* A log's life on a disk. */
struct life {
	struct files begun; /* its segments as they were at its beginning */
	struct disk *disk;  /* NULL: it is not noted */
	struct mark *marks;
	size_t marks_n;
	struct leaves records; /* as they were in the end */
	char origin[AUDIT_TEXT_MAX];
	uint64_t sealed; /* by the newest checkpoint that was answered */
	char *newest;
	bool strict;
	bool hand_out;                  /* its newest checkpoint, so that accesses may go */
	struct audit_keep keep;         /* what becomes of segments that are closed */
	const struct disk_fault *fault; /* calls of it fail; NULL: none do */
	unsigned refused;               /* what was asked of the log, and was not done */
	struct answer *answers;
	size_t answers_n;
};

/* A record whose append succeeded, and what it was. */
struct answer {
	uint64_t seq;
	enum audit_type type;
	uint64_t offset;
};

/* What was answered before a cut. */
struct promised {
	bool opened, used, clean;
	uint64_t written, safe, sealed;
	const char *checkpoint; /* NULL: none yet */
};

static inline void mark(struct life *f, enum mark_kind kind, uint64_t seq, const char *text)
{
	struct mark *m = NULL;
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	disk_apart(true);
	m = realloc(f->marks, (f->marks_n + 1) * sizeof(*m));
	if (!m)
		bail_out("no memory");
	f->marks = m;
	f->marks[f->marks_n++] = (struct mark){.kind = kind,
		.moment = f->disk ? disk_moment(f->disk) : 0,
		.ns = (int64_t)t.tv_sec * NS_PER_SEC + t.tv_nsec,
		.seq = seq,
		.text = text ? strdup(text) : NULL};
	disk_apart(false);
}

static inline struct promised promised_at(const struct life *f, size_t moment)
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
static inline void load_files(const char *dir, const char *prefix, struct files *f)
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

static inline void files_free(struct files *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->all[i].bytes);
	free(f->all);
	*f = (struct files){.n = 0};
}

static inline bool is_compressed(const struct files *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->all[i].name, name) == 0)
			return unxz_is(f->all[i].bytes, f->all[i].n);
	return false;
}

/* Without the space that was taken ahead. */
static inline size_t content_of(const struct file *f)
{
	size_t n = f->n;

	while (n > 0 && f->bytes[n - 1] == 0)
		n--;
	return n;
}

/* Whether each byte of @was is in the same place of the log, or was kept. */
static inline bool all_is_kept(const struct place *at, const struct files *was)
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
		/* what became compressed is compared record by record */
		good = same >= content_of(w) || (same == 0 && is_compressed(&now, w->name));
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

static inline void life_free(struct life *f)
{
	files_free(&f->begun);
	for (size_t i = 0; i < f->marks_n; i++)
		free(f->marks[i].text);
	if (f->disk)
		disk_free(f->disk);
	free(f->marks);
	free(f->records.all);
	free(f->answers);
	*f = (struct life){.disk = NULL};
}

static inline void leaf_add(struct leaves *v, const uint8_t hash[static TREE_HASH])
{
	if ((v->n & (v->n - 1)) == 0)
		v->all = realloc(v->all, (v->n ? 2 * v->n : 1) * sizeof(*v->all));
	if (!v->all)
		bail_out("no memory");
	memcpy(v->all[v->n++], hash, TREE_HASH);
}

/* Of HASHES: those of @known, if they are the same; else what nothing is the same as. */
static inline void leaves_add_hashes(
	struct leaves *v, const uint8_t *record, uint64_t n, const struct leaves *known)
{
	static const uint8_t none[TREE_HASH];
	uint8_t root[TREE_HASH];
	struct tree t = {.size = 0};
	uint64_t first = v->n;
	unsigned level = 0;
	bool same = known && first + n <= known->n;

	for (uint64_t i = 0; same && i < n; i++)
		tree_add(&t, known->all[first + i], NULL);
	tree_root(&t, root, NULL);
	same = same && memcmp(root, record_hashes(record, &level), TREE_HASH) == 0;
	for (uint64_t i = 0; i < n; i++)
		leaf_add(v, same ? known->all[first + i] : none);
}

/* All records of the log in @dir, as far as they can be read. @known: what they were before
 * accesses were deleted; NULL. */
static inline struct leaves load_records(const char *dir, const struct leaves *known)
{
	struct audit_reader *r = NULL;
	struct audit_event ev;
	struct leaves v = {.n = 0};
	uint8_t leaf[TREE_HASH];
	int rc = audit_reader_open(dir, &r, NULL);

	while (rc >= 0 && (rc = audit_reader_next(r, &ev, NULL)) > 0) {
		const uint8_t *p = segment_bytes(&r->at);

		if (ev.type == AUDIT_HASHES) {
			leaves_add_hashes(&v, p, ev.length, known);
			continue;
		}
		tree_leaf(p, r->at.size, leaf);
		leaf_add(&v, leaf);
	}
	audit_reader_close(r);
	return v;
}

static inline void quiet(void *context, const char *text)
{
	snprintf(context, LIFE_TEXT, "%.500s", text);
}

/* What is answered about the log now. */
static inline void mark_log(struct life *f, struct audit_log *l)
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

static inline void keep_answer(struct life *f, const struct audit_event *ev)
{
	struct answer *more = NULL;

	disk_apart(true);
	more = realloc(f->answers, (f->answers_n + 1) * sizeof(*more));
	if (!more)
		bail_out("no memory");
	f->answers = more;
	f->answers[f->answers_n++] = (struct answer){ev->seq, ev->type, ev->offset};
	disk_apart(false);
}

/* The record @i of a session: reads, opens of all lengths, acts. */
static inline struct audit_event event_of(unsigned i)
{
	char exe[AUDIT_EXE_MAX + 1];

	memset(exe, 'x', sizeof(exe) - 1);
	exe[i * 37 % sizeof(exe)] = '\0';
	exe[sizeof(exe) - 1] = '\0';
	if (i % 29 == 28)
		return (struct audit_event){.type = AUDIT_GRANT,
			.decision = AUDIT_ALLOWED,
			.loginuid = AUDIT_NO_LOGINUID,
			.object = 7};
	return i % 7 == 0 ? event_open(exe) : event_read(1, i);
}

static inline int append_some(struct audit_log *l, struct audit_event *ev)
{
	return ev->type == AUDIT_GRANT ? audit_append_act(l, ev) : audit_append(l, ev);
}

static inline int hand_out(const struct life *f, struct audit_log *l)
{
	struct audit_event ev = {.type = AUDIT_CHECKPOINT,
		.decision = AUDIT_ALLOWED,
		.loginuid = AUDIT_NO_LOGINUID,
		.length = f->sealed};

	return audit_append(l, &ev);
}

/* It was refused. While calls go on to fail it is refused again; then it must be taken, within
 * ten seconds. Return: what is wrong, or NULL. */
static inline const char *append_again(struct life *f, struct audit_log *l, struct audit_event *ev)
{
	f->refused++;
	if (!f->fault)
		return "cannot be appended to";
	for (unsigned i = 0; i < 2 && f->fault->lasting; i++)
		if (append_some(l, ev) == 0)
			return "it is taken while the disk fails";
	disk_faults(f->disk, NULL);
	for (unsigned i = 0; i < 10000; i++) {
		if (append_some(l, ev) == 0)
			return NULL;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return "nothing is taken after the disk has failed once";
}

/* One more record. */
static inline const char *add(struct life *f, struct audit_log *l, unsigned i)
{
	struct audit_event ev = event_of(i);
	const char *wrong = append_some(l, &ev) < 0 ? append_again(f, l, &ev) : NULL;

	if (wrong)
		return wrong;
	keep_answer(f, &ev);
	if (f->strict || ev.type == AUDIT_GRANT)
		mark(f, SAFE, ev.seq, NULL);
	mark_log(f, l);
	return NULL;
}

/* With records that wait for a checkpoint of their own in between. */
static inline const char *work(
	struct life *f, struct audit_log *l, unsigned records, unsigned seals)
{
	const char *wrong = NULL;

	for (unsigned round = 0; round <= seals; round++) {
		uint64_t from = f->sealed;

		for (unsigned i = 0; i < records && !wrong; i++)
			wrong = add(f, l, round * records + i);
		while (!wrong && round < seals && f->sealed == from) {
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
			mark_log(f, l);
		}
	}
	return wrong;
}

/* Open and seal it. Return: what is wrong, or NULL. */
static inline const char *begin(struct life *f, const char *log, char *told, struct audit_log **out)
{
	static char why[ERR_TEXT_MAX + 32];
	struct audit_log *l = NULL;
	struct err e = {.code = 0};

	if (audit_open(log, &l, &e) < 0) {
		snprintf(why, sizeof(why), "cannot be opened: %s", e.text);
		return why;
	}
	audit_on_fault(l, quiet, told);
	l->segment_bytes = LIFE_SEGMENT;
	audit_strict(l, f->strict);
	if (audit_seal(l, NULL, NULL, &e) < 0 ||
		(f->keep.compress && audit_keep(l, &f->keep, &e) < 0)) {
		audit_close(l);
		snprintf(why, sizeof(why), "cannot be sealed: %s", e.text);
		return why;
	}
	*out = l;
	return NULL;
}

/* How many records the log has before it is opened. */
static inline uint64_t count_whole(const char *log)
{
	struct leaves v = load_records(log, NULL);

	free(v.all);
	return v.n;
}

/* From a start to a clean stop. @told: what the log says; @found: records it began with.
 * Return: what is wrong, or NULL. */
static inline const char *session(struct life *f, const char *log, unsigned records, unsigned seals,
	char told[static LIFE_TEXT], uint64_t *found)
{
	struct audit_log *l = NULL;
	char print[AUDIT_TEXT_MAX];
	const char *wrong = NULL;

	mark(f, OPENING, 0, NULL);
	*found = count_whole(log);
	wrong = begin(f, log, told, &l);
	if (wrong && f->fault) {
		f->refused++;
		disk_faults(f->disk, NULL);
		wrong = begin(f, log, told, &l);
	}
	if (wrong)
		return wrong;
	audit_origin(l, f->origin, print);
	strcat(f->origin, "\n");
	mark(f, OPENED, 0, NULL);
	mark_log(f, l);
	if (f->hand_out && hand_out(f, l) < 0)
		return "no checkpoint can be handed out";
	wrong = work(f, l, records, seals);
	mark(f, CLOSING, 0, NULL);
	if (wrong)
		return wrong;
	audit_close(l);
	if (!f->fault) /* which may have been in it */
		mark(f, CLOSED, 0, NULL);
	return NULL;
}

static inline enum verdict judge(
	const char *dir, const char *key, const char *anchor, struct err *e)
{
	const struct verify_text a = {"anchor", anchor};
	const struct verify_opts o = {
		.key = {"key", key}, .anchors = &a, .anchors_n = anchor ? 1 : 0};

	err_clear(e);
	return audit_verify(dir, &o, e);
}

/* Whether each record that was answered is there, and is the one. */
static inline bool answers_are_there(const char *log, const struct life *f)
{
	struct audit_reader *r = NULL;
	struct audit_event ev;
	size_t n = 0;

	if (audit_reader_open(log, &r, NULL) < 0)
		return false;
	while (n < f->answers_n && audit_reader_next(r, &ev, NULL) == 1) {
		const struct answer *a = &f->answers[n];

		if (ev.seq != a->seq)
			continue;
		if (ev.type != a->type || ev.offset != a->offset)
			break;
		n++;
	}
	audit_reader_close(r);
	return n == f->answers_n;
}

/* What the disk has before anything is done to it. Where the disk kept the order of things,
 * it is a log without a flaw. */
static inline bool raw_is_good(const char *log, const struct life *f, const struct promised *p,
	enum disk_loss loss, struct err *e)
{
	enum verdict v = judge(log, p->opened ? f->origin : NULL, p->checkpoint, e);

	if (v == VERDICT_UNKNOWN)
		return !p->opened;
	if (v == VERDICT_TAMPERED) /* what a failed sync was about may have holes */
		return loss > DISK_ORDERED || !p->opened || f->refused;
	return v == (p->checkpoint ? VERDICT_COMPLETE : VERDICT_INTACT);
}

/* The first record that the log got after @found: its type. */
static inline enum audit_type type_behind(const char *log, uint64_t found)
{
	struct audit_reader *r = NULL;
	struct audit_event ev = {.type = 0};

	if (audit_reader_open(log, &r, NULL) < 0 || audit_reader_seek(r, found + 1, NULL) < 0 ||
		audit_reader_next(r, &ev, NULL) != 1)
		ev.type = 0;
	audit_reader_close(r);
	return ev.type;
}

static inline bool python_agrees(
	const struct place *at, const char *key, const char *anchor, int want)
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
static inline const char *result_is_good(const struct place *at, const struct life *before,
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
	if (found < p->safe || found < p->sealed || found > before->records.n)
		return why;
	after->records = load_records(at->log, &before->records);
	if (memcmp(after->records.all, before->records.all, found * TREE_HASH) != 0)
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

static inline unsigned long number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

#endif
