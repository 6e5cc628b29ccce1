/* SPDX-License-Identifier: Apache-2.0 */
/* apfs_node.h - is a node of an APFS B-tree what libtsk takes it for? Private to this folder. */
#ifndef EVIDENCEFS_FS_APFS_NODE_H
#define EVIDENCEFS_FS_APFS_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/apfs.h"

/** apfs_node_is() - does a block call itself a node? */
bool apfs_node_is(const uint8_t b[APFS_BLOCK]);
/**
 * apfs_node_sound() - do the keys, values and names of such a block lie within it?
 * Of the trees that are read: object maps, files, snapshots.
 */
bool apfs_node_sound(const uint8_t b[APFS_BLOCK]);

#endif
