/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingest.h - from an image to its indexes, once
 *
 * Walks the volumes of an image through workers and writes what they find
 * below the state: STATE/evidence/KEY/. The key is a fingerprint of the image
 * (format, sizes and times of its segments, bytes at several places), so that
 * the next mount of the same image finds it. An interrupted ingest keeps the
 * volumes that were finished.
 */
#ifndef EVIDENCEFS_INGEST_INGEST_H
#define EVIDENCEFS_INGEST_INGEST_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "image/files.h"
#include "ingest/manifest.h"
#include "worker/spawn.h"

struct ingest_opts {
	const char *state;       /* the state's folder; made if missing */
	const char *types;       /* forced types, as workers_opts.types; NULL */
	const char *worker;      /* as workers_opts.program; NULL */
	struct spawner *spawner; /* as workers_opts.spawner; NULL */
	uid_t uid;               /* as workers_opts.uid */
	/* Nobody waits for hashes: where the heads of files are dear to read (EWF), only those of
	 * files that are named like containers are. */
	bool quick;
	const volatile sig_atomic_t *stop; /* set by a signal: give up cleanly */
	/* Told several times a second how far it is, on the caller's thread. @volumes: those that
	 * are walked, side by side ("p1-ntfs, p2-ext4"); NULL: the image is opened, and volumes
	 * are looked for. @traces: of all volumes so far. NULL: nobody. */
	void (*progress)(void *ctx, const char *volumes, uint64_t traces);
	void *ctx;
};

struct ingest_result {
	char *dir; /* STATE/evidence/KEY; caller frees */
	struct manifest manifest;
	bool reused; /* an earlier ingest stood there */
	uint64_t traces;
};

/**
 * ingest() - make sure that an image has its indexes
 * @f:   the image
 * @out: filled; caller calls ingest_result_release()
 *
 * Waits while another process ingests the same image. A volume whose walk
 * fails twice is kept as far as it came, its manifest_volume.ended says why.
 *
 * Return: 0; -EINTR stopped; -ENOSPC, -EACCES... with what to do.
 */
int ingest(const struct image_files *f, const struct ingest_opts *o, struct ingest_result *out,
	struct err *e);
void ingest_result_release(struct ingest_result *r);
/**
 * ingest_check_types() - that each type is forced on a volume that is there
 * @types: as ingest_opts.types
 * @m:     [n] of the images that were given, together
 * Return: 0; -ENOENT: none of them has the volume.
 */
int ingest_check_types(const char *types, const struct manifest *const *m, size_t n, struct err *e);

#endif
