/* SPDX-License-Identifier: Apache-2.0 */
/* seen.c - what marks and notes are made about; see seen.h. */
#include "control/seen.h"

#include <errno.h>

int seen_nothing(const char *path, struct err *e)
{
	return err_set(e, ENOENT, "%s: no such path in what you see of the case", path);
}

int seen_path(const struct view_evidence *ev, uint64_t trace, struct buf *out)
{
	struct evidence_cursor c;
	int r = 0;

	buf_puts(out, ev->name);
	if (trace == TRACE_EVIDENCE_DIR)
		return out->error ? -ENOMEM : 0;
	buf_puts(out, "/");
	evidence_cursor_init(&c, ev->evidence);
	r = evidence_path(&c, trace, out);
	evidence_cursor_release(&c);
	return r ? r : out->error ? -ENOMEM : 0;
}

int seen_act(const struct view *v, struct act *a, struct err *e)
{
	const struct view_evidence *ev = NULL;
	struct trace t;
	bool name_only = false;
	int r = view_find(v, a->case_id, a->path, &ev, &t, &name_only);

	if (r == -ENOENT)
		return seen_nothing(a->path, e);
	if (r)
		return err_errno(e, -r, "%s", a->path);
	if (name_only)
		return err_set(e, EPERM, "%s: you see no more of it than its name", a->path);
	if (a->kind == ACT_NOTE && !(view_rights(ev, t.id) & RIGHT_ANNOTATE))
		return err_set(e, EPERM, "%s: you may not annotate it: that needs `annotate` there",
			a->path);
	a->trace = t.id;
	a->inode = t.inode;
	return 0;
}
