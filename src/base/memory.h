/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - how much memory is left to this process
 *
 * For caches, which are to shrink before anything fails for want of memory. Knows the
 * machine, and the limits of the control groups (version 2) that the process is in.
 */
#ifndef EVIDENCEFS_BASE_MEMORY_H
#define EVIDENCEFS_BASE_MEMORY_H

#include <stdint.h>

struct memory {
	uint64_t total; /* bytes */
	uint64_t
		available; /* bytes that programs can have without swapping, as the kernel thinks */
};

/** memory_parse() - the text of /proc/meminfo. Return: 0; -EBADMSG. */
int memory_parse(const char *text, struct memory *m);
/**
 * memory_group() - what a control group and those above it leave
 * @root: where control groups are mounted, @group: the group's path in it, "/a/b"
 * @m: the machine's; from then on the least of all limits, and of it the part that is left of
 * whichever has the smallest part left
 */
void memory_group(const char *root, const char *group, struct memory *m);
/** memory_now() - Return: 0; -errno: it cannot be told. */
int memory_now(struct memory *m);
/**
 * memory_share() - what part of a cache may be used
 * @unit: bytes in which the others count; @all: its size, @now: what is used of it at present
 * Return: an eighth when less than a sixteenth of the memory is left, all when more than an
 * eighth is; @now in between. Never more than a quarter of the memory that there is at all.
 */
uint32_t memory_share(const struct memory *m, uint64_t unit, uint32_t all, uint32_t now);

#endif
