/* SPDX-License-Identifier: Apache-2.0 */
/* acts.c - rows of the catalog against their records in the log; see acts.h. */
#include "control/acts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

#define WHAT_TO_DO                                                                                 \
	"bring catalog.db back from a backup (evidencefs audit verify says whether the log is "    \
	"intact)"

/* Acts that change the policy: their rows are in the catalog. */
static bool is_act(const struct audit_event *ev)
{
	switch (ev->type) {
	case AUDIT_GRANT:
	case AUDIT_REVOKE:
	case AUDIT_EXCLUDE:
	case AUDIT_ADD:
	case AUDIT_RELEASE:
	case AUDIT_RELOCATE:
	case AUDIT_VERIFY:
	case AUDIT_CASE:
	case AUDIT_MARK:
	case AUDIT_NOTE:
		/* an end by time is no act: its length is 0 */
		return ev->decision == AUDIT_ALLOWED && ev->length != 0;
	default:
		return false;
	}
}

/* ---- acts without a row ------------------------------------------------------------------ */

static int lost_add(struct acts_lost *l, const struct audit_event *ev)
{
	if (l->n > 0 && (ev->type != l->v[0].type || ev->offset != l->next))
		l->apart = true;
	if (array_room(&l->v, sizeof(*l->v), l->n, &l->cap))
		return -ENOMEM;
	l->v[l->n++] = *ev;
	l->next = ev->offset + 1;
	return 0;
}

static void lost_voided(struct acts_lost *l, uint64_t seq)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].seq != seq)
			continue;
		memmove(&l->v[i], &l->v[i + 1], (--l->n - i) * sizeof(l->v[i]));
		return;
	}
}

/* One more record, of which there is no row. */
static int lost_take(struct acts_lost *l, const struct audit_event *ev)
{
	if (ev->type == AUDIT_LOSS)
		lost_voided(l, ev->object);
	else if (is_act(ev))
		return lost_add(l, ev);
	else if (ev->type == AUDIT_START || ev->type == AUDIT_STOP)
		l->outlived = l->outlived || l->n > 0;
	return 0;
}

int acts_find_lost(
	const char *log_dir, uint64_t from, uint64_t end, struct acts_lost *out, struct err *e)
{
	struct audit_reader *reader = NULL;
	struct audit_event ev = {.seq = 0};
	int r = audit_reader_open(log_dir, &reader, e);

	if (r == 0)
		r = audit_reader_seek(reader, from, e);
	while (r == 0 && ev.seq < end && (r = audit_reader_next(reader, &ev, e)) == 1) {
		r = lost_take(out, &ev);
		if (r)
			err_errno(e, -r, "acts without a row");
	}
	audit_reader_close(reader);
	if (r == 0 && out->n > 0 && (out->outlived || (out->apart && out->n > 1)))
		r = err_set(e, EBADMSG,
			"the log has acts that the catalog lacks (%zu), the last is record %" PRIu64
			": bring catalog.db back from a backup that has them",
			out->n, out->v[out->n - 1].seq);
	return r;
}

void acts_lost_release(struct acts_lost *l)
{
	free(l->v);
	*l = (struct acts_lost){.n = 0};
}

/* ---- which row it is --------------------------------------------------------------------- */

/* All rows, with the log read beside them. */
struct walk {
	struct audit_reader *reader;
	struct store_link link;   /* the row before */
	struct acts_lost without; /* acts since then that have none */
	struct err *e;
};

/* Read on up to record @seq. Return: 1 it is in @ev; 0 it is not there; -errno. */
static int walk_to(struct walk *w, uint64_t seq, struct audit_event *ev)
{
	int r = 0;

	while ((r = audit_reader_next(w->reader, ev, w->e)) == 1) {
		if (ev->seq >= seq)
			return ev->seq == seq;
		r = lost_take(&w->without, ev);
		if (r)
			return r;
	}
	return r;
}

/* Return: 0 it is what was recorded; -EBADMSG. */
static int compare_row(void *ctx, const struct act *a)
{
	struct walk *w = ctx;
	struct store_link next = {.seq = a->seq};
	struct audit_event ev;
	int r = store_commitment(&w->link, a, next.commitment);

	if (r == 0)
		r = walk_to(w, a->seq, &ev);
	if (r < 0)
		return r;
	if (r == 0 || !is_act(&ev))
		return err_set(w->e, EBADMSG,
			"catalog.db has an act of record %" PRIu64
			", and the log has none there; " WHAT_TO_DO,
			a->seq);
	w->link = next;
	if (memcmp(ev.commitment, next.commitment, AUDIT_COMMITMENT) == 0)
		return 0;
	if (w->without.n > 0)
		return err_set(w->e, EBADMSG,
			"catalog.db lacks the act of record %" PRIu64 "; " WHAT_TO_DO,
			w->without.v[0].seq);
	return err_set(w->e, EBADMSG,
		"catalog.db: the act of record %" PRIu64 " is not what was recorded; " WHAT_TO_DO,
		a->seq);
}

/* The newest row is not, or not behind what its record says: find the first that is not.
 * Reads all of the log. Return: -EBADMSG; -errno it could not be read. */
static int find_changed(const char *log_dir, struct store *store, struct err *e)
{
	struct walk w = {.e = e};
	int r = audit_reader_open(log_dir, &w.reader, e);

	if (r == 0)
		r = store_each(store, TIME_NEVER, compare_row, &w, e);
	audit_reader_close(w.reader);
	acts_lost_release(&w.without);
	return r ? r : err_set(e, EBADMSG, "catalog.db is not what was recorded; " WHAT_TO_DO);
}

/* ---- all of them ------------------------------------------------------------------------- */

/* Return: 1 @ev is record @seq; 0 it is not there as such; -errno. */
static int record_at(const char *log_dir, uint64_t seq, struct audit_event *ev, struct err *e)
{
	struct audit_reader *reader = NULL;
	int r = audit_reader_open(log_dir, &reader, e);

	if (r == 0)
		r = audit_reader_seek(reader, seq, e);
	if (r == 0)
		r = audit_reader_next(reader, ev, e);
	audit_reader_close(reader);
	return r == 1 ? ev->seq == seq : r;
}

/* A service began or ended well there, and knew of no act behind @newest. */
static bool is_settled(const char *log_dir, uint64_t seq, uint64_t newest)
{
	struct audit_event ev;

	return record_at(log_dir, seq, &ev, NULL) == 1 &&
	       (ev.type == AUDIT_START || ev.type == AUDIT_STOP) && ev.policy == newest;
}

int acts_check(
	const char *log_dir, uint64_t end, struct store *store, uint64_t *from, struct err *e)
{
	const uint64_t checked = store_checked(store);
	struct store_link newest;
	struct audit_event ev;
	int r = store_newest(store, &newest, e);

	if (r == 0 && newest.seq > end)
		return err_set(e, EBADMSG,
			"catalog.db has an act of record %" PRIu64 ", and the log ends at %" PRIu64
			": they do not belong together; bring both back from the same backup",
			newest.seq, end);
	if (r == 0 && newest.seq > 0) {
		r = record_at(log_dir, newest.seq, &ev, e);
		if (r < 0)
			return r;
		if (r == 0 || !is_act(&ev) ||
			memcmp(ev.commitment, newest.commitment, AUDIT_COMMITMENT) != 0)
			return find_changed(log_dir, store, e);
		r = 0;
	}
	if (r)
		return r;
	*from = checked > newest.seq && checked <= end && is_settled(log_dir, checked, newest.seq)
			? checked + 1
			: newest.seq + 1;
	return 0;
}
