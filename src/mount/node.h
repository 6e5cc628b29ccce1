/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node.h - the kernel's numbers for traces, computed and not allocated
 *
 * A node id is a keyed permutation of (evidence, part, number) with the top
 * bit set, so that it is never 0 or FUSE_ROOT_ID. There is no table: any
 * process that holds the session's key can say which trace a number means,
 * and gaps and counts tell nothing. Cookies of directories likewise.
 */
#ifndef EVIDENCEFS_MOUNT_NODE_H
#define EVIDENCEFS_MOUNT_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/siphash.h"

#define NODE_ROOT  UINT64_C(1) /* FUSE_ROOT_ID */
#define NODE_SLOTS 1024u       /* slots: what a session ever showed */

/*
 * What a node means: the session's root, or a trace of what stands in a slot of the
 * session (mount/table.h): a piece of evidence; a case, whose folder is trace 0 of part 0,
 * ACCESS.txt trace 1, the folder of notes trace 2, and its notes part 1 by their numbers;
 * the root's own texts.
 */
struct node {
	bool root;
	unsigned slot;
	uint64_t trace;
};

struct node_keys {
	struct siphash_key ids;
	struct siphash_key cookies;
};

/** node_id() - number of a node; also the inode number shown (with the first trace of its inode).
 */
uint64_t node_id(const struct node_keys *k, const struct node *n);
/** node_parse() - what a number means; its parts may be out of range: look before use. */
struct node node_parse(const struct node_keys *k, uint64_t id);

/** node_ino() - what stat shows: the number without its top bit. */
uint64_t node_ino(const struct node_keys *k, const struct node *n);

/* Where a listing goes on: 0 at its begin, 1 behind ".", 2 behind "..", else a permuted place. */
uint64_t node_cookie(const struct node_keys *k, uint64_t pos);
uint64_t node_cookie_parse(const struct node_keys *k, uint64_t cookie);

#endif
