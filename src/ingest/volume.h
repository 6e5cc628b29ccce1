/* SPDX-License-Identifier: Apache-2.0 */
/* volume.h - one volume of an image, from its walk to its index. Internal to src/ingest/. */
#ifndef EVIDENCEFS_INGEST_VOLUME_H
#define EVIDENCEFS_INGEST_VOLUME_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "ingest/manifest.h"
#include "worker/client.h"

/* What the walks of one image have in common. All of it is borrowed. */
struct volume_walk {
	struct workers *workers; /* their tick ends a walk that is to end */
	const struct manifest *manifest;
	const char *dir; /* where the indexes stand */
	enum wire_heads heads;
	atomic_uint_fast64_t *traces; /* [manifest->n] of each volume, as they come */
};

/**
 * volume_ingest() - walk volume @k into its index, unless it stands there
 * @v: its entry of the manifest: digest and ended are set
 *
 * A volume whose walk fails twice is kept as far as it came, @v->ended says why; of which
 * nothing came is unknown. Safe from several threads, for different volumes.
 *
 * Return: 0; -EINTR ended by the tick; -ENOSPC, -EACCES... of the index.
 */
int volume_ingest(const struct volume_walk *w, size_t k, struct manifest_volume *v, struct err *e);
/** volume_look() - what the finished index @path says: @v->ended, and how many traces it has. */
int volume_look(const char *path, struct manifest_volume *v, uint64_t *traces, struct err *e);

#endif
