/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.h - who somebody is, by NSS: names, numbers, groups
 *
 * An identity is a value: whoever keeps one asks again in time, so that what the
 * platform knows of groups is never older than 60 s. Nothing is cached here. Safe from
 * several threads.
 */
#ifndef EVIDENCEFS_POLICY_IDENTITY_H
#define EVIDENCEFS_POLICY_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "catalog/act.h"

/* One user. A value: copied, compared, released. */
struct identity {
	uid_t uid;
	gid_t gid;          /* primary group */
	char *name;         /* NULL: nobody of that number */
	gid_t *groups;      /* sorted, with the primary one */
	char **group_names; /* one for each; NULL: that number has no name */
	size_t groups_n;
};

/** identity_of() - look up now, without a cache. Return: 0; -ENOENT; -EIO NSS fails; -ENOMEM. */
int identity_of(uid_t uid, struct identity *out);
void identity_release(struct identity *i);
/** identity_copy() - Return: 0 and *@to; -ENOMEM. */
int identity_copy(const struct identity *from, struct identity *to);
bool identity_equal(const struct identity *a, const struct identity *b);

/**
 * subject_parse() - WHO as people write it: a user's name, a uid, "@group"
 * A name that looks like a number is taken as a name first.
 * Return: 0 and *@out (subject_release()); -ENOENT no such user or group; -EINVAL.
 */
int subject_parse(const char *text, struct subject *out, struct err *e);
/**
 * subject_is() - whether @s means @who: what gives
 * Name and number must both still agree, a group's too; else it is suspended. Pure.
 */
bool subject_is(const struct subject *s, const struct identity *who);
/**
 * subject_may_be() - whether @s may mean @who: what takes away
 * Name or number agrees: an exclusion is not lost when somebody gets another name. Pure.
 */
bool subject_may_be(const struct subject *s, const struct identity *who);

/**
 * subject_members() - uids of the users @s means now
 * Of a group also those who have it as primary group. Sorted; root is never among them.
 * Name and number must agree. Caller frees *@out.
 * Return: 0; -ENOENT there is nobody; -EIO NSS fails; -ENOMEM.
 */
int subject_members(const struct subject *s, uid_t **out, size_t *n);

#endif
