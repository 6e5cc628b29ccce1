/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marks_group.h - which of the traces that a reviewer works through belong together
 *
 * The same contents, or messages of one thread: those that name each other, or a third one, in
 * Message-ID, References and In-Reply-To, and what is in them. Asks workers for header fields: do
 * not hold the model. Nothing of what the caller may not read counts.
 */
#ifndef EVIDENCEFS_CONTROL_MARKS_GROUP_H
#define EVIDENCEFS_CONTROL_MARKS_GROUP_H

#include "policy/view.h"

#define MARKS_SAME_MAX   65 /* SHA-256 in hex */
#define MARKS_THREAD_MAX 17

struct marks_member {
	size_t of;                      /* the caller's own */
	const struct view_evidence *ev; /* as view_find() gave it; NULL: it is not seen */
	uint64_t trace;
	/* What those that belong together have in common; "" nothing is known. */
	char same[MARKS_SAME_MAX];
	char thread[MARKS_THREAD_MAX];
	size_t at, first; /* marks_order()'s own */
};

/** marks_group() - `same` and `thread` of each, as far as @view's user may read them. Return: 0;
 * -ENOMEM. *@lost: so many messages could not be read. */
int marks_group(const struct view *view, struct marks_member *v, size_t n, size_t *lost);
/** marks_order() - those of a thread, else of the same contents, one behind the other; else as
 * they were. */
void marks_order(struct marks_member *v, size_t n);
/** marks_together() - whether two have contents or a thread in common. */
bool marks_together(const struct marks_member *a, const struct marks_member *b);

#endif
