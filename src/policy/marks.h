/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marks.h - what the marks of a case say: the algebra, without any evidence
 *
 * Marks are never changed: what is in force on a trace follows from all that were
 * given to it, in order. Where several lie one in the other, the deepest counts.
 * Which other traces are withheld with a marked one is for policy/roads.h. Pure.
 */
#ifndef EVIDENCEFS_POLICY_MARKS_H
#define EVIDENCEFS_POLICY_MARKS_H

#include "catalog/model.h"

/* What the marks on one trace amount to. Borrows from the acts. */
struct mark_own {
	const char *path;
	enum mark_state state; /* MARK_NONE: there are no marks */
	const struct act *by;  /* the mark that made it so; NULL none */
	/* a rejection of what is confirmed, which counts once somebody else rejects it too; NULL */
	const struct act *waiting;
};

/** mark_withholds() - whether a trace in that state is kept from who lacks `privileged`. */
bool mark_withholds(enum mark_state s);

/**
 * marks_fold() - the marks on one trace, in the order of their records
 * A rule says nothing once a person has. `suspected` never replaces `confirmed`. Each
 * confirmation is lifted by a rejection of somebody else's.
 */
struct mark_own marks_fold(const struct act *const *v, size_t n);

/**
 * marks_of_case() - every marked trace of a case, by path
 * @more: acts that are not in the model (yet), later than all in it
 * Return: 0, caller frees *@out; -ENOMEM.
 */
int marks_of_case(const struct model *m, uint64_t case_id, const struct act *const *more,
	size_t more_n, struct mark_own **out, size_t *n);

/* Traces that a mark reaches by its place. Any two lie apart or one in the other. */
struct mark_place {
	uint64_t first;
	uint64_t last;
	bool exact; /* the marked trace itself: deeper than another's place that is as wide */
	const struct mark_own *own;
};

/* Traces on which one mark is the deepest. */
struct mark_span {
	uint64_t first;
	uint64_t last;
	const struct mark_own *own;
};

/** marks_spread() - who counts where; sorts @v. In order and apart; caller frees *@out. */
int marks_spread(struct mark_place *v, size_t n, struct mark_span **out, size_t *out_n);

#endif
