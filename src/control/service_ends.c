/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_ends.c - the record of an end that is nobody's act
 *
 * A grant or an exclusion that ends by time gets a REVOKE record of the service's own,
 * written once no session shows it any more (or hides by it). An act's length is its
 * kind; here it is 0.
 */
#include "control/service_private.h"

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "policy/hold.h"

/* A grant or an exclusion that has ended. */
struct end {
	uint64_t case_id;
	uint64_t object;
};

static void record_end(struct service *s, const struct end *end, uint64_t policy)
{
	struct audit_event ev = {.type = AUDIT_REVOKE,
		.decision = AUDIT_ALLOWED,
		.uid = s->start->config.uid,
		.gid = s->start->config.gid,
		.pid = (uint32_t)getpid(),
		.loginuid = AUDIT_NO_LOGINUID,
		.case_id = end->case_id,
		.object = end->object,
		.policy = policy};

	audit_append_act(s->log, &ev);
}

/* Whether it was in force when this service, or the one before it, looked last. */
static bool was_active(const struct service *s, size_t i)
{
	const struct model_grant *g = &s->model.grants[i];

	if (i < s->active_n)
		return s->active[i];
	return g->act.until_ns > s->looked_ns && g->act.from_ns <= s->looked_ns;
}

/* With the model. Return: how many of @ends [grants_n] there are. */
static size_t find_ends(
	const struct service *s, const struct moment *now, bool *active, struct end *ends)
{
	size_t n = 0;

	for (size_t i = 0; i < s->model.grants_n; i++) {
		const struct model_grant *g = &s->model.grants[i];

		active[i] = hold_active(g, now, s->clock);
		if (was_active(s, i) && !active[i] && g->revoked_ns == 0)
			ends[n++] = (struct end){g->act.case_id, g->act.object};
	}
	return n;
}

void service_note_ends(struct service *s)
{
	struct moment shown;
	struct end *ends = NULL;
	bool *active = NULL;
	uint64_t policy = 0;
	size_t grants_n = 0;
	size_t n = 0;

	pthread_mutex_lock(&s->ticking);
	shown = s->shown;
	pthread_mutex_unlock(&s->ticking);
	pthread_rwlock_rdlock(&s->lock);
	grants_n = s->model.grants_n;
	policy = s->model.version;
	active = calloc(grants_n + 1, sizeof(*active));
	ends = calloc(grants_n + 1, sizeof(*ends));
	if (active && ends && !s->broken[0])
		n = find_ends(s, &shown, active, ends);
	else
		grants_n = SIZE_MAX; /* what ended is noticed the next time */
	pthread_rwlock_unlock(&s->lock);
	if (grants_n != SIZE_MAX) {
		free(s->active);
		s->active = active;
		s->active_n = grants_n;
		s->looked_ns = shown.real_ns;
		active = NULL;
	}
	for (size_t i = 0; i < n; i++)
		record_end(s, &ends[i], policy);
	free(active);
	free(ends);
}
