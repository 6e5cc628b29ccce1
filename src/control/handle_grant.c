/* SPDX-License-Identifier: Apache-2.0 */
/* handle_grant.c - grant, exclude, revoke. */
#include "control/exchange.h"

#include <errno.h>

static int take_rights(const struct exchange *x, unsigned *rights, struct err *e)
{
	const char *role = exchange_arg(x, "role");
	const char *list = exchange_arg(x, "rights");

	if (!role == !list)
		return err_set(e, EINVAL, "either a role or rights are given");
	if (role && rights_of_role(role, rights))
		return err_set(e, EINVAL, "--role %s: not one of analyst, reviewer, auditor", role);
	if (list && (rights_parse(list, rights) || *rights == 0))
		return err_set(e, EINVAL,
			"--rights %s: not of read, deleted, raw, privileged, notes, annotate, "
			"mark, "
			"grant, audit",
			list);
	return 0;
}

/* Who, where and when: what grants and exclusions have in common. */
static int take_terms(struct exchange *x, struct act *a, struct err *e)
{
	const char *path = exchange_arg(x, "path");
	int r = exchange_who(x, "who", &a->who, e);

	if (r == 0 && path)
		r = rules_path(path, service_config(x->service)->mount_root,
			exchange_arg(x, "case"), &a->path, e);
	a->from_ns = service_now(x->service).real_ns;
	if (r == 0)
		r = exchange_time(x, "from", &a->from_ns, e);
	if (r == 0)
		r = exchange_time(x, "until", &a->until_ns, e);
	if (r == 0)
		r = exchange_text(x, "reason", &a->reason, e);
	return r;
}

static void put_made(struct exchange *x, const struct act *a)
{
	struct buf *row = answer_row(x->answer);

	row_u64(row, "id", a->object);
	row_str(row, "case", exchange_arg(x, "case"));
	row_str(row, "who", a->who.typed);
	row_str(row, "path", a->path);
	exchange_rights(row, "rights", a->rights);
	row_time(row, "from", a->from_ns);
	row_time_if(row, "until", a->until_ns != TIME_NEVER, a->until_ns);
	row_str(row, "kind", a->kind == ACT_GRANT ? "grant" : "exclusion");
	answer_row_end(x->answer);
}

static int make(struct exchange *x, enum act_kind kind, struct err *e)
{
	struct act a;
	int r = 0;

	exchange_act(x, kind, &a);
	r = take_terms(x, &a, e);
	if (r == 0 && kind == ACT_GRANT)
		r = take_rights(x, &a.rights, e);
	a.future = exchange_flag(x, "future");
	if (r == 0 && kind == ACT_EXCLUDE && !a.path)
		r = err_set(e, EINVAL, "an exclusion needs a path in the case");
	if (r == 0)
		r = exchange_do(x, &a, e);
	if (r == 0)
		put_made(x, &a);
	act_release(&a);
	return r;
}

int handle_grant(struct exchange *x, struct err *e)
{
	return make(x, ACT_GRANT, e);
}

int handle_exclude(struct exchange *x, struct err *e)
{
	return make(x, ACT_EXCLUDE, e);
}

int handle_revoke(struct exchange *x, struct err *e)
{
	struct act a;
	int r = 0;

	exchange_act(x, ACT_REVOKE, &a);
	r = exchange_number(x, "id", UINT64_MAX, &a.object, e);
	if (r == 0)
		r = exchange_text(x, "reason", &a.reason, e);
	if (r == 0)
		r = exchange_do(x, &a, e);
	if (r == 0) {
		struct buf *row = answer_row(x->answer);

		row_u64(row, "id", a.object);
		row_str(row, "case", exchange_arg(x, "case"));
		row_time(row, "revoked_at", a.ns);
		row_str(row, "revoke_reason", a.reason);
		answer_row_end(x->answer);
	}
	act_release(&a);
	return r;
}
