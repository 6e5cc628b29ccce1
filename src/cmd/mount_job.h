/* SPDX-License-Identifier: Apache-2.0 */
/* mount_job.h - one `evidencefs mount`: what was typed, what was made of it, what is told of it */
#ifndef EVIDENCEFS_CMD_MOUNT_JOB_H
#define EVIDENCEFS_CMD_MOUNT_JOB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "image/files.h"
#include "ingest/ingest.h"

struct image {
	const char *given;
	char name[256];
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
};

/**
 * mount_report() - print what was found: for people, or a JSON object for each image
 * @degraded: abilities that this kernel lacks, in words; ""
 */
void mount_report(const struct mount_job *j, const char *degraded);

#endif
