/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry.h - the pieces of evidence that are open, by their number in the catalog
 *
 * Each is opened once, when somebody first needs it, and stays open: its index at
 * once, its image behind, since storage may be slow or away. While it is away
 * contents are EIO; it is tried again until it is there. An image that does not
 * look like the one that was added is not used. Safe from several threads; no
 * call waits for storage.
 */
#ifndef EVIDENCEFS_CONTROL_REGISTRY_H
#define EVIDENCEFS_CONTROL_REGISTRY_H

#include <stdbool.h>

#include "catalog/model.h"
#include "serve/evidence.h"
#include "starter/channel.h"

struct registry;

/** registry_new() - @ch: opens images, starts workers. Both borrowed. */
int registry_new(
	struct channel *ch, const struct config *config, struct registry **out, struct err *e);
/** registry_free() - nobody may hold evidence any more. NULL allowed. */
void registry_free(struct registry *r);

/**
 * registry_get() - open evidence; good until registry_free()
 * Return: NULL: its indexes cannot be read, or are not those that were recorded at `add`.
 */
struct evidence *registry_get(struct registry *r, const struct model_evidence *m);
/** registry_moved() - its image is at @image from now on. */
void registry_moved(struct registry *r, uint64_t id, const char *image);
/** registry_away() - why its contents cannot be read, into @why [size]; false: they can. */
bool registry_away(struct registry *r, uint64_t id, char *why, size_t size);

/** registry_sample_write() - keep what an image looks like beside its indexes. */
int registry_sample_write(const char *dir, const struct image_files *f, struct err *e);

#endif
