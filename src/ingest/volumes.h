/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volumes.h - all volumes of an image, side by side. Internal to src/ingest/.
 *
 * Each has a worker and an index of its own, so a processor each; at most VOLUMES_AT_ONCE,
 * which bounds memory, and what is asked of storage at the same time.
 */
#ifndef EVIDENCEFS_INGEST_VOLUMES_H
#define EVIDENCEFS_INGEST_VOLUMES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "ingest/manifest.h"
#include "worker/client.h"

#define VOLUMES_AT_ONCE 4

struct volumes_opts {
	struct workers *workers; /* their tick must end a walk once *@end is set */
	const char *dir;         /* where the indexes stand */
	enum wire_heads heads;
	atomic_bool *end; /* set by the first that fails, too: the others end */
	/* Several times a second and at the end, on the caller's thread. @names: of all that are
	 * walked, "p1-ntfs, p2-ext4". May set *@end. */
	void (*look)(void *ctx, const char *names, uint64_t traces);
	void *ctx;
};

/**
 * volumes_ingest() - every volume of @m with a known file system gets its index
 * Sets digest and ended of each (volume.h). *@traces: how many there are in all.
 * Return: 0; -EINTR ended; what the first that failed gave.
 */
int volumes_ingest(
	struct manifest *m, const struct volumes_opts *o, uint64_t *traces, struct err *e);

#endif
