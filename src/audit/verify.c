/* SPDX-License-Identifier: Apache-2.0 */
/* verify.c - is a log intact, and how far is it complete? See verify.h. */
#include "audit/verify_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/heads.h"
#include "audit/reader_private.h"
#include "audit/signer.h"
#include "audit/tree.h"
#include "base/file.h"

void verify_line(const struct verify *v, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	if (!v->o->line)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	v->o->line(v->o->ctx, text);
}

/* What is wrong with the record in hand. Return: -EBADMSG. */
int verify_bad(const struct verify *v, struct err *e, const char *why)
{
	const struct segment *at = &v->reader->at;

	return err_set(e, EBADMSG, "%s: record %" PRIu64 " at offset %" PRIu64 ": %s", at->name,
		v->ev.seq, at->pos - at->size, why);
}

/* ---- what the records are measured by --------------------------------------------------- */

/* Return: 0; -ENOENT there is none; -EBADMSG; -errno. */
static int read_origin(
	const char *dir, char name[static NOTE_NAME_MAX], uint8_t *key, struct err *e)
{
	char path[4096];
	char *text = NULL;
	struct err why = {.code = 0};
	int rc = 0;

	snprintf(path, sizeof(path), "%s/origin.pub", dir);
	rc = file_read(path, NOTE_MAX, &text, &why);
	if (rc == -ENOENT)
		return rc;
	if (rc < 0 && rc != -EFBIG)
		return err_set(e, -rc, "%s", err_text(&why, -rc));
	if (rc == 0)
		rc = note_key_decode(text, name, key);
	free(text);
	return rc < 0 ? err_set(e, EBADMSG, "origin.pub: is no key of a log") : 0;
}

/* A key that is none says nothing of the log. */
static int read_given(
	const struct verify *v, char name[static NOTE_NAME_MAX], uint8_t *key, struct err *e)
{
	if (note_key_decode(v->o->key.text, name, key) == 0)
		return 0;
	return err_set(e, EINVAL, "%s: is no key of a log", v->o->key.name);
}

/* The key given and that of the log: they must be one. */
static int take_key(struct verify *v, const char *dir, struct err *e)
{
	char name[NOTE_NAME_MAX] = "";
	char print[NOTE_NAME_MAX];
	uint8_t own[RECORD_KEY];
	int rc = read_origin(dir, name, own, e);

	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (rc == -ENOENT && !v->o->key.text)
		return err_set(e, EBADMSG, "origin.pub is missing");
	if (rc == 0 && v->has_name && strcmp(name, v->name) != 0)
		return err_set(e, EBADMSG, "origin.pub: is the key of another log");
	if (v->o->key.text) {
		int given = read_given(v, name, v->key, e);

		if (given < 0)
			return given;
		if (v->has_name && strcmp(name, v->name) != 0)
			return err_set(e, EBADMSG, "%s: is the key of another log", v->o->key.name);
		if (rc == 0 && memcmp(own, v->key, RECORD_KEY) != 0)
			return err_set(
				e, EBADMSG, "origin.pub: is not the key of %s", v->o->key.name);
	} else {
		memcpy(v->key, own, RECORD_KEY);
	}
	if (!v->has_name)
		memcpy(v->name, name, NOTE_NAME_MAX);
	note_fingerprint(v->key, print);
	verify_line(v, "origin key %s%s", print,
		v->o->key.text ? "" : ", from the log itself: it is checked against itself only");
	return 0;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = ((const struct anchor *)a)->note.size;
	uint64_t y = ((const struct anchor *)b)->note.size;

	return (x > y) - (x < y);
}

static int add_anchor(struct verify *v, const struct note *note, const char *name)
{
	struct anchor *more = realloc(v->anchors, (v->anchors_n + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	v->anchors = more;
	v->anchors[v->anchors_n++] = (struct anchor){*note, name};
	return 0;
}

static int take_anchors(struct verify *v, struct err *e)
{
	struct note note;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < v->o->anchors_n; i++) {
		const struct verify_text *a = &v->o->anchors[i];
		const char *p = a->text;

		do {
			int used = note_decode(v->name, p, strlen(p), true, &note);

			if (used <= 0)
				return err_set(
					e, EBADMSG, "%s: is no checkpoint of this log", a->name);
			rc = add_anchor(v, &note, a->name);
			p += used;
		} while (rc == 0 && *p);
	}
	if (v->anchors_n > 1)
		qsort(v->anchors, v->anchors_n, sizeof(*v->anchors), by_size);
	return rc;
}

static int next_head(struct verify *v, struct err *e)
{
	struct note note;
	int rc = heads_next(v->heads, v->name, &note, e);

	v->next.size = 0;
	if (rc == 1 && note.size <= v->last.size)
		return err_set(e, EBADMSG,
			HEADS_FILE ": checkpoint %" PRIu64 " does not follow the one before",
			v->heads->count);
	if (rc == 1)
		v->next = note;
	return rc < 0 ? rc : 0;
}

/* All of `checkpoints` as it stands now: how far does it go? */
static int look_at_heads(struct verify *v, struct err *e)
{
	struct note note;
	uint64_t before = 0;
	int rc = heads_open(v->dirfd, HEADS_FILE, v->heads, e);

	while (rc == 0 && (rc = heads_next(v->heads, v->name, &note, e)) == 1) {
		rc = 0;
		if (note.size <= before)
			return err_set(e, EBADMSG,
				HEADS_FILE ": checkpoint %" PRIu64
					   " does not follow the one before",
				v->heads->count);
		before = note.size;
	}
	if (rc == 0 && v->heads->torn)
		verify_line(v, HEADS_FILE " ends within a checkpoint, at offset %" PRIu64,
			v->heads->pos);
	v->newest = before;
	v->heads->pos = v->heads->base = v->heads->count = 0;
	v->heads->len = 0;
	return rc < 0 ? rc : next_head(v, e);
}

/* ---- records ------------------------------------------------------------------------------ */

/* Return: whether somebody who may has vouched for it. */
static bool is_endorsed(const struct breach *b)
{
	const unsigned both = 1u << RECORD_BY_OWNER | 1u << RECORD_BY_AUDITOR;

	return (b->by & 1u << RECORD_BY_DEVICE) || (b->by & both) == both;
}

static int check_head(struct verify *v, struct err *e)
{
	uint8_t root[TREE_HASH];

	if (v->last.size && !v->named)
		return verify_bad(v, e, "a second checkpoint without an epoch between");
	tree_root(&v->tree, root, NULL);
	if (memcmp(root, v->next.root, TREE_HASH) != 0)
		return err_set(e, EBADMSG,
			"records %" PRIu64 " to %" PRIu64
			" are not those of their checkpoint (or one before them is not)",
			v->last.size + 1, v->next.size);
	if (!signer_note_checks(v->name, &v->next, v->key))
		return err_set(e, EBADMSG,
			HEADS_FILE ": checkpoint %" PRIu64 " of record %" PRIu64
				   ": its signature does not hold",
			v->heads->count, v->next.size);
	v->last = v->next;
	v->named = false;
	if (v->retention_seq && v->last.size >= v->retention_seq)
		v->retained = v->retaining;
	return next_head(v, e);
}

static int check_anchor(struct verify *v, struct err *e)
{
	const struct anchor *a = &v->anchors[v->anchors_done++];
	uint8_t root[TREE_HASH];

	tree_root(&v->tree, root, NULL);
	if (memcmp(root, a->note.root, TREE_HASH) != 0)
		return err_set(e, EBADMSG,
			"records up to %" PRIu64 " are not those of the anchor %s", a->note.size,
			a->name);
	if (!signer_note_checks(v->name, &a->note, v->key))
		return err_set(
			e, EBADMSG, "%s: the signature of this anchor does not hold", a->name);
	verify_line(v, "complete up to record %" PRIu64 ", by %s", a->note.size, a->name);
	return 0;
}

/* Records of which only the hash is there: no checkpoint or anchor may lie within. */
static int take_hashes(struct verify *v, struct err *e)
{
	uint64_t end = v->tree.size + v->ev.length;
	uint64_t anchor =
		v->anchors_done < v->anchors_n ? v->anchors[v->anchors_done].note.size : UINT64_MAX;
	unsigned level = 0;
	const uint8_t *hash = record_hashes(segment_bytes(&v->reader->at), &level);

	if ((v->next.size && v->next.size < end) || anchor < end)
		return verify_bad(v, e, "a checkpoint or an anchor lies within");
	tree_add_subtree(&v->tree, level, hash, NULL);
	v->hashes_first = v->hashes ? v->hashes_first : v->ev.seq;
	v->hashes += v->ev.length;
	v->hashes_last = end;
	return 0;
}

static int check_record(struct verify *v, struct err *e)
{
	const struct segment *at = &v->reader->at;
	uint8_t leaf[TREE_HASH];
	int rc = 0;

	if (record_is_seal(v->ev.type))
		rc = verify_seal(v, e);
	if (rc < 0 || v->grew)
		return rc;
	if (v->ev.type == AUDIT_HASHES) {
		rc = take_hashes(v, e);
	} else {
		tree_leaf(segment_bytes(at), at->size, leaf);
		tree_add(&v->tree, leaf, NULL);
	}
	if (v->ev.type == AUDIT_RETENTION && v->ev.object > v->retaining) {
		v->retaining = v->ev.object;
		v->retention_seq = v->ev.seq;
	}
	if (rc < 0)
		return rc;
	if (v->tree.size == v->next.size)
		rc = check_head(v, e);
	while (rc == 0 && v->anchors_done < v->anchors_n &&
		v->anchors[v->anchors_done].note.size == v->tree.size)
		rc = check_anchor(v, e);
	return rc;
}

static int check_end(const struct verify *v, struct err *e)
{
	uint64_t size = v->tree.size;

	if (v->next.size && v->next.size <= v->newest)
		return err_set(e, EBADMSG,
			"records %" PRIu64 " to %" PRIu64 " are missing: a checkpoint covers them",
			size + 1, v->newest);
	if (v->anchors_done < v->anchors_n)
		return err_set(e, EBADMSG,
			"records %" PRIu64 " to %" PRIu64
			" are missing: the log ends before the anchor %s",
			size + 1, v->anchors[v->anchors_n - 1].note.size,
			v->anchors[v->anchors_n - 1].name);
	if (v->hashes_last > v->retained && v->reader->at.head.kind == RECORD_LOG)
		return err_set(e, EBADMSG,
			"records up to %" PRIu64
			" are missing but for their hashes, and no sealed record says why",
			v->hashes_last);
	return 0;
}

/* What does not change the verdict, and must be known. */
static void tell_rest(const struct verify *v)
{
	const struct segment *at = &v->reader->at;

	if (v->hashes)
		verify_line(v,
			"%s%" PRIu64 " of records %" PRIu64 " to %" PRIu64
			" are there as hashes only",
			at->head.kind == RECORD_LOG ? "deleted as the policy says: "
						    : "an extract: ",
			v->hashes, v->hashes_first, v->hashes_last);
	for (size_t i = 0; i < v->breaches_n; i++)
		if (!is_endorsed(&v->breaches[i]))
			verify_line(v,
				"record %" PRIu64 ": this discontinuity is unendorsed: nobody "
				"vouches for who went on",
				v->breaches[i].seq);
	if (at->fd >= 0 && at->torn)
		verify_line(v, "%s: ends within a record, at offset %" PRIu64, at->name, at->pos);
	if (v->tree.size > v->last.size)
		verify_line(v, "the last %" PRIu64 " records are not sealed yet",
			v->tree.size - v->last.size);
}

static int check_all(struct verify *v, struct err *e)
{
	int rc = 0;

	while (rc == 0 && !v->grew) {
		/* one that was at hand already, to know the name of the log */
		rc = v->ev.seq > v->tree.size ? 1 : audit_reader_next(v->reader, &v->ev, e);
		if (rc != 1)
			break;
		rc = check_record(v, e);
	}
	return rc < 0 ? rc : check_end(v, e);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool is_there(const struct verify *v, const char *file)
{
	return faccessat(v->dirfd, file, F_OK, 0) == 0;
}

/* The first record is taken in hand: the head of its segment says which log it is. */
static int look_at_first(struct verify *v, struct err *e)
{
	bool marks = is_there(v, "origin.pub") || is_there(v, HEADS_FILE);
	uint64_t *firsts = NULL;
	size_t n = 0;
	int rc = segment_list(v->dirfd, &firsts, &n, e);

	free(firsts);
	if (rc < 0)
		return rc;
	if (n == 0 && !marks)
		return err_set(e, ENOENT, "there is no log");
	rc = audit_reader_next(v->reader, &v->ev, e);
	if (rc < 0)
		return rc;
	if (v->reader->at.fd >= 0) {
		note_name(v->reader->at.head.log_id, v->name);
		v->has_name = true;
	}
	return 0;
}

static int verify(struct verify *v, const char *dir, struct err *e)
{
	int rc = look_at_first(v, e);

	if (rc == 0)
		rc = take_key(v, dir, e);
	if (rc == 0)
		rc = take_anchors(v, e);
	if (rc == 0)
		rc = look_at_heads(v, e);
	if (rc == 0)
		rc = check_all(v, e);
	heads_close(v->heads);
	if (rc < 0)
		return rc;
	tell_rest(v);
	verify_line(v, "intact: %" PRIu64 " records, sealed up to record %" PRIu64 "%s",
		v->tree.size, v->last.size,
		v->anchors_n ? "" : "; nothing from outside says how far it is complete");
	return 0;
}

enum verdict audit_verify(const char *dir, const struct verify_opts *o, struct err *e)
{
	struct heads heads = {.fd = -1};
	struct verify v = {.o = o, .heads = &heads};
	int rc = 0;

	v.dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v.dirfd < 0)
		rc = err_errno(e, errno, "%s", dir);
	if (rc == 0)
		rc = audit_reader_open(dir, &v.reader, e);
	if (rc == 0)
		rc = verify(&v, dir, e);
	audit_reader_close(v.reader);
	if (v.dirfd >= 0)
		close(v.dirfd);
	free(v.anchors);
	free(v.breaches);
	if (rc == 0)
		return v.anchors_n ? VERDICT_COMPLETE : VERDICT_INTACT;
	return rc == -EBADMSG ? VERDICT_TAMPERED : VERDICT_UNKNOWN;
}
