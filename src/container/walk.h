/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk.h - what is in a container, and in containers in it, as entries in preorder
 *
 * Puts the members of a container, which come in its own order, into a tree;
 * a member that is a container itself has a folder with its members beside it,
 * down to a depth. All of it shares one budget. Names are as in the container:
 * who stores them makes components of them.
 */
#ifndef EVIDENCEFS_CONTAINER_WALK_H
#define EVIDENCEFS_CONTAINER_WALK_H

#include "container/container.h"

#define CONTAINER_DEPTH   CONTENT_STEPS_MAX   /* containers in containers */
#define CONTAINER_MEMBERS 1000000             /* of one file, with all that is in it */
#define CONTAINER_TREE    ((size_t)192 << 20) /* bytes that their names and times may take */

struct container_sink {
	int (*enter)(void *ctx, const struct entry *e);
	int (*leave)(void *ctx);
	/* @path: [n] of what it is about, from the folder of members on; n 0: the file itself */
	int (*problem)(void *ctx, const uint8_t *path, size_t n, const char *text);
	/* of what was left last, or before the first entry of the file itself: it holds something
	 * that nobody has looked into, and why; once for each */
	int (*unopened)(void *ctx, const char *reason);
	void *ctx;
};

/**
 * container_limits() - what a file of @size bytes may cost
 * In proportion to it, and a little for each: a small file that expands without end ends soon.
 */
void container_limits(uint64_t size, struct container_budget *b);

/**
 * container_walk() - tell what is in a container
 * @kind: of container_detect()
 * @flags: of the file: what of them holds for what is in it, too
 * @mtime: of the file: of the folder of its members, too
 *
 * The first entry is the folder of its members: ENTRY_DIR without a name, ENTRY_CONTAINER.
 * What cannot be opened has none, but a problem. What ends early is told as far as it came.
 *
 * Return: 1 it was told; 0 it cannot be opened; what @sink returned; -ENOMEM.
 */
int container_walk(const struct container_kind *kind, const struct source *s,
	struct container_budget *b, uint32_t flags, struct entry_time mtime,
	const struct container_sink *sink);

#endif
