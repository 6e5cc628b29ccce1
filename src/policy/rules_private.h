/* SPDX-License-Identifier: Apache-2.0 */
/* rules_private.h - one question to the rules; shared by rules.c (the table, cases, evidence) and
 * rules_grant.c (grants and exclusions). */
#ifndef EVIDENCEFS_POLICY_RULES_PRIVATE_H
#define EVIDENCEFS_POLICY_RULES_PRIVATE_H

#include "policy/rules.h"

struct asking {
	const struct model *m;
	const struct identity *by;
	struct act *a;
	const struct moment *now;
	const struct clock *clock;
	const struct model_case *c; /* NULL: CASE_CREATE */
	struct standing is;
	bool root;
};

/** rules_reason() - there is one, and it is not too long. */
int rules_reason(const struct act *a, struct err *e);
/** rules_conflict() - whether somebody @s means holds @right in the case, by grant or office, now
 * or later. Return: 1, 0; -EIO users cannot be looked up; -ENOMEM. */
int rules_conflict(const struct asking *x, const struct subject *s, unsigned right, struct err *e);

/** rules_holds() - whether he has @right over all of @path, by grants, and nothing keeps him from
 * it. */
bool rules_holds(const struct asking *x, unsigned right, const char *path);

int rules_mark(struct asking *x, struct err *e);
/** rules_may_scan() - all of the act's path; NULL: of the case. */
int rules_may_scan(struct asking *x, struct err *e);
int rules_note(struct asking *x, struct err *e);
int rules_grant(struct asking *x, struct err *e);
int rules_exclude(struct asking *x, struct err *e);
int rules_revoke(struct asking *x, struct err *e);

#endif
