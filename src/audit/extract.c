/* SPDX-License-Identifier: Apache-2.0 */
/* extract.c - a copy of a log in which only some records are given in full; see extract.h. */
#include "audit/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/heads.h"
#include "audit/query_private.h"
#include "audit/reader_private.h"
#include "audit/run.h"
#include "audit/tree.h"
#include "base/buf.h"
#include "base/file.h"

#define BATCH       65536
#define ORIGIN_FILE "origin.pub"
#define TELL_EVERY  16384 /* records */

struct extract {
	const struct extract_to *to;
	struct audit_reader *reader;
	struct heads heads;
	char name[NOTE_NAME_MAX];
	struct note next; /* the first checkpoint that is not behind us */
	uint64_t end;     /* tree size of the last one */
	uint64_t done;    /* records that are behind us */
	struct run run;   /* records that are not given */
	struct buf opens; /* uint64_t: OPENs that are given in full, ascending */
	struct buf out;   /* of the segment in hand */
	char segment[SEGMENT_NAME_MAX];
	uint64_t segment_bytes; /* 0: none has begun */
	int64_t time_ns;        /* of the last record written */
	uint64_t whole;
};

/* ---- what is written ----------------------------------------------------------------- */

static int flush(struct extract *x, struct err *e)
{
	int rc = x->out.error ? err_errno(e, ENOMEM, "extract") : 0;

	if (rc == 0 && x->out.len > 0)
		rc = x->to->put(x->to->ctx, x->segment, x->out.data, x->out.len);
	buf_reset(&x->out);
	return rc;
}

static int begin_segment(struct extract *x, uint64_t first, int64_t time_ns, struct err *e)
{
	struct record_head head = {.kind = RECORD_EXTRACT, .first_seq = first, .time_ns = time_ns};
	uint8_t bytes[RECORD_UNIT];
	int rc = flush(x, e);

	memcpy(head.log_id, x->reader->at.head.log_id, RECORD_LOG_ID);
	record_head_encode(&head, bytes);
	buf_put(&x->out, bytes, sizeof(bytes));
	segment_name(first, x->segment);
	x->segment_bytes = sizeof(bytes);
	return rc;
}

static int put_record(
	struct extract *x, uint64_t seq, int64_t time_ns, const uint8_t *p, size_t n, struct err *e)
{
	int rc = 0;

	if (x->segment_bytes == 0 || x->segment_bytes + n > SEGMENT_BYTES_MAX)
		rc = begin_segment(x, seq, x->segment_bytes ? x->time_ns : time_ns, e);
	buf_put(&x->out, p, n);
	x->segment_bytes += n;
	x->time_ns = time_ns;
	if (rc == 0 && x->out.len >= BATCH)
		rc = flush(x, e);
	return rc;
}

/* ---- what is not given ------------------------------------------------------------------ */

/* It is told how many there are and not when they were: their time is that of the last in full. */
static int run_put(struct extract *x, struct err *e)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < x->run.n; i++) {
		int64_t time_ns = x->segment_bytes ? x->time_ns : x->reader->at.head.time_ns;
		uint8_t bytes[RECORD_BYTES_MAX];
		int size = run_encode(&x->run, i, time_ns, bytes);

		rc = size < 0 ? size
			      : put_record(x, x->run.node[i].start + 1, time_ns, bytes,
					(size_t)size, e);
	}
	x->run.n = 0;
	return rc;
}

/* ---- which are ---------------------------------------------------------------------------- */

static bool has_open(const struct extract *x, uint64_t seq)
{
	const uint64_t *v = (const uint64_t *)(const void *)x->opens.data;
	size_t lo = 0;
	size_t hi = x->opens.len / sizeof(*v);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (v[mid] == seq)
			return true;
		if (v[mid] < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

static bool is_whole(struct extract *x, const struct audit_event *ev)
{
	bool whole = false;

	if (ev->type >= AUDIT_EPOCH)
		return true; /* the log's own: what it is checked by */
	if (query_leaves(ev))
		return has_open(x, ev->open_seq);
	whole = x->to->wanted(x->to->ctx, ev);
	if (whole && ev->type == AUDIT_OPEN)
		buf_put(&x->opens, &ev->seq, sizeof(ev->seq));
	return whole;
}

static int take(struct extract *x, const struct audit_event *ev, struct err *e)
{
	const uint8_t *p = segment_bytes(&x->reader->at);
	size_t n = x->reader->at.size;
	int rc = 0;

	if (!record_is_hashes(p) && is_whole(x, ev)) {
		rc = run_put(x, e);
		if (rc == 0)
			rc = put_record(x, ev->seq, ev->time_ns, p, n, e);
		x->whole++;
	} else {
		run_take(&x->run, ev->seq, p, n);
	}
	x->done = ev->seq + record_count(ev) - 1;
	return rc ? rc : x->opens.error;
}

/* ---- all of it --------------------------------------------------------------------------------
 */

/* Hashes never stretch over the tree size of a checkpoint. */
static int pass_checkpoint(struct extract *x, struct err *e)
{
	int rc = run_put(x, e);

	return rc ? rc : heads_next(&x->heads, x->name, &x->next, e);
}

static int copy(struct extract *x, struct err *e)
{
	struct audit_event ev;
	uint64_t told = 0;
	int rc = audit_reader_next(x->reader, &ev, e);

	while (rc == 1) {
		rc = take(x, &ev, e);
		if (rc == 0 && x->done >= x->next.size) {
			rc = pass_checkpoint(x, e);
			if (rc <= 0)
				return rc; /* 0: there is no further one */
			rc = 0;
		}
		if (rc == 0 && x->to->progress && x->done - told >= TELL_EVERY) {
			told = x->done;
			rc = x->to->progress(x->to->ctx, x->done, x->end);
		}
		if (rc == 0)
			rc = audit_reader_next(x->reader, &ev, e);
	}
	return rc == 0 ? err_set(e, EBADMSG, "records %" PRIu64 " to %" PRIu64 " are missing",
				 x->done + 1, x->next.size)
		       : rc;
}

/* The checkpoints up to there, as they stand. */
static int copy_heads(struct extract *x, struct err *e)
{
	struct buf text = BUF_INIT;
	struct note note;
	char one[NOTE_MAX];
	int rc = 1;

	x->heads.pos = 0;
	x->heads.len = 0;
	while ((rc = heads_next(&x->heads, x->name, &note, e)) == 1 && note.size <= x->done)
		buf_put(&text, one, note_encode(x->name, &note, one));
	if (rc >= 0)
		rc = text.error ? err_errno(e, ENOMEM, "extract")
				: x->to->put(x->to->ctx, HEADS_FILE, text.data, text.len);
	buf_release(&text);
	return rc;
}

static int copy_origin(const char *dir, const struct extract *x, struct err *e)
{
	char *path = NULL;
	char *text = NULL;
	int rc = asprintf(&path, "%s/" ORIGIN_FILE, dir) < 0 ? err_errno(e, ENOMEM, "%s", dir)
							     : file_read(path, NOTE_MAX, &text, e);

	if (rc == 0)
		rc = x->to->put(x->to->ctx, ORIGIN_FILE, text, strlen(text));
	free(path);
	free(text);
	return rc;
}

/* The name of the log is in its first segment; the reader stands before its first record then. */
static int open_log(const char *dir, struct extract *x, struct err *e)
{
	struct note newest = {.size = 0};
	struct audit_event ev;
	uint64_t end = 0;
	int rc = audit_reader_open(dir, &x->reader, e);

	if (rc == 0)
		rc = audit_reader_next(x->reader, &ev, e);
	if (rc == 0)
		return err_set(e, ENOENT, "%s: there is no record", dir);
	if (rc < 0)
		return rc;
	note_name(x->reader->at.head.log_id, x->name);
	rc = audit_reader_seek_at(x->reader, 1, 0, 0, e);
	if (rc == 0)
		rc = heads_open(x->reader->dirfd, HEADS_FILE, &x->heads, e);
	if (rc == 0 && x->heads.fd >= 0)
		rc = heads_last(x->heads.fd, x->name, &newest, &end, e);
	x->end = newest.size;
	if (rc == 0 && newest.size == 0)
		return err_set(e, ENOENT, "there is no checkpoint yet: ask again in a second");
	if (rc == 0)
		rc = heads_next(&x->heads, x->name, &x->next, e);
	return rc < 0 ? rc : 0;
}

int audit_extract(
	const char *dir, const struct extract_to *to, struct extract_sums *out, struct err *e)
{
	struct extract *x = calloc(1, sizeof(*x));
	int rc = 0;

	if (!x)
		return err_errno(e, ENOMEM, "extract");
	x->to = to;
	x->heads.fd = -1;
	rc = open_log(dir, x, e);
	if (rc == 0)
		rc = copy(x, e);
	if (rc == 0)
		rc = flush(x, e);
	if (rc == 0)
		rc = copy_heads(x, e);
	if (rc == 0)
		rc = copy_origin(dir, x, e);
	if (rc == 0)
		*out = (struct extract_sums){x->done, x->whole};
	audit_reader_close(x->reader);
	heads_close(&x->heads);
	buf_release(&x->opens);
	buf_release(&x->out);
	free(x);
	return rc;
}
