/* SPDX-License-Identifier: Apache-2.0 */
/* hold.c - which grants and exclusions count for somebody, and for what; see hold.h. */
#include "policy/hold.h"

#include <string.h>

static struct seen seen_of(const struct act *a, const struct clock *clock)
{
	return clock_seen(clock, a->ns, a->boot_ns, a->boot_id);
}

bool hold_active(const struct model_grant *g, const struct moment *now, const struct clock *clock)
{
	struct seen s = seen_of(&g->act, clock);

	if (g->revoked_ns)
		return false;
	return g->act.kind == ACT_EXCLUDE ? span_bars(&s, g->act.from_ns, g->act.until_ns, now)
					  : span_active(&s, g->act.from_ns, g->act.until_ns, now);
}

bool hold_ended(const struct model_grant *g, const struct moment *now)
{
	return g->revoked_ns || now->real_ns >= g->act.until_ns;
}

int64_t hold_next(const struct model_grant *g, const struct moment *now, const struct clock *clock)
{
	struct seen s = seen_of(&g->act, clock);

	if (g->revoked_ns)
		return INT64_MAX;
	return g->act.kind == ACT_EXCLUDE ? span_bars_next(&s, g->act.from_ns, g->act.until_ns, now)
					  : span_next(&s, g->act.from_ns, g->act.until_ns, now);
}

bool hold_means(const struct model_grant *g, const struct identity *who)
{
	return g->act.kind == ACT_EXCLUDE ? subject_may_be(&g->act.who, who)
					  : who->uid != 0 && subject_is(&g->act.who, who);
}

bool hold_covers(const struct model_grant *g, const struct model_evidence *ev)
{
	if (g->act.case_id != ev->case_id)
		return false;
	if (g->act.path)
		return strlen(ev->name) == path_first(g->act.path) &&
		       strncmp(g->act.path, ev->name, path_first(g->act.path)) == 0;
	/* an exclusion has a path; one without would take all */
	if (g->act.kind == ACT_EXCLUDE || g->act.future)
		return true;
	for (size_t i = 0; i < g->act.covers_n; i++) {
		if (g->act.covers[i] == ev->id)
			return true;
	}
	return false;
}

static bool is_person(const struct subject *s, const struct identity *who)
{
	return s->kind == SUBJECT_USER && who->uid != 0 && subject_is(s, who);
}

bool hold_is_owner(const struct model_case *c, const struct identity *who)
{
	return is_person(&c->owner, who);
}

bool hold_is_officer(const struct model_case *c, const struct identity *who)
{
	return is_person(&c->officer, who);
}

bool path_within(const char *path, const char *above)
{
	size_t n = strlen(above);

	return strncmp(path, above, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

size_t path_first(const char *path)
{
	return strcspn(path, "/");
}
