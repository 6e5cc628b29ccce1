/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold.h - which grants and exclusions count for somebody, and for what
 *
 * What views and rules share. Pure. In doubt a grant gives nothing and an
 * exclusion takes: times and subjects are asked the strict way of the one, the
 * wide way of the other.
 */
#ifndef EVIDENCEFS_POLICY_HOLD_H
#define EVIDENCEFS_POLICY_HOLD_H

#include "catalog/model.h"
#include "policy/clock.h"
#include "policy/identity.h"

/* What the roles hold (catalog/act.h, rights_of_role). */
#define HOLD_REVIEWER                                                                              \
	(RIGHT_READ | RIGHT_DELETED | RIGHT_RAW | RIGHT_PRIVILEGED | RIGHT_MARK | RIGHT_NOTES)
/* What only the privilege officer gives. */
#define HOLD_OFFICERS (RIGHT_PRIVILEGED | RIGHT_MARK)

/** hold_active() - neither revoked nor outside its times. */
bool hold_active(const struct model_grant *g, const struct moment *now, const struct clock *clock);
/** hold_ended() - it can never be active again, by real time alone. */
bool hold_ended(const struct model_grant *g, const struct moment *now);
/** hold_next() - boot time when hold_active() may change; INT64_MAX never. */
int64_t hold_next(const struct model_grant *g, const struct moment *now, const struct clock *clock);
/** hold_means() - whether it is about @who. */
bool hold_means(const struct model_grant *g, const struct identity *who);
/** hold_covers() - whether it says something of @ev: by path, or as evidence of the case. */
bool hold_covers(const struct model_grant *g, const struct model_evidence *ev);

/** hold_is_owner(), hold_is_officer() - by both name and number, and not root. */
bool hold_is_owner(const struct model_case *c, const struct identity *who);
bool hold_is_officer(const struct model_case *c, const struct identity *who);

/** path_within() - @path is @above or below it. Whole components. */
bool path_within(const char *path, const char *above);
/** path_first() - length of the first component. */
size_t path_first(const char *path);

#endif
