/* SPDX-License-Identifier: Apache-2.0 */
/* mount_job.h - one `evidencefs mount`: what was typed, what was made of it, what is told of it */
#ifndef EVIDENCEFS_CMD_MOUNT_JOB_H
#define EVIDENCEFS_CMD_MOUNT_JOB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "cmd/cmd.h"
#include "image/files.h"
#include "ingest/ingest.h"

struct image {
	char name[256]; /* of its folder */
	struct image_files files;
	struct ingest_result found;
	double seconds;
};

struct mount_job {
	/* as typed */
	bool foreground;
	bool json;
	bool no_hash;
	bool privileged;
	const char *state_given;
	struct buf types; /* "p2=ntfs,p3=ext4" */
	unsigned degrade;
	/* made of it */
	char *state;
	char *mountpoint;
	char *mount_dir; /* below the state */
	int lock;
	struct image *images;
	size_t count;
	struct buf report;
};

/** mount_types_add() - take --type @arg. Return: 0, or EXIT_USAGE with it said. */
int mount_types_add(const struct command *c, struct mount_job *j, const char *arg);
/** mount_types() - all of them, as a worker takes them; NULL: none. */
const char *mount_types(struct mount_job *j);
/**
 * mount_types_check() - after the ingest: is each forced on a volume that is there?
 * Return: 0, or -ENOENT: it was meant for another.
 */
int mount_types_check(struct mount_job *j, struct err *e);
/** mount_report_make() - put into words what was found, before it is given to who serves it */
void mount_report_make(struct mount_job *j);
/**
 * mount_report_print() - print that: for people, or a JSON object for each image
 * @degraded: abilities that this kernel lacks, in words; ""
 */
void mount_report_print(struct mount_job *j, const char *degraded);

#endif
