/* SPDX-License-Identifier: Apache-2.0 */
/* view.c - what one user may see at one moment; see view.h. */
#include "policy/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/hold.h"
#include "policy/view_private.h"

#define DAY_NS (INT64_C(24) * 3600 * 1000000000)
/* A clock that stands still, because it was set back, must not make its watcher run. */
#define NEXT_NS (INT64_C(50) * 1000000)

struct compiler {
	const struct model *m;
	const struct identity *who;
	const struct moment *now;
	const struct view_sources *src;
	struct view *v;
	const struct model_grant **held; /* room for all */
};

/* ---- when ------------------------------------------------------------------------------ */

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t not_at_once(int64_t next, const struct moment *now)
{
	return now->boot_ns != MOMENT_PAST && next < now->boot_ns + NEXT_NS ? now->boot_ns + NEXT_NS
									    : next;
}

/* ACCESS.txt warns a week and a day before an end. */
static int64_t next_warning(const struct model_grant *g, const struct moment *now)
{
	static const int64_t before[] = {7 * DAY_NS, DAY_NS};

	if (g->act.until_ns == TIME_NEVER || now->boot_ns == MOMENT_PAST)
		return INT64_MAX;
	for (size_t i = 0; i < 2; i++) {
		int64_t left = g->act.until_ns - before[i] - now->real_ns;

		if (left > 0 && left < INT64_MAX - now->boot_ns)
			return now->boot_ns + left;
	}
	return INT64_MAX;
}

int64_t view_next(const struct model *m, const struct moment *now, const struct clock *clock)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < m->grants_n; i++) {
		const struct model_grant *g = &m->grants[i];
		const struct model_case *c = model_case(m, g->act.case_id);

		if (!c || c->closed_ns || g->revoked_ns)
			continue;
		next = sooner(next, hold_next(g, now, clock));
		if (g->act.kind == ACT_GRANT && hold_active(g, now, clock))
			next = sooner(next, next_warning(g, now));
	}
	return not_at_once(next, now);
}

/* ---- one case --------------------------------------------------------------------------- */

/* What counts for the user in case @c. Return: whether he has anything to do with it. */
static bool look_at_case(struct compiler *x, const struct model_case *c, struct view_holding *h)
{
	bool holds = false;

	*h = (struct view_holding){.v = x->held,
		.owner = hold_is_owner(c, x->who),
		.officer = hold_is_officer(c, x->who)};
	for (size_t i = 0; i < x->m->grants_n; i++) {
		const struct model_grant *g = &x->m->grants[i];
		bool grant = g->act.kind == ACT_GRANT;

		if (g->act.case_id != c->id || g->revoked_ns || !hold_means(g, x->who))
			continue;
		x->v->next_boot_ns =
			sooner(x->v->next_boot_ns, hold_next(g, x->now, x->src->clock));
		if (!hold_active(g, x->now, x->src->clock))
			continue;
		if (grant)
			x->v->next_boot_ns = sooner(x->v->next_boot_ns, next_warning(g, x->now));
		x->held[h->n++] = g;
		holds = holds || grant;
	}
	return h->owner || h->officer || holds;
}

/* The same evidence in the user's view up to now; NULL: it was not in it. */
static const struct view_evidence *before_of(const struct compiler *x, const struct evidence *ev)
{
	const struct view *v = x->src->before;

	for (size_t i = 0; v && i < v->evidence_n; i++) {
		if (v->evidence[i].evidence == ev)
			return &v->evidence[i];
	}
	return NULL;
}

static int compile_evidence(
	struct compiler *x, const struct model_case *c, const struct view_holding *h)
{
	for (size_t i = 0; i < x->m->evidence_n; i++) {
		const struct model_evidence *me = &x->m->evidence[i];
		struct view_from from = {
			.me = me, .masks = x->src->masks, .hurried = x->src->hurried};
		bool concerned = h->officer || (h->owner && me->released_ns);
		int r = 0;

		if (me->case_id != c->id)
			continue;
		for (size_t k = 0; k < h->n && !concerned; k++)
			concerned = h->v[k]->act.kind == ACT_GRANT && hold_covers(h->v[k], me);
		from.ev = concerned ? x->src->evidence(x->src->ctx, me) : NULL;
		if (!from.ev)
			continue;
		from.w = x->src->withheld ? x->src->withheld(x->src->ctx, me) : NULL;
		from.before = before_of(x, from.ev);
		r = view_evidence_compile(
			h, &from, &x->v->evidence[x->v->evidence_n], &x->v->hurried);
		if (r < 0)
			return r;
		x->v->evidence_n += (size_t)r;
	}
	return 0;
}

static int compile_case(struct compiler *x, const struct model_case *c)
{
	struct view_case *vc = &x->v->cases[x->v->cases_n];
	struct view_holding h;
	struct buf text = BUF_INIT;
	size_t first = x->v->evidence_n;
	int r = 0;

	if (c->closed_ns || (x->src->only_case && c->id != x->src->only_case) ||
		!look_at_case(x, c, &h))
		return 0;
	h.modest = x->src->modest;
	access_text(x->m, c, x->who, x->now, x->src->clock, &text);
	vc->id = c->id;
	vc->name = strdup(c->name);
	vc->access_txt = text.error ? NULL : strdup(buf_cstr(&text));
	buf_release(&text);
	x->v->cases_n++;
	if (!vc->name || !vc->access_txt)
		r = -ENOMEM;
	if (r == 0)
		r = compile_evidence(x, c, &h);
	return r ? r : view_notes_compile(x->m, &h, x->v, first, vc);
}

/* ---- a view ----------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct view_case *)a)->name, ((const struct view_case *)b)->name);
}

static size_t case_place(const struct view *v, uint64_t id)
{
	size_t i = 0;

	while (i < v->cases_n && v->cases[i].id != id)
		i++;
	return i;
}

static int by_case_and_name(const void *a, const void *b, void *ctx)
{
	const struct view_evidence *x = a;
	const struct view_evidence *y = b;
	size_t p = case_place(ctx, x->case_id);
	size_t q = case_place(ctx, y->case_id);

	return p != q ? (p < q ? -1 : 1) : strcmp(x->name, y->name);
}

int view_empty(uid_t uid, uint64_t version, struct view **out)
{
	struct view *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v->uid = uid;
	v->version = version;
	v->next_boot_ns = INT64_MAX;
	*out = v;
	return 0;
}

static int compile(struct compiler *x)
{
	struct view *v = x->v;
	int r = 0;

	v->cases = calloc(x->m->cases_n + 1, sizeof(*v->cases));
	v->evidence = calloc(x->m->evidence_n + 1, sizeof(*v->evidence));
	x->held = calloc(x->m->grants_n + 1, sizeof(*x->held)); /* NOLINT: pointers */
	if (!v->cases || !v->evidence || !x->held)
		r = -ENOMEM;
	/* root is shown nothing, whatever a group says */
	for (size_t i = 0; r == 0 && x->who->uid != 0 && i < x->m->cases_n; i++)
		r = compile_case(x, &x->m->cases[i]);
	free(x->held);
	if (r)
		return r;
	qsort(v->cases, v->cases_n, sizeof(*v->cases), by_name);
	qsort_r(v->evidence, v->evidence_n, sizeof(*v->evidence), by_case_and_name, v);
	v->next_boot_ns = not_at_once(v->next_boot_ns, x->now);
	return x->src->only_case ? 0 : view_hidden_compile(x->m, v);
}

int view_compile(const struct model *m, const struct identity *who, const struct moment *now,
	const struct view_sources *src, struct view **out, struct err *e)
{
	struct compiler x = {.m = m, .who = who, .now = now, .src = src};
	int r = view_empty(who->uid, m->version, &x.v);

	if (r == 0)
		r = compile(&x);
	if (r) {
		view_free(x.v);
		return err_errno(e, -r, "what uid %u may see", (unsigned)who->uid);
	}
	*out = x.v;
	return 0;
}

int view_personal(uid_t uid, unsigned rights, struct evidence **evidence, size_t n,
	struct view **out, struct err *e)
{
	struct view *v = NULL;
	int r = view_empty(uid, 0, &v);

	if (r == 0)
		v->evidence = calloc(n + 1, sizeof(*v->evidence));
	if (r == 0 && !v->evidence)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct view_evidence *ev = &v->evidence[v->evidence_n++];

		ev->id = i + 1;
		ev->name = strdup(evidence[i]->name);
		ev->evidence = evidence[i];
		ev->whole = true;
		ev->ranges = calloc(1, sizeof(*ev->ranges));
		if (!ev->name || !ev->ranges) {
			r = -ENOMEM;
			break;
		}
		ev->ranges[0] = (struct view_range){.last = UINT64_MAX, .rights = rights};
		ev->ranges_n = 1;
	}
	if (r) {
		view_free(v);
		return err_errno(e, -r, "view");
	}
	v->personal = true;
	*out = v;
	return 0;
}

void view_free(struct view *v)
{
	if (!v)
		return;
	for (size_t i = 0; v->cases && i < v->cases_n; i++) {
		free(v->cases[i].name);
		free(v->cases[i].access_txt);
		free(v->cases[i].notes);
	}
	for (size_t i = 0; v->evidence && i < v->evidence_n; i++)
		view_evidence_release(&v->evidence[i]);
	for (size_t i = 0; i < v->hidden_n; i++)
		free((char *)(uintptr_t)v->hidden[i].name);
	free(v->hidden);
	free(v->cases);
	free(v->evidence);
	free(v);
}
