/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - how much memory the machine has left
 *
 * For caches, which are to shrink before anything fails for want of memory. Knows the
 * machine only, not the limits of a control group.
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
/** memory_now() - Return: 0; -errno: it cannot be told. */
int memory_now(struct memory *m);
/**
 * memory_share() - what part of a cache may be used
 * @all: its size, @now: what is used of it at present; in any unit
 * Return: an eighth when less than a sixteenth of the memory is left, all when more than an
 * eighth is; @now in between.
 */
uint32_t memory_share(const struct memory *m, uint32_t all, uint32_t now);

#endif
