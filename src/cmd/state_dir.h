/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_dir.h - where a person's mounts keep what they keep
 *
 *	STATE/evidence/KEY/   indexes and hashes of one image (ingest/ingest.h)
 *	STATE/mounts/ID/      one mount point: `mountpoint` (its path), `evidence`
 *	                      (what was shown there), `lock`, `log/`
 *
 * ID is made from the mount point's path, so that its log goes on when it is
 * used again.
 */
#ifndef EVIDENCEFS_CMD_STATE_DIR_H
#define EVIDENCEFS_CMD_STATE_DIR_H

#include <stdbool.h>

#include "base/err.h"
#include "serve/evidence.h"

/**
 * state_dir() - the state's folder as an absolute path
 * @make: make it if it is missing, and see that it can be written; else it must be there
 * @given: from --state, or NULL for the default
 * Return: 0 and *@out, caller frees; errors say what to do.
 */
int state_dir(const char *given, bool make, char **out, struct err *e);

/** state_mount_dir() - STATE/mounts/ID of a mount point's absolute path; not made. Caller frees. */
int state_mount_dir(const char *state, const char *mountpoint, char **out, struct err *e);

/**
 * state_find_mount_dir() - the same, of one that is or was mounted: the mount itself says, or,
 * with @state_given or where nothing is mounted any more, its state does. Caller frees.
 */
int state_find_mount_dir(
	const char *state_given, const char *mountpoint, char **out, struct err *e);

/**
 * state_mount_begin() - make it, take its lock, note path and evidence
 * Return: the lock's descriptor; -EBUSY something is mounted there by this program.
 */
int state_mount_begin(const char *dir, const char *mountpoint, struct err *e);

/** state_note_evidence() - remember what a digest in the log means. */
int state_note_evidence(const char *dir, const struct evidence *ev, struct err *e);

/* One line of the `evidence` file. */
struct state_evidence {
	uint8_t digest[32];
	char *dir;  /* STATE/evidence/KEY */
	char *name; /* as it was shown */
};

/** state_evidence_list() - all of them; caller frees with state_evidence_free(). */
int state_evidence_list(const char *dir, struct state_evidence **out, size_t *n, struct err *e);
void state_evidence_free(struct state_evidence *v, size_t n);

#endif
