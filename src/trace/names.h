/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.h - names of the evidence as names a kernel accepts
 *
 * Names are bytes. What cannot be a path component is shown as %XX or cut and
 * given a short keyed hash; the original stays an attribute of the trace.
 */
#ifndef EVIDENCEFS_TRACE_NAMES_H
#define EVIDENCEFS_TRACE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/siphash.h"

#define NAME_COMPONENT_MAX 255 /* bytes; NAME_MAX of Linux */

/**
 * name_component() - append what to show for a name
 * @raw: [n] bytes as on the disk
 * @key: of the hash that ends a name cut short
 * Return: true when that differs from @raw.
 */
bool name_component(const uint8_t *raw, size_t n, const struct siphash_key *key, struct buf *out);

/**
 * name_unique() - append @name with "~" and 8 hex digits that depend on @salt
 * For a name that stands twice in one directory; cut so that it stays a component.
 */
void name_unique(const uint8_t *name, size_t n, const struct siphash_key *key, uint64_t salt,
	struct buf *out);

/**
 * name_made_up() - append @name with "~" and 8 hex digits of @hash, before what it ends in
 * For a name that nobody gave ("Re: offer.eml"): programs still know it by its ending.
 */
void name_made_up(const uint8_t *name, size_t n, uint64_t hash, struct buf *out);

/**
 * name_link_target() - append a link's target so that it cannot leave its volume
 * @target: [n] bytes as on the disk
 * @depth:  directories between the link and its volume's root: 0 in the root
 *
 * An absolute target begins at the volume's root; a climb stops there; a ".."
 * behind a name is resolved here, since that name may itself be a link.
 */
void name_link_target(const uint8_t *target, size_t n, size_t depth, struct buf *out);

#endif
