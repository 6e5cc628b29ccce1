/* SPDX-License-Identifier: Apache-2.0 */
/* marks.c - what the marks of a case say; see marks.h. */
#include "policy/marks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool mark_withholds(enum mark_state s)
{
	return s == MARK_SUSPECTED || s == MARK_CONFIRMED;
}

/* ---- one trace ------------------------------------------------------------------------- */

static bool is_confirmation(const struct act *a)
{
	return a->mark_state == MARK_CONFIRMED;
}

/* A rule says nothing once a person has. */
static bool counts(const struct act *const *v, size_t at)
{
	for (size_t i = 0; v[at]->mark_origin != MARK_BY_USER && i < at; i++) {
		if (v[i]->mark_origin == MARK_BY_USER)
			return false;
	}
	return true;
}

/* Whether some rejection behind [at] is by another than who gave [at]. */
static bool is_lifted(const struct act *const *v, size_t n, size_t at)
{
	for (size_t i = at + 1; i < n; i++) {
		if (v[i]->mark_state == MARK_REJECTED && counts(v, i) &&
			v[i]->by_uid != v[at]->by_uid)
			return true;
	}
	return false;
}

/* Whether every confirmation among [from] .. [n - 1] is. */
static bool all_lifted(const struct act *const *v, size_t from, size_t n)
{
	for (size_t i = from; i < n; i++) {
		if (is_confirmation(v[i]) && counts(v, i) && !is_lifted(v, n, i))
			return false;
	}
	return true;
}

/* One more, where [from] is where the present run of confirmations begins. */
static void take(struct mark_own *own, const struct act *const *v, size_t at, size_t *from)
{
	const struct act *a = v[at];
	bool confirmed = own->state == MARK_CONFIRMED;

	if (confirmed && a->mark_state == MARK_SUSPECTED)
		return;
	if (confirmed && a->mark_state == MARK_REJECTED && !all_lifted(v, *from, at + 1)) {
		own->waiting = a;
		return;
	}
	if (!confirmed)
		*from = at;
	/* it stands as it was, and another's rejection waits on */
	if (confirmed && is_confirmation(a) && own->waiting && own->waiting->by_uid != a->by_uid)
		return;
	own->state = a->mark_state;
	own->by = a;
	own->waiting = NULL;
}

struct mark_own marks_fold(const struct act *const *v, size_t n)
{
	struct mark_own own = {.path = n > 0 ? v[0]->path : NULL};
	size_t from = 0;

	for (size_t i = 0; i < n; i++) {
		if (counts(v, i))
			take(&own, v, i, &from);
	}
	return own;
}

/* ---- a case ------------------------------------------------------------------------------ */

static int by_path(const void *a, const void *b)
{
	const struct act *x = *(const struct act *const *)a;
	const struct act *y = *(const struct act *const *)b;
	int r = strcmp(x->path, y->path);

	/* those that are no act yet have no record: they come last, in the order of their places */
	if (r == 0 && x->seq && y->seq)
		r = (x->seq > y->seq) - (x->seq < y->seq);
	else if (r == 0 && x->seq != y->seq)
		r = x->seq ? -1 : 1;
	return r;
}

static size_t gather(const struct model *m, uint64_t case_id, const struct act *const *more,
	size_t more_n, const struct act **out)
{
	size_t n = 0;

	for (size_t i = 0; i < m->marks_n; i++) {
		if (m->marks[i].act.case_id == case_id)
			out[n++] = &m->marks[i].act;
	}
	for (size_t i = 0; i < more_n; i++)
		out[n++] = more[i];
	return n;
}

int marks_of_case(const struct model *m, uint64_t case_id, const struct act *const *more,
	size_t more_n, struct mark_own **out, size_t *n)
{
	const struct act **acts = calloc(m->marks_n + more_n + 1, sizeof(*acts)); /* NOLINT */
	struct mark_own *v = calloc(m->marks_n + more_n + 1, sizeof(*v));
	size_t acts_n = 0;
	size_t found = 0;

	if (!acts || !v) {
		free(acts);
		free(v);
		return -ENOMEM;
	}
	acts_n = gather(m, case_id, more, more_n, acts);
	if (acts_n > 0)
		qsort(acts, acts_n, sizeof(*acts), by_path);
	for (size_t i = 0; i < acts_n;) {
		size_t end = i + 1;

		while (end < acts_n && strcmp(acts[end]->path, acts[i]->path) == 0)
			end++;
		v[found++] = marks_fold(acts + i, end - i);
		i = end;
	}
	free(acts);
	*out = v;
	*n = found;
	return 0;
}

/* ---- one in the other --------------------------------------------------------------------- */

struct sweep {
	struct mark_span *v;
	size_t n;
	const struct mark_place **stack;
	size_t depth;
	uint64_t at; /* first trace that nothing was said of yet */
	bool done;
};

static void advance(struct sweep *s, uint64_t last)
{
	const struct mark_own *own = NULL;

	if (s->done || last < s->at)
		return;
	if (s->depth > 0)
		own = s->stack[s->depth - 1]->own;
	if (own && s->n > 0 && s->v[s->n - 1].own == own && s->v[s->n - 1].last + 1 == s->at)
		s->v[s->n - 1].last = last;
	else if (own)
		s->v[s->n++] = (struct mark_span){s->at, last, own};
	s->done = last == UINT64_MAX;
	s->at = last + 1;
}

/* Outer ones first; of two that are alike, what withholds counts, and most of all what is exact. */
static int outer_first(const void *a, const void *b)
{
	const struct mark_place *x = a;
	const struct mark_place *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (x->last != y->last)
		return x->last > y->last ? -1 : 1;
	if (x->exact != y->exact)
		return y->exact ? -1 : 1;
	return (int)mark_withholds(x->own->state) - (int)mark_withholds(y->own->state);
}

static void close_before(struct sweep *s, uint64_t first)
{
	while (s->depth > 0 && s->stack[s->depth - 1]->last < first) {
		advance(s, s->stack[s->depth - 1]->last);
		s->depth--;
	}
}

int marks_spread(struct mark_place *v, size_t n, struct mark_span **out, size_t *out_n)
{
	struct sweep s = {.v = calloc(2 * n + 1, sizeof(*s.v)),
		.stack = calloc(n + 1, sizeof(*s.stack))}; /* NOLINT: pointers */

	if (!s.v || !s.stack) {
		free(s.v);
		free(s.stack);
		return -ENOMEM;
	}
	if (n > 0)
		qsort(v, n, sizeof(*v), outer_first);
	for (size_t i = 0; i < n; i++) {
		close_before(&s, v[i].first);
		if (v[i].first > 0)
			advance(&s, v[i].first - 1);
		s.stack[s.depth++] = &v[i];
	}
	while (s.depth > 0) {
		advance(&s, s.stack[s.depth - 1]->last);
		s.depth--;
	}
	free(s.stack);
	*out = s.v;
	*out_n = s.n;
	return 0;
}
