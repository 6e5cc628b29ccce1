/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules_mark.c - who may mark what; see rules.h.
 *
 * That who asks sees the trace is not asked here: it takes his view (policy/view.h). The
 * service refuses a path that he does not see before it comes to this.
 */
#include "policy/rules_private.h"

#include <errno.h>
#include <string.h>

#include "policy/hold.h"

#define BASIS_MAX 4096

int rules_mark(struct asking *x, struct err *e)
{
	const struct act *a = x->a;
	int r = rules_reason(a, e);

	if (r)
		return r;
	if (!a->basis || !*a->basis)
		return err_set(
			e, EINVAL, "a basis is needed: --basis TEXT, what makes it privileged");
	if (strlen(a->basis) > BASIS_MAX)
		return err_set(e, EINVAL, "the basis is longer than %d bytes", BASIS_MAX);
	if (!mark_state_name(a->mark_state) || a->mark_origin != MARK_BY_USER)
		return err_set(e, EINVAL, "--state is one of suspected, confirmed, rejected");
	if (!a->path || !model_evidence_named(x->m, x->c->id, a->path, path_first(a->path)))
		return err_set(e, EINVAL, "mark what? PATH is needed");
	if (a->mark_state == MARK_SUSPECTED || x->is.officer)
		return 0;
	if (!rules_holds(x, RIGHT_MARK, a->path))
		return err_set(e, EPERM,
			"`%s` is for holders of `mark` over all of PATH; whoever sees it may mark "
			"it suspected",
			mark_state_name(a->mark_state));
	return 0;
}
