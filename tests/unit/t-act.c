/* SPDX-License-Identifier: Apache-2.0 */
/* t-act.c - acts as values: copies are deep, rights and roles are read as they are written. */
#include "tap.h"

#include <errno.h>

#include "act-help.h"

static void test_copy(void)
{
	struct act from = act_full(ACT_GRANT);
	struct act to = {.seq = 7};
	struct act empty = {.seq = 1, .kind = ACT_CASE_CLOSE};
	struct act copy_of_empty;

	is_int(act_copy(&to, &from), 0, "an act is copied");
	ok(act_same(&to, &from), "all of it");
	ok(to.who.name != from.who.name && to.path != from.path && to.covers != from.covers,
		"the copy owns its own");
	act_release(&from);
	ok(from.path == NULL && from.covers_n == 0 && from.who.name == NULL, "released");
	act_release(&from);
	from = act_full(ACT_GRANT);
	ok(act_same(&to, &from), "the copy stays");
	act_release(&from);
	act_release(&to);
	ok(act_copy(&copy_of_empty, &empty) == 0 && act_same(&copy_of_empty, &empty),
		"an act with nothing in it");
	ok(copy_of_empty.reason == NULL, "what is not there is not there in the copy");
	act_release(&copy_of_empty);
}

static void test_kinds(void)
{
	size_t named = 0;

	for (unsigned k = 1; k <= ACT_KIND_MAX; k++)
		named += act_kind_name((enum act_kind)k) != NULL;
	is_int(named, ACT_KIND_MAX, "every kind has a name");
	is_str(act_kind_name(ACT_CASE_CREATE), "case create", "the first");
	is_str(act_kind_name(ACT_REVOKE), "revoke", "the last");
	ok(!act_kind_name((enum act_kind)0) && !act_kind_name((enum act_kind)(ACT_KIND_MAX + 1)),
		"others have none");
}

static void test_rights(void)
{
	char text[128];
	unsigned rights = 0;
	unsigned again = 0;
	size_t good = 0;
	static const char *const bad[] = {
		"", ",", "read,", ",read", "read,,raw", "Read", "rea", "readx", "read raw", "all"};

	is_str(rights_names(RIGHTS_ALL, text),
		"read,deleted,raw,privileged,notes,annotate,mark,grant,audit", "all rights");
	is_str(rights_names(0, text), "", "none");
	is_str(rights_names(RIGHT_AUDIT | RIGHT_READ, text), "read,audit", "two");
	for (rights = 1; rights <= RIGHTS_ALL; rights++)
		good += rights_parse(rights_names(rights, text), &again) == 0 && again == rights;
	is_int(good, RIGHTS_ALL, "each set of them is read as it is written");
	ok(rights_parse("audit,read,audit", &rights) == 0 && rights == (RIGHT_READ | RIGHT_AUDIT),
		"in any order, also twice");
	good = 0;
	again = 12345;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		good += rights_parse(bad[i], &again) == -EINVAL;
	is_int(good, sizeof(bad) / sizeof(*bad), "what is none is refused");
	is_int(again, 12345, "and nothing is set");
	ok(rights_of_role("analyst", &rights) == 0 &&
			strcmp(rights_names(rights, text), "read,deleted,notes,annotate") == 0,
		"analyst: %s", text);
	ok(rights_of_role("reviewer", &rights) == 0 &&
			strcmp(rights_names(rights, text),
				"read,deleted,raw,privileged,notes,mark") == 0,
		"reviewer: %s", text);
	ok(rights_of_role("auditor", &rights) == 0 && rights == RIGHT_AUDIT, "auditor");
	is_int(rights_of_role("owner", &rights), -EINVAL, "owner is no role");
}

int main(void)
{
	test_copy();
	test_kinds();
	test_rights();
	return done_testing();
}
