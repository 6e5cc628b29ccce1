/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules.h - who may change what: one table of acts, one function
 *
 * What a team's roles may do stands here and nowhere else (docs/ARCHITECTURE.md,
 * "Who may do what"). Pure but for NSS.
 */
#ifndef EVIDENCEFS_POLICY_RULES_H
#define EVIDENCEFS_POLICY_RULES_H

#include "base/err.h"
#include "catalog/model.h"
#include "policy/clock.h"
#include "policy/identity.h"

/**
 * rules_check() - may @by do @a now? And is it sound?
 * @a: kind, case_id, object and what the kind needs, as asked for; `covers` of a grant
 *     without path is filled in here (what is released now; with `privileged` what is
 *     held too). seq, ns, boot_ns, boot_id and an object that begins are not set yet.
 *
 * Return: 0; -EPERM refused; -EINVAL not sound (until before from, a path that climbs,
 * a name that is taken, ...); -EEXIST; -ENOENT no such case or id, or none that @by may
 * know of: in the same words. @e: one line that says what to do where there is something.
 */
int rules_check(const struct model *m, const struct identity *by, struct act *a,
	const struct moment *now, const struct clock *clock, struct err *e);

/**
 * rules_scan() - may @by mark by rules what is at @path and below it (NULL: all of the case)?
 * Return: 0; -EPERM; -ENOENT, as rules_check().
 */
int rules_scan(const struct model *m, const struct identity *by, uint64_t case_id, char *path,
	const struct moment *now, const struct clock *clock, struct err *e);

/*
 * What somebody is in a case, now. Of a closed one the offices stay, and the right to
 * audit: nothing else. Who holds `mark` and `grant` both, by groups that changed or by
 * office, has neither: but an office keeps its own.
 */
struct standing {
	bool owner;
	bool officer;
	unsigned rights; /* the union of his active grants on any path of the case, and what his
			    office gives: an owner's grant and audit, an officer's reviewer role */
};
struct standing rules_standing(const struct model *m, const struct identity *by, uint64_t case_id,
	const struct moment *now, const struct clock *clock);

/** rules_name_ok() - whether bytes can be a case's or evidence's name: a valid path component
 * that is shown as it is (UTF-8, no control characters, no backslash, not "." or "..", at most 200
 * bytes). */
bool rules_name_ok(const char *name);
/** rules_path() - PATH as typed, in the one form that is kept: no empty, "." or ".." components;
 * an absolute path below @mount_root/USER/CASE loses that. @typed NULL: none was given. An empty
 * one is refused: it is a variable that was not set, not the whole case. Return: 0 and *@out
 * (caller frees, NULL for the whole case); -EINVAL. */
int rules_path(const char *typed, const char *mount_root, const char *case_name, char **out,
	struct err *e);

#endif
