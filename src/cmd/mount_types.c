/* SPDX-License-Identifier: Apache-2.0 */
/* mount_types.c - file systems that are forced on volumes: --type p2=ntfs; see mount_job.h */
#include <errno.h>
#include <stdlib.h>

#include "cmd/mount_job.h"
#include "fs/kinds.h"
#include "ingest/ingest.h"

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

int mount_types_check(struct mount_job *j, struct err *e)
{
	const struct manifest **m = calloc(j->count, sizeof(*m));
	int r = m ? 0 : err_errno(e, ENOMEM, "mount");

	for (size_t i = 0; m && i < j->count; i++)
		m[i] = &j->images[i].found.manifest;
	if (m)
		r = ingest_check_types(mount_types(j), m, j->count, e);
	free(m);
	return r;
}
