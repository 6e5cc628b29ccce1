/* SPDX-License-Identifier: Apache-2.0 */
/*
 * users.h - users by number, as the host knows them
 *
 * The starter believes no name that it is told: it looks them up. May wait on
 * the network (NSS): not for a thread that others wait for.
 */
#ifndef EVIDENCEFS_STARTER_USERS_H
#define EVIDENCEFS_STARTER_USERS_H

#include <stdbool.h>
#include <sys/types.h>

struct users_entry {
	uid_t uid;
	gid_t gid;      /* the primary group */
	char name[256]; /* "": the number has none */
};

/** users_by_uid() - Return: 1 and *@out; 0 there is no such user; -errno. */
int users_by_uid(uid_t uid, struct users_entry *out);
/** users_name_ok() - whether a name can be one component of a path. */
bool users_name_ok(const char *name);

#endif
