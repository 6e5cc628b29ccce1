/* SPDX-License-Identifier: Apache-2.0 */
/* apfs_node.h - is a node of an APFS B-tree what libtsk takes it for? Private to this folder. */
#ifndef EVIDENCEFS_FS_APFS_NODE_H
#define EVIDENCEFS_FS_APFS_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/apfs.h"

/**
 * apfs_node_unsound() - a block that calls itself a node, and keys, values or names lie outside
 * @n: APFS_BLOCK
 * Of other trees than are read (object maps, files, snapshots) all are unsound.
 */
bool apfs_node_unsound(const uint8_t *b, size_t n);

#endif
