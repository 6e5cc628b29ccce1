/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marks_row.h - what is asked about the marks of a case, and a row of the answer
 *
 * Whoever asks is told of no trace that he does not see.
 */
#ifndef EVIDENCEFS_CONTROL_MARKS_ROW_H
#define EVIDENCEFS_CONTROL_MARKS_ROW_H

#include "control/exchange.h"
#include "control/marks_group.h"
#include "policy/marks.h"
#include "policy/view.h"

struct marks_asked {
	struct exchange *x;
	uint64_t case_id;
	struct view *view;     /* the caller's */
	enum mark_state state; /* only these; MARK_NONE: all */
};

/* A mark, and how it reaches what was asked about. */
struct marks_row {
	const struct act *act;
	enum mark_state state; /* of the trace it is on */
	const char *road;      /* NULL: nothing was asked about */
	const char *place;     /* of what was asked about, seen from where the road leads */
	const char *through;   /* where the road leads, if that is another trace; NULL */
	const char *same;      /* as in marks_member; NULL or "": nothing is known */
	const char *thread;
};

/* What marks make of the traces of a case, those that the caller sees: by path. */
struct marks_list {
	struct marks_listed {
		struct act act; /* of the mark that counts */
		enum mark_state state;
		char *waiting; /* who has rejected it, which waits for another; NULL */
	} * v;
	struct marks_member *members; /* `of` is a place in @v */
	size_t n;
};

/** marks_sees() - whether the caller sees what is at @path, and what it is. @t: texts are not set.
 */
bool marks_sees(const struct marks_asked *q, const char *path, const struct view_evidence **ev,
	struct trace *t);
/** marks_begin_row() - a row with what the mark @a says; answer_row_end() it. */
struct buf *marks_begin_row(struct exchange *x, const struct act *a, enum mark_state state);
/** marks_put() - one row, if it is of the state that is asked for. */
void marks_put(const struct marks_asked *q, const struct marks_row *r);

/**
 * marks_list() - those in the state that is asked for
 * What of them belongs together is not known yet: marks_group().
 * Do not hold the model. marks_list_release() in any case. Return: 0; -errno.
 */
int marks_list(const struct marks_asked *q, struct marks_list *out, struct err *e);
void marks_list_release(struct marks_list *l);

/**
 * marks_why() - which marks withhold what is at @path, and over which roads
 * And, of a container that is refused as a whole, which of its members are withheld by them.
 * Do not hold the model. Return: 0; -ENOENT nothing there, or nothing for him; -errno.
 */
int marks_why(const struct marks_asked *q, const char *path, struct err *e);

#endif
