/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.h - a disk whose power can be cut, and whose calls can fail, for tests
 *
 * What this process does to the files below one directory is noted, in place of libc's
 * functions. From that, what may be on the disk after a power cut at any moment is made
 * again as files: what was synced is there; each write that was not is there, not there, or
 * there in some of its 512-byte sectors; a size may have grown over what was never written,
 * which reads as zeros; an entry of a directory that was not synced may be missing. What a
 * failed sync was about is never safe by a later one, unless it was written again.
 * A store into what is mapped of a file is no call: who stores says so.
 *
 * Linked into a test, it needs nothing of the program. One disk is watched at a time.
 */
#ifndef EVIDENCEFS_TESTS_DISK_H
#define EVIDENCEFS_TESTS_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk;

/* What becomes of what was not synced. */
enum disk_loss {
	DISK_KEEPS,   /* all of it is there */
	DISK_DROPS,   /* nothing of it is */
	DISK_ORDERED, /* what came first is, up to some moment */
	DISK_FILES,   /* that, in each file by itself; entries as it comes */
	DISK_TORN,    /* any sector, any size, any entry */
	DISK_LOSSES
};

/** disk_watch() - note what is done below @top; what is there now is safe. Ends with the test
 * where it cannot. */
struct disk *disk_watch(const char *top);
/** disk_stop() - note no more. */
void disk_stop(struct disk *d);
void disk_free(struct disk *d);
/** disk_moment() - how many operations were noted. */
size_t disk_moment(struct disk *d);
/** disk_time() - CLOCK_MONOTONIC when the operation behind @moment was done, in ns: a cut at that
 * moment comes before it. */
int64_t disk_time(const struct disk *d, size_t moment);
/** disk_cut() - what is there after a cut when @moment operations were done, into the empty
 * directory @to. The same for the same @seed. */
void disk_cut(
	const struct disk *d, size_t moment, enum disk_loss loss, uint64_t seed, const char *to);

/** disk_store_begin(), disk_store_end() - around a store of [n] to @to, within what is mapped of a
 * file. Nothing else is done to the disk in between. @last: how many of its first bytes are stored
 * behind the others. Return: whether it is to fail. */
bool disk_store_begin(const void *to);
void disk_store_end(const void *to, size_t n, size_t last);

/* A call that fails (an open with EMFILE): of those that open, make, map, change, remove or sync
 * what is below @top. */
struct disk_fault {
	unsigned long nth; /* the first one, from 1 */
	int code;          /* errno */
	bool lasting; /* all of the same kind after it too, until disk_faults() is told otherwise */
	bool shortly; /* a write writes half of its bytes instead */
	bool memory;  /* of disk_no_memory(), not of calls */
};

/** disk_faults() - from now on; calls are counted from 1 again. NULL: none fails. */
void disk_faults(struct disk *d, const struct disk_fault *f);
/** disk_calls() - since disk_faults(). */
unsigned long disk_calls(struct disk *d);
/** disk_no_memory() - whether an allocation is to fail now; asked before each. */
bool disk_no_memory(void);
/** disk_apart() - what this thread does from now on is the test's own, and never fails. */
void disk_apart(bool on);
/** disk_random() - the next of a row of numbers that @state begins. */
uint64_t disk_random(uint64_t *state);

#endif
