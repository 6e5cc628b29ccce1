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

/* By a rule nobody sees what is marked before it is: that is for who may see it all. */
static int may_scan(const struct asking *x, const char *path, struct err *e)
{
	if (x->is.officer)
		return 0;
	if (!(x->is.rights & RIGHT_MARK) || !(x->is.rights & RIGHT_PRIVILEGED))
		return err_set(e, EPERM, "a scan is for who holds `mark` and `privileged`");
	if (!rules_holds(x, RIGHT_MARK, path) || !rules_holds(x, RIGHT_PRIVILEGED, path))
		return err_set(e, EPERM,
			"you hold `mark` and `privileged` on a part of that only: name a PATH over "
			"all of which you do");
	return 0;
}

int rules_may_scan(struct asking *x, struct err *e)
{
	return may_scan(x, x->a->path, e);
}

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
	if (!mark_state_name(a->mark_state) || !mark_origin_name(a->mark_origin) ||
		(a->mark_origin == MARK_BY_RULE && a->mark_state == MARK_REJECTED))
		return err_set(e, EINVAL, "--state is one of suspected, confirmed, rejected");
	if (!a->path || !model_evidence_named(x->m, x->c->id, a->path, path_first(a->path)))
		return err_set(e, EINVAL, "mark what? PATH is needed");
	if (a->mark_origin == MARK_BY_RULE)
		return may_scan(x, a->path, e);
	if (a->mark_state == MARK_SUSPECTED || x->is.officer)
		return 0;
	if (!rules_holds(x, RIGHT_MARK, a->path))
		return err_set(e, EPERM,
			"`%s` is for holders of `mark` over all of PATH; whoever sees it may mark "
			"it suspected",
			mark_state_name(a->mark_state));
	return 0;
}
