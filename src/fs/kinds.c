/* SPDX-License-Identifier: Apache-2.0 */
/* kinds.c - the kinds of file system that can be forced on a volume; see kinds.h */
#include "fs/kinds.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_kind(const char *name)
{
	const char *p = KINDS_LIST;
	size_t n = strlen(name);

	while (*p) {
		size_t len = strcspn(p, " ");

		if (len == n && memcmp(p, name, n) == 0)
			return true;
		p += len + strspn(p + len, " ");
	}
	return false;
}

const char *kinds_forced(const char *arg, unsigned *number)
{
	char type[16] = "";
	unsigned n = 0;
	int end = 0;

	if (strncmp(arg, "p", 1) != 0 || strspn(arg + 1, "0123456789") - 1u > 8u ||
		sscanf(arg, "p%u=%15[a-z0-9]%n", &n, type, &end) != 2 || arg[end] != '\0')
		return "write it as p2=ntfs";
	if (!is_kind(type))
		return "not one of " KINDS_LIST;
	if (number)
		*number = n;
	return NULL;
}
