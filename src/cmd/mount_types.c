/* SPDX-License-Identifier: Apache-2.0 */
/* mount_types.c - file systems that are forced on volumes: --type p2=ntfs; see mount_job.h */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/mount_job.h"
#include "fs/kinds.h"

const char *mount_types(struct mount_job *j)
{
	return j->types.len ? buf_cstr(&j->types) : NULL;
}

int mount_types_add(const struct command *c, struct mount_job *j, const char *arg)
{
	const char *wrong = kinds_forced(arg, NULL);

	if (wrong)
		return cmd_usage(c, "--type %s: %s", arg, wrong);
	buf_printf(&j->types, "%s%s", j->types.len ? "," : "", arg);
	return 0;
}

static bool has_volume(const struct mount_job *j, unsigned number)
{
	for (size_t i = 0; i < j->count; i++) {
		const struct manifest *m = &j->images[i].found.manifest;

		for (size_t k = 0; k < m->n; k++) {
			if (m->volumes[k].scan.number == number)
				return true;
		}
	}
	return false;
}

int mount_types_check(struct mount_job *j, struct err *e)
{
	int r = 0;

	for (const char *p = mount_types(j); p && *p && r == 0;) {
		char one[32];
		unsigned number = 0;
		size_t n = strcspn(p, ",");

		snprintf(one, sizeof(one), "%.*s", (int)n, p);
		if (!kinds_forced(one, &number) && !has_volume(j, number))
			r = err_set(e, ENOENT, "--type %s: no volume p%u in what was given", one,
				number);
		p += n + (p[n] == ',');
	}
	return r;
}
