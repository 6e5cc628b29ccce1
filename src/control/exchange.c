/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.c - one request under way; see exchange.h. */
#include "control/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "policy/hold.h"

/* ---- arguments ------------------------------------------------------------------------- */

const char *exchange_arg(const struct exchange *x, const char *name)
{
	return control_arg(x->q, name);
}

size_t exchange_count(const struct exchange *x, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < x->q->n; i++)
		n += strcmp(x->q->args[i].name, name) == 0;
	return n;
}

bool exchange_flag(const struct exchange *x, const char *name)
{
	return control_arg(x->q, name) != NULL;
}

int exchange_time(const struct exchange *x, const char *name, int64_t *out, struct err *e)
{
	const char *text = exchange_arg(x, name);
	struct err why = {0};
	int64_t ns = 0;
	int r = 0;

	if (!text)
		return 0;
	r = text_time_parse(text, service_now(x->service).real_ns, &ns, &why);
	if (r)
		return err_set(e, -r, "--%s %s", name, why.text);
	*out = ns;
	return 0;
}

int exchange_number(
	const struct exchange *x, const char *name, uint64_t max, uint64_t *out, struct err *e)
{
	const char *text = exchange_arg(x, name);
	char *end = NULL;
	unsigned long long v = 0;

	if (!text)
		return 0;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || v > max)
		return err_set(e, EINVAL, "%s: not a number, or too large", text);
	*out = v;
	return 0;
}

int exchange_who(const struct exchange *x, const char *name, struct subject *out, struct err *e)
{
	return subject_parse(exchange_arg(x, name), out, e);
}

/* ---- cases, for questions ------------------------------------------------------------- */

/* Whether he holds `audit` on the whole of it: a grant without path. */
static bool audits_all(
	const struct exchange *x, const struct model *m, uint64_t case_id, const struct moment *now)
{
	for (size_t i = 0; i < m->grants_n; i++) {
		const struct model_grant *g = &m->grants[i];

		if (g->act.kind == ACT_GRANT && g->act.case_id == case_id && !g->act.path &&
			(g->act.rights & RIGHT_AUDIT) && hold_means(g, &x->caller->who) &&
			hold_active(g, now, service_clock(x->service)))
			return true;
	}
	return false;
}

void exchange_sight(const struct exchange *x, const struct model *m, const struct model_case *c,
	struct sight *out)
{
	struct moment now = service_now(x->service);

	*out = (struct sight){
		.id = c->id, .root = x->caller->root, .log_officer = x->caller->officer};
	if (!out->root)
		out->standing =
			rules_standing(m, &x->caller->who, c->id, &now, service_clock(x->service));
	else
		out->log_officer = false; /* root reads no evidence, and no log of it */
	out->audit = out->log_officer || out->standing.owner ||
		     (!out->root && audits_all(x, m, c->id, &now));
	out->audit_some = out->audit || (out->standing.rights & RIGHT_AUDIT) != 0;
	out->any = out->root || out->log_officer || out->standing.owner || out->standing.officer ||
		   out->standing.rights != 0;
}

int exchange_no_such_case(const struct exchange *x, struct err *e)
{
	/* as rules_check() says it */
	(void)x;
	return err_set(e, ENOENT,
		"no such case, or none in which you hold a right: see `evidencefs case list`");
}

int exchange_refuse(const struct exchange *x, const char *what, struct err *e)
{
	const char *name = exchange_arg(x, "case");

	return err_set(e, EPERM, "%s%s%s; only %s", name ? name : "", name ? ": " : "", what,
		x->command->may);
}

int exchange_case(struct exchange *x, const struct model *m, const struct model_case **out,
	struct sight *sight, struct err *e)
{
	const char *name = exchange_arg(x, "case");
	const struct model_case *c = name ? service_case(x->service, name) : NULL;

	if (!c)
		return exchange_no_such_case(x, e);
	x->case_id = c->id;
	exchange_sight(x, m, c, sight);
	if (!sight->any)
		return exchange_no_such_case(x, e);
	*out = c;
	return 0;
}

/* ---- acts ------------------------------------------------------------------------------- */

void exchange_act(struct exchange *x, enum act_kind kind, struct act *a)
{
	const char *name = exchange_arg(x, "case");
	const struct model_case *c = NULL;

	service_model(x->service);
	c = name ? service_case(x->service, name) : NULL;
	*a = (struct act){.kind = kind, .case_id = c ? c->id : 0, .until_ns = TIME_NEVER};
	x->case_id = a->case_id;
	service_model_done(x->service);
}

uint64_t exchange_evidence(struct exchange *x, uint64_t case_id)
{
	const struct model *m = service_model(x->service);
	const char *name = exchange_arg(x, "evidence");
	const struct model_evidence *ev =
		name ? model_evidence_named(m, case_id, name, strlen(name)) : NULL;
	uint64_t id = ev ? ev->id : 0;

	service_model_done(x->service);
	return id;
}

int exchange_text(const struct exchange *x, const char *name, char **out, struct err *e)
{
	const char *text = exchange_arg(x, name);

	if (!text)
		return 0;
	*out = strdup(text);
	return *out ? 0 : err_errno(e, ENOMEM, "%s", name);
}

int exchange_do(struct exchange *x, struct act *a, struct err *e)
{
	int r = service_do(x->service, x->caller, a, e);

	if (r)
		x->recorded = true;
	return r;
}

int exchange_do_all(struct exchange *x, struct act *acts, size_t n, size_t *made, struct err *e)
{
	int r = service_do_all(x->service, x->caller, acts, n, made, e);

	if (r)
		x->recorded = true;
	return r;
}

bool exchange_audits(const struct exchange *x)
{
	const struct model *m = service_model(x->service);
	bool found = false;

	for (size_t i = 0; i < m->cases_n && !found; i++) {
		struct sight sight;

		exchange_sight(x, m, &m->cases[i], &sight);
		found = sight.audit;
	}
	service_model_done(x->service);
	return found;
}

int exchange_query(struct exchange *x, uint64_t case_id, struct err *e)
{
	if (service_query(x->service, x->caller, case_id, x->command->number) == 0)
		return 0;
	x->recorded = true; /* nothing can be */
	return err_set(e, EIO, "the access log cannot be written; so nothing is shown");
}

void exchange_rights(struct buf *row, const char *key, unsigned rights)
{
	char text[128];
	size_t n = 0;

	rights_names(rights, text);
	for (const char *p = text; *p; p += strcspn(p, ","), p += *p == ',')
		n++;
	row_list(row, key, n);
	for (const char *p = text; *p; p += strcspn(p, ","), p += *p == ',')
		row_item(row, p, strcspn(p, ","));
}
