/* SPDX-License-Identifier: Apache-2.0 */
/* handle_status.c - status: whether the service is well, and how a case stands. */
#include <errno.h>

#include "control/case_containers.h"
#include "policy/hold.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

static void put_service(const struct exchange *x, const struct service_status *s)
{
	bool all = x->caller->root || x->caller->officer || exchange_audits(x);
	struct buf *row = answer_row(x->answer);

	row_str(row, "version", VERSION);
	row_bool(row, "healthy", s->healthy);
	row_u64_if(row, "sessions", all, s->sessions);
	row_u64_if(row, "workers", all, s->workers);
	row_u64_if(row, "log_size", all, s->log_size);
	row_str(row, "log_head", all && s->log_head[0] ? s->log_head : NULL);
	row_u64_if(row, "disk_free", all, s->disk_free);
	row_u64_if(row, "cases", all, s->cases);
	answer_row_end(x->answer);
}

/* How many of its grants and exclusions are in force. */
static size_t in_force(const struct exchange *x, const struct model *m, uint64_t case_id)
{
	struct moment now = service_now(x->service);
	size_t n = 0;

	for (size_t i = 0; i < m->grants_n; i++) {
		const struct model_grant *g = &m->grants[i];

		n += g->act.case_id == case_id && hold_active(g, &now, service_clock(x->service));
	}
	return n;
}

static void put_case(const struct exchange *x, const struct model *m, const struct model_case *c,
	const struct service_status *s, const struct case_containers *in)
{
	int64_t idle_ns = service_now(x->service).real_ns - c->last_act_ns;
	struct buf *row = answer_row(x->answer);
	size_t evidence = 0;
	size_t held = 0;

	for (size_t i = 0; i < m->evidence_n; i++) {
		if (m->evidence[i].case_id == c->id) {
			evidence++;
			held += m->evidence[i].released_ns == 0;
		}
	}
	row_str(row, "case", c->name);
	row_bool(row, "healthy", s->healthy);
	row_str(row, "owner", c->owner.name);
	row_str(row, "officer", c->officer.name);
	row_u64(row, "evidence", evidence);
	row_u64(row, "held", held);
	row_u64(row, "grants", in_force(x, m, c->id));
	row_time(row, "created", c->created_ns);
	row_time_if(row, "closed", c->closed_ns != 0, c->closed_ns);
	row_time(row, "last_act", c->last_act_ns);
	row_u64_if(row, "idle_notice", c->idle_days != 0, c->idle_days);
	row_u64_if(row, "mixed_containers", in->known, in->mixed);
	row_u64_if(row, "unopened_containers", in->known, in->unopened);
	answer_row_end(x->answer);
	if (c->idle_days && !c->closed_ns && idle_ns / 86400 / 1000000000 >= c->idle_days)
		answer_note(x->answer,
			"%s: nothing has been done for %lld days; is it to be closed?", c->name,
			(long long)(idle_ns / 86400 / 1000000000));
}

static int status_of_case(struct exchange *x, const struct service_status *s, struct err *e)
{
	const struct model *m = service_model(x->service);
	const struct model_case *c = NULL;
	struct case_containers in = {.known = false};
	struct sight sight;
	int r = exchange_case(x, m, &c, &sight, e);

	if (r == 0 && !sight.root && !sight.audit && !sight.standing.officer)
		r = exchange_refuse(x, "you may not see how the case stands", e);
	service_model_done(x->service);
	/* a service that is not well says that, if nothing else */
	if (r == 0 && s->healthy && !sight.root)
		r = case_containers(x, sight.id, RIGHT_PRIVILEGED, NULL, NULL, &in, e);
	if (r)
		return r;
	m = service_model(x->service);
	c = model_case(m, sight.id);
	if (c)
		put_case(x, m, c, s, &in);
	service_model_done(x->service);
	return 0;
}

int handle_status(struct exchange *x, struct err *e)
{
	struct service_status s = {.healthy = false};
	int r = 0;

	service_status(x->service, &s);
	if (exchange_arg(x, "case"))
		r = status_of_case(x, &s, e);
	else
		put_service(x, &s);
	if (r == 0 && !s.healthy)
		r = err_set(e, EIO, "the service is not well: %s", s.why);
	return r;
}
