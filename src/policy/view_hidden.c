/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view_hidden.c - names outside of evidence that a view does not show; see view.h.
 *
 * Of other cases, of evidence in a case that is seen, of notes. Only the log is told.
 */
#include "policy/view_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* In order of where they stand, then of their names. */
static int order(const void *a, const void *b)
{
	const struct view_hidden *x = a;
	const struct view_hidden *y = b;

	if (x->in_case != y->in_case)
		return x->in_case < y->in_case ? -1 : 1;
	if (x->in_notes != y->in_notes)
		return x->in_notes ? 1 : -1;
	return strcmp(x->name, y->name);
}

static int add(struct view *v, size_t *cap, const struct view_hidden *h)
{
	char *name = NULL;

	if (array_room(&v->hidden, sizeof(*v->hidden), v->hidden_n, cap))
		return -ENOMEM;
	name = strdup(h->name);
	if (!name)
		return -ENOMEM;
	v->hidden[v->hidden_n] = *h;
	v->hidden[v->hidden_n++].name = name;
	return 0;
}

static const struct view_case *seen_case(const struct view *v, uint64_t id)
{
	for (size_t i = 0; i < v->cases_n; i++) {
		if (v->cases[i].id == id)
			return &v->cases[i];
	}
	return NULL;
}

static bool seen_evidence(const struct view *v, uint64_t id)
{
	for (size_t i = 0; i < v->evidence_n; i++) {
		if (v->evidence[i].id == id)
			return true;
	}
	return false;
}

int view_hidden_compile(const struct model *m, struct view *v)
{
	size_t cap = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->cases_n; i++) {
		const struct model_case *c = &m->cases[i];

		if (!seen_case(v, c->id))
			r = add(v, &cap, &(struct view_hidden){.name = c->name, .case_id = c->id});
	}
	for (size_t i = 0; r == 0 && i < m->evidence_n; i++) {
		const struct model_evidence *me = &m->evidence[i];
		struct view_hidden h = {
			.in_case = me->case_id, .name = me->name, .case_id = me->case_id};

		if (!seen_case(v, me->case_id) || seen_evidence(v, me->id))
			continue;
		memcpy(h.digest, me->digest, sizeof(h.digest));
		r = add(v, &cap, &h);
	}
	for (size_t i = 0; r == 0 && i < m->notes_n; i++) {
		const struct act *a = &m->notes[i].act;
		const struct view_case *c = seen_case(v, a->case_id);

		if (c && c->has_notes && !view_note(c, a->object))
			r = add(v, &cap,
				&(struct view_hidden){.in_case = a->case_id,
					.in_notes = true,
					.name = a->name,
					.case_id = a->case_id,
					.note = a->object});
	}
	if (r == 0 && v->hidden_n > 0)
		qsort(v->hidden, v->hidden_n, sizeof(*v->hidden), order);
	return r;
}

const struct view_hidden *view_hidden(
	const struct view *v, uint64_t in_case, bool in_notes, const char *name)
{
	const struct view_hidden key = {.in_case = in_case, .in_notes = in_notes, .name = name};
	size_t low = 0;
	size_t high = v->hidden_n;

	/* as many steps whether or not it is there */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (order(&v->hidden[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < v->hidden_n && order(&v->hidden[low], &key) == 0 ? &v->hidden[low] : NULL;
}
