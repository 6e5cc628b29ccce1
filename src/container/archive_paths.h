/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive_paths.h - paths in an archive as members that stand one in the other
 *
 * Archives name members by path, in any order, with or without entries for the
 * folders on the way. Folders are told once, made up where the archive has no
 * entry for them. Climbing, absolute and endless paths stay within.
 */
#ifndef EVIDENCEFS_CONTAINER_ARCHIVE_PATHS_H
#define EVIDENCEFS_CONTAINER_ARCHIVE_PATHS_H

#include "container/container.h"

/* What a later hard link to a member needs. */
struct archive_place {
	uint32_t number; /* of the member; 0: the container itself */
	uint64_t size;
	uint8_t locator[CONTAINER_LOCATOR_MAX];
	size_t locator_len;
	bool folder;
	bool readable;
};

struct archive_paths;

/** archive_paths_new() - NULL: no memory. */
struct archive_paths *archive_paths_new(void);
void archive_paths_free(struct archive_paths *p);

/**
 * archive_paths_tell() - tell one member that stands at @path
 * @m: all but parent and name, which are set
 * Return: 0; what @v returned; -ENOMEM.
 */
int archive_paths_tell(struct archive_paths *p, const char *path, struct member *m,
	const struct container_visit *v);

/** archive_paths_find() - what stands at a path that was told; NULL: nothing. */
const struct archive_place *archive_paths_find(const struct archive_paths *p, const char *path);

#endif
