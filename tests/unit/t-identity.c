/* SPDX-License-Identifier: Apache-2.0 */
/* t-identity.c - who somebody is: this machine's users and groups, and subjects that mean them. */
#include "tap.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "policy/identity.h"

#define NOBODY_UID 1999999999u /* no machine has it */

static void test_of(void)
{
	struct identity i = {.uid = 0};
	struct identity j = {.uid = 0};
	const struct passwd *p = getpwuid(getuid());
	bool primary = false;
	unsigned unsorted = 0;

	is_int(identity_of(NOBODY_UID, &i), -ENOENT, "a number that is nobody's");
	ok(!i.name && !i.groups, "leaves nothing");
	if (!p) {
		skip("this user has no name");
		return;
	}
	is_int(identity_of(getuid(), &i), 0, "whoever runs this");
	ok(strcmp(i.name, p->pw_name) == 0 && i.uid == getuid() && i.gid == p->pw_gid,
		"has name and group");
	for (size_t k = 0; k < i.groups_n; k++) {
		const struct group *g = getgrgid(i.groups[k]);

		primary = primary || i.groups[k] == i.gid;
		unsorted += k > 0 && i.groups[k - 1] >= i.groups[k];
		unsorted += g ? !i.group_names[k] || strcmp(g->gr_name, i.group_names[k]) != 0
			      : i.group_names[k] != NULL;
	}
	ok(primary && unsorted == 0, "groups sorted, each once, with their names");
	is_int(identity_of(getuid(), &j), 0, "asked again");
	ok(identity_equal(&i, &j), "is the same");
	j.groups_n--;
	ok(!identity_equal(&i, &j), "with a group less it is not");
	j.groups_n++;
	j.name[0] ^= 1;
	ok(!identity_equal(&i, &j), "nor with another name");
	identity_release(&j);
	identity_release(&i);
	ok(!i.name && !i.groups && i.groups_n == 0, "released");
	identity_release(&i);
}

static void test_parse(void)
{
	struct subject s = {.kind = SUBJECT_NONE};
	struct err e = {.code = 0};
	static const char *const bad[] = {"", "@"};
	static const char *const absent[] = {"no such user", "@no such group", "1999999999",
		"@1999999999", "4294967295", "99999999999999999999", "-1", "0x0", " 0"};

	is_int(subject_parse("root", &s, &e), 0, "a name");
	ok(s.kind == SUBJECT_USER && s.id == 0 && strcmp(s.name, "root") == 0 &&
			strcmp(s.typed, "root") == 0,
		"with its number");
	subject_release(&s);
	is_int(subject_parse("0", &s, &e), 0, "a number");
	ok(s.kind == SUBJECT_USER && s.id == 0 && strcmp(s.name, "root") == 0 &&
			strcmp(s.typed, "0") == 0,
		"with its name, and as it was written");
	subject_release(&s);
	is_int(subject_parse("@root", &s, &e), 0, "a group");
	ok(s.kind == SUBJECT_GROUP && s.id == 0 && strcmp(s.name, "root") == 0 &&
			strcmp(s.typed, "@root") == 0,
		"likewise");
	subject_release(&s);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err_clear(&e);
		ok(subject_parse(bad[i], &s, &e) == -EINVAL && e.text[0], "\"%s\"", bad[i]);
	}
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
		err_clear(&e);
		ok(subject_parse(absent[i], &s, &e) == -ENOENT && e.text[0], "\"%s\"", absent[i]);
	}
}

static void test_means(void)
{
	char alice[] = "alice";
	char other[] = "other";
	char staff[] = "staff";
	gid_t gids[] = {50, 60};
	char *names[] = {staff, NULL};
	const struct identity who = {.uid = 1001,
		.gid = 50,
		.name = alice,
		.groups = gids,
		.group_names = names,
		.groups_n = 2};
	const struct {
		struct subject s;
		bool is, may_be;
		const char *what;
	} v[] = {
		{{SUBJECT_USER, NULL, alice, 1001}, true, true, "name and number"},
		{{SUBJECT_USER, NULL, alice, 1002}, false, true, "the name alone"},
		{{SUBJECT_USER, NULL, other, 1001}, false, true, "the number alone"},
		{{SUBJECT_USER, NULL, other, 1002}, false, false, "neither"},
		{{SUBJECT_USER, NULL, NULL, 1001}, false, true, "without a name"},
		{{SUBJECT_GROUP, NULL, staff, 50}, true, true, "his group"},
		{{SUBJECT_GROUP, NULL, other, 50}, false, true, "its number alone"},
		{{SUBJECT_GROUP, NULL, staff, 51}, false, true, "its name alone"},
		{{SUBJECT_GROUP, NULL, other, 60}, false, true, "a group that lost its name"},
		{{SUBJECT_GROUP, NULL, other, 51}, false, false, "another group"},
		{{SUBJECT_NONE, NULL, alice, 1001}, false, false, "nobody"},
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		is_int(subject_is(&v[i].s, &who), v[i].is, v[i].what);
		is_int(subject_may_be(&v[i].s, &who), v[i].may_be, "  for what takes away");
	}
}

static bool has(const uid_t *v, size_t n, uid_t uid)
{
	for (size_t i = 0; i < n; i++) {
		if (v[i] == uid)
			return true;
	}
	return false;
}

static void test_members(void)
{
	struct identity i = {.uid = 0};
	struct subject s = {.kind = SUBJECT_NONE};
	uid_t *v = NULL;
	size_t n = 0;
	unsigned missing = 0;

	is_int(subject_members(&s, &v, &n), -ENOENT, "nobody has no members");
	is_int(subject_parse("root", &s, NULL), 0, "root");
	is_int(subject_members(&s, &v, &n), -ENOENT, "is never one");
	subject_release(&s);
	if (identity_of(1, &i)) {
		skip("no user 1 here");
		return;
	}
	for (size_t k = 0; k < i.groups_n; k++) {
		if (!i.group_names[k])
			continue;
		s = (struct subject){
			.kind = SUBJECT_GROUP, .name = i.group_names[k], .id = i.groups[k]};
		if (subject_members(&s, &v, &n)) {
			missing++;
			continue;
		}
		missing += !has(v, n, 1) || has(v, n, 0);
		for (size_t a = 1; a < n; a++)
			missing += v[a - 1] >= v[a];
		free(v);
	}
	is_int(missing, 0, "a user is a member of each of his groups, the primary one too");
	s = (struct subject){.kind = SUBJECT_USER, .name = i.name, .id = 1};
	ok(subject_members(&s, &v, &n) == 0 && n == 1 && v[0] == 1, "a user is himself");
	free(v);
	s.name = strdup("somebody else");
	is_int(subject_members(&s, &v, &n), -ENOENT, "while the name agrees");
	free(s.name);
	identity_release(&i);
}

int main(void)
{
	test_of();
	test_parse();
	test_means();
	test_members();
	return done_testing();
}
