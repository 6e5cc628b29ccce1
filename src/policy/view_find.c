/* SPDX-License-Identifier: Apache-2.0 */
/* view_find.c - from a path to what its reader sees there; see view.h. */
#include <errno.h>
#include <string.h>

#include "policy/decide.h"
#include "policy/hold.h"

static const struct view_evidence *evidence_named(
	const struct view *v, uint64_t case_id, const char *name, size_t n)
{
	for (size_t i = 0; i < v->evidence_n; i++) {
		const struct view_evidence *ev = &v->evidence[i];

		if (ev->case_id == case_id && strlen(ev->name) == n &&
			memcmp(ev->name, name, n) == 0)
			return ev;
	}
	return NULL;
}

/* Return: 0 it is seen; -ENOENT. */
static int judge(const struct view *v, const struct view_evidence *ev, const struct trace *t,
	bool *name_only)
{
	enum decision d = decide(v, ev, v->uid, t->id, NULL);

	*name_only = d == DECIDE_PASS;
	return d == DECIDE_ALLOW || d == DECIDE_PASS ||
			       (d == DECIDE_DIRECTORIES && t->kind == ENTRY_DIR)
		       ? 0
		       : -ENOENT;
}

int view_find(const struct view *v, uint64_t case_id, const char *path,
	const struct view_evidence **ev, struct trace *t, bool *name_only)
{
	size_t n = path_first(path);
	const struct view_evidence *found = evidence_named(v, case_id, path, n);
	struct evidence_cursor c;
	struct trace at = {.id = TRACE_EVIDENCE_DIR};
	int there = 0;
	int r = 0;

	if (!found)
		return -ENOENT;
	evidence_cursor_init(&c, found->evidence);
	r = evidence_get(&c, TRACE_EVIDENCE_DIR, &at);
	if (r == 0)
		r = judge(v, found, &at, name_only);
	for (path += n; r == 0 && *path;) {
		path += *path == '/';
		n = path_first(path);
		/* what is hidden and what is not there: the same work */
		there = at.kind == ENTRY_DIR ? evidence_nearest(&c, at.id, path, n, &at) : -ENOENT;
		r = there < 0 ? there : judge(v, found, &at, name_only);
		if (r == 0 && there == 0)
			r = -ENOENT;
		path += n;
	}
	evidence_cursor_release(&c);
	if (r)
		return r == -ENOENT || r == -ENOMEM ? r : -EIO;
	at.name = at.original = at.target = NULL;
	*t = at;
	*ev = found;
	return 0;
}
